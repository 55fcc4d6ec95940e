"""The minimum of the shift-invariant dual (31), with its proof: a flow problem whose rows are the terms of ``dual``."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from alberdice._checks import FloatArray
from alberdice.errors import InfeasibleError, SolverError
from alberdice.tabular.dual import DualProblem, log_dual_objective
from alberdice.tabular.flow import FlowProblem
from alberdice.tabular.interior_point import solve_flow

__all__ = ["DualSolution", "minimise_dual", "without_removable_states"]


@dataclass(frozen=True)
class DualSolution:
    """A certified minimiser of L~; ``nu + optimal_shift(problem, nu)`` minimises L, with the same value (Proposition E.1).

    Attributes:
        nu: ``(S,)``; 0 at removed states, on which nothing depends.
        value: L~(nu) = min L~ = min L, within ``gap``.
        gap: duality gap, the proof.
        problem: the problem without its removable states.
    """

    nu: FloatArray
    value: float
    gap: float
    problem: DualProblem


def without_removable_states(problem: DualProblem) -> DualProblem:
    """The terms that can be used for ever from p_0: no dead ends, no unreachable states.

    The infimum is then attained; with unreachable states it is not (footnote 6).

    Raises:
        InfeasibleError: no such terms at some initial state; inf L~ is then -infinity.
    """
    keep, dead = _usable_for_ever(problem)
    stuck = dead & (problem.initial > 0)
    if stuck.any():
        raise InfeasibleError(
            f"dual at state {int(np.argmax(stuck))}",
            got="no term that leads on for ever",
            expected="one or more",
            remedy="floor the data",
        )
    reached = problem.initial > 0
    while True:
        grown = reached.copy()
        grown[problem.transition[np.flatnonzero(keep & reached[problem.state])].indices] = True
        if (grown == reached).all():
            break
        reached = grown
    return _restricted(problem, np.flatnonzero(keep & reached[problem.state]))


def minimise_dual(problem: DualProblem, *, tolerance: float = 1e-10) -> DualSolution:
    """A minimiser of L~ (31), exact or per sample, after ``without_removable_states``, with its duality gap.

    L~ is the upper bound of a flow problem whose rows are the terms: the maximum over d of sum_k d_k (constant_k -
    alpha log(d_k / m_k)). Per sample, that problem lets the agent choose a_-i and s' too, at their price in KL: so (14) >= (7).

    Raises:
        InfeasibleError: as ``without_removable_states``.
        SolverError: no certificate within ``tolerance`` times the terms' range plus alpha.
    """
    kept = without_removable_states(problem)
    states, state = np.unique(kept.state, return_inverse=True)
    flow = FlowProblem(
        reward=kept.constant + kept.alpha * np.log(kept.weight),
        transition=sp.csr_array(kept.transition[:, states]),
        state=state,
        initial=kept.initial[states],
        discount=kept.discount,
        alpha=kept.alpha,
    )
    found = solve_flow(flow, tolerance=tolerance)
    if not found.status.proven:
        raise SolverError("dual", got=f"a gap of {found.gap:.3g}", expected=f"{tolerance:g}", remedy=found.status.advice)
    nu = np.zeros(problem.shape[0])
    nu[states] = found.nu
    return DualSolution(nu, log_dual_objective(kept, nu), found.gap, kept)


def _usable_for_ever(problem: DualProblem) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The terms, ``(K,)``, that never lead to a state without such terms; and those states, ``(S,)``."""
    keep = np.ones(len(problem.weight), dtype=bool)
    while True:
        dead = np.bincount(problem.state[keep], minlength=problem.shape[0]) == 0
        lost = keep & (problem.transition @ dead.astype(float) > 0)
        if not lost.any():
            return keep, dead
        keep &= ~lost


def _restricted(problem: DualProblem, rows: NDArray[np.intp]) -> DualProblem:
    """The problem with these terms alone."""
    return replace(
        problem,
        weight=problem.weight[rows],
        constant=problem.constant[rows],
        transition=sp.csr_array(problem.transition[rows]),
        state=problem.state[rows],
        action=problem.action[rows],
    )
