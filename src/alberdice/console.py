"""Words for people and programs: JSON on standard output, progress on standard error."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

__all__ = ["json_text", "print_json", "progress_bar"]


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
def progress_bar(label: str, total: int) -> Iterator[Callable[..., None]]:
    """A bar on standard error, silent when that is no terminal; call the yielded function with a note, and how many steps."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(label, total=total, note="")

        def step(note: str = "", steps: int = 1) -> None:
            bar.update(task, advance=steps, note=note)

        yield step
