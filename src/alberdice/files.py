"""Reading and writing files so that nothing is half done, nothing is lost, and nothing outside the archive is touched.

A file or a directory appears whole or not at all: it is made under a hidden name of its own beside its target, flushed to the
disk (fsync) with everything in it, put in place by one rename, and the folder that holds it is flushed too.  What a killed
writer leaves behind is hidden, is never opened, and is removed by the next writer of the same name once its process is gone.

Hidden files are made anew (O_EXCL), so that a link that waits in their place is never written through; neither is the link of
a lock (O_NOFOLLOW).  A directory is replaced only if it is, as a whole, what would be written.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from alberdice.errors import AlberDICEError, InvalidArgumentError, ResourceError, fail

__all__ = [
    "atomic_directory",
    "atomic_file",
    "check_replaceable",
    "claim",
    "exclusive",
    "inside",
    "is_directory",
    "is_file",
    "reserve",
    "storage_errors",
    "strange_content",
    "write_atomically",
]

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def storage_errors(what: Path) -> Iterator[None]:
    """Turn failures of the operating system, and names that it cannot take, into errors that name the file."""
    try:
        yield
    except AlberDICEError:
        raise
    except OSError as problem:
        if problem.errno in _FULL or _mentions_full_disk(problem):
            raise ResourceError(
                str(what),
                got="no room left on the disk",
                expected="room for what is written",
                remedy="free some space; nothing was written",
            ) from problem
        words = problem.strerror or (str(problem).splitlines() or [type(problem).__name__])[0][:300]
        raise fail(str(what), "file", got=words, expected="a file that can be read and written") from problem
    except ValueError as problem:
        if "null" not in str(problem) and not isinstance(problem, UnicodeEncodeError):
            raise
        raise fail(str(what), "file", got=f"a name that no file has ({problem})", expected="a file's name") from None


def _mentions_full_disk(problem: OSError) -> bool:
    text = str(problem)
    return any(f"errno = {code}," in text or os.strerror(code) in text for code in _FULL)


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
    handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)  # Windows flushes only what may be written
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
    if not Path("/proc/self").exists():  # nothing tells whether a process lives
        return
    prefix = f".{target.name}.partial-{socket.gethostname()}-"
    for path in target.parent.iterdir():
        number = path.name.removeprefix(prefix).split("-")[0]
        if not path.name.startswith(prefix) or not number.isdecimal() or int(number) == os.getpid():
            continue
        if Path(f"/proc/{number}").exists():
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _prepare(target: Path, overwrite: bool) -> Path:
    """A hidden name beside the target that nobody else has; the target's folder is made."""
    with storage_errors(target):
        if os.path.lexists(target) and not overwrite:
            got, remedy = "something is there already", "choose another, or overwrite"
            raise InvalidArgumentError(str(target), got=got, expected="a free name", remedy=remedy)
        target.parent.mkdir(parents=True, exist_ok=True)
        _clear_abandoned(target)
    return target.parent / f".{target.name}.partial-{socket.gethostname()}-{os.getpid()}-{os.urandom(8).hex()}"


def strange_content(directory: Path, needed: Collection[str], allowed: str) -> str:
    """What a directory holds that does not belong, in words; '' if it is as it should be, or empty.

    Args:
        directory: where to look, in folders below it too; links are strangers.
        needed: files that must be there, as paths from the directory with slashes.
        allowed: regular expression of the paths that may be there.
    """
    found = set()
    for folder, folders, files in os.walk(directory):
        for name in (*files, *(name for name in folders if (Path(folder) / name).is_symlink())):
            path = Path(folder) / name
            relative = path.relative_to(directory).as_posix()
            if path.is_symlink() or not path.is_file() or not re.fullmatch(allowed, relative):
                return f"a folder that holds {relative!r}"
            found.add(relative)
    missing = sorted(set(needed) - found)
    return f"a folder without {missing[0]!r}" if found and missing else ""


def check_replaceable(target: Path, kind: str, stranger: Callable[[Path], str], *, directory: bool = False) -> None:
    """Refuse to replace what is not, as a whole, what would be written; arguments as :func:`atomic_directory`.

    Raises:
        InvalidArgumentError: another thing is there.
        InvalidDataError: what is there cannot be read.
    """
    with storage_errors(target):
        _check_replaceable(target, kind, stranger, directory=directory)


def _check_replaceable(target: Path, kind: str, stranger: Callable[[Path], str], *, directory: bool) -> None:
    if not os.path.lexists(target):
        return
    if target.is_symlink():
        found = "a symbolic link"
    elif target.is_dir() != directory:
        found = "a file" if directory else "a folder"
    else:
        found = stranger(target)
    if found:
        remedy = "nothing was removed: choose another place, or move it away yourself"
        raise InvalidArgumentError(str(target), got=found, expected=f"nothing, or a whole {kind} to replace", remedy=remedy)


@contextmanager
def atomic_directory(target: Path, kind: str, stranger: Callable[[Path], str], *, overwrite: bool = False) -> Iterator[Path]:
    """A directory to fill, which becomes ``target`` when the block ends well and vanishes when it does not.

    Args:
        target: its place.
        kind: what is written, in words, e.g. ``"PyMARL buffer"``.
        stranger: what a directory holds that is no part of such a thing, in words; '' if it is one as a whole.
        overwrite: replace what is there, if it is of this kind.

    Raises:
        InvalidArgumentError: target exists, and overwrite is False or it is not of this kind.
        ResourceError: the disk is full.
        InvalidDataError: the place cannot be written.
    """
    partial = _prepare(target, overwrite)
    with storage_errors(target):
        _check_replaceable(target, kind, stranger, directory=True)
        try:
            partial.mkdir()
            yield partial
            _flush_tree(partial)
            _check_replaceable(target, kind, stranger, directory=True)
            _exchange(partial, target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def _exchange(partial: Path, target: Path) -> None:
    """Put a filled directory in its target's place; what was there is set aside first and removed last."""
    aside = partial.with_name(partial.name.replace(".partial-", ".replaced-", 1))
    replaced = target.exists()
    if replaced:
        os.rename(target, aside)
    try:
        os.rename(partial, target)
    except OSError:
        if replaced:
            os.rename(aside, target)
        raise
    _flush(target.parent)
    if replaced:
        shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def atomic_file(
    target: Path, kind: str = "file", stranger: Callable[[Path], str] | None = None, *, overwrite: bool = False
) -> Iterator[Path]:
    """A path to write, which becomes ``target`` when the block ends well; arguments and errors as :func:`atomic_directory`."""
    partial = _prepare(target, overwrite)
    with storage_errors(target):
        if stranger is not None:
            _check_replaceable(target, kind, stranger, directory=False)
        try:
            partial.open("xb").close()
            yield partial
            _flush(partial)
            os.replace(partial, target)
            _flush(target.parent)
        finally:
            partial.unlink(missing_ok=True)


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file as a whole: either the old content stays, or the new one is there, and on the disk.

    Raises:
        ResourceError: the disk is full.
        InvalidDataError: the place cannot be written.
    """
    with atomic_file(path, overwrite=True) as partial, partial.open("r+b") as file:
        file.write(content)


@contextmanager
def exclusive(folder: Path) -> Iterator[bool]:
    """Hold a folder while the block runs, through its file ``.lock``; yields False where another process holds it.

    The lock ends with the process, however that ends.

    Raises:
        InvalidDataError: the lock cannot be made, or is a symbolic link.
    """
    from filelock import FileLock, Timeout

    path = folder / ".lock"
    if path.is_symlink():
        raise fail(str(path), "file", got="a symbolic link", expected="a file of this folder's own", remedy="remove it")
    lock = FileLock(path, timeout=0, is_singleton=False)
    with storage_errors(path):
        try:
            lock.acquire()
        except Timeout:
            held = False
        else:
            held = True
    try:
        yield held
    finally:
        if held:
            lock.release()


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
