"""Behaviour cloning (BC): each agent imitates its own part of the data, apart from the others.

    J(pi_i) = -sum_x m_x log pi_i(a_i|o_i),       minimal at pi_i = pi_i^D                              (44)
    J(pi_i) = -sum_x m_x log pi_i(a_i|tau_i)      with a memory, ``policy = 'transformer'``             (49)

With ``keep_best`` = .1, say, the data are the best tenth of the episodes (filtered cloning, a baseline for data of mixed
quality): it needs luck to be rare, since it takes a lucky episode for a good one.

The product of the agents' policies plays joint actions that the data never show: on {AB, BA} it plays AA and BB half of the
time.
Source: the paper's baseline (section 5); equation (44), Appendix E.3; (49), Appendix J.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import torch
from torch import Tensor

from alberdice.deep import losses
from alberdice.deep.batches.sequences import Sequences
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.config import Within, defaults
from alberdice.deep.config.policy import PolicyConfig
from alberdice.deep.learner import NetworkLearner, register
from alberdice.deep.policies import Policies, policy_network, policy_tables
from alberdice.deep.policies import transformer as histories

__all__ = ["BC", "BCConfig"]


@dataclass(frozen=True)
@defaults(algorithm="bc", updates=3000, learning_rate=1e-3, settle_share=1.0)
class BCConfig(PolicyConfig):
    """Each agent imitates its own part of the data.  Defaults clone Bridge's mixed data in seconds."""

    keep_best: Annotated[float, Within(1e-9, 1.0)] = 1.0
    """share of the episodes, the best ones by return, that are imitated; below 1 this is filtered cloning"""

    @property
    def unread(self) -> tuple[str, ...]:
        """Settings that nothing reads with this kind of policy."""
        return ("hidden",) if self.remembers else super().unread


class BC(NetworkLearner):
    """The learner; see the module and ``alberdice.deep.learner.Learner``."""

    settings = BCConfig

    def __init__(self, data: TrainingData, config: BCConfig, generator: torch.Generator) -> None:
        self.config = config
        if config.keep_best < 1.0:
            data = data.of_best_episodes(config.keep_best)
        self.sequences: Sequences | None = None
        network: Any = policy_network(data, config.hidden)
        if config.remembers:
            self.sequences = Sequences.build(data, *config.windows)
            shape = {"steps": self.sequences.steps, **config.transformer}
            network = histories.policy_network(network.inputs, network.outputs, **shape)
        super().__init__(data, {"policy": (network, data.n_agents)}, generator)

    @property
    def policies(self) -> Policies:
        """The present policies."""
        if self.sequences is None:
            return super().policies
        network, parameters = self.networks["policy"], self.parameters["policy"]
        return histories.TransformerPolicies(network, parameters, self.data.features, self.data.n_actions)

    def update(self, generator: torch.Generator) -> dict[str, Tensor]:
        """One step of all agents on one minibatch."""
        return self.execution(self._step, generator, self.config.rate_at(self.count()))

    def _step(self, generator: torch.Generator, rate: float | Tensor) -> dict[str, Tensor]:
        parameters = self.parameters["policy"].detach().requires_grad_()
        loss = self._on_steps if self.sequences is None else self._on_windows
        agents = loss(parameters, generator)
        self.step("policy", torch.autograd.grad(agents.sum(), parameters)[0], rate)
        return {"behaviour_loss": agents.detach().mean()}

    def _on_steps(self, parameters: Tensor, generator: torch.Generator) -> Tensor:
        """(44) of every agent, ``(N,)``."""
        data = self.data
        steps = data.draw(self.config, generator)
        rows = data.rows(steps, steps[:0])
        tables = policy_tables(self.networks["policy"], parameters, data, rows.frames[: rows.n_here])[:, rows.here]
        weight = torch.full((len(steps),), 1.0 / len(steps), device=steps.device)
        return losses.behaviour_loss(tables, data.actions[steps].T, weight)

    def _on_windows(self, parameters: Tensor, generator: torch.Generator) -> Tensor:
        """(49) of every agent, ``(N,)``."""
        assert self.sequences is not None
        batch = self.sequences.minibatch(generator)
        tables = histories.policy_tables(self.networks["policy"], parameters, batch)[0]
        return losses.behaviour_loss(tables.flatten(1, 2), batch.actions.flatten(1), batch.weight.flatten())


register("bc", BC)
