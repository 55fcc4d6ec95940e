"""The cells of a log: comma-separated text or Parquet, column by column, each cell with its place in the file.

A cell is a number, a word or empty: an empty cell of text, or null or NaN in Parquet.  Nothing is guessed of a cell:
``numbers``, ``flags`` and ``texts`` read a column as what its role says, and any other cell is an error that names line and
column.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alberdice._checks import FloatArray
from alberdice.datasets.packages import require
from alberdice.errors import InvalidDataError, ResourceError, fail
from alberdice.files import storage_errors
from alberdice.machine import memory_limit
from alberdice.readers import decimal_number, library_errors, read_csv

__all__ = ["Log", "read_cells"]

#: bytes that a byte of comma-separated text takes as Python's strings, about
_TEXT = 25
#: whole numbers up to here are exact in double precision
_EXACT = float(1 << 53)
_FLAGS = {"0": 0.0, "1": 1.0, "0.0": 0.0, "1.0": 1.0, "false": 0.0, "true": 1.0, "": np.nan}


@dataclass(frozen=True)
class Log:
    """Columns by name, in the file's order: words, or an array of numbers.

    Attributes:
        source: the file.
        columns: each of as many cells.
        lines: the line of the file on which each row ends; None: rows are counted from 0.
    """

    source: str
    columns: Mapping[str, list[str] | NDArray[Any]]
    lines: NDArray[np.int64] | None

    @property
    def n_rows(self) -> int:
        """Rows, without the header."""
        return len(next(iter(self.columns.values()), ()))

    def fault(self, row: int, column: str, *, got: object, expected: object, remedy: str = "") -> InvalidDataError:
        """The error about one cell, or about one row where no column is named."""
        place = f"row {row}" if self.lines is None else f"line {self.lines[row]}"
        where = f"{place}, column {column!r}" if column else place
        return fail(self.source, where, got=got, expected=expected, remedy=remedy)

    def place(self, row: int) -> str:
        """Where a row is, for messages about two of them."""
        return f"row {row}" if self.lines is None else f"line {self.lines[row]}"

    def texts(self, column: str) -> list[str]:
        """Every cell as text, '' where it is empty; whole numbers without a decimal point."""
        cells = self.columns[column]
        return cells if isinstance(cells, list) else [_shown(x) for x in cells.tolist()]

    def numbers(self, column: str, remedy: str = "") -> FloatArray:
        """Every cell as a number, NaN where it is empty.

        Args:
            column: which.
            remedy: what to do about a cell that is none.

        Raises:
            InvalidDataError: a cell that is neither, naming its place.
        """
        cells = self.columns[column]
        if isinstance(cells, list):
            values = self._parsed(column, cells, _number, "a finite number", remedy)
        else:
            values = cells.astype(np.float64)
        wrong = np.flatnonzero(np.isinf(values) | (np.abs(values) >= _EXACT) & (values == np.floor(values)))
        if len(wrong):
            row = int(wrong[0])
            remedy = "an identifier belongs under `ids`, where it is read as a word"
            expected = "a finite number that double precision holds exactly"
            raise self.fault(row, column, got=self.texts(column)[row], expected=expected, remedy=remedy)
        return values

    def flags(self, column: str) -> FloatArray:
        """Every cell as 0 or 1, NaN where it is empty.

        Raises:
            InvalidDataError: a cell that is none of them, naming its place.
        """
        expected, remedy = "0 or 1, or true or false", "mend the cell"
        return self._parsed(column, self.texts(column), lambda text: _FLAGS.get(text.lower()), expected, remedy)

    def _parsed(
        self, column: str, cells: list[str], read: Callable[[str], float | None], expected: str, remedy: str = ""
    ) -> FloatArray:
        known: dict[str, float] = {}
        for row, text in enumerate(cells):
            if text not in known:
                value = read(text)
                if value is None:
                    got = repr(text) if len(text) < 60 else f"{text[:50]!r}... ({len(text)} characters)"
                    raise self.fault(row, column, got=got, expected=expected, remedy=remedy)
                known[text] = value
        return np.array([known[text] for text in cells], np.float64)


def _number(text: str) -> float | None:
    return np.nan if text == "" else decimal_number(text)


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return "" if value != value else str(int(value)) if value.is_integer() else repr(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def read_cells(path: Path, kind: str) -> Log:
    """The cells of a file.

    Args:
        path: the file.
        kind: 'csv' or 'parquet'.

    Raises:
        InvalidDataError: not such a file, a column named twice, rows of other lengths, no row, cells of another kind.
        ResourceError: more than the memory.
        InvalidArgumentError: pyarrow is not installed, for Parquet.
    """
    log = _parquet(path) if kind == "parquet" else _text(path)
    for name in log.columns:
        if not name:
            remedy = "pandas: write with index=False" if name in ("", "Unnamed: 0") else "name it"
            raise fail(str(path), "header", got="a column without a name", expected="a name for each", remedy=remedy)
    if not log.n_rows:
        raise fail(str(path), "rows", got="none", expected="at least one step")
    return log


def _check_room(path: Path, needed: int, remedy: str) -> None:
    room = memory_limit()
    if needed > room:
        got, expected = f"cells that take about {needed / 2**30:,.1f} GiB", f"at most the memory, {room / 2**30:,.1f} GiB"
        raise ResourceError(str(path), got=got, expected=expected, remedy=remedy)


def _text(path: Path) -> Log:
    with storage_errors(path):
        size = path.stat().st_size
    _check_room(path, _TEXT * size, "write the log as Parquet, or import it in parts")
    _check_commas(path)
    table = read_csv(path)
    columns = {name: [cells[k] for _, cells in table.rows] for k, name in enumerate(table.header)}
    return Log(str(path), columns, np.array([line for line, _ in table.rows], np.int64))


def _check_commas(path: Path) -> None:
    """Refuse what begins as other files do: spreadsheets, Parquet, JSON, other separators."""
    with storage_errors(path), path.open("rb") as file:
        begin = file.read(1 << 16)
    remedy = {b"PK\x03\x04": "save the sheet as CSV", b"PAR1": "import it as parquet"}.get(begin[:4], "")
    if remedy:
        got = "an archive, such as a spreadsheet" if begin[:1] == b"P" and begin[1:2] == b"K" else "a Parquet file"
        raise fail(str(path), "file", got=got, expected="comma-separated text", remedy=remedy)
    header = begin.decode("utf-8-sig", errors="replace").lstrip().partition("\n")[0].strip()
    if header.startswith(("{", "[")):
        remedy = "write it as CSV, a row per step"
        raise fail(str(path), "file", got=f"JSON, as it seems: {header[:40]!r}", expected="comma-separated text", remedy=remedy)
    if "," not in header and any(mark in header for mark in ";\t|"):
        got, remedy = f"one column {header[:60]!r}", "write it with commas, and decimals with a point"
        raise fail(str(path), "header", got=got, expected="columns separated by commas", remedy=remedy)


def _parquet(path: Path) -> Log:
    pq = require("pyarrow.parquet", "parquet")
    with storage_errors(path), path.open("rb"):
        pass
    with library_errors(str(path), "a Parquet file"):
        with pq.ParquetFile(path) as file:
            names, rows = file.schema_arrow.names, file.metadata.num_rows
            if len(set(names)) < len(names):
                twice = next(name for k, name in enumerate(names) if name in names[:k])
                raise fail(str(path), "header", got=f"the column {twice!r} twice", expected="every column once")
            _check_room(path, 8 * rows * len(names), "import it in parts")
            table = file.read()
        return Log(str(path), {name: _column(str(path), name, table.column(name)) for name in names}, None)


def _column(source: str, name: str, column: Any) -> list[str] | NDArray[Any]:
    """A column of Arrow: numbers with NaN for null, or words with '' for null."""
    import pyarrow

    types, kind = pyarrow.types, column.type
    if types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if types.is_string(kind) or types.is_large_string(kind):
        return ["" if text is None else text.strip() for text in column.to_pylist()]
    if types.is_boolean(kind) or (types.is_integer(kind) and column.null_count):
        return ["" if value is None else _shown(value) for value in column.to_pylist()]
    if types.is_integer(kind) or types.is_floating(kind):
        return np.asarray(column.to_numpy())
    expected = "numbers, words or true and false"
    remedy = "one column per feature" if types.is_nested(kind) else "leave it out, or write it as numbers or words"
    raise fail(source, f"column {name!r}", got=f"type {kind}", expected=expected, remedy=remedy)
