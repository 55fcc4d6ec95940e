"""Behaviour cloning (BC): each agent imitates its own part of the data, apart from the others.

    J(pi_i) = -sum_x m_x log pi_i(a_i|o_i),       minimal at pi_i = pi_i^D                              (44)
    J(pi_i) = -sum_x m_x log pi_i(a_i|tau_i)      with a memory, ``policy = 'transformer'``             (49)

With ``keep_best`` = .1, say, the data are the best tenth of the episodes: filtered cloning, a baseline for data of mixed
quality.

The product of the agents' policies plays joint actions that the data never show: on {AB, BA} it plays AA and BB half of the
time.
Source: the paper's baseline (section 5); equation (44), Appendix E.3; (49), Appendix J.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from alberdice.deep import losses, sums
from alberdice.deep.batches.training_data import Rows, TrainingData
from alberdice.deep.batches.watched import Watched
from alberdice.deep.config import CloningConfig, defaults, fights, football, warehouses
from alberdice.deep.config.policy import PolicyConfig
from alberdice.deep.learner import NetworkLearner, register
from alberdice.deep.networks.mlp import Layers
from alberdice.deep.policies import Policies, policy_network, policy_tables
from alberdice.deep.policies.memory import Memory

__all__ = ["BC", "BCConfig"]


@dataclass(frozen=True)
@defaults(algorithm="bc", updates=3000, learning_rate=1e-3, settle_share=1.0)
class BCConfig(PolicyConfig, CloningConfig):
    """Each agent imitates its own part of the data.  Defaults clone Bridge's mixed data in seconds."""

    presets = {  # noqa: RUF012  (a class attribute, no setting)
        "rware": warehouses.REMEMBERING,
        "rware-feed-forward": warehouses.FEED_FORWARD,
        "smax": fights.PLAIN,
        "football": football.PLAIN,
    }

    @property
    def unread(self) -> tuple[str, ...]:
        """Settings that nothing reads with this kind of policy."""
        return ("hidden", "policy_network", "watch_share") if self.remembers else super().unread


class BC(NetworkLearner):
    """The learner; see the module and ``alberdice.deep.learner.Learner``."""

    settings = BCConfig

    def __init__(self, data: TrainingData, config: BCConfig, generator: torch.Generator) -> None:
        self.config = config
        self.memory = Memory(data, config) if config.remembers else None
        own = Layers(config.hidden, config.leak), config.policy_network
        network: Any = self.memory.network if self.memory else policy_network(data, *own)
        super().__init__(data, {"policy": (network, data.n_agents)}, generator)
        self.watched = Watched(data, config.watch_share, self.parameters, generator) if config.watch_share > 0 else None
        self.scalars |= self.watched.state if self.watched else {}

    @property
    def policies(self) -> Policies:
        """The present policies."""
        return self.memory.policies(self.parameters["policy"]) if self.memory else super().policies

    def update(self, generator: torch.Generator) -> dict[str, Tensor]:
        """One step of all agents on one minibatch."""
        done = self.count()
        metrics = self.execution(self._step, generator, self.config.rate_at(done))
        if self.watched:
            self.watched.look(self._losses, done + 1, self.config.total)
        return metrics

    @property
    def choices(self) -> dict[str, str]:
        """What was decided by the data, for the result."""
        return {"cloning": self.watched.words()["policy"]} if self.watched else {}

    def _step(self, generator: torch.Generator, rate: float | Tensor) -> dict[str, Tensor]:
        parameters = self.parameters["policy"].detach().requires_grad_()
        loss = self._on_windows if self.memory else self._on_steps
        agents = loss(parameters, generator)
        self.step("policy", torch.autograd.grad(agents.sum(), parameters)[0], rate)
        return {"behaviour_loss": agents.detach().mean()}

    def _on_steps(self, parameters: Tensor, generator: torch.Generator) -> Tensor:
        """(44) of every agent, ``(N,)``."""
        data, (steps, rows) = self.data, self._drawn(generator)
        data.ahead(generator, lambda copy: [(data.observations, (found := self._drawn(copy)[1]).frames[: found.n_here])])
        return self._loss_at(parameters, steps, rows)

    def _loss_at(self, parameters: Tensor, steps: Tensor, rows: Rows) -> Tensor:
        """(44) at these steps, ``(N,)``."""
        frames = rows.frames[: rows.n_here]
        tables = policy_tables(self.networks["policy"], parameters, self.data, frames)[:, rows.here]
        weight = torch.full((len(steps),), 1.0 / sums.rows(len(steps)), device=steps.device)
        return losses.behaviour_loss(tables, self.data.actions[steps].T, weight)

    def _losses(self, steps: Tensor) -> dict[str, Tensor]:
        """(44) at these steps, of all agents."""
        return {"policy": self._loss_at(self.parameters["policy"], steps, self.data.rows(steps, steps[:0])).mean()}

    def _drawn(self, generator: torch.Generator) -> tuple[Tensor, Rows]:
        """Steps, and where their frames are."""
        steps = self.data.draw(self.config, generator, self.watched.learned if self.watched else None)
        return steps, self.data.rows(steps, steps[:0])

    def _on_windows(self, parameters: Tensor, generator: torch.Generator) -> Tensor:
        """(49) of every agent, ``(N,)``."""
        assert self.memory is not None
        batch = self.memory.sequences.minibatch(generator)
        tables = self.memory.tables(parameters, batch)
        return losses.behaviour_loss(tables, batch.actions.flatten(1), batch.weight.flatten())


register("bc", BC)
