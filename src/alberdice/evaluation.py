"""Exact evaluation of a factorised policy on an MMDP: occupancies, values, returns; no sampling anywhere.

With P_pi[s, s'] = sum_a pi(a|s) P(s'|s, a) and r_pi[s] = sum_a pi(a|s) r(s, a):

    d(s)    = (1 - gamma) sum_t gamma^t Pr(s_t = s),   so (I - gamma P_pi^T) d = (1 - gamma) p_0     (sums to 1)
    d(s, a) = d(s) pi(a|s)
    V       = (I - gamma P_pi)^{-1} r_pi,              p_0.V = sum_{s,a} d(s, a) r(s, a) / (1 - gamma)
    return over a horizon H = sum_{t < H} p_0 P_pi^t r_pi                                             (no discount)
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as spla
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csgraph

from alberdice import _checks
from alberdice._checks import FloatArray
from alberdice.data import DataDistribution, SparseDataDistribution
from alberdice.errors import InvalidArgumentError, SolverError
from alberdice.mmdp import MMDP, SparseMMDP
from alberdice.policy import FactorizedPolicy

__all__ = [
    "DiscountedChain",
    "best_undiscounted_return",
    "best_undiscounted_values",
    "discounted_return",
    "occupancy",
    "out_of_data_probability",
    "reachable",
    "reached_states",
    "state_occupancy",
    "state_transition",
    "state_values",
    "undiscounted_return",
]

#: above this many states a Krylov method replaces the sparse factorisation, which may fill in
DIRECT_STATES = 5_000
#: up to this many states a factor is formed whatever the graph
FEW_STATES = 500
#: terms of the series at most; after so many of them, the rate at which their changes must fall
TERMS, WATCHED, RATE = 1000, 16, 0.96
EPS = float(np.finfo(np.float64).eps)
#: relative residual that an iterative solve must reach
RESIDUAL = 1e-13


def state_transition(model: MMDP | SparseMMDP, policy: FactorizedPolicy) -> sp.csr_array:
    """P_pi(s' | s), sparse ``(S, S)``."""
    policy.check_fits(model)
    return averaged_rows(model, policy)


def averaged_rows(model: MMDP | SparseMMDP, policy: FactorizedPolicy, agent: int | None = None) -> sp.csr_array:
    """P averaged over the agents, ``agent`` (if any) left out: sparse ``(S, S)`` or ``(S A_i, S)``; zero weights dropped."""
    pairs = model.pairs
    weights = pairs.weights(policy.tables, agent)
    used = np.flatnonzero(weights)
    owner = pairs.state if agent is None else pairs.rows(agent)
    count = model.n_states if agent is None else policy[agent].size
    picks = sp.csr_array((weights[used], (owner[used], used)), shape=(count, len(pairs)))
    mean = sp.csr_array(picks @ model.transition)
    if model.rest_transition is None:
        return mean
    rest = pairs.rest_weights(policy.tables, agent).reshape(-1)
    left = np.flatnonzero(rest)
    source = left if agent is None else left // policy[agent].shape[1]
    others = sp.csr_array((rest[left], (left, source)), shape=(count, model.n_states))
    return sp.csr_array(mean + others @ model.rest_transition)


def mean_reward(model: MMDP | SparseMMDP, policy: FactorizedPolicy) -> FloatArray:
    """r_pi(s), ``(S,)``."""
    return model.pairs.average(policy.tables, model.listed_reward, model.rest_reward)


class DiscountedChain:
    """Linear systems in I - gamma P_pi and its transpose, for one right-hand side ``(S,)`` or many, ``(S, k)``.

    Up to ``FEW_STATES`` by a sparse factor. Beyond, the series sum_t (gamma P)^t is summed if it settles soon; a term that P
    leaves alone has the rest gamma / (1-gamma) times itself. Else by a factor, or a Krylov method where that would fill in.
    """

    def __init__(self, transition: sp.csr_array, discount: float) -> None:
        self.transition, self.discount = transition, discount
        self._mixes = transition.shape[0] > FEW_STATES

    @cached_property
    def _factors(self) -> Any:
        size = self.transition.shape[0]
        return spla.splu(sp.csc_array(sp.eye_array(size) - self.discount * self.transition)) if size <= DIRECT_STATES else None

    def values(self, reward: FloatArray) -> FloatArray:
        """The values V with (I - gamma P) V = reward."""
        return self._solve(self.transition, reward, np.inf, "N")

    def visits(self, source: FloatArray) -> FloatArray:
        """The visits d with (I - gamma P^T) d = source."""
        return self._solve(self.transition.T, source, 1, "T")

    def _solve(self, matrix: sp.csr_array | sp.csc_array, rhs: FloatArray, norm: float, side: str) -> FloatArray:
        if self._mixes:
            summed = self._series(matrix, rhs)
            if summed is not None:
                return summed
            self._mixes = False  # nor will it for another right-hand side
        if self._factors is not None:
            return np.asarray(self._factors.solve(rhs, trans=side))
        rows = sp.csr_array(matrix)
        if rhs.ndim == 1:
            return self._iterate(rows, rhs, norm)
        return np.stack([self._iterate(rows, column, norm) for column in rhs.T], axis=1)

    def _series(self, matrix: sp.csr_array | sp.csc_array, rhs: FloatArray) -> FloatArray | None:
        """The sum of the series, or None where its terms do not settle within ``TERMS`` products."""
        goal = 1e-16 * (1 - self.discount) * np.abs(rhs).sum(axis=0)
        term, total, changes = rhs, rhs.copy(), list[float]()
        for _ in range(TERMS):
            moved = matrix @ term
            change = np.abs(moved - term).sum(axis=0)
            term = self.discount * moved
            total += term
            if (change <= np.maximum(goal, 8 * EPS * np.abs(term).sum(axis=0))).all():
                return np.asarray(total + self.discount / (1 - self.discount) * term)
            changes.append(float(change.max()))
            if len(changes) == WATCHED and changes[-1] > changes[WATCHED // 2] * RATE ** (WATCHED - 1 - WATCHED // 2):
                return None
        return None

    def _iterate(self, matrix: sp.csr_array, rhs: FloatArray, norm: float) -> FloatArray:
        """BiCGStab, then Richardson steps, which contract by gamma in ``norm``: the largest value, or the sum of visits.

        Raises:
            SolverError: both missed the residual.
        """
        operator = sp.csr_array(sp.eye_array(len(rhs)) - self.discount * matrix)
        size = float(np.linalg.norm(rhs, norm))
        found, _ = spla.bicgstab(operator, rhs, rtol=RESIDUAL, atol=0.0, maxiter=10_000)
        solution: FloatArray = np.asarray(found) if np.isfinite(found).all() else np.zeros_like(rhs)
        residual, last = float(np.linalg.norm(rhs - operator @ solution, norm)), np.inf
        while residual > RESIDUAL * size and residual < last:  # until rounding stops the progress
            solution = np.asarray(rhs + self.discount * (matrix @ solution))
            residual, last = float(np.linalg.norm(rhs - operator @ solution, norm)), residual
        if residual > 1e-10 * size:
            raise SolverError("evaluation", got=f"a residual of {residual:.2g}", expected="1e-10 of the right side")
        return solution


def reachable(graph: sp.csr_array, start: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Nodes that ``start`` reaches along positive entries, ``(S,)``; breadth-first from one extra node before them all."""
    rooted = sp.block_array([[graph, None], [start[None].astype(float), np.zeros((1, 1))]], format="csr")
    order = csgraph.breadth_first_order(sp.csr_array(rooted), len(start), return_predecessors=False)
    reached = np.zeros(len(start) + 1, dtype=bool)
    reached[order] = True
    return reached[:-1]


def reached_states(model: MMDP | SparseMMDP, policy: FactorizedPolicy) -> NDArray[np.bool_]:
    """States with d^pi(s) > 0, ``(S,)``; found on the graph, free of rounding."""
    return reachable(state_transition(model, policy), model.initial > 0)


def state_occupancy(model: MMDP | SparseMMDP, policy: FactorizedPolicy) -> FloatArray:
    """d(s), shape ``(S,)``, sums to 1."""
    transition = state_transition(model, policy)
    mass = DiscountedChain(transition, model.discount).visits((1 - model.discount) * model.initial)
    # Rounding must not put mass where the policy cannot go: off the data it would make (2) infinite.
    return np.where(reachable(transition, model.initial > 0), np.maximum(mass, 0.0), 0.0)


def occupancy(model: MMDP, policy: FactorizedPolicy) -> FloatArray:
    """d(s, a) = d(s) pi(a|s), shape ``(S, A1, ..., An)``, sums to 1 (the stationary distribution of section 2)."""
    mass = state_occupancy(model, policy)
    return mass.reshape(-1, *(1,) * model.n_agents) * policy.joint()


def state_values(model: MMDP | SparseMMDP, policy: FactorizedPolicy, reward: ArrayLike | None = None) -> FloatArray:
    """V^pi(s), shape ``(S,)``: expected discounted sums of the model's reward, or of another ``(S, A1, ..., An)``."""
    if reward is None:
        mean = mean_reward(model, policy)
    else:
        rewards = _checks.real_array(reward, "reward", InvalidArgumentError)
        _checks.check_shape(rewards, (model.n_states, *model.n_actions), "reward", InvalidArgumentError)
        mean = (policy.joint() * rewards).reshape(model.n_states, -1).sum(axis=1)
    return DiscountedChain(state_transition(model, policy), model.discount).values(mean)


def discounted_return(model: MMDP | SparseMMDP, policy: FactorizedPolicy) -> float:
    """p_0.V^pi: the expected discounted sum of rewards."""
    return float(model.initial @ state_values(model, policy))


def undiscounted_return(model: MMDP | SparseMMDP, policy: FactorizedPolicy, horizon: int) -> float:
    """Expected plain sum of rewards over ``horizon`` steps; absorbing states go on to pay their reward."""
    steps = _checks.whole_number(horizon, "horizon", low=1)
    chain = sp.csr_array(state_transition(model, policy).T)
    mean = mean_reward(model, policy)
    mass, total = model.initial, 0.0
    for _ in range(steps):
        total += float(mass @ mean)
        mass = chain @ mass
    return total


def best_undiscounted_values(model: MMDP, horizon: int) -> FloatArray:
    """Per state, ``(S,)``, the largest expected sum of rewards over ``horizon`` steps of any joint policy."""
    values = np.zeros(model.n_states)
    for _ in range(_checks.whole_number(horizon, "horizon")):
        values = (model.reward.reshape(-1) + model.transition @ values).reshape(model.n_states, -1).max(axis=1)
    return values


def best_undiscounted_return(model: MMDP, horizon: int) -> float:
    """The same from the initial states: what ``undiscounted_return`` can be at most."""
    return float(model.initial @ best_undiscounted_values(model, horizon))


def out_of_data_probability(
    model: MMDP | SparseMMDP, policy: FactorizedPolicy, data: DataDistribution | SparseDataDistribution
) -> float:
    """Sum of d^pi(s, a) over the pairs that the data never show (``data.observed`` False), in [0, 1]."""
    data.check_fits(model)
    mass = state_occupancy(model, policy)
    hidden = data.pairs.average(policy.tables, (~data.listed_observed).astype(float), (~data.rest_observed).astype(float))
    return float(mass @ hidden)
