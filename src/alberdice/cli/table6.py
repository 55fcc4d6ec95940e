"""``alberdice table6``: the paper's Table 6, recomputed, beside the printed values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alberdice._checks import FloatArray
from alberdice.cli.common import Verbosity, check_picture_path
from alberdice.console import explain, print_json, progress_bar
from alberdice.experiments import Table6Entry, table6
from alberdice.games import PAPER_COUNTS, penalty_xor


@dataclass(frozen=True)
class Table6(Verbosity):
    """Six algorithms on the four Penalty XOR data sets, computed exactly, beside the paper's Table 6."""

    json: bool = False
    """Print JSON: per algorithm and data set, rounded and exact joint policies [[AA, AB], [BA, BB]]."""
    plot: Path | None = None
    """Draw the six by four grid of heat maps into this file (.png, .pdf or .svg)."""

    def run(self) -> None:
        """Compute, print, draw."""
        check_picture_path(self.plot)
        with progress_bar("Table 6", 24) as step:
            entries = list(table6(step))
        explain(f"{len(entries)} joint policies computed")
        if self.json:
            print_json(as_json(entries))
        else:
            _print_table(entries)
        if self.plot is not None:
            _draw(entries, self.plot)


def as_json(entries: list[Table6Entry]) -> dict[str, dict[str, dict[str, object]]]:
    """One key per algorithm, each with keys a to d, each with "rounded", "exact", and "note" where there is one."""
    table: dict[str, dict[str, dict[str, object]]] = {}
    for entry in entries:
        cell: dict[str, object] = {"rounded": entry.rounded, "exact": entry.exact}
        if entry.note:
            cell["note"] = entry.note
        table.setdefault(entry.algorithm, {})[entry.data] = cell
    return table


def _print_table(entries: list[Table6Entry]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(
        title="Joint policies on Penalty XOR: AA AB / BA BB (paper's values dimmed; differences marked with *)",
        show_lines=True,
    )
    table.add_column("algorithm", no_wrap=True)
    for name, counts in PAPER_COUNTS.items():
        table.add_column(f"({name}) {{{', '.join(counts)}}}", justify="center", no_wrap=True)
    for algorithm in dict.fromkeys(e.algorithm for e in entries):
        table.add_row(algorithm, *(_cell(e) for e in entries if e.algorithm == algorithm))
    console = Console(width=max(Console().width, 108), highlight=False)
    console.print(table)
    equal = 4 * len(entries) - sum(e.differences for e in entries)
    console.print(f"{equal} of {4 * len(entries)} cells equal the paper's at two decimals.")
    for entry in entries:
        if entry.note:
            console.print(f"{entry.algorithm} on ({entry.data}) {entry.note}.", soft_wrap=True)


def _cell(entry: Table6Entry) -> str:
    lines = []
    for ours, theirs in zip(entry.rounded, entry.paper, strict=True):
        mine = " ".join(f"{x:.2f}" if x == y else f"{x:.2f}*" for x, y in zip(ours, theirs, strict=True))
        lines.append(f"{mine} [dim]{' '.join(f'{y:.2f}' for y in theirs)}[/dim]")
    return "\n".join(lines)


def _draw(entries: list[Table6Entry], path: Path) -> None:
    from alberdice.plotting import draw_heatmaps, save

    game = penalty_xor()
    titles = {name: f"({name})\n{{{', '.join(counts)}}}" for name, counts in PAPER_COUNTS.items()}
    grid: dict[str, dict[str, FloatArray]] = {}
    for entry in entries:
        grid.setdefault(entry.algorithm, {})[titles[entry.data]] = entry.exact
    figure = draw_heatmaps(
        grid,
        observed={titles[name]: game.data(name).observed[0] for name in PAPER_COUNTS},
        payoff=game.mmdp.reward[0],
        title="Penalty XOR: joint policies of six algorithms on four data sets",
    )
    save(figure, path)
