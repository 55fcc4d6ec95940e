"""Reading and writing the HDF5 file of the native store, one group per episode.

HDF5 says where the bytes of a contiguous array lie (a file offset); those bytes are read straight into their place in the flat
arrays, first L rows and final frame in one vectored read.  An array that is chunked, filtered or of another type goes through
HDF5.  Links out of the file (soft, external, virtual, external storage) are refused: a dataset is what is in its own file.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alberdice.datasets.build import Arrays
from alberdice.datasets.dataset import OfflineDataset
from alberdice.datasets.memory import release
from alberdice.datasets.packages import require
from alberdice.errors import fail
from alberdice.files import storage_errors
from alberdice.readers import library_errors

__all__ = ["HDF5", "EpisodeFile", "check_links", "open_hdf5"]

HDF5 = "a whole HDF5 file"
_STEP_FIELDS = {"actions": "actions", "rewards": "rewards", "terminations": "terminated", "truncations": "truncated"}
_FRAME_FIELDS = {"observations": "frame_observations", "infos/state": "frame_states", "infos/avail_actions": "frame_masks"}


def open_hdf5(path: Path) -> Any:
    """An h5py.File open for reading.

    Raises:
        InvalidDataError: missing, truncated or not HDF5.
    """
    h5py = require("h5py")

    with storage_errors(path):
        path.open("rb").close()
    with library_errors(f"{path}: file", HDF5):
        return h5py.File(path, "r")


def check_links(path: Path, group: Any, name: str) -> Any:
    """The array ``group[name]``, refused where its link or its storage leaves the file.

    Raises:
        InvalidDataError: missing, not an array, or not stored in this file.
    """
    h5py = require("h5py")

    where = f"{group.name.rstrip('/')}/{name}"
    at = group.id
    for part in name.split("/"):
        key = part.encode()
        if not isinstance(at, h5py.h5g.GroupID) or not at.links.exists(key):
            raise fail(str(path), where, got="no such key", expected="an array")
        if at.links.get_info(key).type != h5py.h5l.TYPE_HARD:
            raise fail(str(path), where, got="a link", expected="data stored in this file", remedy="copy the data in")
        with library_errors(f"{path}: {where}", "an array"):
            at = h5py.h5o.open(at, key)
    if not isinstance(at, h5py.h5d.DatasetID):
        raise fail(str(path), where, got="a group", expected="an array")
    layout = at.get_create_plist()
    if layout.get_layout() == h5py.h5d.VIRTUAL or layout.get_external_count():
        raise fail(str(path), where, got="data stored in another file", expected="data stored in this file")
    declared, held = math.prod(at.shape) * at.dtype.itemsize, at.get_storage_size()
    if declared > _DEFLATE * held + _SLACK:
        got = f"shape {at.shape}, {declared:,} bytes, of {held:,} stored ones"
        raise fail(str(path), where, got=got, expected="no more than they can hold", remedy="get the file again")
    if layout.get_layout() == h5py.h5d.CHUNKED:  # HDF5 takes some kilobytes for every chunk that it reads, stored or not
        chunks = math.prod(-(-n // c) for n, c in zip(at.shape, layout.get_chunk(), strict=True))
        if chunks > at.get_num_chunks() + _UNSTORED:
            got = f"{chunks:,} chunks, of which {at.get_num_chunks():,} are stored"
            raise fail(str(path), where, got=got, expected="stored chunks", remedy="get the file again")
    return h5py.Dataset(at)


#: chunks that need not be stored
_UNSTORED = 1000
#: bytes that a stored one can stand for when compressed, and bytes that need not be stored at all
_DEFLATE, _SLACK = 1032, 1 << 20
#: bytes of a mapped array that are held while it is filled
_HELD = 1 << 26


class _HeldFile:
    """A file for HDF5 to write that never fails: the first failure is kept, and what follows it is not written.

    HDF5 crashes the process when it cannot write what it holds back; this way it closes in peace, and the failure is raised
    afterwards.
    """

    def __init__(self, raw: io.FileIO) -> None:
        self._raw = raw
        self.problem: OSError | None = None
        self.seek, self.tell, self.read, self.readinto = raw.seek, raw.tell, raw.read, raw.readinto

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        done = 0
        try:
            while self.problem is None and done < len(view):
                done += self._raw.write(view[done:]) or 0
        except OSError as problem:
            self.problem = problem
        return len(view)

    def truncate(self, size: int) -> int:
        try:
            if self.problem is None:
                self._raw.truncate(size)
        except OSError as problem:
            self.problem = problem
        return size

    def flush(self) -> None:
        """Nothing is buffered."""


class EpisodeFile:
    """A native HDF5 file, open for reading; a context manager."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = open_hdf5(path)
        self._shifted = bool(self._file.userblock_size)
        self._raw = os.open(path, os.O_RDONLY)

    def __enter__(self) -> EpisodeFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()
        os.close(self._raw)

    @staticmethod
    def write(path: Path, dataset: OfflineDataset) -> None:
        """Write a dataset's episodes to a new file."""
        h5py = require("h5py")

        names = [name for name in _FRAME_FIELDS if not (name == "infos/state" and dataset.state_size == 0)]
        if dataset.frame_masks is None:
            names.remove("infos/avail_actions")
        with path.open("xb+", buffering=0) as raw:
            held = _HeldFile(raw)
            with h5py.File(held, "w") as file:
                for episode in range(dataset.n_episodes):
                    group = file.create_group(f"episode_{episode}")
                    start, length = int(dataset.starts[episode]), int(dataset.lengths[episode])
                    group.attrs["id"] = episode
                    group.attrs["total_steps"] = length
                    for name, field in _STEP_FIELDS.items():
                        group.create_dataset(name, data=getattr(dataset, field)[start : start + length])
                    group.create_group("infos")
                    rows = length + bool(dataset.final_known[episode])
                    for name in names:
                        frames = getattr(dataset, _FRAME_FIELDS[name])
                        target = group.create_dataset(name, shape=(rows, *frames.shape[1:]), dtype=frames.dtype)
                        if target.size:
                            target[:length] = frames[start : start + length]
                            target[length:] = frames[dataset.n_steps + episode :][: rows - length]
                            release(frames)
            if held.problem is not None:
                raise held.problem

    def _groups(self, episodes: int) -> Iterator[tuple[int, Any]]:
        h5py = require("h5py")

        for episode in range(episodes):
            name = f"episode_{episode}"
            link = self._file.get(name, getlink=True)
            if link is None:
                raise fail(str(self.path), name, got="no such group", expected=f"{episodes} episodes by metadata.json")
            if not isinstance(link, h5py.HardLink):
                raise fail(str(self.path), name, got=type(link).__name__, expected="a group stored in this file")
            with library_errors(f"{self.path}: {name}", HDF5):
                group = self._file[name]
            if not isinstance(group, h5py.Group):
                raise fail(str(self.path), name, got="an array", expected="a group")
            yield episode, group

    def lengths(self, episodes: int, unknown: set[int]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Steps of each episode (E,), by its actions, and whether its final frame is stored (E,), by the header.

        Raises:
            InvalidDataError: more or fewer episodes than metadata.json says, or lengths that disagree.
        """
        if len(self._file) != episodes:
            raise fail(
                str(self.path), "file", got=f"{len(self._file)} groups", expected=f"{episodes} episodes by metadata.json"
            )
        lengths = np.zeros(episodes, np.int64)
        known = np.ones(episodes, np.bool_)
        for episode, group in self._groups(episodes):
            actions = check_links(self.path, group, "actions")
            lengths[episode] = actions.id.shape[0] if actions.id.rank else 0
            known[episode] = episode not in unknown
            stated = group.attrs.get("total_steps")
            if stated != lengths[episode]:
                raise fail(
                    str(self.path),
                    f"episode_{episode}/actions",
                    got=f"{lengths[episode]} rows",
                    expected=f"{stated} by total_steps",
                )
            if lengths[episode] < 1:
                raise fail(str(self.path), f"episode_{episode}/actions", got="no step", expected="at least one step")
        return lengths, known

    def check_sizes(self, sizes: dict[str, tuple[int, ...]]) -> None:
        """Compare the first episode's arrays with the header's sizes, before anything of that size is allocated.

        Args:
            sizes: array name -> shape without its first axis.
        """
        group = self._file["episode_0"]
        for name, tail in sizes.items():
            stored = check_links(self.path, group, name)
            if stored.id.shape[1:] != tail:
                where = f"/episode_0/{name}.shape"
                raise fail(
                    str(self.path), where, got=stored.id.shape, expected=f"(rows, {', '.join(map(str, tail))}) by the header"
                )

    def fill(self, arrays: Arrays) -> None:
        """Read every episode into the flat arrays.

        Raises:
            InvalidDataError: an array that is missing, or of another type or shape than the header says.
        """
        frames = {name: getattr(arrays, field) for name, field in _FRAME_FIELDS.items()}
        frames = {name: array for name, array in frames.items() if array is not None and array.shape[-1]}
        read = 0
        for episode, group in self._groups(len(arrays.lengths)):
            start, stop = int(arrays.starts[episode]), int(arrays.starts[episode] + arrays.lengths[episode])
            for name, field in _STEP_FIELDS.items():
                self._read(group, name, [getattr(arrays, field)[start:stop]])
            last = arrays.n_steps + episode
            for name, array in frames.items():
                tail = [array[last : last + 1]] if arrays.final_known[episode] else []
                self._read(group, name, [array[start:stop], *tail])
                read += array[start:stop].nbytes
            if read > _HELD:
                read = 0
                for array in frames.values():
                    release(array)

    def _read(self, group: Any, name: str, pieces: list[NDArray[Any]]) -> None:
        """Fill consecutive pieces of rows from one stored array."""
        stored = check_links(self.path, group, name)
        kind = pieces[0].dtype
        shape = (sum(len(piece) for piece in pieces), *pieces[0].shape[1:])
        where = f"{group.name}/{name}"
        if stored.id.shape != shape:
            raise fail(str(self.path), f"{where}.shape", got=stored.id.shape, expected=shape)
        if stored.id.dtype != kind:
            raise fail(str(self.path), f"{where}.dtype", got=stored.id.dtype, expected=kind)
        offset = stored.id.get_offset()
        if offset is None or self._shifted or not hasattr(os, "preadv"):
            with library_errors(f"{self.path}: {where}", "readable data"):
                whole = stored[()]
            first = 0
            for piece in pieces:
                piece[:] = whole[first : first + len(piece)]
                first += len(piece)
            return
        wanted = sum(piece.nbytes for piece in pieces)
        if os.preadv(self._raw, [piece.data for piece in pieces], offset) != wanted:
            self._read_slowly(where, pieces, offset)
        if kind == np.bool_ and any(int(piece.view(np.uint8).max(initial=0)) > 1 for piece in pieces):
            raise fail(str(self.path), where, got="a byte above 1", expected="0 or 1 for a truth value")

    def _read_slowly(self, where: str, pieces: list[NDArray[Any]], offset: int) -> None:
        """Read piece by piece what one call could not deliver (more than 2 GiB, or a file that ends early)."""
        for piece in pieces:
            view, done = piece.reshape(-1).view(np.uint8).data, 0
            while done < len(view):
                count = os.preadv(self._raw, [view[done : done + (1 << 30)]], offset + done)
                if count == 0:
                    raise fail(str(self.path), where, got="end of file", expected=f"{len(view) - done} more bytes")
                done += count
            offset += len(view)
