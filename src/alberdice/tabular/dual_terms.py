"""The terms of ``dual`` from a model, a policy and data: ratios (11), advantages (5) and (8), exact and per sample."""

from __future__ import annotations

import math

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike

from alberdice import _checks
from alberdice._checks import FloatArray
from alberdice.data import DataDistribution
from alberdice.errors import InvalidDataError
from alberdice.mmdp import MMDP
from alberdice.policy import FactorizedPolicy
from alberdice.tabular.dual import DualProblem, checked_nu, dual_objective
from alberdice.tabular.reduced import averaged_transition

__all__ = [
    "advantage",
    "data_conditional",
    "equation_23_as_printed",
    "exact_dual",
    "importance_ratio",
    "sample_advantage",
    "sample_dual",
]


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
    values = checked_nu(nu, model.n_states)
    constant = _exact_constant(model, policy, agent, data, alpha)
    future = (averaged_transition(model, policy, agent) @ values).reshape(constant.shape)
    return np.asarray(constant + model.discount * future - values[:, None])


def sample_advantage(
    model: MMDP, policy: FactorizedPolicy, agent: int, data: DataDistribution, alpha: float, nu: ArrayLike
) -> FloatArray:
    """e^_nu(s, a, s') = r - alpha log rho_i(s, a) + gamma nu(s') - nu(s) of (8), dense ``(S, A1, ..., An, S)``.

    NaN where no such sample exists: d^D(s, a) = 0, or rho_i(s, a) = 0 and alpha > 0.
    """
    values = checked_nu(nu, model.n_states)
    constant = np.asarray(_sample_constant(model, policy, agent, data, alpha))[..., None]
    here = values.reshape(-1, *(1,) * (model.n_agents + 1))
    return constant + model.discount * values - here


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
