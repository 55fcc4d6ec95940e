"""A script that scores now and then: run to the goal and shoot, with short passes at random on the way.

    has the ball            near the goal: shoots.  Otherwise, with probability ``passes``, a short pass; else runs to the goal
    a team mate has it      runs beside, towards the goal, in its own lane
    nobody of the team      the nearest of the agents runs to the ball, the others as before

What runs sprints: every ``RHYTHM``-th action says so, and gfootball keeps it.  One uniform number per agent and step decides
passes; nothing else is drawn.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alberdice.environments.contract import EnvironmentSpec, Frame
from alberdice.environments.football import features as of
from alberdice.environments.football.scenarios import SCENARIOS
from alberdice.environments.play import MakePlayer
from alberdice.errors import InvalidArgumentError

__all__ = ["LONG_PASS", "RHYTHM", "SHORT_PASS", "SHOT", "SPRINT", "Runners", "checked_football", "direction", "runner"]

LONG_PASS, SHORT_PASS, SHOT, SPRINT = 9, 11, 12, 13
#: numbers of the eight directions, from 'right' clockwise as the pitch is drawn: y grows downwards
_DIRECTIONS = np.array([5, 6, 7, 8, 1, 2, 3, 4])
_GOAL = np.array([1.0, 0.0])
#: units of the pitch, which is 2 long: from here one shoots; how far ahead of oneself one runs in one's lane
_RANGE, _AHEAD = 0.28, 0.3
RHYTHM = 8
"""Steps from one order to sprint to the next."""


class Runners:
    """A policy for all agents of B matches; see the module.

    Args:
        passes: the probability of a short pass per step with the ball, in [0, 1].

    Raises:
        InvalidArgumentError: a number that is no probability.
    """

    def __init__(self, passes: float = 0.0) -> None:
        if isinstance(passes, bool) or not isinstance(passes, int | float) or not 0 <= passes <= 1:
            raise InvalidArgumentError("passes", got=repr(passes), expected="a probability")
        self.passes, self._moment = float(passes), 0

    def act(self, frame: Frame, uniforms: NDArray[np.float64]) -> NDArray[np.int64]:
        """(B, N) actions from what is seen and (B, N) uniform numbers."""
        seen = frame.observations
        me = seen[..., of.SELF].argmax(axis=-1)
        own = seen[..., of.OWN].reshape(*seen.shape[:2], 11, 2)
        place = np.take_along_axis(own, me[..., None, None], axis=2)[:, :, 0]
        ball = seen[..., of.BALL][..., :2]
        ours = seen[..., of.OWNER.start + 1] > 0
        owner = frame.state[:, of.STATE_OWNER].argmax(axis=-1)
        mine = ours & (owner[:, None] == me)
        near = np.linalg.norm(_GOAL - place, axis=-1) < _RANGE
        gap = np.linalg.norm(ball - place, axis=-1)
        chases = ~ours & (gap == gap.min(axis=1, keepdims=True))
        lane = np.stack([place[..., 0] + _AHEAD, place[..., 1]], axis=-1)
        target = np.where(mine[..., None], _GOAL, np.where(chases[..., None], ball, np.minimum(lane, 1.0)))
        actions = direction(target - place)
        if self._moment % RHYTHM == 1:
            actions = np.full_like(actions, SPRINT)
        self._moment += 1
        actions = np.where(mine & (uniforms < self.passes), SHORT_PASS, actions)
        chosen: NDArray[np.int64] = np.where(mine & near, SHOT, actions)
        return chosen


def direction(way: NDArray[np.floating]) -> NDArray[np.int64]:
    """The number of the action whose direction is nearest to (..., 2) ways."""
    eighth = np.round(np.arctan2(way[..., 1], way[..., 0]) / (np.pi / 4)).astype(np.int64) % 8
    found: NDArray[np.int64] = _DIRECTIONS[eighth]
    return found


def runner(spec: EnvironmentSpec, *, passes: float = 0.0) -> MakePlayer:
    """The script ``football-runner(passes=0.1)``.

    Raises:
        InvalidArgumentError: an environment that is no football scenario, or a number that is no probability.
    """
    checked_football(spec, "football-runner")
    Runners(passes)
    return lambda numbers: Runners(passes)


def checked_football(spec: EnvironmentSpec, script: str) -> None:
    """Refuse what is no football scenario.

    Raises:
        InvalidArgumentError: it is none.
    """
    name = spec.name.removeprefix("football-")
    if not spec.name.startswith("football-") or name not in SCENARIOS:
        expected = f"one of football-{', football-'.join(SCENARIOS)}"
        raise InvalidArgumentError(f"policy {script}, environment", got=spec.name, expected=expected)
