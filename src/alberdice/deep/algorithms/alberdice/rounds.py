"""A round of all agents: their turns, and then one step of every critic.

    draw a minibatch; evaluate all policies once
    for i = 1 .. N, one after the other: rho_i, k_i and one step of pi_i, see ``turns``
    resample by rho_1, ..., rho_N; one step of all nu_i by (46) and of all e_i by (47)

nu_i and e_i enter no other agent's turn, so all agents' steps of nu and e can be one batched step at the end of the round: the
sequential algorithm, at the price of N policy evaluations and one backward pass per round.  Where an update is about all
distinct steps, f, which is e without the others' price, is what (47) fits, a table of means, and no network (``population``).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from alberdice.deep import losses, sums
from alberdice.deep.algorithms.alberdice.forms import Drawn
from alberdice.deep.algorithms.alberdice.minibatch import Matched, Minibatch, Minibatches, match
from alberdice.deep.algorithms.alberdice.settings import AlberDICEConfig
from alberdice.deep.algorithms.alberdice.turns import Turns
from alberdice.deep.algorithms.annealing import Annealing
from alberdice.deep.batches.training_data import TrainingData, at
from alberdice.deep.batches.weights import step_weights, weight_report
from alberdice.deep.learner import Stack
from alberdice.deep.networks.mlp import slopes_between

__all__ = ["Rounds"]


class Rounds:
    """One round after another.

    Args:
        data: the episodes.
        config: the settings.
        annealing: alpha, lowered by every round.
        minibatches: what rounds are about.
        turns: the agents'.
        nu, e: the critics, which learn in place; without e, f is a table of means.
    """

    def __init__(
        self,
        data: TrainingData,
        config: AlberDICEConfig,
        annealing: Annealing,
        minibatches: Minibatches,
        turns: Turns,
        nu: Stack,
        e: Stack | None,
    ) -> None:
        self.data, self.config, self.annealing = data, config, annealing
        self.minibatches, self.turns, self.nu, self.e = minibatches, turns, nu, e
        self._latest: tuple[sums.Division, Tensor, Tensor] | None = None

    def settled_round(self, generator: torch.Generator, rate: float | Tensor) -> dict[str, Tensor]:
        """A round in which nu stays."""
        return self.round(generator, rate, settled=True)

    def round(self, generator: torch.Generator, rate: float | Tensor, *, settled: bool = False) -> dict[str, Tensor]:
        """One round; the metrics."""
        config, alpha = self.config, self.annealing.alpha
        learns = [self.nu] if self.e is None else [self.nu, self.e]
        parameters = [each.parameters.detach().requires_grad_() for each in learns]
        drawn, batch = self.minibatches.next(generator)
        nu = self.nu.network(parameters[0], batch.states)[..., 0]
        f = None if self.e is None else self.e.network(parameters[1], batch.states[: batch.rows.n_here])
        after = batch.after(nu)
        gained = (batch.rewards + config.discount * after - nu.index_select(1, batch.rows.here)).detach()
        ratio, price, policy_loss = self.turns.take(batch, gained if f is None else f.detach(), alpha, rate, generator)
        matched = match(batch, ratio, config.importance == "resample", config.fallback, generator)
        here, after = nu.gather(1, matched.here), after.gather(1, matched.picked)
        log_rho, mean_price = ratio.gather(1, matched.picked), at(price, matched.here, matched.own)
        bare = losses.sample_advantage(matched.reward, 0.0, here, after, alpha, config.discount)
        advantage = bare - alpha * (log_rho if config.nu_price == "sample" else mean_price)
        target = bare - alpha * log_rho if config.price == "sample" else bare  # alpha k_i is on both sides and cancels
        nu_losses = self._nu_losses(nu, batch, matched, advantage, alpha)
        e_losses = nu_losses.new_zeros(1) if f is None else self._e_losses(f, batch, matched, target, alpha)
        if not settled:
            total = nu_losses.sum() + e_losses.sum() + self._slope_penalty(parameters[0], batch, generator)
            gradients = torch.autograd.grad(total, parameters)
            self._nu_step(gradients[0], nu.detach(), batch, alpha, rate)
            if self.e is not None:
                self.e.optimiser.step(gradients[1], rate)
        log_weight = advantage.detach() / alpha + matched.log_weight
        steps = batch.steps.expand(len(log_weight), -1).gather(1, matched.picked)
        self._latest = (batch.divided, log_weight, steps)
        self.annealing.lower(self._effective_rows(log_weight, matched, drawn))
        return {
            "alpha": alpha,
            "nu_loss": nu_losses.detach().mean(),
            "e_loss": e_losses.detach().mean(),
            "policy_loss": policy_loss,
            "effective_rows": self.annealing.state["effective_rows"].clone(),
        }

    @torch.no_grad()
    def joint_advantage(self, batch: Minibatch) -> Tensor:
        """R + gamma E nu(s') - nu(s) of the steps, the mean over the agents' nu, ``(B,)``."""
        nu = self.nu.network(self.nu.parameters, batch.states)[..., 0]
        gained: Tensor = batch.rewards + self.config.discount * batch.after(nu) - nu.index_select(1, batch.rows.here)
        return gained.mean(0)

    def weight_report(self) -> dict[str, float]:
        """On how much of the data the last round's weights rest, see ``weights``; of the agent with fewest effective steps."""
        if self._latest is None:
            return {}
        population, (divided, *latest), reports = self.minibatches.population, self._latest, []
        for log_weight, steps in zip(*(divided.everyone(each, 1) for each in latest), strict=True):
            weights = step_weights(log_weight, steps, self.data.n_steps)
            if population is not None:  # a pair's weight is shared by its steps
                share = weights[population.steps] / (population.weight.double() * self.data.n_steps)
                weights = share[population.pair]
            reports.append(weight_report(weights, self.data.lengths))
        return min(reports, key=lambda report: report["effective_steps"])

    def _effective_rows(self, log_weight: Tensor, matched: Matched, drawn: Drawn) -> Tensor:
        """How many equally weighted rows of a minibatch the weights ``(N, B)`` are worth; the least of all agents'."""
        if drawn.population is not None:  # a row stands for many steps
            each = (drawn.population.weight * self.data.n_steps).log()[matched.picked]
            steps = losses.effective_sample_size(log_weight, each + matched.log_count)
            return steps.min() * (self.minibatches.size / self.data.n_steps)
        resampled = self.config.importance == "resample"
        rows = sums.rows(len(drawn.steps)) if resampled else drawn.scored  # those that carry the weights
        return losses.effective_sample_size(log_weight, matched.log_count).min() * (self.minibatches.size / rows)

    def _nu_losses(self, nu: Tensor, batch: Minibatch, matched: Matched, advantage: Tensor, alpha: Tensor) -> Tensor:
        """J(nu_i), ``(N,)``, with the absorbing transition as one more row of its own weight."""
        discount = self.config.discount
        share = self.data.absorbing_share(1.0 if self.config.absorbing == "single" else 1 / (1 - discount))
        at_end = nu[:, batch.rows.absorbing]
        terms, log_weight = losses.with_absorbing(advantage, matched.log_weight, at_end, discount, share)
        initial = sums.mean(nu[:, batch.rows.start], count=len(self.data.starts) if self.minibatches.every_start else None)
        return losses.nu_loss(terms, log_weight, initial, alpha, discount)

    def _e_losses(self, f: Tensor, batch: Minibatch, matched: Matched, target: Tensor, alpha: Tensor) -> Tensor:
        """J(e_i), ``(N,)``, at rows that match the others' policies."""
        chosen = at(f, matched.here, matched.own)
        if self.config.conservatism_form == "printed":
            penalty = losses.conservative_penalty(f, batch.log_own, batch.available).gather(1, matched.here)
        else:
            penalty = losses.scaled_penalty(f, batch.available, alpha).gather(1, matched.here) - alpha * chosen
        return losses.advantage_loss(chosen, target, penalty, matched.share, self.config.conservatism)

    @torch.no_grad()
    def _nu_step(self, gradient: Tensor, nu: Tensor, batch: Minibatch, alpha: Tensor, rate: float | Tensor) -> None:
        """One step of all nu_i, shortened where it would change one of the minibatch's values by more than nu_step alpha.

        (46) has curvature of the order 1 / alpha: what was a small step before alpha fell throws the weights about after it.
        """
        before = self.nu.parameters.clone()
        self.nu.optimiser.step(gradient, rate)
        if not math.isfinite(self.config.nu_step):
            return
        changed = (self.nu.network(self.nu.parameters, batch.states)[..., 0] - nu).abs()
        share = (self.config.nu_step * alpha / sums.greatest(changed)[:, None].clamp(min=1e-30)).clamp(max=1.0)
        self.nu.parameters.copy_(torch.lerp(before, self.nu.parameters, share))

    def _slope_penalty(self, parameters: Tensor, batch: Minibatch, generator: torch.Generator) -> Tensor:
        """The penalty on nu's slope between the states of random pairs of rows; 0 unless asked for."""
        if self.config.gradient_penalty == 0:
            return torch.zeros((), device=parameters.device)
        seen, divided = batch.states.index_select(0, batch.rows.here), batch.divided
        slopes = slopes_between(self.nu.network, parameters, seen, generator, divided=divided)
        count = divided.rows(len(batch.steps))
        return self.config.gradient_penalty * losses.gradient_penalty(slopes, self.config.slope_limit, count).sum()
