"""A primal-dual interior-point method for the regularised flow problem: the best response (2)-(3), with its certificate.

Problem (``flow.FlowProblem``), dual and proof. With A = E - gamma P, E[m,s] = 1 if s = s(m), and b = (1-gamma) p_0,

    max_{d >= 0}  c.d - alpha sum_m d_m log d_m     s.t.  A^T d = b,
    U(nu) = b.nu + alpha log sum_m exp(e_m / alpha),   e = c - A nu       (31);  b.nu + max_m e_m at alpha = 0.

U(nu) >= value(d) for every nu and every feasible d, whoever computed them. The method stops on nothing else than
``U(nu) - value(d) <= tolerance (unit of rewards + alpha)``, at a d that solves the flow equations of its own policy
(``interior_point_certificate``).

KKT system, with multipliers z of d >= 0 and a barrier parameter mu -> 0:

    alpha (log d + 1) + A nu - c - z = 0,      A^T d = b,      d_m z_m = mu.

Newton step, with residuals r_d, r_p = b - A^T d and r_c = (target of d z) - d z:

    (alpha/d) Dd + A Dnu - Dz = -r_d,     A^T Dd = r_p,     z Dd + d Dz = r_c.

1/d times the last, added to the first, removes Dz and leaves the diagonal (alpha + z)/d before Dd. With w = d/(alpha + z),

    A^T diag(w) A Dnu = A^T w (r_c/d - r_d) - r_p,    Dd = w (r_c/d - r_d - A Dnu),    Dz = (r_c - z Dd)/d.

This Schur complement is positive definite, for A has full column rank; ``linear_systems`` solves it. The multiplier z is what
makes the method work where Newton's method on (31) alone fails: rows whose true occupancy exp(e/alpha - 1) is far below the
smallest float are led along d = mu/z, as in linear programming, and the same code solves alpha = 0.

Start: d = mostly the flow of the policy pi(a|s) ~ exp(c/T), the rest 1/M; nu constant; z = alpha (log d + 1) + A nu - c: then
d, z > 0 and r_d = 0. T = alpha, which is exact for one state, but at least an eighth of the range of c: rewards to come count
too. The policy's flow alone would be feasible, but can be as small as |A|^-S (a combination lock), and growth per step is
limited; 1/M alone is far from feasible on long corridors. The mixture violates (3), and the steps remove the violation.

Centering (Mehrotra): a predictor with target 0 predicts mu', which sets the corrector's target sigma mu - Dd Dz,
sigma = (mu'/mu)^4; both share one factorisation. For alpha > 0, d and z take one step length, because r_d couples them.

End: from nu the policy pi(a|s) ~ exp(e/alpha) (35), or from d the policy d / sum_a d; either one's error enters the value
squared. At alpha = 0 policy iteration finishes from the most used actions once the gap is below 0.1 %: the answer is a vertex,
a deterministic policy, and nu = V^pi its exact certificate.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import entr

from alberdice import _checks
from alberdice._checks import FloatArray
from alberdice.tabular.first_order import first_multipliers
from alberdice.tabular.flow import FlowProblem, FlowSolution, Status
from alberdice.tabular.interior_point_certificate import Judge, Judged, best_rows, by_state, soft_maximum, soft_shares
from alberdice.tabular.linear_systems import (
    EPS,
    FlowOperator,
    LinearSolver,
    NormalEquations,
    estimate_memory,
    flow_sweeps,
    resolve,
    stationary_flow,
)

__all__ = ["FlowProblem", "FlowSolution", "InteriorPointSolution", "Status", "estimate_memory", "solve_flow"]

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
#: the cold start: flow sweeps from p_0, the range that the exponent of its policy keeps unless alpha does, the share of the
#: uniform point, and the least z as a share of the slope's spread (all measured on Bridge and on random problems)
START_SWEEPS, START_RANGE, START_UNIFORM, START_MARGIN = 20, 8.0, 0.3, 0.03
#: at alpha = 0 policy iteration takes over at this relative gap
CROSSOVER = 1e-3
#: a warm start mixes in at most this share of the uniform point; its d z is at least this share of the average (measured)
WARM_SHARE, WARM_CENTRE = 0.01, 0.01
#: relative residuals of the predictor's and the corrector's Newton system, and the most products with their matrix
ACCURACY: dict[LinearSolver, tuple[float, float, int]] = {
    "cholesky": (1e-2, 1e-8, 12),
    "lu": (1e-2, 1e-8, 12),
    "iterative": (1e-2, 1e-5, 2000),  # the predictor only aims
}


@dataclass(frozen=True)
class InteriorPointSolution(FlowSolution):
    """A solution by ``solve_flow``; nu is scaled such that d = exp(e_nu/alpha - 1), the minimiser of (14) (at alpha = 0: V*).

    Attributes:
        linear_solver: what solved the Newton systems.
        warm_started: whether ``start`` led here; False if it was not given, did not fit, or was given up.
    """

    linear_solver: LinearSolver = "cholesky"
    warm_started: bool = False


@dataclass
class _Point:
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


def solve_flow(
    problem: FlowProblem,
    *,
    start: FlowSolution | None = None,
    tolerance: float = 1e-10,
    max_iterations: int = 60,
    linear_solver: str = "auto",
) -> InteriorPointSolution:
    """Maximise c.d - alpha sum d log d over the flow polytope, equations (2)-(3), with a proof of optimality.

    Never raises for lack of convergence: look at ``status``, whose ``advice`` says what to try next. Deterministic.

    Args:
        problem: the problem; every state has a row and is reachable.
        start: the solution of a nearby problem of the same shape; given up for a cold start if it does not help.
        tolerance: certified means ``gap <= tolerance * problem.unit`` and a flow residual of at most 1e-10.
        max_iterations: Newton steps (predictor and corrector count as one), those of a failed warm start included.
        linear_solver: "auto", "cholesky", "lu" or "iterative", see ``linear_systems``.

    Returns:
        occupancy and value in reward per step, nu in discounted reward, and the certificate.

    Raises:
        ResourceError: the linear solver would need more memory than there is.
        InvalidArgumentError: an option out of its range.
    """
    tolerance = _checks.real_number(tolerance, "tolerance", low=0.0)
    limit = _checks.whole_number(max_iterations, "max_iterations", low=1)
    kind = resolve(problem, linear_solver)
    run = _Run(problem, kind, tolerance)
    if problem.alpha == 0 and run.judge.span == 0:  # every policy is optimal
        return _solution(problem, run.uniform(), Status.CERTIFIED, 0, kind, warm=False)
    used = 0
    if start is not None and _fits(problem, start):
        judged, status, used = run.iterate(run.warm_point(start), max(1, limit // 3))
        if status is Status.CERTIFIED:  # rounding is worth much at multipliers far from the answer
            return _solution(problem, judged, status, used, kind, warm=True)
    near = run.first_point() if kind == "iterative" else None
    if near is not None and near.certified(run.goal):
        return _solution(problem, near, Status.CERTIFIED, used, kind, warm=False)
    judged, status, steps = run.iterate(run.cold_point(), limit - used)
    return _solution(problem, judged, status, used + steps, kind, warm=False)


def _fits(problem: FlowProblem, start: FlowSolution) -> bool:
    shapes = start.occupancy.shape == (problem.n_rows,) and start.nu.shape == (problem.n_states,)
    return bool(shapes and np.isfinite(start.occupancy).all() and np.isfinite(start.nu).all() and (start.occupancy > 0).any())


def _solution(
    problem: FlowProblem, judged: Judged, status: Status, steps: int, kind: LinearSolver, *, warm: bool
) -> InteriorPointSolution:
    shift = float(problem.reward.max())
    return InteriorPointSolution(
        occupancy=judged.d,
        nu=judged.nu,
        value=judged.value + shift,
        upper_bound=judged.bound + shift,
        gap=judged.gap,
        flow_residual=judged.residual,
        iterations=steps,
        status=status,
        rounding=judged.rounding,
        unit=problem.unit,
        linear_solver=kind,
        warm_started=warm,
    )


class _Run:
    """One problem, its operator and factorisations, and the iteration on them."""

    def __init__(self, problem: FlowProblem, kind: LinearSolver, tolerance: float) -> None:
        self.problem = problem
        self.kind = kind
        self.goal = tolerance * problem.unit
        self.alpha = problem.alpha
        self.operator = FlowOperator(problem)
        self.equations = NormalEquations(self.operator, kind)
        self.judge = Judge(problem, self.operator, kind)
        self.reward = self.judge.reward

    # -- points --------------------------------------------------------------------------------------------------------

    def weighted_log(self, d: FloatArray) -> FloatArray:
        """Alpha log d, ``(M,)``."""
        return self.alpha * np.log(d) if self.alpha > 0 else np.zeros_like(d)

    def cold_point(self) -> _Point:
        """The start of the module's text; nu = k adds (1-gamma) k to z, so that z > 0 with r_d = 0."""
        n_rows, state = self.problem.n_rows, self.problem.state
        heat = max(self.alpha, float(np.ptp(self.reward)) / START_RANGE)
        policy = self.soft_policy(self.reward / heat if heat > 0 else self.reward)
        mass = self.start_flow(policy)
        d = (1 - START_UNIFORM) * policy * mass[state] + START_UNIFORM / n_rows
        slope = self.reward - self.weighted_log(d) - self.alpha
        spread = float(np.ptp(slope))
        top = float(slope.max()) + (START_MARGIN * spread if spread > 0 else self.problem.unit or 1.0)
        nu = np.full(self.problem.n_states, top / (1 - self.problem.discount))
        return _Point(d, nu, top - slope, np.full(n_rows, top))

    def uniform(self) -> Judged:
        """The uniform policy, judged at nu = 0."""
        policy = by_state(np.ones(self.problem.n_rows), self.problem.state, self.problem.n_states)
        return self.judge.policy(policy, self.start_flow(policy), np.zeros(self.problem.n_states))

    def first_point(self) -> Judged | None:
        """What a first-order method finds on a graph that mixes, judged as any answer is."""
        nu = first_multipliers(self.problem, self.operator, self.reward)
        if nu is None:
            return None
        e = self.reward - self.operator.forward(nu)
        if self.alpha == 0:
            chosen = np.zeros(self.problem.n_rows)
            chosen[best_rows(e, self.problem.state)] = 1.0
            mass = np.full(self.problem.n_states, 1.0 / self.problem.n_states)
            return self.judge.vertex(chosen * mass[self.problem.state], nu)
        policy = self.soft_policy(e / self.alpha)
        return self.judge.policy(policy, np.full(self.problem.n_states, 1.0), nu)

    def start_flow(self, policy: FloatArray) -> FloatArray:
        """D^pi(s), ``(S,)``; some sweeps of the flow map are enough where no direct solution is at hand."""
        if self.kind == "iterative":
            return flow_sweeps(self.operator, policy, self.problem.initial, START_SWEEPS)[0]
        return stationary_flow(self.operator, policy, np.ones(self.problem.n_states), self.kind)

    def warm_point(self, start: FlowSolution) -> _Point:
        """The old solution moved off the boundary, by no more than its error in this problem.

        d is mixed with the uniform point, with a share that costs about as much as ``gap``, the old point's gap here (the flow
        equations that it now violates are charged at the prices nu); z takes up the dual residual where that is positive, and
        d z is kept above a fraction of the average that ``gap`` implies.
        """
        d = np.maximum(start.occupancy, 0.0)
        d /= d.sum()
        nu = start.nu - float(self.problem.initial @ start.nu)
        prices = self.operator.forward(nu)
        e = self.reward - prices
        bound = soft_maximum(e, self.alpha) + float(self.operator.source @ nu)
        value = float(d @ self.reward + self.alpha * entr(d).sum())
        violation = float(np.abs(self.operator.source - self.operator.adjoint(d)) @ np.abs(nu))
        gap = max(abs(bound - value) + violation, self.goal, EPS * self.problem.unit)
        share = min(WARM_SHARE, gap / max(float((e.max() - e).mean()), gap))
        d = (1 - share) * d + share / len(d)
        nu, prices = nu + (bound - self.alpha) / (1 - self.problem.discount), prices + (bound - self.alpha)
        slope = self.weighted_log(d) + self.alpha + prices - self.reward
        return _Point(d, nu, np.maximum(slope, WARM_CENTRE * gap / (len(d) * d)), prices)

    # -- iteration -----------------------------------------------------------------------------------------------------

    def iterate(self, point: _Point, limit: int) -> tuple[Judged, Status, int]:
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

    def measure(self, point: _Point) -> tuple[FloatArray, float]:
        """The slope alpha (log d + 1) + A nu - c, so that r_d = slope - z, and the point's own gap.

        The gap d.z + d.|r_d| is that between bound and value once the
        flow equations hold, which the extracted policy sees to.
        """
        net = self.weighted_log(point.d) - self.reward
        slope = net + (point.prices + self.alpha)
        return slope, float(point.d @ (point.z + np.abs(slope - point.z)))

    def advance(self, point: _Point, slope: FloatArray, floor: float) -> float:
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
        self, point: _Point, slope: FloatArray, weights: FloatArray, centre: FloatArray | float, accuracy: float, limit: int
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

    def extract(self, point: _Point) -> Judged:
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

    def policies(self, point: _Point) -> Iterator[FloatArray]:
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
