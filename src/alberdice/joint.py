"""Functions of a state and a joint action, given at listed pairs and alike at all others: what dense and sparse models share.

    f(s, a) = listed[k]   where (s, a) is the k-th listed pair
            = rest[s]     at every other joint action of s

A dense model lists all S |A| pairs; a sparse one lists those that the data show, and never forms an array over joint actions.
Averages over a factorised policy need the products w_k = prod_j pi_j(a_jk | s_k) at listed pairs only, for

    sum_a pi(a|s) f(s, a) = rest[s] W(s) + sum_{k at s} w_k listed[k],      W(s) = 1 - sum_{k at s} w_k,

and the same with agent i left out of the product, by (s, a_i). W is exactly 0 where all that the policy plays is listed; that
is decided by counting, free of rounding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alberdice import _checks
from alberdice._checks import FloatArray
from alberdice.errors import AlberDICEError

__all__ = ["AllPairs", "JointPairs", "listed_pairs"]

IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]
Tables = Sequence[FloatArray]


class JointPairs:
    """K distinct pairs of a state and a joint action.

    Args:
        n_states: S.
        n_actions: numbers of actions, agent by agent.
        state: ``(K,)``.
        actions: ``(K, N)``, one row of the agents' actions per pair.
    """

    def __init__(self, n_states: int, n_actions: Sequence[int], state: IntArray, actions: IntArray) -> None:
        self.n_states = n_states
        self.n_actions = tuple(n_actions)
        self.state = state
        self.actions = actions

    def __len__(self) -> int:
        return len(self.state)

    @property
    def n_agents(self) -> int:
        """N."""
        return len(self.n_actions)

    @property
    def complete(self) -> bool:
        """Whether every pair is listed, so that there is no rest."""
        return len(self) == self.n_states * math.prod(self.n_actions)

    def rows(self, agent: int) -> IntArray:
        """``s * A_i + a_i`` of each pair, ``(K,)``."""
        return np.asarray(self.state * self.n_actions[agent] + self.actions[:, agent])

    def weights(self, tables: Tables, agent: int | None = None) -> FloatArray:
        """Product of the agents' entries at each pair, ``agent`` (if any) left out; ``(K,)``."""
        product = np.ones(len(self))
        for j, table in enumerate(tables):
            if j != agent:
                product *= table.reshape(-1)[self.rows(j)]
        return product

    def played(self, tables: Tables, agent: int | None = None) -> BoolArray:
        """Pairs at which every entry (``agent``'s left out) is positive, also where their product underflows; ``(K,)``."""
        found = np.ones(len(self), dtype=bool)
        for j, table in enumerate(tables):
            if j != agent:
                found &= table.reshape(-1)[self.rows(j)] > 0
        return found

    def sums(self, values: FloatArray, agent: int | None = None) -> FloatArray:
        """Sums of ``values`` ``(K,)`` by state, ``(S,)``, or by state and own action, ``(S, A_i)``."""
        if agent is None:
            return np.bincount(self.state, values, self.n_states).astype(np.float64)
        own = self.n_actions[agent]
        return np.bincount(self.rows(agent), values, self.n_states * own).reshape(-1, own).astype(np.float64)

    def locate(self, other: JointPairs) -> IntArray:
        """For each of ``other``'s pairs its place in this list, -1 where it is not listed; ``(K',)``."""
        both = np.column_stack([np.r_[self.state, other.state], np.vstack([self.actions, other.actions])])
        code = np.unique(both, axis=0, return_inverse=True)[1].ravel()
        place = np.full(int(code.max(initial=-1)) + 1, -1)
        place[code[: len(self)]] = np.arange(len(self))
        return np.asarray(place[code[len(self) :]])

    def leaves(self, tables: Tables, agent: int | None = None) -> BoolArray:
        """Where the tables (``agent``'s left out) play a joint action that is not listed; ``(S,)`` or ``(S, A_i)``."""
        counts = [np.count_nonzero(table, axis=1).astype(float) for j, table in enumerate(tables) if j != agent]
        possible = np.prod(counts, axis=0) if counts else np.ones(self.n_states)
        listed = self.sums(self.played(tables, agent).astype(float), agent)
        return np.asarray((possible if agent is None else possible[:, None]) > listed)

    def rest_weights(self, tables: Tables, agent: int | None = None) -> FloatArray:
        """W: probability of the joint actions that are not listed; ``(S,)`` or ``(S, A_i)``."""
        missing = 1.0 - self.sums(self.weights(tables, agent), agent)
        return np.where(self.leaves(tables, agent), np.maximum(missing, 0.0), 0.0)

    def average(self, tables: Tables, listed: FloatArray, rest: FloatArray, agent: int | None = None) -> FloatArray:
        """The average of f over the tables, ``agent`` (if any) left out: ``(S,)``, or ``(S, A_i)`` by own action."""
        mean = self.sums(self.weights(tables, agent) * listed, agent)
        weight = self.rest_weights(tables, agent)
        return np.asarray(mean + weight * (rest if agent is None else rest[:, None]))


class AllPairs(JointPairs):
    """All S |A| pairs in C order (the last agent's action runs fastest); products by broadcasting."""

    def __init__(self, n_states: int, n_actions: Sequence[int]) -> None:
        self.shape = (n_states, *n_actions)
        index = np.unravel_index(np.arange(math.prod(self.shape)), self.shape)
        super().__init__(n_states, n_actions, index[0], np.stack(index[1:], axis=1))

    def weights(self, tables: Tables, agent: int | None = None) -> FloatArray:
        """As ``JointPairs.weights``."""
        product = np.ones((self.n_states, 1))
        for j, table in enumerate(tables):
            entry = np.ones_like(table) if j == agent else table
            product = (product[:, :, None] * entry[:, None, :]).reshape(self.n_states, -1)
        return product.reshape(-1)

    def played(self, tables: Tables, agent: int | None = None) -> BoolArray:
        """As ``JointPairs.played``."""
        return np.asarray(self.weights([(t > 0).astype(float) for t in tables], agent) > 0)

    def sums(self, values: FloatArray, agent: int | None = None) -> FloatArray:
        """As ``JointPairs.sums``."""
        keep = (0,) if agent is None else (0, agent + 1)
        axes = tuple(k for k in range(len(self.shape)) if k not in keep)
        return np.asarray(values.reshape(self.shape).sum(axis=axes))

    def leaves(self, tables: Tables, agent: int | None = None) -> BoolArray:
        """Nowhere: every pair is listed."""
        return np.zeros(self.n_states if agent is None else (self.n_states, self.n_actions[agent]), dtype=bool)


def listed_pairs(
    n_states: int, n_actions: Sequence[int], state: ArrayLike, actions: ArrayLike, error: type[AlberDICEError]
) -> JointPairs:
    """The pairs, checked: whole numbers in range, none twice; at least one agent, each with an action."""
    sizes = tuple(n_actions)
    if not sizes or not all(isinstance(k, int | np.integer) and not isinstance(k, bool) and k > 0 for k in sizes):
        raise error("n_actions", got=sizes, expected="one whole number > 0 per agent")
    states, chosen = np.asarray(state), np.asarray(actions)
    if states.ndim != 1 or states.dtype.kind not in "iu":
        raise error("state", got=f"shape {states.shape}, dtype {states.dtype}", expected="whole numbers, shape (K,)")
    shape = (len(states), len(sizes))
    if chosen.shape != shape or chosen.dtype.kind not in "iu":
        raise error("actions", got=f"shape {chosen.shape}, dtype {chosen.dtype}", expected=f"whole numbers, shape {shape}")
    both = np.column_stack([states, chosen]).astype(np.intp)
    wrong = (both < 0) | (both >= np.array([n_states, *sizes]))
    if wrong.any():
        k, column = _checks.first_index(wrong)
        where = f"state[{k}]" if column == 0 else f"actions[{k}, {column - 1}]"
        raise error(where, got=both[k, column], expected=f"0 to {(n_states, *sizes)[column] - 1}")
    order = np.lexsort(both.T[::-1])
    twice = (both[order[1:]] == both[order[:-1]]).all(axis=1)
    if twice.any():
        k = order[1:][int(np.argmax(twice))]
        raise error(f"pair {k}", got=f"{_checks.state_action(both[k].tolist())} a second time", expected="every pair once")
    return JointPairs(n_states, tuple(int(k) for k in sizes), both[:, 0], both[:, 1:])
