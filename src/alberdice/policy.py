"""Factorised joint policies: pi(a | s) = prod_i pi_i(a_i | s), the policies that agents can carry out apart.

Everything the package returns is of this form (Corollary 4.3 of the paper holds by construction).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike

from alberdice import _checks
from alberdice._checks import FloatArray
from alberdice.errors import InvalidPolicyError
from alberdice.mmdp import MMDP, SparseMMDP

__all__ = ["FactorizedPolicy"]


class FactorizedPolicy:
    """One table per agent: ``policy[i]`` is ``pi_i``, shape ``(S, A_i)``, rows are distributions; read-only.

    Args:
        tables: the agents' tables, in the agents' order.

    Raises:
        InvalidPolicyError: no agent, a table that is not two-dimensional, agents that disagree on the number of states, a row
            that is not a distribution.
    """

    def __init__(self, tables: Sequence[ArrayLike]) -> None:
        if isinstance(tables, np.ndarray) and tables.ndim < 3:
            raise InvalidPolicyError(
                "tables",
                got=f"an array of shape {tables.shape}",
                expected="one (S, A_i) table per agent",
                remedy="wrap a single agent's table in a list",
            )
        if not isinstance(tables, list | tuple | np.ndarray | Sequence) or isinstance(tables, str | bytes | memoryview | range):
            raise InvalidPolicyError("tables", got=type(tables).__name__, expected="one (S, A_i) table per agent")
        if len(tables) == 0:
            raise InvalidPolicyError("tables", got="no table", expected="one (S, A_i) table per agent")
        self.tables: tuple[FloatArray, ...] = tuple(_checked_table(t, i) for i, t in enumerate(tables))
        for i, table in enumerate(self.tables):
            if len(table) != len(self.tables[0]):
                raise InvalidPolicyError(
                    f"tables[{i}]",
                    got=f"{len(table)} states",
                    expected=f"{len(self.tables[0])} states as in tables[0]",
                )

    @classmethod
    def uniform(cls, model: MMDP | SparseMMDP) -> FactorizedPolicy:
        """Every agent uniform over its actions, at every state."""
        return cls([np.full((model.n_states, k), 1.0 / k) for k in model.n_actions])

    @classmethod
    def deterministic(cls, actions: ArrayLike, n_actions: Sequence[int]) -> FactorizedPolicy:
        """The policy that plays ``actions[s, i]`` (shape ``(S, n)``, whole numbers) at state ``s``."""
        expected = f"whole numbers of shape (S, {len(n_actions)})"
        chosen = _checks.plain_array(actions, "actions", InvalidPolicyError, expected)
        if chosen.ndim != 2 or chosen.shape[1] != len(n_actions) or chosen.dtype.kind not in "iu":
            raise InvalidPolicyError(
                "actions",
                got=f"shape {chosen.shape}, dtype {chosen.dtype}",
                expected=expected,
            )
        for i, k in enumerate(n_actions):
            wrong = (chosen[:, i] < 0) | (chosen[:, i] >= k)
            if wrong.any():
                s = int(np.argmax(wrong))
                raise InvalidPolicyError(f"actions[{s}, {i}]", got=chosen[s, i], expected=f"0 to {k - 1}")
        return cls([np.eye(k)[chosen[:, i]] for i, k in enumerate(n_actions)])

    @property
    def n_agents(self) -> int:
        """Number of agents."""
        return len(self.tables)

    @property
    def n_states(self) -> int:
        """Number of states."""
        return len(self.tables[0])

    @property
    def n_actions(self) -> tuple[int, ...]:
        """Numbers of actions, agent by agent."""
        return tuple(t.shape[1] for t in self.tables)

    def joint(self) -> FloatArray:
        """pi(a | s), shape ``(S, A1, ..., An)``."""
        return _outer(self.tables)

    def others(self, agent: int) -> FloatArray:
        """pi_{-i}(a_{-i} | s), shape ``(S, A1, ..., 1, ..., An)``: axis ``agent + 1`` has length 1, so that it broadcasts."""
        agent = _checks.whole_number(agent, "agent", high=self.n_agents - 1)
        ones = np.ones((self.n_states, 1))
        return _outer([ones if j == agent else t for j, t in enumerate(self.tables)])

    def average_over_others(self, values: FloatArray, agent: int) -> FloatArray:
        """sum_{a_-i} pi_{-i}(a_-i | s) f(s, a_i, a_-i) for ``values`` f of shape ``(S, A1, ..., An)``; shape ``(S, A_i)``."""
        axes = tuple(k + 1 for k in range(self.n_agents) if k != agent)
        return np.asarray((self.others(agent) * values).sum(axis=axes))

    def replace(self, agent: int, table: ArrayLike) -> FactorizedPolicy:
        """The same policy with agent ``agent``'s table replaced."""
        agent = _checks.whole_number(agent, "agent", high=self.n_agents - 1)
        return FactorizedPolicy([table if j == agent else t for j, t in enumerate(self.tables)])

    def check_fits(self, model: MMDP | SparseMMDP, name: str = "policy") -> None:
        """Raise InvalidPolicyError unless the tables have the model's agents, states and actions."""
        if self.n_agents != model.n_agents:
            raise InvalidPolicyError(name, got=f"{self.n_agents} agents", expected=f"{model.n_agents} agents")
        for i, (table, k) in enumerate(zip(self.tables, model.n_actions, strict=True)):
            _checks.check_shape(table, (model.n_states, k), f"{name}[{i}]", InvalidPolicyError)

    def __getitem__(self, agent: int) -> FloatArray:
        return self.tables[agent]

    def __len__(self) -> int:
        return len(self.tables)

    def __iter__(self) -> Iterator[FloatArray]:
        return iter(self.tables)

    def __repr__(self) -> str:
        return f"FactorizedPolicy(n_states={self.n_states}, n_actions={self.n_actions})"


def _checked_table(table: ArrayLike, agent: int) -> FloatArray:
    name = f"tables[{agent}]"
    array = _checks.real_array(table, name, InvalidPolicyError)
    if array.ndim != 2 or 0 in array.shape:
        raise InvalidPolicyError(name, got=f"shape {array.shape}", expected="shape (S, A_i), not empty")
    return _checks.frozen(_checks.normalised(array, name, InvalidPolicyError))


def _outer(tables: Sequence[FloatArray]) -> FloatArray:
    """Product over agents with one axis per agent, states first."""
    n = len(tables)
    joint = np.ones((len(tables[0]),) + (1,) * n)
    for j, table in enumerate(tables):
        joint = joint * table.reshape(len(table), *(table.shape[1] if k == j else 1 for k in range(n)))
    return joint
