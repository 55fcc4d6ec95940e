"""A point near the answer before the interior-point method, by products with P alone.

    alpha = 0    modified policy iteration: nu(s) <- max_m in s (c_m + gamma P nu), and between two improvements sweeps of the
                 chosen rows alone, all relative to the mean of nu, until the span of the change settles
    alpha > 0    L-BFGS on U(nu) (31), whose gradient is (1-gamma) p_0 - A^T w, w ~ exp(e_nu / alpha), sum w = 1

Sweeps shrink the span by gamma times the chain's subdominant eigenvalue. Small problems stop once improvements choose the same
rows again: policy iteration with direct solutions takes over there. L-BFGS needs tens of products where every state soon leads
to every other, and thousands where it does not; so it is given up as soon as its progress says that it will need too many, and
not begun where the range of c is many times alpha (``SMOOTH``): U is all but piecewise linear there.

The answer is judged by the same certificate as the interior-point method's, which does the work where it is not proven.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from alberdice._checks import FloatArray
from alberdice.tabular.band_matrices import DENSE_PRODUCT
from alberdice.tabular.chains import value_sweeps
from alberdice.tabular.flow import FlowProblem
from alberdice.tabular.flow_operator import FlowOperator
from alberdice.tabular.interior_point_certificate import best_rows

__all__ = ["FAST", "first_multipliers", "mixing_rate"]

#: products with one row per state at most; the span of the change that ends the sweeps, in units of the problem, or as a share
#: of the gap that is asked for, which it bounds
SWEEPS, SETTLED, SPARE = 4000, 1e-13, 0.05
#: sweeps at most between two improvements, and the share of the improvement's change that ends them
BETWEEN, SHARE = 800, 0.02
#: improvements and sweeps of each on small problems, which direct solutions finish
SMALL, SHORT = 12, 16
#: pairs that L-BFGS remembers, its iterations at most, and its gradient's largest entry at the end (times S)
MEMORY, ITERATIONS, GRADIENT = 20, 250, 1e-5
#: iterations after which progress is judged; beside a dense factor, the fewest states, and the most iterations if P is sparse
WATCHED, FEW, QUICK = 25, 200, 45
#: slowest mixing rate at which it is tried, beside a dense factor and otherwise
FAST, SLOW = 0.5, 0.95
#: range of c over alpha up to which L-BFGS is tried
SMOOTH = 100.0


def first_multipliers(
    problem: FlowProblem, operator: FlowOperator, reward: FloatArray, goal: float, *, small: bool = False
) -> FloatArray | None:
    """Multipliers nu near the optimum, ``(S,)``, for ``reward`` = c - max c; None where the methods are not made for it.

    ``goal``: the gap that will be asked for; ``small``: a dense factor is at hand, which changes what is worth beginning.
    """
    if problem.unit == 0:
        return np.zeros(problem.n_states)
    if problem.alpha == 0:
        return _policy_iteration(problem, reward, max(SETTLED * problem.unit, SPARE * goal), small)
    if -float(reward.min()) > SMOOTH * problem.alpha or (small and problem.n_states < FEW):
        return None
    if mixing_rate(problem) > (FAST if small else SLOW):
        return None
    dense = problem.transition.nnz > DENSE_PRODUCT * problem.n_rows * problem.n_states
    return _limited_memory(problem, operator, reward, QUICK if small and not dense else ITERATIONS)


def _policy_iteration(problem: FlowProblem, reward: FloatArray, goal: float, small: bool) -> FloatArray:
    state, transition = problem.state, problem.transition
    between = SHORT if small else BETWEEN
    nu, chosen, used, improvements = np.zeros(problem.n_states), None, 0.0, 0
    while True:
        worth = reward + transition @ (problem.discount * nu)
        choice = best_rows(worth, state)
        new = worth[choice]
        span = float(np.ptp(new - nu))
        nu = new - new.mean()  # a constant moves every action's worth alike
        used += problem.n_rows / problem.n_states
        improvements += 1
        same = chosen is not None and bool((choice == chosen).all())
        if span <= goal or used > SWEEPS or (small and (same or improvements >= SMALL)):
            return np.asarray(nu)
        chosen, step = choice, transition[choice]
        step.data *= problem.discount
        nu, made = value_sweeps(step, reward[choice], nu, max(goal, SHARE * span), between)
        used += made


def mixing_rate(problem: FlowProblem) -> float:
    """By which factor a step of the uniform policy shrinks differences between states."""
    counts = np.bincount(problem.state, minlength=problem.n_states)
    values = np.modf(np.arange(problem.n_states) * 0.6180339887498949)[0]
    spans = []
    for _ in range(12):
        values = np.bincount(problem.state, problem.transition @ values, problem.n_states) / counts
        spans.append(float(np.ptp(values)))
    return (spans[-1] / spans[3]) ** (1 / 8) if spans[3] > 0 else 0.0


def _limited_memory(problem: FlowProblem, operator: FlowOperator, reward: FloatArray, limit: int) -> FloatArray | None:
    from scipy.optimize import minimize  # a quarter of all that the tabular layer loads, for graphs that mix only

    unit, goal = problem.unit, GRADIENT / problem.n_states
    sizes: list[float] = []

    def dual(scaled: FloatArray) -> tuple[float, FloatArray]:
        e = (reward - operator.forward(unit * scaled)) / problem.alpha
        top = float(e.max())
        weights = np.exp(e - top)
        total = float(weights.sum())
        value = unit * float(operator.source @ scaled) + problem.alpha * (top + np.log(total))
        gradient = operator.source - operator.adjoint(weights / total)
        sizes.append(float(np.abs(gradient).max()))
        return value / unit, gradient

    hopeless = False

    def watch(intermediate_result: Any) -> None:
        nonlocal hopeless
        done = len(sizes)
        if done < WATCHED:
            return
        fallen = math.log(max(sizes[0], goal) / max(min(sizes), goal))
        whole = math.log(max(sizes[0] / goal, 1.0))
        if fallen * limit < whole * done:
            hopeless = True
            raise StopIteration

    options = {"maxcor": MEMORY, "maxiter": limit, "maxfun": 2 * limit, "ftol": 0.0, "gtol": goal}
    found = minimize(dual, np.zeros(problem.n_states), jac=True, method="L-BFGS-B", options=options, callback=watch)
    return None if hopeless else np.asarray(unit * found.x)
