"""Words for people and programs: JSON on standard output, progress on standard error."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from alberdice.texts import one_line

__all__ = ["json_text", "print_json", "progress_bar"]

#: seconds between lines of progress where there is no terminal
LINE_EVERY = 30.0


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
    """How far the work is, on standard error; call the yielded function with a note, and how many steps were made.

    A bar on a terminal; elsewhere, in logs, a line about every half minute, and none of what is done before.

    Args:
        label: what is done.
        total: steps.
        clock: seconds, for the lines.
    """
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(label, total, clock).step
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(label, total=total, note="")

        def step(note: str = "", steps: int = 1) -> None:
            bar.update(task, advance=steps, note=note)

        yield step


class _Lines:
    """Progress where there is no terminal."""

    def __init__(self, label: str, total: int, clock: Callable[[], float]) -> None:
        self.label, self.total, self.clock = label, total, clock
        self.done, self.begun = 0, clock()
        self.said = self.begun

    def step(self, note: str = "", steps: int = 1) -> None:
        """Count, and say so if it is time."""
        self.done += steps
        now = self.clock()
        if now - self.said < LINE_EVERY:
            return
        self.said = now
        left = (now - self.begun) * (self.total - self.done) / max(1, self.done)
        words = [f"{self.label}: {self.done:,}/{self.total:,}", note, f"{_duration(left)} left"]
        print(one_line(", ".join(filter(None, words))), file=sys.stderr, flush=True)


def _duration(seconds: float) -> str:
    """As people say it: 40 s, 12 min, 3 h 5 min."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
