"""Policies that can be played: what evaluation, checkpoints and users know of a trained learner.

    policies.actor(episodes)                one player of so many episodes side by side, each at its beginning
    actor.log_probabilities(obs, mask)      the tables log pi_i(a|o_i, what came before), (B, N, A)
    actor.act(obs, mask, generator)         joint actions (B, N), see acting.py; NumPy in, NumPy out
    actor.observe(actions, rewards)         what was then done and gained: what came before, from now on
    policies.save() / load_policies(...)    as named tensors and a JSON header

Policies without a memory give the same table whatever came before; of those alone are the exact tables of a game known.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from alberdice.deep.batches.features import Features
from alberdice.deep.config import Play
from alberdice.deep.networks.module import say
from alberdice.errors import InvalidDataError, within
from alberdice.readers import library_errors

__all__ = ["Actor", "Policies", "load_policies", "mask_of_agents", "read_policies", "register_policies", "told_a_return"]


class Actor(Protocol):
    """Plays episodes side by side; see the module."""

    def log_probabilities(self, observations: Tensor, available: Tensor | None = None) -> Tensor:
        """The tables log pi_i(a|o_i), ``(B, N, A)``, for raw observations ``(B, N, O)`` and masks ``(B, N, A)``."""

    def act(
        self, observations: ArrayLike, masks: ArrayLike | None, generator: np.random.Generator, *, play: Play = "sample"
    ) -> NDArray[np.int64]:
        """Joint actions ``(B, N)``: drawn, drawn sharply or the most probable ones, see ``policies.acting``."""

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


def load_policies(tensors: dict[str, Tensor], header: dict[str, Any], *, trust: bool = False) -> Policies:
    """The policies that ``save`` gave.

    Args:
        tensors, header: the same.
        trust: make networks of somebody's own by the code that the header names, with no word of the user's.

    Raises:
        InvalidDataError: of a kind that nobody registered, or of another shape.
        InvalidArgumentError: networks of somebody's own that nobody named but the file, or that cannot be made.
    """
    network = header.get("network")
    if trust and isinstance(network, dict) and "source" in network:
        say(str(network["source"]))
    if header.get("kind") not in _KINDS:
        remedy = "import the module of the algorithm that saved them first"
        raise InvalidDataError("policies", got=repr(header.get("kind")), expected=f"one of {', '.join(_KINDS)}", remedy=remedy)
    return _KINDS[header["kind"]](tensors, header)


def read_policies(where: str, tensors: dict[str, Tensor], header: Any, *, trust: bool = False) -> Policies:
    """The policies that a file holds, once they have played a frame of zeros: whatever does not fit together is found here.

    Args:
        where: the file, for messages.
        tensors, header, trust: as of ``load_policies``.

    Raises:
        InvalidDataError, InvalidArgumentError: as ``load_policies``; whatever else no policies can be made of.
    """
    with within(where), library_errors(f"{where}: policies", "what policies were saved as"):
        if not isinstance(header, dict):
            raise InvalidDataError("policies", got=f"{type(header).__name__}", expected="a JSON object")
        policies = load_policies(tensors, header, trust=trust)
        blank = torch.zeros(1, len(policies.n_actions), policies.features.mean.shape[-1])
        policies.actor(1).log_probabilities(blank)
    return policies


def mask_of_agents(n_actions: tuple[int, ...], choices: int, device: torch.device) -> Tensor:
    """The actions that each agent has, ``(N, A)`` booleans."""
    return (torch.arange(choices) < torch.tensor(n_actions)[:, None]).to(device)


def told_a_return(policies: Policies) -> bool:
    """Whether they act by a return that they are to reach, so that what they do in play is not what they do along the data."""
    return getattr(policies, "returns", None) is not None
