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

This Schur complement is positive definite, for A has full column rank; ``normal_equations`` solves it. The multiplier z is what
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

from dataclasses import dataclass

import numpy as np

from alberdice import _checks
from alberdice.tabular.first_order import FAST, mixing_rate
from alberdice.tabular.flow import FlowProblem, FlowSolution, Status
from alberdice.tabular.interior_point_certificate import Judged
from alberdice.tabular.interior_point_iteration import Iteration
from alberdice.tabular.interior_point_starts import cold_point, first_point, uniform, warm_point
from alberdice.tabular.linear_solver import ALWAYS_DENSE, LinearSolver, estimate_memory, resolve

__all__ = ["FlowProblem", "FlowSolution", "InteriorPointSolution", "Status", "estimate_memory", "solve_flow"]

#: up to so many states direct solutions are always quick (measured)
FEW_STATES = 150


@dataclass(frozen=True)
class InteriorPointSolution(FlowSolution):
    """A solution by ``solve_flow``; nu is scaled such that d = exp(e_nu/alpha - 1), the minimiser of (14) (at alpha = 0: V*).

    Attributes:
        linear_solver: what solved the Newton systems.
        warm_started: whether ``start`` led here; False if it was not given, did not fit, or was given up.
    """

    linear_solver: LinearSolver = "cholesky"
    warm_started: bool = False


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
        linear_solver: "auto", "cholesky", "lu" or "iterative", see ``normal_equations``.

    Returns:
        occupancy and value in reward per step, nu in discounted reward, and the certificate.

    Raises:
        ResourceError: the linear solver would need more memory than there is.
        InvalidArgumentError: an option out of its range.
    """
    tolerance = _checks.real_number(tolerance, "tolerance", low=0.0)
    limit = _checks.whole_number(max_iterations, "max_iterations", low=1)
    automatic = linear_solver == "auto" and (problem.n_states > ALWAYS_DENSE or _few_sweeps(problem))
    kind = resolve(problem, "iterative" if automatic else linear_solver)
    run = Iteration(problem, kind, tolerance)
    if problem.alpha == 0 and run.judge.span == 0:  # every policy is optimal
        return _solution(problem, uniform(run), Status.CERTIFIED, 0, kind, warm=False)
    fits = start is not None and _fits(problem, start)
    near = first_point(run) if not fits and linear_solver in ("auto", "iterative") else None
    if near is not None and near.certified(run.goal):
        return _solution(problem, near, Status.CERTIFIED, 0, kind, warm=False)
    if automatic:
        run = run.by(resolve(problem, linear_solver))
    used = 0
    if start is not None and fits:
        judged, status, used = run.iterate(warm_point(run, start), max(1, limit // 3))
        if status is Status.CERTIFIED:  # rounding is worth much at multipliers far from the answer
            return _solution(problem, judged, status, used, run.kind, warm=True)
    if near is not None and problem.alpha == 0 and automatic and run.kind != "iterative":
        judged = run.judge.vertex(near.d, near.nu)  # sweeps are slow here, direct solutions are not
        if judged.certified(run.goal):
            return _solution(problem, judged, Status.CERTIFIED, used, run.kind, warm=False)
    judged, status, steps = run.iterate(cold_point(run), limit - used)
    return _solution(problem, judged, status, used + steps, run.kind, warm=False)


def _few_sweeps(problem: FlowProblem) -> bool:
    """Whether sweeps alone solve a small problem sooner than direct solutions."""
    return problem.alpha == 0 and problem.n_states > FEW_STATES and mixing_rate(problem) <= FAST


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
