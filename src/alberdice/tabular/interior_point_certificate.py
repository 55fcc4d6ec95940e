"""What an answer of the interior-point method is judged by: a feasible point, its value, and a bound, honest about rounding.

From a policy pi by rows the flow equations give the occupancy d = x[s(m)] pi_m, (I - gamma P_pi^T) x = (1-gamma) p_0: it is
nonnegative and feasible whatever the policy; any nu gives the bound U(nu) of ``flow``. Then value(d) <= optimum <= U(nu).

Rounding. c is shifted by its maximum (sum d = 1: this only adds to the value) and nu by -p_0.nu (Lemma E.2: U stays the
same), which keeps their sizes, and so the rounding of e = c - A nu, as small as the problem allows. Each e_m is then raised by

    u (4 + 2 sqrt(k_m)) (|c_m| + |nu[s(m)]| + (P |nu|)_m),     u = 2^-52, k_m successors in row m,

the statistical size of the rounding of a k-term sum, before U is taken: the bound that is reported contains it. The residual r
of the flow equations at d is charged against the gap as sum_s |r_s nu_s|, plus the error of sum d = 1 times the size of U.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from alberdice._checks import FloatArray
from alberdice.tabular.band_matrices import Coordinates
from alberdice.tabular.chains import policy_values, solve_directly, stationary_flow
from alberdice.tabular.flow import FlowProblem
from alberdice.tabular.flow_operator import EPS, FlowOperator
from alberdice.tabular.linear_solver import LinearSolver

#: largest violation of a flow constraint by a certified answer
FEASIBILITY = 1e-10
#: policies that policy iteration tries at most, and the gain per unit of value that counts as one
POLICIES, GAIN = 50, 64 * EPS
#: a gap of up to so many times the part that rounding explains counts as rounding
EXPLAINED = 4.0
#: refinements of a stalled point at most, and the shortest step
REFINEMENTS, SHORTEST = 200, 1e-9


@dataclass(frozen=True)
class Judged:
    """A feasible d with its value, and the bound by nu.

    Attributes:
        d: occupancy, ``(M,)``.
        nu: multipliers in (14)'s scaling, ``(S,)``.
        value: (c - max c).d - alpha sum d log d.
        bound: U(nu) for c - max c, raised by the allowance for rounding.
        residual: largest violation of a flow constraint.
        charge: what the violations may be worth.
        rounding: the allowance and the charge, the part of the gap that rounding alone explains.
    """

    d: FloatArray
    nu: FloatArray
    value: float
    bound: float
    residual: float
    charge: float
    rounding: float

    @property
    def gap(self) -> float:
        """``bound - value``."""
        return self.bound - self.value

    def certified(self, goal: float) -> bool:
        """Whether gap and charge together are within ``goal``; False for NaN."""
        return self.residual <= FEASIBILITY and self.gap + self.charge <= goal

    def limited(self, goal: float) -> bool:
        """Whether they are within ``goal`` but for what rounding alone explains."""
        return self.residual <= FEASIBILITY and self.gap + self.charge <= goal + EXPLAINED * self.rounding


class Judge:
    """Judges policies and multipliers of one problem.

    Attributes:
        shift: max c.
        reward: c - shift, ``(M,)``.
        span: the range of c.
    """

    def __init__(self, problem: FlowProblem, operator: FlowOperator, kind: LinearSolver) -> None:
        self.problem = problem
        self.operator = operator
        self.kind = kind
        self.shift = float(problem.reward.max())
        self.reward = problem.reward - self.shift
        self.span = float(-self.reward.min())

    def policy(self, policy: FloatArray, guess: FloatArray, nu: FloatArray) -> Judged:
        """The flow of a policy by rows, with its value, held against the bound by nu.

        Args:
            policy: pi(a|s), ``(M,)``, sums to 1 over the rows of each state.
            guess: a first d(s), nonnegative, ``(S,)``.
            nu: multipliers up to a constant, ``(S,)``.
        """
        problem, alpha = self.problem, self.problem.alpha
        nu = nu - float(problem.initial @ nu)
        plain, raised = self.bound(nu)
        mass = stationary_flow(self.operator, policy, guess, self.kind)
        d = policy * mass[problem.state]
        residual = np.abs(self.operator.source - self.operator.adjoint(d))
        excess = abs(float(d.sum()) - 1.0)
        charge = float(residual @ np.abs(nu)) + excess * (abs(plain) + alpha)
        # (14)'s scaling is alpha log sum exp(e/alpha) = alpha; a constant moves e by -(1-gamma) times its size
        scale = (plain + self.shift - alpha) / (1 - problem.discount)
        return Judged(
            d=d,
            nu=nu + scale,
            value=float(d @ self.reward + alpha * entr(d).sum()),
            bound=raised,
            residual=float(residual.max()),
            charge=charge,
            rounding=raised - plain + charge,
        )

    def bound(self, nu: FloatArray) -> tuple[float, float]:
        """U(nu) for the shifted reward as computed, and raised by the allowance for rounding."""
        transition, alpha = self.operator.transition, self.problem.alpha
        e = self.reward - self.operator.forward(nu)
        terms = 4.0 + 2.0 * np.sqrt(np.diff(transition.indptr))
        sizes = np.abs(self.reward) + np.abs(nu)[self.problem.state] + transition @ np.abs(nu)
        base = float(self.operator.source @ nu)
        plain = base + soft_maximum(e, alpha)
        raised = base + soft_maximum(e + EPS * terms * sizes, alpha)
        # the last term: the sums, logarithms and exponentials of U itself
        return plain, raised + EPS * (8.0 * abs(plain) + 64.0 * alpha + float(self.operator.source @ np.abs(nu)))

    def vertex(self, d: FloatArray, values: FloatArray) -> Judged:
        """At alpha = 0: policy iteration from the most used actions of d; nu = V^pi proves pi optimal if no action improves it.

        A state changes its action only for a gain above rounding, so that ties do not cycle.
        """
        state = self.problem.state
        choice = best_rows(d, state)
        for _ in range(POLICIES):
            values = policy_values(self.operator, choice, self.reward, self.kind, values)
            e = self.reward - self.operator.forward(values)
            better = best_rows(e, state)
            gain = e[better] - e[choice] > GAIN * (self.span + np.abs(values))
            if not gain.any():
                break
            choice = np.where(gain, better, choice)
        policy = np.zeros(self.problem.n_rows)
        policy[choice] = 1.0
        return self.policy(policy, self.operator.per_state(d), values)

    def refined(self, judged: Judged, goal: float) -> Judged:
        """A stalled point made better by mirror ascent on its policy; value and bound are the best met, each valid by itself.

        At a policy pi with occupancy d the multipliers are the values of g = c - alpha (log d + 1) under pi, and the step is
        pi exp(t A / alpha) with A = g - nu + gamma P nu; t = 1 is the fixed point's own map, and t falls where the value would.
        Rewards are taken relative to their average, so that values stay as small as differences between states, however near
        gamma is to 1.
        """
        best, here, length = judged, judged, 1.0
        for _ in range(REFINEMENTS):
            mass, policy, nu = self.multipliers(here.d)
            if not np.isfinite(nu).all():
                break
            known = self.policy(policy, np.maximum(mass, EPS), nu)
            best = _better(best, known)
            if self.problem.alpha == 0 or best.certified(goal):
                break
            moved = self.policy(self.ascended(here.d, policy, nu, length), np.maximum(mass, EPS), nu)
            best = _better(best, moved)
            if best.certified(goal) or best.gap <= EXPLAINED * best.rounding or length < SHORTEST:
                break
            here, length = (moved, min(1.0, 2 * length)) if moved.value > known.value else (known, length / 4)
        return best

    def multipliers(self, d: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Occupancy of states, policy by rows, and the multipliers that belong to them; NaN where rounding leaves none."""
        state, size = self.problem.state, self.problem.n_states
        mass = np.bincount(state, d, size).astype(np.float64)
        policy = by_state(np.where(mass[state] > 0, d, 1.0), state, size)
        net = policy * (self.reward - self.problem.alpha * (_log(d) + 1.0))
        mean = np.bincount(state, net, size).astype(np.float64)
        chain = self.operator.flow_system(policy)
        backward = Coordinates(chain.values, chain.columns, chain.rows)
        return mass, policy, solve_directly(self.operator, backward, mean - float(mass @ mean), self.kind)

    def ascended(self, d: FloatArray, policy: FloatArray, nu: FloatArray, length: float) -> FloatArray:
        """The policy pi exp(length A / alpha) by rows, ``(M,)``."""
        advantage = (self.reward - self.operator.forward(nu)) / self.problem.alpha - _log(d)
        return soft_shares(_log(policy) + length * advantage, self.problem.state, self.problem.n_states)


def _log(values: FloatArray) -> FloatArray:
    """Logarithms; that of the smallest float at 0."""
    return np.asarray(np.log(np.maximum(values, np.finfo(np.float64).tiny)))


def _better(first: Judged, second: Judged) -> Judged:
    """The larger value with the smaller bound: a feasible point and multipliers prove each other whatever they come from."""
    usable = second.residual <= FEASIBILITY
    point = second if usable and second.value > first.value else first
    proof = second if second.bound < first.bound else first
    charge = max(first.charge, second.charge)
    return replace(point, nu=proof.nu, bound=proof.bound, charge=charge, rounding=max(proof.rounding, charge))


def soft_maximum(e: FloatArray, alpha: float) -> float:
    """The limit max e included: alpha log sum exp(e/alpha), max e at alpha = 0."""
    top = float(e.max())
    return top + alpha * math.log(np.exp((e - top) / alpha).sum()) if alpha > 0 else top


def by_state(rows: FloatArray, state: NDArray[np.intp], n_states: int) -> FloatArray:
    """Rows as shares of their state's sum, ``(M,)``."""
    return np.asarray(rows / np.bincount(state, rows, n_states)[state])


def soft_shares(exponent: FloatArray, state: NDArray[np.intp], n_states: int) -> FloatArray:
    """exp(exponent) as shares of their state's sum, ``(M,)``."""
    top = np.full(n_states, -np.inf)
    np.maximum.at(top, state, exponent)
    return by_state(np.exp(exponent - top[state]), state, n_states)


def best_rows(values: FloatArray, state: NDArray[np.intp]) -> NDArray[np.intp]:
    """For each state its row of largest value, the first of equals, ``(S,)``; NaN, of a failed solve, is below all."""
    if (np.diff(state) < 0).any():
        order = np.argsort(state, kind="stable")
        return np.asarray(order[best_rows(values[order], state[order])])
    starts = np.flatnonzero(np.diff(state, prepend=-1))
    values = np.where(np.isnan(values), -np.inf, values)
    best = np.flatnonzero(values == np.maximum.reduceat(values, starts)[state])
    return np.asarray(best[np.flatnonzero(np.diff(state[best], prepend=-1))])
