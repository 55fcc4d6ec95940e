"""The four scenarios of Google Research Football that the paper plays, and a copy of each whose keeper nobody controls.

    name      level of gfootball                           N    roster of those who are controlled
    rps       academy_run_pass_and_shoot_with_keeper       2    1, 2
    3v1       academy_3_vs_1_with_keeper                   3    1 to 3
    ca-hard   academy_counterattack_hard                   4    5 to 8
    corner    academy_corner                              10    1 to 10

gfootball hands its N controllers to the nearest players, the keeper among them, and changes them within an episode.  With a
keeper who is not controllable the N are the same ones from the first step to the last.  Number 0 of a roster is the keeper.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from alberdice.errors import InvalidArgumentError
from alberdice.names import nearest

__all__ = ["SCENARIOS", "STEPS", "Scenario", "copy_with_free_keeper", "scenario_of"]

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
        Scenario("ca-hard", "academy_counterattack_hard", (5, 6, 7, 8), 11, 11),
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


class _FreeKeeper:
    """What builds a scenario, but for keepers of the left team, who cannot be controlled."""

    def __init__(self, builder: Any, keeper: Any, left: Any) -> None:
        self._builder, self._keeper, self._left = builder, keeper, left
        self._team = left

    def __getattr__(self, name: str) -> Any:
        return getattr(self._builder, name)

    def SetTeam(self, team: Any) -> None:
        self._team = team
        self._builder.SetTeam(team)

    def AddPlayer(self, x: float, y: float, role: Any, lazy: bool = False, controllable: bool = True) -> None:
        free = self._team == self._left and role == self._keeper
        self._builder.AddPlayer(x, y, role, lazy, controllable and not free)


def copy_with_free_keeper(original: ModuleType, scenarios: ModuleType) -> str:
    """Put a copy of a level beside gfootball's own, in memory.

    Args:
        original: the level's module.
        scenarios: ``gfootball.scenarios``.

    Returns:
        The copy's level, by which gfootball imports it.
    """
    level = f"alberdice_{original.__name__.removeprefix(_MODULES)}"
    build: Callable[[Any], None] = original.build_scenario
    keeper, left = scenarios.e_PlayerRole_GK, scenarios.Team.e_Left
    copy = ModuleType(_MODULES + level, f"{original.__name__}, with a keeper whom nobody controls")
    copy.build_scenario = lambda builder: build(_FreeKeeper(builder, keeper, left))  # type: ignore[attr-defined]
    sys.modules[copy.__name__] = copy
    return level
