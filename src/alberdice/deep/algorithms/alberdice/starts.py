"""Other equilibria: after the first run of rounds, again from policies that play one joint action of the data at each state.

Alternating best responses end in an equilibrium, which need not be the best one: agents that start at the data's marginals of a
climbing game never meet at its optimum.  nu, as (46) is printed, does not depend on the others' policies but through their
support, and so is the value of joint play inside the data; its weights tell joint actions apart,

    w(s, a) = n(s, a) exp((r + gamma E nu(s') - nu(s)) / alpha),

which no product of marginals does.  Start 1 is the heaviest joint action at every state, start k >= 2 is drawn by w at a
larger alpha.  Policies are cloned on it, and rounds go on from there at alpha_end.  Where steps are drawn, so that a state's
joint actions are never side by side, every start is cloned on the steps of a minibatch by their weights, which breaks no ties.
"""

from __future__ import annotations

import torch
from torch import Tensor

from alberdice.deep import losses, sums
from alberdice.deep.algorithms.alberdice.minibatch import Minibatch
from alberdice.deep.algorithms.alberdice.rounds import Rounds
from alberdice.deep.networks.capture import Execution

__all__ = ["FurtherStarts", "chosen_pairs", "start_weights"]

#: alpha of the draws of start k >= 2, in units of alpha_end
_WARMER = 10.0


def chosen_pairs(log_weight: Tensor, here: Tensor, frames: int, alpha: float, start: int, generator: torch.Generator) -> Tensor:
    """Which pair each state plays in a start, ``(P,)``: 1 for it and 0 for the state's others.

    Args:
        log_weight: log n + e / alpha at ``alpha`` = alpha_end, ``(P,)``; its first part counts as it is in draws, too.
        here: frame of each pair, ``(P,)``.
        frames: number of frames.
        alpha: 1 for the weights as they are; draws of start k >= 2 are at ``_WARMER`` times it.
        start: k >= 1.
        generator: of the draws.
    """
    noise = torch.zeros_like(log_weight)
    if start > 1:  # the largest of perturbed logarithms is a draw by the weights (Gumbel)
        uniform = torch.rand(log_weight.shape, generator=generator, device=log_weight.device).clamp(min=1e-12)
        noise = -(-uniform.log()).clamp(min=1e-12).log()
    rated = log_weight / (_WARMER * alpha if start > 1 else alpha) + noise
    best = torch.full((frames,), -torch.inf, device=rated.device).scatter_reduce(0, here, rated, "amax")
    wins = rated == best[here]
    places = torch.arange(len(here), device=here.device)
    first = torch.full((frames,), len(here), device=here.device).scatter_reduce(0, here[wins], places[wins], "amin")
    return (places == first[here]).float()


def start_weights(batch: Minibatch, advantage: Tensor, shares: Tensor, chosen: Tensor, alpha: Tensor) -> Tensor:
    """The weights of the steps that a start is cloned on, ``(B,)``, summing to 1.

    Args:
        batch: the minibatch.
        advantage: of joint play, ``(B,)``.
        shares: of the steps, ``(B,)``.
        chosen: as ``chosen_pairs`` gave it, where the minibatch is all distinct steps.
        alpha: alpha_end.
    """
    if batch.population is None:
        return sums.normalised(advantage / alpha + shares.clamp(min=1e-30).log())
    return chosen / sums.total(chosen)


class FurtherStarts:
    """Clones the joint actions of a start, and then makes rounds from there.

    Args:
        rounds: of all agents.
        chosen: which pair each state plays in the present start, part of the run's state; changed in place.
    """

    def __init__(self, rounds: Rounds, chosen: Tensor) -> None:
        self.rounds, self.chosen = rounds, chosen
        self.data, self.config, self.annealing = rounds.data, rounds.config, rounds.annealing
        self.population = rounds.minibatches.population

    def update(self, further: int, execution: Execution, generator: torch.Generator) -> dict[str, Tensor]:
        """One update, the one after ``further`` of all further starts: half of a start clones it, then come its rounds."""
        config, cloning = self.config, self.config.start_updates // 2
        start, step = divmod(further, config.start_updates)
        if step == 0:
            self._choose(start + 1, generator)
        if step < cloning:
            return execution(self._clone_start, generator, config.pretrain_learning_rate)
        left = (config.start_updates - step) / (config.start_updates - cloning)
        tabular = self.rounds.e is None
        return execution(self.rounds.settled_round if tabular else self.rounds.round, generator, config.learning_rate * left)

    @torch.no_grad()
    def _choose(self, start: int, generator: torch.Generator) -> None:
        """Which joint action each state plays in this start; all rounds of it are at alpha_end."""
        self.annealing.state["alpha"].fill_(self.config.alpha_end)
        population = self.population
        if population is None:
            return
        batch = self.rounds.minibatches.next(generator)[1]
        count = (population.weight * self.data.n_steps).log()
        rated = count + batch.divided.everyone(self.rounds.joint_advantage(batch)) / self.config.alpha_end
        self.chosen.copy_(chosen_pairs(rated, self.data.here[population.steps], len(self.data.states), 1.0, start, generator))

    def _clone_start(self, generator: torch.Generator, rate: float | Tensor) -> dict[str, Tensor]:
        """One step of the policies towards the start's joint actions."""
        drawn, batch = self.rounds.minibatches.next(generator)
        turns, alpha = self.rounds.turns, self.annealing.alpha
        advantage = self.rounds.joint_advantage(batch)
        weight = start_weights(batch, advantage, drawn.shares, drawn.divided.own(self.chosen), alpha)
        leaf = turns.policy.parameters.detach().requires_grad_()
        tables = turns.tables(leaf, batch, slice(None))[:, batch.rows.here]
        loss = losses.behaviour_loss(tables, batch.actions.T, weight).sum()
        (gradient,) = torch.autograd.grad(loss, leaf)
        turns.policy.step(gradient, rate)
        return {"alpha": alpha, "start_loss": loss.detach(), "effective_rows": self.annealing.state["effective_rows"].clone()}
