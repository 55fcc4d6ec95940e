"""Behaviour cloning (BC): each agent imitates its own part of the data, apart from the others.

    J(pi_i) = -sum_x m_x log pi_i(a_i|o_i),     minimal at pi_i = pi_i^D                                (44)

The product of the agents' policies plays joint actions that the data never show: on {AB, BA} it plays AA and BB half of the
time.
Source: the paper's baseline (section 5); equation (44), Appendix E.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from alberdice.deep import losses
from alberdice.deep.config import Count, FeedForwardConfig, Rate, Share, Within
from alberdice.deep.data import TrainingData
from alberdice.deep.learner import NetworkLearner, register
from alberdice.deep.policies import policy_network, policy_tables

__all__ = ["BC", "BCConfig"]


@dataclass(frozen=True)
class BCConfig(FeedForwardConfig):
    """Each agent imitates its own part of the data.  Defaults clone Bridge's mixed data in seconds."""

    algorithm: str = "bc"
    """which learner"""
    updates: Count = 3000
    """gradient steps"""
    batch_size: Annotated[int, Within(2, 1 << 24)] = 2048
    """steps per minibatch"""
    learning_rate: Rate = 1e-3
    """of Adam"""
    settle_share: Share = 1.0
    """share of the updates, the last ones, in which the learning rate falls to 0 in a straight line"""


class BC(NetworkLearner):
    """The learner; see the module and ``alberdice.deep.learner.Learner``."""

    settings = BCConfig

    def __init__(self, data: TrainingData, config: BCConfig, generator: torch.Generator) -> None:
        super().__init__(data, {"policy": (policy_network(data, config.hidden), data.n_agents)}, generator)
        self.config = config

    def update(self, generator: torch.Generator) -> dict[str, Tensor]:
        """One step of all agents on one minibatch."""
        data, rate = self.data, self.config.rate_at(self.count())
        steps = torch.randint(data.n_steps, (self.config.batch_size,), generator=generator, device=data.here.device)
        rows = data.rows(steps, steps[:0])
        parameters = self.parameters["policy"].detach().requires_grad_()
        tables = policy_tables(self.networks["policy"], parameters, data, rows.frames[: rows.n_here])[:, rows.here]
        weight = torch.full((len(steps),), 1.0 / len(steps), device=steps.device)
        agents = losses.behaviour_loss(tables, data.actions[steps].T, weight)
        self.step("policy", torch.autograd.grad(agents.sum(), parameters)[0], rate)
        return {"behaviour_loss": agents.detach().mean()}


register("bc", BC)
