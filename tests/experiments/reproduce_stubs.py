"""Learners that take no time, or go wrong in one way each."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.config import FeedForwardConfig
from alberdice.deep.networks.mlp import StackedMLP
from alberdice.deep.policies import FeedForwardPolicies


@dataclass(frozen=True)
class StubConfig(FeedForwardConfig):
    """Settings of a stub."""

    push: float = 0.01
    """what every update adds to the last bias"""


class Quick:
    """Every update draws a number and adds it to the parameters."""

    settings = StubConfig

    def __init__(self, data: TrainingData, config: StubConfig, generator: torch.Generator) -> None:
        self.data, self.config, self.done = data, config, torch.zeros((), dtype=torch.int64)
        self.network = StackedMLP(data.observations.shape[-1], config.hidden, data.available.shape[-1])
        self.parameters = self.network.initial(data.n_agents, generator)

    @property
    def policies(self) -> FeedForwardPolicies:
        return FeedForwardPolicies(self.network, self.parameters, self.data.features, self.data.n_actions)

    def update(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        self.done += 1
        self.parameters += self.config.push * torch.randn(self.parameters.shape, generator=generator)
        return {"loss": self.parameters.square().mean()}

    def complaint(self, metrics: dict[str, float]) -> str:
        return ""

    def state_dict(self) -> dict[str, torch.Tensor]:
        return {"parameters": self.parameters, "done": self.done}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        for name, tensor in self.state_dict().items():
            tensor.copy_(state[name])


class Shorter(Quick):
    """Makes half of the updates that its settings say."""

    def __init__(self, data: TrainingData, config: StubConfig, generator: torch.Generator) -> None:
        super().__init__(data, replace(config, updates=config.updates // 2), generator)


class Preempted(Quick):
    """Is sent a signal in its seventh update, once: SIGUSR2 where the seed is even, SIGTERM where it is odd."""

    def update(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        marker = Path(os.environ["PREEMPTED"]) / str(self.config.seed)
        if self.done == 6 and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), (signal.SIGUSR2, signal.SIGTERM)[self.config.seed % 2])
        return super().update(generator)


class Diverging(Quick):
    """Complains at its seventh update or later, when it is looked at."""

    def complaint(self, metrics: dict[str, float]) -> str:
        return "a loss is not finite: lower push" if self.done > 6 else ""


class Exploding(Quick):
    """Is saved without numbers, and complains later."""

    def update(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        metrics = super().update(generator)
        if self.done == 9:
            self.parameters *= float("nan")
        return metrics

    def complaint(self, metrics: dict[str, float]) -> str:
        return "a loss is not finite: lower push" if self.done > 10 else ""


class Hopeless(Quick):
    """Complains at once."""

    def complaint(self, metrics: dict[str, float]) -> str:
        return "a loss is not finite: lower push"


class Failing(Quick):
    """Has a bug."""

    def update(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        raise RuntimeError("a bug\nin two lines")


class Dying(Quick):
    """Takes its process along."""

    def update(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        os._exit(3)
