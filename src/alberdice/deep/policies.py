"""Policies that can be played: what evaluation, checkpoints and users know of a trained learner.

    policies.actor(episodes)                one player of so many episodes side by side, each at its beginning
    actor.log_probabilities(obs, mask)      the tables log pi_i(a|o_i, what came before), (B, N, A)
    actor.observe(actions, rewards)         what was then done and gained: what came before, from now on
    policies.save() / load_policies(...)    as named tensors and a JSON header

Policies without a memory give the same table whatever came before; of those alone are the exact tables of a game known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from alberdice.deep.data import Features, TrainingData
from alberdice.deep.losses import log_policy
from alberdice.deep.networks import StackedMLP
from alberdice.errors import InvalidDataError

__all__ = [
    "Actor",
    "FeedForwardPolicies",
    "Policies",
    "load_policies",
    "mask_of_agents",
    "policy_network",
    "policy_tables",
    "register_policies",
]


class Actor(Protocol):
    """Plays episodes side by side; see the module."""

    def log_probabilities(self, observations: Tensor, available: Tensor | None = None) -> Tensor:
        """The tables log pi_i(a|o_i), ``(B, N, A)``, for raw observations ``(B, N, O)`` and masks ``(B, N, A)``."""

    def observe(self, actions: Tensor, rewards: Tensor) -> None:
        """Take note of the joint actions ``(B, N)`` that were played, and of the team's rewards ``(B,)``."""


class Policies(Protocol):
    """All agents' policies; see the module.

    Attributes:
        n_actions: per agent.
        features: how raw observations become inputs.
        has_memory: whether what came before matters.
    """

    @property
    def n_actions(self) -> tuple[int, ...]:
        """Per agent."""

    @property
    def features(self) -> Features:
        """How raw observations become inputs."""

    @property
    def has_memory(self) -> bool:
        """Whether what came before matters."""

    def actor(self, episodes: int) -> Actor:
        """A player of so many episodes side by side."""

    def save(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Named tensors, and a header with the key ``kind`` from which ``load_policies`` builds them again."""


_Loader = Callable[[dict[str, Tensor], dict[str, Any]], Policies]
_KINDS: dict[str, _Loader] = {}


def register_policies(kind: str, loader: _Loader) -> None:
    """Make saved policies of that ``kind`` readable."""
    _KINDS[kind] = loader


def load_policies(tensors: dict[str, Tensor], header: dict[str, Any]) -> Policies:
    """The policies that ``save`` gave.

    Raises:
        InvalidDataError: of a kind that nobody registered.
    """
    if header.get("kind") not in _KINDS:
        remedy = "import the module of the algorithm that saved them first"
        raise InvalidDataError("policies", got=repr(header.get("kind")), expected=f"one of {', '.join(_KINDS)}", remedy=remedy)
    return _KINDS[header["kind"]](tensors, header)


def policy_network(data: TrainingData, hidden: tuple[int, ...]) -> StackedMLP:
    """The shape of feed-forward policies for these data; they begin near uniform."""
    return StackedMLP(data.observations.shape[-1], hidden, data.available.shape[-1], last_scale=0.01)


def policy_tables(network: StackedMLP, parameters: Tensor, data: TrainingData, frames: Tensor) -> Tensor:
    """The tables log pi_i(a|o_i) at frames of the data ``(R,)``: ``(N, R, A)``, differentiable in the parameters."""
    inputs, available = (table[frames].transpose(0, 1) for table in (data.observations, data.available))
    return log_policy(network(parameters, inputs), available)


def mask_of_agents(n_actions: tuple[int, ...], choices: int, device: torch.device) -> Tensor:
    """The actions that each agent has, ``(N, A)`` booleans."""
    return (torch.arange(choices) < torch.tensor(n_actions)[:, None]).to(device)


@dataclass(frozen=True)
class FeedForwardPolicies:
    """pi_i(a_i|o_i), one network each, without a memory; each is its own actor.

    Attributes:
        network: the networks' shape.
        parameters: ``(N, P)``.
        features: how observations become inputs.
        n_actions: per agent.
        base: where the policies start from: pi_i^D as one network for all agents, with the agent's number among its inputs, and
            its parameters; the policies' networks then give the change of its logits. None: they give the logits.
    """

    network: StackedMLP
    parameters: Tensor
    features: Features
    n_actions: tuple[int, ...]
    base: tuple[StackedMLP, Tensor] | None = None
    has_memory: ClassVar[bool] = False

    def actor(self, episodes: int) -> FeedForwardPolicies:
        """These policies."""
        return self

    @torch.no_grad()
    def log_probabilities(self, observations: Tensor, available: Tensor | None = None) -> Tensor:
        """The tables log pi_i(a|o_i), ``(B, N, A)``, for raw observations ``(B, N, O)`` and masks ``(B, N, A)``."""
        if available is None:
            available = mask_of_agents(self.n_actions, self.network.outputs, observations.device)
        inputs, n = self.features(observations), len(self.n_actions)
        logits = self.network(self.parameters, inputs.transpose(0, 1)).transpose(0, 1)
        if self.base is not None:
            network, parameters = self.base
            numbered = torch.cat([inputs, torch.eye(n, device=inputs.device).expand(len(inputs), n, n)], dim=-1)
            logits = logits + log_policy(network(parameters, numbered.flatten(0, 1)).view(logits.shape), available)
        return log_policy(logits, available)

    def observe(self, actions: Tensor, rewards: Tensor) -> None:
        """Nothing: there is no memory."""

    def save(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """See ``Policies``."""
        tensors = {"policies": self.parameters, "mean": self.features.mean, "scale": self.features.scale}
        header: dict[str, Any] = {"kind": "feed-forward", "network": asdict(self.network), "n_actions": self.n_actions}
        if self.base is not None:
            tensors["base"], header["base"] = self.base[1], asdict(self.base[0])
        return tensors, header

    @classmethod
    def load(cls, tensors: dict[str, Tensor], header: dict[str, Any]) -> FeedForwardPolicies:
        """What ``save`` gave."""
        base = (_network(header["base"]), tensors["base"]) if "base" in header else None
        features = Features(tensors["mean"], tensors["scale"])
        return cls(_network(header["network"]), tensors["policies"], features, tuple(header["n_actions"]), base)


def _network(shape: dict[str, Any]) -> StackedMLP:
    return StackedMLP(**{**shape, "hidden": tuple(shape["hidden"])})


register_policies("feed-forward", FeedForwardPolicies.load)
