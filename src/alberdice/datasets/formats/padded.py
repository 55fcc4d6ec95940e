"""Padded episodes, as PyMARL keeps them: arrays [E, R, ...] with R rows for every episode, whatever its length.

    actions (E, R, N, 1) integers     avail_actions (E, R, N, A) 0/1     filled, terminated (E, R, 1)
    reward (E, R, 1), or (E, R, N) where each agent has its own
    obs (E, R, N, O)                  state (E, R, S)

Row t of an episode of L steps is a step for t < L.  ``filled`` is a prefix of ones: L + 1 of them, row L being the final frame
(its action is a sample that was never played, its reward 0), or L of them where the recorder kept no final frame.  Rows after
the prefix are zero.  ``terminated`` is 1 at most once, at row L - 1:

    terminated at the last but one filled row      the last filled row is the final frame
    terminated at the last filled row              no final frame was kept
    terminated nowhere                             a time limit; the last filled row is the final frame

Some writers mark time limits as terminated too.  ``episode_limit`` undoes this: an episode of exactly that many steps is
truncated, a shorter one terminated, a longer one an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alberdice.datasets.build import Arrays
from alberdice.datasets.dataset import OfflineDataset
from alberdice.datasets.formats.rewards import check_rule, combined, header_rule, reward_note
from alberdice.datasets.header import DatasetHeader
from alberdice.datasets.validation import whole_actions
from alberdice.errors import fail

__all__ = ["Padded", "read_padded"]

_NDIM = {"actions": 4, "avail_actions": 4, "filled": 3, "terminated": 3, "reward": 3, "obs": 4, "state": 3}


@dataclass(frozen=True)
class Padded:
    """The arrays of a padded buffer, by name, and how to speak of one of them in a message."""

    source: str
    arrays: Mapping[str, Any]
    label: str = "{}"

    def at(self, name: str, *index: int) -> str:
        """Place of an element, as messages name it."""
        return self.label.format(name) + (f"[{', '.join(map(str, index))}]" if index else "")


def _check_shapes(padded: Padded, episodes: int) -> tuple[int, int, int, int, int]:
    """(R, N, A, O, S), after checking every array's dimensions and type."""
    arrays, source = padded.arrays, padded.source
    for name, ndim in _NDIM.items():
        array = arrays[name]
        if array.ndim != ndim:
            raise fail(source, padded.at(name) + ".shape", got=array.shape, expected=f"{ndim} dimensions")
        kinds = {"actions": "iu", "state": "fiub", "obs": "fiub", "reward": "f"}.get(name, "fiub")
        if array.dtype.kind not in kinds:
            words = {"iu": "an integer type", "f": "a float type"}.get(kinds, "a number type")
            raise fail(source, padded.at(name) + ".dtype", got=array.dtype, expected=words)
    rows, agents = arrays["actions"].shape[1:3]
    choices, size, state = arrays["avail_actions"].shape[3], arrays["obs"].shape[3], arrays["state"].shape[2]
    wanted = {
        "actions": (rows, agents, 1),
        "avail_actions": (rows, agents, choices),
        "filled": (rows, 1),
        "terminated": (rows, 1),
        "reward": (rows, 1),
        "obs": (rows, agents, size),
        "state": (rows, state),
    }
    for name, shape in wanted.items():
        got = arrays[name].shape
        own = name == "reward" and got[1:] == (rows, agents)  # each agent's own
        if got[1:] != shape and not own:
            expected = f"(episodes, {', '.join(map(str, shape))}): {rows} rows and {agents} agents by `actions`"
            raise fail(source, padded.at(name) + ".shape", got=got, expected=expected)
        if got[0] != episodes:
            raise fail(source, padded.at(name) + ".shape", got=got, expected=f"{episodes} episodes by the header")
    return rows, agents, choices, size, state


def _truth(padded: Padded, name: str) -> NDArray[np.bool_]:
    """A 0/1 array as bool, refusing any other value."""
    array = np.asarray(padded.arrays[name])
    wrong = (array != 0) & (array != 1)
    if wrong.any():
        at = np.argwhere(wrong)[0]
        raise fail(padded.source, padded.at(name, *at), got=array[tuple(at)], expected="0 or 1")
    return array.astype(np.bool_)


def _lengths(padded: Padded) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Steps of each episode, whether its final frame is kept, whether ``terminated`` is marked."""
    filled, terminated = _truth(padded, "filled")[:, :, 0], _truth(padded, "terminated")[:, :, 0]
    source, count = padded.source, filled.sum(axis=1)
    holes = filled != (np.arange(filled.shape[1])[None, :] < count[:, None])
    if holes.any():
        episode = int(np.argwhere(holes)[0][0])
        row = int(np.argmin(filled[episode]))
        raise fail(
            source, padded.at("filled", episode, row), got="0 before a later 1", expected="ones without holes, then zeros"
        )
    marks = terminated.sum(axis=1)
    double = np.flatnonzero(marks > 1)
    if len(double):
        row = int(np.argmax(terminated[double[0]]))
        remedy = "split the episode there"
        raise fail(
            source, padded.at("terminated", double[0], row), got="1 before the end of the episode", expected=0, remedy=remedy
        )
    marked = marks == 1
    row = np.argmax(terminated, axis=1)
    known = ~marked | (row == count - 2)
    lengths = np.where(known, count - 1, count)
    wrong = np.flatnonzero(marked & (row != lengths - 1))
    if len(wrong):
        episode = int(wrong[0])
        expected = (
            f"0: the episode has {count[episode]} filled rows, so it ends at row {count[episode] - 2} or {count[episode] - 1}"
        )
        raise fail(source, padded.at("terminated", episode, int(row[episode])), got=1, expected=expected)
    empty = np.flatnonzero(lengths < 1)
    if len(empty):
        raise fail(
            source,
            padded.at("filled", empty[0]),
            got=f"{count[empty[0]]} rows",
            expected="at least one step and its final frame",
        )
    return lengths, known, marked


def _ends(
    padded: Padded, lengths: NDArray[np.int64], marked: NDArray[np.bool_], limit: int | None
) -> tuple[NDArray[np.bool_], list[str]]:
    """Which episodes are terminated (the others are truncated), and what was assumed."""
    if limit is None:
        if not marked.any():
            return marked, ["No episode is marked terminated: all are taken as cut by a time limit."]
        notes = ["No episode limit was given: episodes marked terminated are taken to have ended, not to have been cut."]
        if not marked.all():
            notes.append(f"{int((~marked).sum())} episodes are not marked terminated and are taken as truncated.")
        return marked, notes
    over = np.flatnonzero(lengths > limit)
    if len(over):
        raise fail(
            padded.source,
            padded.at("filled", over[0]),
            got=f"{lengths[over[0]]} steps",
            expected=f"at most the episode limit, {limit}",
        )
    terminated = marked & (lengths < limit)
    cut, shorter = int((lengths == limit).sum()), int(terminated.sum())
    note = f"Episode limit {limit}: {cut} episodes of exactly {limit} steps are truncated, {shorter} shorter ones terminated."
    notes = [note]
    unmarked = int((~marked & (lengths < limit)).sum())
    if unmarked:
        notes.append(f"{unmarked} episodes shorter than the limit are not marked terminated and are taken as truncated.")
    return terminated, notes


def _check_rest(padded: Padded, lengths: NDArray[np.int64], known: NDArray[np.bool_]) -> list[str]:
    """Rows that are no steps must hold nothing, but for the final frame."""
    notes: list[str] = []
    rows = np.arange(padded.arrays["actions"].shape[1])[None, :]
    padding = rows >= (lengths + known)[:, None]
    final = (rows == lengths[:, None]) & known[:, None]
    for name in ("reward", "terminated"):
        array = np.asarray(padded.arrays[name])
        wrong = (padding | final)[:, :, None] & (array != 0)
        if wrong.any():
            at = np.argwhere(wrong)[0]
            raise fail(padded.source, padded.at(name, *at), got=array[tuple(at)], expected="0 at and after the final frame")
    for name in ("actions", "obs", "state", "avail_actions"):
        array = padded.arrays[name]
        for episode in range(len(array)):
            if np.any(array[episode][padding[episode]]):
                notes.append(
                    f"Rows of `{name}` after the end of episodes hold values that belong to no step; they were left out."
                )
                break
    sampled = np.asarray(padded.arrays["actions"])[:, :, :, 0][final]
    if np.any(sampled):
        notes.append("Final frames carry sampled actions that were never played; they were left out.")
    return notes


def _fill(
    arrays: Arrays, padded: Padded, terminated: NDArray[np.bool_], team: Callable[[str, NDArray[Any]], NDArray[Any]]
) -> None:
    """Copy episode by episode; ``team`` makes the team's rewards of the agents', told where they lie."""
    source, masks = padded.arrays, _truth(padded, "avail_actions")
    for episode, length in enumerate(arrays.lengths.tolist()):
        start = int(arrays.starts[episode])
        frames = length + int(arrays.final_known[episode])
        arrays.put_frames("frame_states", episode, source["state"][episode, :frames])
        arrays.put_frames("frame_observations", episode, source["obs"][episode, :frames])
        arrays.put_frames("frame_masks", episode, masks[episode, :frames])
        place = partial(padded.at, "actions", episode)
        arrays.actions[start : start + length] = whole_actions(padded.source, place, source["actions"][episode, :length, :, 0])
        where = f"{padded.at('reward')}[{episode}, {{}}]"
        arrays.rewards[start : start + length] = team(where, np.asarray(source["reward"][episode, :length]))
        arrays.terminated[start + length - 1] = terminated[episode]
        arrays.truncated[start + length - 1] = not terminated[episode]


def read_padded(
    padded: Padded,
    name: str,
    *,
    episodes: int,
    n_actions: Sequence[int] | None,
    episode_limit: int | None,
    team_reward: str,
    notes: Sequence[str],
    header: DatasetHeader,
    memory_share: float,
    scratch: str | Path | None,
) -> OfflineDataset:
    """The dataset of a padded buffer of ``episodes`` episodes.

    Raises:
        InvalidDataError: shapes, types or values that do not fit the layout.
    """
    _, agents, choices, size, state = _check_shapes(padded, episodes)
    check_rule(padded.source, team_reward, header.agents)
    own = tuple(int(n) for n in (n_actions if n_actions is not None else [choices] * agents))
    if len(own) != agents or max(own) != choices:
        remedy = "give one number per agent, the largest being the width of avail_actions"
        raise fail(padded.source, "n_actions", got=own, expected=f"{agents} agents, at most {choices} actions", remedy=remedy)
    lengths, known, marked = _lengths(padded)
    terminated, said = _ends(padded, lengths, marked, episode_limit)
    said += _check_rest(padded, lengths, known)
    unknown = int((~known).sum())
    if unknown:
        said.append(
            f"{unknown} episodes have no final frame; where truncated, their last step is kept as a step but is no transition."
        )
    source = padded.arrays
    native = {key: np.dtype(source[key].dtype).newbyteorder("=") for key in ("state", "obs", "reward")}
    arrays = Arrays(
        lengths,
        own,
        state=(state, native["state"]),
        observation=(size, native["obs"]),
        reward=native["reward"],
        masks=True,
        memory_share=memory_share,
        scratch=scratch,
    )
    arrays.final_known[:] = known
    _fill(
        arrays, padded, terminated, lambda where, rewards: combined(padded.source, where, rewards, team_reward, header.agents)
    )
    if source["reward"].shape[2] > 1:
        header = replace(header, team_reward=header_rule(team_reward))
        if team_reward != "equal":
            said.append(reward_note(team_reward))
    if episode_limit is not None:
        header = replace(header, episode_limit=episode_limit)
    return arrays.finish(name, notes=(*notes, *said), source=padded.source, header=header)
