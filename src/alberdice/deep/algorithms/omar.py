"""OMAR (Pan et al., ICML 2022) with discrete actions: independent conservative critics, policies drawn to their best action.

Agent i learns alone; the others are part of what it sees.  Two critics Q_ij(o_i, a_i), j = 1, 2, and a policy pi_i, with slowly
following copies Q', pi':

    y_i    = r + gamma (1 - d) min_j Q'_ij(o_i', a'),   a' the most probable action of pi_i'(o_i')
    J(Q)   = E (Q_ij(o_i, a_i) - y_i)^2 + c (log sum_a exp Q_ij(o_i, a) - Q_ij(o_i, a_i))         for each j, summed
    J(pi)  = (1 - tau) E_{a ~ pi_i} [-A_i(o_i, a)] - tau log pi_i(a*|o_i)

with Q_i = min_j Q_ij, A_i = Q_i - E_{a ~ pi_i} Q_i and a* = argmax_a Q_i(o_i, a).  With continuous actions a* has to be found
by sampling; with discrete ones it is looked up, and the squared distance to it becomes a cross-entropy.  The mean over
a ~ pi_i is carried out: its gradient is that of -A log pi at drawn actions, without their noise.

With a memory, policy = 'transformer', policies are pi_i(a_i|tau_i) of histories, and a' is the most probable action of
pi_i'(tau_i').  The critics stay what the algorithm has, values of the present observation: the history is the policies'.  J(pi)
then asks for the same best action after every history that ends in o_i, so that a memory adds nothing that a policy of o_i
could not play; it is there because the paper gives all baselines the same policies.

Time: d is 1 where the process ended; where a time limit cut the record, the next frame's value counts (with a memory: the step
teaches the critics nothing, as no window holds the history after it, see ``Memory.taught``).  Actions that are not available
are in no argmax and no logsumexp.  Without data, Q of an action falls for ever: only the values of the data's actions are
watched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from alberdice.deep import sums
from alberdice.deep.batches.sequences import Batch
from alberdice.deep.batches.training_data import Rows, TrainingData, at
from alberdice.deep.config import ConservativeConfig, CriticConfig, Rate, Share, defaults, fights, football, warehouses
from alberdice.deep.config.policy import PolicyConfig
from alberdice.deep.learner import NetworkLearner, ValueRange, register
from alberdice.deep.losses import MASKED
from alberdice.deep.networks.mlp import Layers
from alberdice.deep.policies import Policies, policy_network, policy_tables
from alberdice.deep.policies.memory import Memory

__all__ = ["OMAR", "OMARConfig", "actor_loss", "conservative_loss", "td_target"]

#: critics per agent
_TWINS = 2


@dataclass(frozen=True)
@defaults(algorithm="omar", conservatism=1.0)
class OMARConfig(CriticConfig, ConservativeConfig, PolicyConfig):
    """OMAR with discrete actions."""

    presets = {  # noqa: RUF012  (a class attribute, no setting)
        "rware": warehouses.PLAIN,
        "rware-feed-forward": warehouses.PLAIN,
        "smax": fights.PLAIN,
        "football": football.PLAIN,
    }

    best_action_weight: Share = 0.5
    """tau: the share of the cross-entropy to the critics' best action in the policies' loss"""
    target_rate: Rate = 0.005
    """how far the copies that give the targets follow in every update"""


# ---- losses ----------------------------------------------------------------------------------------------------------


def td_target(reward: Tensor, next_value: Tensor, terminated: Tensor, discount: float) -> Tensor:
    """The target y = r + gamma (1 - d) Q', ``(..., B)``; rewards and endings ``(B,)``, values ``(..., B)``."""
    return reward + discount * torch.where(terminated, 0.0, next_value)


def conservative_loss(chosen: Tensor, soft_maximum: Tensor, target: Tensor, weight: Tensor, conservatism: float) -> Tensor:
    """J(Q), ``(...,)``.

    Args:
        chosen: Q(o, a) at the data's actions, ``(..., B)``.
        soft_maximum: log sum_a exp Q(o, a) over available actions, ``(..., B)``.
        target: y, ``(..., B)``; no gradient runs into it.
        weight: of the rows, ``(B,)``, summing to 1.
        conservatism: c.
    """
    return sums.total(weight * ((chosen - target.detach()).square() + conservatism * (soft_maximum - chosen)))


def actor_loss(table: Tensor, values: Tensor, available: Tensor, weight: Tensor, best_action_weight: float) -> Tensor:
    """J(pi), ``(...,)``.

    Args:
        table: log pi(a|o), ``(..., R, A)``.
        values: Q(o, a), ``(..., R, A)``; no gradient runs into them.
        available: which actions there are, ``(..., R, A)``.
        weight: of the rows, ``(R,)``, summing to 1.
        best_action_weight: tau.
    """
    values, shares = values.detach().masked_fill(~available, 0.0), table.detach().exp()
    advantage = values - (shares * values).sum(-1, keepdim=True)
    gain = (shares * advantage * table).sum(-1)
    best = values.masked_fill(~available, -torch.inf).argmax(-1, keepdim=True)
    likelihood = table.gather(-1, best)[..., 0]
    return -sums.total(weight * ((1 - best_action_weight) * gain + best_action_weight * likelihood))


# ---- the learner -----------------------------------------------------------------------------------------------------


class OMAR(NetworkLearner):
    """The learner; see the module and ``alberdice.deep.learner.Learner``."""

    settings = OMARConfig

    def __init__(self, data: TrainingData, config: OMARConfig, generator: torch.Generator) -> None:
        layers = Layers(config.hidden, config.leak)
        self.memory = Memory(data, config, transitions=True) if config.remembers else None
        if self.memory:
            self.memory.check_taught("omar")
        policy: Any = self.memory.network if self.memory else policy_network(data, layers, config.policy_network)
        critic = layers.between(data.observations.shape[-1], data.available.shape[-1])
        networks = {"policy": (policy, data.n_agents), "critic": (critic, _TWINS * data.n_agents)}
        super().__init__(data, networks, generator)
        self.config = config
        self.copies = {name: tensor.clone() for name, tensor in self.parameters.items()}
        self.scalars |= {f"{name}.copy": tensor for name, tensor in self.copies.items()}
        self.range = ValueRange.of(data, config.discount, bonus=config.conservatism)

    @property
    def policies(self) -> Policies:
        """The present policies."""
        return self.memory.policies(self.parameters["policy"]) if self.memory else super().policies

    def update(self, generator: torch.Generator) -> dict[str, Tensor]:
        """One step of all critics and policies on one minibatch; the copies follow."""
        config, done = self.config, self.count()
        rates = {"policy": config.rate_at(done), "critic": config.critic_learning_rate * (1 - done / config.updates)}
        return self.execution(self._step, generator, *(rates[name] for name in self.parameters))

    def _step(self, generator: torch.Generator, *rates: float | Tensor) -> dict[str, Tensor]:
        config, data = self.config, self.data
        batch = self.memory.sequences.minibatch(generator) if self.memory else None
        steps = data.draw(config, generator) if batch is None else batch.steps.flatten()
        rows = data.rows(steps, steps[:0])
        target = td_target(data.rewards[steps], self._next_values(rows, batch), data.terminated[steps], config.discount)
        parameters = {name: tensor.detach().requires_grad_() for name, tensor in self.parameters.items()}
        values = self._values(parameters["critic"], rows.frames[: rows.n_here])
        chosen, critic_loss = self._critic_loss(values, rows, steps, target, self._taught(steps, batch))
        policy_loss = self._policy_loss(parameters["policy"], values.amin(0), rows, batch)
        gradients = torch.autograd.grad(critic_loss + policy_loss, list(parameters.values()))
        for name, gradient, rate in zip(parameters, gradients, rates, strict=True):
            self.step(name, gradient, rate)
            self.copies[name].lerp_(self.parameters[name], config.target_rate)
        return {
            "critic_loss": critic_loss.detach(),
            "policy_loss": policy_loss.detach(),
            "value_low": -sums.greatest(-chosen.flatten()),
            "value_high": sums.greatest(chosen.flatten()),
        }

    def complaint(self, metrics: dict[str, float]) -> str:
        """Not-a-number, or values that no rewards allow."""
        return self.range.complaint(metrics, "lower learning_rate, target_rate or discount")

    def _values(self, critic: Tensor, frames: Tensor) -> Tensor:
        """Q_ij(o_i, a) at these frames, ``(2, N, R, A)``."""
        seen = self.data.observations[frames].transpose(0, 1)
        values: Tensor = self.networks["critic"](critic, seen.repeat(_TWINS, 1, 1))
        return values.view(_TWINS, len(seen), *values.shape[1:])

    @torch.no_grad()
    def _next_values(self, rows: Rows, batch: Batch | None = None) -> Tensor:
        """min_j Q'_ij(o_i', a') at the steps, ``(N, B)``; with a memory, at those that teach: others have no a'."""
        least = self._values(self.copies["critic"], rows.frames).amin(0)
        if self.memory and batch is not None:
            likely = self.memory.tables(self.copies["policy"], batch).argmax(-1).roll(-1, 1)
        else:
            likely = policy_tables(self.networks["policy"], self.copies["policy"], self.data, rows.frames).argmax(-1)[
                :, rows.after
            ]
        return at(least, rows.after.expand(len(least), -1), likely)

    def _taught(self, steps: Tensor, batch: Batch | None) -> Tensor:
        """What the steps weigh in J(Q), ``(B,)``."""
        if self.memory and batch is not None:
            return self.memory.taught(batch).flatten()
        return torch.full(steps.shape, 1 / sums.rows(len(steps)), device=steps.device)

    def _critic_loss(self, values: Tensor, rows: Rows, steps: Tensor, target: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Q_ij at the data's actions, ``(2 N, B)``, and J(Q) of all critics together."""
        available = self.data.available[rows.frames[: rows.n_here]].transpose(0, 1)
        soft = torch.logsumexp(values.masked_fill(~available, MASKED), -1)
        here = rows.here.expand(_TWINS * len(target), -1)
        chosen = at(values.flatten(0, 1), here, self.data.actions[steps].T.repeat(_TWINS, 1))
        loss = conservative_loss(
            chosen, soft[..., rows.here].flatten(0, 1), target.repeat(_TWINS, 1), weight, self.config.conservatism
        )
        return chosen, loss.sum()

    def _policy_loss(self, policy: Tensor, values: Tensor, rows: Rows, batch: Batch | None = None) -> Tensor:
        """J(pi) of all agents together, each frame weighing as many steps as start from it; with a memory, step by step."""
        tau = self.config.best_action_weight
        if self.memory and batch is not None:
            table, available = self.memory.tables(policy, batch), batch.available.flatten(1, 2)
            return actor_loss(table, values[:, rows.here], available, batch.weight.flatten(), tau).sum()
        frames = rows.frames[: rows.n_here]
        available = self.data.available[frames].transpose(0, 1)
        table = policy_tables(self.networks["policy"], policy, self.data, frames)
        share = torch.full(rows.here.shape, 1 / sums.rows(len(rows.here)), device=table.device)
        weight = torch.zeros(rows.n_here, device=table.device).index_add_(0, rows.here, share)
        return actor_loss(table, values, available, weight, tau).sum()


register("omar", OMAR)
