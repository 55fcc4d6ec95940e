"""OptiDICE (Lee et al., ICML 2021) on joint actions, with factorised weighted behaviour cloning (footnote 7 of the paper).

    e(x)     = r + gamma nu(s') - nu(s)
    J(nu)    = alpha log sum_x m_x exp(e(x) / alpha) + (1-gamma) E nu(s_0) + c E max(|d nu / d s| - limit, 0)^2
    w(x)     ~ m_x exp(e(x) / alpha),  sum_x w(x) = 1
    J(pi_i)  = -sum_x w(x) log pi_i(a_i|o_i)

One nu for all agents, and no partner that is fixed: w is the ratio of a joint occupancy to the data's, and stays on the data;
the product of the marginals that the agents clone does not.  J(nu) is blind to a constant: nu's last layer has no bias.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from alberdice.deep import losses
from alberdice.deep.algorithms.annealing import AnnealedConfig, Annealing
from alberdice.deep.batches.training_data import Rows, TrainingData
from alberdice.deep.batches.units import in_units
from alberdice.deep.config import defaults
from alberdice.deep.learner import NetworkLearner, register
from alberdice.deep.networks.mlp import StackedMLP, slopes_between
from alberdice.deep.policies import policy_network, policy_tables

__all__ = ["OptiDICE", "OptiDICEConfig", "cloning_loss", "sample_weights"]

#: one initial state is drawn for so many steps
_STEPS_PER_START = 4
#: nu's slope is looked at at so many points, at most
_SLOPE_POINTS = 256


@dataclass(frozen=True)
@defaults(algorithm="optidice", updates=5000, anneal_share=0.6, settle_share=0.4, gradient_penalty=0.1, units="rewards")
class OptiDICEConfig(AnnealedConfig):
    """The joint optimum near the data, cloned by each agent apart.  Defaults come near the population's return."""


def sample_weights(advantage: Tensor, log_weight: Tensor, alpha: Tensor | float) -> Tensor:
    """The weights w ~ m exp(e / alpha) of samples, ``(B,)``, summing to 1; no gradient runs into them."""
    return torch.softmax(advantage.detach() / alpha + log_weight, -1)


def cloning_loss(log_probability: Tensor, actions: Tensor, weight: Tensor) -> Tensor:
    """Weighted behaviour cloning of all agents, ``(N,)``; tables ``(N, B, A)``, actions ``(N, B)``, weights ``(B,)``."""
    return losses.behaviour_loss(log_probability, actions, weight)


class OptiDICE(NetworkLearner):
    """The learner; see the module and ``alberdice.deep.learner.Learner``."""

    settings = OptiDICEConfig

    def __init__(self, data: TrainingData, config: OptiDICEConfig, generator: torch.Generator) -> None:
        nu = StackedMLP(data.states.shape[-1], config.hidden, 1, last_bias=False)
        networks = {"policy": (policy_network(data, config.hidden), data.n_agents), "nu": (nu, 1)}
        self.config, self.annealing = config, Annealing(config, data.states.device)
        super().__init__(in_units(data, config.units), networks, generator, self.annealing.state)

    def complaint(self, metrics: dict[str, float]) -> str:
        """Not-a-number, or an effective sample size of next to nothing."""
        return super().complaint(metrics) or self.annealing.complaint(metrics)

    def update(self, generator: torch.Generator) -> dict[str, Tensor]:
        """One step of nu and of all policies on one minibatch."""
        return self.execution(self._step, generator, self.config.rate_at(self.count()))

    def _step(self, generator: torch.Generator, rate: float | Tensor) -> dict[str, Tensor]:
        data, config, alpha = self.data, self.config, self.annealing.alpha
        steps = data.draw(config, generator)
        size = max(1, len(steps) // _STEPS_PER_START)
        starts = data.starts[torch.randint(len(data.starts), (size,), generator=generator, device=alpha.device)]
        rows = data.rows(steps, starts)
        parameters = self.parameters["nu"].detach().requires_grad_()
        advantage, nu_loss = self._nu_loss(parameters, rows, steps, alpha)
        penalty = config.gradient_penalty * self._slope_penalty(parameters, rows, generator)
        self.step("nu", torch.autograd.grad(nu_loss + penalty, parameters)[0], rate)
        policy_loss = self._clone(rows, steps, sample_weights(advantage, torch.zeros_like(advantage), alpha), rate)
        self.annealing.lower(losses.effective_sample_size(advantage.detach() / alpha))
        effective = self.annealing.state["effective_rows"].clone()
        return {"alpha": alpha, "nu_loss": nu_loss.detach(), "policy_loss": policy_loss, "effective_rows": effective}

    def _nu_loss(self, parameters: Tensor, rows: Rows, steps: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor]:
        """The advantages e(x) at the steps, ``(B,)``, and J(nu) without its penalty."""
        data, discount = self.data, self.config.discount
        nu = self.networks["nu"](parameters, data.states[rows.frames])[0, :, 0]
        advantage = losses.sample_advantage(data.rewards[steps], 0.0, nu[rows.here], nu[rows.after], alpha, discount)
        share = data.absorbing_share(1.0 if self.config.absorbing == "single" else 1 / (1 - discount))
        log_weight = torch.full_like(advantage, -math.log(len(steps)))
        terms, weights = losses.with_absorbing(advantage, log_weight, nu[rows.absorbing], discount, share)
        return advantage, losses.nu_loss(terms, weights, nu[rows.start].mean(), alpha, discount)

    def _slope_penalty(self, parameters: Tensor, rows: Rows, generator: torch.Generator) -> Tensor:
        """The penalty on nu's slope between the states of random pairs of steps."""
        if self.config.gradient_penalty == 0:
            return torch.zeros((), device=parameters.device)
        states = self.data.states[rows.frames[rows.here[:_SLOPE_POINTS]]]
        slopes = slopes_between(self.networks["nu"], parameters, states, generator)
        return losses.gradient_penalty(slopes, self.config.slope_limit).sum()

    def _clone(self, rows: Rows, steps: Tensor, weight: Tensor, rate: float | Tensor) -> Tensor:
        """One step of all policies; their mean loss."""
        policy = self.parameters["policy"].detach().requires_grad_()
        tables = policy_tables(self.networks["policy"], policy, self.data, rows.frames[: rows.n_here])[:, rows.here]
        agents = cloning_loss(tables, self.data.actions[steps].T, weight)
        self.step("policy", torch.autograd.grad(agents.sum(), policy)[0], rate)
        return agents.detach().mean()


register("optidice", OptiDICE)
