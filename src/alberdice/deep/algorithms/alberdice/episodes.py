"""Weights of whole episodes: what the weights of Algorithm 1's steps come to along one, where no critic is left.

Along an episode h of T steps the product of the steps' weights rho_i(x) exp(e_i(x) / alpha), (8) and (11), with gamma = 1,
telescopes,

    prod_t rho_i exp((r + nu(s') - nu(s)) / alpha) = exp((R(h) - nu(s_1)) / alpha) prod_t pi_-i(a_-i|.) / pi^D(a_-i|s, a_i),

so that agent i's weights of episodes need neither nu nor e, but their returns, and how likely the others' present policies play
their part of them, beside the data's:

    q_i(h) = min(c exp(R(h) / alpha + sum_t log rho_i(x_t)), 1 / (kappa E)),      sum_h q_i(h) = 1,

the distribution over the data's E episodes that maximises E_q R - alpha KL(q|p) among those with q / D <= 1 / kappa, where D is
uniform, and p ~ D prod_t rho_i are the episodes of pi_i^D and pi_-i.  kappa = ``episode_share``: so large a share of the
episodes carries the weight, however far apart sums over hundreds of steps are.  Without a bound q would rest on one.

The conditional sees the state, the policies an observation or a history, so that log rho_i sums to something at pi = pi^D
already, and to most in episodes of many unlikely actions: noise draws weight.  With ``episode_ratio = clones`` the reference is
the product of the others' own pi_j^D, of the form that their policies have: every rho_i is 1 at the start, and what the
partner's choice tells beyond what they see is not priced.

pi_i is cloned on the data weighted by q_i, the projection of q_i on policies of agent i alone.  A turn is ``turn_updates``
steps of one agent; its weights stand until the next agent takes its turn.

Where outcomes are random, R takes luck for skill; over hundreds of steps luck averages out, over a few it does not.  Where a
team keeps a convention, all of an episode's steps together tell which, and one step hardly does: an agent that leans to one
convention makes the other's episodes of that convention more likely by the power of the number of its choices.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from alberdice.deep import losses, sums
from alberdice.deep.algorithms.alberdice.behaviour import Behaviour
from alberdice.deep.algorithms.alberdice.forms import Drawn
from alberdice.deep.algorithms.alberdice.minibatch import Seen, look_at
from alberdice.deep.algorithms.alberdice.settings import AlberDICEConfig
from alberdice.deep.batches.training_data import TrainingData, at
from alberdice.deep.networks.mlp import Adam

__all__ = ["EpisodeTurns", "capped"]

#: numbers in the largest array on the way through the data, about
_CHUNK = 1 << 22


def capped(log_weight: Tensor, least: float) -> Tensor:
    """Weights min(c exp(log_weight), 1 / least) that sum to 1, ``(E,)`` float64.

    Args:
        log_weight: ``(E,)``; -inf never weighs anything.
        least: so many episodes carry the weight at the least, in [1, those that are finite].
    """
    ordered, order = log_weight.double().sort(descending=True, stable=True)
    rest = ordered.flip(0).logcumsumexp(0).flip(0)  # what stands at and behind each place
    place = torch.arange(len(ordered), dtype=torch.float64, device=order.device)
    left = (1 - place / least).clamp(min=0)  # to them, if all before are capped
    fits = left.log() + ordered - rest <= -math.log(least)
    count = int(fits.int().argmax()) if bool(fits.any()) else len(ordered)
    weights = torch.full_like(ordered, 1 / least)
    if count < len(ordered):
        weights[count:] = left[count] * (ordered[count:] - rest[count]).exp()
    return torch.zeros_like(weights).scatter_(0, order, weights)


class EpisodeTurns:
    """Whose turn it is, its weights, and its steps.

    Args:
        data: the episodes.
        behaviour: the data's policies, with filled caches.
        config: the settings.
        parameters, optimiser: the policies', ``(N, P)``, which learn in place.
        alpha: that of the present turn, part of the run's state; changed in place.
        tables: the tables log pi_i ``(n, R, A)`` of some agents, from their parameters, at a minibatch's rows.
    """

    def __init__(
        self,
        data: TrainingData,
        behaviour: Behaviour,
        config: AlberDICEConfig,
        parameters: Tensor,
        optimiser: Adam,
        alpha: Tensor,
        tables: Callable[[Tensor, Seen, slice], Tensor],
    ) -> None:
        self.data, self.behaviour, self.config = data, behaviour, config
        self.parameters, self.optimiser, self.alpha, self._tables = parameters, optimiser, alpha, tables
        self.episode = torch.repeat_interleave(torch.arange(len(data.lengths), device=data.here.device), data.lengths)
        self.returns = self._sums(data.rewards)
        self.played = torch.stack([self._along_data(i) for i in range(data.n_agents)])
        self.reference = self._references()
        #: episodes that may not weigh anything in the turns that begin now, ``(E,)``; None: all may
        self.barred: Tensor | None = None
        self.turn, self.weights, self._upto = -1, torch.empty(0), torch.empty(0)

    @property
    def agent(self) -> int:
        """Whose turn it is."""
        return self.turn % self.data.n_agents

    @property
    def step_weights(self) -> Tensor:
        """Of all steps, ``(T,)``, summing to 1: an episode's weight is shared by its steps."""
        return (self.weights / self.data.lengths.clamp(min=1))[self.episode]

    def update(self, trained: int, alpha: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """One step of the agent whose turn it is, on steps drawn by its weights.

        Args:
            trained: updates since cloning was over.
            alpha: as it is now; a turn keeps the one that it began with.
            generator: of the draws.
        """
        turn, step = divmod(trained, self.config.turn_updates)
        if step == 0:
            self.alpha.copy_(alpha)
        self._take(turn)
        drawn = self.behaviour.form.draw_weighted(self.config.batch_size, self._upto, generator)
        own = slice(self.agent, self.agent + 1)
        leaf = self.parameters[own].detach().clone().requires_grad_()
        loss = -sums.total(drawn.shares * self._chosen(leaf, drawn, own))
        (gradient,) = torch.autograd.grad(loss, leaf)
        self.optimiser.step(gradient, self.config.rate_at(trained), own)
        return {
            "alpha": self.alpha.clone(),
            "policy_loss": loss.detach(),
            "effective_episodes": 1 / self.weights.square().sum(),
        }

    def _take(self, turn: int) -> None:
        """Begin a turn, if it is not this one; the agent before has learned since it was last looked at."""
        if turn == self.turn:
            return
        if self.turn >= 0:
            self.played[self.agent] = self._along_data(self.agent)
        self.turn = turn
        self.weights = self.weights_of(self.agent)
        self._upto = self.behaviour.form.sums_of(self.step_weights)

    def weights_of(self, agent: int) -> Tensor:
        """The q_i(h) of one agent beside the others' policies as they were last looked at, ``(E,)`` float64."""
        config = self.config
        others = torch.cat([self.played[:agent], self.played[agent + 1 :]]).sum(0)
        ratio = self._sums(losses.importance_log_ratio(others, self.reference[agent], config.ratio_clip))
        usable = self.data.lengths > 0
        if self.barred is not None and bool((usable & ~self.barred).any()):
            usable = usable & ~self.barred
        log_weight = (self.returns / self.alpha.double() + ratio).masked_fill(~usable, -math.inf)
        return capped(log_weight, max(1.0, config.episode_share * int(usable.sum())))

    def look_again(self) -> None:
        """All policies have changed, and nobody's turn has begun."""
        for agent in range(self.data.n_agents):
            self.played[agent] = self._along_data(agent)
        self.turn = -1

    def settled(self) -> Tensor:
        """End the last turn: weights are the mean of all agents' from now on, beside the newest policies; of steps."""
        self.look_again()
        self.weights = torch.stack([self.weights_of(agent) for agent in range(self.data.n_agents)]).mean(0)
        return self.step_weights

    def _sums(self, values: Tensor) -> Tensor:
        """Sums of steps' values ``(T,)`` over each episode, ``(E,)`` float64."""
        zero = torch.zeros(len(self.data.lengths), dtype=torch.float64, device=values.device)
        return zero.index_add_(0, self.episode, values.double())

    def _chosen(self, parameters: Tensor, drawn: Drawn, own: slice) -> Tensor:
        """The log pi_i(a_i|.) of one agent at these steps, ``(B,)``."""
        seen = look_at(self.data, self.behaviour, drawn, self.data.starts[:0])
        table = self._tables(parameters, seen, own)
        return at(table, seen.rows.here[None], self.data.actions[drawn.steps].T[own])[0]

    @torch.no_grad()
    def _references(self) -> Tensor:
        """What the others' policies stand beside, the data's log pi^D(a_-i|.) of every agent's others, ``(N, T)``."""
        floor, data, n = math.log(self.config.behaviour_floor), self.data, self.data.n_agents
        if self.config.episode_ratio == "conditional":
            return self.behaviour.log_data.clamp(min=floor)
        cloned, form = torch.zeros(n, data.n_steps, device=data.here.device), self.behaviour.form
        for drawn in form.everything(_CHUNK):
            rows, scored = form.rows(drawn, data.starts[:0]), drawn.shares > 0
            tables = self.behaviour.log_own.index_select(1, form.own_places(drawn, rows))
            chosen = at(tables, rows.here.expand(n, -1), data.actions.index_select(0, drawn.steps).T)
            cloned[:, drawn.steps[scored]] = chosen[:, scored]
        return (cloned.sum(0) - cloned).clamp(min=floor)

    @torch.no_grad()
    def _along_data(self, agent: int) -> Tensor:
        """The log pi_i(a_i|.) of the agent's newest policy at every step of the data, ``(T,)``."""
        data, own = self.data, slice(agent, agent + 1)
        found = torch.zeros(data.n_steps, device=data.here.device)
        for drawn in self.behaviour.form.everything(_CHUNK):
            chosen, scored = self._chosen(self.parameters[own], drawn, own), drawn.shares > 0
            found[drawn.steps[scored]] = chosen[scored]
        return found
