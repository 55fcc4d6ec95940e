"""Repeated affine maps: sweeps of a chain's flow and of its values.

x <- k + T x, t times, is x <- (k + T k) + T^2 x, t/2 times. Where T^2 has few entries it costs no more than T, for a product
has a price of its own before its first entry; then it is taken instead, and its square after it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp

from alberdice._checks import FloatArray

__all__ = ["Sweeps"]

#: products between two looks at the change
LOOK = 8
#: costs in entries of a product with a sparse matrix, measured: of a product before its first entry, of a multiplication
#: within a square, of a square before the first of these
CALL, MULTIPLIED, SQUARE = 8_000, 6, 160_000


@dataclass
class Sweeps:
    """The map x -> constant + step x, repeated.

    Attributes:
        step: T, sparse ``(S, S)``; its square once that has been taken.
        constant: k, ``(S,)``.
        done: how often the first map has been applied.
        stride: how often one product applies it.
    """

    step: sp.csr_array | sp.csc_array
    constant: FloatArray
    done: int = 0
    stride: int = 1
    _multiplications: int | None = field(default=None, repr=False)

    def look(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Apply ``LOOK`` products; (what the last one was of, what it gave)."""
        for _ in range(LOOK):
            before, x = x, self.constant + self.step @ x
        self.done += LOOK * self.stride
        return before, x

    def hasten(self, change: float, last: float, goal: float, limit: int) -> bool:
        """Square the map where that saves time; whether it was.

        Args:
            change: the size of the change by the last product of a look.
            last: the same of the look before; infinite if there was none with this map.
            goal: the size of change at which sweeps will end.
            limit: sweeps after which they will end anyway.
        """
        products = min(_products_needed(change, last, goal), (limit - self.done) / self.stride)
        plain = CALL + self.step.nnz
        if products * plain / 2 < SQUARE:
            return False
        if self._multiplications is None:
            self._multiplications = int(np.diff(self.step.indptr)[self.step.indices].sum())
        entries = min(self._multiplications, self.step.shape[0] ** 2)
        if products * (plain - (CALL + entries) / 2) < SQUARE + MULTIPLIED * self._multiplications:
            return False
        self.constant = self.constant + self.step @ self.constant
        self.step, self.stride, self._multiplications = self.step @ self.step, 2 * self.stride, None
        return True


def _products_needed(change: float, last: float, goal: float) -> float:
    """Products until ``change`` is at ``goal``, if it goes on falling as it did over the last look."""
    if change <= goal or last == math.inf:
        return 0.0
    return LOOK * math.log(goal / change) / math.log(change / last) if change < last else math.inf
