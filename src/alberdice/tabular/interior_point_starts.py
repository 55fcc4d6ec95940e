"""Where ``interior_point`` begins: cold, at a nearby problem's answer, or with what a first-order method finds."""

from __future__ import annotations

import numpy as np
from scipy.special import entr

from alberdice._checks import FloatArray
from alberdice.tabular.chains import flow_sweeps, stationary_flow
from alberdice.tabular.first_order import first_multipliers
from alberdice.tabular.flow import FlowSolution
from alberdice.tabular.flow_operator import EPS
from alberdice.tabular.interior_point_certificate import Judged, best_rows, by_state, soft_maximum
from alberdice.tabular.interior_point_iteration import Iteration, Point

__all__ = ["cold_point", "first_point", "uniform", "warm_point"]

#: the cold start: flow sweeps from p_0, the range that the exponent of its policy keeps unless alpha does, the share of the
#: uniform point, and the least z as a share of the slope's spread (all measured on Bridge and on random problems)
START_SWEEPS, START_RANGE, START_UNIFORM, START_MARGIN = 20, 8.0, 0.3, 0.03
#: a warm start mixes in at most this share of the uniform point; its d z is at least this share of the average (measured)
WARM_SHARE, WARM_CENTRE = 0.01, 0.01


def cold_point(run: Iteration) -> Point:
    """The start of the module's text; nu = k adds (1-gamma) k to z, so that z > 0 with r_d = 0."""
    n_rows, state = run.problem.n_rows, run.problem.state
    heat = max(run.alpha, float(np.ptp(run.reward)) / START_RANGE)
    policy = run.soft_policy(run.reward / heat if heat > 0 else run.reward)
    mass = _start_flow(run, policy)
    d = (1 - START_UNIFORM) * policy * mass[state] + START_UNIFORM / n_rows
    slope = run.reward - run.weighted_log(d) - run.alpha
    spread = float(np.ptp(slope))
    top = float(slope.max()) + (START_MARGIN * spread if spread > 0 else run.problem.unit or 1.0)
    nu = np.full(run.problem.n_states, top / (1 - run.problem.discount))
    return Point(d, nu, top - slope, np.full(n_rows, top))


def uniform(run: Iteration) -> Judged:
    """The uniform policy, judged at nu = 0."""
    policy = by_state(np.ones(run.problem.n_rows), run.problem.state, run.problem.n_states)
    return run.judge.policy(policy, _start_flow(run, policy), np.zeros(run.problem.n_states))


def first_point(run: Iteration) -> Judged | None:
    """What a first-order method finds, judged as any answer is; None where there is none for this problem."""
    problem, judge = run.problem, run.judge
    nu = first_multipliers(problem, run.operator, run.reward, run.goal, small=run.kind == "cholesky")
    if nu is None:
        return None
    e = run.reward - run.operator.forward(nu)
    even = np.full(problem.n_states, 1.0 / problem.n_states)
    if run.alpha > 0:
        return judge.policy(run.soft_policy(e / run.alpha), even, nu)
    chosen = np.zeros(problem.n_rows)
    chosen[best_rows(e, problem.state)] = 1.0
    return judge.policy(chosen, even, nu) if run.kind == "iterative" else judge.vertex(chosen * even[problem.state], nu)


def _start_flow(run: Iteration, policy: FloatArray) -> FloatArray:
    """D^pi(s), ``(S,)``; some sweeps of the flow map are enough where no direct solution is at hand."""
    if run.kind == "iterative":
        return flow_sweeps(run.operator, policy, run.problem.initial, START_SWEEPS)[0]
    return stationary_flow(run.operator, policy, np.ones(run.problem.n_states), run.kind)


def warm_point(run: Iteration, start: FlowSolution) -> Point:
    """The old solution moved off the boundary, by no more than its error in this problem.

    d is mixed with the uniform point, with a share that costs about as much as ``gap``, the old point's gap here (the flow
    equations that it now violates are charged at the prices nu); z takes up the dual residual where that is positive, and
    d z is kept above a fraction of the average that ``gap`` implies.
    """
    d = np.maximum(start.occupancy, 0.0)
    d /= d.sum()
    nu = start.nu - float(run.problem.initial @ start.nu)
    prices = run.operator.forward(nu)
    e = run.reward - prices
    bound = soft_maximum(e, run.alpha) + float(run.operator.source @ nu)
    value = float(d @ run.reward + run.alpha * entr(d).sum())
    violation = float(np.abs(run.operator.source - run.operator.adjoint(d)) @ np.abs(nu))
    gap = max(abs(bound - value) + violation, run.goal, EPS * run.problem.unit)
    share = min(WARM_SHARE, gap / max(float((e.max() - e).mean()), gap))
    d = (1 - share) * d + share / len(d)
    nu, prices = nu + (bound - run.alpha) / (1 - run.problem.discount), prices + (bound - run.alpha)
    slope = run.weighted_log(d) + run.alpha + prices - run.reward
    return Point(d, nu, np.maximum(slope, WARM_CENTRE * gap / (len(d) * d)), prices)
