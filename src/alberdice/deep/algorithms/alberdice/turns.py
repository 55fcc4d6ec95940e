"""The agents' turns of one round, one after the other, each about the others' newest policies.

    rho_i (11) and k_i from the others' newest policies
    e_i = f_i - alpha k_i
    one step of pi_i by (48), and its new probabilities

Within an agent's turn, the three steps of line 7 use the parameters from before the turn.

e is written as a network's part f minus alpha k_i (``price = 'analytic'``), e_i(s, a_i) = f_i(s, a_i) - alpha k_i(s, a_i): f
learns E[r + gamma nu(s')] - nu(s) from samples, by (47), while k_i is known at every action, also at those that no sample shows
any more.  CQL's term bears on f: it draws softmax(f) to pi_i^D where no resampled row tells otherwise, and would lift e again
where k_i has lowered it.  With ``price = 'sample'`` e = f, and the sample's log rho_i is part of its target, as printed.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from alberdice.deep import losses
from alberdice.deep.algorithms.alberdice.behaviour import Behaviour
from alberdice.deep.algorithms.alberdice.minibatch import Minibatch, Minibatches, Seen
from alberdice.deep.algorithms.alberdice.price import Prices
from alberdice.deep.algorithms.alberdice.settings import AlberDICEConfig
from alberdice.deep.batches.training_data import at
from alberdice.deep.networks.mlp import Adam

__all__ = ["Turns"]


class Turns:
    """Who takes turns.

    Args:
        behaviour: the data's policies, with caches that are filled before the first turn.
        config: the settings.
        policy: of the agents' policies, ``(N, P)``, which learn in place.
        minibatches: where the next one is read ahead.
        tabular: whether f is a table of means instead of a network, see ``population``.
    """

    def __init__(
        self, behaviour: Behaviour, config: AlberDICEConfig, policy: Adam, minibatches: Minibatches, *, tabular: bool
    ) -> None:
        self.behaviour, self.form, self.config = behaviour, behaviour.form, config
        self.policy, self.minibatches, self.tabular = policy, minibatches, tabular

    def take(
        self, batch: Minibatch, f: Tensor, alpha: Tensor, rate: float | Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Let the agents take their turns: log rho_i ``(N, B)`` and k_i ``(N, R, A)`` of agent i's turn, and the mean loss.

        ``f`` is the network's, ``(N, R, A)``, or what its table is the mean of, ``(N, B)``.
        """
        n, sequential = len(self.policy.parameters), self.config.order == "sequential"
        leaves = [row[None].clone().requires_grad_() for row in self.policy.parameters]  # clones: rows change in turn
        tables = [self.tables(leaf, batch, slice(i, i + 1))[0] for i, leaf in enumerate(leaves)]
        newest = torch.stack([table.detach() for table in tables])
        log_data = self.behaviour.log_data.index_select(1, batch.steps).clamp(min=math.log(self.config.behaviour_floor))
        chosen = at(newest, batch.rows.here.expand(n, -1), batch.actions.T)
        everyone, prices = chosen.sum(0), self._prices(batch, newest, generator)
        if self.config.gradient_penalty == 0 and self.config.importance == "weight":  # nothing more is drawn
            self.minibatches.ahead(generator)
        ratios, k, policy_losses = [], torch.zeros_like(newest), []
        for i in range(n):
            ratios.append(losses.importance_log_ratio(everyone - chosen[i], log_data[i], self.config.ratio_clip))
            if prices is not None:
                k[i] = prices.price(i, newest)
            own = self._table(i, f[i], ratios[i], batch, alpha) if self.tabular else f[i]
            e = own - alpha * k[i] if self.config.price == "analytic" else own
            policy_losses.append(self._policy_step(i, leaves[i], tables[i], batch, e, alpha, rate))
            if sequential and i + 1 < n:  # nobody looks at the last agent's new policy in this round
                newest[i] = self._newest_table(i, batch)
                everyone += at(newest[i : i + 1], batch.rows.here[None], batch.actions.T[i : i + 1])[0] - chosen[i]
                if prices is not None:
                    prices.changed(i, newest[i])
        return torch.stack(ratios), k, torch.stack(policy_losses).mean()

    def _table(self, agent: int, gained: Tensor, log_ratio: Tensor, batch: Minibatch, alpha: Tensor) -> Tensor:
        """f_i as a table ``(R, A)``, see ``population``."""
        assert batch.population is not None
        values = gained - alpha * log_ratio if self.config.price == "sample" else gained
        size = batch.available.shape[1:]
        return batch.population.means(values, log_ratio, batch.rows.here, batch.actions[:, agent], size)

    def _prices(self, batch: Minibatch, log_policies: Tensor, generator: torch.Generator) -> Prices | None:
        """The others' prices of this round; None where they are not asked for."""
        if self.config.price == "sample" == self.config.nu_price:
            return None
        frames = batch.rows.frames[: batch.rows.n_here]
        floor = self.config.behaviour_floor
        seen = frames, batch.available, log_policies, batch.log_own
        return self.behaviour.prices(*seen, floor, generator, batch.rows.divided)

    def _policy_step(
        self, agent: int, leaf: Tensor, table: Tensor, batch: Minibatch, e: Tensor, alpha: Tensor, rate: float | Tensor
    ) -> Tensor:
        """One step of pi_i by (48) from its table ``(R, A)``, a function of ``leaf`` ``(1, P)``; the loss."""
        e = e.masked_fill(~batch.available[agent], 0.0)  # whose probability is 0, whatever the network says there
        loss = losses.i_projection_loss(table, e, batch.log_own[agent], alpha, batch.weight)
        (gradient,) = torch.autograd.grad(loss, leaf)
        self.policy.step(gradient, rate, slice(agent, agent + 1))
        return loss.detach()

    @torch.no_grad()
    def _newest_table(self, agent: int, batch: Minibatch) -> Tensor:
        """The table log pi_i as it is now, ``(R, A)``."""
        own = slice(agent, agent + 1)
        return self.tables(self.policy.parameters[own], batch, own)[0]

    def tables(self, parameters: Tensor, batch: Seen, agents: slice) -> Tensor:
        """The tables log pi_i of these agents, ``(n, R, A)``; networks that start at pi_i^D give the change."""
        logits = self.form.logits(parameters, batch.inputs, agents)
        if self.config.policy_start == "data":
            logits = logits + batch.log_own[agents]
        return losses.log_policy(logits, batch.available[agents])
