"""The flow operator A = E - gamma P, E[m,s] = 1 if s = s(m): A^T d = (1-gamma) p_0 are the flow constraints of (3)."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import scipy.sparse as sp

from alberdice._checks import FloatArray
from alberdice.tabular.band_matrices import BandForm, Coordinates
from alberdice.tabular.flow import FlowProblem

__all__ = ["EPS", "FlowOperator"]

EPS = float(np.finfo(np.float64).eps)


class FlowOperator:
    """A = E - gamma P and its transpose, as products with vectors.

    A is kept by rows only: A^T r scatters by them, which beats the gathering product of a copy by columns, for M > S.

    Attributes:
        matrix: A, sparse ``(M, S)``, without repeated entries.
        source: (1-gamma) p_0, ``(S,)``.
    """

    def __init__(self, problem: FlowProblem) -> None:
        self.state = problem.state
        self.discount = problem.discount
        self.source = (1 - problem.discount) * problem.initial
        self.transition = problem.transition
        self.n_rows, self.n_states = problem.transition.shape
        self.matrix = _flow_matrix(problem)
        self._transposed = self.matrix.T

    @cached_property
    def inflow(self) -> sp.csc_array:
        """P^T, sparse ``(S, M)``, sharing the problem's memory."""
        return self.transition.T

    def forward(self, nu: FloatArray) -> FloatArray:
        """A nu = nu[s(m)] - gamma P nu, ``(M,)``."""
        return np.asarray(self.matrix @ nu)

    def adjoint(self, rows: FloatArray) -> FloatArray:
        """A^T rows: outflow minus discounted inflow, ``(S,)``."""
        return np.asarray(self._transposed @ rows)

    def per_state(self, rows: FloatArray) -> FloatArray:
        """E^T rows: sums over the rows of each state, ``(S,)``."""
        return np.asarray(np.bincount(self.state, rows, self.n_states), dtype=np.float64)

    def diagonal(self, weights: FloatArray) -> FloatArray:
        """D = diag(A^T diag(w) A), ``(S,)``, without forming the matrix."""
        return np.asarray(self._squares @ weights)

    @cached_property
    def _squares(self) -> sp.csc_array:
        matrix = self._transposed
        return sp.csc_array((matrix.data**2, matrix.indices, matrix.indptr), shape=matrix.shape)

    @cached_property
    def band(self) -> BandForm:
        """The band of A^T A, for the direct solutions of small problems."""
        return BandForm(self.matrix)

    def flow_system(self, policy: FloatArray) -> Coordinates:
        """I - gamma P_pi^T = A^T diag(pi) E for a policy by rows, sparse ``(S, S)``."""
        lengths = np.diff(self.matrix.indptr)
        return Coordinates(self.matrix.data * np.repeat(policy, lengths), self.matrix.indices, np.repeat(self.state, lengths))


def _flow_matrix(problem: FlowProblem) -> sp.csr_array:
    """A = E - gamma P, sparse ``(M, S)``: each row's entry of E written before its entries of P, then repetitions added up."""
    moves = problem.transition
    starts = moves.indptr + np.arange(problem.n_rows + 1, dtype=moves.indptr.dtype)
    own = starts[:-1]
    rest = np.ones(starts[-1], dtype=bool)
    rest[own] = False
    values, columns = np.ones(starts[-1]), np.empty(starts[-1], dtype=moves.indices.dtype)
    values[rest], columns[rest] = -problem.discount * moves.data, moves.indices
    columns[own] = problem.state
    matrix = sp.csr_array((values, columns, starts), shape=moves.shape)
    matrix.sum_duplicates()
    return matrix
