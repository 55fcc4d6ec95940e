"""Checks that every constructor shares: real finite arrays, distributions along the last axis, whole numbers, indices.

Each returns a clean float64 (or int) value or raises the given kind of error with field, index, got and expected.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alberdice.errors import AlberDICEError, InvalidArgumentError

FloatArray = NDArray[np.float64]

#: how far the sum of a distribution may be from 1 before it is refused
SUM_TOLERANCE = 1e-9


def real_array(value: ArrayLike, name: str, error: type[AlberDICEError], *, finite: bool = True) -> FloatArray:
    """A float64 copy of ``value``; refuses complex, text, objects, ragged nests and (by default) NaN and infinity."""
    try:
        array = np.asarray(value)
    except ValueError as exc:
        raise error(name, got="a ragged nest of sequences", expected="a rectangular array of numbers") from exc
    if array.dtype.kind not in "fiu":
        raise error(name, got=f"dtype {array.dtype}", expected="real numbers")
    array = array.astype(np.float64)
    if finite and not np.isfinite(array).all():
        index = first_index(~np.isfinite(array))
        raise error(f"{name}{at(index)}", got=array[index], expected="a finite number")
    return array


def first_index(mask: NDArray[np.bool_]) -> tuple[int, ...]:
    """Index of the first True of ``mask`` in C order."""
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(mask)), mask.shape))


def at(index: Sequence[int]) -> str:
    """``[3, 0, 1]`` for an index; empty for a scalar's."""
    return f"[{', '.join(map(str, index))}]" if len(index) else ""


def state_action(index: Sequence[int]) -> str:
    """``[s=3, a=(0, 1)]`` for an index into (S, A1, ..., An)."""
    state, *actions = index
    return f"[s={state}, a=({', '.join(map(str, actions))})]"


def check_nonnegative(array: FloatArray, name: str, error: type[AlberDICEError], *, label: Any = at) -> None:
    """Refuse the first negative entry."""
    if (array < 0).any():
        index = first_index(array < 0)
        raise error(f"{name}{label(index)}", got=array[index], expected="a number >= 0")


def normalised(array: FloatArray, name: str, error: type[AlberDICEError], *, label: Any = at) -> FloatArray:
    """Distributions along the last axis: nonnegative, sums 1 within ``SUM_TOLERANCE``, then divided by their sums."""
    check_nonnegative(array, name, error)
    sums = array.sum(axis=-1, keepdims=True)
    wrong = np.abs(sums - 1.0) > SUM_TOLERANCE
    if wrong.any():
        index = first_index(wrong[..., 0])
        raise error(
            f"{name}{label(index)}",
            got=f"a sum of {sums[(*index, 0)]:.12g}",
            expected=f"1 within {SUM_TOLERANCE:g}",
        )
    return np.asarray(array / sums)


def check_shape(array: NDArray[Any], shape: tuple[int, ...], name: str, error: type[AlberDICEError], remedy: str = "") -> None:
    """Refuse any other shape."""
    if array.shape != shape:
        raise error(name, got=f"shape {array.shape}", expected=f"shape {shape}", remedy=remedy)


def real_number(value: object, name: str, *, low: float = -math.inf, high: float = math.inf, open_ends: bool = False) -> float:
    """A finite float within [low, high] (or (low, high)); raises InvalidArgumentError."""
    interval = f"a number in {'(' if open_ends else '['}{low:g}, {high:g}{')' if open_ends else ']'}"
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        raise InvalidArgumentError(name, got=repr(value), expected=interval)
    number = float(value)
    inside = low < number < high if open_ends else low <= number <= high
    if not math.isfinite(number) or not inside:
        raise InvalidArgumentError(name, got=number, expected=interval)
    return number


def whole_number(value: object, name: str, *, low: int = 0, high: int | None = None) -> int:
    """An int within [low, high]; raises InvalidArgumentError."""
    expected = f"a whole number >= {low}" if high is None else f"a whole number from {low} to {high}"
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise InvalidArgumentError(name, got=repr(value), expected=expected)
    if value < low or (high is not None and value > high):
        raise InvalidArgumentError(name, got=value, expected=expected)
    return int(value)


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """The array, made read-only."""
    array.setflags(write=False)
    return array
