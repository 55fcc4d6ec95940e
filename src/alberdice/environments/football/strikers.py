"""Scripts that score in ways that one can tell apart, each a function of the state alone.

    way       who has the ball                                                         the others
    solo      runs to the goal and shoots                                              run ahead, each in a lane
    cross     runs on to the end of the pitch, gives it inside; near the goal: solo    wait before the goal

Nobody of the team has the ball: the nearest agent runs to it.  Distances are in metres.  What runs sprints: the order is given
once, and gfootball keeps it.  Nothing is drawn.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alberdice.environments.contract import EnvironmentSpec, Frame
from alberdice.environments.football import features as of
from alberdice.environments.football.runners import SHORT_PASS, SHOT, SPRINT, checked_football, direction
from alberdice.environments.play import MakePlayer
from alberdice.errors import InvalidArgumentError

__all__ = ["WAYS", "Strikers", "striker"]

WAYS = ("solo", "cross")
"""Of scoring."""
_GOAL = np.array([of.METRES[0], 0.0])
_SPOT = np.array([of.METRES[0] - 8.0, 0.0])
#: metres: from here one shoots; by so much nearer must be who is given the ball; how far ahead one runs; how near is there;
#: how near to the end of the pitch one crosses
_RANGE, _NEARER, _AHEAD, _THERE, _END = 14.0, 4.0, 12.0, 1.5, 9.0
_SPRINTING = 8


class Strikers:
    """A policy for all agents of B matches; see the module.

    Args:
        ways: (B,) places in :data:`WAYS`.
    """

    def __init__(self, ways: NDArray[np.int64]) -> None:
        self.ways = ways

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
        crosses = (self.ways == WAYS.index("cross"))[:, None]
        far, to_mate, nearer = _mates(place)
        gap = np.linalg.norm(ball - place, axis=-1)
        chases = ~ours & (gap == gap.min(axis=1, keepdims=True))
        near = far < _RANGE
        wide = crosses & ~near
        ahead = np.stack([np.minimum(place[..., 0] + _AHEAD, _GOAL[0] - 3.0), place[..., 1]], axis=-1)
        waits = np.where(crosses[..., None], _SPOT, ahead)
        carries = np.where(wide[..., None], ahead, _GOAL)
        way = np.where(mine[..., None], carries, np.where(chases[..., None], ball, waits)) - place
        runs = mine | chases | (np.linalg.norm(way, axis=-1) > _THERE)
        actions = np.where(runs, direction(way), 0)
        actions = np.where(runs & ~doing[..., _SPRINTING], SPRINT, actions)
        gives = mine & nearer & wide & (place[..., 0] > _GOAL[0] - _END)
        turn = direction(to_mate)
        faces = np.take_along_axis(doing, turn[..., None] - 1, axis=2)[..., 0]
        actions = np.where(gives, np.where(faces, SHORT_PASS, turn), actions)
        chosen: NDArray[np.int64] = np.where(mine & near, SHOT, actions)
        return chosen


def _mates(place: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """How far agents at (B, N, 2) are from the goal, the way to the nearest other one to it, and whether that one is nearer."""
    far = np.linalg.norm(_GOAL - place, axis=-1)
    n = place.shape[1]
    others = np.where(np.eye(n, dtype=bool), np.inf, far[:, None, :])
    mate = others.argmin(axis=2)
    to_mate = np.take_along_axis(place, mate[..., None], axis=1) - place
    return far, to_mate, others.min(axis=2) < far - _NEARER


def striker(spec: EnvironmentSpec, *, way: str = "solo") -> MakePlayer:
    """The script ``football-striker(way='cross')``.

    Raises:
        InvalidArgumentError: an environment that is no football scenario, or no such way.
    """
    checked_football(spec, "football-striker")
    if way not in WAYS:
        raise InvalidArgumentError("way", got=repr(way), expected=f"one of {', '.join(WAYS)}")
    return lambda numbers: Strikers(np.full(len(numbers), WAYS.index(way)))
