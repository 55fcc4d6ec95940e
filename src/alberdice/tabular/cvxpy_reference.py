"""The reference route: the flow problem as an exponential-cone programme, cvxpy with Clarabel.

    maximise  c.d + alpha sum_m entr(d_m)   s.t. the flow constraints,      entr(x) = -x log x

Slower and less exact than the interior-point method of this package, and independent of it. Its answer is not taken on
trust: the point is made exactly feasible, the multipliers give an upper bound, and only a small gap counts as certified.
"""

from __future__ import annotations

import warnings
from dataclasses import replace

import cvxpy as cp
import numpy as np
import scipy.sparse as sp

from alberdice._checks import FloatArray
from alberdice.tabular.flow import (
    FlowProblem,
    FlowSolution,
    Status,
    feasible_point,
    flow_residual,
    primal_value,
    upper_bound,
)

__all__ = ["solve_flow_by_cvxpy"]

#: largest violation of a flow constraint in a certified answer
RESIDUAL = 1e-9


def solve_flow_by_cvxpy(problem: FlowProblem, *, tolerance: float = 1e-4) -> FlowSolution:
    """Solve by cvxpy and Clarabel; CERTIFIED iff gap <= tolerance * problem.unit, whatever the solver's own status says."""
    shift = float(problem.reward.max())
    problem = replace(problem, reward=problem.reward - shift, reward_unit=problem.unit - problem.alpha)
    primal, nu, iterations = _solve(problem)
    if primal is None or nu is None:
        empty = np.full(problem.n_rows, np.nan)
        nothing = np.full(problem.n_states, np.nan)
        return FlowSolution(empty, nothing, -np.inf, np.inf, np.inf, np.inf, iterations, Status.FAILED)
    point = feasible_point(problem, np.maximum(primal, 0.0))
    value, bound = primal_value(problem, point), upper_bound(problem, nu)
    residual = flow_residual(problem, point)
    good = bound - value <= tolerance * problem.unit and residual <= RESIDUAL
    status = Status.CERTIFIED if good else Status.STALLED
    gap = bound - value
    return FlowSolution(point, nu, value + shift, bound + shift, gap, residual, iterations, status, unit=problem.unit)


def _solve(problem: FlowProblem) -> tuple[FloatArray | None, FloatArray | None, int]:
    d = cp.Variable(problem.n_rows, nonneg=True)
    rows = np.arange(problem.n_rows)
    out = sp.csr_array((np.ones(problem.n_rows), (problem.state, rows)), shape=(problem.n_states, problem.n_rows))
    balance = sp.csr_array(out - problem.discount * problem.transition.T)
    flow = balance @ d == (1 - problem.discount) * problem.initial
    # Scaled, so that the solver's absolute tolerances mean the same for rewards of any size.
    scale = max(float(np.ptp(problem.reward)), problem.alpha) or 1.0
    goal = (problem.reward / scale) @ d
    if problem.alpha > 0:
        goal = goal + (problem.alpha / scale) * cp.sum(cp.entr(d))
    programme = cp.Problem(cp.Maximize(goal), [flow])
    try:
        with warnings.catch_warnings():
            # "may be inaccurate": the certificate decides, not the solver's word.
            warnings.simplefilter("ignore", UserWarning)
            programme.solve(solver=cp.CLARABEL)
    except cp.error.SolverError:
        return None, None, 0
    iterations = int(getattr(programme.solver_stats, "num_iters", 0) or 0)
    if d.value is None or flow.dual_value is None:
        return None, None, iterations
    return np.asarray(d.value), scale * np.asarray(flow.dual_value), iterations
