"""OptiDICE (Lee et al., ICML 2021) on joint actions, with factorised weighted behaviour cloning (footnote 7 of the paper).

One nu(s), no partner is fixed: the regularised LP over joint occupancies inside the data's support,

    d* = argmax_d  sum d(s,a) r(s,a) - alpha KL(d || d^D)   s.t. the flow constraints,     alpha -> 0.001
    pi_i = argmax E_{d*} log pi_i(a_i|s)   =>   pi_i(a_i|s) = d*(s, a_i) / d*(s).

d* stays on the data; the product of its marginals does not. (On one state, d* is proportional to d^D exp(r / alpha).)
"""

from __future__ import annotations

import numpy as np

from alberdice.data import DataDistribution
from alberdice.mmdp import MMDP
from alberdice.policy import FactorizedPolicy
from alberdice.tabular.best_response import best_response


def optidice(model: MMDP, data: DataDistribution, alpha: float = 0.001) -> FactorizedPolicy:
    """Marginals of the optimal regularised joint occupancy; the data's marginals at states that it does not visit.

    Raises:
        InfeasibleError: no joint policy stays within the data (data that stop at a state, say).
        SolverError: the joint problem could not be certified.
    """
    data.check_fits(model)
    seen = data.observed_part()
    shape = (model.n_states, model.n_joint_actions)
    centralised = MMDP(model.transition, model.reward.reshape(shape), model.initial, model.discount)
    start = FactorizedPolicy([seen.joint_conditional().reshape(shape)])
    answer = best_response(centralised, start, 0, DataDistribution(seen.probabilities.reshape(shape)), alpha)
    joint = answer.occupancy.reshape(model.reward.shape)
    behaviour = seen.behaviour_policy()
    tables = []
    for i in range(model.n_agents):
        visits = joint.sum(axis=tuple(k + 1 for k in range(model.n_agents) if k != i))
        mass = visits.sum(axis=1, keepdims=True)
        visited = answer.reachable[:, None]
        tables.append(np.where(visited, visits / np.where(visited, mass, 1.0), behaviour[i]))
    return FactorizedPolicy(tables)
