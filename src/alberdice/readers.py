"""Reading the formats of files: JSON, CSV, .npy and .npz, each in one place that knows how its library fails.

Nothing is unpickled, nothing of a declared size is made before the file has been found to hold it, and a name that occurs
twice is an error, as one of the two would be lost.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from alberdice.errors import AlberDICEError, InvalidDataError, ResourceError
from alberdice.files import storage_errors
from alberdice.machine import memory_limit

__all__ = [
    "Table",
    "decimal_number",
    "library_errors",
    "parse_json",
    "read_csv",
    "read_json",
    "read_npy",
    "read_npz",
    "read_text",
    "whole_number",
]

_NPY = "a whole .npy file without pickled objects"
_DEFLATE = 1032
"""Bytes that one byte of a deflated stream stands for, at most."""
_NPZ = "an .npz archive of plain arrays (no pickled objects)"


def read_text(path: Path, error: type[AlberDICEError] = InvalidDataError) -> str:
    """A text file in UTF-8, with or without a byte order mark.

    Raises:
        AlberDICEError: of the given kind: not readable, or not UTF-8.
    """
    with storage_errors(path):
        content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        got = f"a byte that is not UTF-8, at {problem.start}"
        raise error(str(path), got=got, expected="a text file in UTF-8", remedy="save it as UTF-8") from None


def parse_json(text: str, where: str, error: type[AlberDICEError] = InvalidDataError) -> dict[str, Any]:
    """A JSON object that names no field twice.

    Raises:
        AlberDICEError: of the given kind: not JSON, too deep, a number of thousands of digits, not an object, a field twice.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        fields = dict(pairs)
        if len(fields) < len(pairs):
            raise error(f"{where}: {_twice([name for name, _ in pairs])}", got="the field twice", expected="once")
        return fields

    try:
        value = json.loads(text, object_pairs_hook=unique)
    except AlberDICEError:
        raise
    except json.JSONDecodeError as problem:
        at = f"{where}: line {problem.lineno}, column {problem.colno}"
        raise error(at, got=f"no JSON ({problem.msg})", expected="a JSON object") from None
    except (ValueError, RecursionError) as problem:
        raise error(where, got=f"no JSON that can be read ({problem})", expected="a JSON object") from None
    if not isinstance(value, dict):
        raise error(where, got=f"a {type(value).__name__}", expected="a JSON object")
    return value


def _twice(names: Sequence[str]) -> str:
    """The first name that occurs a second time."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return ""


def read_json(path: Path, error: type[AlberDICEError] = InvalidDataError) -> dict[str, Any]:
    """The JSON object of a file, see :func:`parse_json`."""
    return parse_json(read_text(path, error), str(path), error)


@dataclass(frozen=True)
class Table:
    """The cells of a comma-separated file: a header, then rows of as many cells, each with the line on which it ends."""

    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]


def read_csv(path: Path, error: type[AlberDICEError] = InvalidDataError, *, header: bool = True) -> Table:
    """A file of comma-separated values; cells are stripped of blanks, empty lines are passed over.

    Args:
        path: the file.
        error: kind of the errors.
        header: whether the first line names the columns.

    Raises:
        AlberDICEError: of the given kind: not UTF-8, not CSV, a column named twice, lines of other lengths.
    """
    text = read_text(path, error)
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    found: list[tuple[int, tuple[str, ...]]] = []
    try:
        for cells in lines:
            if cells:
                found.append((lines.line_num, tuple(cell.strip() for cell in cells)))
    except csv.Error as problem:
        raise error(f"{path}: line {lines.line_num}", got=str(problem), expected="comma-separated values") from None
    names: tuple[str, ...] = ()
    if header:
        names = found.pop(0)[1] if found else ()
        if len(set(names)) < len(names):
            numbers = all(decimal_number(name) is not None for name in names)
            remedy = "the first line must name the columns" if numbers else "rename one of them, or leave it out"
            got = f"the column {_twice(names)!r} twice"
            raise error(f"{path}: header", got=got, expected="every column once", remedy=remedy)
    width = len(names) if header else len(found[0][1]) if found else 0
    for line, row in found:
        if len(row) != width:
            remedy = "fill up the line; a cell that holds commas stands in quotes"
            got, expected = f"{len(row)} cells", f"{width}, as in the first line"
            raise error(f"{path}: line {line}", got=got, expected=expected, remedy=remedy)
    return Table(names, tuple(found))


_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,5})?")
_WHOLE = re.compile(r"[+-]?[0-9]{1,19}")


def decimal_number(text: str) -> float | None:
    """The number that a cell writes in decimals, or None: ``1_0``, ``0x1``, ``inf``, thousands of digits are none."""
    if len(text) > 400 or not _DECIMAL.fullmatch(text):
        return None
    number = float(text)
    return number if math.isfinite(number) else None


def whole_number(text: str) -> int | None:
    """The whole number below 2^63 that a cell writes, or None."""
    number = int(text) if _WHOLE.fullmatch(text) else None
    return number if number is not None and abs(number) < 1 << 63 else None


@contextmanager
def library_errors(where: str, expected: str, error: type[AlberDICEError] = InvalidDataError) -> Iterator[None]:
    """One place for the ways in which NumPy, zipfile, h5py, tensorstore and Minari refuse a file: one error that names it.

    Raises:
        AlberDICEError: of the given kind, for whatever such a library raises; errors of this package pass through.
        ResourceError: memory was exhausted.
    """
    try:
        yield
    except AlberDICEError:
        raise
    except MemoryError:
        remedy = "the file declares more than it can hold, or take a machine with more memory"
        raise ResourceError(where, got="more than there is memory", expected=expected, remedy=remedy) from None
    except Exception as problem:  # these libraries raise of every kind, down to the tokenizer's
        words = (str(problem).splitlines() or [""])[0][:300]
        if not isinstance(problem, ValueError | OSError | RuntimeError | zipfile.BadZipFile) or not words:
            words = f"{type(problem).__name__} {words}".strip()
        objects = "object arrays" in words.lower() or "pickle" in words.lower() or "array of objects" in words
        remedy = "save it again without objects" if objects else "get the file again"
        raise error(where, got=words, expected=expected, remedy=remedy) from None


def _npy_header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type that a .npy stream declares; the stream then stands at its data."""
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise ValueError(f"version {version} of the .npy format")
    read: Any = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, kind = read(file)
    if kind.hasobject:
        raise ValueError("an array of objects, which would have to be unpickled")
    if any(n < 0 for n in shape):
        raise ValueError(f"shape {shape}")
    return shape, kind


def read_npy(path: Path) -> NDArray[Any]:
    """A .npy array, mapped read-only; pickled objects are refused unread.

    Raises:
        InvalidDataError: not a .npy file, shorter or longer than it says, or an object array.
    """
    with library_errors(f"{path}: file", _NPY), storage_errors(path):
        with path.open("rb") as file:
            shape, kind = _npy_header(file)
            held = -file.tell() + file.seek(0, io.SEEK_END)
        declared = math.prod(shape) * kind.itemsize
        if held != declared:
            raise ValueError(f"{held:,} bytes of data where {kind} {shape} takes {declared:,}")
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        return array


def read_npz(
    path: Path,
    error: type[AlberDICEError] = InvalidDataError,
    check_names: Callable[[list[str]], None] = lambda names: None,
) -> dict[str, NDArray[Any]]:
    """All arrays of an .npz archive by name, read only after their names and then their sizes were checked.

    Args:
        path: the archive.
        error: kind of the errors.
        check_names: refuses names that do not belong, before anything is read.

    Raises:
        AlberDICEError: of the given kind: no archive, a name twice, no arrays, objects, or sizes that disagree.
        ResourceError: arrays beyond the memory.
    """
    # Opened here: a file that is no archive would be left open.
    with library_errors(str(path), _NPZ, error), storage_errors(path), path.open("rb") as raw, zipfile.ZipFile(raw) as archive:
        members = archive.infolist()
        names = [member.filename.removesuffix(".npy") for member in members]
        if len(set(names)) < len(names):
            raise error(f"{path}: {_twice(names)}", got="the array twice", expected="once")
        check_names(names)
        for name, member in zip(names, members, strict=True):
            with library_errors(f"{path}: {name}", _NPZ, error), archive.open(member) as file:
                _check_member(member, *_npy_header(file))
        total, room = sum(member.file_size for member in members), memory_limit()
        if total > room:
            raise ResourceError(str(path), got=f"{total:,} bytes of arrays", expected=f"at most the memory, {room:,} bytes")
        arrays = {}
        for name, member in zip(names, members, strict=True):
            with library_errors(f"{path}: {name}", _NPZ, error), archive.open(member) as file:
                arrays[name] = np.lib.format.read_array(file, allow_pickle=False)
        return arrays


def _check_member(member: zipfile.ZipInfo, shape: tuple[int, ...], kind: np.dtype[Any]) -> None:
    """Refuse a member that cannot hold what its header declares."""
    declared, held = math.prod(shape) * kind.itemsize, member.file_size
    if not 0 <= held - declared < 1 << 16:  # the rest is the header
        raise ValueError(f"{held:,} bytes where {kind} {shape} takes {declared:,}")
    if held > _DEFLATE * (member.compress_size + 64):
        raise ValueError(f"{held:,} bytes declared of {member.compress_size:,} compressed ones")
