"""Where the arrays of a dataset live: in memory, or in a scratch file that is mapped into memory.

A loader adds up the bytes it is about to need, B, before it reads anything.  With M bytes of memory (the machine's, or the
control group's limit where that is lower) and a share q (``memory_share``, default 0.5), arrays are

    ordinary memory        if B <= q M,
    memory-mapped scratch  if B >  q M: one unlinked temporary file per array, its blocks reserved beforehand.

Reserving (``posix_fallocate``) turns a full disk into an error before reading, instead of a crash in the middle of it.  Whoever
goes through a mapped array gives its pages back on the way (``release``), so that the process never holds much of it.
"""

from __future__ import annotations

import errno
import math
import mmap
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from alberdice.errors import InvalidArgumentError, ResourceError
from alberdice.files import claim
from alberdice.machine import memory_limit

__all__ = ["MemoryPlan", "check_rows", "mapping_of", "release"]


#: bytes that a step and an episode take in memory whatever the plan: ends, lengths and the rows they lead to
_PER_STEP, _PER_EPISODE = 26, 17


def check_rows(source: str, steps: int, episodes: int) -> None:
    """Refuse so many steps that what is never mapped would not fit in memory, before anything is made.

    Raises:
        ResourceError: it would not.
    """
    needed, room = _PER_STEP * steps + _PER_EPISODE * episodes, memory_limit()
    if needed > room:
        got = f"{steps:,} steps in {episodes:,} episodes, which take {needed / 2**30:,.1f} GiB at least"
        remedy = "check the counts, or take a part"
        raise ResourceError(
            source or "dataset", got=got, expected=f"at most the memory, {room / 2**30:,.1f} GiB", remedy=remedy
        )


def mapping_of(array: NDArray[Any]) -> np.memmap[Any, Any] | None:
    """The mapped file that an array is a view of; None: it lies in memory."""
    base: Any = array
    while base is not None:
        if isinstance(base, np.memmap):
            return base
        base = getattr(base, "base", None)
    return None


def release(array: NDArray[Any]) -> None:
    """Give back the pages of a mapped array, which are read again when they are asked for; nothing of one in memory.

    Nor of a copy on write (mode "c"), whose changes are in no file.
    """
    mapped = mapping_of(array)
    if mapped is not None and mapped.mode != "c" and hasattr(mmap, "MADV_DONTNEED"):
        mapped._mmap.madvise(mmap.MADV_DONTNEED)  # type: ignore[attr-defined]


class MemoryPlan:
    """Allocates a dataset's arrays, in memory or mapped from scratch files.

    Args:
        total_bytes: size of all arrays together, in bytes.
        memory_share: largest share of memory that may be used, in [0, 1]; 0 maps everything.
        scratch: directory of the scratch files; None is the system's temporary directory.

    Raises:
        InvalidArgumentError: memory_share outside [0, 1], or scratch not a directory.
    """

    def __init__(self, total_bytes: int, *, memory_share: float = 0.5, scratch: str | Path | None = None) -> None:
        if not 0.0 <= memory_share <= 1.0:
            raise InvalidArgumentError("memory_share", got=memory_share, expected="a number in [0, 1]")
        if scratch is not None and not Path(scratch).is_dir():
            raise InvalidArgumentError("scratch", got=str(scratch), expected="an existing directory")
        self.total_bytes = total_bytes
        self.mapped = total_bytes > memory_share * memory_limit()
        self.scratch = scratch

    def zeros(self, shape: Sequence[int], dtype: DTypeLike) -> NDArray[Any]:
        """A zero array of this shape, mapped from a scratch file when the plan says so.

        Raises:
            ResourceError: the scratch directory has no room, or memory is exhausted.
        """
        kind = np.dtype(dtype)
        size = math.prod(shape) * kind.itemsize
        if not self.mapped or size == 0:
            try:
                return np.zeros(tuple(shape), kind)
            except MemoryError as problem:
                raise ResourceError(
                    "memory", got=f"no room for {size:,} bytes", expected="room", remedy="lower memory_share"
                ) from problem
        with tempfile.TemporaryFile(prefix="alberdice-", dir=self.scratch) as file:
            try:
                claim(file, size)
            except OSError as problem:
                if problem.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                    raise
                raise ResourceError(
                    f"scratch directory {self.scratch or tempfile.gettempdir()}",
                    got=f"no room for {size:,} bytes",
                    expected="room for the mapped arrays",
                    remedy="give another scratch directory, or raise memory_share",
                ) from problem
            return np.memmap(file, dtype=kind, mode="r+", shape=tuple(shape))
