"""Malformed arrays and episodes in memory: each a clear error that names field and index."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from dataset_samples import sample_dataset

from alberdice.datasets import EpisodeArrays, OfflineDataset, from_episodes
from alberdice.errors import InvalidDataError

# ---- the in-memory form ----------------------------------------------------------------------------------------------


def _with(field: str, index: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    def spoil(fields: dict[str, Any]) -> None:
        fields[field] = fields[field].copy()
        fields[field][index] = value

    return spoil


def _set(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda fields: fields.update(values)


def _cut(field: str) -> Callable[[dict[str, Any]], None]:
    def spoil(fields: dict[str, Any]) -> None:
        fields[field] = fields[field][:-1]

    return spoil


def _cast(field: str, kind: Any) -> Callable[[dict[str, Any]], None]:
    def spoil(fields: dict[str, Any]) -> None:
        fields[field] = fields[field].astype(kind)

    return spoil


def _forbid(fields: dict[str, Any]) -> None:
    fields["frame_masks"] = fields["frame_masks"].copy()
    fields["frame_masks"][5, 2, fields["actions"][5, 2]] = False


def _agents(fields: dict[str, Any]) -> None:
    fields["frame_observations"] = fields["frame_observations"][:, :2]


FORM: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "action too large": (_with("actions", (5, 1), 4), r"actions \(episode 0, step 5, agent 2\): got 4, expected 0 to 3"),
    "action negative": (_with("actions", (0, 0), -1), r"actions \(episode 0, step 0, agent 1\): got -1"),
    "masked action": (
        _forbid,
        r"actions \(episode 0, step 5, agent 3\): got \d, which the mask forbids, expected one of the available",
    ),
    "no action available": (
        _with("frame_masks", (21, 1), False),
        r"action masks \(episode 1, final frame, agent 2\): got no available action",
    ),
    "NaN reward": (_with("rewards", 3, np.nan), r"rewards \(episode 0, step 3\): got nan, expected a finite number"),
    "infinite state": (_with("frame_states", (2, 4), np.inf), r"states \(episode 0, step 2, feature 4\): got inf"),
    "NaN observation": (
        _with("frame_observations", (21, 2, 5), np.nan),
        r"observations \(episode 1, final frame, agent 3, feature 5\): got nan",
    ),
    "early termination": (_with("terminated", 4, True), r"terminated \(episode 0, step 4 of 7\)"),
    "early truncation": (_with("truncated", 9, True), r"truncated \(episode 2, step 1 of 9\)"),
    "no end": (_with("truncated", 7, False), r"terminated \(episode 1, step 0, the last\): got neither"),
    "empty episode": (_set(lengths=np.array([8, 0, 9, 3])), r"lengths\[1\]: got 0, expected at least one step"),
    "no episode": (_set(lengths=np.zeros(0, np.int64)), r"lengths: got no episode"),
    "lengths disagree": (_set(lengths=np.array([7, 1, 9, 4])), r"actions.shape: got \(20, 3\), expected \(21, 3\)"),
    "rewards too short": (_cut("rewards"), r"rewards.shape: got \(19,\), expected \(20,\)"),
    "states too short": (_cut("frame_states"), r"frame_states.shape: got \(23, 5\), expected \(24, 5\)"),
    "agents disagree": (_agents, r"frame_observations.shape: got \(24, 2, 6\), expected \(24, 3, 6\)"),
    "masks too wide": (
        _set(n_actions=(4, 3, 3)),
        r"actions \(episode \d, step \d, agent [23]\): got 3|action masks \(.*, agent 2, action 3\): got available",
    ),
    "no agent": (_set(n_actions=()), r"n_actions: got \(\), expected one whole number from 1 to 100,000 per agent"),
    "float actions": (_cast("actions", np.float32), r"actions.dtype: got float32, expected int64"),
    "complex rewards": (_cast("rewards", np.complex128), r"rewards.dtype: got complex128, expected a float type"),
    "object observations": (_cast("frame_observations", object), r"frame_observations.dtype: got object"),
    "integer flags": (_cast("terminated", np.int64), r"terminated.dtype: got int64, expected bool"),
    "a list": (_set(rewards=[0.0] * 20), r"rewards: got list, expected a NumPy array"),
    "invented final frame": (
        _set(final_known=np.array([True, True, False, True])),
        r"frame_states: got values in a final frame that is marked unknown",
    ),
}


@pytest.mark.parametrize("case", FORM)
def test_in_memory(case: str) -> None:
    spoil, match = FORM[case]
    data = sample_dataset(np.random.default_rng(0), ends="both")
    fields = {f.name: getattr(data, f.name) for f in dataclasses.fields(data) if f.init}
    spoil(fields)
    with pytest.raises(InvalidDataError, match=match):
        OfflineDataset(**fields)


# ---- building from episodes ------------------------------------------------------------------------------------------


def _episode(**changes: Any) -> EpisodeArrays:
    rng = np.random.default_rng(0)
    arrays = {
        "states": rng.normal(size=(4, 5)),
        "observations": rng.normal(size=(4, 2, 6)),
        "actions": rng.integers(0, 3, (3, 2)),
        "rewards": rng.normal(size=3),
        "terminated": True,
    }
    return EpisodeArrays(**{**arrays, **changes})


EPISODES: dict[str, tuple[EpisodeArrays, str]] = {
    "no step": (_episode(actions=np.zeros((0, 2), int)), r"episode 1: actions: got no step"),
    "one agent": (
        _episode(actions=np.zeros((3, 1), int)),
        r"episode 1: actions: got int64 \(3, 1\), expected integers of shape \(3, 2\)",
    ),
    "float actions": (_episode(actions=np.zeros((3, 2))), r"episode 1: actions: got float64"),
    "an action beyond int64": (
        _episode(actions=np.array([[0, 1], [1, 2**63 + 1], [0, 0]], np.uint64)),
        r"episode 1: actions\[1, 1\]: got 9223372036854775809, expected an action",
    ),
    "rewards per agent": (_episode(rewards=np.zeros((3, 2))), r"episode 1: rewards.shape: got \(3, 2\), expected \(3,\)"),
    "too many frames": (_episode(observations=np.zeros((5, 2, 6))), r"episode 1: observations rows: got 5, expected 4, or 3"),
    "states too short": (_episode(states=np.zeros((3, 5))), r"episode 1: states.shape: got \(3, 5\), expected \(4, 5\)"),
    "more features": (_episode(observations=np.zeros((4, 2, 7))), r"episode 1: observations.shape: got \(4, 2, 7\)"),
    "another type": (
        _episode(rewards=np.zeros(3, "f4")),
        r"episode 1: rewards.dtype: got float32, expected float64, as in episode 0",
    ),
    "masks for one": (
        _episode(action_masks=np.ones((4, 2, 3), bool)),
        r"episode 1: action_masks: got given for some episodes only",
    ),
    "a list": (_episode(rewards=[0.0, 0.0, 0.0]), r"episode 1: rewards: got list, expected a NumPy array"),
}


@pytest.mark.parametrize("case", EPISODES)
def test_episodes(case: str) -> None:
    spoilt, match = EPISODES[case]
    assert from_episodes("x", (3, 3), [_episode(), _episode()]).n_steps == 6
    with pytest.raises(InvalidDataError, match=match):
        from_episodes("x", (3, 3), [_episode(), spoilt])
    with pytest.raises(InvalidDataError, match="episodes: got none"):
        from_episodes("x", (3, 3), [])
