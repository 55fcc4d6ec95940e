"""The direct linear algebra of small problems: LAPACK's band routines, with the states in reverse Cuthill-McKee order.

Two kinds of systems are formed from the flow matrix A = E - gamma P of ``flow_operator``, whose rows a_m have few entries:

    H = A^T diag(w) A = sum_m w_m a_m a_m^T        symmetric and positive definite:  Cholesky, S k^2 operations;
    I - gamma P_pi^T = A^T diag(pi) E              the flow of a policy:             LU with pivoting.

The pattern of the second lies within that of the first, so that one order and one band width k serve both: 45 for Bridge's 184
states. A graph that mixes has the full band; the band routines are then as fast as the full ones (OpenBLAS, one core).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.sparse.csgraph import reverse_cuthill_mckee

from alberdice._checks import FloatArray

Indices = NDArray[np.integer[Any]]

#: from this density on a dense product forms the normal equations faster than a sparse one
DENSE_PRODUCT = 0.05


class Coordinates(NamedTuple):
    """A sparse square matrix by its entries, ``(N,)`` each; those of one place add up."""

    values: FloatArray
    rows: Indices
    columns: Indices


class BandForm:
    """Where the elements of A^T diag(w) A and A^T diag(pi) E lie in a band, and LAPACK on it.

    Element (i, j), i >= j, of a symmetric band of width k lies at i + j k: row i - j, column j, of a (k+1, S) array by columns.
    For k = S this is where a full matrix by columns has it, so that a dense product may be written there as it is.

    Args:
        matrix: A, ``(M, S)``, without repeated entries, columns ascending.
    """

    def __init__(self, matrix: sp.csr_array) -> None:
        self.size = matrix.shape[1]
        self._dense: FloatArray | None = None
        if matrix.nnz > DENSE_PRODUCT * math.prod(matrix.shape):
            self._dense, self.width = matrix.toarray(), self.size
            self._order = self._place = np.arange(self.size)
            return
        values, first, second, starts = _row_products(matrix)
        self._order = _band_order(first, second, self.size)
        self._place = np.empty(self.size, dtype=np.intp)
        self._place[self._order] = np.arange(self.size)
        first, second = self._place[first], self._place[second]
        high, low = np.maximum(first, second), np.minimum(first, second)
        self.width = int((high - low).max())
        shape = ((self.width + 1) * self.size, matrix.shape[0])
        self._products = sp.csc_array((values, high + self.width * low, starts), shape=shape)

    def factorise(self, weights: FloatArray, shift: float) -> float:
        """Cholesky of H + shift diag(H), kept for ``solve``.

        Returns:
            The factor by which the pivots lost accuracy: the largest of diagonal element / pivot.

        Raises:
            LinAlgError: not positive definite to working precision.
        """
        band = self._normal(weights).reshape((self.width + 1, -1), order="F")
        self._diagonal = band[0].copy()
        if shift > 0:
            band[0] += shift * self._diagonal
        self._factor, info = lapack.dpbtrf(band, lower=1, overwrite_ab=1)
        if info != 0:
            raise np.linalg.LinAlgError("not positive definite")
        return float((self._diagonal / self._factor[0] ** 2).max())

    def diagonal(self) -> FloatArray:
        """diag(H) of the last ``factorise``, ``(S,)``."""
        return np.asarray(self._diagonal[self._place])

    def solve(self, rhs: FloatArray) -> FloatArray:
        """H x = rhs by the last ``factorise``."""
        return np.asarray(lapack.dpbtrs(self._factor, rhs[self._order], lower=1, overwrite_b=1)[0][self._place])

    def solve_chain(self, system: Coordinates, rhs: FloatArray) -> FloatArray:
        """One system with the pattern of a chain, or of its transpose; NaN if it is singular to working precision."""
        width = min(self.width, self.size - 1)
        rows, columns = self._place[system.rows], self._place[system.columns]
        # row 2k + i - j of column j; the k rows above the band take the fill of the pivoting
        places = 2 * width + rows + 3 * width * columns
        band = np.bincount(places, system.values, (3 * width + 1) * self.size).reshape((3 * width + 1, -1), order="F")
        _, _, x, info = lapack.dgbsv(width, width, band, rhs[self._order], overwrite_ab=1, overwrite_b=1)
        return np.asarray(x[self._place]) if info == 0 else np.full_like(rhs, np.nan)

    def _normal(self, weights: FloatArray) -> FloatArray:
        """The lower triangle of H in the band's places, flat."""
        if self._dense is None:
            return np.asarray(self._products @ weights)
        rows = self._dense * np.sqrt(weights)[:, None]
        flat = np.zeros((self.size + 1) * self.size)
        np.matmul(rows.T, rows, out=flat[: self.size**2].reshape(self.size, self.size))
        return flat


def _row_products(matrix: sp.csr_array) -> tuple[FloatArray, Indices, Indices, Indices]:
    """The lower triangles of a_m a_m^T for all rows m: values, i, j with i >= j, and where each row's begin."""
    number = np.arange(matrix.nnz)
    counts = number - np.repeat(matrix.indptr[:-1], np.diff(matrix.indptr)) + 1  # the entries of its row up to itself
    ends = np.cumsum(counts)
    second = np.arange(ends[-1]) - np.repeat(ends - 1 - number, counts)
    values = np.repeat(matrix.data, counts) * matrix.data[second]
    starts = np.concatenate([[0], ends[matrix.indptr[1:] - 1]])
    return values, np.repeat(matrix.indices, counts), matrix.indices[second], starts


def _band_order(first: Indices, second: Indices, size: int) -> NDArray[np.intp]:
    """The reverse Cuthill-McKee order of a symmetric pattern, given by (i, j) or (j, i) of each element, once or more."""
    marked = np.zeros((size, size), dtype=bool)
    marked[first, second] = True
    elements = np.flatnonzero(marked | marked.T)
    starts = np.searchsorted(elements, size * np.arange(size + 1))
    pattern = sp.csr_array((np.ones(len(elements), np.float32), elements % size, starts), shape=(size, size))
    return np.asarray(reverse_cuthill_mckee(pattern, symmetric_mode=True), dtype=np.intp)
