"""A warehouse so small that its MMDP is known: two agents, two shelves, one request, on a ring of ten cells around the slots.

    . . .      . highway    S slot    G goal, (1, 3)
    . S .
    . S .      an agent's actions, who may move, lifting and delivering: the rules of ``warehouse``, which are asked for the
    . G .      outcome of every joint action in every state that the start can reach (about 20,000)

With two shelves the next request is the other shelf, so that every outcome is certain.  A state is where the agents stand and
look, and where the requested shelf and the other one are: on a slot, or with an agent.  Agents see all of it, so that what is
left of the problem is the traffic: on a ring, both may drive clockwise or both the other way round.

    conventions    data of agents that never drive against one of the two ways, each way half of the time, and are optimal else
    mixed          the same x 0, .1, .3 or 1 of random actions, in equal parts
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from alberdice._checks import FloatArray
from alberdice.data import DataDistribution
from alberdice.environments.rware.layout import DOWN, FORWARD, LEFT, RIGHT, UP, Layout
from alberdice.environments.rware.warehouse import Warehouses
from alberdice.evaluation import occupancy
from alberdice.games.game import Game
from alberdice.games.zoo.zoo_game import best_joint_policy
from alberdice.mmdp import MMDP
from alberdice.policy import FactorizedPolicy

__all__ = ["NOISES", "WAYS", "RingLayout", "RingWarehouse", "ring_warehouse"]

WAYS = ("clockwise", "counterclockwise")
NOISES = {"conventions": (0.0,), "mixed": (0.0, 0.1, 0.3, 1.0)}
ACTIONS = ("stay", "forward", "left", "right", "toggle")
Indices = NDArray[np.int64]
#: places of a shelf: the two slots, then the two agents
_PLACES = 4


@dataclass(frozen=True)
class RingLayout(Layout):
    """The map of the module's picture."""

    rows: int = 1
    columns: int = 1
    column_height: int = 2

    @property
    def width(self) -> int:
        """W."""
        return 3

    @cached_property
    def highway(self) -> NDArray[np.bool_]:
        """(cells,) True on the ring."""
        known = self.is_inside.copy()
        known[[self.cell(1, 1), self.cell(1, 2)]] = False
        return known

    @property
    def height(self) -> int:
        """H."""
        return 4

    @cached_property
    def goals(self) -> tuple[int, ...]:  # type: ignore[override]
        """The one goal's cell."""
        return (self.cell(1, 3),)

    def way(self, cell: int, convention: int) -> int | None:
        """The direction in which a convention leaves a cell of the ring; None on a slot."""
        if not self.highway[cell]:
            return None
        x, y = int(self.x[cell]), int(self.y[cell])
        if convention == 0:
            return UP if x == 0 and y > 0 else RIGHT if y == 0 and x < 2 else DOWN if x == 2 and y < 3 else LEFT
        return DOWN if x == 0 and y < 3 else RIGHT if y == 3 and x < 2 else UP if x == 2 and y > 0 else LEFT


class _Anywhere(Warehouses):
    """Warehouses put into any state, and asked what one joint action makes of it."""

    def after(self, poses: Indices, places: Indices, actions: Indices) -> tuple[Indices, Indices, FloatArray]:
        """Poses (B, 2, 2) of cells and directions, places (B, 2) of the requested and the other shelf, and rewards (B,)."""
        batch, slots = len(poses), self.layout.slots
        self._allocate(batch)
        rows, agents = np.arange(batch), np.arange(2)
        self.cells, self.directions = poses[:, :, 0].copy(), poses[:, :, 1].copy()
        self.agent_at[rows[:, None], self.cells] = agents
        for shelf in range(2):
            held = places[:, shelf, None] == 2 + agents
            self.carried[held] = shelf
            where = np.where(
                places[:, shelf] < 2, slots[places[:, shelf] % 2], self.cells[rows, np.maximum(places[:, shelf] - 2, 0)]
            )
            self.shelf_at[rows, where] = shelf
        self.requested[:, 0] = True
        self._generators = [np.random.default_rng(0)] * batch  # of one shelf that is left to request, any draw is that one
        self._act(actions)
        rewards = self._deliver(np.ones(batch, np.bool_))
        first = self.requested.argmax(axis=1)
        found = np.stack([self._place(first), self._place(1 - first)], axis=1)
        return np.stack([self.cells, self.directions], axis=2), found, rewards

    def _place(self, shelf: Indices) -> Indices:
        """(B,) where these shelves are."""
        carried = self.carried == shelf[:, None]
        on_slot = (self.shelf_at[:, self.layout.slots] == shelf[:, None]).argmax(axis=1)
        found: Indices = np.where(carried.any(axis=1), 2 + carried.argmax(axis=1), on_slot)
        return found


@dataclass(frozen=True)
class RingWarehouse(Game):
    """The game; ``Game`` has the rest.

    Attributes:
        layout: the map.
        poses: (S, 2, 2) each agent's cell and direction.
        places: (S, 2) where the requested shelf and the other one are: slot 0 or 1, or 2 + the agent that carries it.
    """

    layout: RingLayout = field(default_factory=RingLayout)
    poses: Indices = field(default_factory=lambda: np.zeros((1, 2, 2), np.int64))
    places: Indices = field(default_factory=lambda: np.zeros((1, 2), np.int64))

    def observation(self, index: int) -> FloatArray:
        """One-hot: per agent its cell and direction, and the places of the two shelves."""
        own = np.searchsorted(self.layout.inside, self.poses[index, :, 0])
        parts = np.eye(len(self.layout.inside))[own], np.eye(4)[self.poses[index, :, 1]], np.eye(_PLACES)[self.places[index]]
        return np.concatenate([part.ravel() for part in parts])

    def convention(self, way: int) -> FactorizedPolicy:
        """The optimal joint policy among those that never drive against a way round; deterministic."""
        open_ = np.ones((self.mmdp.n_states, 2, len(ACTIONS)), np.bool_)
        for cell in self.layout.inside.tolist():
            along = self.layout.way(cell, way)
            for direction in range(4):
                onto = not self.layout.highway[cell + self.layout.steps[direction]]
                if along is not None and direction != along and not onto:
                    here = (self.poses[:, :, 0] == cell) & (self.poses[:, :, 1] == direction)
                    open_[..., FORWARD] &= ~here
        return FactorizedPolicy.deterministic(best_joint_policy(self.mmdp, open_), self.mmdp.n_actions)

    @cached_property
    def conventions(self) -> tuple[FactorizedPolicy, FactorizedPolicy]:
        """Clockwise and counterclockwise."""
        return self.convention(0), self.convention(1)

    def played(self, kind: str, floor: float) -> DataDistribution:
        """The discounted occupancy of the data's episodes, see the module; each agent's noise is its own."""
        parts = []
        for policy in self.conventions:
            for noise in NOISES[kind]:
                tables = [(1 - noise) * table + noise / len(ACTIONS) for table in policy.tables]
                parts.append(occupancy(self.mmdp, FactorizedPolicy(tables)))
        return DataDistribution.from_counts(np.mean(parts, axis=0), floor)


def ring_warehouse(discount: float = 0.95) -> RingWarehouse:
    """The game: agents begin in the two upper corners, looking up, a shelf on each slot, either of them requested.

    Args:
        discount: gamma.
    """
    layout = RingLayout()
    env = _Anywhere(layout, 2, 1)
    corners = np.array([[[layout.cell(0, 0), UP], [layout.cell(2, 0), UP]]] * 2)
    states, rows, rewards = _explored(env, corners, np.array([[0, 1], [1, 0]]))
    n = len(states[0])
    matrix = sp.csr_array((np.ones(rows.size), rows.ravel(), np.arange(rows.size + 1)), shape=(rows.size, n))
    initial = np.zeros(n)
    initial[:2] = 0.5
    shape = (n, len(ACTIONS), len(ACTIONS))
    game: Any = RingWarehouse(
        name="rware-ring",
        mmdp=MMDP(matrix, rewards.reshape(shape), initial, discount),
        action_names=(ACTIONS, ACTIONS),
        state_names=tuple(_name(layout, *state) for state in zip(*states, strict=True)),
        horizon=60,
        layout=layout,
        poses=states[0],
        places=states[1],
    )
    game.data_builders.update({kind: partial(game.played, kind) for kind in NOISES})
    found: RingWarehouse = game
    return found


def _explored(env: _Anywhere, poses: Indices, places: Indices) -> tuple[tuple[Indices, Indices], Indices, FloatArray]:
    """All states that can be reached, in the order in which they are found; where each joint action leads; its reward."""
    joint = np.stack(np.meshgrid(*[np.arange(len(ACTIONS))] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    known = {key: k for k, key in enumerate(_keys(poses, places).tolist())}
    all_poses, all_places, after, paid = [poses], [places], [], []
    while len(poses):
        each = len(joint)
        found = env.after(poses.repeat(each, axis=0), places.repeat(each, axis=0), np.tile(joint, (len(poses), 1)))
        keys = _keys(*found[:2])
        fresh, first = np.unique(keys, return_index=True)
        new = np.array([k for key, k in zip(fresh.tolist(), first.tolist(), strict=True) if key not in known], np.int64)
        known.update({key: len(known) + k for k, key in enumerate(keys[new].tolist())})
        after.append(np.array([known[key] for key in keys.tolist()], np.int64))
        paid.append(found[2])
        poses, places = found[0][new], found[1][new]
        all_poses.append(poses)
        all_places.append(places)
    states = np.concatenate(all_poses), np.concatenate(all_places)
    return states, np.concatenate(after).reshape(-1, len(joint)), np.concatenate(paid)


def _keys(poses: Indices, places: Indices) -> Indices:
    """(B,) one number per state."""
    flat = np.concatenate([poses.reshape(len(poses), -1), places], axis=1)
    return np.asarray(flat @ (100 ** np.arange(6)), np.int64)


def _name(layout: RingLayout, poses: Indices, places: Indices) -> str:
    where = [f"{'^v<>'[d]}{layout.x[cell]}{layout.y[cell]}" for cell, d in poses.tolist()]
    shelves = ["upper slot", "lower slot", "agent 1", "agent 2"]
    return f"{' '.join(where)}, requested: {shelves[places[0]]}, other: {shelves[places[1]]}"
