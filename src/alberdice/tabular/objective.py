"""The regularised objective (2), the one value that all agents share (Lemma 4.1).

    J(pi) = sum_{s,a} d^pi(s, a) r(s, a) - alpha KL(d^pi || d^D),     d^pi(s, a) = d^pi(s) prod_i pi_i(a_i|s)

Occupancies sum to 1, so J is in units of reward per step. J = -infinity where alpha > 0 and d^pi leaves the support of d^D.

d^pi is a product, so that its entropy separates, and only log d^D has to be averaged over joint actions:

    KL(d^pi || d^D) = sum_s d(s) [ log d(s) + sum_i sum_{a_i} pi_i log pi_i - sum_a pi(a|s) log d^D(s, a) ]
"""

from __future__ import annotations

import numpy as np
from scipy.special import entr

from alberdice import _checks
from alberdice._checks import FloatArray
from alberdice.data import DataDistribution, SparseDataDistribution
from alberdice.evaluation import mean_reward, state_occupancy
from alberdice.mmdp import MMDP, SparseMMDP
from alberdice.policy import FactorizedPolicy


def objective(
    model: MMDP | SparseMMDP, policy: FactorizedPolicy, data: DataDistribution | SparseDataDistribution, alpha: float
) -> float:
    """J(pi), equation (2); -inf outside the data's support when alpha > 0.

    Raises:
        InvalidPolicyError, InvalidDataError: shapes that do not fit the model.
        InvalidArgumentError: alpha negative or not finite.
    """
    alpha = _checks.real_number(alpha, "alpha", low=0.0)
    policy.check_fits(model)
    data.check_fits(model)
    mass = state_occupancy(model, policy)
    reward = float(mass @ mean_reward(model, policy))
    if alpha == 0:
        return reward
    log_data, outside = mean_log(data, policy)
    if (mass[outside] > 0).any():
        return float("-inf")
    log_policy = -np.sum([entr(table).sum(axis=1) for table in policy], axis=0)
    return reward - alpha * float(mass @ (log_policy - log_data) - entr(mass).sum())


def mean_log(
    data: DataDistribution | SparseDataDistribution, policy: FactorizedPolicy, agent: int | None = None
) -> tuple[FloatArray, np.ndarray]:
    """Average of log d^D over the agents (``agent``, if any, left out), and where they leave its support.

    Both ``(S,)``, or ``(S, A_i)`` by own action; the average counts only what is inside the support.
    """
    pairs, tables = data.pairs, policy.tables
    listed, rest = np.isfinite(data.listed_log), np.isfinite(data.rest_log)
    missing = pairs.played(tables, agent) & ~listed
    gone = pairs.sums(missing.astype(float), agent) > 0
    unlisted = ~rest if agent is None else ~rest[:, None]
    outside = gone | (pairs.leaves(tables, agent) & unlisted)
    mean = pairs.average(tables, np.where(listed, data.listed_log, 0.0), np.where(rest, data.rest_log, 0.0), agent)
    return mean, outside


def kl_divergence(p: FloatArray, q: FloatArray) -> float:
    """KL(p || q) = sum p log(p/q), with 0 log 0 = 0 and +inf where p > 0 = q."""
    used = p > 0
    if (q[used] == 0).any():
        return float("inf")
    return float((p[used] * (np.log(p[used]) - np.log(q[used]))).sum())
