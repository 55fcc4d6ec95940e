"""How a built-in dataset is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from alberdice.datasets.dataset import OfflineDataset
from alberdice.datasets.header import DatasetHeader

__all__ = ["Recipe"]


@dataclass(frozen=True)
class Recipe:
    """How a built-in dataset is made.

    ``episodes``, ``steps`` (None: the seed decides), ``mean_return`` (undiscounted, with seed 0), ``make(generator)``, and the
    game that the data are of: ``environment``, ``environment_arguments``, ``agents`` and ``episode_limit``, as in the header.
    """

    name: str
    description: str
    episodes: int
    steps: int | None
    mean_return: float
    make: Callable[[np.random.Generator], OfflineDataset]
    environment: str
    episode_limit: int
    environment_arguments: Mapping[str, Any] = field(default_factory=dict)
    agents: tuple[str, ...] = ("agent_1", "agent_2")

    def header(self, seed: int, told: str = "") -> DatasetHeader:
        """The header of what the recipe makes with this seed; ``told``: what was found out when it was made."""
        return DatasetHeader(
            environment=self.environment,
            environment_arguments=self.environment_arguments,
            agents=self.agents,
            episode_limit=self.episode_limit,
            recipe=f"{self.name} seed={seed}" + (f", {told}" if told else ""),
        )
