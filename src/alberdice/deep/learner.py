"""What the training loop asks of a learner, and the registry of learners.

A learner owns its networks and optimisers; the loop owns time, generators, evaluation and files.  A new algorithm is one file
that ends with ``register("name", Class)``; nothing else changes.

    learner.update(generator) -> metrics        one update; all randomness from the generator; no synchronisation needed
    learner.policies -> Policies                what is evaluated, saved and deployed
    learner.state_dict() / load_state_dict()    everything that the next update depends on, as named tensors
    learner.complaint(metrics) -> str           why training cannot go on; empty if it can
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

import torch
from torch import Tensor

from alberdice.deep.config import TrainConfig
from alberdice.deep.data import Features, TrainingData
from alberdice.deep.losses import log_policy
from alberdice.deep.networks import StackedMLP
from alberdice.errors import InvalidArgumentError

__all__ = ["Learner", "LearnerClass", "Policies", "learner_class", "register"]


@dataclass(frozen=True)
class Policies:
    """All agents' policies: pi_i(a_i|o_i), one network each.

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

    @torch.no_grad()
    def log_probabilities(self, observations: Tensor, available: Tensor | None = None) -> Tensor:
        """The tables log pi_i(a|o_i), ``(B, N, A)``, for raw observations ``(B, N, O)`` and masks ``(B, N, A)``."""
        if available is None:
            own = torch.arange(self.network.outputs) < torch.tensor(self.n_actions)[:, None]
            available = own.to(observations.device)
        inputs, n = self.features(observations), len(self.n_actions)
        logits = self.network(self.parameters, inputs.transpose(0, 1)).transpose(0, 1)
        if self.base is not None:
            network, parameters = self.base
            numbered = torch.cat([inputs, torch.eye(n, device=inputs.device).expand(len(inputs), n, n)], dim=-1)
            logits = logits + log_policy(network(parameters, numbered.flatten(0, 1)).view(logits.shape), available)
        return log_policy(logits, available)


class Learner(Protocol):
    """See the module."""

    @property
    def policies(self) -> Policies:
        """The present policies."""

    def update(self, generator: torch.Generator) -> dict[str, Tensor]:
        """One update; metrics as tensors of no dimension."""

    def complaint(self, metrics: dict[str, float]) -> str:
        """Why training cannot go on, and what to change; empty if it can."""

    def state_dict(self) -> dict[str, Tensor]:
        """Everything that the next update depends on."""

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Continue from a state."""


class LearnerClass(Protocol):
    """How the loop makes a learner."""

    def __call__(self, data: TrainingData, config: TrainConfig, generator: torch.Generator) -> Learner:
        """A fresh learner whose initial weights the generator draws."""


_BUILT_IN = {"alberdice": "alberdice.deep.alberdice"}
_REGISTERED: dict[str, LearnerClass] = {}


def register(name: str, maker: LearnerClass) -> None:
    """Make a learner known as ``--algorithm NAME``."""
    _REGISTERED[name] = maker


def learner_class(name: str) -> LearnerClass:
    """The learner of that name.

    Raises:
        InvalidArgumentError: none is registered, with the nearest match.
    """
    if name not in _REGISTERED and name in _BUILT_IN:
        import_module(_BUILT_IN[name])
    if name not in _REGISTERED:
        known = sorted({*_BUILT_IN, *_REGISTERED})
        near = difflib.get_close_matches(name, known, 1, cutoff=0.0)[0]
        expected = f"one of {', '.join(known)}"
        raise InvalidArgumentError("algorithm", got=repr(name), expected=expected, remedy=f"nearest match: {near}")
    return _REGISTERED[name]
