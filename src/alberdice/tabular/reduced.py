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

import itertools
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import entr

from alberdice._checks import FloatArray
from alberdice.data import DEFAULT_FLOOR, DataDistribution, SparseDataDistribution
from alberdice.errors import InfeasibleError
from alberdice.evaluation import averaged_rows, reachable
from alberdice.mmdp import MMDP, SparseMMDP
from alberdice.policy import FactorizedPolicy
from alberdice.tabular.flow import FlowProblem
from alberdice.tabular.objective import mean_log

__all__ = ["ReducedProblem", "reachable_rows", "reduce", "without_dead_ends"]

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


def reduce(
    model: MMDP | SparseMMDP,
    policy: FactorizedPolicy,
    agent: int,
    data: DataDistribution | SparseDataDistribution,
    alpha: float,
) -> ReducedProblem:
    """The flow problem of ``agent`` against ``policy``'s other agents, equations (2)-(3).

    Raises:
        InfeasibleError: every policy of the agent leaves the data's support, so that (2) is -infinity.
    """
    shape = (model.n_states, model.n_actions[agent])
    transition = averaged_transition(model, policy, agent)
    reward, supported = _linear_coefficients(model, policy, agent, data, alpha)
    owner = np.repeat(np.arange(shape[0]), shape[1])
    alive = without_dead_ends(transition, owner, supported.reshape(-1), shape[0])
    start = model.initial > 0
    stuck = start & (np.bincount(owner[alive], minlength=shape[0]) == 0)
    if stuck.any():
        raise _infeasible(policy, agent, data, supported, int(np.argmax(stuck)))
    rows, states = reachable_rows(transition, owner, alive, start)
    low, high = model.reward_range()
    new_index = np.full(shape[0], -1)
    new_index[states] = np.arange(len(states))
    flow = FlowProblem(
        reward=reward.reshape(-1)[rows],
        transition=sp.csr_array(transition[rows][:, states]),
        state=new_index[rows // shape[1]],
        initial=model.initial[states],
        discount=model.discount,
        alpha=alpha,
        reward_unit=high - low,
    )
    return ReducedProblem(flow, agent, shape, rows, states)


def averaged_transition(model: MMDP | SparseMMDP, policy: FactorizedPolicy, agent: int) -> sp.csr_array:
    """Pbar(s'|s,a_i), sparse ``(S * A_i, S)``; never forms an array over states x joint actions x states."""
    return averaged_rows(model, policy, agent)


def _linear_coefficients(
    model: MMDP | SparseMMDP,
    policy: FactorizedPolicy,
    agent: int,
    data: DataDistribution | SparseDataDistribution,
    alpha: float,
) -> tuple[FloatArray, BoolArray]:
    """c(s, a_i), and where it is finite; both ``(S, A_i)``."""
    reward = model.pairs.average(policy.tables, model.listed_reward, model.rest_reward, agent)
    if alpha == 0:
        return reward, np.ones(reward.shape, dtype=bool)
    log_data, outside = mean_log(data, policy, agent)
    entropies = [entr(table).sum(axis=1) for j, table in enumerate(policy) if j != agent]
    entropy = np.sum(entropies, axis=0) if entropies else np.zeros(model.n_states)
    return np.asarray(reward + alpha * (entropy[:, None] + log_data)), ~outside


def without_dead_ends(transition: sp.csr_array, owner: NDArray[np.intp], supported: BoolArray, n_states: int) -> BoolArray:
    """The rows that can be played for ever: drop those that may lead to a state with none left, until nothing changes.

    Args:
        transition: P by rows, ``(M, S)``.
        owner: the rows' states, ``(M,)``.
        supported: rows to begin with, ``(M,)``.
        n_states: S.
    """
    alive = supported
    while True:
        dead = np.bincount(owner[alive], minlength=n_states) == 0
        remaining = alive & ~(transition @ dead.astype(float) > 0) if dead.any() else alive
        if (remaining == alive).all():
            return alive
        alive = remaining


def reachable_rows(
    transition: sp.csr_array, owner: NDArray[np.intp], alive: BoolArray, start: BoolArray
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The living rows of states that the initial ones reach by living rows, and those states; both ascending."""
    kept = np.flatnonzero(alive)
    by_state = sp.csr_array((np.ones(len(kept)), (owner[kept], kept)), shape=(len(start), len(owner)))
    reached = reachable(sp.csr_array(by_state @ transition), start)
    return np.flatnonzero(alive & reached[owner]), np.flatnonzero(reached)


def _infeasible(
    policy: FactorizedPolicy, agent: int, data: DataDistribution | SparseDataDistribution, supported: BoolArray, state: int
) -> InfeasibleError:
    """Names the agent, a joint action without data that it cannot avoid, and what a floor would do."""
    if supported[state].any():
        why = f"every action of agent {agent + 1} leads on to states where the other agents leave the data"
    else:
        joint = ", ".join(map(str, _without_data(policy, agent, data, state)))
        why = f"whatever agent {agent + 1} plays, the others reach joint actions without data, e.g. a=({joint})"
    return InfeasibleError(
        f"best response of agent {agent + 1} at state {state}",
        got=f"objective -infinity for every policy: {why}",
        expected="a policy that stays within the data's support, or alpha = 0",
        remedy=f"floor the data, e.g. DataDistribution.from_counts(counts, floor={DEFAULT_FLOOR:g}): every joint action then "
        "has a finite cost of at most alpha * log(1/floor) and the problem has a solution",
    )


def _without_data(
    policy: FactorizedPolicy, agent: int, data: DataDistribution | SparseDataDistribution, state: int
) -> tuple[int, ...]:
    """The first joint action without data that the others play at ``state``."""
    here = np.flatnonzero(data.pairs.state == state)
    known = {tuple(map(int, data.pairs.actions[k])): bool(np.isfinite(data.listed_log[k])) for k in here}
    rest = bool(np.isfinite(data.rest_log[state]))
    played = [range(t.shape[1]) if j == agent else np.flatnonzero(t[state]).tolist() for j, t in enumerate(policy)]
    return next(joint for joint in itertools.product(*played) if not known.get(joint, rest))
