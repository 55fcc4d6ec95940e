"""The flow operator A = E - gamma P, E[m,s] = 1 if s = s(m): A^T d = (1-gamma) p_0 are the flow constraints of (3)."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from alberdice._checks import FloatArray
from alberdice.tabular.band_matrices import BandForm, Coordinates
from alberdice.tabular.elimination import elimination_order
from alberdice.tabular.flow import FlowProblem

__all__ = ["EPS", "FlowOperator"]

EPS = float(np.finfo(np.float64).eps)


class FlowOperator:
    """A = E - gamma P and its transpose, as products with vectors.

    Kept by rows only: A^T r scatters by them, which beats the gathering product of a copy by columns, for M > S. At alpha = 0
    few products are made, by P itself, unless the matrix is asked for: putting it together would take as long as all of them.

    Attributes:
        source: (1-gamma) p_0, ``(S,)``.
    """

    def __init__(self, problem: FlowProblem) -> None:
        self.state = problem.state
        self.discount = problem.discount
        self.source = (1 - problem.discount) * problem.initial
        self.transition = problem.transition
        self.n_rows, self.n_states = problem.transition.shape
        self._problem = problem
        self._inflow = self.transition.T
        self._matrix: sp.csr_array | None = None
        if problem.alpha > 0:
            self._put_together()

    @property
    def matrix(self) -> sp.csr_array:
        """A, sparse ``(M, S)``, without repeated entries."""
        return self._matrix if self._matrix is not None else self._put_together()

    def _put_together(self) -> sp.csr_array:
        self._matrix = matrix = _flow_matrix(self._problem)
        self._transposed = matrix.T
        return matrix

    def forward(self, nu: FloatArray) -> FloatArray:
        """A nu = nu[s(m)] - gamma P nu, ``(M,)``."""
        if self._matrix is not None:
            return np.asarray(self._matrix @ nu)
        return np.asarray(nu[self.state] - self.transition @ (self.discount * nu))

    def adjoint(self, rows: FloatArray) -> FloatArray:
        """A^T rows: outflow minus discounted inflow, ``(S,)``."""
        if self._matrix is not None:
            return np.asarray(self._transposed @ rows)
        return np.asarray(self.per_state(rows) - self._inflow @ (self.discount * rows))

    def per_state(self, rows: FloatArray) -> FloatArray:
        """E^T rows: sums over the rows of each state, ``(S,)``."""
        return np.asarray(np.bincount(self.state, rows, self.n_states), dtype=np.float64)

    def diagonal(self, weights: FloatArray) -> FloatArray:
        """D = diag(A^T diag(w) A), ``(S,)``, without forming the matrix."""
        return np.asarray(self._squares @ weights)

    @cached_property
    def _squares(self) -> sp.csc_array:
        matrix = self.matrix.T
        return sp.csc_array((matrix.data**2, matrix.indices, matrix.indptr), shape=matrix.shape)

    @cached_property
    def band(self) -> BandForm:
        """The band of A^T A, for the direct solutions of small problems."""
        return BandForm(self.matrix)

    def chain(self, policy: FloatArray) -> sp.csr_array:
        """Gamma P_pi, sparse ``(S, S)``, entries of one place not added up: made once, it makes a sweep one product."""
        rows = np.flatnonzero(policy)
        if 2 * len(rows) < len(policy):  # a deterministic policy's: the other rows carry nothing
            moves, share, state = self.transition[rows], policy[rows], self.state[rows]
        else:
            moves, share, state = self.transition, policy, self.state
        if (np.diff(state) < 0).any():
            order = np.argsort(state, kind="stable")
            moves, share, state = moves[order], share[order], state[order]
        starts = moves.indptr[np.searchsorted(state, np.arange(self.n_states + 1))]
        values = moves.data * np.repeat(self.discount * share, np.diff(moves.indptr))
        return sp.csr_array((values, moves.indices, starts), shape=(self.n_states, self.n_states))

    @cached_property
    def order(self) -> NDArray[np.intp]:
        """In which order sparse factors eliminate states, ``(S,)``."""
        return elimination_order(self.matrix)

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
