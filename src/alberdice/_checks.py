"""Checks that every constructor shares: real finite arrays, distributions along the last axis, whole numbers, indices.

Each returns a clean float64 (or int) value or raises the given kind of error with field, index, got and expected.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from alberdice.errors import AlberDICEError, InvalidArgumentError, RoundingWarning

FloatArray = NDArray[np.float64]

#: how far the sum of a distribution may be from 1 before it is refused
SUM_TOLERANCE = 1e-9
#: the same where all its numbers are float32's: about eight times the spacing of float32 at 1
FLOAT32_TOLERANCE = 2.0**-20


def real_array(value: ArrayLike, name: str, error: type[AlberDICEError], *, finite: bool = True) -> FloatArray:
    """A float64 copy of ``value``; refuses complex, text, objects, ragged nests, masks and (by default) NaN and infinity."""
    array = plain_array(value, name, error)
    if array.dtype.kind not in "fiu":
        raise error(name, got=f"dtype {array.dtype}", expected="real numbers")
    with np.errstate(over="ignore"):
        array = array.astype(np.float64)
    if finite and not np.isfinite(array).all():
        index = first_index(~np.isfinite(array))
        raise error(f"{name}{at(index)}", got=array[index], expected="a finite number")
    return array


def plain_array(
    value: Any, name: str, error: type[AlberDICEError], expected: str = "a rectangular array of numbers"
) -> NDArray[Any]:
    """``value`` as a plain array; refuses ragged nests, what NumPy cannot hold, and masked arrays that hide anything.

    ``numpy.asarray`` would drop a mask and show what it hides.
    """
    if sp.issparse(value):
        raise error(name, got="a sparse matrix", expected="a dense array", remedy="use .toarray()")
    hidden = _hidden(value)
    if hidden:
        remedy = "fill them (.filled(value)) or leave those rows out"
        raise error(name, got=f"a masked array with {hidden} masked entries", expected="every entry", remedy=remedy)
    try:
        return np.asarray(value)
    except ValueError as problem:
        words = str(problem).splitlines()[0]
        got = "a ragged nest of sequences" if "inhomogeneous" in words else words
        raise error(name, got=got, expected=expected) from None
    except (TypeError, OverflowError, RecursionError, MemoryError, AttributeError) as problem:
        got = f"{type(value).__name__} ({type(problem).__name__}: {problem})"
        raise error(name, got=got, expected=expected) from None


def _hidden(value: Any) -> int:
    """Masked entries of an array, or of the arrays in a list."""
    if isinstance(value, np.ma.MaskedArray):
        return int(np.ma.getmaskarray(value).sum())
    if isinstance(value, list | tuple):
        return sum(_hidden(each) for each in value if isinstance(each, np.ma.MaskedArray | list | tuple))
    return 0


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
    """Distributions along the last axis: nonnegative, with sums of 1 (``check_sums``), then divided by their sums."""
    check_nonnegative(array, name, error)
    sums = array.sum(axis=-1, keepdims=True)
    check_sums(sums[..., 0], array, lambda index: f"{name}{label(index)}", error)
    return np.asarray(array / sums)


def check_sums(sums: FloatArray, array: FloatArray, label: Callable[[Any], str], error: type[AlberDICEError]) -> None:
    """Refuse the first sum that is not 1 within ``SUM_TOLERANCE``.

    Numbers that are all float32's may miss 1 by that type's rounding (``FLOAT32_TOLERANCE``): that is said, and accepted.
    The caller then divides by the sums.

    Args:
        sums: of the distributions.
        array: their entries, in any shape.
        label: place of a sum, by its index.
        error: kind of the error.
    """
    off = np.abs(sums - 1.0)
    if not (off > SUM_TOLERANCE).any():
        return
    index = first_index(off > SUM_TOLERANCE)
    with np.errstate(over="ignore", under="ignore"):
        single = bool((array.astype(np.float32) == array).all())
    if single and float(off.max()) <= FLOAT32_TOLERANCE:
        words = f"{label(index)}: float32 numbers whose sums miss 1 by up to {off.max():.1g}; divided by their sums"
        warnings.warn(words, RoundingWarning, stacklevel=5)
        return
    if single:
        index = first_index(off > FLOAT32_TOLERANCE)
    raise error(
        label(index),
        got=f"a sum of {sums[index]:.12g}",
        expected=f"1 within {SUM_TOLERANCE:g}",
        remedy="divide each distribution by its sum, in float64",
    )


def check_shape(array: NDArray[Any], shape: tuple[int, ...], name: str, error: type[AlberDICEError], remedy: str = "") -> None:
    """Refuse any other shape."""
    if array.shape != shape:
        raise error(name, got=f"shape {array.shape}", expected=f"shape {shape}", remedy=remedy)


def real_number(value: object, name: str, *, low: float = -math.inf, high: float = math.inf, open_ends: bool = False) -> float:
    """A finite float within [low, high] (or (low, high)); raises InvalidArgumentError."""
    below, above = open_ends or low == -math.inf, open_ends or high == math.inf
    interval = f"a number in {'(' if below else '['}{low:g}, {high:g}{')' if above else ']'}"
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        raise InvalidArgumentError(name, got=repr(value), expected=interval)
    try:
        number = float(value)
    except OverflowError:
        raise InvalidArgumentError(name, got="a whole number beyond every float", expected=interval) from None
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
