"""Policies for tests of play: tables by observation, and agents that remember."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch

import alberdice as ad
from alberdice.deep.batches.features import Features


@dataclass(frozen=True)
class Tabular:
    """A tabular policy, looked up by what is seen; ``asked`` counts the rows of every question."""

    game: ad.games.Game
    policy: ad.FactorizedPolicy
    asked: list[int] = field(default_factory=list)
    has_memory: bool = False

    @property
    def n_actions(self) -> tuple[int, ...]:
        return self.game.mmdp.n_actions

    @property
    def features(self) -> Features:
        size = len(self.game.observation(0))
        return Features(torch.zeros(len(self.n_actions), size), torch.ones(len(self.n_actions), size))

    def actor(self, episodes: int) -> Tabular:
        return self

    def log_probabilities(self, observations: torch.Tensor, available: torch.Tensor | None = None) -> torch.Tensor:
        self.asked.append(len(observations))
        known = np.stack([self.game.observation(s) for s in range(self.game.mmdp.n_states)]).astype(np.float32)
        states = [int(np.flatnonzero((known == row).all(axis=1))[0]) for row in observations[:, 0].numpy().astype(np.float32)]
        tables = np.zeros((len(states), len(self.n_actions), max(self.n_actions)))
        for i, table in enumerate(self.policy):
            tables[:, i, : table.shape[1]] = table[states]
        return torch.from_numpy(tables).log()

    def observe(self, actions: torch.Tensor, rewards: torch.Tensor) -> None:
        pass


@dataclass(frozen=True)
class InTurn:
    """Agents that remember how many steps went by, and what was done and gained: actions 0, 1, 0, 1, ... together."""

    n_actions: tuple[int, ...]
    size: int
    seen: list[Any] = field(default_factory=list)
    has_memory: ClassVar[bool] = True

    @property
    def features(self) -> Features:
        return Features(torch.zeros(len(self.n_actions), self.size), torch.ones(len(self.n_actions), self.size))

    def actor(self, episodes: int) -> InTurnActor:
        return InTurnActor(self, episodes)


class InTurnActor:
    def __init__(self, policies: InTurn, episodes: int) -> None:
        self.policies, self.episodes, self.steps = policies, episodes, 0

    def log_probabilities(self, observations: torch.Tensor, available: torch.Tensor | None = None) -> torch.Tensor:
        assert len(observations) == self.episodes
        shape, most = observations.shape[:2], max(self.policies.n_actions)
        return torch.nn.functional.one_hot(torch.full(shape, self.steps % 2), most).double().log()

    def observe(self, actions: torch.Tensor, rewards: torch.Tensor) -> None:
        self.policies.seen.append((actions.tolist(), rewards.tolist()))
        self.steps += 1


def make_matrix() -> Any:
    return ad.games.penalty_xor().parallel_env()
