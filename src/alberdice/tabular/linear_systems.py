"""The linear algebra of the interior-point method: the flow operator, its weighted normal equations, the chain of a policy.

With E[m,s] = 1 if s = s(m), the flow constraints of (3) read A^T d = (1-gamma) p_0 with A = E - gamma P, and every Newton step
solves the Schur complement (normal equations) with positive row weights w. With W_s = sum_{m in s} w_m, P_w[s] = sum_{m in s}
w_m P_m / W_s and Q_m = P_m - P_w[s(m)] it is

    H x = g,     H = A^T diag(w) A = (I - gamma P_w)^T W (I - gamma P_w) + gamma^2 sum_m w_m Q_m Q_m^T.

Weights span many orders of magnitude, but they are graded along the flow: what leaves a state enters the next, so that
d(s') >= gamma P_pi(s,s') d(s). Therefore all that is relative is relative to D = diag(H): H~ = D^{-1/2} H D^{-1/2} has a unit
diagonal and a condition number that depends on gamma and the chain, hardly on the weights. Conjugate gradients on the exact
operator H (two sparse products), judged by the residual in the norm of D^{-1}, are preconditioned by

    "cholesky"   a band Cholesky factor (``band_matrices``), trusted as far as its pivots allow, refined beyond that;
    "lu"         SuperLU in symmetric mode (minimum degree on H~), for graphs that can be cut apart: grids, corridors, trees;
    "iterative"  nothing but the scaling; H is never formed. On graphs that mix, where any factor fills in completely, H~ is
                 well conditioned: gamma times the subdominant eigenvalue of P_w is far from 1, and the one small eigenvalue
                 (constants, about (1-gamma)^2) costs a step or two.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as spla
from numpy.typing import NDArray
from scipy.sparse.csgraph import reverse_cuthill_mckee

from alberdice._checks import FloatArray
from alberdice.errors import InvalidArgumentError, ResourceError
from alberdice.machine import available_memory
from alberdice.tabular.band_matrices import DENSE_PRODUCT, BandForm, Coordinates
from alberdice.tabular.flow import FlowProblem

__all__ = ["LinearSolver", "choose_linear_solver", "estimate_memory"]

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
PAIR = 24


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


@dataclass(frozen=True)
class KrylovResult:
    """x, the relative residual that it reached (or that the factor promises), and the products with H that it took."""

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
        self.products = 0
        makers: dict[LinearSolver, type[_Factor]] = {"cholesky": _BandCholesky, "lu": _SparseLU, "iterative": _Diagonal}
        self._factor = makers[kind](operator)

    def factorise(self, weights: FloatArray) -> None:
        """Take new weights, ``(M,)``, positive."""
        self._weights = weights
        shift = 0.0
        while True:  # relative to the diagonal; conjugate gradients take it back
            try:
                self._promise = self._factor.take(weights, shift)
                return
            except (np.linalg.LinAlgError, RuntimeError):
                if shift > 1e-4:
                    raise
                shift = max(100.0 * shift, 1e-14)

    def solve(self, rhs: FloatArray, tolerance: float, limit: int) -> KrylovResult:
        """Conjugate gradients until the scaled residual has fallen by ``tolerance``, or for ``limit`` products.

        A ``tolerance`` that the factor promises to meet by itself is not checked.
        """
        if tolerance >= self._promise:
            return KrylovResult(self._factor(rhs), self._promise, 0)
        scale = 1.0 / np.sqrt(self._factor.diagonal())
        result = _conjugate_gradients(self._product, rhs, self._factor, scale, tolerance, limit)
        self.products += result.steps
        return result

    def _product(self, x: FloatArray) -> FloatArray:
        return self.operator.adjoint(self._weights * self.operator.forward(x))


class _Factor(Protocol):
    """What preconditions: an approximate inverse of A^T diag(w) A + shift D, applied by a call."""

    def __init__(self, operator: FlowOperator) -> None: ...

    def take(self, weights: FloatArray, shift: float) -> float:
        """New weights, ``(M,)``; LinAlgError or RuntimeError if rounding leaves no factor.

        Returns:
            The relative accuracy of a solve by one call; infinite if that promises nothing.
        """
        ...

    def diagonal(self) -> FloatArray:
        """D, ``(S,)``."""
        ...

    def __call__(self, residual: FloatArray) -> FloatArray: ...


class _Diagonal:
    """D alone."""

    def __init__(self, operator: FlowOperator) -> None:
        self._operator = operator

    def take(self, weights: FloatArray, shift: float) -> float:
        self._diagonal = self._operator.diagonal(weights)
        return math.inf

    def diagonal(self) -> FloatArray:
        return self._diagonal

    def __call__(self, residual: FloatArray) -> FloatArray:
        return residual / self._diagonal


class _SparseLU:
    """SuperLU of the matrix scaled to a unit diagonal."""

    def __init__(self, operator: FlowOperator) -> None:
        self._operator = operator

    def take(self, weights: FloatArray, shift: float) -> float:
        self._diagonal = self._operator.diagonal(weights)
        self._scale = 1.0 / np.sqrt(self._diagonal)
        rows = self._operator.matrix.multiply(np.sqrt(weights)[:, None]).multiply(self._scale).tocsr()
        shifted = sp.csc_array(rows.T @ rows + shift * sp.eye_array(len(self._diagonal)))
        options = {"SymmetricMode": True}
        self._factor = spla.splu(shifted, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options)
        return math.inf

    def diagonal(self) -> FloatArray:
        return self._diagonal

    def __call__(self, residual: FloatArray) -> FloatArray:
        return np.asarray(self._scale * self._factor.solve(self._scale * residual))


class _BandCholesky:
    """Band Cholesky.

    A pivot that is smaller than its diagonal element by a factor has lost as much accuracy to cancellation, so that S u times
    the largest such factor is the accuracy to expect: with the constants' eigenvalue of about (1-gamma)^2, 1e-9 at
    gamma = 0.99.
    """

    def __init__(self, operator: FlowOperator) -> None:
        self._form = operator.band

    def take(self, weights: FloatArray, shift: float) -> float:
        loss = self._form.factorise(weights, shift)
        return math.inf if shift > 0 else self._form.size * EPS * loss

    def diagonal(self) -> FloatArray:
        return self._form.diagonal()

    def __call__(self, residual: FloatArray) -> FloatArray:
        return self._form.solve(residual)


def _conjugate_gradients(
    product: Callable[[FloatArray], FloatArray],
    rhs: FloatArray,
    precondition: Callable[[FloatArray], FloatArray],
    scale: FloatArray,
    tolerance: float,
    limit: int,
) -> KrylovResult:
    """Preconditioned conjugate gradients from 0; returns the point of least scaled residual (it is not monotone)."""
    size = float(np.linalg.norm(scale * rhs))
    x = np.zeros_like(rhs)
    if size == 0:
        return KrylovResult(x, 0.0, 0)
    residual = rhs.copy()
    direction = precondition(residual)
    rho = float(residual @ direction)
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
        norm = float(np.linalg.norm(scale * residual)) / size
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
    converge at rate gamma |lambda_2(P_pi)|. A linear solve goes first, unless that rate is good, and the map repairs its signs.

    Args:
        operator: the flow operator.
        policy: pi(a|s) by rows, ``(M,)``.
        guess: a first x, nonnegative with a positive sum, ``(S,)``.
        kind: how to solve the linear system.
    """
    x = guess / guess.sum()
    if kind == "iterative":
        x, change = flow_sweeps(operator, policy, x, SWEEPS)
        if change <= SETTLED:
            return x

        def leaving(x: FloatArray) -> FloatArray:
            return operator.adjoint(policy * x[operator.state])

        system = spla.LinearOperator((operator.n_states,) * 2, matvec=leaving, dtype=np.float64)
        solved = solve_iteratively(system, operator.source, x)
    else:
        solved = solve_directly(operator, operator.flow_system(policy), operator.source, kind)
        if solved.min() > 0 and math.isfinite(total := float(solved.sum())):
            return np.asarray(solved / total)
    # occupancies below the rounding of the solve may come out negative; the guess has their order of magnitude, and together
    # they stay below rounding, which spares the map from carrying them about
    filled = np.where(solved > 0, solved, np.minimum(x, EPS / len(x)))
    if kind != "iterative" and float(np.abs(filled - solved).sum()) <= 2 * EPS:
        return np.asarray(filled / filled.sum())
    solved = filled
    total = float(solved.sum())
    # a failed solve must not replace a good guess: the sweeps converge from anything that sums to 1
    return flow_sweeps(operator, policy, solved / total if math.isfinite(total) else x, SWEEPS)[0]


def flow_sweeps(operator: FlowOperator, policy: FloatArray, x: FloatArray, limit: int) -> tuple[FloatArray, float]:
    """Repeat x <- (1-gamma) p_0 + gamma P_pi^T x until the 1-norm of the change meets rounding; (x, last change)."""
    change = math.inf
    for _ in range(limit):
        new = operator.source + operator.discount * (operator.inflow @ (policy * x[operator.state]))
        change = float(np.abs(new - x).sum())
        x = new
        if change <= 2 * EPS:
            break
    return x, change


def policy_values(
    operator: FlowOperator, choice: NDArray[np.intp], reward: FloatArray, kind: LinearSolver, guess: FloatArray
) -> FloatArray:
    """V of the policy that takes one row in each state, ``(S,)``: (I - gamma P_pi) V = its rewards; NaN if singular."""
    system = operator.matrix[choice]
    if kind == "iterative":
        return solve_iteratively(system, reward[choice], guess)
    rows = np.repeat(np.arange(operator.n_states), np.diff(system.indptr))
    return solve_directly(operator, Coordinates(system.data, rows, system.indices), reward[choice], kind)


def solve_directly(operator: FlowOperator, system: Coordinates, rhs: FloatArray, kind: LinearSolver) -> FloatArray:
    """One system I - gamma P_pi or its transpose: by a band LU for "cholesky", by a sparse one for "lu".

    NaN if it is singular to working precision; the caller judges the result.
    """
    if kind == "cholesky":
        return operator.band.solve_chain(system, rhs)
    places = (system.rows, system.columns)
    try:
        factor = spla.splu(sp.csc_array((system.values, places), shape=(len(rhs), len(rhs))))
        return np.asarray(factor.solve(rhs))
    except RuntimeError:  # singular to working precision
        return np.full_like(rhs, np.nan)


def solve_iteratively(system: sp.csr_array | spla.LinearOperator, rhs: FloatArray, guess: FloatArray) -> FloatArray:
    """The same by GMRES from ``guess``."""
    return np.asarray(spla.gmres(system, rhs, x0=guess, rtol=1e-14, atol=0.0, restart=40, maxiter=20)[0])


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
    place = np.empty(len(order), dtype=np.intp)
    place[order] = np.arange(len(order))
    first = np.arange(len(order))
    np.minimum.at(first, np.repeat(place, np.diff(square.indptr)), place[square.indices])
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
        Bytes: P in canonical form and its squares, vectors of the iteration, and what the factor takes.
    """
    entry = 12  # a float64 and an int32 column
    common = nnz * (entry + 16) + 30 * 8 * n_rows + 40 * 8 * n_states
    if linear_solver == "iterative":
        return int(common)
    pairs = (nnz / max(n_rows, 1) + 1) ** 2 * n_rows
    if linear_solver == "cholesky":
        dense_rows = nnz > DENSE_PRODUCT * n_rows * n_states
        rows = 16.0 * n_rows * n_states if dense_rows else PAIR * pairs
        return int(common + rows + 30.0 * n_states**2)
    products = 3 * entry * (nnz + n_rows) + entry * min(float(n_states) ** 2, pairs)
    triangle = min(n_states * (n_states + 1) / 2, math.inf if fill is None else fill)
    return int(common + 2 * products + 2 * 1.5 * entry * triangle)


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
