"""The map of a robotic warehouse (RWARE): highways, shelves' slots, goals.

    width  W = 3 columns + 1,    height  H = (column height + 1) rows + 2

A cell is a highway where x is divisible by 3, where y is divisible by (column height + 1), on the last row, and in the middle
two columns from y = H - column height - 2 on, which makes room to queue before the two goals in the middle of the last row.
Every other cell is a slot, on which a shelf stands at first; shelves are numbered row by row.

Cells are indices into the map with a border of one cell, (H + 2) x (W + 2), so that a neighbour is an addition and a view of
3 x 3 cells needs no special case at a wall.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from alberdice._checks import whole_number
from alberdice.errors import InvalidArgumentError

__all__ = [
    "CLOCKWISE",
    "COUNTERCLOCKWISE",
    "DOWN",
    "FORWARD",
    "LEFT",
    "NOOP",
    "OFFSETS",
    "RIGHT",
    "SIZES",
    "TOGGLE",
    "TURN_LEFT",
    "TURN_RIGHT",
    "UP",
    "Layout",
]

UP, DOWN, LEFT, RIGHT = 0, 1, 2, 3
"""Directions, as rware numbers them."""

NOOP, FORWARD, TURN_LEFT, TURN_RIGHT, TOGGLE = 0, 1, 2, 3, 4
"""Actions, as rware numbers them."""

OFFSETS = ((0, -1), (0, 1), (-1, 0), (1, 0))
"""(dx, dy) of each direction."""

CLOCKWISE = np.array([RIGHT, LEFT, UP, DOWN])
"""The direction after a turn to the right; a turn to the left is its inverse, :data:`COUNTERCLOCKWISE`."""

COUNTERCLOCKWISE = np.array([LEFT, RIGHT, DOWN, UP])

SIZES = {"tiny": (1, 3), "small": (2, 3)}
"""(rows, columns) of shelves of the sizes that the paper uses."""

Cells = NDArray[np.int64]


@dataclass(frozen=True)
class Layout:
    """A warehouse's map.

    Args:
        rows: groups of shelves from top to bottom, at least 1.
        columns: groups of shelves from left to right, odd.
        column_height: shelves of a group's column, at least 1.

    Raises:
        InvalidArgumentError: a size outside its range.
    """

    rows: int
    columns: int
    column_height: int = 8

    def __post_init__(self) -> None:
        whole_number(self.rows, "rows", low=1)
        whole_number(self.column_height, "column_height", low=1)
        if whole_number(self.columns, "columns", low=1) % 2 == 0:
            raise InvalidArgumentError("columns", got=self.columns, expected="an odd number")
        if not len(self.slots):
            raise InvalidArgumentError("columns, column_height", got="no slot for a shelf", expected="3 columns or more")

    @property
    def width(self) -> int:
        """W."""
        return 3 * self.columns + 1

    @property
    def height(self) -> int:
        """H."""
        return (self.column_height + 1) * self.rows + 2

    @property
    def stride(self) -> int:
        """Cells of a row with its border, W + 2."""
        return self.width + 2

    @property
    def n_cells(self) -> int:
        """Cells with the border, (H + 2)(W + 2)."""
        return (self.height + 2) * self.stride

    def cell(self, x: int, y: int) -> int:
        """The index of (x, y)."""
        return (y + 1) * self.stride + x + 1

    @cached_property
    def inside(self) -> Cells:
        """(H W,) the cells of the map, row by row."""
        return np.add.outer(np.arange(1, self.height + 1) * self.stride, np.arange(1, self.width + 1)).ravel()

    @cached_property
    def is_inside(self) -> NDArray[np.bool_]:
        """(cells,) False on the border."""
        known = np.zeros(self.n_cells, np.bool_)
        known[self.inside] = True
        return known

    @cached_property
    def highway(self) -> NDArray[np.bool_]:
        """(cells,) True on highways; False on slots and on the border."""
        y, x = np.mgrid[0 : self.height, 0 : self.width]
        middle = (x == self.width // 2 - 1) | (x == self.width // 2)
        open_ = (x % 3 == 0) | (y % (self.column_height + 1) == 0) | (y == self.height - 1)
        open_ |= middle & (y > self.height - (self.column_height + 3))
        known = np.zeros(self.n_cells, np.bool_)
        known[self.inside] = open_.ravel()
        return known

    @cached_property
    def slots(self) -> Cells:
        """(K,) the cells of the slots, in the order of their shelves."""
        return self.inside[~self.highway[self.inside]]

    @cached_property
    def goals(self) -> tuple[int, int]:
        """The cells of the two goals, left to right."""
        return self.cell(self.width // 2 - 1, self.height - 1), self.cell(self.width // 2, self.height - 1)

    @cached_property
    def steps(self) -> Cells:
        """(4,) what a step in each direction adds to a cell."""
        return np.array([dx + dy * self.stride for dx, dy in OFFSETS])

    @cached_property
    def view(self) -> Cells:
        """(9,) what the cells of a 3 x 3 view, row by row, add to its middle."""
        return np.add.outer(np.arange(-1, 2) * self.stride, np.arange(-1, 2)).ravel()

    @cached_property
    def x(self) -> Cells:
        """(cells,) the column of a cell, 0 .. W - 1 inside."""
        return np.arange(self.n_cells) % self.stride - 1

    @cached_property
    def y(self) -> Cells:
        """(cells,) the row of a cell, 0 .. H - 1 inside."""
        return np.arange(self.n_cells) // self.stride - 1
