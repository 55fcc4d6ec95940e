"""Policies without a memory as tables over a game's states: for exact returns, and to play by looking up."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from alberdice.deep.policies import Policies
from alberdice.deep.policies.acting import Acting, distributions
from alberdice.environments.games import GameEnvironment
from alberdice.errors import InvalidArgumentError
from alberdice.games.game import Game
from alberdice.policy import FactorizedPolicy

__all__ = ["TableActor", "policy_of_game"]


def policy_of_game(policies: Policies, game: Game, play: str = "sample") -> FactorizedPolicy:
    """The policies as tables over the game's states; of policies with a memory, as they are when an episode begins there.

    Raises:
        InvalidArgumentError: a game with other agents, actions or observations.
    """
    tables = distributions(_log_tables(policies, game), play)
    parts = [tables[:, i, :k] for i, k in enumerate(policies.n_actions)]
    return FactorizedPolicy([part / part.sum(axis=1, keepdims=True) for part in parts])


def _log_tables(policies: Policies, game: Game) -> Tensor:
    """Log probabilities at every state, ``(S, N, A)``; refuses a game that does not fit."""
    seen = torch.from_numpy(np.stack([game.observation(s) for s in range(game.mmdp.n_states)]))
    expected = (policies.n_actions, policies.features.mean.shape[-1])
    got = (game.mmdp.n_actions, seen.shape[-1])
    if got != expected:
        got_text = f"{game.name} with actions {got[0]} and {got[1]} features"
        raise InvalidArgumentError("environment", got=got_text, expected=f"actions {expected[0]} and {expected[1]} features")
    everyone = seen[:, None].expand(-1, len(policies.n_actions), -1).to(policies.features.mean.device)
    open_there = None if game.available is None else torch.from_numpy(game.available.copy()).to(everyone.device)
    return policies.actor(len(seen)).log_probabilities(everyone, open_there)


class TableActor(Acting):
    """Plays policies without a memory in a game by looking up what they do at its present states."""

    def __init__(self, policies: Policies, environment: GameEnvironment) -> None:
        self.environment, self.logs = environment, _log_tables(policies, environment.game)

    @property
    def device(self) -> torch.device:
        """Where the tables are."""
        return self.logs.device

    def log_probabilities(self, observations: Tensor, available: Tensor | None = None) -> Tensor:
        """See ``policies.Actor``."""
        return self.logs[torch.from_numpy(self.environment.states).to(self.logs.device)]

    def observe(self, actions: Tensor, rewards: Tensor) -> None:
        """Nothing: there is no memory."""
