"""Random datasets in which every size differs, so that a swapped axis cannot go unnoticed."""

from __future__ import annotations

from typing import Any

import numpy as np

from alberdice.datasets import EpisodeArrays, OfflineDataset, from_episodes


def sample_dataset(
    rng: np.random.Generator,
    *,
    lengths: tuple[int, ...] = (7, 1, 9, 3),
    n_actions: tuple[int, ...] = (4, 4, 4),
    state_size: int = 5,
    observation_size: int = 6,
    masks: bool = True,
    known: bool = True,
    ends: str = "both",
    kind: Any = np.float32,
    reward_kind: Any = np.float32,
    name: str = "sample",
) -> OfflineDataset:
    """ends: "terminated", "truncated", or "both" (alternating); n_actions may differ between agents."""
    agents, width = len(n_actions), max(n_actions)
    episodes = []
    for number, length in enumerate(lengths):
        rows = length + known
        actions = np.stack([rng.integers(n, size=length) for n in n_actions], axis=1)
        available = None
        if masks:
            available = rng.random((rows, agents, width)) < 0.6
            available &= np.arange(width) < np.array(n_actions)[:, None]
            available[:, :, 0] = True
            for t in range(length):
                available[t, np.arange(agents), actions[t]] = True
        terminated = {"terminated": True, "truncated": False, "both": number % 2 == 0}[ends]
        draw = rng.integers(0, 200, (rows, agents, observation_size)) if np.dtype(kind).kind in "iu" else None
        episodes.append(
            EpisodeArrays(
                states=rng.normal(size=(rows, state_size)).astype(np.float32 if draw is not None else kind),
                observations=draw.astype(kind)
                if draw is not None
                else rng.normal(size=(rows, agents, observation_size)).astype(kind),
                actions=actions,
                rewards=rng.normal(size=length).astype(reward_kind),
                terminated=terminated,
                action_masks=available,
            )
        )
    return from_episodes(name, n_actions, episodes)


def assert_same(
    got: OfflineDataset, expected: OfflineDataset, *, finals: bool = True, masks: bool = True, ends: bool = True
) -> None:
    """Bit for bit, type for type; finals=False: the format keeps no final frames; masks=False: ones may stand for none."""
    assert got.n_actions == expected.n_actions
    fields = ["actions", "rewards", "lengths", "states", "observations", "episode", "time"]
    if ends:
        fields += ["terminated", "truncated"]
    if finals:
        fields += ["frame_states", "frame_observations", "final_known"]
    for field in fields:
        ours, theirs = getattr(got, field), getattr(expected, field)
        assert ours.dtype == theirs.dtype, field
        assert ours.shape == theirs.shape, field
        assert ours.tobytes() == theirs.tobytes(), field
    if masks:
        assert (got.frame_masks is None) == (expected.frame_masks is None)
    np.testing.assert_array_equal(got.action_masks, expected.action_masks)
    if finals:
        np.testing.assert_array_equal(got.next_action_masks, expected.next_action_masks)
