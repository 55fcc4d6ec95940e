"""A point near the answer for graphs that mix, before the interior-point method: no linear system is needed there.

Where every state soon leads to every other, the map nu -> r + gamma P nu contracts fast up to constants, and first-order
methods need tens of products with P:

    alpha = 0    value iteration, nu(s) <- max_m in s (c_m + gamma P nu), relative to its own mean, until its span settles
    alpha > 0    L-BFGS on U(nu) (31), whose gradient is (1-gamma) p_0 - A^T w, w ~ exp(e_nu / alpha), sum w = 1

The answer is judged by the same certificate as the interior-point method's, which does the work where it is not proven. L-BFGS
is left out where the range of c is many times alpha (``SMOOTH``): U is all but piecewise linear there.
"""

from __future__ import annotations

import numpy as np

from alberdice._checks import FloatArray
from alberdice.tabular.flow import FlowProblem
from alberdice.tabular.flow_operator import FlowOperator

__all__ = ["first_multipliers"]

#: sweeps of value iteration at most, and the change of the span, in units of the problem, that ends them
SWEEPS, SETTLED = 2000, 1e-13
#: pairs that L-BFGS remembers, its iterations at most, and its gradient's largest entry at the end (times S)
MEMORY, ITERATIONS, GRADIENT = 20, 200, 1e-5
#: range of c over alpha up to which L-BFGS is tried
SMOOTH = 100.0


def first_multipliers(problem: FlowProblem, operator: FlowOperator, reward: FloatArray) -> FloatArray | None:
    """Multipliers nu near the optimum, ``(S,)``, for ``reward`` = c - max c; None where the methods are not made for it."""
    if problem.unit == 0:
        return np.zeros(problem.n_states)
    if problem.alpha == 0:
        return _value_iteration(problem, reward)
    if -float(reward.min()) > SMOOTH * problem.alpha:
        return None
    return _limited_memory(problem, operator, reward)


def _value_iteration(problem: FlowProblem, reward: FloatArray) -> FloatArray:
    order = np.argsort(problem.state, kind="stable")
    starts = np.searchsorted(problem.state[order], np.arange(problem.n_states))
    reward, transition = reward[order], problem.transition[order]
    nu = np.zeros(problem.n_states)
    for _ in range(SWEEPS):
        new = np.maximum.reduceat(reward + problem.discount * (transition @ nu), starts)
        change = new - nu
        nu = new - new.mean()  # a constant moves every action's worth alike
        if np.ptp(change) <= SETTLED * problem.unit:
            break
    return np.asarray(nu)


def _limited_memory(problem: FlowProblem, operator: FlowOperator, reward: FloatArray) -> FloatArray:
    from scipy.optimize import minimize  # a quarter of all that the tabular layer loads, for graphs that mix only

    unit = problem.unit

    def dual(scaled: FloatArray) -> tuple[float, FloatArray]:
        e = (reward - operator.forward(unit * scaled)) / problem.alpha
        top = float(e.max())
        weights = np.exp(e - top)
        total = float(weights.sum())
        value = unit * float(operator.source @ scaled) + problem.alpha * (top + np.log(total))
        return value / unit, operator.source - operator.adjoint(weights / total)

    goal = GRADIENT / problem.n_states
    options = {"maxcor": MEMORY, "maxiter": ITERATIONS, "maxfun": 2 * ITERATIONS, "ftol": 0.0, "gtol": goal}
    found = minimize(dual, np.zeros(problem.n_states), jac=True, method="L-BFGS-B", options=options)
    return np.asarray(unit * found.x)
