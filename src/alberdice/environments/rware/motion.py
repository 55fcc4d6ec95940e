"""Who may move: conflicts between agents that want to enter cells, for many warehouses at a time.

Every agent points at a cell: the next one if it moves forward, its own if it stays. "i follows j" if i points at j's cell. Each
agent follows at most one other, so that a group of followers ends in one of four ways, and rware's rule is

    an empty cell       of the agents that point at it the one with the longest queue behind it enters; so on down that queue:
                        only the longest chain moves
    an agent that stays nobody that waits for it moves
    a swap (2 agents)   is impossible: nobody of the group moves
    a longer cycle      the agents of the cycle move, nobody else of the group

rware settles a tie between equally long queues by the order in which networkx lists the cells of the group; see :func:`_order`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["who_moves"]

Indices = NDArray[np.int64]
Flags = NDArray[np.bool_]


def who_moves(cells: Indices, targets: Indices, at: Indices, width: int) -> Flags:
    """Which agents are not held up.

    Args:
        cells: (B, N) where the agents stand; all cells of a row differ.
        targets: (B, N) where they point: their own cell, or a neighbour.
        at: (B, N) the agent that stands on ``targets``, or -1.
        width: cells of a row of the map with its border, for the order of ties.

    Returns:
        (B, N), True for agents that move and for those that stay where they want to stay.
    """
    n = cells.shape[1]
    moving = cells != targets
    free = np.where(moving & (at < 0), targets, -1 - np.arange(n))  # distinct negative numbers stand for "no empty cell"
    crowd = (moving & (at >= 0)).any(axis=1)
    for i in range(1, n):
        crowd |= (free[:, :i] == free[:, i : i + 1]).any(axis=1)
    allowed = np.ones(cells.shape, np.bool_)
    rows = np.flatnonzero(crowd)
    if len(rows):
        allowed[rows] = _resolve(cells[rows], targets[rows], at[rows], width)
    return allowed


def _resolve(cells: Indices, targets: Indices, at: Indices, width: int) -> Flags:
    """:func:`who_moves` for warehouses in which agents meet."""
    batch, n = cells.shape
    rows = np.arange(batch)[:, None]
    none = n  # an empty cell, as a successor
    follows = np.concatenate([np.where(at < 0, none, at), np.full((batch, 1), none)], axis=1)
    cycle = np.zeros((batch, n), np.int64)  # length of the cycle that the agent is in
    where, own = follows[:, :n], np.arange(n)[None, :]
    for length in range(1, n + 1):
        cycle[(cycle == 0) & (where == own)] = length
        where = follows[rows, where]
    free = where == none  # after N steps: the chain ends at an empty cell
    allowed: Flags = (cycle > 0) & (cycle != 2)
    queue = np.zeros((batch, n + 1), np.int64)  # agents behind
    for _ in range(n - 1):
        longer = np.zeros_like(queue)
        for i in range(n):
            to = follows[:, i]
            longer[rows[:, 0], to] = np.maximum(longer[rows[:, 0], to], np.where(free[:, i], queue[:, i] + 1, 0))
        queue = longer
    allowed |= _chains(cells, targets, follows, free, queue, width)
    return allowed


def _chains(cells: Indices, targets: Indices, follows: Indices, free: Flags, queue: Indices, width: int) -> Flags:
    """(B, N) the agents of the longest chain into each empty cell."""
    batch, n = cells.shape
    moves = np.zeros((batch, n), np.bool_)
    # A rival points at the same cell, and so has the same distance to the empty cell.
    rival = (targets[:, :, None] == targets[:, None, :]) & free[:, :, None] & free[:, None, :]
    depth = queue[:, None, :n]
    better = (rival & (depth > queue[:, :n, None])).any(axis=2)
    equal = rival & (depth == queue[:, :n, None]) & ~np.eye(n, dtype=np.bool_)
    tied = equal.any(axis=2) & ~better
    best = free & ~better & ~tied
    for row in np.flatnonzero(tied.any(axis=1)):
        order = _order(cells[row].tolist(), targets[row].tolist(), width)
        for i in np.flatnonzero(tied[row]):
            best[row, i] = all(order[cells[row, i]] < order[cells[row, j]] for j in np.flatnonzero(equal[row, i]))
    # Along the chain from the empty cell backwards: the best follower of an agent that moves.
    rows = np.arange(batch)[:, None]
    for _ in range(n):
        ahead = np.concatenate([moves, np.ones((batch, 1), np.bool_)], axis=1)
        moves = best & ahead[rows, follows[:, :n]]
    return moves


def _order(cells: Sequence[int], targets: Sequence[int], width: int) -> dict[int, int]:
    """The place of each agent's cell in networkx's list of the cells of its group.

    networkx lists a subgraph in the graph's own order, agent by agent, unless the subgraph has less than half of the graph's
    cells: then in the order of a Python set of cells (x, y), which depends on how the set was filled. So the set is filled here
    in the same way: breadth first, then copied.
    """

    def point(cell: int) -> tuple[int, int]:
        return cell % width - 1, cell // width - 1

    after: dict[tuple[int, int], list[tuple[int, int]]] = {}
    before: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for cell, target in zip(cells, targets, strict=True):
        start, end = point(cell), point(target)
        for each in (start, end):
            after.setdefault(each, [])
            before.setdefault(each, [])
        after[start].append(end)
        before[end].append(start)
    places: dict[tuple[int, int], int] = {}
    done: set[tuple[int, int]] = set()
    for source in after:
        if source in done:
            continue
        found = _breadth_first(after, before, len(after) - len(done), source)
        done.update(found)
        group = set(iter(found))
        listed = [c for c in group] if 2 * len(group) < len(after) else [c for c in after if c in group]
        places.update({c: k for k, c in enumerate(listed)})
    return {cell: places[point(cell)] for cell in cells}


def _breadth_first(
    after: dict[tuple[int, int], list[tuple[int, int]]],
    before: dict[tuple[int, int], list[tuple[int, int]]],
    most: int,
    source: tuple[int, int],
) -> set[tuple[int, int]]:
    """The group of ``source``, filled in networkx's order; it stops once it has ``most`` cells."""
    seen, level = {source}, [source]
    while level:
        now, level = level, []
        for cell in now:
            for neighbour in (*after[cell], *before[cell]):
                if neighbour not in seen:
                    seen.add(neighbour)
                    level.append(neighbour)
            if len(seen) == most:
                return seen
    return seen
