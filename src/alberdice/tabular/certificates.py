"""The first-order certificate of a joint policy: how far from Nash.

``nash_certificate`` solves every agent's best response and reports the certified most that it could gain,

    gain_i <= U_i(nu_i) - J(pi),      epsilon = max_i gain_i.

epsilon = 0 is the corrected reading of Theorem 4.2: pi is optimal in each block, that is, a Nash policy of the MMDP whose
reward r~ is frozen at pi, at the states that pi reaches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from alberdice._checks import FloatArray
from alberdice.data import DataDistribution, SparseDataDistribution
from alberdice.errors import InvalidArgumentError
from alberdice.mmdp import MMDP, SparseMMDP
from alberdice.policy import FactorizedPolicy
from alberdice.tabular.best_response import BestResponse, best_response, reward_centre
from alberdice.tabular.objective import objective

__all__ = ["NashCertificate", "finite_objective", "nash_certificate"]


@dataclass(frozen=True)
class NashCertificate:
    """How much each agent could gain by deviating.

    Attributes:
        value: J(pi).
        gains: ``(n,)`` certified upper bounds on each agent's gain, reward per step.
        epsilon: the largest of them: pi is an epsilon-Nash policy in the sense of the module's docstring.
    """

    value: float
    gains: FloatArray
    epsilon: float


def nash_certificate(
    model: MMDP | SparseMMDP,
    policy: FactorizedPolicy,
    data: DataDistribution | SparseDataDistribution,
    alpha: float,
    *,
    method: str = "interior-point",
    warm: Sequence[BestResponse | None] | None = None,
) -> NashCertificate:
    """The most that any agent gains by deviating from ``policy``, certified by duality.

    Raises:
        InfeasibleError, SolverError: as ``best_response``.
        InvalidArgumentError: the policy's own objective is -infinity, so that gains have no meaning.
    """
    offset = reward_centre(model)
    model = model.shifted(-offset)
    value = finite_objective(model, policy, data, alpha)
    starts = warm if warm is not None else [None] * model.n_agents
    answers = [best_response(model, policy, i, data, alpha, method, start=starts[i]) for i in range(model.n_agents)]
    gains = np.array([max(br.upper_bound - value, 0.0) for br in answers])
    return NashCertificate(value + offset, gains, float(gains.max()))


def finite_objective(
    model: MMDP | SparseMMDP, policy: FactorizedPolicy, data: DataDistribution | SparseDataDistribution, alpha: float
) -> float:
    """J(pi); InvalidArgumentError where it is -infinity."""
    value = objective(model, policy, data, alpha)
    if value == -np.inf:
        raise InvalidArgumentError(
            "policy",
            got="objective -infinity: it plays joint actions that the data never show",
            expected="a policy inside the data's support",
            remedy="floor the data or start from another policy",
        )
    return value
