"""Policies at the data's frames: their tables there, of those with a memory given all that was recorded before."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alberdice.datasets import OfflineDataset
from alberdice.deep.policies import Policies

__all__ = ["chances_along", "chances_at_frames"]

#: episodes side by side
_TOGETHER = 256


@torch.no_grad()
def chances_at_frames(policies: Policies, dataset: OfflineDataset) -> Tensor:
    """pi_i(a_i|o) at every frame, ``(T + E, N, A)``; of policies with a memory, after what was recorded up to there."""
    if policies.has_memory:
        return chances_along(policies, dataset)
    device = policies.features.mean.device
    seen = torch.from_numpy(dataset.frame_observations.astype(np.float64)).to(device)
    masks = torch.from_numpy(np.ascontiguousarray(dataset.masks_of(np.arange(len(seen))))).to(device)
    return policies.actor(len(seen)).log_probabilities(seen, masks).exp().cpu()


@torch.no_grad()
def chances_along(policies: Policies, dataset: OfflineDataset) -> Tensor:
    """pi_i(a_i|what was recorded up to this frame), ``(T + E, N, A)``, in the order of the dataset's frames.

    What an agent remembers is what the data's agents saw, did and gained.
    """
    choices = max(dataset.n_actions)
    found = torch.zeros(len(dataset.frame_observations), dataset.n_agents, choices)
    order = np.argsort(dataset.lengths, kind="stable")  # of like length, so that few wait for the longest
    for part in np.array_split(order, -(-len(order) // _TOGETHER)):
        _along(policies, dataset, part, found)
    return found


def _along(policies: Policies, dataset: OfflineDataset, episodes: NDArray[np.int64], found: Tensor) -> None:
    """Fill in the frames of these episodes."""
    actor, device = policies.actor(len(episodes)), policies.features.mean.device
    first, length = dataset.starts[episodes], dataset.lengths[episodes]
    for time in range(int(length.max()) + 1):
        rows = np.where(time < length, first + np.minimum(time, length - 1), dataset.n_steps + episodes)
        seen = torch.from_numpy(dataset.frame_observations[rows].astype(np.float64)).to(device)
        masks = torch.from_numpy(np.ascontiguousarray(dataset.masks_of(rows))).to(device)
        tables = actor.log_probabilities(seen, masks).exp().cpu()
        here = np.flatnonzero(time <= length)
        found[rows[here]] = tables[here]
        steps = first + np.minimum(time, length - 1)
        rewards = torch.from_numpy(dataset.rewards[steps].astype(np.float32)).to(device)
        actor.observe(torch.from_numpy(dataset.actions[steps].astype(np.int64)).to(device), rewards)
