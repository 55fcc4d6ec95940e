"""ICQ (Yang et al., NeurIPS 2021), multi-agent: an additive critic fitted on the data's joint actions, weighted policies.

    Q_tot(s,a) = (1/N) sum_i Q_i(s,a_i)                                           (monotonic mixing; the paper's IGM family)
    y(s,a)     = r(s,a) + gamma sum_{s'} P(s'|s,a) V(s')
    V(s)       = E_{a ~ pi^D} [ w(s,a) Q_tot(s,a) ],   w proportional to exp(Q_tot / temperature)
    Q          = least squares of y on Q_tot under d^D(a|s), of minimum norm
    pi_i(a|s)  ~ pi_i^D(a|s) exp( Q_i(s,a) / beta ),   beta -> 0+: greedy among the observed actions, ties to the lowest index.

On Penalty XOR, the cells (a), (c) and (d) of Table 6 are there for every beta <= 0.1. Cell (b) rests on the tie-break: swapping
agents and actions leaves the data's form unchanged, so no unique symmetric estimator prefers AA to BB; 'lowest index' does.
"""

from __future__ import annotations

import numpy as np

from alberdice import _checks
from alberdice._checks import FloatArray
from alberdice.data import DataDistribution
from alberdice.errors import SolverError
from alberdice.mmdp import MMDP
from alberdice.policy import FactorizedPolicy
from alberdice.tabular.algorithms.omar import greedy


def icq(model: MMDP, data: DataDistribution, beta: float = 0.0, critic_temperature: float = 1000.0) -> FactorizedPolicy:
    """Policies from the additive critic; ``beta`` 0 is the limit 0+.

    Args:
        model: the MMDP.
        data: its data; only observed pairs count.
        beta: temperature of the policies, >= 0.
        critic_temperature: temperature of the target's weights, > 0 (1,000 in the authors' settings: nearly plain averages).

    Raises:
        SolverError: the critic diverged, which it can: additive least squares need not contract.
    """
    data.check_fits(model)
    beta = _checks.real_number(beta, "beta", low=0.0)
    seen = data.observed_part()
    critics = additive_critics(model, seen, critic_temperature)
    behaviour = seen.behaviour_policy()
    tables = []
    for i, values in enumerate(critics):
        known = behaviour[i] > 0
        shown = np.where(known, values, -np.inf)
        if beta == 0:
            tables.append(greedy(shown))
            continue
        weights = behaviour[i] * np.exp((shown - shown.max(axis=1, keepdims=True)) / beta)
        tables.append(weights / weights.sum(axis=1, keepdims=True))
    return FactorizedPolicy(tables)


def additive_critics(model: MMDP, data: DataDistribution, critic_temperature: float = 1000.0) -> list[FloatArray]:
    """Q_i, ``(S, A_i)``: the fixed point of the minimum-norm additive least squares."""
    temperature = _checks.real_number(critic_temperature, "critic_temperature", low=0.0, open_ends=True)
    n = model.n_agents
    policy = data.joint_conditional().reshape(model.n_states, -1)
    policy = np.where((data.state_marginal() > 0)[:, None], policy, 0.0)
    # Columns of the design: one indicator per agent and action, weight 1/N.
    actions = np.indices(model.n_actions).reshape(n, -1)
    design = np.concatenate([np.eye(k)[actions[i]] for i, k in enumerate(model.n_actions)], axis=1) / n
    root = np.sqrt(policy)
    fit = np.linalg.pinv(root[:, :, None] * design[None], rcond=1e-10) * root[:, None, :]
    reward = model.reward.reshape(model.n_states, -1)
    total = np.zeros(policy.shape)
    for _ in range(100_000):
        weights = policy * np.exp((total - total.max(axis=1, keepdims=True)) / temperature)
        mass = weights.sum(axis=1)
        values = (weights * total).sum(axis=1) / np.where(mass > 0, mass, 1.0)
        target = reward + model.discount * (model.transition @ values).reshape(reward.shape)
        parameters = np.einsum("spa,sa->sp", fit, target)
        update = parameters @ design.T
        change = np.abs((update - total) * (policy > 0)).max()
        total = update
        if not np.isfinite(change) or change > 1e12 * np.abs(reward).max():
            break
        if change <= 1e-12 * np.abs(target[policy > 0]).max():
            return list(np.split(parameters, np.cumsum(model.n_actions)[:-1], axis=1))
    raise SolverError(
        "ICQ's critic",
        got=f"a change of {change:.3g} in the last sweep",
        expected="a fixed point",
        remedy="the additive critic diverges on these data; that is this algorithm's outcome, not a bound on them",
    )
