"""The regularised objective (2), the one value that all agents share (Lemma 4.1).

    J(pi) = sum_{s,a} d^pi(s, a) r(s, a) - alpha KL(d^pi || d^D),     d^pi(s, a) = d^pi(s) prod_i pi_i(a_i|s)

Occupancies sum to 1, so J is in units of reward per step. J = -infinity where alpha > 0 and d^pi leaves the support of d^D.
"""

from __future__ import annotations

import numpy as np

from alberdice import _checks
from alberdice._checks import FloatArray
from alberdice.data import DataDistribution
from alberdice.evaluation import occupancy
from alberdice.mmdp import MMDP
from alberdice.policy import FactorizedPolicy


def objective(model: MMDP, policy: FactorizedPolicy, data: DataDistribution, alpha: float) -> float:
    """J(pi), equation (2); -inf outside the data's support when alpha > 0.

    Raises:
        InvalidPolicyError, InvalidDataError: shapes that do not fit the model.
        InvalidArgumentError: alpha negative or not finite.
    """
    alpha = _checks.real_number(alpha, "alpha", low=0.0)
    data.check_fits(model)
    visits = occupancy(model, policy)
    reward = float((visits * model.reward).sum())
    return reward if alpha == 0 else reward - alpha * kl_divergence(visits, data.probabilities)


def kl_divergence(p: FloatArray, q: FloatArray) -> float:
    """KL(p || q) = sum p log(p/q), with 0 log 0 = 0 and +inf where p > 0 = q."""
    used = p > 0
    if (q[used] == 0).any():
        return float("inf")
    return float((p[used] * (np.log(p[used]) - np.log(q[used]))).sum())
