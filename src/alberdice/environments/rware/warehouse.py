"""Robotic warehouses (RWARE), many at a time: the rules of rware 2.0.0 as array operations.

N agents drive on a map (:mod:`~alberdice.environments.rware.layout`), lift shelves, bring those that are requested to a goal,
and find them a free slot again. A delivery pays the team 1 (one reward for all: the paper's problem), and another shelf is
requested in its place. A step is

    1. who moves      conflicts are settled (:mod:`~alberdice.environments.rware.motion`); a loaded agent cannot enter a cell
                      where a shelf stands
    2. all act        drive, turn, lift the shelf above, put one down (on a slot only)
    3. deliveries     first the left goal, then the right one: reward, and a new request among the shelves that are not
                      requested

An episode never terminates; it is truncated after 500 steps. The random numbers are drawn as rware draws them, from a generator
of each warehouse's own, so that the same seed and actions give the same episode bit for bit; tests hold it against rware.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alberdice._checks import whole_number
from alberdice.environments.contract import BatchedEnvironment, EnvironmentSpec, Frame, Step
from alberdice.environments.rware import views
from alberdice.environments.rware.layout import (
    CLOCKWISE,
    COUNTERCLOCKWISE,
    FORWARD,
    SIZES,
    TOGGLE,
    TURN_LEFT,
    TURN_RIGHT,
    Layout,
)
from alberdice.environments.rware.motion import who_moves
from alberdice.environments.rware.roads import moves_kept
from alberdice.environments.rware.traffic import TRAFFIC_METRICS, Traffic
from alberdice.errors import InvalidArgumentError

__all__ = ["EPISODE_LIMIT", "METRIC", "TEAMS", "Warehouses", "warehouse"]

EPISODE_LIMIT = 500
METRIC = "deliveries"
TEAMS = (2, 4, 6)
"""Numbers of agents that the paper uses."""
Indices = NDArray[np.int64]


class Warehouses(BatchedEnvironment):
    """B warehouses behind the environments' contract.

    Args:
        layout: the map.
        n_agents: N, at least 1.
        n_requests: shelves requested at any time, fewer than there are shelves.
        episode_limit: steps after which an episode is truncated.
        name: the environment's name.

    Metrics, at the end of an episode: 'deliveries'; on maps of three groups of columns, which have the traffic conventions,
    those of :mod:`~alberdice.environments.rware.traffic` too.

    Raises:
        InvalidArgumentError: a size outside its range; in :meth:`step`, actions of another shape or range, or before a reset.
    """

    def __init__(
        self, layout: Layout, n_agents: int, n_requests: int, *, episode_limit: int = EPISODE_LIMIT, name: str = "rware"
    ) -> None:
        self.layout = layout
        n = whole_number(n_agents, "n_agents", low=1, high=len(layout.inside))
        self.n_requests = whole_number(n_requests, "n_requests", low=1, high=len(layout.slots) - 1)
        self.limit = whole_number(episode_limit, "episode_limit", low=1)
        self.spec = EnvironmentSpec(
            name=name,
            agents=tuple(f"agent_{i + 1}" for i in range(n)),
            n_actions=(5,) * n,
            observation_size=views.OBSERVATION_SIZE,
            state_size=views.state_size(layout, n),
            horizon=self.limit,
            team_reward="mean",
            metrics=(METRIC, *(TRAFFIC_METRICS if layout.columns == 3 else ())),
            vectorised=True,
        )
        self._allocate(0)

    def _allocate(self, batch: int) -> None:
        n, cells = self.spec.n_agents, self.layout.n_cells
        self.cells = np.zeros((batch, n), np.int64)
        self.directions = np.zeros((batch, n), np.int64)
        self.carried = np.full((batch, n), -1, np.int64)  # the shelf, or -1
        self.requested = np.zeros((batch, len(self.layout.slots)), np.bool_)
        self.agent_at = np.full((batch, cells), -1, np.int64)
        self.shelf_at = np.full((batch, cells), -1, np.int64)
        self.deliveries = np.zeros(batch, np.float64)
        self.moves = np.zeros((batch, n, 2), np.int64)  # those that each convention allows
        self.time = np.zeros(batch, np.int64)
        self._begun = np.zeros(batch, np.bool_)
        self._generators: list[np.random.Generator | None] = [None] * batch
        self._rows = np.arange(batch)[:, None]

    # ---- episodes ------------------------------------------------------------------------------------------------------

    def reset(self, seeds: NDArray[np.int64], slots: NDArray[np.int64] | None = None) -> Frame:
        """Begin episodes; see the contract."""
        seeds = np.asarray(seeds, np.int64)
        if slots is None:
            self._allocate(len(seeds))
            slots = np.arange(len(seeds))
        for seed, slot in zip(seeds.tolist(), np.asarray(slots).tolist(), strict=True):
            self._begin(slot, np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed))))
        return self._frame()

    def _begin(self, slot: int, generator: np.random.Generator) -> None:
        layout, n = self.layout, self.spec.n_agents
        places = generator.choice(len(layout.inside), size=n, replace=False)
        self.directions[slot] = generator.choice(4, size=n)
        self.requested[slot] = False
        self.requested[slot, generator.choice(len(layout.slots), size=self.n_requests, replace=False)] = True
        self.cells[slot] = layout.inside[places]
        self.carried[slot] = -1
        self.agent_at[slot] = -1
        self.agent_at[slot, self.cells[slot]] = np.arange(n)
        self.shelf_at[slot] = -1
        self.shelf_at[slot, layout.slots] = np.arange(len(layout.slots))
        self.deliveries[slot], self.moves[slot], self.time[slot], self._begun[slot] = 0, 0, 0, True
        self._generators[slot] = generator

    def step(self, actions: NDArray[np.int64]) -> Step:
        """Play one joint action in every warehouse; see the contract."""
        actions = self._checked(actions)
        running = self.time < self.limit
        if not running.all():
            actions = np.where(running[:, None], actions, 0)
        before = self.cells
        self._act(actions)
        if self.layout.columns == 3:
            self.moves += moves_kept(self.layout, before, self.cells) * running[:, None, None]
        rewards = self._deliver(running)
        self.deliveries += rewards
        self.time += running
        ended = self.time >= self.limit
        return Step(self._frame(), rewards, np.zeros(len(rewards), np.bool_), ended, self._metrics(ended & running))

    def _metrics(self, now: NDArray[np.bool_]) -> dict[str, NDArray[np.float64]]:
        """What the episodes that end now report."""
        if not now.any():
            return {name: np.full(len(now), np.nan) for name in self.spec.metrics}
        found = {METRIC: self.deliveries}
        if self.layout.columns == 3:
            found |= Traffic(self.moves, self.deliveries).metrics()
        return {name: np.where(now, values, np.nan) for name, values in found.items()}

    def close(self) -> None:
        """Nothing is held."""

    def _checked(self, actions: NDArray[np.int64]) -> Indices:
        given = np.asarray(actions)
        if not len(self.time) or not self._begun.all():
            raise InvalidArgumentError(
                f"environment {self.spec.name!r}", got="a step before a reset", expected="every slot reset once"
            )
        if given.shape != self.cells.shape or given.dtype.kind not in "iu":
            raise InvalidArgumentError("actions", got=f"{given.dtype} {given.shape}", expected=f"integers {self.cells.shape}")
        if given.min() < 0 or given.max() > TOGGLE:
            raise InvalidArgumentError("actions", got=f"{given.min()} to {given.max()}", expected=f"0 to {TOGGLE}")
        return given.astype(np.int64, copy=False)

    # ---- the step ------------------------------------------------------------------------------------------------------

    def _act(self, actions: Indices) -> None:
        rows, layout, n = self._rows, self.layout, self.spec.n_agents
        drives = actions == FORWARD
        targets = self.cells + np.where(drives, layout.steps[self.directions], 0)
        targets = np.where(layout.is_inside[targets], targets, self.cells)
        at = self.agent_at[rows, targets]
        loaded = self.carried >= 0
        blocked = loaded & (targets != self.cells) & (self.shelf_at[rows, targets] >= 0)
        if blocked.any():  # a carried shelf makes room with its agent, a standing one does not
            blocked &= ~((at >= 0) & np.take_along_axis(loaded, np.maximum(at, 0), axis=1))
            targets = np.where(blocked, self.cells, targets)
            at = np.where(blocked, np.arange(n), at)
        allowed = who_moves(self.cells, targets, at, layout.stride)
        self._move(np.where(allowed, targets, self.cells), loaded)
        self.directions = np.where(actions == TURN_RIGHT, CLOCKWISE[self.directions], self.directions)
        self.directions = np.where(actions == TURN_LEFT, COUNTERCLOCKWISE[self.directions], self.directions)
        toggles = actions == TOGGLE
        if toggles.any():
            lifted = self.shelf_at[rows, self.cells]
            down = toggles & loaded & ~layout.highway[self.cells]
            self.carried = np.where(toggles & ~loaded, lifted, np.where(down, -1, self.carried))

    def _move(self, after: Indices, loaded: NDArray[np.bool_]) -> None:
        row, agent = np.nonzero(after != self.cells)
        if not len(row):
            return
        before, now, shelf = self.cells[row, agent], after[row, agent], self.carried[row, agent]
        with_shelf = loaded[row, agent]
        self.agent_at[row, before] = -1
        self.agent_at[row, now] = agent
        self.shelf_at[row[with_shelf], before[with_shelf]] = -1
        self.shelf_at[row[with_shelf], now[with_shelf]] = shelf[with_shelf]
        self.cells = after

    def _deliver(self, running: NDArray[np.bool_]) -> NDArray[np.float64]:
        rewards = np.zeros(len(running), np.float64)
        for goal in self.layout.goals:
            shelf = self.shelf_at[:, goal]
            there = np.flatnonzero((shelf >= 0) & running)
            for slot in there[self.requested[there, shelf[there]]].tolist():
                generator = self._generators[slot]
                assert generator is not None
                others = np.flatnonzero(~self.requested[slot])
                new = others[generator.integers(len(others))]
                self.requested[slot, shelf[slot]] = False
                self.requested[slot, new] = True
                rewards[slot] += 1
        return rewards

    # ---- what is seen ---------------------------------------------------------------------------------------------------

    def _frame(self) -> Frame:
        batch, n = self.cells.shape
        shelf = self.shelf_at
        there = shelf >= 0
        codes = there.astype(np.int8)
        codes += there & self.requested[self._rows, shelf]
        codes *= 5
        codes[self._rows, self.cells] += (1 + self.directions).astype(np.int8)
        observations = views.look(self.layout, codes, self.cells, self.directions, self.carried >= 0)
        alive = np.broadcast_to(((self.time < self.limit) & self._begun)[:, None], (batch, n)).copy()
        masks = np.ones((batch, n, 5), np.bool_)
        return Frame(observations, masks, views.state(self.layout, codes, observations), alive)


def warehouse(size: str, n_agents: int, *, episode_limit: int = EPISODE_LIMIT) -> Warehouses:
    """``rware-{size}-{n_agents}ag``, with two requests per agent (rware's "easy").

    Raises:
        InvalidArgumentError: no such size, or numbers out of range.
    """
    if size not in SIZES:
        raise InvalidArgumentError("size", got=repr(size), expected=f"one of {', '.join(SIZES)}")
    name = f"rware-{size}-{n_agents}ag"
    return Warehouses(Layout(*SIZES[size]), n_agents, 2 * n_agents, episode_limit=episode_limit, name=name)
