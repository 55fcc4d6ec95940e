"""The normal equations of the interior-point method's Newton steps, solved by one of three means.

With E[m,s] = 1 if s = s(m), the flow constraints of (3) read A^T d = (1-gamma) p_0 with A = E - gamma P, and every Newton step
solves the Schur complement (normal equations) with positive row weights w. With W_s = sum_{m in s} w_m, P_w[s] = sum_{m in s}
w_m P_m / W_s and Q_m = P_m - P_w[s(m)] it is

    H x = g,     H = A^T diag(w) A = (I - gamma P_w)^T W (I - gamma P_w) + gamma^2 sum_m w_m Q_m Q_m^T.

Weights span many orders of magnitude, but they are graded along the flow: what leaves a state enters the next, so that
d(s') >= gamma P_pi(s,s') d(s). Therefore all that is relative is relative to D = diag(H): H~ = D^{-1/2} H D^{-1/2} has a unit
diagonal and a condition number that depends on gamma and the chain, hardly on the weights. Conjugate gradients on the exact
operator H (two sparse products), judged by the residual in the norm of D^{-1}, are preconditioned by

    "cholesky"   a band Cholesky factor (``band_matrices``), trusted as far as its pivots allow, refined beyond that;
    "lu"         SuperLU, symmetric (minimum degree, hubs last), for graphs that can be cut apart: grids, chains, trees;
    "iterative"  nothing but the scaling; H is never formed. On graphs that mix, where any factor fills in completely, H~ is
                 well conditioned: gamma times the subdominant eigenvalue of P_w is far from 1, and the one small eigenvalue
                 (constants, about (1-gamma)^2) costs a step or two.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import scipy.sparse as sp

from alberdice._checks import FloatArray
from alberdice.tabular.elimination import factor_in_order
from alberdice.tabular.flow_operator import EPS, FlowOperator
from alberdice.tabular.linear_solver import LinearSolver

__all__ = ["KrylovResult", "NormalEquations"]


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
    """SuperLU of the matrix scaled to a unit diagonal, its states in an order of little fill that is found once."""

    def __init__(self, operator: FlowOperator) -> None:
        self._operator = operator
        self._order = operator.order
        self._columns = sp.csr_array(operator.matrix[:, self._order])

    def take(self, weights: FloatArray, shift: float) -> float:
        self._diagonal = self._operator.diagonal(weights)
        self._scale = 1.0 / np.sqrt(self._diagonal[self._order])
        rows = self._columns.multiply(np.sqrt(weights)[:, None]).multiply(self._scale).tocsr()
        shifted = sp.csc_array(rows.T @ rows + shift * sp.eye_array(len(self._diagonal)))
        self._factor = factor_in_order(shifted)
        return math.inf

    def diagonal(self) -> FloatArray:
        return self._diagonal

    def __call__(self, residual: FloatArray) -> FloatArray:
        solved = np.empty_like(residual)
        solved[self._order] = self._scale * self._factor.solve(self._scale * residual[self._order])
        return solved


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
