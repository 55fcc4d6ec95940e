"""Tables and words about datasets for people; every cell prints what it says, without markup or escape codes."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from alberdice.console import explain, level
from alberdice.datasets.statistics import DatasetSummary
from alberdice.datasets.store import dataset_directory
from alberdice.errors import InvalidArgumentError
from alberdice.texts import printable

__all__ = ["busy", "cells", "check_free", "print_path", "print_roles", "print_summary", "print_table"]


def busy(text: str) -> AbstractContextManager[Any]:
    """A spinner on stderr, silent when that is no terminal, or where quiet."""
    explain(text)
    if level() == "quiet":
        return nullcontext()
    return Console(stderr=True).status(Text(printable(text)))


def print_path(path: Path) -> None:
    """A path as a result, on standard output."""
    print(printable(path, longest=1 << 20))


def check_free(identity: str, root: Path | None, overwrite: bool) -> None:
    """Refuse an id that cannot be stored under, before any work."""
    target = dataset_directory(identity, root)
    if os.path.lexists(target) and not overwrite:
        remedy = "choose another --id, or --overwrite"
        raise InvalidArgumentError(str(target), got="something is there already", expected="a free id", remedy=remedy)


def cells(*texts: object) -> tuple[Text, ...]:
    """Cells that print what they say: no markup, no escape codes."""
    return tuple(Text(printable(text)) for text in texts)


def print_table(table: Table) -> None:
    """A table on standard output, 160 columns wide where that is no terminal."""
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 160)
    console.print(table)


def print_roles(roles: Mapping[str, tuple[str, str]]) -> None:
    """What each column of a log was taken for, and what it holds."""
    table = Table("column", "role", "holds")
    for column, (role, holds) in roles.items():
        table.add_row(*cells(column, role, holds))
    print_table(table)


def print_summary(summary: DatasetSummary) -> None:
    """What ``datasets inspect`` shows."""
    table = Table(title=cells(summary.name)[0], show_header=False)

    def spread(name: str) -> str:
        of = getattr(summary, name)
        return f"mean {of.mean:.6g} ± {of.std:.4g}   min {of.minimum:.6g}   median {of.median:.6g}   max {of.maximum:.6g}"

    rows = {
        "source": summary.source,
        "environment": _environment(summary.header),
        "agents' names": ", ".join(summary.header["agents"]),
        "team's reward": summary.header["team_reward"],
        "episode limit": str(summary.header["episode_limit"] or ""),
        "recipe": summary.header["recipe"],
        "digest": summary.digest,
        "episodes": f"{summary.episodes:,} ({summary.terminated_episodes:,} terminated, {summary.truncated_episodes:,} cut)",
        "steps": f"{summary.steps:,} ({summary.transitions:,} transitions)",
        "agents": f"{summary.agents}, actions {', '.join(map(str, summary.n_actions))}",
        "features": f"state {summary.state_size}, observation {summary.observation_size}",
        "types": ", ".join(f"{key} {kind}" for key, kind in summary.types.items()),
        "memory": f"{summary.megabytes:,.1f} MB" + (" (mapped)" if summary.memory_mapped else ""),
        "returns": spread("returns"),
        "lengths": spread("lengths"),
        "rewards": spread("rewards"),
        "joint actions": f"{summary.joint_actions:,} of {_large(summary.joint_action_space)}, "
        f"{summary.joint_action_coverage:.3%}",
        "joint entropy": f"{summary.joint_action_entropy:.4f} nats, total correlation "
        + ("says nothing: states hardly repeat" if summary.total_correlation is None else f"{summary.total_correlation:.4f}"),
        "outside support": f"{100 * summary.product_outside_support:.2f}% of the product of the agents' marginals",
        "most frequent": "   ".join(f"{' '.join(map(str, a))}: {n:,}" for a, n in summary.most_frequent[:6]),
        "distinct": f"{summary.distinct_states:,} states, {summary.distinct_state_actions:,} pairs of state and joint action "
        f"({summary.lone_state_actions:,} occur once)",
        "duplicates": f"{summary.duplicate_transitions:,} transitions, {summary.duplicate_episodes:,} episodes",
    }
    for agent, frequencies in enumerate(summary.action_frequencies):
        rows[f"agent {agent + 1} actions"] = "  ".join(f"{p:.3f}" for p in frequencies)
    for name, text in rows.items():
        if text:
            table.add_row(*cells(name, text))
    for kind in ("notes", "warnings"):
        for sentence in getattr(summary, kind):
            table.add_row(*cells(kind.removesuffix("s"), sentence))
    print_table(table)


def _large(number: int) -> str:
    """A whole number of any size."""
    return f"{number:,}" if number < 10**15 else f"about 10^{math.log10(number):.0f}"


def _environment(header: dict[str, Any]) -> str:
    """Name and arguments, in one line."""
    arguments = ", ".join(f"{key}={json.dumps(value)}" for key, value in header["environment_arguments"].items())
    return header["environment"] + (f" ({arguments})" if arguments else "") or "not known"
