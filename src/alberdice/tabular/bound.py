"""How far from the best: a certified bound on what ANY joint policy can reach, factorised or not.

The regularised problem over joint occupancies is (2)-(3) for one agent with the actions A_1 x ... x A_N,

    max_d  sum_{s,a} d(s,a) [ r(s,a) + alpha log d^D(s,a) ] - alpha sum d log d     s.t. the flow constraints,

and every multiplier nu of it gives an upper bound (``flow``). A factorised policy is a joint one, so that no equilibrium,
and no policy at all, has more; where the best joint policy correlates the agents, the bound is not attained. Joint actions of a
state that are not listed are alike: m of them enter as one row, at the reward r + alpha (log d^D + log m).

At alpha = 0 the same problem bounds the plain return of the model: no policy earns more reward per step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from alberdice._checks import FloatArray
from alberdice.data import DataDistribution, SparseDataDistribution, conditional
from alberdice.joint import JointPairs
from alberdice.mmdp import MMDP, SparseMMDP
from alberdice.policy import FactorizedPolicy
from alberdice.tabular.best_response import reward_centre, reward_unit
from alberdice.tabular.flow import FlowProblem
from alberdice.tabular.interior_point import solve_flow
from alberdice.tabular.reduced import reachable_rows, without_dead_ends

__all__ = ["JointBound", "joint_bound"]

#: relative duality gap of the joint problem: a bound needs no more digits
TOLERANCE = 1e-6
#: joint problems of more rows are not bounded unless asked for
ROWS = 1_000_000


@dataclass(frozen=True)
class JointBound:
    """What no policy can exceed, and what the best joint policy suggests.

    Attributes:
        objective: no joint policy has a larger objective (2).
        reward: no joint policy earns more reward per step in the model, whatever the data.
        marginals: the best joint policy's marginals, agent by agent.
        modes: its most likely joint action at each state, as a deterministic policy.
    """

    objective: float
    reward: float
    marginals: FactorizedPolicy = field(repr=False)
    modes: FactorizedPolicy = field(repr=False)


def joint_rows(model: MMDP | SparseMMDP) -> int:
    """Rows of the joint problem."""
    return len(model.pairs) + (0 if model.pairs.complete else model.n_states)


def joint_bound(model: MMDP | SparseMMDP, data: DataDistribution | SparseDataDistribution, alpha: float) -> JointBound:
    """Bounds by the duals of the joint problem at ``alpha`` and at 0.

    A bound holds whether or not its solver came to an end (weak duality); it is -inf where every joint policy leaves the data.

    Raises:
        ResourceError: a sparse model with data of another form, too large to write out.
    """
    data.check_fits(model)
    offset = reward_centre(model)
    model, data = _alike(model.shifted(-offset), data)
    rows = _Rows(model, data)
    value, visits = rows.solve(alpha)
    plain = value if alpha == 0 else rows.solve(0.0)[0]
    marginals, modes = rows.suggestions(visits)
    return JointBound(value + offset, plain + offset, marginals, modes)


def _alike(
    model: MMDP | SparseMMDP, data: DataDistribution | SparseDataDistribution
) -> tuple[MMDP | SparseMMDP, DataDistribution | SparseDataDistribution]:
    """Model and data in one form, so that what is not listed is alike in both."""
    if isinstance(model, MMDP) and isinstance(data, SparseDataDistribution):
        return model, data.dense()
    if isinstance(model, SparseMMDP) and isinstance(data, DataDistribution):
        return model.dense(), data
    return model, data


class _Rows:
    """The joint problem's rows: the pairs that model or data list, then one row per state for all others."""

    def __init__(self, model: MMDP | SparseMMDP, data: DataDistribution | SparseDataDistribution) -> None:
        self.model, self.data = model, data
        pairs = model.pairs if len(data.pairs) == 0 else self._union(model.pairs, data.pairs)
        self.pairs = pairs
        mine, theirs = self._places(model.pairs), self._places(data.pairs)
        self.log_data = np.where(theirs >= 0, data.listed_log[theirs], data.rest_log[pairs.state])
        self.reward = np.where(mine >= 0, model.listed_reward[mine], model.rest_reward[pairs.state])
        self.transition, self.state = model.transition, pairs.state
        self.log_count = np.zeros(len(pairs))
        if model.rest_transition is not None:
            both = sp.csr_array(sp.vstack([model.transition, model.rest_transition], format="csr"))
            source = np.where(mine >= 0, mine, len(model.pairs) + pairs.state)
            listed = np.bincount(pairs.state, minlength=model.n_states)
            whole = math.prod(model.n_actions)
            left = np.flatnonzero([whole > int(k) for k in listed])
            self.transition = sp.csr_array(both[np.r_[source, len(model.pairs) + left]])
            self.state = np.r_[pairs.state, left]
            self.reward = np.r_[self.reward, model.rest_reward[left]]
            self.log_data = np.r_[self.log_data, data.rest_log[left]]
            self.log_count = np.r_[self.log_count, [math.log(whole - int(listed[s])) for s in left]]

    @staticmethod
    def _union(first: JointPairs, second: JointPairs) -> JointPairs:
        if first is second or first.complete:
            return first
        new = first.locate(second) < 0
        state = np.r_[first.state, second.state[new]]
        return JointPairs(first.n_states, first.n_actions, state, np.vstack([first.actions, second.actions[new]]))

    def _places(self, pairs: JointPairs) -> NDArray[np.intp]:
        same = pairs is self.pairs or (pairs.complete and self.pairs.complete)
        return np.arange(len(pairs)) if same else pairs.locate(self.pairs)

    def solve(self, alpha: float) -> tuple[float, FloatArray]:
        """The bound, and the occupancies of all rows (0 where removed)."""
        weight = np.where(np.isfinite(self.log_data), self.log_data + self.log_count, 0.0)
        reward = self.reward + alpha * weight
        supported = np.isfinite(self.log_data) | (alpha == 0)
        n_states, start = self.model.n_states, self.model.initial > 0
        alive = without_dead_ends(self.transition, self.state, supported, n_states)
        if (start & (np.bincount(self.state[alive], minlength=n_states) == 0)).any():
            return -math.inf, np.zeros(len(reward))
        rows, states = reachable_rows(self.transition, self.state, alive, start)
        index = np.full(n_states, -1)
        index[states] = np.arange(len(states))
        order = np.argsort(self.state[rows], kind="stable")
        rows = rows[order]
        flow = FlowProblem(
            reward=reward[rows],
            transition=sp.csr_array(self.transition[rows][:, states]),
            state=index[self.state[rows]],
            initial=self.model.initial[states],
            discount=self.model.discount,
            alpha=alpha,
            reward_unit=reward_unit(self.model),
        )
        found = solve_flow(flow, tolerance=TOLERANCE)
        visits = np.zeros(len(reward))
        visits[rows] = np.nan_to_num(found.occupancy)
        return (found.upper_bound if math.isfinite(found.upper_bound) else math.inf), visits

    def suggestions(self, visits: FloatArray) -> tuple[FactorizedPolicy, FactorizedPolicy]:
        """Marginals, and modes, of the occupancies; the data's marginals where nothing is visited."""
        listed, rest = visits[: len(self.pairs)], visits[len(self.pairs) :]
        spread = np.zeros(self.model.n_states)
        spread[self.state[len(self.pairs) :]] = rest
        seen = np.bincount(self.state, visits, self.model.n_states) > 0
        behaviour = self.data.behaviour_policy()
        best = np.full(self.model.n_states, -1)
        order = np.lexsort((listed, self.pairs.state))
        best[self.pairs.state[order]] = order  # the last of each state, its largest
        usable = seen & (best >= 0) & (np.where(best >= 0, listed[best], 0.0) >= spread) if len(listed) else seen & False
        marginals, modes = [], []
        for i, table in enumerate(behaviour):
            mean = conditional(self.pairs.sums(listed, i) + (spread / table.shape[1])[:, None])
            marginals.append(np.where(seen[:, None], mean, table))
            chosen = np.where(usable[:, None], np.eye(table.shape[1])[self.pairs.actions[best, i]], marginals[-1])
            modes.append(chosen)
        return FactorizedPolicy(marginals), FactorizedPolicy(modes)
