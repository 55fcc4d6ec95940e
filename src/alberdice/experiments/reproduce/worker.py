"""What a process of the pool does: train the runs that come through its pipe, one after another, and tell how far they are.

    parent -> worker    PlannedRun, or None: no more
    worker -> parent    Progress while a run is under way, then Ended

Workers are spawned deaf to SIGINT, which a terminal sends to all; within a run the training loop hears SIGINT and SIGTERM, and
saves.
"""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from alberdice.errors import AlberDICEError, SolverError
from alberdice.experiments.reproduce.plan import PlannedRun

__all__ = ["Ended", "Progress", "work"]

#: seconds between messages
_PAUSE = 0.2


@dataclass(frozen=True)
class Progress:
    """So many more updates, and the latest evaluation."""

    updates: int
    note: str


@dataclass(frozen=True)
class Ended:
    """How a run ended: 'done', 'diverged', 'failed' or 'stopped'; why, if it failed."""

    status: str
    reason: str = ""


def work(pipe: Connection) -> None:
    """Train until there is nothing left, or nobody to tell."""
    with contextlib.suppress(EOFError, BrokenPipeError):  # the parent is gone
        while (run := pipe.recv()) is not None:
            ended = _train(run, pipe)
            pipe.send(ended)
            if ended.status == "stopped":
                return


def _train(run: PlannedRun, pipe: Connection) -> Ended:
    """One run, fresh or continued; whatever goes wrong in it is told, not raised."""
    from alberdice.deep.training.loop import train

    try:
        with contextlib.redirect_stderr(io.StringIO()):  # one progress bar and one report speak for all runs
            train(run.config, run.folder, resume=True, progress=_reporter(run, pipe))
    except SolverError as error:
        return Ended("diverged", str(error))
    except KeyboardInterrupt:
        return Ended("stopped")
    except BrokenPipeError:
        raise
    except AlberDICEError as error:
        return Ended("failed", str(error))
    except Exception as error:
        return Ended("failed", " ".join(f"{type(error).__name__}: {error}".split()))
    return Ended("done")


def _reporter(run: PlannedRun, pipe: Connection) -> Callable[[str], Any]:
    """Tells the parent of the progress, a few times a second."""
    counted, latest, last = 0, "", time.monotonic()

    def report(note: str) -> None:
        nonlocal counted, latest, last
        counted, latest = counted + 1, f"{run}: {note}" if note else latest
        if time.monotonic() - last >= _PAUSE:
            pipe.send(Progress(counted, latest))
            counted, last = 0, time.monotonic()

    return report
