"""What a run costs, measured inside the process that makes it, and kept in its folder.

    cost.json    processor milliseconds of an update, median and quartiles, before the rounds and in them; the same by the
                 clock; processor seconds of preparing, which an update's time does not hold; bytes of memory at most, and those
                 held before the data were read; when the run began and ended

Processor time is that of all threads of the process.  What comes once (building, caches) or seldom (a checkpoint) moves no
median.  A run that was stopped and went on says so: its memory is that of its last process.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from alberdice.console import json_text
from alberdice.deep.training.fit import Fitting
from alberdice.files import write_atomically
from alberdice.machine import peak_memory
from alberdice.readers import read_json

__all__ = ["COST", "Cost", "read_cost"]

#: the file's name
COST = "cost.json"


class Cost:
    """Measures a run from its beginning to its last update; see ``fit.Callback``.

    Args:
        folder: the run's.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.began, self.held = folder, time.time(), peak_memory()
        self.processor, self.clock = [time.process_time()], [time.perf_counter()]
        self.first = 0

    def after_update(self, fitting: Fitting) -> None:
        """One more is done; after the last one, the file is written."""
        self.processor.append(time.process_time())
        self.clock.append(time.perf_counter())
        self.first = self.first or fitting.done
        if fitting.done >= fitting.total:
            content = json_text(self._found(fitting)) + "\n"
            write_atomically(self.folder / COST, content.encode())

    def _found(self, fitting: Fitting) -> dict[str, Any]:
        """What the file holds."""
        used, passed = (1e3 * np.diff(times) for times in (self.processor, self.clock))
        cloning = max(0, fitting.pretraining - self.first + 1)  # of the updates seen; the first one holds all preparing
        rounds, clones = used[max(1, cloning + 1) :], used[1:cloning]
        found = {
            "updates": fitting.done,
            "process": os.getpid(),
            "resumed": self.first > 1,
            "update_ms": _quartiles(rounds),
            "update_wall_ms": _quartiles(passed[max(1, cloning + 1) :]),
            "cloning_ms": _quartiles(clones),
            "processor_seconds": float(used.sum() / 1e3),
            "wall_seconds": float(passed.sum() / 1e3),
            "held_bytes": self.held,
            "peak_bytes": peak_memory(),
            "began": self.began,
            "ended": time.time(),
        }
        caches = float(used[cloning]) if 0 < cloning < len(used) else 0.0  # which the first round fills
        once = float(used[0]) + caches
        return found | {"preparing_seconds": once / 1e3}


def _quartiles(values: np.ndarray[Any, Any]) -> list[float] | None:
    """Median, lower and upper quartile."""
    return None if not len(values) else [float(x) for x in np.quantile(values, [0.5, 0.25, 0.75])]


def read_cost(folder: Path) -> dict[str, Any] | None:
    """What a finished run cost; None where it was not measured."""
    path = folder / COST
    return dict(read_json(path)) if path.exists() else None
