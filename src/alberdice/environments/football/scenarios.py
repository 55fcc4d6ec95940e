"""The four scenarios of Google Research Football that the paper plays; copies in which the agents alone are controlled.

    name      level of gfootball                           N    roster of those who are controlled
    rps       academy_run_pass_and_shoot_with_keeper       2    1, 2
    3v1       academy_3_vs_1_with_keeper                   3    1 to 3
    ca-hard   academy_counterattack_hard                   4    7 to 10
    corner    academy_corner                              10    1 to 10

gfootball hands its N controllers to the nearest players, the keeper among them, and changes them within an episode.  Where
nobody but N players can be controlled, the N are the same ones from the first step to the last.  Number 0 of a roster is the
keeper; in ca-hard the agents are the four in front, and gfootball's own players are the seven others.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from alberdice.errors import InvalidArgumentError
from alberdice.names import nearest

__all__ = ["SCENARIOS", "STEPS", "Scenario", "copy_for_agents", "scenario_of"]

STEPS = 401
"""Steps after which gfootball's clock ends an episode: it counts 400 from the second step on."""
_MODULES = "gfootball.scenarios."


@dataclass(frozen=True)
class Scenario:
    """One of the table.

    Attributes:
        name: ours.
        level: gfootball's.
        controlled: places in the roster of those who are controlled, in the order of the agents.
        own, others: players of the two teams, keepers among them.
    """

    name: str
    level: str
    controlled: tuple[int, ...]
    own: int
    others: int

    @property
    def n_agents(self) -> int:
        """N."""
        return len(self.controlled)

    @property
    def agents(self) -> tuple[str, ...]:
        """Their names, by their places in the roster."""
        return tuple(f"player_{place}" for place in self.controlled)


SCENARIOS: dict[str, Scenario] = {
    each.name: each
    for each in (
        Scenario("rps", "academy_run_pass_and_shoot_with_keeper", (1, 2), 3, 2),
        Scenario("3v1", "academy_3_vs_1_with_keeper", (1, 2, 3), 4, 2),
        Scenario("ca-hard", "academy_counterattack_hard", (7, 8, 9, 10), 11, 11),
        Scenario("corner", "academy_corner", tuple(range(1, 11)), 11, 11),
    )
}
"""All by name."""


def scenario_of(name: str) -> Scenario:
    """The scenario of that name.

    Raises:
        InvalidArgumentError: there is none.
    """
    if name not in SCENARIOS:
        expected = f"one of {', '.join(SCENARIOS)}"
        raise InvalidArgumentError("football scenario", got=repr(name), expected=expected, remedy=nearest(name, SCENARIOS))
    return SCENARIOS[name]


class _Only:
    """What builds a scenario, but for players of the left team who are no agents: they cannot be controlled."""

    def __init__(self, builder: Any, left: Any, controlled: tuple[int, ...]) -> None:
        self._builder, self._left, self._controlled = builder, left, controlled
        self._team, self._place = left, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._builder, name)

    def SetTeam(self, team: Any) -> None:
        self._team, self._place = team, 0
        self._builder.SetTeam(team)

    def AddPlayer(self, x: float, y: float, role: Any, lazy: bool = False, controllable: bool = True) -> None:
        agent = self._team != self._left or self._place in self._controlled
        self._place += 1
        self._builder.AddPlayer(x, y, role, lazy, controllable and agent)


def copy_for_agents(original: ModuleType, scenarios: ModuleType, controlled: tuple[int, ...]) -> str:
    """Put a copy of a level beside gfootball's own, in memory.

    Args:
        original: the level's module.
        scenarios: ``gfootball.scenarios``.
        controlled: places in the left team's roster of those who can be controlled.

    Returns:
        The copy's level, by which gfootball imports it.
    """
    level = f"alberdice_{original.__name__.removeprefix(_MODULES)}"
    build: Callable[[Any], None] = original.build_scenario
    copy = ModuleType(_MODULES + level, f"{original.__name__}, in which the agents alone are controlled")
    copy.build_scenario = lambda builder: build(_Only(builder, scenarios.Team.e_Left, controlled))  # type: ignore[attr-defined]
    sys.modules[copy.__name__] = copy
    return level
