"""Policies with a memory: one causal transformer per agent over what it saw and did, with or without returns to go.

    pi_i(a_i | o_i^1, a_i^1, ..., o_i^t)                     joined: a step is one token, (o^k, a^{k-1})
                                                             interleaved: two, o and a; table read at o
    pi_i(a_i | R^1, o_i^1, a_i^1, ..., R^t, o_i^t)           tokens of a step: R, o, a       table read at o

The first step of a window has no action before it, but for banded networks' later chunks.  Both forms know the same at every
step; one token has half as long a sequence.

They may start from a base: one network for all agents, with the agent's number beside its observations, whose log probabilities
are added to their logits.  R^1 is a target and R^{t+1} = R^t - r^t.  Actors hold the last steps as ``sequences`` cuts windows
(``held``): when K steps are full, the oldest are dropped and ``kept(K)`` remain, so that every table is the one that training
computed for the same past.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import pad

from alberdice.deep.batches.features import Features
from alberdice.deep.batches.sequences import Batch
from alberdice.deep.batches.training_data import indicators
from alberdice.deep.config.windows import kept
from alberdice.deep.losses import log_policy
from alberdice.deep.networks.transformer import Kept, StackedTransformer
from alberdice.deep.policies.acting import Acting
from alberdice.deep.policies.base import mask_of_agents, register_policies

__all__ = [
    "Returns",
    "TransformerActor",
    "TransformerPolicies",
    "held",
    "policy_logits",
    "policy_network",
    "policy_tables",
    "policy_tokens",
    "returns_network",
    "shared_logits",
    "shared_network",
    "shared_tokens",
]

#: episodes that an actor runs through the networks at a time
_CHUNK = 512


@dataclass(frozen=True)
class Returns:
    """Returns to go as networks see them, and the return that is asked for.

    Attributes:
        target: R^1 in play.
        mean, scale: networks see (R - mean) / scale.
    """

    target: float
    mean: float
    scale: float

    def __call__(self, returns: Tensor) -> Tensor:
        """The token ``(..., 1)`` of returns ``(...)``."""
        return ((returns - self.mean) / self.scale)[..., None]


def held(network: StackedTransformer) -> tuple[int, int]:
    """How many steps a player of these networks holds at most, and how many of these it keeps when they are full."""
    keep = kept(network.steps, network.blocks if network.banded else 0)
    return (keep + network.steps if network.banded else network.steps), keep


def policy_network(observation: int, choices: int, steps: int, joined: bool = False, **shape: Any) -> StackedTransformer:
    """The shape of such policies' networks, for windows of ``steps``; width, blocks, ... as ``StackedTransformer``'s."""
    tokens = (observation + choices,) if joined else (observation, choices)
    return StackedTransformer(tokens, (0,), choices, steps, **shape)


def returns_network(observation: int, choices: int, steps: int, **shape: Any) -> StackedTransformer:
    """The same of policies that are told a return."""
    return StackedTransformer((1, observation, choices), (1,), choices, steps, **shape)


def shared_network(observation: int, n_agents: int, choices: int, steps: int, **shape: Any) -> StackedTransformer:
    """The shape of one network for all agents, with the agent's number beside its observations; else as ``policy_network``."""
    return policy_network(observation + n_agents, choices, steps, **shape)


def policy_logits(network: StackedTransformer, parameters: Tensor, tokens: list[Tensor]) -> Tensor:
    """Logits ``(N, B, K, A)`` of networks, one per agent, that see these tokens of ``policy_tokens``."""
    logits: Tensor = network(parameters, tokens)[0]
    return logits[..., 0, :]


def shared_logits(network: StackedTransformer, parameters: Tensor, observations: Tensor, last_actions: Tensor) -> Tensor:
    """The same of one network for all agents, parameters ``(1, P)``, from ``(N, B, K, O)`` and ``(N, B, K)``."""
    logits = policy_logits(network, parameters, shared_tokens(network, observations, last_actions))
    return logits.view(*last_actions.shape, -1)


def shared_tokens(network: StackedTransformer, observations: Tensor, last_actions: Tensor) -> list[Tensor]:
    """A step's tokens as such a network takes them, all agents' windows in a row."""
    n, windows, steps, _ = observations.shape
    numbers = torch.eye(n, device=observations.device)[:, None, None].expand(-1, windows, steps, -1)
    seen = torch.cat([observations, numbers], -1)
    return policy_tokens(network, seen.flatten(0, 1)[None], last_actions.flatten(0, 1)[None])


def policy_tables(
    network: StackedTransformer, parameters: Tensor, batch: Batch, returns: Returns | None = None
) -> tuple[Tensor, Tensor]:
    """The tables log pi_i ``(N, B, K, A)`` at every step of the windows, and the features ``(N, B, K, width)`` behind them.

    Tables on padding stand for nothing; ``batch.weight`` is 0 there.
    """
    seen = None if returns is None else returns(batch.returns_to_go)
    logits, features = network(parameters, policy_tokens(network, batch.observations, batch.last_actions, seen))
    return log_policy(logits[..., 0, :], batch.available), features[..., 0, :]


def policy_tokens(
    network: StackedTransformer, observations: Tensor, last_actions: Tensor, returns: Tensor | None = None
) -> list[Tensor]:
    """A step's tokens as this network takes them, from ``(N, B, K, O)``, ``(N, B, K)`` and, where it is told, ``(B, K, 1)``.

    The action of the last step is nothing, and no table looks at it.
    """
    before = indicators(last_actions, network.outputs)
    if len(network.tokens) == 1:
        return [torch.cat([observations, before], -1)]
    own = [observations.contiguous(), pad(before[:, :, 1:], (0, 0, 0, 1))]
    return own if returns is None else [returns.expand(len(before), *returns.shape), *own]


@dataclass(frozen=True)
class TransformerPolicies:
    """See the module.

    Attributes:
        network: the networks' shape.
        parameters: ``(N, P)``.
        features: how observations become inputs.
        n_actions: per agent.
        returns: None for policies that are not told a return.
        base: where the policies start from, as ``shared_network`` and its parameters; the policies' networks then give the
            change of its logits.  None: they give the logits.  Not for policies that are told a return.
    """

    network: StackedTransformer
    parameters: Tensor
    features: Features
    n_actions: tuple[int, ...]
    returns: Returns | None = None
    base: tuple[StackedTransformer, Tensor] | None = None
    has_memory: ClassVar[bool] = True

    def actor(self, episodes: int) -> TransformerActor:
        """A player of so many episodes side by side."""
        return TransformerActor(self, episodes)

    def save(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """See ``policies.Policies``."""
        tensors = {"policies": self.parameters, **self.features.tensors()}
        header: dict[str, Any] = {"kind": "transformer", "network": asdict(self.network), "n_actions": self.n_actions}
        if self.base is not None:
            tensors["base"], header["base"] = self.base[1], asdict(self.base[0])
        return tensors, header | {"returns": None if self.returns is None else asdict(self.returns)}

    @classmethod
    def load(cls, tensors: dict[str, Tensor], header: dict[str, Any]) -> TransformerPolicies:
        """What ``save`` gave."""
        returns = None if header["returns"] is None else Returns(**header["returns"])
        base = (_network(header["base"]), tensors["base"]) if "base" in header else None
        features, n_actions = Features.of_tensors(tensors), tuple(header["n_actions"])
        return cls(_network(header["network"]), tensors["policies"], features, n_actions, returns, base)


def _network(shape: dict[str, Any]) -> StackedTransformer:
    tuples: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in shape.items()}
    return StackedTransformer(**tuples)


class TransformerActor(Acting):
    """Plays episodes side by side, all of them as old as each other.

    Args:
        policies: whose networks.
        episodes: how many, B.
    """

    def __init__(self, policies: TransformerPolicies, episodes: int) -> None:
        self.policies, self.step = policies, 0
        device, n = policies.parameters.device, len(policies.n_actions)
        steps, self._keep = held(policies.network)
        self._observations = torch.zeros(n, episodes, steps, policies.features.size, device=device)
        #: the actions before the steps, -1 where there was none
        self._last_actions = torch.full((n, episodes, steps + 1), -1, device=device)
        self._returns = torch.zeros(episodes, steps, device=device)
        self._parts = torch.split(torch.arange(episodes, device=device), _CHUNK)
        self._forget()
        self._to_go = torch.full((episodes,), policies.returns.target if policies.returns else 0.0, device=device)

    def _forget(self) -> None:
        """The windows began anew: nothing that networks made of them stands any more."""
        self._kept, self._kept_of_base = ([Kept() for _ in self._parts] for _ in range(2))

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return self.policies.parameters.device

    @torch.no_grad()
    def log_probabilities(self, observations: Tensor, available: Tensor | None = None) -> Tensor:
        """The tables log pi_i given all that was observed, ``(B, N, A)``, for raw observations ``(B, N, O)``."""
        network, own, now = self.policies.network, self.policies, slice(0, self.step + 1)
        if available is None:
            available = mask_of_agents(own.n_actions, network.outputs, observations.device)
        self._observations[:, :, self.step] = own.features(observations).transpose(0, 1)
        self._returns[:, self.step] = self._to_go
        parts = zip(self._parts, self._kept, strict=True)
        logits = torch.cat([self._logits(part, now, known) for part, known in parts], 1).transpose(0, 1)
        if own.base is not None:
            parts = zip(self._parts, self._kept_of_base, strict=True)
            base = torch.cat([self._base_logits(own.base, part, now, known) for part, known in parts], 1).transpose(0, 1)
            logits = logits + log_policy(base, available)
        return log_policy(logits, available)

    def _logits(self, part: Tensor, now: slice, known: Kept) -> Tensor:
        """What the policies' networks give for some episodes, ``(N, B, A)``."""
        own, network = self.policies, self.policies.network
        seen = None if own.returns is None else own.returns(self._returns[part, now])
        tokens = policy_tokens(network, self._observations[:, part, now], self._last_actions[:, part, now], seen)
        return network.extended(own.parameters, tokens, known)

    def _base_logits(self, base: tuple[StackedTransformer, Tensor], part: Tensor, now: slice, known: Kept) -> Tensor:
        """The same of the base, one network for all agents."""
        network, parameters = base
        tokens = shared_tokens(network, self._observations[:, part, now], self._last_actions[:, part, now])
        return network.extended(parameters, tokens, known)[0].view(len(self._last_actions), len(part), -1)

    def observe(self, actions: Tensor, rewards: Tensor) -> None:
        """Take note of the joint actions ``(B, N)`` that were played, and of the team's rewards ``(B,)``."""
        self._to_go = self._to_go - rewards
        self.step += 1
        self._last_actions[:, :, self.step] = actions.T
        for each in (*self._kept, *self._kept_of_base):
            each.settle()
        if self.step == self._returns.shape[1]:
            self.step = self._keep
            self._forget()
            for past in (self._observations, self._returns[None]):
                past[:, :, : self.step] = past[:, :, past.shape[2] - self.step :].clone()
            past = self._last_actions
            past[:, :, : self.step + 1] = past[:, :, past.shape[2] - self.step - 1 :].clone()
            if not self.policies.network.banded:
                past[:, :, 0] = -1


register_policies("transformer", TransformerPolicies.load)
