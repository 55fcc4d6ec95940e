"""Some episodes of a dataset as a dataset of their own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from alberdice.datasets.dataset import OfflineDataset
from alberdice.errors import InvalidArgumentError

__all__ = ["of_episodes"]


def of_episodes(dataset: OfflineDataset, which: NDArray[np.int64]) -> OfflineDataset:
    """These episodes ``(K,)``, in the order of the dataset, each once.

    Raises:
        InvalidArgumentError: no episode, or none of that number.
    """
    chosen = np.unique(np.asarray(which, np.int64))
    if not len(chosen) or chosen[0] < 0 or chosen[-1] >= dataset.n_episodes:
        got = f"episodes {chosen[:3].tolist()}..." if len(chosen) else "none"
        raise InvalidArgumentError("which", got=got, expected=f"numbers of episodes, 0 to {dataset.n_episodes - 1}")
    steps = np.flatnonzero(np.isin(dataset.episode, chosen))
    rows = np.concatenate([steps, dataset.n_steps + chosen])
    note = f"{len(chosen)} of {dataset.n_episodes} episodes."
    return replace(
        dataset,
        frame_states=dataset.frame_states[rows],
        frame_observations=dataset.frame_observations[rows],
        frame_masks=None if dataset.frame_masks is None else dataset.frame_masks[rows],
        actions=dataset.actions[steps],
        rewards=dataset.rewards[steps],
        terminated=dataset.terminated[steps],
        truncated=dataset.truncated[steps],
        lengths=dataset.lengths[chosen],
        final_known=dataset.final_known[chosen],
        notes=(*dataset.notes, note),
    )
