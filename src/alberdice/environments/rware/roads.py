"""Traffic conventions: which way each aisle of a warehouse may be driven, and how far it is from anywhere to anywhere then.

A warehouse of three groups of columns has two outer aisles, x = 0 and x = 9, and two inner ones, x = 3 and x = 6, joined by
rows at the top, between groups of shelves, and by the two rows at the bottom, where the goals are. Everything is one-way:

    outer-up (0)    outer aisles upwards, inner ones downwards, cross rows inwards: out along the wall, back through the middle
    inner-up (1)    the reverse

Either works when all agents keep it. Two agents on different conventions meet head-on in every aisle, where neither can pass:
the XOR game on a large scale.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from alberdice.environments.rware.layout import CLOCKWISE, COUNTERCLOCKWISE, DOWN, LEFT, RIGHT, UP, Layout
from alberdice.errors import InvalidArgumentError

__all__ = ["CONVENTIONS", "FAR", "Roads", "aisle_moves", "cross_rows", "moves_kept", "roads"]

CONVENTIONS = ("outer-up", "inner-up")
FAR = 10_000
"""A distance that says: not reachable."""


def cross_rows(layout: Layout) -> list[int]:
    """Rows y that join the aisles, but for the two at the bottom."""
    return list(range(0, layout.height - 2, layout.column_height + 1))


def _check(layout: Layout) -> None:
    if layout.columns != 3:
        remedy = "the traffic conventions are made for maps with two aisles a side"
        raise InvalidArgumentError("columns", got=layout.columns, expected="3", remedy=remedy)


def one_way(layout: Layout, convention: int) -> NDArray[np.bool_]:
    """(cells, 4) the directions in which a cell may be left.

    Off the roads (in the open middle and on slots) every direction is allowed; from a road one may always turn aside onto a
    slot.
    """
    _check(layout)
    height, rows = layout.height, cross_rows(layout)
    allowed = np.zeros((layout.n_cells, 4), np.bool_)
    for cell in layout.inside.tolist():
        x, y = int(layout.x[cell]), int(layout.y[cell])
        mirrored = min(x, 9 - x)
        on_row = y in (*rows, height - 2, height - 1) and mirrored <= 3
        if not layout.highway[cell] or not (mirrored in (0, 3) or on_row or (mirrored == 4 and y >= height - 3)):
            allowed[cell] = True
        else:
            names = {"up": UP, "down": DOWN, "left": LEFT, "right": RIGHT}
            names["in"], names["out"] = (RIGHT, LEFT) if x <= 4 else (LEFT, RIGHT)
            for way in _ways(mirrored, y, height, rows, convention, x <= 4):
                allowed[cell, names[way]] = True
            for aside in (LEFT, RIGHT):
                beside = cell + layout.steps[aside]
                allowed[cell, aside] |= layout.is_inside[beside] and not layout.highway[beside]
    allowed &= layout.is_inside[np.clip(np.arange(layout.n_cells)[:, None] + layout.steps, 0, layout.n_cells - 1)]
    return allowed


def _ways(x: int, y: int, height: int, rows: list[int], convention: int, left: bool) -> list[str]:
    """The ways out of a road cell, x measured from the nearer side wall."""
    last, queue = height - 1, height - 2
    if convention == 0:
        ways = [
            ("up", x == 0 and y > 0),
            ("down", x == 3 and y < last),
            ("in", y in rows and x < 3),
            ("out", y == queue and x in (1, 2, 3, 4)),
        ]
    else:
        ways = [
            ("up", x == 3 and 0 < y <= queue),
            ("down", x == 0 and y < last),
            ("out", y in rows and 0 < x <= 3),
            ("in", y == queue and x < 3),
            ("out", y == queue and x == 4),
        ]
    # In the middle, x = 4, all goes upwards from the goals, round to the left half and out along the last row but one.
    ways += [
        ("in", y == last and x < 4),
        ("up", x == 4 and (y == last or (y == queue and not left))),
        ("right", x == 4 and y == queue and left),
        ("left", x == 4 and y == queue - 1),
    ]
    return [way for way, holds in ways if holds]


def aisle_moves(layout: Layout, cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """How often each agent kept each convention: its moves up or down an aisle that one of them forbids.

    Args:
        layout: the map, three groups of columns wide.
        cells: (T, N) where the agents stood, step by step; rows of one episode.

    Returns:
        (N, 2): moves that outer-up allows, and moves that inner-up allows.
    """
    total: NDArray[np.int64] = moves_kept(layout, cells[:-1], cells[1:]).sum(axis=0)
    return total


def moves_kept(layout: Layout, before: NDArray[np.int64], after: NDArray[np.int64]) -> NDArray[np.int64]:
    """Which convention, if only one of the two, allows each step.

    Args:
        layout: the map, three groups of columns wide.
        before: (...) where agents stood.
        after: (...) where they stood a step later.

    Returns:
        (..., 2) 0 or 1: a move up or down an aisle that outer-up allows, and one that inner-up allows.
    """
    _check(layout)
    step, x, y = after - before, layout.x[before], layout.y[before]
    upwards = step == layout.steps[UP]
    inside = (upwards | (step == layout.steps[DOWN])) & (x % 3 == 0) & (y > 0) & (y < layout.height - 2)
    outer = (x == 0) | (x == layout.width - 1)
    first = inside & (upwards == outer)
    return np.stack([first, inside & ~first], axis=-1).astype(np.int64)


class Roads:
    """A convention's distances and best actions.

    Attributes:
        allowed: (cells, 4) the directions in which a cell may be left.
        distance: (cells, cells, 4) steps to ``[target]`` from ``[cell, direction]``, turns included, through no slot but the
            first and the last; :data:`FAR` where there is no way.
        action: likewise, the action that leads there soonest; forward before left before right where they tie.
    """

    def __init__(self, layout: Layout, convention: int) -> None:
        self.allowed = one_way(layout, convention)
        cells = np.arange(layout.n_cells)
        ahead = np.clip(cells[:, None] + layout.steps, 0, layout.n_cells - 1)
        self.distance = np.full((layout.n_cells, layout.n_cells, 4), FAR, np.int16)
        self.action = np.zeros((layout.n_cells, layout.n_cells, 4), np.int8)
        turn = (COUNTERCLOCKWISE, CLOCKWISE)
        for target in layout.inside.tolist():
            enters = self.allowed & (layout.highway | (cells == target))[ahead]
            steps = np.full((layout.n_cells, 4), FAR, np.int16)
            steps[target] = 0
            while True:
                forward = np.where(enters, steps[ahead, np.arange(4)], FAR)
                choices = np.stack([forward, steps[:, turn[0]], steps[:, turn[1]]])
                better = np.minimum(choices.min(axis=0) + 1, steps).astype(np.int16)
                if (better == steps).all():
                    break
                steps = better
            self.distance[target], self.action[target] = steps, 1 + choices.argmin(axis=0)


@lru_cache(maxsize=16)
def roads(layout: Layout, convention: int) -> Roads:
    """The roads of a map under a convention, computed once."""
    return Roads(layout, convention)
