"""Steps, windows and episodes of a dataset, gathered from its flat arrays by rows that are known to be there."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from alberdice.datasets.episode import Episode
from alberdice.datasets.form import FrameForm

__all__ = ["batch_of", "episode_of", "windows_of"]

Array = NDArray[Any]


def batch_of(data: FrameForm, rows: NDArray[np.int64]) -> dict[str, Array]:
    """Transitions of these steps ``(B,)``, as ``OfflineDataset.batch``."""
    after, episode = data.next_row[rows], data.episode[rows]
    return {
        **_seen_and_done(data, rows),
        "next_states": data.frame_states[after],
        "next_observations": data.frame_observations[after],
        "next_action_masks": data.masks_of(after),
        "next_known": (after < len(data.actions)) | data.final_known[episode],
        "episode": episode,
        "time": data.time[rows],
    }


def windows_of(data: FrameForm, last: NDArray[np.int64], length: int) -> dict[str, Array]:
    """Histories that end with these steps ``(B,)``, as ``OfflineDataset.windows``."""
    back = np.arange(1 - length, 1)
    valid = data.time[last][:, None] + back >= 0
    rows = np.maximum(last[:, None] + back, data.starts[data.episode[last]][:, None])
    window = _seen_and_done(data, rows)
    for array in window.values():
        array[~valid] = 0
    window["valid"] = valid
    return window


def _seen_and_done(data: FrameForm, rows: NDArray[np.int64]) -> dict[str, Array]:
    """What was seen, done and gained at these steps, of any shape."""
    return {
        "states": data.frame_states[rows],
        "observations": data.frame_observations[rows],
        "actions": data.actions[rows],
        "rewards": data.rewards[rows],
        "terminated": data.terminated[rows],
        "truncated": data.truncated[rows],
        "action_masks": data.masks_of(rows),
    }


def episode_of(data: FrameForm, index: int) -> Episode:
    """An episode, as views."""
    start, stop = int(data.starts[index]), int(data.starts[index] + data.lengths[index])
    part, final, known = slice(start, stop), len(data.actions) + index, bool(data.final_known[index])
    return Episode(
        index=index,
        start=start,
        stop=stop,
        states=data.frame_states[part],
        observations=data.frame_observations[part],
        actions=data.actions[part],
        rewards=data.rewards[part],
        terminated=data.terminated[part],
        truncated=data.truncated[part],
        action_masks=data.masks_of(part),
        final_state=data.frame_states[final] if known else None,
        final_observation=data.frame_observations[final] if known else None,
        final_action_mask=data.masks_of(slice(final, final + 1))[0] if known else None,
    )
