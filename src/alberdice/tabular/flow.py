"""The regularised flow problem, its solution and its certificate: what every solver is given, returns and is judged by.

    max_d  c.d - alpha sum_m d_m log d_m     s.t.  d >= 0,   sum_{m: s(m)=s} d_m - gamma sum_m P[m,s] d_m = (1-gamma) p_0(s)

Rows m are the kept (state, action) pairs. Summing the constraint over s gives sum_m d_m = 1. For ANY nu in R^S weak duality
and that identity give the upper bound (the shift-invariant dual (31) of the paper)

    U(nu) = (1-gamma) p_0.nu + alpha log sum_m exp(e_m / alpha),     e_m = c_m - nu[s(m)] + gamma (P nu)_m,

with max_m e_m in place of the second term at alpha = 0. A feasible d with U(nu) - value(d) small is optimal up to that gap,
whoever computed it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import entr, logsumexp

from alberdice._checks import FloatArray
from alberdice.evaluation import DiscountedChain

__all__ = [
    "FlowProblem",
    "FlowSolution",
    "Status",
    "advantages",
    "feasible_point",
    "flow_residual",
    "primal_value",
    "upper_bound",
]


class Status(StrEnum):
    """How a solver ended; ``advice`` says what to try next."""

    CERTIFIED = "certified"
    LIMITED = "certified to rounding"
    STALLED = "stalled"
    ITERATION_LIMIT = "iteration limit"
    FAILED = "failed"

    @property
    def proven(self) -> bool:
        """Whether the answer is optimal: to the tolerance, or to all that float64 can hold."""
        return self in (Status.CERTIFIED, Status.LIMITED)

    @property
    def advice(self) -> str:
        """What to try next, one sentence."""
        return {
            Status.CERTIFIED: "nothing to do: the duality gap proves the answer",
            Status.LIMITED: "nothing to do: the gap is what rounding in float64 is worth here, and the digits above it hold",
            Status.STALLED: "raise the tolerance, or alpha: rounding stopped the progress",
            Status.ITERATION_LIMIT: "raise max_iterations, or start from the answer at a larger alpha",
            Status.FAILED: "try the other method, or a larger alpha or floor: the solver gave no usable point",
        }[self]


@dataclass(frozen=True)
class FlowProblem:
    """The data of the problem above.

    Attributes:
        reward: c, ``(M,)``, finite.
        transition: P, sparse ``(M, S)``, rows sum to 1.
        state: s(m), ``(M,)`` indices; every state has a row and is reachable from ``initial``.
        initial: p_0, ``(S,)``.
        discount: gamma in (0, 1).
        alpha: >= 0.
        reward_unit: what tolerances are relative to, in reward per step; None: the range of c.
    """

    reward: FloatArray
    transition: sp.csr_array
    state: NDArray[np.intp]
    initial: FloatArray
    discount: float
    alpha: float
    reward_unit: float | None = None

    @property
    def unit(self) -> float:
        """The size of differences in value: ``reward_unit`` plus alpha. J(x r + k, x alpha) = x J + k: it scales by x too."""
        return (float(np.ptp(self.reward)) if self.reward_unit is None else self.reward_unit) + self.alpha

    @property
    def n_rows(self) -> int:
        """M."""
        return len(self.reward)

    @property
    def n_states(self) -> int:
        """S."""
        return len(self.initial)


@dataclass(frozen=True)
class FlowSolution:
    """A point, its proof, and how it was found.

    Attributes:
        occupancy: d, ``(M,)``, feasible up to ``flow_residual``.
        nu: multipliers, ``(S,)``.
        value: c.d - alpha sum d log d.
        upper_bound: U(nu).
        gap: ``upper_bound - value``.
        flow_residual: largest violation of a flow constraint.
        iterations: of the solver.
        status: CERTIFIED iff the gap and the residual are within tolerance.
        rounding: the part of the gap that allows for rounding.
        unit: the problem's, see ``FlowProblem.unit``.
    """

    occupancy: FloatArray
    nu: FloatArray
    value: float
    upper_bound: float
    gap: float
    flow_residual: float
    iterations: int
    status: Status
    rounding: float = 0.0
    unit: float = 1.0

    @property
    def digits(self) -> float:
        """How many decimal digits of the value, relative to ``unit``, the certificate proves."""
        return 16.0 if self.gap <= 1e-16 * self.unit else float(-np.log10(self.gap / self.unit)) if self.unit > 0 else 0.0


def advantages(problem: FlowProblem, nu: FloatArray) -> FloatArray:
    """e_nu, ``(M,)``."""
    return np.asarray(problem.reward - nu[problem.state] + problem.discount * (problem.transition @ nu))


def upper_bound(problem: FlowProblem, nu: FloatArray) -> float:
    """U(nu): no feasible point has a larger value."""
    e = advantages(problem, nu)
    rest = e.max() if problem.alpha == 0 else problem.alpha * logsumexp(e / problem.alpha)
    return float((1 - problem.discount) * (problem.initial @ nu) + rest)


def primal_value(problem: FlowProblem, occupancy: FloatArray) -> float:
    """c.d - alpha sum d log d."""
    return float(problem.reward @ occupancy + problem.alpha * entr(occupancy).sum())


def flow_residual(problem: FlowProblem, occupancy: FloatArray) -> float:
    """Largest violation of a flow constraint."""
    out = np.bincount(problem.state, occupancy, problem.n_states)
    into = (1 - problem.discount) * problem.initial + problem.discount * (problem.transition.T @ occupancy)
    return float(np.abs(out - into).max())


def feasible_point(problem: FlowProblem, occupancy: FloatArray) -> FloatArray:
    """The exact occupancy of the policy d / sum_a d: nonnegative and on the flow polytope up to rounding."""
    mass = np.bincount(problem.state, occupancy, problem.n_states)
    counts = np.bincount(problem.state, minlength=problem.n_states)
    seen = mass[problem.state] > 0
    policy = np.where(seen, occupancy / np.where(seen, mass[problem.state], 1.0), 1.0 / counts[problem.state])
    rows = sp.csr_array((policy, (problem.state, np.arange(problem.n_rows))), shape=(problem.n_states, problem.n_rows))
    chain = DiscountedChain(sp.csr_array(rows @ problem.transition), problem.discount)
    visits = chain.visits((1 - problem.discount) * problem.initial)
    return policy * np.maximum(visits, 0.0)[problem.state]
