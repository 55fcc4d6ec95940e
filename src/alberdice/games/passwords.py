"""Games of many agents whose optimum is known for any number of them: passwords, on which all must agree.

    stage 0 ──► stage 1 ──► ... ──► the end          ``width`` states a stage, one step a stage, every agent sees the state

At state s the joint actions c_0(s), ..., c_{K-1}(s) are passwords, and every other one is a miss, number K.  What happens
depends on the number k of what was said alone: the team gets r(s, k) and goes to s' with probability P(s' | s, k).  A miss pays
nothing.  Two passwords of a state share no agent's action, so that agents which mix them agree with probability K^(1-N).

So the model of numbers (S, K + 1), which no array over joint actions is needed for, says everything:

    max over joint policies     sum of max_k r(s, k) + ... backwards from the last stage; a password is a deterministic joint
                                policy, which agents can carry out apart
    of pi = pi_1 x ... x pi_N   p_k(s) = prod_i pi_i(c_k(s)_i | s),  p_K(s) = 1 - sum_k p_k(s), forwards from the first stage

Rewards and transitions depend on the seed and not on N, and an agent's part of the passwords on the seed and its number: the
optimum of N agents is that of any other number of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alberdice._checks import FloatArray, check_shape, whole_number
from alberdice.errors import InvalidArgumentError

__all__ = ["Passwords", "passwords"]


@dataclass(frozen=True, eq=False)
class Passwords:
    """A game of passwords; the last state is the end, where nothing is said.

    Attributes:
        codes: ``(S, K, N)``, which action is each agent's part of each password.
        n_actions: A, of every agent.
        reward: ``(S, K + 1)``, of each password and of a miss.
        transition: ``(S, K + 1, S)``.
        stages: steps of an episode.
        arguments: what ``passwords`` was called with.
    """

    codes: NDArray[np.int64]
    n_actions: int
    reward: FloatArray
    transition: FloatArray
    stages: int
    arguments: dict[str, int]

    @property
    def n_states(self) -> int:
        """S, the end included."""
        return len(self.codes)

    @property
    def n_agents(self) -> int:
        """N."""
        return int(self.codes.shape[2])

    @property
    def width(self) -> int:
        """States of a stage; episodes begin in one of the first so many, each as likely as another."""
        return (self.n_states - 1) // self.stages

    @property
    def features(self) -> NDArray[np.uint8]:
        """What every agent sees, and what the state is in data: an indicator per state, ``(S, S)``."""
        return np.eye(self.n_states, dtype=np.uint8)

    def said(self, states: NDArray[np.int64], actions: NDArray[np.int64]) -> NDArray[np.int64]:
        """The number of the password that joint actions ``(..., N)`` are at states ``(...)``, or K."""
        found = np.full(states.shape, self.codes.shape[1])
        for k in range(self.codes.shape[1]):
            found[(self.codes[states, k] == actions).all(axis=-1)] = k
        return found

    def after(self, states: NDArray[np.int64], said: NDArray[np.int64], uniform: FloatArray) -> NDArray[np.int64]:
        """The next states, each by its uniform number in [0, 1)."""
        upto = np.cumsum(self.transition[states, said], axis=-1)
        passed: NDArray[np.int64] = (uniform[..., None] * upto[..., -1:] >= upto).sum(axis=-1)
        return np.minimum(passed, self.n_states - 1)

    @cached_property
    def best(self) -> NDArray[np.int64]:
        """The number of an optimal password, or K, at each state ``(S,)``."""
        return self._solved[0]

    @cached_property
    def optimum(self) -> float:
        """The largest expected return of any joint policy."""
        return float(self._solved[1][: self.width].mean())

    @cached_property
    def _solved(self) -> tuple[NDArray[np.int64], FloatArray]:
        values = np.zeros(self.n_states)
        for _ in range(self.stages):
            gains = self.reward + self.transition @ values
            values = gains.max(axis=1)
        return gains.argmax(axis=1), values

    def exact_return(self, tables: ArrayLike) -> float:
        """The expected return of policies that act apart.

        Args:
            tables: ``(S, N, A)``, probabilities of each agent's actions at each state.

        Raises:
            InvalidArgumentError: another shape, or rows that are no distributions.
        """
        given = np.asarray(tables, dtype=np.float64)
        check_shape(given, (self.n_states, self.n_agents, self.n_actions), "tables", InvalidArgumentError)
        if not (given >= 0).all() or not np.allclose(given.sum(axis=-1), 1.0, atol=1e-6):
            raise InvalidArgumentError("tables", got="rows that are no distributions", expected="probabilities that sum to 1")
        parts = np.take_along_axis(given[:, None].swapaxes(-1, -2), self.codes[..., None, :], axis=-2)[..., 0, :]
        numbers = np.concatenate([parts.prod(axis=-1), np.zeros((self.n_states, 1))], axis=1)
        numbers[:, -1] = np.maximum(0.0, 1.0 - numbers.sum(axis=1))
        gained, onward = (numbers * self.reward).sum(axis=1), np.einsum("sk,skt->st", numbers, self.transition)
        there, total = np.zeros(self.n_states), 0.0
        there[: self.width] = 1 / self.width
        for _ in range(self.stages):
            total += float(there @ gained)
            there = there @ onward
        return total


def passwords(
    n_agents: int = 4, *, stages: int = 5, width: int = 2, n_actions: int = 4, n_passwords: int = 2, seed: int = 0
) -> Passwords:
    """Draw a game of passwords.

    Args:
        n_agents: N.
        stages: steps of an episode.
        width: states of a stage.
        n_actions: A, of every agent.
        n_passwords: K, of every state; at most A.
        seed: of rewards (uniform on [0, 1)), next states (uniform on the simplex) and passwords.

    Raises:
        InvalidArgumentError: a number below 1, one agent or action alone, or more passwords than actions.
    """
    sizes = {"stages": stages, "width": width, "n_passwords": n_passwords}
    sizes = {name: whole_number(value, name, low=1) for name, value in sizes.items()}
    sizes |= {"n_agents": whole_number(n_agents, "n_agents", low=2), "n_actions": whole_number(n_actions, "n_actions", low=2)}
    seed = whole_number(seed, "seed")
    if sizes["n_passwords"] > sizes["n_actions"]:
        raise InvalidArgumentError("n_passwords", got=n_passwords, expected=f"at most n_actions, {n_actions}")
    size, numbers = stages * width + 1, n_passwords + 1
    draw = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, 0])))
    reward, transition = np.zeros((size, numbers)), np.zeros((size, numbers, size))
    reward[:-1, :-1] = draw.random((size - 1, n_passwords))
    for state in range(size):
        stage = state // width
        onward = slice((stage + 1) * width, (stage + 2) * width) if stage < stages - 1 else slice(size - 1, size)
        transition[state, :, onward] = draw.dirichlet(np.ones(onward.stop - onward.start), numbers)
    codes = np.zeros((size, n_passwords, n_agents), np.int64)
    for agent in range(n_agents):
        own = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, 1, agent])))
        codes[:, :, agent] = own.permuted(np.tile(np.arange(n_actions), (size, 1)), axis=1)[:, :n_passwords]
    return Passwords(codes, n_actions, reward, transition, stages, {**sizes, "seed": seed})
