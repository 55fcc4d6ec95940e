"""The one door for sums over a minibatch's rows, for their division among devices, and for the gradients that come of them.

    total       sum_x v_x                    mean            sum_x v_x / sum_x 1
    log_total   log sum_x exp(v_x)           normalised      exp(v_x) / sum_x exp(v_x)
    rows        sum_x 1                      greatest        max_x v_x
    gradient    of the whole loss, from each part's
    own         this part's rows of what all parts drew alike          everyone        all parts' rows, from each part's

The rows lie along one axis, by default the last.  On one device these are torch's own operations, bit for bit.  Where several
each hold a part of the rows (``shared_by``), all parts draw the whole minibatch alike, with equal generators, and each takes
its ``own`` rows, equally many.  Sums run over all parts, every part has the whole loss in hand, and a sum passes its gradient
on to the part's own rows; so the parts' gradients add up to the whole one, which optimisers take through this door, too.  What
every part does for itself, on rows that are not divided, it does ``alone``.

Rows that are not drawn but the same in every update need not be equally many in each part, nor any at all (``span``).  Whoever
does not know which kind it has is told by a ``Division``:

    EVENLY      drawn rows, equally many in each part        span(n)     a stretch of n rows that are always the same
    ALIKE       rows that every part has
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from alberdice.errors import InvalidArgumentError

__all__ = [
    "ALIKE",
    "EVENLY",
    "Division",
    "Parts",
    "Span",
    "alone",
    "everyone",
    "gradient",
    "greatest",
    "log_total",
    "mean",
    "normalised",
    "own",
    "parts",
    "rows",
    "shared_by",
    "span",
    "total",
]


class Parts(Protocol):
    """Devices that each hold a part of the rows; they call the same functions in the same order."""

    @property
    def count(self) -> int:
        """How many parts there are."""

    @property
    def place(self) -> int:
        """Which of them this one is, from 0."""

    def total(self, x: Tensor) -> Tensor:
        """Sum of the parts' tensors, of the same shape; no gradient."""

    def greatest(self, x: Tensor) -> Tensor:
        """The largest of the parts' tensors, number by number; no gradient."""

    def everyone(self, x: Tensor) -> list[Tensor]:
        """The parts' tensors, of the same shape, in their order; no gradient."""


_PARTS: ContextVar[Parts | None] = ContextVar("parts", default=None)


@contextmanager
def shared_by(parts: Parts | None) -> Iterator[None]:
    """Within, this device's rows are a part of the minibatch's; None: they are all of them."""
    before = _PARTS.set(parts)
    try:
        yield
    finally:
        _PARTS.reset(before)


@contextmanager
def alone() -> Iterator[None]:
    """Within, this device's rows are all there are."""
    with shared_by(None):
        yield


def parts() -> int:
    """Among how many devices rows are divided."""
    shared = _PARTS.get()
    return 1 if shared is None else shared.count


class _Added(torch.autograd.Function):
    """Adds over the parts; the gradient goes to the part's own as it is."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, parts: Parts) -> Tensor:
        return parts.total(x)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None]:
        return g, None


def _added(x: Tensor, parts: Parts) -> Tensor:
    found: Tensor = _Added.apply(x, parts)  # type: ignore[no-untyped-call]
    return found


def own(drawn: Tensor, axis: int = 0) -> Tensor:
    """The part's rows of what all parts drew alike.

    Raises:
        InvalidArgumentError: they cannot be divided equally.
    """
    shared = _PARTS.get()
    if shared is None:
        return drawn
    size, rest = divmod(drawn.shape[axis], shared.count)
    if rest:
        got, expected = f"{drawn.shape[axis]} rows", f"a multiple of {shared.count}, the processes that share them"
        raise InvalidArgumentError("a minibatch", got=got, expected=expected, remedy="choose another batch_size")
    return drawn.narrow(axis, shared.place * size, size)


def everyone(x: Tensor, axis: int = 0) -> Tensor:
    """The rows of all parts, in the order in which they were drawn; no gradient."""
    shared = _PARTS.get()
    return x if shared is None else torch.cat(shared.everyone(x.detach()), axis)


def total(x: Tensor, axis: int = -1) -> Tensor:
    """The sum over rows."""
    shared, here = _PARTS.get(), x.sum(axis)
    return here if shared is None else _added(here, shared)


def rows(count: int) -> int:
    """How many rows there are in all, of ``count`` here."""
    return count * parts()


def mean(x: Tensor, axis: int = -1, count: int | None = None) -> Tensor:
    """The mean over rows; ``count`` are there in all, where parts may have unequally many."""
    shared = _PARTS.get()
    return x.mean(axis) if shared is None else _added(x.sum(axis), shared) / (count or rows(x.shape[axis]))


def log_total(x: Tensor, axis: int = -1) -> Tensor:
    """The logarithm of the sum of exponentials over rows."""
    shared = _PARTS.get()
    if shared is None:
        return torch.logsumexp(x, axis)
    top = _top(x, axis, shared)
    return _added((x - top).exp().sum(axis), shared).log() + top.squeeze(axis)


def normalised(x: Tensor, axis: int = -1) -> Tensor:
    """Weights exp(v) of the rows that sum to 1 over all of them."""
    shared = _PARTS.get()
    if shared is None:
        return torch.softmax(x, axis)
    weights = (x - _top(x, axis, shared)).exp()
    return weights / _added(weights.sum(axis, keepdim=True), shared)


def greatest(x: Tensor, axis: int = -1) -> Tensor:
    """The largest of the rows; no gradient."""
    shared = _PARTS.get()
    return x.detach().amax(axis) if shared is None else _top(x, axis, shared).squeeze(axis)


def _top(x: Tensor, axis: int, shared: Parts) -> Tensor:
    """The largest of all parts' rows; a part may have none."""
    here = x.detach()
    return shared.greatest(here.amax(axis, keepdim=True) if here.shape[axis] else here.sum(axis, keepdim=True) - torch.inf)


def gradient(here: Tensor) -> Tensor:
    """The whole loss's gradient, from that through this part's rows."""
    shared = _PARTS.get()
    return here if shared is None else shared.total(here)


class Division(Protocol):
    """How rows are divided among parts."""

    def rows(self, here: int) -> int:
        """How many there are in all, of ``here`` here."""

    def own(self, drawn: Tensor, axis: int = 0) -> Tensor:
        """What is this part's of what all parts drew alike."""

    def everyone(self, x: Tensor, axis: int = 0) -> Tensor:
        """All parts' rows, in their order; no gradient."""


class _Evenly:
    """As the functions of these names."""

    rows, own, everyone = staticmethod(rows), staticmethod(own), staticmethod(everyone)


class _Alike:
    """Every part has all rows."""

    def rows(self, here: int) -> int:
        return here

    def own(self, drawn: Tensor, axis: int = 0) -> Tensor:
        return drawn

    def everyone(self, x: Tensor, axis: int = 0) -> Tensor:
        return x.detach()


EVENLY: Division = _Evenly()
ALIKE: Division = _Alike()


@dataclass(frozen=True)
class Span:
    """A stretch of rows that are the same in every update, see ``Division``.

    Attributes:
        count: of all parts' rows.
        first, size: where this part's begin, and how many they are, perhaps 0.
    """

    count: int
    first: int
    size: int

    def rows(self, here: int) -> int:
        """As ``Division``."""
        return self.count

    def own(self, drawn: Tensor, axis: int = 0) -> Tensor:
        """As ``Division``."""
        return drawn.narrow(axis, self.first, self.size)

    def everyone(self, x: Tensor, axis: int = 0) -> Tensor:
        """As ``Division``: each part adds its rows to nothing, which changes none of them."""
        shared = _PARTS.get()
        if shared is None:
            return x
        size = list(x.shape)
        size[axis] = self.count
        whole = x.new_zeros(size)
        self.own(whole, axis).copy_(x.detach())
        return shared.total(whole)

    def holds(self, places: Tensor) -> Tensor:
        """Which of these places among all rows are this part's."""
        return (places >= self.first) & (places < self.first + self.size)


def span(count: int) -> Span:
    """A part's stretch of so many rows: as many as another's, or one more or less."""
    shared = _PARTS.get()
    place, among = (0, 1) if shared is None else (shared.place, shared.count)
    first = count * place // among
    return Span(count, first, count * (place + 1) // among - first)
