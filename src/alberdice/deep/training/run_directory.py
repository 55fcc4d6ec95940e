"""The folder of one run: locked while in use, written so that a crash or a full disk loses nothing already saved.

config.json                 the settings
checkpoint.safetensors      everything that the next update depends on; its JSON header says what and how far
metrics.csv                 one row per evaluation
result.json                 what came out
tensorboard/                curves
pictures/                   learning curve, policies, joint actions; see ``alberdice.deep.training.run_pictures``
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from alberdice.errors import InvalidArgumentError, InvalidDataError
from alberdice.files import exclusive, write_atomically

__all__ = ["RunDirectory"]

FORMAT = "alberdice-checkpoint-1"


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
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise InvalidArgumentError(str(self.path), got="a file", expected="a folder for the run") from None
        with exclusive(self.path) as held:
            if not held:
                got, remedy = "a run in progress", "wait for it, or choose another --out"
                raise InvalidArgumentError(str(self.path), got=got, expected="a free folder", remedy=remedy)
            yield

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
        except (OSError, ValueError):
            raise InvalidArgumentError(str(self.path / name), got="nothing readable", expected="a run's file") from None
        if not isinstance(value, dict):
            raise InvalidArgumentError(str(self.path / name), got=type(value).__name__, expected="a JSON object")
        return value

    def save(self, tensors: dict[str, Tensor], header: dict[str, Any]) -> None:
        """Write the checkpoint."""
        plain = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
        content = safetensors.torch.save(plain, {"format": FORMAT, "header": json.dumps(header)})
        write_atomically(self.path / "checkpoint.safetensors", content)

    @property
    def has_checkpoint(self) -> bool:
        """Whether there is something to continue."""
        return (self.path / "checkpoint.safetensors").exists()

    def load(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Read tensors and header of the checkpoint.

        Raises:
            InvalidDataError: not a checkpoint of this package.
        """
        path = self.path / "checkpoint.safetensors"
        if not path.exists():
            raise InvalidArgumentError(str(self.path), got="no checkpoint", expected="the folder of a training run")
        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except SafetensorError as error:
            raise InvalidDataError(str(path), got=str(error), expected="a safetensors file") from None
        if metadata.get("format") != FORMAT:
            raise InvalidDataError(str(path), got=metadata.get("format"), expected=FORMAT)
        return tensors, json.loads(metadata["header"])

    def write_metrics(self, rows: list[dict[str, float]]) -> None:
        """Write metrics.csv whole."""
        text = io.StringIO()
        names = list(dict.fromkeys(name for row in rows for name in row))
        writer = csv.DictWriter(text, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_atomically(self.path / "metrics.csv", text.getvalue().encode())

    def read_metrics(self, upto: float = math.inf) -> list[dict[str, float]]:
        """Read the rows of metrics.csv up to this update, by default all of them."""
        path = self.path / "metrics.csv"
        if not path.exists():
            return []
        with path.open(newline="", encoding="utf-8") as file:
            rows = [{name: _number(value) for name, value in row.items() if value} for row in csv.DictReader(file)]
        return [row for row in rows if row["update"] <= upto]


def _number(text: str) -> float:
    """Whole numbers stay whole, so that they are written again as they were."""
    return int(text) if text.isdigit() else float(text)
