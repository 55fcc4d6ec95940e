"""The chain of one policy: its stationary flow, and its values."""

from __future__ import annotations

import math

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as spla
from numpy.typing import NDArray

from alberdice._checks import FloatArray
from alberdice.tabular.band_matrices import Coordinates
from alberdice.tabular.elimination import factor_in_order
from alberdice.tabular.flow_operator import EPS, FlowOperator
from alberdice.tabular.linear_solver import LinearSolver
from alberdice.tabular.sweeps import Sweeps

__all__ = ["flow_sweeps", "policy_values", "solve_directly", "solve_iteratively", "stationary_flow", "value_sweeps"]

#: applications of the flow map before and after a linear solve, and the change that makes the solve unnecessary
SWEEPS, SETTLED = 100, 1e-14
#: sweeps that are rather made than a linear system solved by iteration
PATIENT = 1000


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
        x, change = flow_sweeps(operator, policy, x, max(SWEEPS, _sweeps_needed(operator.discount)))
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
    sweeps, change = Sweeps(operator.chain(policy).T, operator.source), math.inf
    while sweeps.done < limit:
        before, x = sweeps.look(x)
        last, change = change, float(np.abs(x - before).sum())
        if change <= 2 * EPS or (change <= SETTLED and change >= last):  # a contraction: what grows is rounding
            break
        if sweeps.hasten(change, last, SETTLED, limit):
            change = math.inf
    return x, change


def value_sweeps(step: sp.csr_array, gain: FloatArray, nu: FloatArray, goal: float, limit: int) -> tuple[FloatArray, int]:
    """Repeat nu <- gain + step nu, relative to its mean, until the span of the change is ``goal``; (nu, sweeps made).

    ``step`` is gamma P_pi of a policy that takes one row in each state, ``(S, S)``, and ``gain`` its rewards.
    """
    sweeps, change = Sweeps(step, gain), math.inf
    while sweeps.done < limit:
        before, nu = sweeps.look(nu)
        last, change = change, float(np.ptp(nu - before))
        nu = nu - nu.mean()
        if change <= goal:
            break
        if sweeps.hasten(change, last, goal, limit):
            change = math.inf
    return nu, sweeps.done


def _sweeps_needed(discount: float) -> int:
    """Sweeps that settle whatever the chain, for the sum of changes falls by gamma; 0 where those are too many."""
    needed = math.log(SETTLED / 8) / math.log(discount)
    return math.ceil(needed) if needed <= PATIENT else 0


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
    place = np.empty(len(rhs), dtype=np.intp)
    place[operator.order] = np.arange(len(rhs))
    places, solved = (place[system.rows], place[system.columns]), np.empty_like(rhs)
    try:
        factor = factor_in_order(sp.csc_array((system.values, places), shape=(len(rhs), len(rhs))))
        solved[operator.order] = factor.solve(rhs[operator.order])
        return solved
    except RuntimeError:  # singular to working precision
        return np.full_like(rhs, np.nan)


def solve_iteratively(system: sp.csr_array | spla.LinearOperator, rhs: FloatArray, guess: FloatArray) -> FloatArray:
    """The same by GMRES from ``guess``."""
    return np.asarray(spla.gmres(system, rhs, x0=guess, rtol=1e-14, atol=0.0, restart=40, maxiter=20)[0])
