"""Words for people and programs: JSON on standard output, words and progress on standard error.

    warn    what may make the result worth less           always said
    tell    notes, what was written, progress             not where quiet
    explain what was decided and why, with the time       where verbose

They go through the logger ``alberdice`` of Python's logging (WARNING, INFO, DEBUG), so that a program that uses this package
can choose its level, or put handlers of its own in the place of ours.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from alberdice.texts import one_line

__all__ = ["LEVELS", "explain", "json_text", "level", "print_json", "progress_bar", "tell", "verbosity", "warn"]

#: how much is said; silent: nothing, as of one of several processes of which another speaks
LEVELS = {"quiet": logging.WARNING, "normal": logging.INFO, "verbose": logging.DEBUG, "silent": logging.CRITICAL}

#: seconds between lines of progress where there is no terminal
LINE_EVERY = 30.0

_LOG = logging.getLogger("alberdice")


class _Lines(logging.Handler):
    """A line each, on whatever standard error is now; with the seconds since ``began`` where it is verbose."""

    began = time.perf_counter()

    def emit(self, record: logging.LogRecord) -> None:
        """See ``logging.Handler``."""
        since = f"{time.perf_counter() - self.began:8.2f} s  " if _LOG.isEnabledFor(logging.DEBUG) else ""
        print(f"{since}{one_line(record.getMessage())}", file=sys.stderr, flush=True)


_LINES = _Lines()
if not _LOG.handlers:
    _LOG.addHandler(_LINES)
    _LOG.propagate = False
    _LOG.setLevel(logging.INFO)


def warn(text: object) -> None:
    """Say what may make the result worth less, under every verbosity."""
    _say(logging.WARNING, text)


def tell(text: object) -> None:
    """Say something, unless quiet."""
    _say(logging.INFO, text)


def explain(text: object) -> None:
    """Say what was decided and why, if verbose."""
    _say(logging.DEBUG, text)


def _say(level: int, text: object) -> None:
    """``logging.config`` turns off every logger that it does not name, unless told otherwise: nobody's word against ours."""
    _LOG.disabled = False
    _LOG.log(level, "%s", text)


def level() -> str:
    """How much is said now, one of ``LEVELS``."""
    return next((name for name, number in LEVELS.items() if _LOG.getEffectiveLevel() >= number), "verbose")


@contextlib.contextmanager
def verbosity(name: str) -> Iterator[None]:
    """Say so much, one of ``LEVELS``, and count the seconds from here."""
    before, _LINES.began = (_LOG.level, _LINES.began), time.perf_counter()
    _LOG.setLevel(LEVELS[name])
    try:
        yield
    finally:
        _LOG.setLevel(before[0])
        _LINES.began = before[1]


def print_json(value: Any) -> None:
    """Pretty JSON on standard output, see ``json_text``."""
    print(json_text(value))


def json_text(value: Any) -> str:
    """Pretty JSON; arrays as nested lists, NaN and infinities as null."""
    return json.dumps(_plain(value), indent=1, ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


@contextlib.contextmanager
def progress_bar(label: str, total: int, clock: Callable[[], float] = time.monotonic) -> Iterator[Callable[..., None]]:
    """How far the work is, on standard error.

    The yielded function takes a note, how many steps were made, and how many fewer than ``total`` are to be made.

    A bar on a terminal; elsewhere, in logs, a line about every half minute, and none of what is done before; nothing
    where quiet.

    Args:
        label: what is done.
        total: steps.
        clock: seconds, for the lines.
    """
    if level() == "quiet":
        yield lambda note="", steps=1, fewer=0: None
        return
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Steps(label, total, clock).step
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(label, total=total, note="")

        def step(note: str = "", steps: int = 1, fewer: int = 0) -> None:
            nonlocal total
            total -= fewer
            bar.update(task, advance=steps, note=note, total=total)

        yield step


class _Steps:
    """Progress where there is no terminal."""

    def __init__(self, label: str, total: int, clock: Callable[[], float]) -> None:
        self.label, self.total, self.clock = label, total, clock
        self.done, self.begun = 0, clock()
        self.said = self.begun

    def step(self, note: str = "", steps: int = 1, fewer: int = 0) -> None:
        """Count, and say so if it is time."""
        self.done, self.total = self.done + steps, self.total - fewer
        now = self.clock()
        if now - self.said < LINE_EVERY or not (steps or note):
            return
        self.said = now
        left = (now - self.begun) * (self.total - self.done) / max(1, self.done)
        words = [f"{self.label}: {self.done:,}/{self.total:,}", note, f"{_duration(left)} left"]
        tell(", ".join(filter(None, words)))


def _duration(seconds: float) -> str:
    """As people say it: 40 s, 12 min, 3 h 5 min."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
