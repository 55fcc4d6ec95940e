"""OMAR (Pan et al., ICML 2022), discrete: independent conservative critics, greedy policies.

Agent i ignores the others; their actions are the data's. With mu_i = pi_i^D(a_i|s) and c the conservative weight,

    y_i(s,a_i)  = E_{a_-i ~ pi^D(.|s,a_i)} [ r(s,a) + gamma sum_{s'} P(s'|s,a) Q_i(s', pi_i(s')) ]
    Q_i(s,.)    = argmin_Q  sum_a mu_i(a) (Q(a) - y_i(a))^2 + c ( log sum_a exp Q(a) - sum_a mu_i(a) Q(a) )
    pi_i(s)     = argmax_a Q_i(s,a)          (ties to the lowest index)

The inner problem is strictly convex on the observed actions. An action without data has no finite minimiser (its value
falls for ever): it is held below all others and never chosen. The map y -> Q does not expand the largest norm, so the
iteration contracts by gamma.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alberdice import _checks
from alberdice._checks import FloatArray
from alberdice.data import DataDistribution, conditional
from alberdice.errors import SolverError
from alberdice.mmdp import MMDP
from alberdice.policy import FactorizedPolicy

#: two values within this count as tied
TIE = 1e-9


def omar(model: MMDP, data: DataDistribution, conservatism: float = 1.0) -> FactorizedPolicy:
    """Greedy policies of the independent conservative critics; ``conservatism`` is c >= 0.

    Raises:
        SolverError: the iteration did not settle.
    """
    data.check_fits(model)
    c = _checks.real_number(conservatism, "conservatism", low=0.0)
    seen = data.observed_part()
    return FactorizedPolicy([greedy(conservative_values(model, seen, i, c)) for i in range(model.n_agents)])


def greedy(values: FloatArray) -> FloatArray:
    """One-hot argmax of each row, ties (within 1e-9) to the lowest index."""
    tied = values >= values.max(axis=1, keepdims=True) - TIE
    return np.asarray(np.eye(values.shape[1])[np.argmax(tied, axis=1)])


def conservative_values(model: MMDP, data: DataDistribution, agent: int, conservatism: float) -> FloatArray:
    """Q_i, ``(S, A_i)``; -infinity for actions without data, 0 at states without data."""
    marginal = data.agent_marginal(agent)
    known = marginal > 0
    has_data = known.any(axis=1)
    axes = tuple(k + 1 for k in range(model.n_agents) if k != agent)
    weights = data.probabilities / np.expand_dims(np.where(known, marginal, 1.0), axes)
    reward = (weights * model.reward).sum(axis=axes)
    behaviour = conditional(marginal)
    values = np.where(known, 0.0, -np.inf)
    values[~has_data] = 0.0
    for _ in range(100_000):
        following = (model.transition @ values.max(axis=1)).reshape(model.reward.shape)
        target = reward + model.discount * (weights * following).sum(axis=axes)
        update = values.copy()
        update[has_data] = _conservative_fit(
            target[has_data], behaviour[has_data], known[has_data], conservatism, start=values[has_data]
        )
        change = np.abs(np.where(known, update, 0.0) - np.where(known, values, 0.0)).max()
        values = update
        if change <= 1e-12 * (conservatism + np.abs(values[known]).max()):
            return values
    raise SolverError("OMAR's critic", got=f"a change of {change:.2g} after 100,000 sweeps", expected="a fixed point")


def _conservative_fit(target: FloatArray, mu: FloatArray, known: NDArray[np.bool_], c: float, start: FloatArray) -> FloatArray:
    """Row-wise argmin of sum mu (Q - y)^2 + c (logsumexp Q - sum mu Q) over known actions; Newton, damped where needed."""
    if c == 0:
        return np.where(known, target, -np.inf)
    q = np.where(known, start, 0.0)
    eye = np.eye(q.shape[1])
    for _ in range(100):
        soft = _softmax(q, known)
        slope = np.where(known, 2 * mu * (q - target) + c * (soft - mu), 0.0)
        if np.abs(slope).max() <= 1e-14 * (c + np.abs(target).max()):
            break
        bend = np.where(known, 2 * mu + c * soft, 1.0)[:, :, None] * eye - c * soft[:, :, None] * soft[:, None, :]
        step = np.linalg.solve(bend, slope[:, :, None])[:, :, 0]
        # The Hessian changes by at most a factor e^2 over a step of size 1, so that such steps always descend.
        q = q - step / np.maximum(1.0, np.abs(step).max(axis=1, keepdims=True))
    return np.where(known, q, -np.inf)


def _softmax(values: FloatArray, known: NDArray[np.bool_]) -> FloatArray:
    shown = np.where(known, values, -np.inf)
    weights = np.exp(shown - shown.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
