"""Scripted fighters: units that shoot at what they are told to, and step back from melee units while their weapon is not ready.

    target     whom a unit in range shoots at: 'weakest' (least health left), 'low' or 'high' (the lowest or highest number),
               'nearest'.  The first three are focus fire: what earlier units of the team will have dealt counts already, and
               who is dead by it is left alone.  'low' and 'high' are two conventions: teams of both split their fire
    kite       a unit of long reach whose weapon is not ready walks away from a near melee unit

Whoever has nobody in range walks towards the nearest enemy.  Fighters see the global state, and draw nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from alberdice.environments.contract import EnvironmentSpec, Frame
from alberdice.environments.smax.maps import FIRST_ATTACK, MAPS, MOVES, NOOP, SIDE, UNITS, BattleMap, Units, read_units
from alberdice.errors import InvalidArgumentError

__all__ = ["TARGETS", "Fighters", "fighter"]

TARGETS = ("weakest", "low", "high", "nearest")
#: lengths: targets this near the end of the reach may walk out of it; a step; how near the border one goes; a near enemy
_MARGIN, _STEP, _BORDER, _NEAR = 0.05, 1.6, 1.5, 4.0
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
        kite: see the module.

    Raises:
        InvalidArgumentError: another target.
    """

    def __init__(self, battle: BattleMap, target: str = "weakest", *, kite: bool = False) -> None:
        if target not in TARGETS:
            raise InvalidArgumentError("target", got=repr(target), expected=f"one of {', '.join(TARGETS)}")
        self.battle, self.target, self.kite = battle, target, bool(kite)
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
        rows, n = np.arange(len(far)), self.battle.n_allies
        within = mask[:, FIRST_ATTACK:] & (far < self._reach[i] - _MARGIN)
        aim = self._scores(within, far, left).argmin(axis=1)
        shoots, ready = within.any(axis=1), units.cooldown[:, i] < _SECONDS
        if self.target != "nearest":
            left[rows, aim] -= np.where(shoots & ready & units.alive[:, i], self._attack[i], 0.0)
        near = far.argmin(axis=1)
        way = towards[rows, near]
        walk = (way @ MOVES.T).argmax(axis=1) + 2
        action: NDArray[np.int64] = np.where(shoots, aim + FIRST_ATTACK, walk)
        if self.kite and self._reach[i] > _MELEE:
            after = units.places[:, i, None] + MOVES * _STEP
            inside = ((after > _BORDER) & (after < SIDE - _BORDER)).all(axis=-1)
            back = np.where(inside, -(way @ MOVES.T), -_NEVER).argmax(axis=1) + 2
            pressed = ~ready & (self._reach[n:][near] < _MELEE) & (far[rows, near] < _NEAR)
            action = np.where(pressed, back, action)
        return action

    def _scores(self, within: NDArray[np.bool_], far: Numbers, left: Numbers) -> Numbers:
        """(B, E): the lowest is shot at."""
        if self.target == "nearest":
            return np.where(within, far, _NEVER)
        order = np.arange(left.shape[1], dtype=np.float64)
        score = {"weakest": left + 0.01 * far, "low": order + 0 * far, "high": -order + 0 * far}[self.target]
        return np.where(within, np.where(left > _DEAD, score, 1e4 + far), _NEVER)


def fighter(spec: EnvironmentSpec, *, target: str = "weakest", kite: bool = False) -> Callable[[NDArray[np.int64]], Fighters]:
    """The script ``smax-fighter(target='weakest', kite=False)``.

    Raises:
        InvalidArgumentError: an environment that is no SMAX map, or another target.
    """
    name = spec.name.removeprefix("smax-")
    if not spec.name.startswith("smax-") or name not in MAPS:
        expected = f"one of smax-{', smax-'.join(MAPS)}"
        raise InvalidArgumentError("policy smax-fighter, environment", got=spec.name, expected=expected)
    fighters = Fighters(MAPS[name], target, kite=kite)
    return lambda numbers: fighters
