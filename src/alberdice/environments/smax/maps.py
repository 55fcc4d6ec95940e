"""Who fights whom on SMAX's maps, what units are, and how the numbers of actions and features are laid out.

actions       0 no-op, of the dead alone; 1 stop; 2 north, 3 south, 4 east, 5 west; 6 + j attack enemy j: the numbering of SMAC
observation   13 numbers of every other unit, allies first: health, relative position (2), last move (2), last target,
              cooldown, type one-hot (6), zeros where it is out of sight or dead; then 10 of the agent's own: health,
              position (2), cooldown, type (6)
state         10 numbers of every unit, allies first: health in [0, 1], x, y in 0 .. 32, weapon's cooldown in seconds, type
              one-hot (6); zeros for the dead; then every unit's team, and every unit's type

The state is not quite Markov: it holds neither the time nor what the enemies' heuristic remembers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["FIRST_ATTACK", "MAPS", "MOVES", "NOOP", "SIDE", "STOP", "UNITS", "BattleMap", "Unit", "Units", "read_units"]

NOOP, STOP, FIRST_ATTACK = 0, 1, 6
#: per action 2 to 5, the direction (x, y)
MOVES = np.array([[0.0, 1.0], [0.0, -1.0], [1.0, 0.0], [-1.0, 0.0]])
#: the map's width and height; who touches the border dies
SIDE = 32.0
#: numbers of a unit in the state, in an observation of another unit, and in one of itself
STATE_FEATURES, SEEN_FEATURES, OWN_FEATURES = 10, 13, 10


@dataclass(frozen=True)
class Unit:
    """A type of unit: ``health``, ``attack`` (health a hit), ``reach``, ``sight``, ``radius`` (lengths), ``cooldown`` (s)."""

    name: str
    letter: str
    health: float
    attack: float
    reach: float
    sight: float
    cooldown: float
    radius: float


#: in SMAX's order of types
UNITS = (
    Unit("marine", "m", 45.0, 9.0, 5.0, 9.0, 0.61, 0.375),
    Unit("marauder", "M", 125.0, 10.0, 6.0, 10.0, 1.07, 0.5625),
    Unit("stalker", "s", 160.0, 13.0, 6.0, 10.0, 1.87, 0.625),
    Unit("zealot", "Z", 150.0, 8.0, 2.0, 9.0, 0.86, 0.5),
    Unit("zergling", "z", 35.0, 5.0, 2.0, 8.0, 0.5, 0.375),
    Unit("hydralisk", "h", 80.0, 12.0, 5.0, 9.0, 0.59, 0.625),
)
MARINE, _, STALKER, ZEALOT, ZERGLING, HYDRALISK = range(len(UNITS))


@dataclass(frozen=True)
class BattleMap:
    """A map: its name and the types of both sides' units.

    Attributes:
        name: as in SMAC.
        allies: (N,) types of the agents' units.
        enemies: (E,) types of the units that SMAX's heuristic plays.
    """

    name: str
    allies: tuple[int, ...]
    enemies: tuple[int, ...]

    @property
    def n_allies(self) -> int:
        """N."""
        return len(self.allies)

    @property
    def n_enemies(self) -> int:
        """E."""
        return len(self.enemies)

    @property
    def n_units(self) -> int:
        """N + E."""
        return self.n_allies + self.n_enemies

    @property
    def n_actions(self) -> int:
        """6 + E."""
        return FIRST_ATTACK + self.n_enemies

    @property
    def observation_size(self) -> int:
        """O."""
        return SEEN_FEATURES * (self.n_units - 1) + OWN_FEATURES

    @property
    def state_size(self) -> int:
        """S."""
        return (STATE_FEATURES + 2) * self.n_units


def _army(*groups: tuple[int, int]) -> tuple[int, ...]:
    return tuple(kind for count, kind in groups for _ in range(count))


_THREE_FIVE = _army((3, STALKER), (5, ZEALOT))
#: the paper's six maps, and a small one to try things on
MAPS: dict[str, BattleMap] = {
    each.name: each
    for each in (
        BattleMap("3s5z", _THREE_FIVE, _THREE_FIVE),
        BattleMap("5m_vs_6m", _army((5, MARINE)), _army((6, MARINE))),
        BattleMap("corridor", _army((6, ZEALOT)), _army((24, ZERGLING))),
        BattleMap("6h_vs_8z", _army((6, HYDRALISK)), _army((8, ZEALOT))),
        BattleMap("8m_vs_9m", _army((8, MARINE)), _army((9, MARINE))),
        BattleMap("3s5z_vs_3s6z", _THREE_FIVE, _army((3, STALKER), (6, ZEALOT))),
        BattleMap("3m", _army((3, MARINE)), _army((3, MARINE))),
    )
}


@dataclass(frozen=True)
class Units:
    """What a state says of all units, (..., N + E); allies first.

    Attributes:
        health: share of the full health, 0 for the dead.
        places: (..., N + E, 2) x and y.
        cooldown: seconds until the weapon is ready.
        types: places in :data:`UNITS`.
        alive: whether.
    """

    health: NDArray[np.float64]
    places: NDArray[np.float64]
    cooldown: NDArray[np.float64]
    types: NDArray[np.int64]
    alive: NDArray[np.bool_]


def read_units(battle: BattleMap, state: NDArray[np.floating]) -> Units:
    """The units in (..., S) states."""
    count = battle.n_units
    own = np.asarray(state, np.float64)[..., : STATE_FEATURES * count].reshape(*state.shape[:-1], count, STATE_FEATURES)
    types = np.broadcast_to(np.array(battle.allies + battle.enemies), own.shape[:-1])
    return Units(own[..., 0], own[..., 1:3], own[..., 3], types, own[..., 0] > 0)
