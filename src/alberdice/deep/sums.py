"""The one door for sums over a minibatch's rows, and for the gradients that come of them.

    total       sum_x v_x                    mean            sum_x v_x / sum_x 1
    log_total   log sum_x exp(v_x)           normalised      exp(v_x) / sum_x exp(v_x)
    rows        sum_x 1                      gradient        of the whole loss, from each part's

The rows lie along one axis, by default the last.  Today one device holds all of them, and these are torch's own operations, bit
for bit.  Where several each hold a part of the rows (``shared_by``), sums run over all parts, every part has the whole loss in
hand, and a sum passes its gradient on to the part's own rows; so the parts' gradients add up to the whole one, which optimisers
take through this door, too.  What is not a sum over rows (draws, one row that stands for no step) each part does for itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

import torch
from torch import Tensor

__all__ = ["Parts", "gradient", "log_total", "mean", "normalised", "rows", "shared_by", "total"]


class Parts(Protocol):
    """Devices that each hold a part of the rows; they call the same functions in the same order."""

    def total(self, x: Tensor) -> Tensor:
        """Sum of the parts' tensors, of the same shape; no gradient."""

    def greatest(self, x: Tensor) -> Tensor:
        """The largest of the parts' tensors, number by number; no gradient."""


_PARTS: ContextVar[Parts | None] = ContextVar("parts", default=None)


@contextmanager
def shared_by(parts: Parts) -> Iterator[None]:
    """Within, this device's rows are a part of the minibatch's."""
    before = _PARTS.set(parts)
    try:
        yield
    finally:
        _PARTS.reset(before)


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


def total(x: Tensor, axis: int = -1) -> Tensor:
    """The sum over rows."""
    parts, own = _PARTS.get(), x.sum(axis)
    return own if parts is None else _added(own, parts)


def rows(count: int) -> int:
    """How many rows there are in all, of ``count`` here."""
    parts = _PARTS.get()
    return count if parts is None else int(parts.total(torch.tensor(count)))


def mean(x: Tensor, axis: int = -1) -> Tensor:
    """The mean over rows."""
    parts = _PARTS.get()
    return x.mean(axis) if parts is None else _added(x.sum(axis), parts) / rows(x.shape[axis])


def log_total(x: Tensor, axis: int = -1) -> Tensor:
    """The logarithm of the sum of exponentials over rows."""
    parts = _PARTS.get()
    if parts is None:
        return torch.logsumexp(x, axis)
    top = _top(x, axis, parts)
    return _added((x - top).exp().sum(axis), parts).log() + top.squeeze(axis)


def normalised(x: Tensor, axis: int = -1) -> Tensor:
    """Weights exp(v) of the rows that sum to 1 over all of them."""
    parts = _PARTS.get()
    if parts is None:
        return torch.softmax(x, axis)
    weights = (x - _top(x, axis, parts)).exp()
    return weights / _added(weights.sum(axis, keepdim=True), parts)


def _top(x: Tensor, axis: int, parts: Parts) -> Tensor:
    return parts.greatest(x.detach().amax(axis, keepdim=True))


def gradient(own: Tensor) -> Tensor:
    """The whole loss's gradient, from that through this part's rows."""
    parts = _PARTS.get()
    return own if parts is None else parts.total(own)
