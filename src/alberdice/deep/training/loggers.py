"""Loggers: a run folder's metrics.csv, and TensorBoard."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alberdice.console import explain
from alberdice.deep.training.run_directory import RunDirectory
from alberdice.files import storage_errors

__all__ = ["MetricsFile", "TensorBoard"]

#: numbers of evaluations that make curves; the others of a row are the training's, which are there already
CURVES = ("return_mean", "return_exact", "gap_to_data", "out_of_data")
_EVENTS = re.compile(r"events\.out\.tfevents\.(\d+)\..*")


class MetricsFile:
    """metrics.csv of a run folder, a row per evaluation; replaced as a whole, so that no reader sees half of it.

    Args:
        folder: the run's.
        rows: those that there are already; written at once, because the file may lack some or be ahead of them.
    """

    def __init__(self, folder: RunDirectory, rows: list[dict[str, float]] | None = None) -> None:
        self.folder, self.rows = folder, list(rows or [])
        if self.rows:
            folder.write_metrics(self.rows)

    def log(self, kind: str, update: int, values: Mapping[str, float]) -> None:
        """See ``fit.Logger``."""
        if kind == "evaluation":
            self.rows.append(dict(values))
            self.folder.write_metrics(self.rows)

    def close(self) -> None:
        """Nothing is open."""


class Narrator:
    """Evaluations as lines for who wants to know (``console.explain``)."""

    def log(self, kind: str, update: int, values: Mapping[str, float]) -> None:
        """See ``fit.Logger``."""
        if kind == "evaluation":
            told = ", ".join(f"{name} {value:.4g}" for name, value in values.items() if name in CURVES and value == value)
            explain(f"update {update}: {told or 'evaluated'}")

    def close(self) -> None:
        """Nothing is open."""


class TensorBoard:
    """Event files for TensorBoard, one per process of a run.

    What is logged is handed to the system at once: a checkpoint knows of no event that a killed process took with it.
    TensorBoard reads the files in the order of their names, which begin with a second: a new one is given a later second than
    all that are there, whatever the clock says, so that it is read last and hides the events after the checkpoint.

    Args:
        folder: where they go.
        done: updates done before; what an interrupted run wrote about later ones is hidden.
        settings: of the run, shown as a table under "text" beside the curves of a fresh run.

    Raises:
        ResourceError: the disk is full.
        InvalidDataError: the place cannot be written.
    """

    def __init__(self, folder: Path, done: int = 0, settings: Mapping[str, Any] | None = None) -> None:
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.record_writer import RecordWriter

        self._event, self._summary, self.path = Event, Summary, folder
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self.path = folder / _next_name(folder)
            self._records: Any = RecordWriter(self.path.open("xb", buffering=0))
        self._write(file_version="brain.Event:2")
        # events of steps >= this one are hidden: the checkpoint's own step stays
        self._write(step=done + 1, session_log=SessionLog(status=SessionLog.START))
        if settings and not done:
            self._write_text("settings", _markdown(settings))
            self._write_hyperparameters(settings)

    def _write(self, **values: Any) -> None:
        with storage_errors(self.path):
            self._records.write(self._event(wall_time=time.time(), **values).SerializeToString())

    def _write_text(self, tag: str, text: str) -> None:
        """A text, in Markdown, as TensorBoard's plugin for texts wants it."""
        from tensorboard.compat.proto.summary_pb2 import SummaryMetadata
        from tensorboard.compat.proto.tensor_pb2 import TensorProto
        from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto

        plugin = SummaryMetadata.PluginData(plugin_name="text")
        shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)])
        tensor = TensorProto(dtype="DT_STRING", string_val=[text.encode()], tensor_shape=shape)
        metadata = SummaryMetadata(plugin_data=plugin)
        self._write(step=0, summary=self._summary(value=[self._summary.Value(tag=tag, metadata=metadata, tensor=tensor)]))

    def _write_hyperparameters(self, settings: Mapping[str, Any]) -> None:
        """For the tab HPARAMS: each run of a folder a row, its settings beside its evaluations."""
        from tensorboard.plugins.hparams import summary_v2 as hparams

        plain = {name: value if isinstance(value, bool | int | float | str) else str(value) for name, value in settings.items()}
        metrics = [hparams.Metric(f"evaluation/{name}", display_name=name.replace("_", " ")) for name in CURVES]
        columns = [hparams.HParam(name) for name in plain]
        self._write(step=0, summary=hparams.hparams_config_pb(columns, metrics))
        self._write(step=0, summary=hparams.hparams_pb(plain, trial_id=str(self.path.parent.resolve())))

    def log(self, kind: str, update: int, values: Mapping[str, float]) -> None:
        """See ``fit.Logger``."""
        chosen = values if kind == "training" else {name: values[name] for name in CURVES if name in values}
        numbers = {
            name: value for name, value in chosen.items() if value == value
        }  # a curve has no place for what is no number
        if numbers:
            value = [self._summary.Value(tag=f"{kind}/{name}", simple_value=number) for name, number in numbers.items()]
            self._write(step=update, summary=self._summary(value=value))

    def close(self) -> None:
        """Nothing more is written."""
        self._records.close()


def _markdown(settings: Mapping[str, Any]) -> str:
    """Settings as a table, a row each."""
    rows = [f"| {name} | {str(value).replace('|', chr(92) + '|')} |" for name, value in settings.items()]
    return "\n".join(["| setting | value |", "|---|---|", *rows])


def _next_name(folder: Path) -> str:
    """A name after those of all event files that are there."""
    seconds = [int(match[1]) for path in folder.iterdir() if (match := _EVENTS.fullmatch(path.name))]
    second = max(int(time.time()), *(last + 1 for last in seconds)) if seconds else int(time.time())
    return f"events.out.tfevents.{second:010d}.{socket.gethostname()}.{os.getpid()}.0"
