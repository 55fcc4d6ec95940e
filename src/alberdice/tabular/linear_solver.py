"""Which of the three kinds of ``normal_equations`` a problem gets, by its graph; checked against the memory."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import reverse_cuthill_mckee

from alberdice.errors import InvalidArgumentError, ResourceError
from alberdice.machine import available_memory
from alberdice.tabular.band_matrices import DENSE_PRODUCT
from alberdice.tabular.elimination import hubs
from alberdice.tabular.flow import FlowProblem

__all__ = ["LinearSolver", "choose_linear_solver", "estimate_memory", "resolve"]

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
#: bytes at the peak per pair of entries in one row, while the map from weights to A^T diag(w) A is built
PAIR = 24


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
    """Entries of the envelope of A^T A in reverse Cuthill-McKee order, hubs last: a bound on the fill of a good ordering."""
    counts = np.diff(problem.transition.indptr) + 1.0
    if (counts**2).sum() > PATTERN_ENTRIES:  # not even the pattern is worth its time and memory
        return math.inf
    n_rows, shape = problem.n_rows, problem.transition.shape
    parts = (np.ones(problem.transition.nnz, np.float32), problem.transition.indices, problem.transition.indptr)
    own = (np.ones(n_rows, np.float32), problem.state, np.arange(n_rows + 1))
    pattern = sp.csr_array(sp.csr_array(parts, shape=shape) + sp.csr_array(own, shape=shape))
    square = sp.csr_array(pattern.T @ pattern)
    crowded = hubs(square)
    rest = square if not crowded.any() else square[~crowded][:, ~crowded]
    order = reverse_cuthill_mckee(rest, symmetric_mode=True)
    place = np.empty(len(order), dtype=np.intp)
    place[order] = np.arange(len(order))
    first = np.arange(len(order))
    np.minimum.at(first, np.repeat(place, np.diff(rest.indptr)), place[rest.indices])
    return float((np.arange(len(order)) - first + 1).sum()) + float(crowded.sum()) * problem.n_states


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
