"""The model: a fully cooperative multi-agent Markov decision process (MMDP), section 2 of the paper.

    G = (N agents, S states, joint actions A = A_1 x ... x A_N, reward r, transition P, initial p_0, discount gamma)

    r : (S, A_1, ..., A_N)            one reward, common to all agents
    P : (S, A_1, ..., A_N, S)         P[s, a, s'] = Pr(s_{t+1} = s' | s_t = s, a_t = a); kept as a sparse matrix
    p_0 : (S,)                        gamma in (0, 1)

Joint actions are flattened in C order (the last agent's action runs fastest), so row ``s * |A| + a`` of the sparse transition
belongs to state ``s`` and flat joint action ``a``.

``SparseMMDP`` is the same for any number of agents: reward and transition at K listed pairs, and one row per state for all
other joint actions. What the tabular layer does with a model it does through ``pairs`` and the four arrays beside it, which
both have.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike

from alberdice import _checks
from alberdice._checks import FloatArray
from alberdice._sparse import checked_csr
from alberdice.errors import InvalidArgumentError, InvalidModelError, ResourceError
from alberdice.joint import AllPairs, JointPairs, listed_pairs

__all__ = ["MMDP", "SparseMMDP"]

#: joint tables of a sparse model or of sparse data are formed up to so many entries
DENSE_ENTRIES = 20_000_000


class MMDP:
    """A finite MMDP with any number of agents and unequal action sets.

    Args:
        transition: dense ``(S, A1, ..., An, S)`` or scipy sparse ``(S * A1 * ... * An, S)``; each row a distribution over
            next states. Rows may miss a sum of 1 by rounding (1e-9) and are divided by their sums.
        reward: ``(S, A1, ..., An)``, finite; reward units per step.
        initial: ``(S,)``, a distribution.
        discount: gamma, a number in (0, 1).

    Attributes:
        transition: ``scipy.sparse.csr_array`` of shape ``(S * |A|, S)``.
        reward, initial: read-only float64 arrays.
        n_agents, n_states: numbers of agents and states.
        n_actions: tuple of the agents' numbers of actions.

    Raises:
        InvalidModelError: an array that is not what it says, with field and index.
    """

    def __init__(self, transition: Any, reward: ArrayLike, initial: ArrayLike, discount: float) -> None:
        rewards = _checks.real_array(reward, "reward", InvalidModelError)
        if rewards.ndim < 2 or 0 in rewards.shape:
            raise InvalidModelError(
                "reward",
                got=f"shape {rewards.shape}",
                expected="shape (S, A1, ..., An) with at least one state, agent and action",
            )
        self.reward: FloatArray = _checks.frozen(rewards)
        self.n_states: int = rewards.shape[0]
        self.n_actions: tuple[int, ...] = rewards.shape[1:]
        self.n_agents: int = len(self.n_actions)
        self.n_joint_actions: int = math.prod(self.n_actions)

        start = _checks.real_array(initial, "initial", InvalidModelError)
        _checks.check_shape(start, (self.n_states,), "initial", InvalidModelError)
        self.initial: FloatArray = _checks.frozen(_checks.normalised(start, "initial", InvalidModelError))
        self.discount: float = _checked_discount(discount)
        _check_sums(self.discount, rewards)
        self.transition: sp.csr_array = self._checked_transition(transition)

    def _checked_transition(self, transition: Any) -> sp.csr_array:
        if sp.issparse(transition):
            shape = (self.n_states * self.n_joint_actions, self.n_states)
            return _checked_rows(transition, shape, "transition", self._row_label)
        dense = _checks.real_array(transition, "transition", InvalidModelError)
        _checks.check_shape(dense, (*self.reward.shape, self.n_states), "transition", InvalidModelError)
        dense = _checks.normalised(dense, "transition", InvalidModelError, label=_checks.state_action)
        return _frozen_csr(sp.csr_array(dense.reshape(-1, self.n_states)))

    def _row_label(self, row: int) -> str:
        return _checks.state_action([int(k) for k in np.unravel_index(row, self.reward.shape)])

    @cached_property
    def pairs(self) -> AllPairs:
        """The listed pairs: all of them, in the rows' order."""
        return AllPairs(self.n_states, self.n_actions)

    @property
    def listed_reward(self) -> FloatArray:
        """Rewards at the listed pairs, ``(K,)``."""
        return self.reward.reshape(-1)

    @cached_property
    def rest_reward(self) -> FloatArray:
        """Rewards at all other joint actions of a state, ``(S,)``: there are none."""
        return np.zeros(self.n_states)

    @property
    def rest_transition(self) -> sp.csr_array | None:
        """P at all other joint actions of a state: None, there are none."""
        return None

    def reward_range(self) -> tuple[float, float]:
        """The smallest and the largest reward."""
        return float(self.reward.min()), float(self.reward.max())

    def shifted(self, constant: float) -> MMDP:
        """The same model with ``constant`` added to every reward: J(r + k, alpha) = J(r, alpha) + k."""
        other = copy.copy(self)
        other.reward = _checks.frozen(self.reward + constant)
        return other

    def dense_transition(self) -> FloatArray:
        """The transition as a dense ``(S, A1, ..., An, S)`` array."""
        return np.asarray(self.transition.toarray().reshape(*self.reward.shape, self.n_states))

    def __repr__(self) -> str:
        return (
            f"MMDP(n_states={self.n_states}, n_actions={self.n_actions}, discount={self.discount:g}, "
            f"nonzeros={self.transition.nnz})"
        )


class SparseMMDP:
    """A finite MMDP known at K listed pairs of a state and a joint action; any number of agents.

    Args:
        state: ``(K,)`` whole numbers, the pairs' states.
        actions: ``(K, N)`` whole numbers, the pairs' joint actions; no pair twice.
        n_actions: numbers of actions, agent by agent.
        reward: ``(K,)``, r at the pairs.
        transition: scipy sparse ``(K, S)``, P at the pairs.
        rest_reward: ``(S,)``, r at every joint action that is not listed.
        rest_transition: scipy sparse ``(S, S)``, P at every joint action that is not listed.
        initial: ``(S,)``, a distribution.
        discount: gamma, a number in (0, 1).

    Attributes:
        pairs: the listed pairs.
        listed_reward, transition, rest_reward, rest_transition, initial: as given, read-only.
        n_agents, n_states, n_actions: numbers of agents and states; the agents' numbers of actions.

    Raises:
        InvalidModelError: an array that is not what it says, with field and index.
    """

    def __init__(
        self,
        state: ArrayLike,
        actions: ArrayLike,
        n_actions: Sequence[int],
        reward: ArrayLike,
        transition: Any,
        rest_reward: ArrayLike,
        rest_transition: Any,
        initial: ArrayLike,
        discount: float,
    ) -> None:
        start = _checks.real_array(initial, "initial", InvalidModelError)
        if start.ndim != 1 or len(start) == 0:
            raise InvalidModelError("initial", got=f"shape {start.shape}", expected="shape (S,) with at least one state")
        self.n_states: int = len(start)
        self.pairs: JointPairs = listed_pairs(self.n_states, n_actions, state, actions, InvalidModelError)
        self.n_actions: tuple[int, ...] = self.pairs.n_actions
        self.n_agents: int = len(self.n_actions)
        self.initial: FloatArray = _checks.frozen(_checks.normalised(start, "initial", InvalidModelError))
        self.discount: float = _checked_discount(discount)
        self.listed_reward: FloatArray = _vector(reward, len(self.pairs), "reward")
        self.rest_reward: FloatArray = _vector(rest_reward, self.n_states, "rest_reward")
        _check_sums(self.discount, self.listed_reward, self.rest_reward)
        listed, rest = (len(self.pairs), self.n_states), (self.n_states, self.n_states)
        self.transition: sp.csr_array = _checked_rows(transition, listed, "transition", lambda k: f"[pair {k}]")
        self.rest_transition: sp.csr_array = _checked_rows(rest_transition, rest, "rest_transition", lambda k: f"[s={k}]")

    def reward_range(self) -> tuple[float, float]:
        """The smallest and the largest reward; that of the rest counts unless every joint action is listed."""
        rewards = self.listed_reward if self.pairs.complete else np.r_[self.listed_reward, self.rest_reward]
        return float(rewards.min()), float(rewards.max())

    def shifted(self, constant: float) -> SparseMMDP:
        """The same model with ``constant`` added to every reward: J(r + k, alpha) = J(r, alpha) + k."""
        other = copy.copy(self)
        other.listed_reward = _checks.frozen(self.listed_reward + constant)
        other.rest_reward = _checks.frozen(self.rest_reward + constant)
        return other

    def dense(self) -> MMDP:
        """The same model with every pair written out.

        Raises:
            ResourceError: more than ``DENSE_ENTRIES`` pairs.
        """
        shape = (self.n_states, *self.n_actions)
        check_dense_size(shape)
        joint = math.prod(self.n_actions)
        row = np.ravel_multi_index((self.pairs.state, *self.pairs.actions.T), shape)
        reward = np.repeat(self.rest_reward, joint)
        reward[row] = self.listed_reward
        source = np.repeat(np.arange(self.n_states), joint) + len(self.pairs)
        source[row] = np.arange(len(self.pairs))
        both = sp.csr_array(sp.vstack([self.transition, self.rest_transition], format="csr"))
        return MMDP(both[source], reward.reshape(shape), self.initial, self.discount)

    def __repr__(self) -> str:
        return (
            f"SparseMMDP(n_states={self.n_states}, n_actions={self.n_actions}, discount={self.discount:g}, "
            f"pairs={len(self.pairs)})"
        )


def check_dense_size(shape: Sequence[int]) -> None:
    """Refuse joint tables of more than ``DENSE_ENTRIES`` entries."""
    if math.prod(shape) > DENSE_ENTRIES:
        raise ResourceError(
            "dense joint tables",
            got=f"{shape[0]:,} states x {float(math.prod(shape[1:])):.3g} joint actions",
            expected=f"at most {DENSE_ENTRIES:,} pairs",
            remedy="keep the sparse form, which the tabular layer takes too",
        )


def _vector(value: ArrayLike, length: int, name: str) -> FloatArray:
    array = _checks.real_array(value, name, InvalidModelError)
    _checks.check_shape(array, (length,), name, InvalidModelError)
    return _checks.frozen(array)


def _check_sums(discount: float, *rewards: FloatArray) -> None:
    """Refuse rewards whose range, or whose discounted sums, no float can hold."""
    sizes = [each for each in rewards if each.size]
    low, high = min(float(each.min()) for each in sizes), max(float(each.max()) for each in sizes)
    if not math.isfinite((high - low) / (1 - discount)) or not math.isfinite(max(-low, high) / (1 - discount)):
        raise InvalidModelError(
            "reward",
            got=f"rewards from {low:g} to {high:g}",
            expected="rewards whose range and discounted sums are finite floats",
            remedy="give them in a larger unit",
        )


def _checked_discount(discount: object) -> float:
    try:
        return _checks.real_number(discount, "discount", low=0.0, high=1.0, open_ends=True)
    except InvalidArgumentError as exc:
        raise InvalidModelError("discount", got=exc.got, expected="a number in (0, 1)") from None


def _checked_rows(transition: Any, shape: tuple[int, int], name: str, label: Callable[[int], str]) -> sp.csr_array:
    """A sparse matrix whose rows are distributions, checked, divided by its sums, read-only."""
    if not sp.issparse(transition):
        raise InvalidModelError(name, got=type(transition).__name__, expected=f"a scipy sparse matrix of shape {shape}")
    _checks.check_shape(transition, shape, name, InvalidModelError)
    if transition.dtype.kind not in "fiu":
        raise InvalidModelError(name, got=f"dtype {transition.dtype}", expected="real numbers")
    matrix = checked_csr(transition, name, InvalidModelError)
    row_of = np.repeat(np.arange(shape[0]), np.diff(matrix.indptr))
    for wrong, expected in ((~np.isfinite(matrix.data), "a finite number"), (matrix.data < 0, "a number >= 0")):
        if wrong.any():
            k = int(np.argmax(wrong))
            where = f"{name}{label(int(row_of[k]))}[s'={matrix.indices[k]}]"
            raise InvalidModelError(where, got=matrix.data[k], expected=expected)
    sums = np.asarray(matrix.sum(axis=1)).ravel()
    _checks.check_sums(sums, matrix.data, lambda at: f"{name}{label(at[0])}", InvalidModelError)
    matrix.data /= sums[row_of]
    matrix.eliminate_zeros()
    return _frozen_csr(matrix)


def _frozen_csr(matrix: sp.csr_array) -> sp.csr_array:
    for array in (matrix.data, matrix.indices, matrix.indptr):
        _checks.frozen(array)
    return matrix
