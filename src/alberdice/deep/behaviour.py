"""The data's own policies: pi_i^D(a_i|o_i), one network for all agents, and the autoregressive pi^D(a_-i|s, a_i) of (9).

    pi_i^D                inputs: agent i's observation, i                        trained by (44)
    pi^D(a_j|s, a_i, a_<j) inputs: the state, i, j, the actions known so far       trained by (45)

Both are fitted once, by cloning; then their log probabilities are cached: pi_i^D at every frame, pi^D(a_-i|s, a_i) at every
step, and, where all joint actions at all frames are few, at every joint action, which makes the others' price k_i exact.
Otherwise k_i is estimated: one other agent j and a_<j are drawn per frame, and the expectation over a_j is carried out.  For
two agents that is exact; for more it costs one evaluation per frame and action, however many agents there are.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from alberdice.deep import losses
from alberdice.deep.data import TrainingData
from alberdice.deep.networks import Adam, StackedMLP

__all__ = ["Behaviour"]

#: joint actions at frames, times agents, up to which the data's conditional is tabulated
_TABLE_LIMIT = 1_000_000
#: rows of one evaluation when caches are filled
_CHUNK = 1 << 16


class Behaviour:
    """Both networks, their training and their caches.

    Args:
        data: what to clone.
        hidden: widths of the hidden layers.
        generator: draws the initial weights.
    """

    def __init__(self, data: TrainingData, hidden: tuple[int, ...], generator: torch.Generator) -> None:
        self.data = data
        n, choices = data.n_agents, data.available.shape[-1]
        self.own_net = StackedMLP(data.observations.shape[-1] + n, hidden, choices)
        self.others_net = StackedMLP(data.states.shape[-1] + 2 * n + n * choices, hidden, choices)
        device = data.states.device
        self.own = self.own_net.initial(1, generator).to(device)
        self.others = self.others_net.initial(1, generator).to(device)
        self.optimisers = {"own": Adam(self.own), "others": Adam(self.others)}
        self.log_own = torch.empty(0)
        self.log_data = torch.empty(0)
        self.tables: list[Tensor] = []

    # ---- training ----------------------------------------------------------------------------------------------------

    def update(self, batch: int, learning_rate: float, generator: torch.Generator) -> dict[str, Tensor]:
        """One step of (44) and (45) on ``batch`` steps; for (45) each row draws one agent i, all others being its targets."""
        data, device = self.data, self.data.here.device
        steps = torch.randint(data.n_steps, (batch,), generator=generator, device=device)
        given = torch.randint(data.n_agents, (batch,), generator=generator, device=device)
        weight = torch.full((batch,), 1.0 / batch, device=device)
        own, others = self.own.detach().requires_grad_(), self.others.detach().requires_grad_()
        rows = data.rows(steps, steps[:0])
        tables = self._own_tables(own, rows.frames[: rows.n_here])[:, rows.here]
        own_loss = losses.behaviour_loss(tables, data.actions[steps].T, weight).sum()
        target = _targets(given, data.n_agents)
        factors = self._factors(others, data.here[steps], given, target, data.actions[steps])
        chosen = data.actions[steps].gather(1, target)
        others_loss = losses.behaviour_loss(factors.transpose(0, 1), chosen.T, weight).sum()
        gradients = torch.autograd.grad(own_loss + others_loss, (own, others))
        for optimiser, gradient in zip(self.optimisers.values(), gradients, strict=True):
            optimiser.step(gradient, learning_rate)
        return {"behaviour_loss": own_loss.detach(), "others_behaviour_loss": others_loss.detach()}

    @torch.no_grad()
    def fill_caches(self) -> None:
        """Log probabilities on the data, and the table of all joint actions where it is small."""
        data, n = self.data, self.data.n_agents
        frames = torch.arange(len(data.states), device=data.here.device)
        self.log_own = torch.cat([self._own_tables(self.own, part) for part in torch.split(frames, _CHUNK)], dim=1)
        everything = torch.arange(data.n_steps, device=data.here.device)
        parts = torch.split(everything, _CHUNK)
        self.log_data = torch.stack(
            [torch.cat([self.log_conditional(data.here[part], i, data.actions[part]) for part in parts]) for i in range(n)]
        )
        choices = data.available.shape[-1]
        if len(frames) * choices**n * n <= _TABLE_LIMIT:
            self.tables = [self._table(i) for i in range(n)]

    # ---- evaluation --------------------------------------------------------------------------------------------------

    def log_conditional(self, frames: Tensor, agent: int, actions: Tensor) -> Tensor:
        """The others' log pi^D(a_-i|s, a_i), ``(B,)``, for frames ``(B,)`` and joint actions ``(B, N)``."""
        given = torch.full_like(frames, agent)
        target = _targets(given, actions.shape[1])
        factors = self._factors(self.others, frames, given, target, actions)
        return factors.gather(2, actions.gather(1, target)[..., None])[..., 0].sum(1)

    def others_price(
        self, frames: Tensor, agent: int, log_policies: Tensor, floor: float, generator: torch.Generator
    ) -> Tensor:
        """The price k_i(s, a_i), ``(R, A)``: exact from the table, otherwise with a_<j drawn from the policies.

        Args:
            frames: ``(R,)``.
            agent: i.
            log_policies: log pi_j(a_j|s), ``(N, R, A)``.
            floor: of pi^D(a_-i|s, a_i), or of its factors where there is no table.
            generator: draws a_<j.
        """
        if self.tables:
            own = torch.zeros_like(log_policies[0, :, :1])
            log_others = losses.joint_log_probability([own if j == agent else t for j, t in enumerate(log_policies)])
            return losses.others_kl(log_others, self.tables[agent][frames], agent, floor)
        return self._sampled_price(frames, agent, log_policies, floor, generator)

    def _sampled_price(
        self, frames: Tensor, agent: int, log_policies: Tensor, floor: float, generator: torch.Generator
    ) -> Tensor:
        """N - 1 times KL(pi_j(s) || pi^D(a_j|s, a_i, a_<j)), with one draw of j and of a_<j per frame."""
        n, rows, choices = log_policies.shape
        drawn = torch.multinomial(log_policies.exp().flatten(0, 1), 1, generator=generator).view(n, rows).T
        actions = drawn[:, None, :].repeat(1, choices, 1)
        actions[..., agent] = torch.arange(choices, device=frames.device)
        if n == 1:
            return torch.zeros(rows, choices, device=frames.device)
        target = torch.randint(n - 1, (rows,), generator=generator, device=frames.device)
        target += target >= agent
        repeated = frames.repeat_interleave(choices)
        given, targets = torch.full_like(repeated, agent), target.repeat_interleave(choices)[:, None]
        factors = self._factors(self.others, repeated, given, targets, actions.flatten(0, 1)).view(rows, choices, choices)
        log_target = log_policies[target, torch.arange(rows, device=frames.device)]
        return (n - 1) * losses.others_kl(log_target[:, None, :], factors, 0, floor)

    def _own_tables(self, parameters: Tensor, frames: Tensor) -> Tensor:
        """The tables log pi_i^D(a|o_i), ``(N, R, A)``."""
        data, n = self.data, self.data.n_agents
        identity = torch.eye(n, device=frames.device).expand(len(frames), n, n)
        inputs = torch.cat([data.observations[frames], identity], dim=-1)
        logits = self.own_net(parameters, inputs.flatten(0, 1)).view(len(frames), n, self.own_net.outputs)
        return losses.log_policy(logits, data.available[frames]).transpose(0, 1)

    def _factors(self, parameters: Tensor, frames: Tensor, given: Tensor, target: Tensor, actions: Tensor) -> Tensor:
        """The tables log pi^D(a_j|s, a_i, a_<j), ``(B, K, A)``, for i = ``given`` ``(B,)`` and j = ``target`` ``(B, K)``."""
        data, n, count = self.data, self.data.n_agents, target.shape[1]
        agents = torch.arange(n, device=frames.device)
        known = (agents == given[:, None, None]) | (agents < target[..., None])
        actions_seen = one_hot(actions, data.available.shape[-1])[:, None] * known[..., None]
        parts = [
            data.states[frames][:, None].expand(-1, count, -1),
            one_hot(given, n)[:, None].expand(-1, count, -1),
            one_hot(target, n),
            actions_seen.flatten(2),
        ]
        inputs = torch.cat([part.float() for part in parts], dim=-1)
        logits = self.others_net(parameters, inputs.flatten(0, 1)).view(len(frames), count, self.others_net.outputs)
        return losses.log_policy(logits, data.available[frames[:, None], target])

    def _table(self, agent: int) -> Tensor:
        """The table log pi^D(a_-i|s, a_i) at every frame and joint action, ``(U, A, ..., A)``."""
        data, n, choices = self.data, self.data.n_agents, self.data.available.shape[-1]
        axes = torch.arange(choices, device=data.here.device)
        joint = torch.cartesian_prod(*[axes] * n).view(-1, n)
        frames = torch.arange(len(data.states), device=data.here.device).repeat_interleave(len(joint))
        pairs = zip(torch.split(frames, _CHUNK), torch.split(joint.repeat(len(data.states), 1), _CHUNK), strict=True)
        values: Iterator[Tensor] = (self.log_conditional(frame, agent, actions) for frame, actions in pairs)
        return torch.cat(list(values)).view(len(data.states), *[choices] * n)


def _targets(given: Tensor, n_agents: int) -> Tensor:
    """The agents other than i, in order, ``(B, N - 1)``."""
    order = torch.arange(n_agents - 1, device=given.device)
    return order + (order >= given[:, None])
