"""The data's choice of one other agent, pi^D(a_j|s, a_i, a_<j), at every a_i in one pass: one network for all i and j.

    h_1 = ReLU(W_s s + b + u_i + v_j + sum_{k < j, k != i} w_k[a_k])        u, v, w: one vector per agent, per agent, per action
    h_2, ... as in any network;  the last layer gives a table of logits, one row per a_i, one column per a_j

Inputs that are one-hot cost a look-up instead of a matrix product; W_s s does not depend on i and j, and the sums over k < j
of all j are one running sum.  The first layer of N agents' inputs is then as cheap as one agent's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import embedding

from alberdice.deep.networks.mlp import Layers, StackedMLP

__all__ = ["Conditional", "FirstLayer"]


@dataclass(frozen=True)
class FirstLayer:
    """The first layer's parts, each with H columns, and the rest.

    Attributes:
        state: W_s, ``(S, H)``.
        bias: b, ``(H,)``.
        given: u, ``(N, H)``.
        target: v, ``(N, H)``.
        actions: w, ``(N, A, H)``.
        rest: the other layers' parameters.
    """

    state: Tensor
    bias: Tensor
    given: Tensor
    target: Tensor
    actions: Tensor
    rest: Tensor


@dataclass(frozen=True)
class Conditional:
    """The network's shape.

    Args:
        state_size: features of a state S.
        n_agents: agents N.
        choices: the largest number of actions A.
        layers: the hidden layers, at least one.
    """

    state_size: int
    n_agents: int
    choices: int
    layers: Layers

    @cached_property
    def net(self) -> StackedMLP:
        """The network that the parameters ``(1, P)`` are of."""
        n = self.n_agents
        return self.layers.between(self.state_size + 2 * n + n * self.choices, self.choices**2)

    def first(self, parameters: Tensor) -> FirstLayer:
        """The first layer's parts, views of the parameters."""
        n = self.n_agents
        weight, bias, rest = self.net.first(parameters)
        state, given, target, actions = torch.split(weight[0], [self.state_size, n, n, n * self.choices])
        return FirstLayer(state, bias[0], given, target, actions.view(n, self.choices, -1), rest)

    def logits(self, layer: FirstLayer, before: Tensor) -> Tensor:
        """Logits ``(..., A_i, A_j)`` from the first layer's sums ``(..., H)``."""
        found = self.net.from_first(layer.rest, before.reshape(1, -1, before.shape[-1]))
        return found.view(*before.shape[:-1], self.choices, self.choices)

    def all_targets(self, parameters: Tensor, states: Tensor, given: Tensor, target: Tensor, actions: Tensor) -> Tensor:
        """Logits of all j != i, at the rows' own a_i: ``(B, N - 1, A)``.

        Args:
            parameters: ``(1, P)``.
            states: ``(B, S)``.
            given: i, ``(B,)``.
            target: j, in increasing order, ``(B, N - 1)``.
            actions: ``(B, N)``.
        """
        if self.n_agents == 1:
            return states.new_zeros(len(states), 0, self.choices)
        layer = self.first(parameters)
        seen = torch.addmm(layer.bias, states, layer.state) + embedding(given, layer.given)
        each = embedding(target * self.choices + actions.gather(1, target), layer.actions.flatten(0, 1)).unbind(1)
        sums = [seen]
        for known in each[:-1]:  # a running sum by hand: cumsum along this axis is ten times slower
            sums.append(sums[-1] + known)
        before = torch.stack(sums, 1) + embedding(target, layer.target)
        own = actions.gather(1, given[:, None])[..., None, None].expand(-1, target.shape[1], 1, self.choices)
        return self.logits(layer, before).gather(2, own)[:, :, 0]
