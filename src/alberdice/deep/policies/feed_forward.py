"""Policies by feed-forward networks, one per agent, without a memory: pi_i(a_i|o_i)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from alberdice.deep.batches.features import Features
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.losses import log_policy
from alberdice.deep.networks.mlp import Layers, StackedMLP
from alberdice.deep.networks.module import StackedModule, own_or
from alberdice.deep.policies.acting import Acting
from alberdice.deep.policies.base import mask_of_agents, register_policies
from alberdice.errors import InvalidDataError

__all__ = ["FeedForwardPolicies", "policy_network", "policy_tables"]


Network = StackedMLP | StackedModule


def policy_network(data: TrainingData, layers: Layers | tuple[int, ...], own: str = "") -> Network:
    """The shape of feed-forward policies for these data; they begin near uniform, or as the user's own networks do.

    Args:
        data: what they see.
        layers: the hidden layers, or their widths alone.
        own: module:function of the user's own networks.
    """
    layers = layers if isinstance(layers, Layers) else Layers(layers)
    ours = layers.between(data.observations.shape[-1], data.available.shape[-1], last_scale=0.01)
    return own_or(ours, own, "policy_network")


def policy_tables(network: Network, parameters: Tensor, data: TrainingData, frames: Tensor) -> Tensor:
    """The tables log pi_i(a|o_i) at frames of the data ``(R,)``: ``(N, R, A)``, differentiable in the parameters."""
    inputs, available = (table[frames].transpose(0, 1) for table in (data.observations, data.available))
    return log_policy(network(parameters, inputs), available)


@dataclass(frozen=True)
class FeedForwardPolicies(Acting):
    """pi_i(a_i|o_i), one network each, without a memory; each is its own actor.

    Attributes:
        network: the networks' shape.
        parameters: ``(N, P)``.
        features: how observations become inputs.
        n_actions: per agent.
        base: where the policies start from: pi_i^D as one network for all agents, with the agent's number among its inputs, and
            its parameters; the policies' networks then give the change of its logits. None: they give the logits.
    """

    network: Network
    parameters: Tensor
    features: Features
    n_actions: tuple[int, ...]
    base: tuple[StackedMLP, Tensor] | None = None
    has_memory: ClassVar[bool] = False

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return self.features.mean.device

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
            numbered = torch.cat([inputs, torch.eye(n, device=inputs.device).expand(inputs.shape[0], n, n)], dim=-1)
            logits = logits + log_policy(network(parameters, numbered.flatten(0, 1)).view(logits.shape), available)
        return log_policy(logits, available)

    def observe(self, actions: Tensor, rewards: Tensor) -> None:
        """Nothing: there is no memory."""

    def save(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """See ``Policies``."""
        tensors = {"policies": self.parameters, **self.features.tensors()}
        header: dict[str, Any] = {"kind": "feed-forward", "network": asdict(self.network), "n_actions": self.n_actions}
        if self.base is not None:
            tensors["base"], header["base"] = self.base[1], asdict(self.base[0])
        return tensors, header

    @classmethod
    def load(cls, tensors: dict[str, Tensor], header: dict[str, Any]) -> FeedForwardPolicies:
        """What ``save`` gave."""
        base = (StackedMLP(**_shape(header["base"])), tensors["base"]) if "base" in header else None
        network, shape = _network(header["network"]), tuple(tensors["policies"].shape)
        if shape[-1] != sum(network.sizes):
            expected = f"{sum(network.sizes)} parameters a network, as {getattr(network, 'source', 'its shape')} has"
            raise InvalidDataError("policies", got=f"{shape[-1]}", expected=expected)
        features, n_actions = Features.of_tensors(tensors), tuple(header["n_actions"])
        if shape[0] != len(n_actions):
            raise InvalidDataError("policies", got=f"{shape[0]} networks", expected=f"one for each of {len(n_actions)} agents")
        return cls(network, tensors["policies"], features, n_actions, base)


def _network(shape: dict[str, Any]) -> Network:
    return StackedModule(**shape) if "source" in shape else StackedMLP(**_shape(shape))


def _shape(shape: dict[str, Any]) -> dict[str, Any]:
    return {**shape, "hidden": tuple(shape["hidden"])}


register_policies("feed-forward", FeedForwardPolicies.load)
