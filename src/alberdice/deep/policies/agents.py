"""One agent's policy as a ``torch.nn.Module`` of its own: what is deployed where the agent acts, and nothing of the others.

    FeedForwardAgent    (observation (B, O), mask (B, A)) -> probabilities (B, A), greedy (B,)
    TransformerAgent    the same, and the state of the episodes, in and out; besides, what was done and gained a step before

Scaling of features, masks and the base that a policy starts from are inside.  O is the widest agent's number of features, as in
the environment's arrays; A is this agent's own number of actions.

An episode's state is zeros at its beginning, so that a slot is begun anew by zeros in its row.  It holds the window of the last
steps that the policy sees, and follows ``policies.transformer.TransformerActor``: see its ``held``.

    steps      (B,) how many steps are in the window          inputs    (B, K, F) their scaled features
    to_go      (B,) the return that is still asked for        actions, returns    (B, K), the actions are those before
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from alberdice.deep.batches.features import Features
from alberdice.deep.losses import log_policy
from alberdice.deep.policies.base import Policies
from alberdice.deep.policies.feed_forward import FeedForwardPolicies
from alberdice.deep.policies.transformer import TransformerPolicies, held, policy_tokens
from alberdice.errors import InvalidArgumentError

__all__ = ["Agent", "FeedForwardAgent", "TransformerAgent", "agent_of"]


class Agent(nn.Module):
    """What both kinds share.

    Args:
        policies: all agents'.
        number: which one, from 0.

    Attributes:
        inputs, outputs: names of what ``forward`` takes and gives, in order.
        window: K, the steps that the state holds, the present one among them; 1 without a memory.
    """

    inputs: tuple[str, ...] = ("observation", "mask")
    outputs: tuple[str, ...] = ("probabilities", "greedy")
    window: int = 1
    mean: Tensor
    scale: Tensor
    policy: Tensor
    base_policy: Tensor

    def __init__(self, policies: FeedForwardPolicies | TransformerPolicies, number: int) -> None:
        super().__init__()
        self.network: Any = policies.network
        self.base: Any = None if policies.base is None else policies.base[0]
        self.number, self.agents = number, len(policies.n_actions)
        self.n_actions, self.choices = policies.n_actions[number], max(policies.n_actions)
        own = {name: tensor.detach().cpu().clone() for name, tensor in policies.features.tensors().items()}
        own |= {"mean": own["mean"][number], "scale": own["scale"][number], "policy": policies.parameters[number : number + 1]}
        if policies.base is not None:
            own["base_policy"] = policies.base[1]
        for name, tensor in own.items():
            self.register_buffer(name, tensor.detach().cpu().clone())

    def scaled(self, observation: Tensor) -> Tensor:
        """Inputs ``(B, F)`` of the networks for raw observations ``(B, O)``."""
        return Features(self.mean, self.scale, getattr(self, "levels", None))(observation)

    def numbered(self, inputs: Tensor) -> Tensor:
        """The same with the agent's number beside them, as the base takes them."""
        number = (torch.arange(self.agents) == self.number).to(inputs)
        return torch.cat([inputs, number.expand(*inputs.shape[:-1], -1)], -1)

    def answer(self, logits: Tensor, base: Tensor | None, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Probabilities and the most probable action, of logits ``(B, A)`` and the base's, if there is one."""
        available = pad(mask, (0, self.choices - self.n_actions))
        if base is not None:
            logits = logits + log_policy(base, available)
        table = log_policy(logits, available)[:, : self.n_actions]
        return table.exp(), table.argmax(-1)

    def example(self, episodes: int) -> tuple[Tensor, ...]:
        """Arguments of ``forward`` at the beginning of so many episodes."""
        return torch.zeros(episodes, len(self.mean)), torch.ones(episodes, self.n_actions, dtype=torch.bool)


class FeedForwardAgent(Agent):
    """pi_i(a_i|o_i); see the module."""

    def forward(self, observation: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Probabilities ``(B, A)`` and greedy actions ``(B,)`` at observations ``(B, O)`` with masks ``(B, A)``."""
        inputs = self.scaled(observation)
        logits = self.network(self.policy, inputs[None])[0]
        base = None if self.base is None else self.base(self.base_policy, self.numbered(inputs)[None])[0]
        return self.answer(logits, base, mask)


class TransformerAgent(Agent):
    """pi_i given what agent i saw and did; see the module."""

    inputs = (*Agent.inputs, "last_action", "last_reward", "steps", "to_go", "window", "actions", "returns")
    outputs = (*Agent.outputs, *(f"next_{name}" for name in inputs[4:]))

    def __init__(self, policies: TransformerPolicies, number: int) -> None:
        super().__init__(policies, number)
        self.window, self.keep = held(policies.network)
        self.width, self.asked = policies.features.size, policies.returns

    def example(self, episodes: int) -> tuple[Tensor, ...]:
        """See ``Agent``; the state is zeros."""
        whole, room = torch.zeros(episodes, dtype=torch.int64), (episodes, self.window)
        state = whole, torch.zeros(episodes), torch.zeros(*room, self.width), torch.zeros(room, dtype=torch.int64)
        return (*super().example(episodes), whole.clone(), torch.zeros(episodes), *state, torch.zeros(room))

    def forward(
        self,
        observation: Tensor,
        mask: Tensor,
        last_action: Tensor,
        last_reward: Tensor,
        steps: Tensor,
        to_go: Tensor,
        window: Tensor,
        actions: Tensor,
        returns: Tensor,
    ) -> tuple[Tensor, ...]:
        """What ``Agent`` gives, and the state ``(steps, to_go, window, actions, returns)`` of the next step.

        Args:
            observation, mask: as without a memory.
            last_action, last_reward: ``(B,)``, what the agent did and the team gained a step before; not looked at in an
                episode's first step.
            steps, to_go, window, actions, returns: the state.
        """
        begun, places, keep = steps > 0, torch.arange(self.window), self.keep
        target = 0.0 if self.asked is None else self.asked.target
        to_go = torch.where(begun, to_go - last_reward, torch.full_like(to_go, target))
        full = steps == self.window
        steps = torch.where(full, torch.full_like(steps, keep), steps)
        window, actions, returns = (self._cut(full, past, keep) for past in (window, actions, returns))
        now = places == steps[:, None]
        nothing = now & ~begun[:, None] if self.network.banded else places == 0
        actions = torch.where(now, last_action[:, None], actions)
        actions = torch.where(nothing, torch.full_like(actions, -1), actions)
        window = torch.where(now[..., None], self.scaled(observation)[:, None], window)
        returns = torch.where(now, to_go[:, None], returns)
        logits, base = self._logits(now, window, actions, returns)
        return (*self.answer(logits, base, mask), steps + 1, to_go, window, actions, returns)

    def _cut(self, full: Tensor, held: Tensor, keep: int) -> Tensor:
        """A part of the state, less the oldest steps where it is full."""
        ahead = torch.cat([held[:, self.window - keep :], torch.zeros_like(held[:, keep:])], 1)
        return torch.where(full.view(-1, *[1] * (held.ndim - 1)), ahead, held)

    def _logits(self, now: Tensor, window: Tensor, actions: Tensor, returns: Tensor) -> tuple[Tensor, Tensor | None]:
        """Logits ``(B, A)`` of the policy and of its base at the window's newest step; what stands behind it is not seen."""
        seen = None if self.asked is None else self.asked(returns)
        found = self._newest(now, self.network(self.policy, policy_tokens(self.network, window[None], actions[None], seen))[0])
        if self.base is None:
            return found, None
        tokens = policy_tokens(self.base, self.numbered(window)[None], actions[None])
        return found, self._newest(now, self.base(self.base_policy, tokens)[0])

    @staticmethod
    def _newest(now: Tensor, outputs: Tensor) -> Tensor:
        """Of outputs ``(1, B, K, R, A)``, those at the newest steps, ``(B, A)``."""
        return torch.where(now[..., None], outputs[0, :, :, 0], torch.zeros(())).sum(1)


def agent_of(policies: Policies, number: int) -> Agent:
    """The policy of one agent, on the CPU.

    Args:
        policies: all agents'.
        number: which one, from 0.

    Raises:
        InvalidArgumentError: policies of a kind that is not one per agent.
    """
    if isinstance(policies, FeedForwardPolicies):
        return FeedForwardAgent(policies, number).eval()
    if isinstance(policies, TransformerPolicies):
        return TransformerAgent(policies, number).eval()
    remedy = "save them as .safetensors"
    raise InvalidArgumentError(
        "export", got=type(policies).__name__, expected="a policy per agent of this package", remedy=remedy
    )
