"""Fixing the other agents: the reduced MDP of section 3 as a flow problem, and the way back.

With pi_{-i} fixed, the regularised LP (2)-(3) of agent i is

    max_{d_i >= 0} sum_{s,a_i} d_i(s,a_i) c(s,a_i) - alpha sum_{s,a_i} d_i(s,a_i) log d_i(s,a_i)
    s.t. sum_a d_i(s,a) - gamma sum_{s',a'} Pbar(s|s',a') d_i(s',a') = (1-gamma) p_0(s)   for all s,

    c(s,a_i)       = rbar(s,a_i) - alpha sum_{a_-i} pi_{-i}(a_-i|s) log( pi_{-i}(a_-i|s) / d^D(s,a_i,a_-i) )
    rbar(s,a_i)    = sum_{a_-i} pi_{-i}(a_-i|s) r(s,a)
    Pbar(s'|s,a_i) = sum_{a_-i} pi_{-i}(a_-i|s) P(s'|s,a).

Three removals leave a problem with strictly positive points; each is undone by ``lift``:

1. actions without support: alpha > 0 and d^D(s,a) = 0 for some a_-i that the others play, so that c = -infinity;
2. dead ends: actions that may lead to a state with no action left, and such states, again and again;
3. states that p_0 cannot reach by the remaining actions (footnote 6 of the paper, Slater's condition, fails with them).

If an initial state is a dead end, every policy of the agent has objective -infinity: InfeasibleError.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from alberdice._checks import FloatArray
from alberdice.data import DEFAULT_FLOOR, DataDistribution
from alberdice.errors import InfeasibleError
from alberdice.evaluation import reachable
from alberdice.mmdp import MMDP
from alberdice.policy import FactorizedPolicy
from alberdice.tabular.flow import FlowProblem

__all__ = ["ReducedProblem", "reduce"]

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class ReducedProblem:
    """Agent ``agent``'s flow problem and how to map its solution back.

    Attributes:
        flow: the problem over the kept rows and states.
        shape: ``(S, A_i)`` of the full tables.
        rows: flat indices ``s * A_i + a`` of the kept rows, ascending.
        states: indices of the kept states, ascending.
    """

    flow: FlowProblem
    agent: int
    shape: tuple[int, int]
    rows: NDArray[np.intp]
    states: NDArray[np.intp]

    def lift_rows(self, values: FloatArray, fill: float = 0.0) -> FloatArray:
        """Values of the kept rows as a table ``(S, A_i)``."""
        table = np.full(self.shape, fill)
        table.reshape(-1)[self.rows] = values
        return table

    def lift_states(self, values: FloatArray, fill: float = np.nan) -> FloatArray:
        """Values of the kept states as ``(S,)``; NaN where a state was removed."""
        full = np.full(self.shape[0], fill)
        full[self.states] = values
        return full


def reduce(model: MMDP, policy: FactorizedPolicy, agent: int, data: DataDistribution, alpha: float) -> ReducedProblem:
    """The flow problem of ``agent`` against ``policy``'s other agents, equations (2)-(3).

    Raises:
        InfeasibleError: every policy of the agent leaves the data's support, so that (2) is -infinity.
    """
    shape = (model.n_states, model.n_actions[agent])
    transition = averaged_transition(model, policy, agent)
    reward, supported = _linear_coefficients(model, policy, agent, data, alpha)
    alive = _without_dead_ends(transition, supported)
    start = model.initial > 0
    stuck = start & ~alive.any(axis=1)
    if stuck.any():
        raise _infeasible(policy, agent, data, supported, int(np.argmax(stuck)))
    reached = _reachable(transition, alive, start)
    rows = np.flatnonzero((alive & reached[:, None]).reshape(-1))
    states = np.flatnonzero(reached)
    new_index = np.full(shape[0], -1)
    new_index[states] = np.arange(len(states))
    flow = FlowProblem(
        reward=reward.reshape(-1)[rows],
        transition=sp.csr_array(transition[rows][:, states]),
        state=new_index[rows // shape[1]],
        initial=model.initial[states],
        discount=model.discount,
        alpha=alpha,
    )
    return ReducedProblem(flow, agent, shape, rows, states)


def averaged_transition(model: MMDP, policy: FactorizedPolicy, agent: int) -> sp.csr_array:
    """Pbar(s'|s,a_i), sparse ``(S * A_i, S)``; never forms an array over states x joint actions x states."""
    own = model.n_actions[agent]
    weights = np.broadcast_to(policy.others(agent), model.reward.shape).reshape(model.n_states, -1)
    own_action = np.indices(model.n_actions)[agent].reshape(-1)
    states, joint = np.nonzero(weights)
    picks = sp.csr_array(
        (weights[states, joint], (states * own + own_action[joint], states * model.n_joint_actions + joint)),
        shape=(model.n_states * own, model.n_states * model.n_joint_actions),
    )
    return sp.csr_array(picks @ model.transition)


def _linear_coefficients(
    model: MMDP, policy: FactorizedPolicy, agent: int, data: DataDistribution, alpha: float
) -> tuple[FloatArray, BoolArray]:
    """c(s, a_i), and where it is finite; both ``(S, A_i)``."""
    reward = policy.average_over_others(model.reward, agent)
    if alpha == 0:
        return reward, np.ones(reward.shape, dtype=bool)
    others = np.broadcast_to(policy.others(agent), model.reward.shape)
    outside = (others > 0) & (data.probabilities == 0)
    axes = tuple(k + 1 for k in range(model.n_agents) if k != agent)
    inside = (others > 0) & ~outside
    # log(pi_{-i} / d^D) as a difference of logarithms: their quotient can overflow.
    ratio = np.log(np.where(inside, others, 1.0)) - np.log(np.where(inside, data.probabilities, 1.0))
    return reward - alpha * (others * ratio).sum(axis=axes), ~outside.any(axis=axes)


def _without_dead_ends(transition: sp.csr_array, supported: BoolArray) -> BoolArray:
    """The actions that can be played for ever: drop those that may lead to a state with none left, until nothing changes."""
    alive = supported.copy()
    dead = ~alive.any(axis=1)
    while dead.any():
        leads_to_dead = (transition @ dead.astype(float) > 0).reshape(alive.shape)
        remaining = alive & ~leads_to_dead
        if (remaining == alive).all():
            break
        alive = remaining
        dead = ~alive.any(axis=1)
    return alive


def _reachable(transition: sp.csr_array, alive: BoolArray, start: BoolArray) -> BoolArray:
    """States that the initial ones reach by living actions."""
    n_states, n_own = alive.shape
    own_rows = np.flatnonzero(alive.reshape(-1))
    by_state = sp.csr_array((np.ones(len(own_rows)), (own_rows // n_own, own_rows)), shape=(n_states, n_states * n_own))
    return reachable(sp.csr_array(by_state @ transition), start)


def _infeasible(
    policy: FactorizedPolicy, agent: int, data: DataDistribution, supported: BoolArray, state: int
) -> InfeasibleError:
    """Names the agent, a joint action without data that it cannot avoid, and what a floor would do."""
    if supported[state].any():
        why = f"every action of agent {agent + 1} leads on to states where the other agents leave the data"
    else:
        unseen = (np.broadcast_to(policy.others(agent), data.probabilities.shape) > 0) & (data.probabilities == 0)
        joint = ", ".join(map(str, np.argwhere(unseen[state])[0].tolist()))
        why = f"whatever agent {agent + 1} plays, the others reach joint actions without data, e.g. a=({joint})"
    return InfeasibleError(
        f"best response of agent {agent + 1} at state {state}",
        got=f"objective -infinity for every policy: {why}",
        expected="a policy that stays within the data's support, or alpha = 0",
        remedy=f"floor the data, e.g. DataDistribution.from_counts(counts, floor={DEFAULT_FLOOR:g}): every joint action then "
        "has a finite cost of at most alpha * log(1/floor) and the problem has a solution",
    )
