"""The folder of one run: locked while in use, written so that a crash or a full disk loses nothing already saved.

config.json                 the settings
checkpoint.safetensors      everything that the next update depends on, the history too; its JSON header says what and how far
metrics.csv                 one row per evaluation; the checkpoint knows those before it, so that another one is found
result.json                 what came out
policies/                   the policies of evaluations, as ``update-00000250.safetensors``
states/                     what the checkpoint was when they were kept, under the same names: training can go on from each
tensorboard/                curves
pictures/                   learning curve, policies, joint actions; see ``alberdice.deep.training.run_pictures``
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import Tensor

from alberdice.deep.config import TrainConfig, fingerprint_of
from alberdice.deep.training.checkpoints import read_checkpoint, write_checkpoint
from alberdice.errors import InvalidArgumentError, InvalidDataError
from alberdice.files import exclusive, is_file, storage_errors, write_atomically
from alberdice.readers import decimal_number, read_csv, read_json, whole_number

__all__ = ["RunDirectory", "plain_numbers"]

_KEPT = re.compile(r"update-(\d+)\.safetensors")


class RunDirectory:
    """Reads and writes the files above.

    Args:
        path: the folder; made by :meth:`locked` if need be.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder; the lock ends with the process, however that ends.

        Raises:
            InvalidArgumentError: another process holds it, or the path is no folder.
            InvalidDataError: it cannot be made.
        """
        try:
            with storage_errors(self.path):
                self.path.mkdir(parents=True, exist_ok=True)
        except InvalidDataError:
            if not self.path.exists() or self.path.is_dir():
                raise
            raise InvalidArgumentError(str(self.path), got="a file", expected="a folder for the run") from None
        with exclusive(self.path) as held:
            if not held:
                got, remedy = "a run in progress", "wait for it, or choose another --out"
                raise InvalidArgumentError(str(self.path), got=got, expected="a free folder", remedy=remedy)
            yield

    # ---- JSON --------------------------------------------------------------------------------------------------------

    def write_json(self, name: str, value: dict[str, Any]) -> None:
        """Write a JSON file; NaN and infinities as null."""
        write_atomically(self.path / name, (json.dumps(plain_numbers(value), indent=1, allow_nan=False) + "\n").encode())

    def write_result(self, value: dict[str, Any]) -> None:
        """Write result.json under a checksum, its field ``sha256``."""
        self.write_json("result.json", {**value, "sha256": _digest(plain_numbers(value))})

    def read_result(self) -> dict[str, Any]:
        """What ``write_result`` wrote; of an earlier release without a checksum, as it is.

        Raises:
            InvalidArgumentError: no such file, or no JSON object.
            InvalidDataError: another content than was written.
        """
        value = self.read_json("result.json")
        if "sha256" in value and value.pop("sha256") != _digest(value):
            remedy = "take a copy of it, or resume the run, which writes it anew"
            where, got = str(self.path / "result.json"), "content that its checksum denies"
            raise InvalidDataError(where, got=got, expected="what was written", remedy=remedy)
        return value

    def read_settings(self) -> dict[str, Any]:
        """config.json, if it holds what the checkpoint was made with; infinite settings are infinite again.

        Raises:
            InvalidArgumentError: no checkpoint, no such file, or no JSON object.
            InvalidDataError: settings that decide what is learned are not those of the checkpoint.
        """
        header = self.load()[1]
        values = {name: math.inf if value is None else value for name, value in self.read_json("config.json").items()}
        if fingerprint_of(values) != header.get("fingerprint"):
            got, expected = "settings that its checkpoint was not made with", "those of the run"
            remedy = "take a copy of it; a run with other settings needs a folder of its own"
            raise InvalidDataError(str(self.path / "config.json"), got=got, expected=expected, remedy=remedy)
        return {**TrainConfig().plain(), **values}  # an earlier release lacked some of those that decide nothing

    def read_json(self, name: str) -> dict[str, Any]:
        """Read a JSON file.

        Raises:
            InvalidArgumentError: no such file, or no JSON object.
        """
        if not is_file(self.path / name):
            raise InvalidArgumentError(str(self.path / name), got="no such file", expected="a run's file")
        return read_json(self.path / name, InvalidArgumentError)

    # ---- checkpoint, kept policies and states -----------------------------------------------------------------------------

    @property
    def _checkpoint(self) -> Path:
        return self.path / "checkpoint.safetensors"

    @property
    def has_checkpoint(self) -> bool:
        """Whether there is something to continue."""
        return self._checkpoint.exists()

    @property
    def holds_run(self) -> bool:
        """Whether a run began here."""
        return self.has_checkpoint or (self.path / "config.json").exists()

    def save(self, tensors: dict[str, Tensor], header: dict[str, Any]) -> None:
        """Write the checkpoint."""
        write_checkpoint(self._checkpoint, tensors, header)

    def load(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Read tensors and header of the checkpoint.

        Raises:
            InvalidArgumentError: there is none.
            InvalidDataError: not a checkpoint of this package, or a damaged one.
        """
        if not self.has_checkpoint:
            raise InvalidArgumentError(str(self.path), got="no checkpoint", expected="the folder of a training run")
        return read_checkpoint(self._checkpoint)

    def kept_updates(self, what: str = "policies") -> list[int]:
        """The updates whose policies, or whose ``states``, are kept, ascending."""
        folder = self.path / what
        found = (_KEPT.fullmatch(p.name) for p in folder.iterdir()) if folder.is_dir() else ()
        return sorted(int(match[1]) for match in found if match)

    def _kept(self, what: str, update: int) -> Path:
        return self.path / what / f"update-{update:08d}.safetensors"

    def _load_kept(self, what: str, update: int, others: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
        kept = self.kept_updates(what)
        if update not in kept:
            expected = f"one of {', '.join(map(str, kept))}" if kept else f"{others}: this run kept no others"
            raise InvalidArgumentError(f"{self.path}: update", got=update, expected=expected)
        return read_checkpoint(self._kept(what, update))

    def save_policies(self, update: int, tensors: dict[str, Tensor], shape: dict[str, Any]) -> None:
        """Keep the policies of an update."""
        write_checkpoint(self._kept("policies", update), tensors, {"update": update, "policies": shape})

    def load_policies(self, update: int) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """The policies of an update, as ``policies.load_policies`` takes them.

        Raises:
            InvalidArgumentError: they are not kept.
        """
        tensors, header = self._load_kept("policies", update, "selected or last")
        return tensors, header["policies"]

    def save_state(self, update: int, tensors: dict[str, Tensor], header: dict[str, Any]) -> None:
        """Keep what a checkpoint of this update holds."""
        write_checkpoint(self._kept("states", update), tensors, header)

    def load_state(self, update: int) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """What ``save_state`` kept.

        Raises:
            InvalidArgumentError: it is not kept.
        """
        return self._load_kept("states", update, "last")

    def drop(self, update: int) -> None:
        """Keep what belongs to an update no longer."""
        for what in ("policies", "states"):
            self._kept(what, update).unlink(missing_ok=True)

    # ---- metrics -----------------------------------------------------------------------------------------------------

    @property
    def _metrics(self) -> Path:
        return self.path / "metrics.csv"

    def write_metrics(self, rows: list[dict[str, float]]) -> None:
        """Write metrics.csv whole."""
        text = io.StringIO()
        names = list(dict.fromkeys(name for row in rows for name in row))
        writer = csv.DictWriter(text, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_atomically(self._metrics, text.getvalue().encode())

    def checked_metrics(self) -> list[dict[str, float]]:
        """All rows of metrics.csv, if those up to the checkpoint are those that it knows; nothing vouches for later ones.

        Raises:
            InvalidDataError: they are not, or no such table of numbers.
        """
        return self._checked_metrics(self.load()[1] if self.has_checkpoint else {})

    def _checked_metrics(self, header: dict[str, Any]) -> list[dict[str, float]]:
        rows, known = self.read_metrics(), header.get("history")
        own = [row for row in rows if row.get("update", 0) <= header.get("update", 0)]
        if known is not None and json.dumps(known, sort_keys=True) != json.dumps(own, sort_keys=True):
            got = "other rows than the checkpoint knows" if self._metrics.exists() else "no such file"
            remedy = "resume the run, which writes the file anew"
            raise InvalidDataError(str(self._metrics), got=got, expected="the rows of the run", remedy=remedy)
        return rows

    def release_metrics(self, header: dict[str, Any]) -> str:
        """Before metrics.csv is written anew from a checkpoint: what was wrong with it, '' if nothing was.

        A changed file is kept as metrics.csv.changed; somebody may have written into it.

        Raises:
            InvalidDataError: it cannot be moved.
        """
        try:
            self._checked_metrics(header)
            return ""
        except InvalidDataError as problem:
            if not self._metrics.exists():
                return f"{self._metrics}: no such file; written anew from the checkpoint"
            with storage_errors(self._metrics):
                os.replace(self._metrics, kept := self.path / "metrics.csv.changed")
            return f"{problem.where}: got {problem.got}; written anew from the checkpoint, the changed file is {kept}"

    def read_metrics(self, upto: float = math.inf) -> list[dict[str, float]]:
        """Read the rows of metrics.csv up to this update, by default all of them.

        Raises:
            InvalidDataError: no such table of numbers.
        """
        path = self._metrics
        if not path.exists():
            return []
        read = read_csv(path)
        if "update" not in read.header:
            raise InvalidDataError(f"{path}: header", got=",".join(read.header)[:200], expected="columns, one of them update")
        rows = [
            {name: _number(f"{path}: line {line}, {name}", cell) for name, cell in zip(read.header, cells, strict=True) if cell}
            for line, cells in read.rows
        ]
        return [row for row in rows if row.get("update", math.inf) <= upto]


def plain_numbers(value: Any) -> Any:
    """The same with None for what is no finite number, as JSON wants it."""
    if isinstance(value, dict):
        return {key: plain_numbers(each) for key, each in value.items()}
    return None if isinstance(value, float) and value - value != 0 else value


def _digest(value: dict[str, Any]) -> str:
    """Of a JSON object's content, whatever the order of its fields."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _number(where: str, text: str) -> float:
    """Whole numbers stay whole, so that they are written again as they were."""
    whole, number = whole_number(text), decimal_number(text)
    if whole is not None:
        return whole
    if number is None and text not in ("nan", "inf", "-inf"):
        raise InvalidDataError(where, got=repr(text)[:200], expected="a number")
    return float(text)
