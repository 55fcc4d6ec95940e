"""Recordings that can be stopped: episodes are kept in parts, each of which appears whole or not at all.

    FOLDER/plan.json          what is recorded; a folder of another plan is refused
    FOLDER/part-000000.npz    the first episodes, and so on

A part is made again only if it is not there, and every episode is a function of the plan and its number alone, so a recording
that was killed goes on where it was and ends in the same bits.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alberdice.datasets.build import EpisodeArrays
from alberdice.datasets.record import Recorded
from alberdice.errors import InvalidArgumentError, InvalidDataError, fail
from alberdice.files import is_file, write_atomically
from alberdice.readers import read_json

__all__ = ["Shards"]

Array = NDArray[Any]


class Shards:
    """A folder of parts.

    Args:
        folder: its place; made if it is not there.
        plan: JSON values that decide every bit of the episodes.
        episodes: how many in all.
        part: episodes of a part.

    Raises:
        InvalidArgumentError: the folder holds a recording of another plan, or something else.
    """

    def __init__(self, folder: Path, plan: Mapping[str, Any], episodes: int, part: int) -> None:
        self.folder = folder
        self.ranges = [range(first, min(first + part, episodes)) for first in range(0, episodes, part)]
        self.plan = json.loads(json.dumps({**plan, "episodes": episodes, "part": part}))
        path = folder / "plan.json"
        if is_file(path):
            self._check(read_json(path))
            return
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            remedy = "nothing was touched: move it away, or choose another id"
            raise InvalidArgumentError(str(folder), got="something else", expected="nothing, or a recording", remedy=remedy)
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(self.plan, indent=1).encode())

    def _check(self, known: Mapping[str, Any]) -> None:
        for key in sorted(set(known) | set(self.plan)):
            if known.get(key) != self.plan.get(key):
                raise InvalidArgumentError(
                    f"recording {self.folder}, {key}",
                    got=repr(self.plan.get(key)),
                    expected=f"{known.get(key)!r}, with which it was begun",
                    remedy="go on with the same plan, choose another id, or remove the folder",
                )

    def _path(self, at: int) -> Path:
        return self.folder / f"part-{at:06d}.npz"

    def missing(self) -> list[int]:
        """The parts that are still to be made."""
        return [at for at in range(len(self.ranges)) if not is_file(self._path(at))]

    def make(self, at: int, play: Callable[[range], Recorded]) -> Recorded:
        """Play the episodes of a part, and keep them."""
        done = play(self.ranges[at])
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **_packed(done))
        write_atomically(self._path(at), buffer.getvalue())
        return done

    def episodes(self) -> Iterator[EpisodeArrays]:
        """All episodes in their order, from the disk.

        Raises:
            InvalidDataError: a part that is missing or damaged.
        """
        for at, numbers in enumerate(self.ranges):
            try:
                with np.load(self._path(at), allow_pickle=False) as arrays:
                    found = _unpacked({name: arrays[name] for name in arrays.files})
            except (OSError, ValueError, KeyError, zipfile.BadZipFile) as problem:
                remedy = "remove it and collect again: the other parts are kept"
                raise fail(
                    str(self._path(at)), "part", got=str(problem), expected="a part of a recording", remedy=remedy
                ) from problem
            if len(found) != len(numbers):
                raise fail(str(self._path(at)), "episodes", got=len(found), expected=len(numbers), remedy="remove it")
            yield from found


def _packed(done: Recorded) -> dict[str, Array]:
    episodes = done.episodes
    packed = {
        name: np.concatenate([getattr(e, name) for e in episodes]) for name in ("states", "observations", "actions", "rewards")
    }
    if episodes[0].action_masks is not None:
        packed["action_masks"] = np.concatenate([np.asarray(e.action_masks) for e in episodes])
    packed["lengths"] = np.array([len(e.actions) for e in episodes], np.int64)
    for name in ("terminated", "truncated"):
        packed[name] = np.array([bool(getattr(e, name)) for e in episodes])
    return packed


def _unpacked(arrays: Mapping[str, Array]) -> list[EpisodeArrays]:
    lengths = arrays["lengths"]
    if lengths.ndim != 1 or lengths.dtype.kind != "i" or (lengths < 1).any() or lengths.sum() != len(arrays["actions"]):
        raise InvalidDataError("lengths", got=lengths.shape, expected="the steps of every episode")
    steps, frames = np.cumsum(lengths) - lengths, np.cumsum(lengths + 1) - lengths - 1
    episodes = []
    for at, length in enumerate(lengths.tolist()):
        seen, done = slice(frames[at], frames[at] + length + 1), slice(steps[at], steps[at] + length)
        episodes.append(
            EpisodeArrays(
                states=arrays["states"][seen],
                observations=arrays["observations"][seen],
                actions=arrays["actions"][done],
                rewards=arrays["rewards"][done],
                terminated=bool(arrays["terminated"][at]),
                truncated=bool(arrays["truncated"][at]),
                action_masks=arrays["action_masks"][seen] if "action_masks" in arrays else None,
            )
        )
    return episodes
