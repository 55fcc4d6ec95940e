"""The dual of agent i's regularised LP (2)-(3), in every form that the paper prints, on the full population.

Section 3 writes the dual twice. Exactly, with one term per (s, a_i), equations (5)-(7), and per sample x = (s, a_i, a_-i, s'),
equations (8)-(14). Both are the same function of nu for another list of terms, so both are one ``DualProblem``:

    e_k(nu) = constant_k + gamma (transition nu)_k - nu[state_k]                                             (5), (8)
    L(nu)   = alpha sum_k m_k exp(e_k(nu) / alpha - 1) + (1-gamma) p_0.nu                                    (7), (14)
    L~(nu)  = alpha log sum_k m_k exp(e_k(nu) / alpha) + (1-gamma) p_0.nu                                    (31)

                     exact                                                  per sample
    term k           (s, a_i) with d^D(s, a_i) > 0                          (s, a, s') with d^D(s, a) P(s'|s, a) > 0
    weight m_k       d^D(s, a_i)                                            d^D(s, a) P(s'|s, a) rho_i(s, a)
    constant_k       E_{pi_-i}[ r - alpha log rho_i ]                       r(s, a) - alpha log rho_i(s, a)
    transition_k     Pbar(.|s, a_i)                                         all on s'

with rho_i(s, a) = pi_-i(a_-i|s) / pi^D(a_-i|s, a_i), equation (11). The exact L~ is the certified upper bound of
``best_response``; the per-sample L is never smaller than the exact L (Corollary B.2) and has another minimiser, unless all is
deterministic. Since rho exp(-log rho) = 1, the per-sample L and L~ depend on pi_-i only through its support: they are those of
OptiDICE, (26)-(30), on the samples that the other agents may produce. Their probabilities enter again in e_nu(s, a_i), the
conditional mean of (8) that (43) regresses on, and so in the extracted policy.

Terms that carry nothing are left out: samples that the others never play (rho = 0), and pairs (s, a_i) from which they may
leave the data (e = -infinity). Tables are ``(S, A_i)`` or ``(S, A1, ..., An)``, nu is ``(S,)``, terms are ``(K,)``.
Proofs: docs/mathematics.md, sections 3 to 7.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp, xlogy

from alberdice import _checks
from alberdice._checks import FloatArray
from alberdice.data import DataDistribution, conditional
from alberdice.errors import InfeasibleError, InvalidArgumentError, InvalidDataError, SolverError
from alberdice.mmdp import MMDP
from alberdice.policy import FactorizedPolicy
from alberdice.tabular.flow import FlowProblem
from alberdice.tabular.interior_point import solve_flow
from alberdice.tabular.reduced import averaged_transition

__all__ = [
    "DualProblem",
    "DualSolution",
    "advantage",
    "closed_form_weights",
    "data_conditional",
    "dual_objective",
    "equation_23_as_printed",
    "exact_dual",
    "i_projection",
    "importance_ratio",
    "inner_objective",
    "log_dual_objective",
    "log_normaliser",
    "minimise_dual",
    "optimal_shift",
    "sample_advantage",
    "sample_dual",
    "weighted_occupancy",
    "without_removable_states",
]


@dataclass(frozen=True)
class DualProblem:
    """The terms of L(nu) and L~(nu), as in the module's table.

    Attributes:
        weight: m, ``(K,)``, positive.
        constant: what of e_k does not depend on nu, ``(K,)``, finite.
        transition: sparse ``(K, S)``, rows are distributions over s'.
        state: s of each term, ``(K,)`` indices.
        action: a_i of each term, ``(K,)`` indices.
        initial: p_0, ``(S,)``.
        discount: gamma.
        alpha: > 0.
        shape: ``(S, A_i)``.
    """

    weight: FloatArray
    constant: FloatArray
    transition: sp.csr_array
    state: NDArray[np.intp]
    action: NDArray[np.intp]
    initial: FloatArray
    discount: float
    alpha: float
    shape: tuple[int, int]

    def advantages(self, nu: ArrayLike) -> FloatArray:
        """e_k(nu), ``(K,)``: e_nu(s, a_i) of (5) for the exact problem, e^_nu(x) of (8) for the per-sample one."""
        values = _checked_nu(nu, self.shape[0])
        return np.asarray(self.constant + self.discount * (self.transition @ values) - values[self.state])

    def initial_term(self, nu: ArrayLike) -> float:
        """(1-gamma) p_0.nu."""
        return float((1 - self.discount) * (self.initial @ _checked_nu(nu, self.shape[0])))


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


def data_conditional(data: DataDistribution, agent: int, *, given_own_action: bool = True) -> FloatArray:
    """pi^D(a_-i | s, a_i) = d^D(s, a) / d^D(s, a_i), ``(S, A1, ..., An)``; 0 where d^D(s, a_i) = 0.

    ``given_own_action=False``: pi^D(a_-i | s), which (23) prints in its place; same shape, constant along the agent's axis.
    """
    own, others = _axes(data.n_agents, agent)
    part = data.probabilities if given_own_action else data.probabilities.sum(axis=own, keepdims=True)
    mass = part.sum(axis=others, keepdims=True)
    table = np.where(mass > 0, part / np.where(mass > 0, mass, 1.0), 0.0)
    return np.array(np.broadcast_to(table, data.probabilities.shape))


def importance_ratio(
    policy: FactorizedPolicy, agent: int, data: DataDistribution, *, given_own_action: bool = True
) -> FloatArray:
    """rho_i(s, a) = pi_-i(a_-i|s) / pi^D(a_-i|s, a_i), equation (11), ``(S, A1, ..., An)``; 0 where d^D(s, a) = 0.

    ``given_own_action=False``: with pi^D(a_-i|s) below, the ratio that (23) prints.
    """
    expected = (policy.n_states, *policy.n_actions)
    _checks.check_shape(data.probabilities, expected, "data", InvalidDataError, "data must cover the policy's (S, A1, ..., An)")
    seen = data.probabilities > 0
    given = data_conditional(data, agent, given_own_action=given_own_action)
    return np.where(seen, policy.others(agent) / np.where(seen, given, 1.0), 0.0)


def advantage(
    model: MMDP, policy: FactorizedPolicy, agent: int, data: DataDistribution, alpha: float, nu: ArrayLike
) -> FloatArray:
    """The advantage e_nu(s, a_i) of (5), ``(S, A_i)``: the mean of ``sample_advantage`` over a_-i ~ pi_-i(s) and s' ~ P(s, a).

    -inf where alpha > 0 and the others play some a_-i with d^D(s, a_i, a_-i) = 0.
    """
    values = _checked_nu(nu, model.n_states)
    constant = _exact_constant(model, policy, agent, data, alpha)
    future = (averaged_transition(model, policy, agent) @ values).reshape(constant.shape)
    return np.asarray(constant + model.discount * future - values[:, None])


def sample_advantage(
    model: MMDP, policy: FactorizedPolicy, agent: int, data: DataDistribution, alpha: float, nu: ArrayLike
) -> FloatArray:
    """e^_nu(s, a, s') = r - alpha log rho_i(s, a) + gamma nu(s') - nu(s) of (8), dense ``(S, A1, ..., An, S)``.

    NaN where no such sample exists: d^D(s, a) = 0, or rho_i(s, a) = 0 and alpha > 0.
    """
    values = _checked_nu(nu, model.n_states)
    constant = np.asarray(_sample_constant(model, policy, agent, data, alpha))[..., None]
    here = values.reshape(-1, *(1,) * (model.n_agents + 1))
    return constant + model.discount * values - here


def closed_form_weights(advantages: ArrayLike, alpha: float) -> FloatArray:
    """The weights w = exp(e / alpha - 1), equations (13) and (22): the maximiser of w (e - alpha log w); of any shape."""
    alpha = _checks.real_number(alpha, "alpha", low=0.0, high=math.inf, open_ends=True)
    with np.errstate(over="ignore"):
        return np.exp(np.asarray(advantages, dtype=np.float64) / alpha - 1.0)


def exact_dual(model: MMDP, policy: FactorizedPolicy, agent: int, data: DataDistribution, alpha: float) -> DualProblem:
    """The dual over (s, a_i), equation (7) with its inner maximum solved (22); K <= S * A_i terms.

    Raises:
        InvalidPolicyError, InvalidDataError, InvalidArgumentError: arguments out of range, or that do not fit the model.
    """
    agent, alpha = _checked(model, policy, agent, data, alpha)
    constant = _exact_constant(model, policy, agent, data, alpha)
    weight = data.agent_marginal(agent)
    rows = np.flatnonzero((weight > 0) & np.isfinite(constant))
    shape = (model.n_states, model.n_actions[agent])
    return DualProblem(
        weight=weight.reshape(-1)[rows],
        constant=constant.reshape(-1)[rows],
        transition=sp.csr_array(averaged_transition(model, policy, agent)[rows]),
        state=rows // shape[1],
        action=rows % shape[1],
        initial=model.initial,
        discount=model.discount,
        alpha=alpha,
        shape=shape,
    )


def sample_dual(model: MMDP, policy: FactorizedPolicy, agent: int, data: DataDistribution, alpha: float) -> DualProblem:
    """The dual over samples (s, a, s'), equation (14), on the full population: every sample at its probability d^D P.

    Importance resampling (12) has the same mean: drawing x with probability proportional to rho and multiplying by rho_bar.

    Raises:
        InvalidPolicyError, InvalidDataError, InvalidArgumentError: arguments out of range, or that do not fit the model.
    """
    agent, alpha = _checked(model, policy, agent, data, alpha)
    return _sample_dual(model, policy, agent, data, alpha, importance_ratio(policy, agent, data))


def equation_23_as_printed(
    model: MMDP, policy: FactorizedPolicy, agent: int, data: DataDistribution, alpha: float, nu: ArrayLike
) -> float:
    """The last line of (23) as printed: (14) with weights pi_-i(a_-i|s) / pi^D(a_-i|s); NOT an upper bound of the exact dual.

    It agrees with (14) where a_-i is independent of a_i in the data. e^ keeps pi^D(a_-i|s, a_i), as (8) defines it.
    """
    agent, alpha = _checked(model, policy, agent, data, alpha)
    ratio = importance_ratio(policy, agent, data, given_own_action=False)
    return dual_objective(_sample_dual(model, policy, agent, data, alpha, ratio), nu)


def inner_objective(problem: DualProblem, nu: ArrayLike, weights: ArrayLike) -> float:
    """L(nu, w) = sum_k m_k w_k (e_k - alpha log w_k) + (1-gamma) p_0.nu, equations (7), (12) and (21).

    Args:
        problem: exact or per sample.
        nu: ``(S,)``.
        weights: w >= 0: one per term, ``(K,)``, or a table ``(S, A_i)`` that terms with one (s, a_i) share, as (12) has it.
    """
    w = np.asarray(weights, dtype=np.float64)
    if w.shape == problem.shape:
        w = w[problem.state, problem.action]
    _checks.check_shape(w, problem.weight.shape, "weights", InvalidArgumentError, f"or a table of shape {problem.shape}")
    inner = w * problem.advantages(nu) - problem.alpha * xlogy(w, w)
    return float(problem.weight @ inner) + problem.initial_term(nu)


def dual_objective(problem: DualProblem, nu: ArrayLike) -> float:
    """L(nu) = alpha sum_k m_k exp(e_k / alpha - 1) + (1-gamma) p_0.nu, equation (14); inf on overflow."""
    with np.errstate(over="ignore"):
        total = np.exp(log_normaliser(problem, nu) - 1.0)
    return float(problem.alpha * total) + problem.initial_term(nu)


def log_dual_objective(problem: DualProblem, nu: ArrayLike) -> float:
    """L~(nu) = alpha log Z(nu) + (1-gamma) p_0.nu, equation (31); unchanged by nu + C (Lemma E.2)."""
    return problem.alpha * log_normaliser(problem, nu) + problem.initial_term(nu)


def log_normaliser(problem: DualProblem, nu: ArrayLike) -> float:
    """The logarithm of Z(nu) = sum_k m_k exp(e_k / alpha) = rho_bar * mean over D_rho of exp(e^ / alpha)."""
    return float(logsumexp(problem.advantages(nu) / problem.alpha, b=problem.weight))


def optimal_shift(problem: DualProblem, nu: ArrayLike, *, as_printed: bool = False) -> float:
    """C* = alpha / (1-gamma) * (log Z(nu) - 1), Lemma E.4 corrected: L(nu + C*) = L~(nu) = min over C of L(nu + C).

    ``as_printed=True``: the paper's alpha / (1-gamma) * log Z(nu), at which L - L~ = alpha / e.
    """
    excess = log_normaliser(problem, nu) - (0.0 if as_printed else 1.0)
    return problem.alpha / (1 - problem.discount) * excess


def weighted_occupancy(problem: DualProblem, nu: ArrayLike) -> FloatArray:
    """d^D(s, a_i) w(s, a_i) by (34)-(35), ``(S, A_i)``, sums to 1.

    The sum of m_k exp(e_k / alpha) / Z over the terms of (s, a_i). At a minimiser of the exact L~ it is
    d_i*(s, a_i), the occupancy of the best response.
    """
    share = np.exp(problem.advantages(nu) / problem.alpha - log_normaliser(problem, nu)) * problem.weight
    table = np.zeros(problem.shape)
    np.add.at(table, (problem.state, problem.action), share)
    return table


def i_projection(problem: DualProblem, nu: ArrayLike) -> FloatArray:
    """pi_i(a_i|s) proportional to pi_i^D(a_i|s) w(s, a_i), ``(S, A_i)``: the minimiser of (15)-(16) and (41).

    Computed state by state in logarithms, so that rarely visited states keep full precision; uniform where no term is.
    """
    logits = np.full(problem.shape, -np.inf)
    terms = problem.advantages(nu) / problem.alpha + np.log(problem.weight)
    np.logaddexp.at(logits, (problem.state, problem.action), terms)
    top = logits.max(axis=1, keepdims=True)
    return conditional(np.exp(logits - np.where(np.isfinite(top), top, 0.0)))


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


def _sample_dual(
    model: MMDP, policy: FactorizedPolicy, agent: int, data: DataDistribution, alpha: float, ratio: FloatArray
) -> DualProblem:
    """The per-sample problem whose weights are d^D P ``ratio``; ``ratio`` ``(S, A1, ..., An)``."""
    constant = _sample_constant(model, policy, agent, data, alpha)
    weight = (data.probabilities * ratio).reshape(-1)
    rows = np.repeat(np.arange(len(weight)), np.diff(model.transition.indptr))
    used = (weight[rows] > 0) & (model.transition.data > 0)
    rows, following = rows[used], model.transition.indices[used]
    n_terms = len(rows)
    own = np.indices(model.n_actions)[agent].reshape(-1)
    return DualProblem(
        weight=weight[rows] * model.transition.data[used],
        constant=constant.reshape(-1)[rows],
        transition=sp.csr_array((np.ones(n_terms), following, np.arange(n_terms + 1)), shape=(n_terms, model.n_states)),
        state=rows // model.n_joint_actions,
        action=own[rows % model.n_joint_actions],
        initial=model.initial,
        discount=model.discount,
        alpha=alpha,
        shape=(model.n_states, model.n_actions[agent]),
    )


def _sample_constant(model: MMDP, policy: FactorizedPolicy, agent: int, data: DataDistribution, alpha: float) -> FloatArray:
    """The part r - alpha log rho_i of (8), ``(S, A1, ..., An)``; NaN where there is no such sample, as ``sample_advantage``."""
    _check_fits(model, policy, data, alpha)
    if alpha == 0:
        return np.where(data.probabilities > 0, model.reward, np.nan)
    ratio = importance_ratio(policy, agent, data)
    log_ratio = np.log(np.where(ratio > 0, ratio, 1.0))
    return np.where(ratio > 0, model.reward - alpha * log_ratio, np.nan)


def _exact_constant(model: MMDP, policy: FactorizedPolicy, agent: int, data: DataDistribution, alpha: float) -> FloatArray:
    """E_{a_-i ~ pi_-i}[r - alpha log rho_i], ``(S, A_i)``; -inf where alpha > 0 and the others leave the data."""
    _check_fits(model, policy, data, alpha)
    _, axes = _axes(model.n_agents, agent)
    mean_reward = policy.average_over_others(model.reward, agent)
    if alpha == 0:
        return mean_reward
    others = np.broadcast_to(policy.others(agent), model.reward.shape)
    outside = ((others > 0) & (data.probabilities == 0)).any(axis=axes)
    inside = (others > 0) & (data.probabilities > 0)
    given = data_conditional(data, agent)
    log_ratio = np.log(np.where(inside, others, 1.0)) - np.log(np.where(inside, given, 1.0))
    return np.where(outside, -np.inf, mean_reward - alpha * (others * log_ratio).sum(axis=axes))


def _axes(n_agents: int, agent: int) -> tuple[int, tuple[int, ...]]:
    """The agent's axis of an array ``(S, A1, ..., An)``, and the other agents' axes."""
    agent = _checks.whole_number(agent, "agent", high=n_agents - 1)
    return agent + 1, tuple(k + 1 for k in range(n_agents) if k != agent)


def _checked(model: MMDP, policy: FactorizedPolicy, agent: int, data: DataDistribution, alpha: float) -> tuple[int, float]:
    _check_fits(model, policy, data, alpha)
    agent = _checks.whole_number(agent, "agent", high=model.n_agents - 1)
    return agent, _checks.real_number(alpha, "alpha", low=0.0, high=math.inf, open_ends=True)


def _check_fits(model: MMDP, policy: FactorizedPolicy, data: DataDistribution, alpha: float) -> None:
    policy.check_fits(model)
    data.check_fits(model)
    _checks.real_number(alpha, "alpha", low=0.0)


def _checked_nu(nu: ArrayLike, n_states: int) -> FloatArray:
    values = _checks.real_array(nu, "nu", InvalidArgumentError)
    _checks.check_shape(values, (n_states,), "nu", InvalidArgumentError)
    return values
