"""Every error the package raises on purpose.

A message answers four questions in one line: *where* (field, index, file), what was *got*, what was *expected*, and what to
do about it (*remedy*). The parts stay available as attributes, so that a caller can act on them.

    AlberDICEError
    ├── InvalidModelError       an MMDP that is not one
    ├── InvalidPolicyError      tables that are not policies, or not of this model
    ├── InvalidDataError        data that are not a distribution, a dataset or counts, or not of this model
    ├── InvalidArgumentError    an option outside its range
    ├── InfeasibleError         the problem as posed has no solution
    ├── ResourceError           the problem does not fit the machine
    └── SolverError             a solver stopped without a certificate

All but the last two mean that the request was wrong (exit code 2 on the command line); those two mean that the work failed
(exit code 1).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = [
    "AlberDICEError",
    "InfeasibleError",
    "InvalidArgumentError",
    "InvalidDataError",
    "InvalidModelError",
    "InvalidPolicyError",
    "ResourceError",
    "RoundingWarning",
    "SolverError",
    "fail",
    "within",
]


class AlberDICEError(Exception):
    """Base of all errors of this package.

    Args:
        where: the field, index or file at fault, e.g. ``"transition[s=3, a=(0, 1)]"``.
        got: what was found there.
        expected: what belongs there.
        remedy: what the reader can do, one sentence; may be empty.
    """

    exit_code = 2

    def __init__(self, where: str, *, got: object, expected: object, remedy: str = "") -> None:
        self.where = where
        self.got = got
        self.expected = expected
        self.remedy = remedy
        message = f"{where}: got {got}, expected {expected}" + (f"; {remedy}" if remedy else "")
        super().__init__(" ".join(line.strip() for line in message.splitlines()))

    def __reduce__(self) -> tuple[Any, ...]:
        # Exception's own would call the class with the message alone; worker processes hand errors back pickled.
        return _rebuilt, (type(self), self.where, self.got, self.expected, self.remedy)


def _rebuilt(kind: type[AlberDICEError], where: str, got: object, expected: object, remedy: str) -> AlberDICEError:
    return kind(where, got=got, expected=expected, remedy=remedy)


class InvalidModelError(AlberDICEError, ValueError):
    """An MMDP whose arrays do not describe one."""


class InvalidPolicyError(AlberDICEError, ValueError):
    """Tables that are not conditional distributions, or that do not fit the model."""


class InvalidDataError(AlberDICEError, ValueError):
    """Data that are not a distribution, counts or a dataset, or that do not fit the model."""


class InvalidArgumentError(AlberDICEError, ValueError):
    """An argument or option outside its range."""


class InfeasibleError(AlberDICEError):
    """The problem as posed has no solution: every candidate has objective -infinity."""


class ResourceError(AlberDICEError):
    """The problem needs more memory or disk than there is."""

    exit_code = 1


class SolverError(AlberDICEError):
    """A solver stopped without a certificate of optimality."""

    exit_code = 1


class RoundingWarning(UserWarning):
    """Numbers that were accepted and mended because they miss what they should be by float32's rounding alone."""


@contextmanager
def within(source: str) -> Iterator[None]:
    """Errors that are raised in the block begin with the file they are about."""
    try:
        yield
    except AlberDICEError as problem:
        if problem.where.startswith(source):
            raise
        raise type(problem)(
            f"{source}: {problem.where}", got=problem.got, expected=problem.expected, remedy=problem.remedy
        ) from None


def fail(source: str, where: str, *, got: object, expected: object, remedy: str = "") -> InvalidDataError:
    """An InvalidDataError whose place begins with the source (a file), if there is one."""
    return InvalidDataError(f"{source}: {where}" if source else where, got=got, expected=expected, remedy=remedy)
