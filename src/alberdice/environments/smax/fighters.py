"""Scripted fighters: units that shoot at what they are told to, and step back from melee units while their weapon is not ready.

    target     whom a unit in range shoots at: 'weakest' (least health left), 'low' or 'high' (the lowest or highest number),
               'nearest'.  The first three are focus fire: what earlier units of the team will have dealt counts already, and
               who is dead by it is left alone.  'low' and 'high' are two conventions: teams of both split their fire
    kite       a unit of long reach whose weapon is not ready walks away from a near melee unit
    spare      a unit of less than half its health whose weapon is not ready walks away from a near enemy, if others are better
    gather     until an enemy comes near, the team goes to its middle and waits there

Whoever has nobody in range walks towards the nearest enemy.  Fighters see the global state, and draw nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from alberdice.environments.contract import EnvironmentSpec, Frame
from alberdice.environments.smax.maps import FIRST_ATTACK, MAPS, MOVES, NOOP, SIDE, STOP, UNITS, BattleMap, Units, read_units
from alberdice.errors import InvalidArgumentError

__all__ = ["TARGETS", "Fighters", "fighter"]

TARGETS = ("weakest", "low", "high", "nearest")
#: lengths: targets this near the end of the reach may walk out of it; a step; how near the border one goes; a near enemy
_MARGIN, _STEP, _BORDER, _NEAR = 0.05, 1.6, 1.5, 4.0
#: beyond an enemy's reach, where it may be in the next step; below which health a unit is spared; by how much another's is more
_AHEAD, _HURT, _MORE = 1.5, 0.5, 0.2
#: a team waits while no enemy is within the one distance of any of it, as near to its middle as the other
_WAITS, _TOGETHER = 9.0, 0.8
#: seconds of a step of the environment, within which a weapon is ready or not
_SECONDS = 0.5
#: health below which rounding alone keeps a unit alive
_DEAD = 1e-3
_MELEE = 3.0
_NEVER = 1e9
Numbers = NDArray[np.float64]


class Fighters:
    """A policy for all units of B fights.

    Args:
        battle: the map.
        target: one of :data:`TARGETS`.
        kite, spare, gather: see the module.

    Raises:
        InvalidArgumentError: another target.
    """

    def __init__(
        self, battle: BattleMap, target: str = "weakest", *, kite: bool = False, spare: bool = False, gather: bool = False
    ) -> None:
        if target not in TARGETS:
            raise InvalidArgumentError("target", got=repr(target), expected=f"one of {', '.join(TARGETS)}")
        self.battle, self.target = battle, target
        self.kite, self.spare, self.gather = bool(kite), bool(spare), bool(gather)
        kinds = np.array(battle.allies + battle.enemies)
        self._reach, self._attack, self._full = (
            np.array([getattr(unit, name) for unit in UNITS])[kinds] for name in ("reach", "attack", "health")
        )

    def act(self, frame: Frame, uniforms: NDArray[np.float64]) -> NDArray[np.int64]:
        """(B, N) actions from the frame's state; see ``record.Player``."""
        n, units = self.battle.n_allies, read_units(self.battle, frame.state)
        towards = units.places[:, None, n:] - units.places[:, :n, None]
        far = np.where(units.alive[:, None, n:], np.linalg.norm(towards, axis=-1), _NEVER)
        left = units.health[:, n:] * self._full[n:]
        actions = np.zeros((len(far), n), np.int64)
        for i in range(n):
            actions[:, i] = self._choose(i, frame.masks[:, i], units, towards[:, i], far[:, i], left)
        actions[~units.alive[:, :n]] = NOOP
        return actions

    def _choose(
        self, i: int, mask: NDArray[np.bool_], units: Units, towards: Numbers, far: Numbers, left: Numbers
    ) -> NDArray[np.int64]:
        """(B,) what unit i does; what its shot will deal is taken from ``left``."""
        rows = np.arange(len(far))
        within = mask[:, FIRST_ATTACK:] & (far < self._reach[i] - _MARGIN)
        aim = self._scores(within, far, left).argmin(axis=1)
        shoots, ready = within.any(axis=1), units.cooldown[:, i] < _SECONDS
        if self.target != "nearest":
            left[rows, aim] -= np.where(shoots & ready & units.alive[:, i], self._attack[i], 0.0)
        near = far.argmin(axis=1)
        way = towards[rows, near]
        walk = (way @ MOVES.T).argmax(axis=1) + 2
        action: NDArray[np.int64] = np.where(shoots, aim + FIRST_ATTACK, walk)
        if self.gather:
            action = np.where(~shoots, self._waiting(i, units, walk), action)
        if self.kite or self.spare:
            after = units.places[:, i, None] + MOVES * _STEP
            inside = ((after > _BORDER) & (after < SIDE - _BORDER)).all(axis=-1)
            back = np.where(inside, -(way @ MOVES.T), -_NEVER).argmax(axis=1) + 2
            action = np.where(~ready & self._pressed(i, units, near, far[rows, near]), back, action)
        return action

    def _pressed(self, i: int, units: Units, near: NDArray[np.int64], away: Numbers) -> NDArray[np.bool_]:
        """(B,) whether unit i steps back from its nearest enemy, so far away."""
        n, reach = self.battle.n_allies, self._reach[self.battle.n_allies :][near]
        pressed = np.zeros(len(away), np.bool_)
        if self.kite and self._reach[i] > _MELEE:
            pressed |= (reach < _MELEE) & (away < _NEAR)
        if self.spare:
            own, most = units.health[:, i], units.health[:, :n].max(axis=1)
            pressed |= (own < _HURT) & (most > own + _MORE) & (away < reach + _AHEAD)
        return pressed

    def _waiting(self, i: int, units: Units, walk: NDArray[np.int64]) -> NDArray[np.int64]:
        """(B,) what unit i does who has nobody in range: to the middle, stop there, or walk as told once an enemy is near."""
        n = self.battle.n_allies
        apart = np.linalg.norm(units.places[:, None, n:] - units.places[:, :n, None], axis=-1)
        both = units.alive[:, None, n:] & units.alive[:, :n, None]
        alone = np.where(both, apart, _NEVER).min(axis=(1, 2)) > _WAITS
        living = units.alive[:, :n, None]
        middle = (units.places[:, :n] * living).sum(axis=1) / np.maximum(living.sum(axis=1), 1)
        off = middle - units.places[:, i]
        wait = np.where(np.linalg.norm(off, axis=1) > _TOGETHER, (off @ MOVES.T).argmax(axis=1) + 2, STOP)
        return np.where(alone, wait, walk)

    def _scores(self, within: NDArray[np.bool_], far: Numbers, left: Numbers) -> Numbers:
        """(B, E): the lowest is shot at."""
        if self.target == "nearest":
            return np.where(within, far, _NEVER)
        order = np.arange(left.shape[1], dtype=np.float64)
        score = {"weakest": left + 0.01 * far, "low": order + 0 * far, "high": -order + 0 * far}[self.target]
        return np.where(within, np.where(left > _DEAD, score, 1e4 + far), _NEVER)


def fighter(
    spec: EnvironmentSpec, *, target: str = "weakest", kite: bool = False, spare: bool = False, gather: bool = False
) -> Callable[[NDArray[np.int64]], Fighters]:
    """The script ``smax-fighter(target='weakest', kite=False, spare=False, gather=False)``.

    Raises:
        InvalidArgumentError: an environment that is no SMAX map, or another target.
    """
    name = spec.name.removeprefix("smax-")
    if not spec.name.startswith("smax-") or name not in MAPS:
        expected = f"one of smax-{', smax-'.join(MAPS)}"
        raise InvalidArgumentError("policy smax-fighter, environment", got=spec.name, expected=expected)
    fighters = Fighters(MAPS[name], target, kite=kite, spare=spare, gather=gather)
    return lambda numbers: fighters
