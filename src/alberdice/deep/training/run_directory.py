"""The folder of one run: locked while in use, written so that a crash or a full disk loses nothing already saved.

config.json                 the settings
checkpoint.safetensors      everything that the next update depends on, the history too; its JSON header says what and how far
metrics.csv                 one row per evaluation
result.json                 what came out
policies/                   the policies of evaluations, as ``update-00000250.safetensors``
states/                     what the checkpoint was when they were kept, under the same names: training can go on from each
tensorboard/                curves
pictures/                   learning curve, policies, joint actions; see ``alberdice.deep.training.run_pictures``
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import Tensor

from alberdice.deep.training.checkpoints import read_checkpoint, write_checkpoint
from alberdice.errors import InvalidArgumentError, InvalidDataError
from alberdice.files import exclusive, storage_errors, write_atomically

__all__ = ["RunDirectory"]

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
        plain = {key: None if isinstance(v, float) and v - v != 0 else v for key, v in value.items()}
        write_atomically(self.path / name, (json.dumps(plain, indent=1, allow_nan=False) + "\n").encode())

    def read_json(self, name: str) -> dict[str, Any]:
        """Read a JSON file.

        Raises:
            InvalidArgumentError: no such file, or no JSON object.
        """
        try:
            value = json.loads((self.path / name).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            raise InvalidArgumentError(str(self.path / name), got="nothing readable", expected="a run's file") from None
        if not isinstance(value, dict):
            raise InvalidArgumentError(str(self.path / name), got=type(value).__name__, expected="a JSON object")
        return value

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

    def write_metrics(self, rows: list[dict[str, float]]) -> None:
        """Write metrics.csv whole."""
        text = io.StringIO()
        names = list(dict.fromkeys(name for row in rows for name in row))
        writer = csv.DictWriter(text, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_atomically(self.path / "metrics.csv", text.getvalue().encode())

    def read_metrics(self, upto: float = math.inf) -> list[dict[str, float]]:
        """Read the rows of metrics.csv up to this update, by default all of them.

        Raises:
            InvalidDataError: no such table of numbers.
        """
        path = self.path / "metrics.csv"
        if not path.exists():
            return []
        try:
            with path.open(newline="", encoding="utf-8") as file:
                rows = [{name: _number(value) for name, value in row.items() if value} for row in csv.DictReader(file)]
            return [row for row in rows if row["update"] <= upto]
        except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
            words = f"{type(error).__name__}: {error}"
            raise InvalidDataError(str(path), got=words, expected="rows of numbers, one of them 'update'") from None


def _number(text: str) -> float:
    """Whole numbers stay whole, so that they are written again as they were."""
    return int(text) if text.isdigit() and len(text) < 20 else float(text)
