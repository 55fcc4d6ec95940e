"""Reading and writing files so that nothing is half done, and nothing outside the archive is touched.

A directory appears whole or not at all: it is filled under a hidden name beside its target, every file and directory is flushed
to disk (fsync), and one rename puts it in place.  What a killed writer leaves behind is hidden, is never opened, and is removed
by the next writer of the same name once its process is gone.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from alberdice.datasets.validation import fail
from alberdice.errors import InvalidArgumentError, ResourceError

__all__ = [
    "atomic_directory",
    "atomic_file",
    "claim",
    "inside",
    "is_directory",
    "is_file",
    "read_json",
    "read_npy",
    "reserve",
    "storage_errors",
]


@contextmanager
def storage_errors(what: Path) -> Iterator[None]:
    """Turn operating-system failures into errors that name the file."""
    try:
        yield
    except OSError as problem:
        full = problem.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or _mentions_full_disk(problem)
        if full:
            raise ResourceError(
                str(what),
                got="no room left on the disk",
                expected="room for the dataset",
                remedy="free some space; nothing was written",
            ) from problem
        words = problem.strerror or str(problem).splitlines()[0][:300]
        raise fail(str(what), "file", got=words, expected="a file that can be read and written") from problem


def _mentions_full_disk(problem: OSError) -> bool:
    text = str(problem)
    codes = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return any(f"errno = {code}," in text or os.strerror(code) in text for code in codes)


def is_file(path: Path) -> bool:
    """Whether there is a file, as an error of this package where that cannot be told."""
    with storage_errors(path):
        return path.is_file()


def is_directory(path: Path) -> bool:
    """Whether there is a directory, as an error of this package where that cannot be told."""
    with storage_errors(path):
        return path.is_dir()


def reserve(path: Path, size: int) -> None:
    """Find out whether ``size`` bytes fit where ``path`` will be, before anything is written.

    Raises:
        OSError: they do not.
    """
    with path.open("xb") as file:
        try:
            claim(file, size)
        finally:
            path.unlink()


def claim(file: IO[bytes], size: int) -> None:
    """Give an empty file its blocks on disk, where the system can; elsewhere compare with the free space.

    Raises:
        OSError: there are not as many.
    """
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, max(1, size))
        return
    if shutil.disk_usage(Path(file.name).parent if isinstance(file.name, str) else tempfile.gettempdir()).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    file.truncate(size)


def _flush(path: Path) -> None:
    if os.name == "nt" and path.is_dir():  # directories cannot be opened there
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _flush_tree(root: Path) -> None:
    for directory, _, names in os.walk(root, topdown=False):
        for name in names:
            _flush(Path(directory) / name)
        _flush(Path(directory))


def _clear_abandoned(target: Path) -> None:
    """Remove what dead writers of this name on this machine left behind."""
    prefix = f".{target.name}.partial-{socket.gethostname()}-"
    for path in target.parent.glob(f"{prefix}*"):
        number = path.name.removeprefix(prefix).split("-")[0]
        if (
            number.isdigit()
            and int(number) != os.getpid()
            and not Path(f"/proc/{number}").exists()
            and Path("/proc/self").exists()
        ):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _prepare(target: Path, overwrite: bool) -> Path:
    with storage_errors(target):
        taken = target.exists()
    if taken and not overwrite:
        raise InvalidArgumentError(
            str(target), got="something is there already", expected="a free name", remedy="choose another, or overwrite"
        )
    with storage_errors(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
    _clear_abandoned(target)
    return target.parent / f".{target.name}.partial-{socket.gethostname()}-{os.getpid()}-{os.urandom(4).hex()}"


@contextmanager
def atomic_directory(target: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """A directory to fill, which becomes ``target`` when the block ends well and vanishes when it does not.

    Raises:
        InvalidArgumentError: target exists and overwrite is False.
        ResourceError: the disk is full.
        InvalidDataError: the place cannot be written.
    """
    partial = _prepare(target, overwrite)
    with storage_errors(target):
        try:
            partial.mkdir()
            yield partial
            _flush_tree(partial)
            aside = partial.with_name(partial.name.replace(".partial-", ".replaced-", 1))
            if target.exists():
                os.rename(target, aside)
            os.rename(partial, target)
            _flush(target.parent)
            shutil.rmtree(aside, ignore_errors=True)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def atomic_file(target: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """A path to write, which becomes ``target`` when the block ends well; errors as :func:`atomic_directory`."""
    partial = _prepare(target, overwrite)
    with storage_errors(target):
        try:
            yield partial
            _flush(partial)
            os.replace(partial, target)
            _flush(target.parent)
        finally:
            partial.unlink(missing_ok=True)


def inside(root: Path, *parts: str) -> Path:
    """The regular file ``root/parts`` after following links, refused where that leaves ``root``.

    Raises:
        InvalidDataError: the file is missing, is not a regular file, or lies elsewhere.
    """
    path = root.joinpath(*parts)
    with storage_errors(path):
        try:
            true, base = path.resolve(strict=True), root.resolve(strict=True)
        except FileNotFoundError:
            raise fail(str(path), "file", got="nothing", expected="a file") from None
        except RuntimeError as problem:
            raise fail(str(path), "file", got=str(problem), expected="a file") from None
        if not true.is_relative_to(base):
            raise fail(
                str(path), "file", got=f"a link to {true}", expected=f"a file inside {root}", remedy="copy the file there"
            )
        if not true.is_file():
            raise fail(str(path), "file", got="something else", expected="a regular file")
    return path


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object.

    Raises:
        InvalidDataError: not readable, not JSON, or not an object.
    """
    with storage_errors(path):
        text = path.read_bytes()
    try:
        value = json.loads(text)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise fail(str(path), "file", got=f"no JSON ({problem})", expected="a JSON object") from None
    if not isinstance(value, dict):
        raise fail(str(path), "file", got=type(value).__name__, expected="a JSON object")
    return value


def read_npy(path: Path) -> NDArray[Any]:
    """A .npy array, mapped read-only; pickled objects are refused unread.

    Raises:
        InvalidDataError: not a .npy file, truncated, or an object array.
    """
    with storage_errors(path):
        try:
            array = np.load(path, mmap_mode="r", allow_pickle=False)
        except (ValueError, EOFError) as problem:
            got = str(problem).splitlines()[0]
            remedy = (
                "save it again without objects" if "object" in got.lower() or "pickle" in got.lower() else "get the file again"
            )
            raise fail(
                str(path), "file", got=got, expected="a whole .npy file without pickled objects", remedy=remedy
            ) from None
    if not isinstance(array, np.ndarray):
        array.close()
        raise fail(str(path), "file", got="an archive of several arrays", expected="one .npy array")
    return array
