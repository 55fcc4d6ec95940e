"""The iteration of ``interior_point``: predictor-corrector steps until a policy taken from a point is certified."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from alberdice._checks import FloatArray
from alberdice.tabular.flow import FlowProblem, Status
from alberdice.tabular.flow_operator import FlowOperator
from alberdice.tabular.interior_point_certificate import Judge, Judged, by_state, soft_shares
from alberdice.tabular.linear_solver import LinearSolver
from alberdice.tabular.normal_equations import NormalEquations

__all__ = ["Iteration", "Point"]

#: fraction of the way to the boundary
STEP = 0.998
#: a policy is extracted and judged once the iterate's own gap is within this factor of the goal
NEAR = 300.0
#: the centering target falls no lower than this share of the gap that the goal allows
CENTRE_FLOOR = 1e-3
#: what ends the iteration: judged points without progress, steps since the least own gap, a step this short
PATIENCE, STALL, SHORT = 6, 15, 1e-9
#: at alpha = 0, actions below this share of their state's flow are off the optimal face
OFF_FACE = 1e-5
#: at alpha = 0 policy iteration takes over at this relative gap
CROSSOVER = 1e-3
#: relative residuals of the predictor's and the corrector's Newton system, and the most products with their matrix
ACCURACY: dict[LinearSolver, tuple[float, float, int]] = {
    "cholesky": (1e-2, 1e-8, 12),
    "lu": (1e-2, 1e-8, 12),
    "iterative": (1e-2, 1e-5, 2000),  # the predictor only aims
}


@dataclass
class Point:
    """d > 0 and z > 0, ``(M,)``, nu, ``(S,)``, and prices = A nu, ``(M,)``."""

    d: FloatArray
    nu: FloatArray
    z: FloatArray
    prices: FloatArray


@dataclass(frozen=True)
class _Moves:
    """A Newton step: Dd/d and Dz/z, ``(M,)``; Dnu, ``(S,)``, and A Dnu, ``(M,)``."""

    d: FloatArray
    nu: FloatArray
    z: FloatArray
    prices: FloatArray


class Iteration:
    """One problem, its operator and factorisations, and the iteration on them."""

    def __init__(
        self, problem: FlowProblem, kind: LinearSolver, tolerance: float, operator: FlowOperator | None = None
    ) -> None:
        self.problem = problem
        self.kind = kind
        self.tolerance = tolerance
        self.goal = tolerance * problem.unit
        self.alpha = problem.alpha
        self.operator = FlowOperator(problem) if operator is None else operator
        self.judge = Judge(problem, self.operator, kind)
        self.reward = self.judge.reward

    @cached_property
    def equations(self) -> NormalEquations:
        """The Newton systems; a factor's pattern is not formed before one is solved."""
        return NormalEquations(self.operator, self.kind)

    def by(self, kind: LinearSolver) -> Iteration:
        """The same problem by another kind of linear algebra."""
        return self if kind == self.kind else Iteration(self.problem, kind, self.tolerance, self.operator)

    def weighted_log(self, d: FloatArray) -> FloatArray:
        """Alpha log d, ``(M,)``."""
        return self.alpha * np.log(d) if self.alpha > 0 else np.zeros_like(d)

    # -- steps ---------------------------------------------------------------------------------------------------------

    def iterate(self, point: Point, limit: int) -> tuple[Judged, Status, int]:
        """Newton steps until certified, stalled or out of steps; the best judged point, how it ended, steps taken."""
        best: Judged | None = None
        crossed = self.alpha > 0
        least, since_least, fruitless, moved = math.inf, 0, 0, 1.0
        for step in range(limit + 1):
            slope, gap = self.measure(point)
            goal = self.goal
            least, since_least = (gap, 0) if gap < 0.9 * least else (least, since_least + 1)
            if not crossed and gap <= CROSSOVER * self.problem.unit:
                crossed = True
                best = self.judge.vertex(point.d, point.nu)
                if best.certified(self.goal):
                    return best, Status.CERTIFIED, step
            last = step == limit or fruitless >= PATIENCE or since_least >= STALL or not moved >= SHORT
            if last or gap <= NEAR * goal:
                judged = self.extract(point)
                improved = best is None or not judged.gap >= 0.9 * best.gap
                best, fruitless = (judged, 0) if improved else (best, fruitless + 1)
                if judged.certified(self.goal):
                    return judged, Status.CERTIFIED, step
            if last:
                break
            moved = self.advance(point, slope, CENTRE_FLOOR * goal / self.problem.n_rows)
        assert best is not None
        if not math.isfinite(best.gap):
            return best, Status.FAILED, step
        if step < limit and self.kind != "iterative" and not best.limited(self.goal):
            best = self.judge.refined(best, self.goal)
            if best.certified(self.goal):
                return best, Status.CERTIFIED, step
        if best.limited(self.goal):
            return best, Status.LIMITED, step
        return best, Status.ITERATION_LIMIT if step == limit else Status.STALLED, step

    def measure(self, point: Point) -> tuple[FloatArray, float]:
        """The slope alpha (log d + 1) + A nu - c, so that r_d = slope - z, and the point's own gap.

        The gap d.z + d.|r_d| is that between bound and value once the
        flow equations hold, which the extracted policy sees to.
        """
        net = self.weighted_log(point.d) - self.reward
        slope = net + (point.prices + self.alpha)
        return slope, float(point.d @ (point.z + np.abs(slope - point.z)))

    def advance(self, point: Point, slope: FloatArray, floor: float) -> float:
        """One predictor-corrector step in place; returns the shorter step length, NaN if it could not be computed."""
        d, z = point.d, point.z
        products = d * z
        total = float(products.sum())
        divisor = self.alpha + z
        weights = d / divisor
        try:
            self.equations.factorise(weights)
        except (np.linalg.LinAlgError, RuntimeError):
            return math.nan
        aim, accuracy, limit = ACCURACY[self.kind]
        moves = self.direction(point, slope, weights, 0.0, aim, limit)
        t_d, t_z = self.lengths(moves, 1.0)
        predicted = float(products @ ((1.0 + t_d * moves.d) * (1.0 + t_z * moves.z)))
        target = max(min(predicted / total, 1.0) ** 4 * total / len(d), floor)
        moves = self.direction(point, slope, weights, target / products - moves.d * moves.z, accuracy, limit)
        t_d, t_z = self.lengths(moves, STEP)
        d, z = d * (1.0 + t_d * moves.d), z * (1.0 + t_z * moves.z)
        nu = point.nu + t_z * moves.nu
        if not (d.min() > 0 and z.min() > 0 and math.isfinite(float(nu.sum()))):
            return math.nan
        point.d, point.nu, point.z, point.prices = d, nu, z, point.prices + t_z * moves.prices
        return min(t_d, t_z)

    def direction(
        self, point: Point, slope: FloatArray, weights: FloatArray, centre: FloatArray | float, accuracy: float, limit: int
    ) -> _Moves:
        """The Newton step to (d z) ``centre``: r_c = d z (centre - 1), hence r_c/d - r_d = z centre - slope =: push.

        It makes A^T (d + Dd) = b, so that the right-hand side is A^T (w push + d) - b.
        """
        push = point.z * centre - slope
        rhs = self.operator.adjoint(weights * push + point.d) - self.operator.source
        nu = self.equations.solve(rhs, accuracy, limit).x
        prices = self.operator.forward(nu)
        d = (push - prices) / (self.alpha + point.z)
        return _Moves(d, nu, centre - 1.0 - d, prices)

    def lengths(self, moves: _Moves, fraction: float) -> tuple[float, float]:
        """Step lengths of d and of (nu, z): ``fraction`` of the way to the boundary, at most 1."""
        t_d, t_z = min(1.0, fraction * _room(moves.d)), min(1.0, fraction * _room(moves.z))
        return (t_d, t_z) if self.alpha == 0 else (min(t_d, t_z),) * 2

    # -- certificate ---------------------------------------------------------------------------------------------------

    def extract(self, point: Point) -> Judged:
        """The best policy that the point suggests, judged by the bound at its nu."""
        guess = self.operator.per_state(point.d)
        best: Judged | None = None
        for policy in self.policies(point):
            judged = self.judge.policy(policy, guess, point.nu)
            if best is None or judged.value > best.value:
                best = judged
            if best.certified(self.goal):
                break
        assert best is not None
        return best

    def policies(self, point: Point) -> Iterator[FloatArray]:
        """Policies by rows, ``(M,)``, most promising first."""
        state, size = self.problem.state, self.problem.n_states
        share = by_state(point.d, state, size)
        if self.alpha == 0:
            yield by_state(np.where(share < OFF_FACE, 0.0, share), state, size)
        else:
            yield self.soft_policy((self.reward - point.prices) / self.alpha)
        yield share

    def soft_policy(self, exponent: FloatArray) -> FloatArray:
        """exp(exponent) as shares of their state's sum, ``(M,)``."""
        return soft_shares(exponent, self.problem.state, self.problem.n_states)


def _room(relative: FloatArray) -> float:
    """The largest t with 1 + t relative >= 0; infinite if no entry falls."""
    least = float(relative.min())
    return -1.0 / least if not least >= 0 else math.inf
