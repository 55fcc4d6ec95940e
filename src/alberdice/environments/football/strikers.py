"""Scripts that score in ways that one can tell apart, each a function of the state alone.

    way             what the team does
    alone           who has the ball runs to the goal, or along a lane, and shoots; the others run ahead, each in a lane
    with a pass     the passer runs so, gives the ball to the receiver, who waits at a spot of its own, and who then runs and
                    shoots; the passer itself never shoots, but a long pass to a spot before the goal may go in by itself

Nobody of the team has the ball: the nearest agent runs to it.  Distances are in metres.  What runs sprints: the order is given
once, and gfootball keeps it.  Nothing is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alberdice.environments.contract import EnvironmentSpec, Frame
from alberdice.environments.football import features as of
from alberdice.environments.football.runners import LONG_PASS, SHORT_PASS, SHOT, SPRINT, checked_football, direction
from alberdice.environments.play import MakePlayer
from alberdice.errors import InvalidArgumentError

__all__ = ["WAYS", "Strikers", "Way", "striker"]

_GOAL = np.array([of.METRES[0], 0.0])
#: metres: how far ahead one runs; how near is there; so near to the end lanes turn to the goal
_AHEAD, _THERE, _END = 12.0, 1.5, 8.0
_SPRINTING = 8


@dataclass(frozen=True)
class Way:
    """Who gives the ball to whom.

    Attributes:
        passer, receiver: places in the roster; -1: nobody.
        kick: the action that gives it.
        start: how far up the pitch it is given, in metres from the middle.
        lane: where across the pitch the passer runs; 0: to the goal.
        spot: where the receiver waits.
        near: metres from the middle of the goal from which the receiver, or who runs alone, shoots.
    """

    passer: int = -1
    receiver: int = -1
    kick: int = SHORT_PASS
    start: float = 0.0
    lane: float = 0.0
    spot: tuple[float, float] = (0.0, 0.0)
    near: float = 18.0


_SOLO = {"solo": Way()}
WAYS: dict[str, dict[str, Way]] = {
    "rps": {
        **_SOLO,
        "wing": Way(lane=-20.0, near=16.0),
        "long": Way(2, 1, LONG_PASS, 38.6, -15.1, (50.4, -0.6), 9.5),
    },
    "3v1": {
        "left": Way(lane=-14.6, near=18.6),
        "right": Way(lane=14.6, near=18.6),
        "long": Way(1, 2, LONG_PASS, 41.1, -12.3, (50.1, 8.5), 12.0),
    },
    "ca-hard": _SOLO,
    "corner": _SOLO,
}
"""Of scoring, by scenario; what is no default was found by search in other episodes than those that are reported."""


class Strikers:
    """A policy for all agents of B matches; see the module.

    Args:
        ways: B of them, of one scenario.
    """

    def __init__(self, ways: list[Way]) -> None:
        self.ways = ways
        self._passer, self._receiver, self._kick = (
            np.array([getattr(way, name) for way in ways])[:, None] for name in ("passer", "receiver", "kick")
        )
        self._start, self._near = (np.array([getattr(way, name) for way in ways])[:, None] for name in ("start", "near"))
        self._lane = np.array([(_GOAL[0], way.lane) for way in ways])[:, None]
        self._spot = np.array([way.spot for way in ways])[:, None]

    def act(self, frame: Frame, uniforms: NDArray[np.float64]) -> NDArray[np.int64]:
        """(B, N) actions from what is seen; the uniform numbers are not asked."""
        seen, rows = frame.observations, len(frame.observations)
        me = seen[..., of.SELF].argmax(axis=-1)
        own = np.asarray(seen[..., of.OWN], np.float64).reshape(*seen.shape[:2], of.TEAM, 2) * of.METRES
        place: NDArray[np.float64] = np.take_along_axis(own, me[..., None, None], axis=2)[:, :, 0]
        ball = seen[..., of.BALL][..., :2] * of.METRES
        ours = seen[..., of.OWNER.start + 1] > 0
        mine = ours & (frame.state[:, of.STATE_OWNER].argmax(axis=-1)[:, None] == me)
        doing = frame.state[:, of.DOING :].reshape(rows, -1, of.STICKY) > 0
        near = np.linalg.norm(_GOAL - place, axis=-1) < self._near
        gap = np.linalg.norm(ball - place, axis=-1)
        chases = ~ours & (gap == gap.min(axis=1, keepdims=True))
        aims = np.where(chases[..., None], ball, self._waits(me, place))
        way = np.where(mine[..., None], self._carries(place), aims) - place
        runs = mine | chases | (np.linalg.norm(way, axis=-1) > _THERE)
        actions = np.where(runs, direction(way), 0)
        actions = np.where(runs & ~doing[..., _SPRINTING], SPRINT, actions)
        gives = mine & (me == self._passer) & (place[..., 0] >= self._start)
        mate = np.take_along_axis(own, np.maximum(self._receiver, 0)[..., None, None], axis=2)[:, :, 0]
        turn = direction(mate - place)
        faces = np.take_along_axis(doing, turn[..., None] - 1, axis=2)[..., 0]
        actions = np.where(gives, np.where(faces, self._kick, turn), actions)
        chosen: NDArray[np.int64] = np.where(mine & near & (me != self._passer), SHOT, actions)
        return chosen

    def _waits(self, me: NDArray[np.int64], place: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where they run who have not the ball, (B, N, 2)."""
        ahead = np.stack([np.minimum(place[..., 0] + _AHEAD, _GOAL[0] - 3.0), place[..., 1]], axis=-1)
        return np.where((me == self._receiver)[..., None], self._spot, ahead)

    def _carries(self, place: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where who has it runs, (B, N, 2)."""
        return np.where(place[..., :1] > _GOAL[0] - _END, _GOAL, self._lane)


def striker(spec: EnvironmentSpec, *, way: str = "") -> MakePlayer:
    """The script ``football-striker(way='wing')``; '': the first of the scenario's ways.

    Raises:
        InvalidArgumentError: an environment that is no football scenario, or no such way in it.
    """
    checked_football(spec, "football-striker")
    known = WAYS[spec.name.removeprefix("football-")]
    way = way or next(iter(known))
    if way not in known:
        raise InvalidArgumentError(f"way, in {spec.name}", got=repr(way), expected=f"one of {', '.join(known)}")
    return lambda numbers: Strikers([known[way]] * len(numbers))
