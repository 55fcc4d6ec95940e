"""Types of settings: a number's range stands in its type, and a value is held against it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

from alberdice import _checks
from alberdice.errors import InvalidArgumentError
from alberdice.names import nearest

__all__ = ["LEAST", "MOST", "Count", "Discount", "Rate", "Share", "Within", "checked"]

#: the least positive number and the largest count that settings take
LEAST, MOST = 1e-12, 1 << 40


@dataclass(frozen=True)
class Within:
    """The range of a number, both ends included; infinity is a value only where it is an end."""

    low: float
    high: float

    def __str__(self) -> str:
        """For messages."""
        if not self.high < MOST and self.high != math.inf:
            return f"a number, at least {_words(self.low)}"
        return f"a number from {_words(self.low)} to {_words(self.high)}"


def _words(end: float) -> str:
    """An end of a range, exactly: whole numbers in full, others with as many digits as tell them apart."""
    return f"{int(end):,}" if math.isfinite(end) and end == int(end) and abs(end) < 1e15 else repr(end)


Count = Annotated[int, Within(1, MOST)]
Rate = Annotated[float, Within(LEAST, 1.0)]
Share = Annotated[float, Within(0.0, 1.0)]
Discount = Annotated[float, Within(0.0, 1 - 1e-9)]
Play = Literal["sample", "sharp", "greedy"]
"""How actions are chosen, see ``policies.acting``."""


def checked(name: str, value: Any, kind: Any) -> Any:
    """The value in its field's type and range.

    Raises:
        InvalidArgumentError: another type, or out of range.
    """
    if get_origin(kind) is Annotated:
        kind, *notes = get_args(kind)
        within = next(note for note in notes if isinstance(note, Within))
        endless = within.high == math.inf and value == math.inf
        value = value if endless else checked(name, value, kind)
        if not within.low <= value <= within.high:
            expected = str(within) if value < within.high else f"a number from {_words(within.low)} to {_words(within.high)}"
            raise InvalidArgumentError(name, got=value, expected=expected)
        return value
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            hint, expected = nearest(str(value), get_args(kind)), f"one of {', '.join(get_args(kind))}"
            raise InvalidArgumentError(name, got=repr(value), expected=expected, remedy=hint)
        return value
    if get_origin(kind) is tuple:
        words = get_args(kind)[0] is str
        if not isinstance(value, tuple | list) or (words and not all(isinstance(entry, str) for entry in value)):
            expected = "a list of texts" if words else "a list of whole numbers"
            raise InvalidArgumentError(name, got=repr(value), expected=expected)
        return tuple(e if words else _checks.whole_number(e, f"{name}[{k}]") for k, e in enumerate(value))
    if kind is int:
        return _checks.whole_number(value, name)
    if kind is float:
        return _checks.real_number(value, name)
    if not isinstance(value, kind):
        raise InvalidArgumentError(name, got=repr(value), expected={bool: "true or false", str: "text"}[kind])
    return value
