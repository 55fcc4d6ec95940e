"""The linear algebra of the interior-point method: the flow operator, its weighted normal equations, the chain of a policy.

With E[m,s] = 1 if s = s(m), the flow constraints of (3) read A^T d = (1-gamma) p_0 with A = E - gamma P, and every Newton step
solves the Schur complement (normal equations) with positive row weights w. With W_s = sum_{m in s} w_m, P_w[s] = sum_{m in s}
w_m P_m / W_s and Q_m = P_m - P_w[s(m)] it is

    H x = g,     H = A^T diag(w) A = (I - gamma P_w)^T W (I - gamma P_w) + gamma^2 sum_m w_m Q_m Q_m^T.

Weights span many orders of magnitude, but they are graded along the flow: what leaves a state enters the next, so that
d(s') >= gamma P_pi(s,s') d(s). Therefore all systems are solved in the scaled unknowns y = D^{1/2} x, D = diag(H): then
H~ = D^{-1/2} H D^{-1/2} has a unit diagonal and a condition number that depends on gamma and the chain, hardly on the weights.
Conjugate gradients on the exact operator H~ (two sparse products) finish every solve, preconditioned by

    "cholesky"   a dense Cholesky factor of H~: S^3/3 operations, three S x S arrays; one or two steps of refinement;
    "lu"         SuperLU in symmetric mode (minimum degree on H~), for graphs that can be cut apart: grids, corridors, trees;
    "iterative"  nothing but the scaling; H is never formed. On graphs that mix, where any factor fills in completely, H~ is
                 well conditioned: gamma times the subdominant eigenvalue of P_w is far from 1, and the one small eigenvalue
                 (constants, about (1-gamma)^2) costs a step or two.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import scipy.linalg
import scipy.sparse as sp
import scipy.sparse.linalg as spla
from scipy.linalg import lapack
from scipy.sparse.csgraph import reverse_cuthill_mckee

from alberdice._checks import FloatArray
from alberdice.errors import InvalidArgumentError, ResourceError
from alberdice.tabular.flow import FlowProblem

__all__ = ["LinearSolver", "available_memory", "choose_linear_solver", "estimate_memory"]

LinearSolver = Literal["cholesky", "lu", "iterative"]
KINDS: dict[str, LinearSolver] = {"cholesky": "cholesky", "lu": "lu", "iterative": "iterative"}

#: up to this many states a dense factor is fast whatever the graph (0.02 s on one core)
ALWAYS_DENSE = 400
#: above this many states a dense factor costs more than conjugate gradients ever did
NEVER_DENSE = 1000
#: a sparse factor is used if its envelope has at most this share of the dense triangle, and at most so many entries
SPARSE_SHARE, SPARSE_ENTRIES = 0.1, 150_000_000
#: the pattern of A^T A is formed to estimate fill if it takes at most so many products (0.5 GB)
PATTERN_ENTRIES = 20_000_000
#: applications of the flow map before and after a linear solve, and the change that makes the solve unnecessary
SWEEPS, SETTLED = 100, 1e-14
EPS = float(np.finfo(np.float64).eps)
#: bytes at the peak per pair of entries in one row, while the map from weights to A^T diag(w) A is built
PAIR = 84
#: from this density on a dense product forms the normal equations faster than a sparse one
DENSE_PRODUCT = 0.05


class FlowOperator:
    """A = E - gamma P and its transpose, as products with vectors.

    Args:
        problem: the flow problem; P is kept by rows and by columns (two copies), so that both products gather.
    """

    def __init__(self, problem: FlowProblem) -> None:
        self.transition = sp.csr_array(problem.transition)
        if not self.transition.has_canonical_format:  # duplicates would be squared one by one in ``diagonal``
            self.transition = self.transition.copy()
            self.transition.sum_duplicates()
        self.transposed = sp.csr_array(self.transition.T)
        self.state = problem.state
        self.discount = problem.discount
        self.source = (1 - problem.discount) * problem.initial
        self.n_rows, self.n_states = self.transition.shape
        own = np.asarray(self.transition[np.arange(self.n_rows), self.state]).ravel()
        #: weight w_m adds w_m (1 - 2 gamma P[m,s(m)]) to D at s(m), and gamma^2 w_m P[m,s]^2 to D at s
        self._own_share = 1.0 - 2.0 * self.discount * own
        self._squares: sp.csr_array | None = None

    def forward(self, nu: FloatArray) -> FloatArray:
        """A nu = nu[s(m)] - gamma P nu, ``(M,)``."""
        return np.asarray(nu[self.state] - self.discount * (self.transition @ nu))

    def adjoint(self, rows: FloatArray) -> FloatArray:
        """A^T rows: outflow minus discounted inflow, ``(S,)``."""
        return np.asarray(self.per_state(rows) - self.discount * (self.transposed @ rows))

    def per_state(self, rows: FloatArray) -> FloatArray:
        """E^T rows: sums over the rows of each state, ``(S,)``."""
        return np.asarray(np.bincount(self.state, rows, self.n_states), dtype=np.float64)

    def diagonal(self, weights: FloatArray) -> FloatArray:
        """D = diag(A^T diag(w) A), ``(S,)``, without forming the matrix."""
        if self._squares is None:
            t = self.transposed
            self._squares = sp.csr_array((t.data**2, t.indices, t.indptr), shape=t.shape)
        return np.asarray(self.per_state(weights * self._own_share) + self.discount**2 * (self._squares @ weights))

    def matrix(self) -> sp.csr_array:
        """A, sparse ``(M, S)``."""
        ones = (np.ones(self.n_rows), self.state, np.arange(self.n_rows + 1))
        return sp.csr_array(sp.csr_array(ones, shape=(self.n_rows, self.n_states)) - self.discount * self.transition)

    def chain(self, policy: FloatArray) -> sp.csr_array:
        """P_pi = average of the rows of each state with weights ``policy``, sparse ``(S, S)``."""
        pick = sp.csr_array((policy, (self.state, np.arange(self.n_rows))), shape=(self.n_states, self.n_rows))
        return sp.csr_array(pick @ self.transition)


@dataclass(frozen=True)
class KrylovResult:
    """x, the relative residual that it reached, and the products with H that it took."""

    x: FloatArray
    residual: float
    steps: int


class NormalEquations:
    """Solves A^T diag(w) A x = g for one problem and changing weights w.

    Args:
        operator: the flow operator.
        kind: how to precondition, see the module.
    """

    def __init__(self, operator: FlowOperator, kind: LinearSolver) -> None:
        self.operator = operator
        self.kind = kind
        self.products = 0
        self._matrix = operator.matrix() if kind == "lu" else None
        self._dense: FloatArray | None = None
        self._squares: sp.csr_array | None = None
        if kind == "cholesky":
            matrix = operator.matrix()
            if matrix.nnz > DENSE_PRODUCT * math.prod(matrix.shape):
                self._dense = matrix.toarray()
            else:
                self._squares = _row_squares(matrix)

    def factorise(self, weights: FloatArray) -> None:
        """Take new weights, ``(M,)``, positive."""
        self._weights = weights
        if self.kind == "cholesky":
            matrix = self._normal_matrix()
            self._scale = 1.0 / np.sqrt(matrix.diagonal())
            matrix *= self._scale[:, None]
            matrix *= self._scale
            self._precondition = self._preconditioner(lambda shift: _cholesky(matrix, shift))
        elif self.kind == "lu":
            self._scale = 1.0 / np.sqrt(self.operator.diagonal(weights))
            scaled = self._sparse_matrix()
            self._precondition = self._preconditioner(lambda shift: _sparse_lu(scaled, shift))
        else:
            self._scale = 1.0 / np.sqrt(self.operator.diagonal(weights))
            self._precondition = lambda residual: residual

    def solve(self, rhs: FloatArray, tolerance: float, limit: int) -> KrylovResult:
        """Conjugate gradients until the scaled residual has fallen by ``tolerance``, or for ``limit`` products."""
        result = _conjugate_gradients(self._scaled_product, self._scale * rhs, self._precondition, tolerance, limit)
        self.products += result.steps
        return KrylovResult(self._scale * result.x, result.residual, result.steps)

    def _scaled_product(self, y: FloatArray) -> FloatArray:
        rows = self._weights * self.operator.forward(self._scale * y)
        return self._scale * self.operator.adjoint(rows)

    @staticmethod
    def _preconditioner(
        factor: Callable[[float], Callable[[FloatArray], FloatArray]],
    ) -> Callable[[FloatArray], FloatArray]:
        shift = 0.0
        while True:  # the unit diagonal makes the shift relative; conjugate gradients take it back
            try:
                return factor(shift)
            except (np.linalg.LinAlgError, RuntimeError):
                if shift > 1e-4:
                    raise
                shift = max(100.0 * shift, 1e-14)

    def _normal_matrix(self) -> FloatArray:
        """A^T diag(w) A, dense."""
        if self._dense is not None:
            rows = self._dense * np.sqrt(self._weights)[:, None]
            return np.asarray(rows.T @ rows)
        assert self._squares is not None
        return np.asarray(self._squares @ self._weights).reshape(self.operator.n_states, -1)

    def _sparse_matrix(self) -> sp.csr_array:
        """D^{-1/2} A^T diag(w) A D^{-1/2}, sparse."""
        assert self._matrix is not None
        rows = self._matrix.multiply(np.sqrt(self._weights)[:, None]).multiply(self._scale).tocsr()
        return sp.csr_array(rows.T @ rows)


def _row_squares(matrix: sp.csr_array) -> sp.csr_array:
    """The map from weights to A^T diag(w) A as a flat vector: column m holds a_m a_m^T; sparse ``(S^2, M)``."""
    n_rows, n_states = matrix.shape
    lengths = np.diff(matrix.indptr)
    row = np.repeat(np.arange(n_rows), lengths**2)
    place = np.arange(len(row)) - np.repeat(np.cumsum(lengths**2) - lengths**2, lengths**2)
    first = matrix.indptr[row] + place // lengths[row]
    second = matrix.indptr[row] + place % lengths[row]
    flat = matrix.indices[first].astype(np.int64) * n_states + matrix.indices[second]
    return sp.csr_array((matrix.data[first] * matrix.data[second], (flat, row)), shape=(n_states**2, n_rows))


def _cholesky(matrix: FloatArray, shift: float) -> Callable[[FloatArray], FloatArray]:
    shifted = matrix.copy(order="F")
    if shift > 0:
        shifted.reshape(-1, order="A")[:: len(shifted) + 1] += shift
    factor, info = lapack.dpotrf(shifted, lower=1, overwrite_a=1, clean=0)
    if info != 0:
        raise np.linalg.LinAlgError("not positive definite")
    return lambda residual: lapack.dpotrs(factor, residual, lower=1)[0]


def _sparse_lu(matrix: sp.csr_array, shift: float) -> Callable[[FloatArray], FloatArray]:
    shifted = sp.csc_array(matrix + shift * sp.eye_array(matrix.shape[0]))
    options = {"SymmetricMode": True}
    factor = spla.splu(shifted, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options)
    return lambda residual: np.asarray(factor.solve(residual))


def _conjugate_gradients(
    product: Callable[[FloatArray], FloatArray],
    rhs: FloatArray,
    precondition: Callable[[FloatArray], FloatArray],
    tolerance: float,
    limit: int,
) -> KrylovResult:
    """Preconditioned conjugate gradients from 0; returns the point of least residual (the residual is not monotone)."""
    size = float(np.linalg.norm(rhs))
    x = np.zeros_like(rhs)
    if size == 0:
        return KrylovResult(x, 0.0, 0)
    residual = rhs.copy()
    z = precondition(residual)
    direction = z.copy()
    rho = float(residual @ z)
    best, best_x = 1.0, x
    steps = 0
    while steps < limit:
        image = product(direction)
        steps += 1
        curvature = float(direction @ image)
        if not curvature > 0 or not rho > 0:
            break
        length = rho / curvature
        x = x + length * direction
        residual -= length * image
        norm = float(np.linalg.norm(residual)) / size
        if not math.isfinite(norm):
            break
        if norm < best:
            best, best_x = norm, x
        if best <= tolerance:
            break
        z = precondition(residual)
        rho, previous = float(residual @ z), rho
        direction = z + (rho / previous) * direction
    return KrylovResult(best_x, best, steps)


def stationary_flow(operator: FlowOperator, policy: FloatArray, guess: FloatArray, kind: LinearSolver) -> FloatArray:
    """d^pi(s) of the policy, ``(S,)``: x = (1-gamma) p_0 + gamma P_pi^T x, nonnegative.

    The map on the right is a contraction and a sum of nonnegative numbers: its iterates are nonnegative, keep the sum 1, and
    converge at rate gamma |lambda_2(P_pi)|. A linear solve goes first, unless that rate is good; the map repairs its signs.

    Args:
        operator: the flow operator.
        policy: pi(a|s) by rows, ``(M,)``.
        guess: a first x, nonnegative with a positive sum, ``(S,)``.
        kind: how to solve the linear system, see ``solve_chain``.
    """
    x = guess / guess.sum()
    if kind == "iterative":
        x, change = flow_sweeps(operator, policy, x, SWEEPS)
        if change <= SETTLED:
            return x

        def into(x: FloatArray) -> FloatArray:
            return np.asarray(operator.transposed @ (policy * x[operator.state]))

        transposed_chain = spla.LinearOperator((operator.n_states,) * 2, matvec=into, dtype=np.float64)
    else:
        transposed_chain = sp.csr_array(operator.chain(policy).T)
    solved = solve_chain(transposed_chain, operator.discount, operator.source, kind, x)
    # occupancies below the rounding of the solve may come out negative; the guess has their order of magnitude
    solved = np.where(solved > 0, solved, np.minimum(x, EPS))
    total = float(solved.sum())
    # a failed solve must not replace a good guess: the sweeps converge from anything that sums to 1
    return flow_sweeps(operator, policy, solved / total if math.isfinite(total) else x, SWEEPS)[0]


def flow_sweeps(operator: FlowOperator, policy: FloatArray, x: FloatArray, limit: int) -> tuple[FloatArray, float]:
    """Repeat x <- (1-gamma) p_0 + gamma P_pi^T x until the 1-norm of the change meets rounding; (x, last change)."""
    change = math.inf
    for _ in range(limit):
        new = operator.source + operator.discount * (operator.transposed @ (policy * x[operator.state]))
        change = float(np.abs(new - x).sum())
        x = new
        if change <= EPS:
            break
    return x, change


def solve_chain(
    matrix: sp.csr_array | spla.LinearOperator, discount: float, rhs: FloatArray, kind: LinearSolver, guess: FloatArray
) -> FloatArray:
    """One system (I - gamma T) x = rhs: T a chain for values, its transpose for flows.

    "cholesky" takes a dense LU factor, "lu" a sparse one, "iterative" GMRES from ``guess`` (T may then be an operator). NaN if
    the system is singular to working precision; the caller judges the result.
    """
    if kind == "iterative":
        apply = spla.LinearOperator(matrix.shape, matvec=lambda x: x - discount * (matrix @ x), dtype=np.float64)
        return np.asarray(spla.gmres(apply, rhs, x0=guess, rtol=1e-14, atol=0.0, restart=40, maxiter=20)[0])
    system = sp.csc_array(sp.eye_array(len(rhs)) - discount * matrix)
    try:
        if kind == "cholesky":
            return np.asarray(scipy.linalg.solve(system.toarray(), rhs, overwrite_a=True, check_finite=False))
        return np.asarray(spla.splu(system).solve(rhs))
    except (np.linalg.LinAlgError, RuntimeError):  # singular to working precision
        return np.full_like(rhs, np.nan)


def choose_linear_solver(problem: FlowProblem) -> LinearSolver:
    """The cheapest kind for this graph: sparse if the envelope of A^T A stays thin, dense while it is small, else iterative."""
    n_states = problem.n_states
    if n_states <= ALWAYS_DENSE:
        return "cholesky"
    entries = envelope(problem)
    if entries <= min(SPARSE_SHARE * n_states * n_states / 2, SPARSE_ENTRIES):
        return "lu"
    return "cholesky" if n_states <= NEVER_DENSE else "iterative"


def envelope(problem: FlowProblem) -> float:
    """Entries of the envelope of A^T A in reverse Cuthill-McKee order: an upper bound on the fill of a good ordering."""
    counts = np.diff(problem.transition.indptr) + 1.0
    if (counts**2).sum() > PATTERN_ENTRIES:  # not even the pattern is worth its time and memory
        return math.inf
    n_rows, shape = problem.n_rows, problem.transition.shape
    parts = (np.ones(problem.transition.nnz, np.float32), problem.transition.indices, problem.transition.indptr)
    own = (np.ones(n_rows, np.float32), problem.state, np.arange(n_rows + 1))
    pattern = sp.csr_array(sp.csr_array(parts, shape=shape) + sp.csr_array(own, shape=shape))
    square = sp.csr_array(pattern.T @ pattern)
    order = reverse_cuthill_mckee(square, symmetric_mode=True)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    rows = np.repeat(place, np.diff(square.indptr))
    first = np.arange(len(order))
    np.minimum.at(first, rows, place[square.indices])
    return float((np.arange(len(order)) - first + 1).sum())


def estimate_memory(n_rows: int, n_states: int, nnz: int, linear_solver: LinearSolver, fill: float | None = None) -> int:
    """Peak bytes of ``solve_flow`` beyond the problem itself, predicted before any is taken.

    Args:
        n_rows: M.
        n_states: S.
        nnz: stored entries of P.
        linear_solver: "cholesky", "lu" or "iterative".
        fill: entries of the sparse factor's triangle, for "lu" (``envelope`` bounds them); None assumes the worst, S^2/2.

    Returns:
        Bytes: the transposed P and its squares, vectors of the iteration, and what the factor takes.
    """
    entry = 12  # a float64 and an int32 column
    common = nnz * (2 * entry + 8) + 30 * 8 * n_rows + 40 * 8 * n_states
    if linear_solver == "iterative":
        return int(common)
    pairs = (nnz / max(n_rows, 1) + 1) ** 2 * n_rows
    if linear_solver == "cholesky":
        dense_rows = nnz > DENSE_PRODUCT * n_rows * n_states
        rows = 16.0 * n_rows * n_states if dense_rows else PAIR * pairs
        return int(common + rows + 32.0 * n_states**2)
    products = 3 * entry * (nnz + n_rows) + entry * min(float(n_states) ** 2, pairs)
    triangle = min(n_states * (n_states + 1) / 2, math.inf if fill is None else fill)
    return int(common + 2 * products + 2 * 1.5 * entry * triangle)


def available_memory() -> int | None:
    """Bytes of physical memory that can be had without swapping, or None where the system does not tell."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):  # counts the caches that the system would give up
                return 1024 * int(line.split()[1])
        return int(os.sysconf("SC_AVPHYS_PAGES")) * int(os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):
        return None


def resolve(problem: FlowProblem, linear_solver: str) -> LinearSolver:
    """The kind that ``linear_solver`` ("auto" or a kind) stands for, checked against the memory before any is taken.

    Raises:
        InvalidArgumentError: an unknown name.
        ResourceError: it does not fit the memory.
    """
    if linear_solver not in ("auto", *KINDS):
        raise InvalidArgumentError("linear_solver", got=repr(linear_solver), expected="'auto', 'cholesky', 'lu' or 'iterative'")
    kind = choose_linear_solver(problem) if linear_solver == "auto" else KINDS[linear_solver]
    fill = envelope(problem) if kind == "lu" else None
    needed = estimate_memory(problem.n_rows, problem.n_states, problem.transition.nnz, kind, fill)
    present = available_memory()
    if present is not None and needed > present:
        smaller = "use linear_solver='iterative', which takes least"
        raise ResourceError(
            f"linear_solver '{kind}' with {problem.n_rows} rows and {problem.n_states} states",
            got=f"{present / 2**30:.2f} GiB of free memory",
            expected=f"at least {needed / 2**30:.2f} GiB",
            remedy=smaller if kind != "iterative" else "use a machine with more memory, or a smaller model",
        )
    return kind
