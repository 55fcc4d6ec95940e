"""The others' price k_i(s, a_i) of one round, while the policies change turn by turn.

    exact      k_i from the table of pi^D(a_-i|s, a_i) at all joint actions
    sampled    (N - 1) KL(pi_j(s) || pi^D(a_j|s, a_i, a_<j)),   j != i uniform and a_<j ~ pi_<j(s), drawn once per frame

The sample's mean over j and a_<j is k_i, by the chain rule of the divergence; for two agents nothing is left to draw.  Every
agent's action is drawn once at the round's beginning and again, from its newest policy, after its turn, so that at agent i's
turn all a_k with k != i are independent draws from the policies k_i is about.  What the network's first layer adds up over
k < j is kept as running sums; a turn changes all later ones by the same vector, which is carried along:

    S_j = sum_{k < j} w_k[a_k];   at i's turn, with D = sum_{k < i} (w_k[newest a_k] - w_k[first a_k]):
    sum_{k < j, k != i} = S_j (newest) for j < i,   S_j (first) + D - w_i[first a_i] for j > i

Work and memory per round are proportional to N.
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import embedding

from alberdice.deep import losses, sums
from alberdice.deep.algorithms.alberdice.conditional import Conditional

__all__ = ["ExactPrices", "Prices", "SampledPrices", "draw_actions", "frozen_price"]


class Prices(Protocol):
    """The price of one round."""

    def price(self, agent: int, log_policies: Tensor) -> Tensor:
        """k_i(s, a_i), ``(R, A)``, for the newest log policies ``(N, R, A)``."""

    def changed(self, agent: int, log_policy: Tensor) -> None:
        """Agent's policy is now this one, ``(R, A)``; called in the order of the turns."""


class ExactPrices:
    """From tables log pi^D(a_-i|s, a_i), one per agent, ``(R, A, ..., A)``."""

    def __init__(self, tables: list[Tensor], floor: float) -> None:
        self.tables, self.floor = tables, floor

    def price(self, agent: int, log_policies: Tensor) -> Tensor:
        """As ``Prices``."""
        own = torch.zeros_like(log_policies[0, :, :1])
        log_others = losses.joint_log_probability([own if j == agent else t for j, t in enumerate(log_policies)])
        return losses.others_kl(log_others, self.tables[agent], agent, self.floor)

    def changed(self, agent: int, log_policy: Tensor) -> None:
        """Nothing is kept of policies."""


class SampledPrices:
    """From the network, at drawn j and a_<j.

    Args:
        network: of pi^D(a_j|s, a_i, a_<j).
        parameters: its parameters, ``(1, P)``.
        states: ``(R, S)``.
        available: ``(N, R, A)``.
        log_policies: at the round's beginning, ``(N, R, A)``.
        floor: of the factors pi^D(a_j|s, a_i, a_<j).
        generator: draws all agents' j and a.
        base: what is added to the network's logits, log pi_j^D, ``(N, R, A)``; None: nothing.
        divided: how rows are divided among several devices.
    """

    def __init__(
        self,
        network: Conditional,
        parameters: Tensor,
        states: Tensor,
        available: Tensor,
        log_policies: Tensor,
        floor: float,
        generator: torch.Generator,
        base: Tensor | None = None,
        divided: sums.Division = sums.EVENLY,
    ) -> None:
        n, rows, _ = log_policies.shape
        everyone, own = divided.rows(rows), divided.own
        self.network, self.available, self.floor, self.base = network, available, floor, base
        self.layer = network.first(parameters)
        self.rows = torch.arange(rows, device=states.device)
        self.uniform = own(torch.rand(n, everyone, generator=generator, device=states.device), 1)
        self.actions = draw_actions(log_policies, self.uniform)
        other = own(torch.randint(max(n - 1, 1), (n, everyone), generator=generator, device=states.device), 1)
        self.target = other + (other >= torch.arange(n, device=states.device)[:, None])
        self.before = torch.addmm(self.layer.bias, states, self.layer.state)
        self.sums = torch.empty(n, *self.before.shape, device=states.device)
        self.sums[0].zero_()
        for k in range(n - 1):
            torch.add(self.sums[k], self._seen(k), out=self.sums[k + 1])
        self.shift = torch.zeros_like(self.before)

    def price(self, agent: int, log_policies: Tensor) -> Tensor:
        """As ``Prices``."""
        n, rows, _ = log_policies.shape
        if n == 1:
            return torch.zeros_like(log_policies[0])
        target = self.target[agent]
        places = target * rows + self.rows
        before = self.sums.flatten(0, 1).index_select(0, places)
        before += self.before
        before += embedding(target, self.layer.target + self.layer.given[agent])
        before += (target > agent)[:, None] * (self.shift - self._seen(agent))
        log_target = log_policies.flatten(0, 1).index_select(0, places)
        available = self.available.flatten(0, 1).index_select(0, places)
        logits = self.network.logits(self.layer, before)
        if self.base is not None:
            logits += self.base.flatten(0, 1).index_select(0, places)[:, None]
        return (n - 1) * frozen_price(log_target, logits, available, self.floor)

    def changed(self, agent: int, log_policy: Tensor) -> None:
        """As ``Prices``: draw the agent's action again, with the same uniform numbers."""
        first = self._seen(agent)
        self.actions[agent] = draw_actions(log_policy, self.uniform[agent])
        self.shift += self._seen(agent) - first
        if agent + 1 < len(self.actions):
            self.sums[agent + 1] += self.shift

    def _seen(self, agent: int) -> Tensor:
        """w_k[a_k], ``(R, H)``."""
        return embedding(self.actions[agent], self.layer.actions[agent])


def draw_actions(log_policies: Tensor, uniform: Tensor) -> Tensor:
    """Actions ``(...)`` of policies ``(..., A)``, by inversion: the first whose cumulated probability exceeds ``uniform``."""
    upto = log_policies.exp().cumsum(-1)
    return (upto <= uniform[..., None] * upto[..., -1:]).sum(-1)  # uniform < 1: never beyond the last possible action


def frozen_price(log_target: Tensor, logits: Tensor, available: Tensor, floor: float) -> Tensor:
    """KL(pi_j || q) for each a_i, ``(R, A_i)``; changes ``logits`` in place.

    Args:
        log_target: log pi_j, ``(R, A_j)``.
        logits: of q, ``(R, A_i, A_j)``.
        available: of agent j, ``(R, A_j)``.
        floor: q is at least this.
    """
    logits += torch.where(available, 0.0, losses.MASKED)[:, None]
    log_data = torch.log_softmax(logits, -1).clamp_(min=math.log(floor))
    probability = log_target.exp()
    expected = torch.bmm(log_data, probability[..., None])[..., 0]
    return (probability * log_target).sum(-1, keepdim=True) - expected
