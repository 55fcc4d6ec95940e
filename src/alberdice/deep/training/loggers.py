"""Loggers: a run folder's metrics.csv, and TensorBoard."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alberdice.deep.training.run_directory import RunDirectory

__all__ = ["MetricsFile", "TensorBoard"]


class MetricsFile:
    """metrics.csv of a run folder, a row per evaluation; replaced as a whole, so that no reader sees half of it.

    Args:
        folder: the run's.
        rows: those that are there already.
    """

    def __init__(self, folder: RunDirectory, rows: list[dict[str, float]] | None = None) -> None:
        self.folder, self.rows = folder, list(rows or [])

    def log(self, kind: str, update: int, values: Mapping[str, float]) -> None:
        """See ``fit.Logger``."""
        if kind == "evaluation":
            self.rows.append(dict(values))
            self.folder.write_metrics(self.rows)

    def close(self) -> None:
        """Nothing is open."""


class TensorBoard:
    """Event files for TensorBoard.

    Args:
        folder: where they go.
        done: updates done before; what an interrupted run wrote about later ones is purged.
    """

    #: numbers of evaluations that make curves; the others of a row are the training's, which are there already
    CURVES = ("return_mean", "return_exact", "gap_to_data", "out_of_data")

    def __init__(self, folder: Path, done: int = 0) -> None:
        from torch.utils.tensorboard import SummaryWriter

        # events of steps >= purge_step are hidden: the checkpoint's own step stays
        self._writer: Any = SummaryWriter(str(folder), purge_step=done + 1 if done else None)

    def log(self, kind: str, update: int, values: Mapping[str, float]) -> None:
        """See ``fit.Logger``."""
        chosen = values if kind == "training" else {name: values[name] for name in self.CURVES if name in values}
        for name, value in chosen.items():
            if value == value:  # a curve has no place for what is no number
                self._writer.add_scalar(f"{kind}/{name}", value, update)

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()
