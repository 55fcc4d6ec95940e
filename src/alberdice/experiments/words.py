"""Tables of words: numbers with their errors, sections, Markdown; and the conditions under which numbers were made."""

from __future__ import annotations

import math
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

import alberdice
from alberdice import machine

__all__ = ["Section", "as_markdown", "conditions", "number", "percent", "plus_minus", "span"]

_PACKAGES = ("torch", "numpy", "scipy")


@dataclass(frozen=True)
class Section:
    """A titled table of words."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def number(value: float | None) -> str:
    """Two decimals; - for nothing."""
    return "-" if value is None or math.isnan(value) else f"{value:.2f}"


def plus_minus(mean: float | None, error: float | None) -> str:
    """With its error, if there is one."""
    return number(mean) + (f" ± {error:.2f}" if error is not None and not math.isnan(error) else "")


def span(middle: float, low: float, high: float) -> str:
    """With its interval, if there is one."""
    return number(middle) + ("" if math.isnan(low) else f" [{low:.2f}, {high:.2f}]")


def percent(mean: float, error: float) -> str:
    """A share and its error as percentages."""
    if math.isnan(mean):
        return "-"
    return f"{100 * mean:.2f}" + ("" if math.isnan(error) else f" ± {100 * error:.2f}") + "%"


def as_markdown(title: str, sections: Sequence[Section], notes: Sequence[str], command: str) -> str:
    """The tables, their notes, and how to make them again."""
    parts = [f"# {title}", ""]
    for section in sections:
        lines = [section.columns, tuple("---" for _ in section.columns), *section.rows]
        parts += [f"## {section.title}", "", *("| " + " | ".join(line).replace("\n", " / ") + " |" for line in lines), ""]
    parts += [*(f"- {line}" for line in notes), "", f"Made by `{command}`.", ""]
    return "\n".join(parts)


def conditions() -> dict[str, Any]:
    """Date, versions, processor, cores and memory."""
    memory = round(machine.memory_limit() / 2**30, 1)
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "versions": {"alberdice": alberdice.__version__, "python": platform.python_version()}
        | {name: metadata.version(name) for name in _PACKAGES},
        "machine": {"processor": machine.processor(), "cores": machine.cores(), "memory_gib": memory},
    }
