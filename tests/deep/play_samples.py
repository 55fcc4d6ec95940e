"""Policies and environments to play."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from deep_samples import tiny

import alberdice as ad
from alberdice.datasets import make_builtin
from alberdice.deep.algorithms.alberdice import AlberDICE
from alberdice.deep.batches.training_data import Features, TrainingData
from alberdice.deep.policies import FeedForwardPolicies


def policies(dataset: str) -> FeedForwardPolicies:
    data = TrainingData.build(make_builtin(dataset))
    found = AlberDICE(data, tiny(), torch.Generator().manual_seed(0)).policies
    found.parameters.mul_(1.5)
    return found


def make_matrix() -> Any:
    return ad.games.penalty_xor().parallel_env()


@dataclass(frozen=True)
class AfterEachOther:
    """Policies with a memory: the agents take actions 0, 1, 0, 1, ... together, and count what they gained."""

    plain: FeedForwardPolicies
    gained: list[float]
    has_memory: ClassVar[bool] = True

    @property
    def n_actions(self) -> tuple[int, ...]:
        return self.plain.n_actions

    @property
    def features(self) -> Features:
        return self.plain.features

    def actor(self, episodes: int) -> AlternatingActor:
        return AlternatingActor(self.gained)


class AlternatingActor:
    def __init__(self, gained: list[float]) -> None:
        self.steps, self.gained = 0, gained

    def log_probabilities(self, observations: torch.Tensor, available: torch.Tensor | None = None) -> torch.Tensor:
        return torch.nn.functional.one_hot(torch.full(observations.shape[:2], self.steps % 2), 2).double().log()

    def observe(self, actions: torch.Tensor, rewards: torch.Tensor) -> None:
        assert (actions == self.steps % 2).all()
        self.gained.append(float(rewards.mean()))
        self.steps += 1
