"""Making datasets: from episodes, from flat transitions, or by filling arrays.

Every loader goes one way: learn the sizes from the header, plan the memory, allocate (:class:`Arrays`), fill episode by
episode, and finish, which validates.  With L steps an episode brings L + 1 frames, or L where its final frame is not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from alberdice.datasets.dataset import OfflineDataset
from alberdice.datasets.header import DatasetHeader
from alberdice.datasets.memory import MemoryPlan, check_rows
from alberdice.datasets.validation import whole_actions
from alberdice.errors import fail

__all__ = ["Arrays", "EpisodeArrays", "from_episodes", "from_transitions"]

Array = NDArray[Any]


@dataclass(frozen=True)
class EpisodeArrays:
    """One episode as it was recorded.

    Args:
        states: (L + 1, S), or (L, S) where the final frame is unknown.
        observations: (L + 1, N, O), or (L, N, O).
        actions: (L, N) integers.
        rewards: (L,) team rewards.
        terminated: whether the process ended after the last step.
        truncated: whether a time limit ended the record; by default the opposite of ``terminated``.
        action_masks: (L + 1, N, A) or (L, N, A), or None.
    """

    states: Array
    observations: Array
    actions: Array
    rewards: Array
    terminated: bool
    truncated: bool | None = None
    action_masks: Array | None = None


class Arrays:
    """Zero arrays of a dataset to be, which a loader fills and then finishes."""

    def __init__(
        self,
        lengths: Array,
        n_actions: Sequence[int],
        *,
        state: tuple[int, DTypeLike],
        observation: tuple[int, DTypeLike],
        reward: DTypeLike,
        masks: bool,
        memory_share: float = 0.5,
        scratch: str | Path | None = None,
    ) -> None:
        self.lengths = np.asarray(lengths, np.int64)
        self.n_actions = tuple(int(n) for n in n_actions)
        steps, agents = int(self.lengths.sum()), len(self.n_actions)
        frames, choices = steps + len(self.lengths), max(self.n_actions)
        state_type, observation_type = np.dtype(state[1]), np.dtype(observation[1])
        per_frame = state[0] * state_type.itemsize + agents * (observation[0] * observation_type.itemsize + masks * choices)
        total = frames * per_frame + steps * (8 * agents + np.dtype(reward).itemsize + 26)
        check_rows("", steps, len(self.lengths))
        plan = MemoryPlan(total, memory_share=memory_share, scratch=scratch)
        self.frame_states = plan.zeros((frames, state[0]), state_type)
        self.frame_observations = plan.zeros((frames, agents, observation[0]), observation_type)
        self.frame_masks = plan.zeros((frames, agents, choices), np.bool_) if masks else None
        self.actions = plan.zeros((steps, agents), np.int64)
        self.rewards = plan.zeros((steps,), reward)
        self.terminated = np.zeros(steps, np.bool_)
        self.truncated = np.zeros(steps, np.bool_)
        self.final_known = np.zeros(len(self.lengths), np.bool_)
        self.starts = np.cumsum(self.lengths) - self.lengths
        self.n_steps = steps

    def put_frames(self, name: str, episode: int, rows: Array) -> None:
        """Write L or L + 1 rows of ``frame_states``, ``frame_observations`` or ``frame_masks``."""
        target, start, length = getattr(self, name), int(self.starts[episode]), int(self.lengths[episode])
        target[start : start + length] = rows[:length]
        if len(rows) > length:
            target[self.n_steps + episode] = rows[length]

    def finish(
        self, name: str, *, notes: Sequence[str] = (), source: str = "", header: DatasetHeader | None = None
    ) -> OfflineDataset:
        """The validated dataset."""
        return OfflineDataset(
            name=name,
            n_actions=self.n_actions,
            frame_states=self.frame_states,
            frame_observations=self.frame_observations,
            actions=self.actions,
            rewards=self.rewards,
            terminated=self.terminated,
            truncated=self.truncated,
            lengths=self.lengths,
            frame_masks=self.frame_masks,
            final_known=self.final_known,
            notes=tuple(notes),
            source=source,
            header=DatasetHeader() if header is None else header,
        )


def _check_arrays(source: str, at: int, episode: EpisodeArrays) -> None:
    for name in ("states", "observations", "actions", "rewards", "action_masks"):
        value = getattr(episode, name)
        plain = isinstance(value, np.ndarray) and not isinstance(value, np.ma.MaskedArray)
        if not plain and not (value is None and name == "action_masks"):
            raise fail(source, f"episode {at}: {name}", got=type(value).__name__, expected="a NumPy array without a mask")


def _check_episode(source: str, at: int, episode: EpisodeArrays, like: EpisodeArrays, n_actions: Sequence[int]) -> bool:
    """Shapes and types of one episode against the first one's; returns whether it brings its final frame."""
    _check_arrays(source, at, episode)
    agents, length = len(n_actions), len(episode.actions)
    if length < 1:
        raise fail(source, f"episode {at}: actions", got="no step", expected="at least one step")
    if episode.actions.shape != (length, agents) or episode.actions.dtype.kind not in "iu":
        got = f"{episode.actions.dtype} {episode.actions.shape}"
        raise fail(source, f"episode {at}: actions", got=got, expected=f"integers of shape ({length}, {agents})")
    if episode.rewards.shape != (length,):
        raise fail(source, f"episode {at}: rewards.shape", got=episode.rewards.shape, expected=(length,))
    rows = len(episode.observations)
    if rows not in (length, length + 1):
        raise fail(
            source, f"episode {at}: observations rows", got=rows, expected=f"{length + 1}, or {length} without the final frame"
        )
    if (episode.action_masks is None) != (like.action_masks is None):
        raise fail(source, f"episode {at}: action_masks", got="given for some episodes only", expected="all or none")
    wanted = {
        "states": (rows, *like.states.shape[1:]),
        "observations": (rows, agents, *like.observations.shape[2:]),
        "action_masks": (rows, agents, max(n_actions)),
    }
    for name, shape in wanted.items():
        array = getattr(episode, name)
        if array is not None and array.shape != shape:
            raise fail(source, f"episode {at}: {name}.shape", got=array.shape, expected=shape)
    for name in ("states", "observations", "rewards"):
        if getattr(episode, name).dtype != getattr(like, name).dtype:
            got, expected = getattr(episode, name).dtype, getattr(like, name).dtype
            raise fail(source, f"episode {at}: {name}.dtype", got=got, expected=f"{expected}, as in episode 0")
    if episode.action_masks is not None and episode.action_masks.dtype != np.bool_:
        raise fail(source, f"episode {at}: action_masks.dtype", got=episode.action_masks.dtype, expected="bool")
    return rows == length + 1


def _action_at(episode: int, row: int, agent: int) -> str:
    return f"episode {episode}: actions[{row}, {agent}]"


def from_episodes(
    name: str,
    n_actions: Sequence[int],
    episodes: Sequence[EpisodeArrays],
    *,
    notes: Sequence[str] = (),
    source: str = "",
    header: DatasetHeader | None = None,
    memory_share: float = 0.5,
    scratch: str | Path | None = None,
) -> OfflineDataset:
    """A dataset of these episodes, in this order.

    Raises:
        InvalidDataError: an episode whose shapes or types do not fit, or values that :class:`OfflineDataset` refuses.
        ResourceError: no room.
    """
    if not episodes:
        raise fail(source, "episodes", got="none", expected="at least one episode")
    like = episodes[0]
    if np.ndim(like.states) != 2 or np.ndim(like.observations) != 3:
        got = f"states {np.shape(like.states)}, observations {np.shape(like.observations)}"
        raise fail(source, "episode 0", got=got, expected="states (L + 1, S), observations (L + 1, N, O)")
    known = [_check_episode(source, at, episode, like, n_actions) for at, episode in enumerate(episodes)]
    arrays = Arrays(
        np.array([len(episode.actions) for episode in episodes]),
        n_actions,
        state=(like.states.shape[1], like.states.dtype),
        observation=(like.observations.shape[2], like.observations.dtype),
        reward=like.rewards.dtype,
        masks=like.action_masks is not None,
        memory_share=memory_share,
        scratch=scratch,
    )
    arrays.final_known[:] = known
    for at, episode in enumerate(episodes):
        part = slice(int(arrays.starts[at]), int(arrays.starts[at] + arrays.lengths[at]))
        arrays.put_frames("frame_states", at, episode.states)
        arrays.put_frames("frame_observations", at, episode.observations)
        if episode.action_masks is not None:
            arrays.put_frames("frame_masks", at, episode.action_masks)
        arrays.actions[part] = whole_actions(source, partial(_action_at, at), episode.actions)
        arrays.rewards[part] = episode.rewards
        arrays.terminated[part.stop - 1] = episode.terminated
        arrays.truncated[part.stop - 1] = not episode.terminated if episode.truncated is None else episode.truncated
    return arrays.finish(name, notes=notes, source=source, header=header)


def _check_clock(source: str, episode: Array, time: Array) -> Array:
    """Lengths of the episodes of flat rows, after checking that episodes and times are contiguous."""
    for name, array in (("episode", episode), ("time", time)):
        if array.ndim != 1 or array.dtype.kind not in "iu" or not len(array):
            raise fail(source, name, got=f"{array.dtype} {array.shape}", expected="a vector of integers, not empty")
    if len(time) != len(episode):
        raise fail(source, "time", got=f"{len(time)} rows", expected=f"{len(episode)}, as many as `episode`")
    begins = np.concatenate([[True], episode[1:] != episode[:-1]])
    starts = np.flatnonzero(begins)
    wanted = np.arange(len(starts))
    wrong = np.flatnonzero(episode[starts] != wanted)
    if len(wrong):
        row = int(starts[wrong[0]])
        raise fail(source, f"episode[{row}]", got=int(episode[row]), expected=f"{wrong[0]}: episodes 0, 1, 2, ... in turn")
    lengths = np.diff(np.append(starts, len(episode)))
    clock = np.arange(len(episode)) - np.repeat(starts, lengths)
    late = np.flatnonzero(time != clock)
    if len(late):
        row = int(late[0])
        raise fail(
            source,
            f"time[{row}] (episode {episode[row]})",
            got=int(time[row]),
            expected=f"{clock[row]}: 0, 1, 2, ... without gaps",
        )
    return lengths


def _frames(source: str, key: str, now: Array, after: Array, ends: NDArray[np.int64]) -> Array:
    """Frames of all steps and then the final ones, (T + E, ...), of what was shown before and after each step, (T, ...)."""
    steps = int(ends[-1]) + 1
    if len(now) != steps or now.shape != after.shape or now.dtype != after.dtype:
        got = f"{now.dtype} {now.shape} and {after.dtype} {after.shape}"
        raise fail(source, f"{key}, next_{key}", got=got, expected=f"one type and shape with {steps} rows")
    inner = np.setdiff1d(np.arange(steps), ends)
    differs = (now[inner + 1] != after[inner]).any(axis=tuple(range(1, now.ndim)))
    if differs.any():
        row = int(inner[np.flatnonzero(differs)[0]])
        got = "another frame than the one of the next row"
        raise fail(source, f"next_{key}[{row}]", got=got, expected=f"{key}[{row + 1}]", remedy="end the episode there")
    return np.concatenate([now, after[ends]])


def from_transitions(
    name: str,
    n_actions: Sequence[int],
    *,
    states: Array,
    observations: Array,
    actions: Array,
    rewards: Array,
    next_states: Array,
    next_observations: Array,
    terminated: Array,
    truncated: Array,
    episode: Array,
    time: Array,
    action_masks: Array | None = None,
    next_action_masks: Array | None = None,
    notes: Sequence[str] = (),
    source: str = "",
    header: DatasetHeader | None = None,
) -> OfflineDataset:
    """A dataset from flat transitions, (T, ...) each; inside an episode the next frame must be the frame of the next row.

    Raises:
        InvalidDataError: shapes that disagree, a gap in episodes or times, a next frame that is not the next row's frame.
    """
    lengths = _check_clock(source, episode, time)
    ends = np.cumsum(lengths) - 1
    pairs = {"states": (states, next_states), "observations": (observations, next_observations)}
    if (action_masks is None) != (next_action_masks is None):
        raise fail(source, "next_action_masks", got="one of the two masks only", expected="both or none")
    if action_masks is not None and next_action_masks is not None:
        pairs["action_masks"] = (action_masks, next_action_masks)
    joined = {key: _frames(source, key, now, after, ends) for key, (now, after) in pairs.items()}
    return OfflineDataset(
        name=name,
        n_actions=tuple(n_actions),
        frame_states=joined["states"],
        frame_observations=joined["observations"],
        frame_masks=joined.get("action_masks"),
        actions=actions,
        rewards=rewards,
        terminated=terminated,
        truncated=truncated,
        lengths=lengths.astype(np.int64),
        notes=tuple(notes),
        source=source,
        header=DatasetHeader() if header is None else header,
    )
