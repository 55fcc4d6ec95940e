"""PyMARL-style buffers: a directory of padded NumPy arrays, one file per field, and a header.

    actions.npy  actions_onehot.npy  avail_actions.npy  filled.npy  obs.npy  reward.npy  state.npy  terminated.npy
    meta.json    {"buffer_index", "episodes_in_buffer", "buffer_size"}

The arrays' layout is that of :mod:`alberdice.datasets.formats.padded`.  ``actions_onehot`` repeats ``actions`` and is checked
against it where present.  Arrays may have ``buffer_size`` rows, of which ``episodes_in_buffer`` are in use; without a meta.json
these are the ones before the first row of which ``filled`` holds no step.  This package's own buffers add ``n_actions``,
``notes`` and ``alberdice_header`` to meta.json, which other readers pass over.

What the layout cannot hold, writing says: a truncated episode whose final frame is unknown, an episode both terminated and
truncated, and that a source had no masks.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alberdice.datasets.dataset import OfflineDataset
from alberdice.datasets.formats.padded import Padded, read_padded
from alberdice.datasets.header import DatasetHeader
from alberdice.errors import fail
from alberdice.files import atomic_directory, inside, strange_content
from alberdice.readers import library_errors, read_json, read_npy

__all__ = ["read_pymarl", "write_pymarl"]

_FIELDS = ("actions", "avail_actions", "filled", "obs", "reward", "state", "terminated")


def _episodes(directory: Path) -> tuple[int, int, dict[str, Any]]:
    """(episodes in use, buffer size, header)."""
    if not os.path.lexists(directory / "meta.json") and os.path.lexists(directory / "filled.npy"):
        return _inferred(directory)
    path = inside(directory, "meta.json")
    meta = read_json(path)
    for key in ("buffer_index", "episodes_in_buffer", "buffer_size"):
        value = meta.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise fail(str(path), key, got=repr(value) if key in meta else "no such key", expected="a whole number")
    if not 1 <= meta["episodes_in_buffer"] <= meta["buffer_size"]:
        raise fail(
            str(path), "episodes_in_buffer", got=meta["episodes_in_buffer"], expected=f"1 to buffer_size, {meta['buffer_size']}"
        )
    if meta["buffer_index"] > meta["buffer_size"]:
        raise fail(str(path), "buffer_index", got=meta["buffer_index"], expected=f"at most buffer_size, {meta['buffer_size']}")
    return meta["episodes_in_buffer"], meta["buffer_size"], meta


def _inferred(directory: Path) -> tuple[int, int, dict[str, Any]]:
    """The same of ``filled`` alone: the episodes before the first row that holds none."""
    filled = read_npy(inside(directory, "filled.npy"))
    held = np.array([bool(np.any(row)) for row in np.atleast_1d(filled)], np.bool_)
    used = int(held.sum())
    if not used or not held[:used].all():
        where, got = f"filled[{int(np.argmin(held)) if held.size else 0}]", "no step, before episodes that have some"
        remedy = "say in meta.json which rows are in use: episodes_in_buffer"
        raise fail(str(directory / "filled.npy"), where, got=got if used else "no step", expected="1", remedy=remedy)
    said = f"There is no meta.json: by filled.npy {used} of {len(held)} rows of the buffer are episodes."
    return used, len(held), {"notes": [said]}


def _used(directory: Path, name: str, array: Any, used: int, size: int) -> Any:
    """The rows in use of a buffer's array."""
    if not array.ndim or len(array) not in (used, size):
        path = str(directory / f"{name}.npy")
        raise fail(
            path, f"{name}.shape", got=array.shape, expected=f"{used} episodes in use, or buffer_size {size}, by meta.json"
        )
    if name == "filled" and np.any(array[used:]):
        row = used + int(np.flatnonzero(np.asarray(array[used:]).any(axis=tuple(range(1, array.ndim))))[0])
        raise fail(str(directory / "filled.npy"), f"filled[{row}]", got=1, expected=f"0 beyond the {used} episodes in use")
    return array[:used]


def _check_onehot(directory: Path, onehot: Any, actions: Any, filled: Any) -> None:
    """``actions_onehot`` must say what ``actions`` says."""
    path = str(directory / "actions_onehot.npy")
    if onehot.ndim != 4 or onehot.shape[:3] != actions.shape[:3]:
        raise fail(path, "actions_onehot.shape", got=onehot.shape, expected=f"({', '.join(map(str, actions.shape[:3]))}, A)")
    for episode in range(len(actions)):
        rows = int(np.sum(filled[episode]))
        chosen = np.asarray(actions[episode, :rows, :, 0])
        wanted = np.arange(onehot.shape[3]) == chosen[:, :, None]
        wrong = np.asarray(onehot[episode, :rows]) != wanted
        wrong &= np.asarray(onehot[episode, :rows]).any(axis=2, keepdims=True) | (np.arange(rows) < rows - 1)[:, None, None]
        if wrong.any():
            row, agent, action = (int(i) for i in np.argwhere(wrong)[0])
            got = onehot[episode, row, agent, action]
            expected = f"one-hot of actions[{episode}, {row}, {agent}] = {chosen[row, agent]}"
            raise fail(path, f"actions_onehot[{episode}, {row}, {agent}, {action}]", got=got, expected=expected)


def read_pymarl(
    directory: str | Path,
    *,
    name: str | None = None,
    episode_limit: int | None = None,
    n_actions: Sequence[int] | None = None,
    team_reward: str = "equal",
    memory_share: float = 0.5,
    scratch: str | Path | None = None,
) -> OfflineDataset:
    """Read a PyMARL-style buffer.

    Args:
        directory: where meta.json and the .npy files are.
        name: the dataset's name; None is the directory's.
        episode_limit: steps at which the writer's time limit cut episodes; those are then truncated rather than terminated.
        n_actions: actions per agent; None takes meta.json's, or the width of avail_actions for every agent.
        team_reward: where rewards are per agent, how they become the team's: 'mean' or 'sum'; by default they must be equal.
        memory_share: share of memory beyond which arrays are mapped from scratch files.
        scratch: directory of the scratch files.

    Raises:
        InvalidDataError: a file missing, truncated, pickled or inconsistent, naming file, field and index.
    """
    base = Path(directory)
    with library_errors(str(base), "a PyMARL-style buffer"):
        return _read(
            base,
            base.name if name is None else name,
            episode_limit=episode_limit,
            n_actions=n_actions,
            team_reward=team_reward,
            memory_share=memory_share,
            scratch=scratch,
        )


def _read(
    base: Path, name: str, *, episode_limit: int | None, n_actions: Sequence[int] | None, **options: Any
) -> OfflineDataset:
    """The buffer in ``base``; arguments as in :func:`read_pymarl`."""
    used, size, meta = _episodes(base)
    arrays = {}
    for key in _FIELDS:
        arrays[key] = _used(base, key, read_npy(inside(base, f"{key}.npy")), used, size)
    padded = Padded(str(base), arrays, "{}.npy")
    notes = [f"Read from a PyMARL-style buffer; rewards, states and observations keep the types of {base.name}."]
    own = n_actions if n_actions is not None else meta.get("n_actions")
    if own is not None and not (isinstance(own, list | tuple) and all(isinstance(n, int) for n in own)):
        raise fail(str(base / "meta.json"), "n_actions", got=own, expected="a list of whole numbers")
    if own is None:
        notes.append("Every agent is taken to have as many actions as avail_actions is wide.")
    stated = meta.get("notes", [])
    if isinstance(stated, list):
        notes = [*(str(note) for note in stated), *notes]
    header = DatasetHeader.from_json(meta.get("alberdice_header", {}), str(base / "meta.json"))
    data = read_padded(
        padded,
        name,
        episodes=used,
        n_actions=own,
        episode_limit=episode_limit,
        notes=notes,
        header=header,
        **options,
    )
    if (base / "actions_onehot.npy").exists():
        onehot = _used(base, "actions_onehot", read_npy(inside(base, "actions_onehot.npy")), used, size)
        _check_onehot(base, onehot, arrays["actions"], arrays["filled"])
    return data


def _losses(dataset: OfflineDataset, mark_time_limits: bool) -> list[str]:
    """Refuse what the layout would confuse; say what it cannot hold."""
    ends = dataset.starts + dataset.lengths - 1
    confused = np.flatnonzero(~dataset.terminated[ends] & ~dataset.final_known)
    if len(confused) and not mark_time_limits:
        raise fail(
            dataset.name,
            f"episode {confused[0]}",
            got="truncated, without a final frame",
            expected="a final frame: without one an unmarked episode would be read as one step shorter",
            remedy="write with mark_time_limits=True, or drop its last step explicitly",
        )
    losses = []
    both = int((dataset.terminated & dataset.truncated).sum())
    if both:
        losses.append(f"{both} episodes are both terminated and truncated; the buffer holds one mark.")
    if mark_time_limits and dataset.truncated[ends].any():
        lost = (
            "Time limits are marked terminated, as the layout does; read the buffer with its episode_limit to tell them apart."
        )
        losses.append(lost)
    if dataset.frame_masks is None:
        losses.append("The source had no action masks; avail_actions is one for each of an agent's actions.")
    return losses


def write_pymarl(
    dataset: OfflineDataset, directory: str | Path, *, mark_time_limits: bool = True, overwrite: bool = False
) -> tuple[str, ...]:
    """Write a PyMARL-style buffer.

    Args:
        dataset: what to write.
        directory: a new directory.
        mark_time_limits: mark truncated episodes terminated too, as the published buffers do.
        overwrite: replace what is there.

    Returns:
        What the layout could not hold, one sentence each.

    Raises:
        InvalidDataError: an episode that the layout would confuse with a shorter one.
        ResourceError: the disk is full.
    """
    losses = _losses(dataset, mark_time_limits)
    episodes, rows = dataset.n_episodes, int(dataset.lengths.max()) + 1
    agents, choices = dataset.n_agents, max(dataset.n_actions)
    shapes: dict[str, tuple[tuple[int, ...], Any]] = {
        "actions": ((agents, 1), np.int64),
        "actions_onehot": ((agents, choices), np.int64),
        "avail_actions": ((agents, choices), np.int64),
        "filled": ((1,), np.int64),
        "obs": ((agents, dataset.observation_size), dataset.frame_observations.dtype),
        "reward": ((1,), dataset.rewards.dtype),
        "state": ((dataset.state_size,), dataset.frame_states.dtype),
        "terminated": ((1,), np.int64),
    }
    with atomic_directory(Path(directory), "PyMARL buffer", _stranger, overwrite=overwrite) as partial:
        for key, (tail, kind) in shapes.items():
            kind = np.dtype(kind)
            with (partial / f"{key}.npy").open("xb") as file:
                form = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": (episodes, rows, *tail)}
                np.lib.format.write_array_header_1_0(file, form)
                for episode in range(episodes):
                    row = np.zeros((rows, *tail), kind)
                    _fill(dataset, key, episode, row, mark_time_limits)
                    file.write(row.tobytes())
        meta = {
            "buffer_index": 0,
            "episodes_in_buffer": episodes,
            "buffer_size": episodes,
            "n_actions": list(dataset.n_actions),
            "alberdice_header": dataset.header.as_json(),
            "notes": [*dataset.notes, *losses],
        }
        (partial / "meta.json").write_text(json.dumps(meta, indent=1))
    return tuple(losses)


def _stranger(directory: Path) -> str:
    """What a directory holds that is no buffer, in words."""
    names = [*(f"{field}.npy" for field in _FIELDS), "meta.json"]
    return strange_content(directory, names, "|".join(map(re.escape, [*names, "actions_onehot.npy"])))


def _fill(dataset: OfflineDataset, key: str, episode: int, row: NDArray[Any], mark_time_limits: bool) -> None:
    """Write one field of one episode into its zero rows (R, ...)."""
    start, length = int(dataset.starts[episode]), int(dataset.lengths[episode])
    steps, final = slice(start, start + length), dataset.n_steps + episode
    known = bool(dataset.final_known[episode])
    if key == "actions":
        row[:length, :, 0] = dataset.actions[steps]
    elif key == "actions_onehot":
        row[:length] = np.arange(row.shape[2]) == dataset.actions[steps][:, :, None]
    elif key == "filled":
        row[: length + known] = 1
    elif key == "reward":
        row[:length, 0] = dataset.rewards[steps]
    elif key == "terminated":
        row[length - 1] = mark_time_limits or dataset.terminated[steps.stop - 1]
    elif key == "avail_actions":
        row[:length] = dataset.masks_of(steps)
        row[length : length + known] = dataset.masks_of(slice(final, final + known))
    else:
        frames = dataset.frame_observations if key == "obs" else dataset.frame_states
        row[:length] = frames[steps]
        row[length : length + known] = frames[final : final + known]
