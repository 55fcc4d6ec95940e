"""What the agents see, and the state, from a map of codes.

A cell's code is (agent there: 0, or 1 + its direction) + 5 (shelf there: 0 no, 1 yes, 2 requested).

    observation (71)   x, y, carrying, direction one-hot (up, down, left, right), on a highway; then the 3 x 3 cells around,
                       row by row, 7 numbers each: agent, its direction one-hot, shelf, requested.  A cell without an agent says
                       "up", as rware has it
    state              per agent: x one-hot (W), y one-hot (H), direction (4), carrying, on a highway, its 3 x 3 cells (63);
                       then a map of the requested shelves (H W) and of the slots that are empty (K)

The state is Markov: where the agents stand and which of them carry, which cells hold a shelf, and which of these are requested
decide what can follow, as a new request falls on every shelf that is not requested with equal probability. The agents' views
are in it twice, because a network that reads them in one-hot form learns conditionals much sooner.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alberdice.environments.rware.layout import Layout

__all__ = ["OBSERVATION_SIZE", "Reading", "look", "read", "state", "state_size"]

OWN, PER_CELL, VIEW = 8, 7, 9
OBSERVATION_SIZE = OWN + PER_CELL * VIEW
CODES = 15


def _cell_table() -> NDArray[np.float32]:
    """(15, 7) what a cell of each code looks like."""
    table = np.zeros((CODES, PER_CELL), np.float32)
    for code in range(CODES):
        agent, shelf = code % 5, code // 5
        table[code, 0] = agent > 0
        table[code, 1 + max(agent - 1, 0)] = 1
        table[code, 5:] = shelf > 0, shelf > 1
    return table


_TABLE = _cell_table()


def look(
    layout: Layout,
    codes: NDArray[np.int8],
    cells: NDArray[np.int64],
    directions: NDArray[np.int64],
    carrying: NDArray[np.bool_],
) -> NDArray[np.float32]:
    """Observations.

    Args:
        layout: the map.
        codes: (B, cells) codes.
        cells: (B, N) where the agents stand.
        directions: (B, N) theirs.
        carrying: (B, N) whether they carry a shelf.

    Returns:
        (B, N, 71) float32.
    """
    batch, n = cells.shape
    seen = np.zeros((batch, n, OBSERVATION_SIZE), np.float32)
    seen[..., 0] = layout.x[cells]
    seen[..., 1] = layout.y[cells]
    seen[..., 2] = carrying
    np.put_along_axis(seen[..., 3:7], directions[..., None], 1.0, axis=2)
    seen[..., 7] = layout.highway[cells]
    around = codes[np.arange(batch)[:, None, None], cells[..., None] + layout.view]
    seen[..., OWN:] = _TABLE[around].reshape(batch, n, -1)
    return seen


def state_size(layout: Layout, n_agents: int) -> int:
    """S."""
    own = layout.width + layout.height + OBSERVATION_SIZE - 2
    return n_agents * own + layout.width * layout.height + len(layout.slots)


def state(layout: Layout, codes: NDArray[np.int8], observations: NDArray[np.float32]) -> NDArray[np.float32]:
    """(B, S) float32, the state behind these observations."""
    batch, n, _ = observations.shape
    width, height, whole = layout.width, layout.height, state_size(layout, n)
    out = np.zeros((batch, whole), np.float32)
    own = width + height + OBSERVATION_SIZE - 2
    agents = out[:, : n * own].reshape(batch, n, own)  # a view
    at = observations[..., :2].astype(np.int64)
    np.put_along_axis(agents, at[..., :1], 1.0, axis=2)
    np.put_along_axis(agents, width + at[..., 1:], 1.0, axis=2)
    agents[..., width + height] = observations[..., 2]
    agents[..., width + height + 1 :] = observations[..., 3:]
    rest = out[:, n * own :]
    rest[:, : width * height] = codes[:, layout.inside] >= 10
    rest[:, width * height :] = codes[:, layout.slots] < 5
    return out


@dataclass(frozen=True)
class Reading:
    """What a frame tells about B warehouses, for scripts.

    Attributes:
        cells: (B, N) where the agents stand.
        directions: (B, N).
        carrying: (B, N) bool.
        requested: (B, cells) bool, cells with a requested shelf.
        shelf: (B, cells) bool, cells with a shelf on a slot.
        agent: (B, cells) bool, cells with an agent.
    """

    cells: NDArray[np.int64]
    directions: NDArray[np.int64]
    carrying: NDArray[np.bool_]
    requested: NDArray[np.bool_]
    shelf: NDArray[np.bool_]
    agent: NDArray[np.bool_]


def read(layout: Layout, observations: NDArray[np.float32], states: NDArray[np.float32]) -> Reading:
    """The inverse of :func:`look` and :func:`state`."""
    batch = len(observations)
    cells = (observations[..., 1].astype(np.int64) + 1) * layout.stride + observations[..., 0].astype(np.int64) + 1
    maps = np.zeros((3, batch, layout.n_cells), np.bool_)
    area, slots = layout.width * layout.height, len(layout.slots)
    rest = states[:, states.shape[1] - area - slots :]
    maps[0][:, layout.inside] = rest[:, :area] > 0
    maps[1][:, layout.slots] = rest[:, area:] == 0
    np.put_along_axis(maps[2], cells, True, axis=1)
    return Reading(cells, observations[..., 3:7].argmax(axis=2), observations[..., 2] > 0, *maps)
