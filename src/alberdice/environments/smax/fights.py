"""SMAX fights behind the contract, many at a time.

N units against E that SMAX's heuristic plays (:mod:`~alberdice.environments.smax.maps`).  Rewards are SMAX's: the enemies' loss
of health in a step, as a share of each one's full health, averaged over the enemies; and 1 for the victory.  A fight is

    terminated   once a side is wiped out
    truncated    after ``episode_limit`` steps with both sides alive, 100 by default as in SMAX

and reports 'battle_won': 1 if the enemies are wiped out and an ally lives, else 0.  A dead unit sees zeros and has its no-op.

SMAX is not SMAC: no shields, no terrain (corridor has no choke point), whoever touches the border dies, 100 steps on every map.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alberdice._checks import whole_number
from alberdice.environments.contract import BatchedEnvironment, EnvironmentSpec, Frame, Step
from alberdice.environments.smax.maps import FIRST_ATTACK, MAPS, BattleMap
from alberdice.environments.smax.program import WIDTH, Program, Seen, program_of
from alberdice.errors import InvalidArgumentError
from alberdice.names import nearest

__all__ = ["EPISODE_LIMIT", "METRIC", "Fights", "fights"]

EPISODE_LIMIT = 100
METRIC = "battle_won"
#: SMAX's number of our actions 0 to 5; its attacks begin one lower
_THEIRS = np.array([4, 4, 0, 2, 1, 3], np.int32)
_THEIR_STOP, _THEIR_ATTACKS = 4, 5


class Fights(BatchedEnvironment):
    """B fights behind the environments' contract.

    Args:
        battle: the map.
        episode_limit: steps after which a fight is truncated.

    Metrics: 'battle_won', at the end of a fight.

    Raises:
        InvalidArgumentError: a limit outside its range; in :meth:`step`, actions of another shape, an action that is not
            available to a living agent of a fight that goes on, or a step before a reset.
        ResourceError: JaxMARL is not installed; told at the first reset.
    """

    def __init__(self, battle: BattleMap, *, episode_limit: int = EPISODE_LIMIT) -> None:
        self.battle = battle
        self.limit = whole_number(episode_limit, "episode_limit", low=1)
        self.spec = EnvironmentSpec(
            name=f"smax-{battle.name}",
            agents=tuple(f"ally_{i}" for i in range(battle.n_allies)),
            n_actions=(battle.n_actions,) * battle.n_allies,
            observation_size=battle.observation_size,
            state_size=battle.state_size,
            horizon=self.limit,
            team_reward="mean",
            metrics=(METRIC,),
            vectorised=True,
        )
        self._program: Program | None = None
        self._leaves: list[NDArray[np.generic]] = []
        self._allocate(0)

    def _allocate(self, slots: int) -> None:
        """Room for so many fights, in whole groups of WIDTH."""
        self._slots, room = slots, -(-slots // WIDTH) * WIDTH
        battle = self.battle
        self._seeds, self._time = np.zeros(room, np.uint32), np.zeros(room, np.uint32)
        self._going = np.zeros(room, np.bool_)
        self._observations = np.zeros((room, battle.n_allies, battle.observation_size), np.float32)
        self._state = np.zeros((room, battle.state_size), np.float32)
        self._masks = np.zeros((room, battle.n_allies, battle.n_actions), np.bool_)
        self._alive = np.zeros((room, battle.n_units), np.bool_)
        self._leaves = []

    # ---- episodes ------------------------------------------------------------------------------------------------------

    def reset(self, seeds: NDArray[np.int64], slots: NDArray[np.int64] | None = None) -> Frame:
        """Begin fights; see the contract."""
        if self._program is None:
            self._program = program_of(self.battle)
        seeds = np.asarray(seeds, np.int64)
        everything = slots is None
        if slots is None:
            self._allocate(len(seeds))
            slots = np.arange(len(seeds))
        slots = np.asarray(slots, np.int64)
        self._seeds[slots], self._time[slots], self._going[slots] = seeds, 0, True
        for group in np.unique(slots // WIDTH).tolist():
            here = slice(group * WIDTH, (group + 1) * WIDTH)
            leaves, seen = self._program.begin(self._seeds[here])
            if not self._leaves:
                self._leaves = [np.zeros((len(self._seeds), *leaf.shape[1:]), leaf.dtype) for leaf in leaves]
            lanes = np.arange(WIDTH) if everything else slots[slots // WIDTH == group] % WIDTH
            self._write(group, lanes, leaves, seen)
        return self._frame()

    def step(self, actions: NDArray[np.int64]) -> Step:
        """Play one joint action in every fight that goes on; see the contract."""
        theirs = self._checked(actions)
        going = self._going.copy()
        rewards = np.zeros(len(going))
        assert self._program is not None
        for group in np.flatnonzero(going.reshape(-1, WIDTH).any(axis=1)).tolist():
            here = slice(group * WIDTH, (group + 1) * WIDTH)
            before = [leaf[here] for leaf in self._leaves]
            leaves, seen, paid = self._program.advance(self._seeds[here], self._time[here], before, theirs[here])
            rewards[here] = np.where(going[here], paid, 0.0)
            self._write(group, np.flatnonzero(going[here]), leaves, seen)
        self._time += going
        allies, enemies = self._sides()
        self._going &= allies & enemies & (self._time < self.limit)
        b = self._slots
        terminated = ~(allies & enemies)[:b]
        truncated = ~terminated & (self._time >= self.limit)[:b]
        told = np.where((going & ~self._going)[:b], (allies & ~enemies)[:b], np.nan)
        return Step(self._frame(), rewards[:b], terminated, truncated, {METRIC: told})

    def close(self) -> None:
        """Nothing is held."""

    def _sides(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Whether an ally lives, and whether an enemy does."""
        n = self.battle.n_allies
        return np.any(self._alive[:, :n], axis=1), np.any(self._alive[:, n:], axis=1)

    def _write(self, group: int, lanes: NDArray[np.int64], leaves: list[NDArray[np.generic]], seen: Seen) -> None:
        """Take over what was computed of some lanes of a group."""
        places = group * WIDTH + lanes
        for kept, leaf in zip(self._leaves, leaves, strict=True):
            kept[places] = leaf[lanes]
        self._observations[places] = seen.observations[lanes]
        self._state[places] = seen.state[lanes]
        self._alive[places] = seen.alive[lanes]
        theirs = seen.masks[lanes].astype(np.bool_)
        living = seen.alive[lanes, : self.battle.n_allies, None]
        moves = theirs[..., _THEIRS[1:]]
        self._masks[places] = np.concatenate([~living, moves & living, theirs[..., _THEIR_ATTACKS:] & living], axis=-1)

    def _checked(self, actions: NDArray[np.int64]) -> NDArray[np.int32]:
        """(room, N) SMAX's actions; of dead agents and of fights that are over, its stop."""
        given = np.asarray(actions)
        wanted = (self._slots, self.battle.n_allies)
        if not self._leaves:
            raise InvalidArgumentError(f"environment {self.spec.name!r}", got="a step before a reset", expected="a reset")
        if given.shape != wanted or given.dtype.kind not in "iu":
            raise InvalidArgumentError("actions", got=f"{given.dtype} {given.shape}", expected=f"integers {wanted}")
        acting = self._going[: self._slots, None] & self._alive[: self._slots, : self.battle.n_allies]
        chosen = np.where(acting, given, 1)
        known = (chosen >= 0) & (chosen < self.battle.n_actions)
        open_ = known & np.take_along_axis(self._masks[: self._slots], np.where(known, chosen, 0)[..., None], axis=-1)[..., 0]
        wrong = np.argwhere(acting & ~open_)
        if len(wrong):
            slot, agent = wrong[0].tolist()
            available = np.flatnonzero(self._masks[slot, agent]).tolist()
            where = f"actions[{slot}, {agent}]"
            raise InvalidArgumentError(where, got=given[slot, agent], expected=f"one of the available ones, {available}")
        theirs = np.full((len(self._seeds), wanted[1]), _THEIR_STOP, np.int32)
        theirs[: self._slots] = np.where(chosen < FIRST_ATTACK, _THEIRS[np.minimum(chosen, FIRST_ATTACK - 1)], chosen - 1)
        return theirs

    def _frame(self) -> Frame:
        b, n = self._slots, self.battle.n_allies
        alive = self._alive[:b, :n] & self._going[:b, None]
        return Frame(self._observations[:b].copy(), self._masks[:b].copy(), self._state[:b].copy(), alive)


def fights(name: str, *, episode_limit: int = EPISODE_LIMIT) -> Fights:
    """``smax-{name}``.

    Raises:
        InvalidArgumentError: no such map, or a limit out of range.
    """
    if name not in MAPS:
        raise InvalidArgumentError("map", got=repr(name), expected=f"one of {', '.join(MAPS)}", remedy=nearest(name, MAPS))
    return Fights(MAPS[name], episode_limit=episode_limit)
