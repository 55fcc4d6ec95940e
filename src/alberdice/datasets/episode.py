"""One episode of a dataset, cut out of the flat arrays without copying."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Episode"]

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Episode:
    """One episode: L steps and, where known, L + 1 frames.  All arrays are views.

    ``states`` (L, S), ``observations`` (L, N, O), ``actions`` (L, N), ``action_masks`` (L, N, A); ``rewards``, ``terminated``,
    ``truncated`` (L,); ``final_state`` (S,), ``final_observation`` (N, O), ``final_action_mask`` (N, A), each None where the
    final frame is unknown.
    """

    index: int
    start: int
    stop: int
    states: Array
    observations: Array
    actions: Array
    rewards: Array
    terminated: Array
    truncated: Array
    action_masks: Array
    final_state: Array | None
    final_observation: Array | None
    final_action_mask: Array | None

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def undiscounted_return(self) -> float:
        """Sum of the team rewards."""
        return float(np.sum(self.rewards, dtype=np.float64))
