"""The data's returns over as many steps as somebody else's: a comparison is between sums of equally many rewards."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alberdice.datasets.dataset import OfflineDataset

__all__ = ["horizon_note", "mean_return_within", "returns_within"]


def returns_within(dataset: OfflineDataset, horizon: int | None) -> NDArray[np.float64]:
    """(E,), the sum of each episode's rewards over its first ``horizon`` steps; None: over all of them."""
    if horizon is None:
        return dataset.returns
    counted = np.where(dataset.time < horizon, dataset.rewards.astype(np.float64), 0.0)
    return np.asarray(np.add.reduceat(counted, dataset.starts))


def mean_return_within(dataset: OfflineDataset, horizon: int | None) -> float:
    """Mean over the episodes; of episodes that play a one-step game again and again, the mean over all plays."""
    return float(dataset.rewards.mean() if horizon == 1 else returns_within(dataset, horizon).mean())


def horizon_note(dataset: OfflineDataset, horizon: int | None) -> str:
    """That some of the data's episodes were cut before the horizon, so that their returns are of fewer steps; or ''."""
    cut = dataset.truncated[dataset.starts + dataset.lengths - 1] & (dataset.lengths < (horizon or 0))
    if not cut.any():
        return ""
    longest = int(dataset.lengths[cut].max())
    return (
        f"{int(cut.sum())} of the data's {dataset.n_episodes} episodes were cut after at most {longest} of {horizon} steps: "
        "the data's return is over fewer steps than the policies' returns"
    )
