"""Games of passwords, B episodes at a time; see ``games.passwords``.

The draws of an episode, one for the start and one a step, come from ``numpy.random.default_rng(seed)``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alberdice.environments.contract import BatchedEnvironment, EnvironmentSpec, Frame, Step
from alberdice.errors import InvalidArgumentError
from alberdice.games.passwords import Passwords, passwords

__all__ = ["PasswordsEnvironment", "passwords_environment"]


def passwords_environment(**arguments: int) -> PasswordsEnvironment:
    """The game of these arguments, see ``games.passwords.passwords``, ready to play."""
    return PasswordsEnvironment(passwords(**arguments))


class PasswordsEnvironment(BatchedEnvironment):
    """A game of passwords behind the contract.

    Args:
        game: what is played.

    Attributes:
        states: (B,) int64, the slots' present states.

    Raises:
        InvalidArgumentError: later, actions that are not the game's.
    """

    def __init__(self, game: Passwords) -> None:
        self.game = game
        self.spec = EnvironmentSpec(
            name="passwords",
            agents=tuple(f"agent_{i + 1}" for i in range(game.n_agents)),
            n_actions=(game.n_actions,) * game.n_agents,
            observation_size=game.n_states,
            state_size=game.n_states,
            horizon=game.stages,
            team_reward="common",
            vectorised=True,
        )
        self._seen = game.features.astype(np.float32)
        self._allot(0)

    def _allot(self, slots: int) -> None:
        self.states = np.full(slots, self.game.n_states - 1)
        self._steps = np.zeros(slots, np.int64)
        self._draws = np.zeros((slots, self.game.stages + 1))

    def reset(self, seeds: NDArray[np.int64], slots: NDArray[np.int64] | None = None) -> Frame:
        """See the contract."""
        if slots is None:
            self._allot(len(seeds))
            slots = np.arange(len(seeds))
        for slot, seed in zip(slots, seeds, strict=True):
            self._draws[slot] = np.random.default_rng(int(seed)).random(self.game.stages + 1)
        self.states[slots] = (self._draws[slots, 0] * self.game.width).astype(np.int64)
        self._steps[slots] = 0
        return self._frame()

    def step(self, actions: NDArray[np.int64]) -> Step:
        """See the contract."""
        game, going = self.game, np.flatnonzero(self.states < self.game.n_states - 1)
        chosen = np.asarray(actions)[going]
        if chosen.shape != (len(going), game.n_agents) or (chosen < 0).any() or (chosen >= game.n_actions).any():
            got = f"{np.asarray(actions).tolist()}"[:80]
            raise InvalidArgumentError("actions", got=got, expected=f"(B, N) whole numbers below {game.n_actions}")
        here, rewards = self.states[going], np.zeros(len(self.states))
        said = game.said(here, chosen)
        rewards[going] = game.reward[here, said]
        self._steps[going] += 1
        self.states[going] = game.after(here, said, self._draws[going, self._steps[going]])
        ended = self.states == game.n_states - 1
        return Step(self._frame(), rewards, ended, np.zeros_like(ended), {})

    def _frame(self) -> Frame:
        seen, going = self._seen[self.states], self.states < self.game.n_states - 1
        shape = (len(seen), self.spec.n_agents)
        observations = np.broadcast_to(seen[:, None], (*shape, seen.shape[1]))
        masks = np.ones((*shape, self.game.n_actions), np.bool_)
        return Frame(observations, masks, seen, np.broadcast_to(going[:, None], shape))

    def close(self) -> None:
        """Nothing is held."""
