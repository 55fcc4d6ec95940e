"""OptiDICE (Lee et al., ICML 2021) on joint actions, with factorised weighted behaviour cloning (footnote 7 of the paper).

    e(x)     = r + gamma nu(s') - nu(s)
    J(nu)    = alpha log sum_x m_x exp(e(x) / alpha) + (1-gamma) E nu(s_0) + c E max(|d nu / d s| - limit, 0)^2
    w(x)     ~ m_x exp(e(x) / alpha),  sum_x w(x) = 1
    J(pi_i)  = -sum_x w(x) log pi_i(a_i|o_i)          with a memory, policy = 'transformer', a_i|tau_i

One nu for all agents, and no partner that is fixed: w is the ratio of a joint occupancy to the data's, and stays on the data;
the product of the marginals that the agents clone does not.  J(nu) is blind to a constant: nu's last layer has no bias.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from alberdice.deep import losses, sums
from alberdice.deep.algorithms.annealing import AnnealedConfig, Annealing
from alberdice.deep.batches.sequences import Batch
from alberdice.deep.batches.training_data import Rows, TrainingData
from alberdice.deep.batches.units import in_units
from alberdice.deep.config import defaults, fights, football, warehouses
from alberdice.deep.config.policy import PolicyConfig
from alberdice.deep.learner import NetworkLearner, register
from alberdice.deep.networks.mlp import Layers, slopes_between
from alberdice.deep.networks.module import own_or
from alberdice.deep.policies import Policies, policy_network, policy_tables
from alberdice.deep.policies.memory import Memory

__all__ = ["OptiDICE", "OptiDICEConfig", "cloning_loss", "sample_weights"]

#: one initial state is drawn for so many steps
_STEPS_PER_START = 4
#: nu's slope is looked at at so many points, at most
_SLOPE_POINTS = 256
#: the least weight of a row; those of windows that are not scored have it
_NOTHING = 1e-30


@dataclass(frozen=True)
@defaults(algorithm="optidice", updates=5000, anneal_share=0.6, settle_share=0.4, gradient_penalty=0.1, units="rewards")
class OptiDICEConfig(AnnealedConfig, PolicyConfig):
    """The joint optimum near the data, cloned by each agent apart.  Defaults come near the population's return."""

    presets = {  # noqa: RUF012  (a class attribute, no setting)
        "rware": {**warehouses.REMEMBERING, **warehouses.ANNEALED},
        "rware-feed-forward": {**warehouses.FEED_FORWARD, **warehouses.ANNEALED},
        "smax": {**fights.PLAIN, **fights.ANNEALED},
        "football": {**football.PLAIN, **football.ANNEALED},
    }


def sample_weights(advantage: Tensor, log_weight: Tensor, alpha: Tensor | float) -> Tensor:
    """The weights w ~ m exp(e / alpha) of samples, ``(B,)``, summing to 1; no gradient runs into them."""
    return sums.normalised(advantage.detach() / alpha + log_weight)


def cloning_loss(log_probability: Tensor, actions: Tensor, weight: Tensor) -> Tensor:
    """Weighted behaviour cloning of all agents, ``(N,)``; tables ``(N, B, A)``, actions ``(N, B)``, weights ``(B,)``."""
    return losses.behaviour_loss(log_probability, actions, weight)


class OptiDICE(NetworkLearner):
    """The learner; see the module and ``alberdice.deep.learner.Learner``."""

    settings = OptiDICEConfig

    def __init__(self, data: TrainingData, config: OptiDICEConfig, generator: torch.Generator) -> None:
        layers = Layers(config.hidden, config.leak)
        ours = layers.between(data.states.shape[-1], 1, last_bias=False)
        nu, own = own_or(ours, config.nu_network, "nu_network"), (layers, config.policy_network)
        data = in_units(data, config.units)
        self.memory = Memory(data, config, transitions=True) if config.remembers else None
        policy: Any = self.memory.network if self.memory else policy_network(data, *own)
        self.config, self.annealing = config, Annealing(config, data.states.device)
        super().__init__(data, {"policy": (policy, data.n_agents), "nu": (nu, 1)}, generator, self.annealing.state)

    @property
    def policies(self) -> Policies:
        """The present policies."""
        return self.memory.policies(self.parameters["policy"]) if self.memory else super().policies

    def complaint(self, metrics: dict[str, float]) -> str:
        """Not-a-number, or an effective sample size of next to nothing."""
        return super().complaint(metrics) or self.annealing.complaint(metrics)

    def update(self, generator: torch.Generator) -> dict[str, Tensor]:
        """One step of nu and of all policies on one minibatch."""
        return self.execution(self._step, generator, self.config.rate_at(self.count()))

    def _step(self, generator: torch.Generator, rate: float | Tensor) -> dict[str, Tensor]:
        data, config, alpha = self.data, self.config, self.annealing.alpha
        batch = self.memory.sequences.minibatch(generator) if self.memory else None
        steps = data.draw(config, generator) if batch is None else batch.steps.flatten()
        count = sums.rows(len(steps))
        shares = torch.full(steps.shape, 1 / count, device=alpha.device) if batch is None else batch.weight.flatten()
        log_share = shares.clamp(min=_NOTHING).log()
        size = max(1, count // _STEPS_PER_START)
        starts = sums.own(data.starts[torch.randint(len(data.starts), (size,), generator=generator, device=alpha.device)])
        rows = data.rows(steps, starts)
        parameters = self.parameters["nu"].detach().requires_grad_()
        advantage, nu_loss = self._nu_loss(parameters, rows, steps, log_share, alpha)
        penalty = config.gradient_penalty * self._slope_penalty(parameters, rows, generator)
        self.step("nu", torch.autograd.grad(nu_loss + penalty, parameters)[0], rate)
        policy_loss = self._clone(rows, steps, batch, sample_weights(advantage, log_share, alpha), rate)
        rows_worth = losses.effective_sample_size(advantage.detach() / alpha + log_share)
        self.annealing.lower(rows_worth * (count / sums.total(shares > 0)))
        effective = self.annealing.state["effective_rows"].clone()
        return {"alpha": alpha, "nu_loss": nu_loss.detach(), "policy_loss": policy_loss, "effective_rows": effective}

    def _nu_loss(
        self, parameters: Tensor, rows: Rows, steps: Tensor, log_share: Tensor, alpha: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The advantages e(x) at the steps, ``(B,)``, and J(nu) without its penalty."""
        data, discount = self.data, self.config.discount
        nu = self.networks["nu"](parameters, data.states[rows.frames])[0, :, 0]
        advantage = losses.sample_advantage(data.rewards[steps], 0.0, nu[rows.here], nu[rows.after], alpha, discount)
        share = data.absorbing_share(1.0 if self.config.absorbing == "single" else 1 / (1 - discount))
        terms, weights = losses.with_absorbing(advantage, log_share, nu[rows.absorbing], discount, share)
        return advantage, losses.nu_loss(terms, weights, sums.mean(nu[rows.start]), alpha, discount)

    def _slope_penalty(self, parameters: Tensor, rows: Rows, generator: torch.Generator) -> Tensor:
        """The penalty on nu's slope between the states of random pairs of steps."""
        if self.config.gradient_penalty == 0:
            return torch.zeros((), device=parameters.device)
        states = self.data.states[rows.frames[rows.here[:_SLOPE_POINTS]]]
        slopes = slopes_between(self.networks["nu"], parameters, states, generator, _SLOPE_POINTS)
        return losses.gradient_penalty(slopes, self.config.slope_limit).sum()

    def _clone(self, rows: Rows, steps: Tensor, batch: Batch | None, weight: Tensor, rate: float | Tensor) -> Tensor:
        """One step of all policies; their mean loss."""
        policy = self.parameters["policy"].detach().requires_grad_()
        if self.memory and batch is not None:
            tables = self.memory.tables(policy, batch)
        else:
            tables = policy_tables(self.networks["policy"], policy, self.data, rows.frames[: rows.n_here])[:, rows.here]
        agents = cloning_loss(tables, self.data.actions[steps].T, weight)
        self.step("policy", torch.autograd.grad(agents.sum(), policy)[0], rate)
        return agents.detach().mean()


register("optidice", OptiDICE)
