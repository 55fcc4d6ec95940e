"""Runs in parallel processes: spawned, one thread each, none of them able to take the others along.

A process that dies is replaced, and its run counts as failed.  An interrupt (SIGINT or SIGTERM) asks all runs to save and stop,
and waits for them.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

from alberdice.console import explain, tell
from alberdice.experiments.reproduce.plan import PlannedRun
from alberdice.experiments.reproduce.worker import Ended, Progress, work

__all__ = ["execute"]

#: seconds that a process gets to save and stop
_PATIENCE = 60.0
_SPAWN = multiprocessing.get_context("spawn")
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def execute(runs: Sequence[PlannedRun], jobs: int, step: Callable[..., None]) -> dict[PlannedRun, Ended]:
    """Train all runs, at most ``jobs`` at a time; ``step(note, updates)`` is told of progress.

    Raises:
        KeyboardInterrupt: stopped; what was under way is saved.
    """
    waiting, ended, workers = deque(runs), dict[PlannedRun, Ended](), list[_Worker]()
    with _terminated_as_interrupted():
        try:
            while waiting or any(worker.run for worker in workers):
                workers += [_Worker() for _ in range(min(jobs - len(workers), len(waiting)))]
                for worker in workers:
                    if worker.run is None and waiting:
                        worker.give(waiting.popleft())
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

    def __init__(self) -> None:
        self.pipe, theirs = _SPAWN.Pipe()
        self.process = _SPAWN.Process(target=work, args=(theirs,), daemon=True)
        with _deaf_and_single_threaded():
            self.process.start()
        theirs.close()
        self.run: PlannedRun | None = None
        self.gone = False
        self._left = 0

    def give(self, run: PlannedRun) -> None:
        """Begin a run; a process that has died says so when it is next asked for news."""
        self.run, self._left = run, run.config.total
        with contextlib.suppress(BrokenPipeError):
            self.pipe.send(run)

    def news(self, step: Callable[..., None]) -> Ended | None:
        """Take one message; how the run ended, if it did."""
        try:
            message: Progress | Ended = self.pipe.recv()
        except (EOFError, ConnectionResetError):
            self.process.join(_PATIENCE)
            self.gone = True
            message = Ended("failed", f"its process ended with exit code {self.process.exitcode}")
        if isinstance(message, Progress):
            updates = min(message.updates, self._left)
            self._left -= updates
            step(message.note, updates)
            return None
        step(f"{self.run}: {message.status}", self._left)
        explain(f"{self.run}: {message.status}{f', {message.reason}' if message.reason else ''}")
        self.run = None
        self.gone = self.gone or message.status == "stopped"
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
        worker.process.join(_PATIENCE)
        if worker.process.is_alive():
            worker.process.kill()
        worker.pipe.close()


@contextlib.contextmanager
def _deaf_and_single_threaded() -> Iterator[None]:
    """Processes started here ignore SIGINT, until a run listens to it, and compute with one thread each."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM raises KeyboardInterrupt, too."""

    def interrupt(number: int, frame: Any) -> None:
        tell("stopping: runs under way save what they have; the same command goes on from there")
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
