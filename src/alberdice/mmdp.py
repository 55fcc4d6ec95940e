"""The model: a fully cooperative multi-agent Markov decision process (MMDP), section 2 of the paper.

    G = (N agents, S states, joint actions A = A_1 x ... x A_N, reward r, transition P, initial p_0, discount gamma)

    r : (S, A_1, ..., A_N)            one reward, common to all agents
    P : (S, A_1, ..., A_N, S)         P[s, a, s'] = Pr(s_{t+1} = s' | s_t = s, a_t = a); kept as a sparse matrix
    p_0 : (S,)                        gamma in (0, 1)

Joint actions are flattened in C order (the last agent's action runs fastest), so row ``s * |A| + a`` of the sparse transition
belongs to state ``s`` and flat joint action ``a``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike

from alberdice import _checks
from alberdice._checks import FloatArray
from alberdice._sparse import checked_csr
from alberdice.errors import InvalidArgumentError, InvalidModelError

__all__ = ["MMDP"]


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
        self.discount: float = self._checked_discount(discount)
        self.transition: sp.csr_array = self._checked_transition(transition)

    @staticmethod
    def _checked_discount(discount: object) -> float:
        try:
            return _checks.real_number(discount, "discount", low=0.0, high=1.0, open_ends=True)
        except InvalidArgumentError as exc:
            raise InvalidModelError("discount", got=exc.got, expected="a number in (0, 1)") from None

    def _checked_transition(self, transition: Any) -> sp.csr_array:
        if sp.issparse(transition):
            return self._checked_sparse(transition)
        dense = _checks.real_array(transition, "transition", InvalidModelError)
        _checks.check_shape(dense, (*self.reward.shape, self.n_states), "transition", InvalidModelError)
        dense = _checks.normalised(dense, "transition", InvalidModelError, label=_checks.state_action)
        return _frozen_csr(sp.csr_array(dense.reshape(-1, self.n_states)))

    def _checked_sparse(self, transition: Any) -> sp.csr_array:
        shape = (self.n_states * self.n_joint_actions, self.n_states)
        _checks.check_shape(transition, shape, "transition", InvalidModelError)
        if transition.dtype.kind not in "fiu":
            raise InvalidModelError("transition", got=f"dtype {transition.dtype}", expected="real numbers")
        matrix = checked_csr(transition, "transition", InvalidModelError)
        row_of = np.repeat(np.arange(shape[0]), np.diff(matrix.indptr))
        for wrong, expected in ((~np.isfinite(matrix.data), "a finite number"), (matrix.data < 0, "a number >= 0")):
            if wrong.any():
                k = int(np.argmax(wrong))
                where = f"transition{self._row_label(int(row_of[k]))}[s'={matrix.indices[k]}]"
                raise InvalidModelError(where, got=matrix.data[k], expected=expected)
        sums = np.asarray(matrix.sum(axis=1)).ravel()
        _checks.check_sums(sums, matrix.data, lambda at: f"transition{self._row_label(at[0])}", InvalidModelError)
        matrix.data /= sums[row_of]
        matrix.eliminate_zeros()
        return _frozen_csr(matrix)

    def _row_label(self, row: int) -> str:
        return _checks.state_action(_checks.first_index(np.arange(self.reward.size).reshape(self.reward.shape) == row))

    def dense_transition(self) -> FloatArray:
        """The transition as a dense ``(S, A1, ..., An, S)`` array."""
        return np.asarray(self.transition.toarray().reshape(*self.reward.shape, self.n_states))

    def __repr__(self) -> str:
        return (
            f"MMDP(n_states={self.n_states}, n_actions={self.n_actions}, discount={self.discount:g}, "
            f"nonzeros={self.transition.nnz})"
        )


def _frozen_csr(matrix: sp.csr_array) -> sp.csr_array:
    for array in (matrix.data, matrix.indices, matrix.indptr):
        _checks.frozen(array)
    return matrix
