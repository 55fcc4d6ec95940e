"""Section 4 in formulas: the modified reward r~ of Lemma 4.1, its values, and what 'Nash policy of G~' means.

With pi factorised, d = d^pi(s) and alpha > 0:

    r~(s, a)   = r(s, a) - alpha log( d(s) pi(a|s) / d^D(s, a) )                  Lemma 4.1, main text
    r~_i(s, a) = r(s, a) - alpha log( d_i(s, a_i) pi(a|s) / d^D(s, a) )           as Appendix D prints it: pi_i counted twice
    V~(s)      = E_pi[ sum_t gamma^t r~(s_t, a_t) | s_0 = s ]                     r~ evaluated at pi itself

(2) is the average of r~ under d^pi, one value for all agents; the average of r~_i is larger by alpha sum_s d(s) H(pi_i(.|s)).

Theorem 4.2 holds with the reward frozen: pi is optimal in each block iff every pi_i is a best response in the MMDP whose reward
is r~ held fixed at pi, at every state that pi reaches. ``frozen_gains`` is the most that agent i gains there, state by state.

Limits, where pi or d^D vanish and alpha > 0: r~ = -inf where d^D = 0, else +inf where d(s) pi(a|s) = 0 (an action that costs
nothing until it is played). V~ is NaN at states that pi does not reach: r~ has no finite value there.
Proofs: docs/mathematics.md, sections 2 and 8.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from alberdice import _checks
from alberdice._checks import FloatArray
from alberdice.data import DataDistribution
from alberdice.errors import InvalidArgumentError
from alberdice.evaluation import DiscountedChain, occupancy, reached_states, state_occupancy, state_transition
from alberdice.mmdp import MMDP
from alberdice.policy import FactorizedPolicy
from alberdice.tabular.objective import kl_divergence
from alberdice.tabular.reduced import averaged_transition, reduce

__all__ = [
    "agent_objective",
    "appendix_modified_reward",
    "conditional_entropy",
    "frozen_gains",
    "modified_reward",
    "modified_values",
    "occupancy_average",
]


def agent_objective(model: MMDP, policy: FactorizedPolicy, agent: int, data: DataDistribution, alpha: float) -> float:
    """Equation (2) read literally for one agent: d_i solves (3) in its reduced MDP, and nothing assumes Lemma 4.1.

    sum d_i(s, a_i) pi_-i(a_-i|s) r(s, a) - alpha KL( d_i(s, a_i) pi_-i(a_-i|s) || d^D(s, a) ); -inf outside the data's support.
    """
    policy.check_fits(model)
    data.check_fits(model)
    own = policy[agent]
    rows = (own.reshape(-1), np.arange(own.size), np.arange(0, own.size + 1, own.shape[1]))
    chain = sp.csr_array(rows, shape=(model.n_states, own.size)) @ averaged_transition(model, policy, agent)
    mass = DiscountedChain(chain, model.discount).visits((1 - model.discount) * model.initial)
    shape = [model.n_states] + [1] * model.n_agents
    shape[agent + 1] = own.shape[1]
    d_i = np.where(reached_states(model, policy), np.maximum(mass, 0.0), 0.0)[:, None] * own
    joint = d_i.reshape(shape) * policy.others(agent)
    reward = float((joint * model.reward).sum())
    return reward if alpha == 0 else reward - alpha * kl_divergence(joint, data.probabilities)


def modified_reward(model: MMDP, policy: FactorizedPolicy, data: DataDistribution, alpha: float) -> FloatArray:
    """r~ of Lemma 4.1, main text, ``(S, A1, ..., An)``; the same for all agents. Infinite where the module's docstring says."""
    return _reward_minus_log(model, data, alpha, [_along_states(state_occupancy(model, policy), model), policy.joint()])


def appendix_modified_reward(
    model: MMDP, policy: FactorizedPolicy, agent: int, data: DataDistribution, alpha: float
) -> FloatArray:
    """r~ as Appendix D prints it, with d_i(s, a_i) pi(a|s) in the logarithm; it differs between agents."""
    shape = [model.n_states] + [1] * model.n_agents
    shape[agent + 1] = model.n_actions[agent]
    factors = [_along_states(state_occupancy(model, policy), model), policy[agent].reshape(shape), policy.joint()]
    return _reward_minus_log(model, data, alpha, factors)


def occupancy_average(model: MMDP, policy: FactorizedPolicy, reward: ArrayLike) -> float:
    """sum_{s,a} d^pi(s, a) f(s, a) for f of shape ``(S, A1, ..., An)``; f may be infinite where d^pi vanishes."""
    values = np.asarray(reward, dtype=np.float64)
    _checks.check_shape(values, model.reward.shape, "reward", InvalidArgumentError)
    visits = occupancy(model, policy)
    return float((visits * np.where(visits > 0, values, 0.0)).sum())


def conditional_entropy(model: MMDP, policy: FactorizedPolicy, agent: int) -> float:
    """sum_s d^pi(s) H(pi_i(.|s)), in nats: what Appendix D's r~ adds to (2), over alpha."""
    own = policy[agent]
    entropy = -(own * np.log(np.where(own > 0, own, 1.0))).sum(axis=1)
    return float(state_occupancy(model, policy) @ entropy)


def modified_values(model: MMDP, policy: FactorizedPolicy, data: DataDistribution, alpha: float) -> FloatArray:
    """V~(s), ``(S,)``: unnormalised discounted sums of r~ under pi, with r~ evaluated at pi; NaN at unreached states.

    (1-gamma) p_0.V~ is the objective (2).
    """
    reached = reached_states(model, policy)
    reward = modified_reward(model, policy, data, alpha)
    played = (policy.joint() > 0) & _along_states(reached, model)
    mean = np.where(played, policy.joint() * np.where(played, reward, 0.0), 0.0).reshape(model.n_states, -1).sum(axis=1)
    if np.isinf(mean).any():
        raise InvalidArgumentError(
            "policy", got="an objective of -infinity", expected="a policy inside the data's support", remedy="floor the data"
        )
    return np.where(reached, DiscountedChain(state_transition(model, policy), model.discount).values(mean), np.nan)


def frozen_gains(model: MMDP, policy: FactorizedPolicy, agent: int, data: DataDistribution, alpha: float) -> FloatArray:
    """The maximum over pi_i' of V(pi_i', pi_-i)(s) - V(pi)(s) for the reward r~ frozen at pi, ``(S,)``; >= 0 up to rounding.

    Unnormalised discounted sums. +inf where the agent can reach, inside the data's support, an action or a state that pi leaves
    out (alpha > 0); NaN at states that pi does not reach.

    Raises:
        InfeasibleError, InvalidArgumentError: every policy, or this one, leaves the data's support.
    """
    problem = reduce(model, policy, agent, data, alpha)
    transition, state, kept = problem.flow.transition, problem.flow.state, problem.states
    values = modified_values(model, policy, data, alpha)
    frozen = np.broadcast_to(modified_reward(model, policy, data, alpha), model.reward.shape)
    others = np.broadcast_to(policy.others(agent), frozen.shape)
    axes = tuple(k + 1 for k in range(model.n_agents) if k != agent)
    with np.errstate(invalid="ignore"):  # inf - inf, only in rows that ``reduce`` left out
        reward = (others * np.where(others > 0, frozen, 0.0)).sum(axis=axes).reshape(-1)[problem.rows]
    unbounded = _leads_to(transition, state, np.isposinf(reward), len(kept))
    allowed = ~unbounded[state]
    best = np.full(len(kept), np.inf)
    if allowed.any():
        best[~unbounded] = _optimal_values(transition, state, reward, allowed, model.discount, len(kept))[~unbounded]
    gains = np.full(model.n_states, np.nan)
    gains[kept] = best - values[kept]
    return gains


def _leads_to(transition: sp.csr_array, state: NDArray[np.intp], rows: NDArray[np.bool_], n_states: int) -> NDArray[np.bool_]:
    """States from which some sequence of actions may reach one of ``rows``."""
    found = np.zeros(n_states, dtype=bool)
    grown = rows
    while True:
        marked = found.copy()
        marked[state[grown]] = True
        if (marked == found).all():
            return found
        found = marked
        grown = grown | (transition @ found.astype(float) > 0)


def _optimal_values(
    transition: sp.csr_array,
    state: NDArray[np.intp],
    reward: FloatArray,
    allowed: NDArray[np.bool_],
    discount: float,
    n_states: int,
) -> FloatArray:
    """V* over ``allowed`` rows by policy iteration, ``(n_states,)``; 0 at states without such rows."""
    rows = np.flatnonzero(allowed)
    owner, gain = state[rows], reward[rows]
    live = np.unique(owner)
    chosen = rows[np.searchsorted(owner, live)]
    while True:
        picks = sp.csr_array((np.ones(len(live)), (live, chosen)), shape=(n_states, len(reward)))
        mean = np.zeros(n_states)
        mean[live] = reward[chosen]
        values = DiscountedChain(sp.csr_array(picks @ transition), discount).values(mean)
        quality = np.full(len(reward), -np.inf)
        quality[rows] = gain + discount * (transition[rows] @ values)
        order = np.lexsort((-quality[rows], owner))
        best = rows[order][np.searchsorted(owner, live)]
        better = quality[best] > quality[chosen] + 1e-13 * (float(np.ptp(gain)) + np.abs(values[live]))
        if not better.any():
            return values
        chosen = np.where(better, best, chosen)


def _along_states(values: NDArray[Any], model: MMDP) -> NDArray[Any]:
    return np.asarray(values.reshape(-1, *(1,) * model.n_agents))


def _reward_minus_log(model: MMDP, data: DataDistribution, alpha: float, factors: list[FloatArray]) -> FloatArray:
    """The difference r - alpha log(prod of factors / d^D), with the limits of the module's docstring; r itself at alpha = 0."""
    alpha = _checks.real_number(alpha, "alpha", low=0.0)
    data.check_fits(model)
    if alpha == 0:
        return np.array(model.reward)
    seen = np.broadcast_to(data.probabilities > 0, model.reward.shape)
    logs = [np.where(f > 0, np.log(np.where(f > 0, f, 1.0)), -np.inf) for f in factors]
    log_ratio = np.where(seen, sum(logs) - np.log(np.where(seen, data.probabilities, 1.0)), np.inf)
    return np.asarray(model.reward - alpha * log_ratio)
