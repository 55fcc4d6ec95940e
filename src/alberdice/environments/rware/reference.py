"""rware's own warehouses behind the contract, one at a time: the reference that :class:`Warehouses` is held against.

Slow (thousands of steps a second), and of rware's objects alone: nothing here uses our own rules. Needs ``alberdice[rware]``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alberdice.environments.contract import BatchedEnvironment, EnvironmentSpec, Frame, Step
from alberdice.errors import InvalidArgumentError

__all__ = ["ReferenceWarehouses"]


class ReferenceWarehouses(BatchedEnvironment):
    """rware's warehouses with the reward type GLOBAL and no limit of its own.

    Args:
        rows: groups of shelves from top to bottom.
        columns: groups of shelves from left to right.
        column_height: shelves of a group's column.
        n_agents: N.
        n_requests: shelves requested at any time.
        episode_limit: steps after which an episode is truncated.

    Raises:
        InvalidArgumentError: rware is not installed.
    """

    def __init__(
        self, rows: int, columns: int, column_height: int, n_agents: int, n_requests: int, *, episode_limit: int = 500
    ) -> None:
        try:
            from rware.warehouse import RewardType, Warehouse
        except ImportError as problem:
            raise InvalidArgumentError(
                "package rware", got=str(problem), expected="an installed package", remedy="pip install 'alberdice[rware]'"
            ) from problem
        self._make: Callable[[], Any] = lambda: Warehouse(
            columns, column_height, rows, n_agents, 0, 1, n_requests, None, None, RewardType.GLOBAL
        )
        one = self._make()
        height, width = one.grid_size
        self._slots = [(x, y) for y in range(height) for x in range(width) if not one.highways[y, x]]
        self.limit = episode_limit
        self.spec = EnvironmentSpec(
            name="rware-reference",
            agents=tuple(f"agent_{i + 1}" for i in range(n_agents)),
            n_actions=(5,) * n_agents,
            observation_size=71,
            state_size=n_agents * (width + height + 69) + width * height + len(self._slots),
            horizon=episode_limit,
            team_reward="mean",
            metrics=("deliveries",),
        )
        self.warehouses: list[Any] = []

    def reset(self, seeds: NDArray[np.int64], slots: NDArray[np.int64] | None = None) -> Frame:
        """Begin episodes; see the contract."""
        if slots is None:
            self.warehouses = [self._make() for _ in seeds]
            self._seen: list[Any] = [None] * len(seeds)
            self._time, self._sum = np.zeros(len(seeds), np.int64), np.zeros(len(seeds))
            slots = np.arange(len(seeds))
        for seed, slot in zip(seeds.tolist(), slots.tolist(), strict=True):
            self._seen[slot], _ = self.warehouses[slot].reset(seed=seed)
            self._time[slot] = self._sum[slot] = 0
        return self._frame()

    def step(self, actions: NDArray[np.int64]) -> Step:
        """Play; see the contract."""
        running = self._time < self.limit
        rewards = np.zeros(len(running))
        for slot in np.flatnonzero(running).tolist():
            self._seen[slot], reward, _, _, _ = self.warehouses[slot].step(actions[slot].tolist())
            rewards[slot] = reward[0]
        self._time += running
        self._sum += rewards
        ended = self._time >= self.limit
        told = np.where(ended & running, self._sum, np.nan)
        return Step(self._frame(), rewards, np.zeros(len(running), np.bool_), ended, {"deliveries": told})

    def close(self) -> None:
        """Close rware's windows, if any."""
        for warehouse in self.warehouses:
            warehouse.close()

    def _frame(self) -> Frame:
        observations = np.array([np.stack(seen) for seen in self._seen], np.float32)
        batch, n = observations.shape[:2]
        alive = np.repeat((self._time < self.limit)[:, None], n, axis=1)
        state = np.array([self._state(w, seen) for w, seen in zip(self.warehouses, self._seen, strict=True)], np.float32)
        return Frame(observations, np.ones((batch, n, 5), np.bool_), state, alive)

    def _state(self, warehouse: Any, seen: Any) -> list[float]:
        """The one-hot state, number by number."""
        height, width = warehouse.grid_size
        numbers: list[float] = []
        for agent, view in zip(warehouse.agents, seen, strict=True):
            numbers += [float(agent.x == x) for x in range(width)]
            numbers += [float(agent.y == y) for y in range(height)]
            numbers += [float(agent.carrying_shelf is not None), *view[3:].tolist()]
        requested = {(shelf.x, shelf.y) for shelf in warehouse.request_queue}
        numbers += [float((x, y) in requested) for y in range(height) for x in range(width)]
        standing = {(shelf.x, shelf.y) for shelf in warehouse.shelfs}
        return numbers + [float(slot not in standing) for slot in self._slots]
