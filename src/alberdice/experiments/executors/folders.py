"""Runs that other machines make: what their folders, which all machines see, tell of them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from alberdice.console import explain
from alberdice.deep.training.run_directory import RunDirectory
from alberdice.errors import AlberDICEError, InvalidArgumentError
from alberdice.experiments.executors.work import Ended, make_run
from alberdice.experiments.planned import PlannedRun
from alberdice.files import exclusive

__all__ = ["Needs", "Watch", "make_run_elsewhere"]

#: seconds for which a run waits until a process that was lost has let its folder go
_PATIENCE = 300.0


@dataclass(frozen=True)
class Needs:
    """What one run asks of the machine that makes it.

    Attributes:
        cpus, gpus: so many, or shares of one.
        memory: GiB; 0: not said.
    """

    cpus: float = 1.0
    gpus: float = 0.0
    memory: float = 0.0


class Watch:
    """Tells how far runs are, by the rows of their ``metrics.csv``: once per evaluation.

    Args:
        runs: to be made.
        step: told a note and the updates since the last look.
    """

    def __init__(self, runs: Iterable[PlannedRun], step: Callable[..., None]) -> None:
        self.step = step
        self._seen = {run: _updates(run) for run in runs}
        self._left = {run: run.config.total for run in self._seen}

    def look(self, runs: Iterable[PlannedRun]) -> None:
        """Tell what is new of these runs."""
        for run in runs:
            done = _updates(run)
            new = min(max(0, done - self._seen[run]), self._left[run])
            if new:
                self._seen[run], self._left[run] = done, self._left[run] - new
                self.step(f"{run}: update {done}", new)

    def ended(self, run: PlannedRun, how: Ended) -> None:
        """A run is over, or paused."""
        self.look([run])
        explain(f"{run}: {how.status}{f', {how.reason}' if how.reason else ''}")
        self.step(f"{run}: {how.status}", 0, self._left[run])


def _updates(run: PlannedRun) -> int:
    """After which update the run's last evaluation was; 0 before the first, or where a file is just being replaced."""
    try:
        rows = RunDirectory(run.folder).read_metrics()
    except AlberDICEError:
        return 0
    return int(rows[-1]["update"]) if rows else 0


def make_run_elsewhere(run: PlannedRun, share: float, place: str) -> Ended:
    """What another machine does: the same as this one would, in the same working folder.

    Args:
        run: what to make; its folder and its data's may be relative to ``place``.
        share: as in ``work.Executor``.
        place: the working folder of whoever asked.
    """
    if not os.path.isdir(place):
        got, remedy = "no such folder on the machine that was to make a run", "start from a folder that all machines share"
        return Ended("failed", str(InvalidArgumentError(place, got=got, expected="the working folder", remedy=remedy)))
    os.chdir(place)
    _wait_until_free(run.folder)
    return make_run(run, lambda note: None, share)


def _wait_until_free(folder: Path) -> None:
    """A machine that was given up may hold the folder for a moment still; if it goes on doing so, the run says that it does."""
    begun = time.monotonic()
    while folder.is_dir() and time.monotonic() - begun < _PATIENCE:
        with exclusive(folder) as held:
            if held:
                return
        time.sleep(0.2)
