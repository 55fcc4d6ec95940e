"""One agent's best response: the regularised LP (2)-(3), solved with a certificate.

    br = best_response(model, policy, agent, data, alpha)

maximises J(pi_i, pi_{-i}) of (2) over pi_i. The answer carries its proof: ``upper_bound`` is the dual value of ``nu`` (the
multipliers of (3); the shift-invariant form (31)), valid for any nu by weak duality, and ``gap = upper_bound - value``.

    value       = J(pi_i, pi_{-i}),  evaluated at the exact occupancy of the returned policy
    upper_bound = (1-gamma) p_0.nu + alpha log sum_{s,a_i} exp( e_nu(s,a_i) / alpha ),   e_nu = c - nu + gamma Pbar nu

Both methods pass through the same reduction (``reduced``) and are judged by the same certificate (``flow``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alberdice import _checks
from alberdice._checks import FloatArray
from alberdice.data import DataDistribution, SparseDataDistribution
from alberdice.errors import InvalidArgumentError, SolverError
from alberdice.mmdp import MMDP, SparseMMDP
from alberdice.policy import FactorizedPolicy
from alberdice.tabular.flow import FlowProblem, FlowSolution, Status, advantages
from alberdice.tabular.reduced import ReducedProblem, reduce

__all__ = ["BestResponse", "best_response", "reward_centre", "reward_unit"]

#: below this occupancy a state counts as unreachable: 0/0 in pi_i = d_i / sum d_i
NEGLIGIBLE = 1e-290


@dataclass(frozen=True)
class BestResponse:
    """A certified best response.

    Attributes:
        policy: pi_i, ``(S, A_i)``; the previous policy at states that no policy reaches inside the data.
        occupancy: d_i(s, a_i), ``(S, A_i)``, sums to 1.
        nu: multipliers of (3), ``(S,)``; NaN at states that were removed from the problem.
        value: J(pi_i, pi_{-i}), reward per step.
        upper_bound: no policy of the agent has a larger objective.
        gap: ``upper_bound - value``.
        flow_residual: largest violation of (3) by ``occupancy``.
        status: how the solver ended.
        iterations: of the solver.
        method: which solver.
        reachable: ``(S,)`` booleans: states of positive occupancy.
        flow_solution: the solver's own answer, a warm start for the next problem of this agent.
    """

    policy: FloatArray
    occupancy: FloatArray
    nu: FloatArray
    value: float
    upper_bound: float
    gap: float
    flow_residual: float
    status: Status
    iterations: int
    method: str
    reachable: NDArray[np.bool_]
    flow_solution: FlowSolution
    reduced_rows: NDArray[np.intp]


def _solve_by_cvxpy(problem: FlowProblem, start: FlowSolution | None, tolerance: float) -> FlowSolution:
    try:
        from alberdice.tabular.cvxpy_reference import solve_flow_by_cvxpy  # cvxpy takes a second to load
    except ImportError as missing:
        remedy = "pip install 'alberdice[reference]', or take the interior-point method"
        raise InvalidArgumentError("method", got=f"cvxpy ({missing})", expected="an installed package", remedy=remedy) from None

    return solve_flow_by_cvxpy(problem, tolerance=tolerance)


def _solve_by_interior_point(problem: FlowProblem, start: FlowSolution | None, tolerance: float) -> FlowSolution:
    from alberdice.tabular.interior_point import solve_flow

    return solve_flow(problem, start=start, tolerance=tolerance)


_Solver = Callable[[FlowProblem, FlowSolution | None, float], FlowSolution]
#: method -> (solver, default relative gap that counts as certified)
METHODS: dict[str, tuple[_Solver, float]] = {
    "interior-point": (_solve_by_interior_point, 1e-10),
    "cvxpy": (_solve_by_cvxpy, 1e-4),
}


def best_response(
    model: MMDP | SparseMMDP,
    policy: FactorizedPolicy,
    agent: int,
    data: DataDistribution | SparseDataDistribution,
    alpha: float,
    method: str = "interior-point",
    *,
    tolerance: float | None = None,
    start: BestResponse | None = None,
) -> BestResponse:
    """Agent ``agent``'s best response to the others in ``policy``, equations (2)-(3).

    Args:
        model: the MMDP.
        policy: the joint policy; the agent's own table only fills unreachable states.
        agent: 0 to n - 1.
        data: d^D with the model's shape.
        alpha: >= 0; weight of the KL divergence to the data.
        method: 'interior-point', or 'cvxpy' (exponential cones, Clarabel), the slower reference.
        tolerance: relative duality gap to certify, ``gap <= tolerance * (range of rewards + alpha)``; None: the method's own
            (1e-10, and 1e-4 for cvxpy). Where rounding alone is larger, the status is 'certified to rounding'.
        start: an earlier answer for the same agent, as a warm start.

    Raises:
        InfeasibleError: the data leave no policy a finite objective.
        SolverError: the solver stopped without a certificate.
        InvalidArgumentError, InvalidPolicyError, InvalidDataError: arguments out of range, or that do not fit the model.
    """
    agent = _checks.whole_number(agent, "agent", high=model.n_agents - 1)
    alpha = _checks.real_number(alpha, "alpha", low=0.0)
    policy.check_fits(model)
    data.check_fits(model)
    if not isinstance(method, str) or method not in METHODS:
        raise InvalidArgumentError("method", got=repr(method), expected=f"one of {', '.join(map(repr, METHODS))}")
    solver, default_tolerance = METHODS[method]
    limit = default_tolerance if tolerance is None else _checks.real_number(tolerance, "tolerance", low=0.0)
    offset = reward_centre(model)
    problem = reduce(model.shifted(-offset), policy, agent, data, alpha)
    warm = start.flow_solution if start is not None and np.array_equal(start.reduced_rows, problem.rows) else None
    solution = solver(problem.flow, warm, limit)
    if not solution.status.proven:
        raise SolverError(
            f"best response of agent {agent + 1} (alpha={alpha:g}, method={method})",
            got=f"status '{solution.status}' with a gap of {solution.gap:.3g} after {solution.iterations} iterations",
            expected=f"a gap of at most {limit * solution.unit:.3g}, {limit:g} of the rewards' range plus alpha",
            remedy=solution.status.advice,
        )
    return _lifted(problem, solution, policy[agent], method, offset)


def reward_centre(model: MMDP | SparseMMDP) -> float:
    """The middle of the rewards' range: taken off before anything is computed, so that no constant costs digits."""
    low, high = model.reward_range()
    return low + (high - low) / 2


def reward_unit(model: MMDP | SparseMMDP) -> float:
    """The rewards' range, which with alpha is the unit of every tolerance: J(x r + k, x alpha) = x J + k."""
    low, high = model.reward_range()
    return high - low


def _where_starved(problem: ReducedProblem, solution: FlowSolution, previous: FloatArray) -> FloatArray:
    """The policy at states whose occupancy is below the smallest float: pi ~ exp(e_nu / alpha), as d is.

    For alpha > 0 the optimum reaches every state of the problem, however seldom, and must not leave the data there, which
    the previous policy might. Removed states, and all at alpha = 0, keep the previous policy.
    """
    flow = problem.flow
    if flow.alpha == 0:
        return previous
    exponent = problem.lift_rows(advantages(flow, solution.nu) / flow.alpha, fill=-np.inf)[problem.states]
    weights = np.exp(exponent - exponent.max(axis=1, keepdims=True))
    table = previous.copy()
    table[problem.states] = weights / weights.sum(axis=1, keepdims=True)
    return table


def _lifted(problem: ReducedProblem, solution: FlowSolution, previous: FloatArray, method: str, offset: float) -> BestResponse:
    """Back to the full tables; unreachable states keep the previous policy."""
    visits = problem.lift_rows(solution.occupancy)
    mass = visits.sum(axis=1, keepdims=True)
    reachable = mass > NEGLIGIBLE
    table = np.where(reachable, visits / np.where(reachable, mass, 1.0), _where_starved(problem, solution, previous))
    return BestResponse(
        policy=table / table.sum(axis=1, keepdims=True),
        occupancy=visits,
        nu=problem.lift_states(solution.nu),
        value=solution.value + offset,
        upper_bound=solution.upper_bound + offset,
        gap=solution.gap,
        flow_residual=solution.flow_residual,
        status=solution.status,
        iterations=solution.iterations,
        method=method,
        reachable=reachable[:, 0],
        flow_solution=solution,
        reduced_rows=problem.rows,
    )
