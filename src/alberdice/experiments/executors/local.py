"""Runs in parallel processes of this machine: one thread each, none of them able to take the others along.

    parent -> worker    (PlannedRun, share), or None: no more
    worker -> parent    Progress while a run is under way, then Ended

A process that dies is replaced, and its run counts as failed; one that made a run which needs a process alone ends.  An
interrupt (SIGINT or SIGTERM) asks all runs to save and stop, and waits for them.  Workers are spawned deaf to SIGINT, which a
terminal sends to all; within a run the training loop hears SIGINT and SIGTERM, and saves.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from alberdice.console import explain
from alberdice.experiments.executors.interrupts import PATIENCE, terminated_as_interrupted
from alberdice.experiments.executors.work import Ended, make_run, single_threaded
from alberdice.experiments.planned import PlannedRun

__all__ = ["LocalExecutor", "Progress", "work"]

#: seconds between a worker's messages
_PAUSE = 0.2
_SPAWN = multiprocessing.get_context("spawn")


def _context(alone: bool) -> Any:
    """How processes begin: spawned; where each makes one run only, forked from one that has imported everything."""
    if not alone or "forkserver" not in multiprocessing.get_all_start_methods():
        return _SPAWN
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([work.__module__])
    return context


@dataclass(frozen=True)
class Progress:
    """So many more updates, the latest evaluation, and how many fewer are to be made than the settings say."""

    updates: int
    note: str
    fewer: int = 0


@dataclass(frozen=True)
class LocalExecutor:
    """At most ``jobs`` processes side by side, see ``work.Executor``."""

    jobs: int = 1

    def execute(self, runs: Sequence[PlannedRun], step: Callable[..., None], share: float = 1.0) -> dict[PlannedRun, Ended]:
        """See ``work.Executor``."""
        waiting, ended, workers = deque(runs), dict[PlannedRun, Ended](), list[_Worker]()
        context = _context(any(run.alone for run in runs))
        with terminated_as_interrupted():
            try:
                while waiting or any(worker.run for worker in workers):
                    workers += [_Worker(context) for _ in range(min(self.jobs - len(workers), len(waiting)))]
                    for worker in workers:
                        if worker.run is None and waiting:
                            worker.give(waiting.popleft(), share)
                    for worker in _with_news(workers):
                        run = worker.run
                        news = worker.news(step)
                        if run is not None and news is not None:
                            ended[run] = news
                    workers = [worker for worker in workers if not worker.gone]
            finally:
                _stop(workers)
        return ended


class _Worker:
    """A process, its pipe, and the run that it has."""

    def __init__(self, context: Any) -> None:
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=work, args=(theirs,), daemon=True)
        with _deaf_and_single_threaded():
            self.process.start()
        theirs.close()
        self.run: PlannedRun | None = None
        self.gone = False
        self._left = 0

    def give(self, run: PlannedRun, share: float) -> None:
        """Begin a run; a process that has died says so when it is next asked for news."""
        self.run, self._left = run, run.config.total
        with contextlib.suppress(BrokenPipeError):
            self.pipe.send((run, share))

    def news(self, step: Callable[..., None]) -> Ended | None:
        """Take one message; how the run ended, if it did."""
        try:
            message: Progress | Ended = self.pipe.recv()
        except (EOFError, ConnectionResetError):
            self.process.join(PATIENCE)
            self.gone = True
            message = Ended("failed", f"its process ended with exit code {self.process.exitcode}")
        if isinstance(message, Progress):
            updates = min(message.updates, self._left - message.fewer)
            self._left -= updates + message.fewer
            step(message.note, updates, message.fewer)
            return None
        explain(f"{self.run}: {message.status}{f', {message.reason}' if message.reason else ''}")
        step(f"{self.run}: {message.status}", 0, self._left)
        self.gone = self.gone or message.status == "stopped"
        if self.run is not None and self.run.alone:
            self.process.join(PATIENCE)  # what it does at its end would cost the next one time
            self.gone = True
        self.run = None
        return message


def _with_news(workers: list[_Worker]) -> list[_Worker]:
    """Those that have something to say, or have died; waits for the first."""
    busy: dict[Any, _Worker] = {worker.pipe: worker for worker in workers if worker.run is not None}
    return [busy[pipe] for pipe in wait(list[Connection](busy))]


def _stop(workers: list[_Worker]) -> None:
    """Send the idle ones home; let the others save and stop."""
    for worker in workers:
        if worker.run is None:
            with contextlib.suppress(BrokenPipeError):
                worker.pipe.send(None)
        else:
            worker.process.terminate()
    for worker in workers:
        worker.process.join(PATIENCE)
        if worker.process.is_alive():
            worker.process.kill()
        worker.pipe.close()


@contextlib.contextmanager
def _deaf_and_single_threaded() -> Iterator[None]:
    """Processes started here ignore SIGINT, until a run listens to it, and compute with one thread each."""
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with single_threaded():
            yield
    finally:
        signal.signal(signal.SIGINT, handler)


def work(pipe: Connection) -> None:
    """Train until there is nothing left, or nobody to tell."""
    with contextlib.suppress(EOFError, ConnectionError):  # the parent is gone, maybe without having read the last message
        while (given := pipe.recv()) is not None:
            run, share = given
            report = _Reporter(run, pipe)
            ended = make_run(run, report, share, report.tell)
            report.tell()
            pipe.send(ended)
            if ended.status == "stopped" or run.alone:
                return


class _Reporter:
    """Tells the parent of the progress, a few times a second."""

    def __init__(self, run: PlannedRun, pipe: Connection) -> None:
        self.run, self.pipe = run, pipe
        self.counted, self.latest, self.last = 0, "", time.monotonic()

    def __call__(self, note: str) -> None:
        """One more update."""
        self.counted, self.latest = self.counted + 1, f"{self.run}: {note}" if note else self.latest
        if time.monotonic() - self.last >= _PAUSE:
            self.tell()

    def tell(self, fewer: int = 0) -> None:
        """What was counted since the last time, and how many updates are not to be made."""
        self.pipe.send(Progress(self.counted, self.latest, fewer))
        self.counted, self.last = 0, time.monotonic()
