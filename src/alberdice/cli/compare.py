"""``alberdice-deep compare``: train several algorithms on one dataset; a table of returns beside the optimum, and a picture."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alberdice._checks import whole_number
from alberdice.cli.common import check_picture_path
from alberdice.cli.training import check_torch
from alberdice.console import print_json, progress_bar

if TYPE_CHECKING:
    from alberdice.experiments.compare import Comparison

__all__ = ["Compare"]


@dataclass(frozen=True)
class Compare:
    """Train algorithms on one dataset with their default settings; prints their returns beside the exact optimum."""

    out: Path
    """folder for the runs, one each; what is finished there is kept, what was stopped continues"""
    algorithms: tuple[str, ...]
    """which ones, e.g. bc alberdice; or module:Class of one's own"""
    dataset: str = "bridge-mix"
    """a built-in dataset"""
    seed: int = 0
    """seed of all runs"""
    updates: int | None = None
    """gradient steps of each; each algorithm's own default unless told"""
    json: bool = False
    """print JSON instead of a table"""
    plot: Path | None = None
    """draw all policies into this file (.png, .pdf or .svg)"""

    def run(self) -> None:
        """Train, print, draw."""
        check_picture_path(self.plot)
        check_torch()
        from alberdice.experiments.compare import compare

        settings: dict[str, Any] = {"seed": whole_number(self.seed, "--seed")}
        if self.updates is not None:
            settings["updates"] = whole_number(self.updates, "--updates", low=1)
        found = compare(self.algorithms, self.dataset, self.out, progress_bar, **settings)
        if self.json:
            print_json({"optimum": found.optimum, "best_first_moves": found.best_moves, "runs": found.results})
        else:
            _print_table(found)
        if self.plot is not None:
            _draw(found, self.plot)


def _print_table(found: Comparison) -> None:
    from rich.console import Console
    from rich.table import Table

    results, console = found.results, Console(width=max(Console().width, 100), highlight=False)
    table = Table(title=f"{found.dataset}: mean return over {found.game.horizon} step(s)")
    for name in ("", "return", "exact", "first move", "seconds"):
        table.add_column(name, justify="right" if name in ("return", "exact", "seconds") else "left")
    table.add_row("the data", f"{next(iter(results.values()))['data_return']:.4f}", "", "", "")
    for name, result in results.items():
        exact = result["return_exact"]
        table.add_row(
            name,
            f"{result['return_mean']:.4f} ± {result['return_stderr']:.4f}",
            "" if exact != exact else f"{exact:.4f}",  # policies with a memory have no exact value
            f"{result['first_move']} {result['first_move_probability']:.4f}",
            f"{result['train_seconds']:.0f}",
        )
    table.add_row("optimum", "", f"{found.optimum:.4f}", " or ".join(found.best_moves), "", style="bold")
    console.print(table)


def _draw(found: Comparison, path: Path) -> None:
    from alberdice.experiments.compare import comparison_figure
    from alberdice.plotting import save

    figure = comparison_figure(found)
    if figure is None:
        print(f"{path} is not drawn: policies of {found.game.name} have no picture", file=sys.stderr)
        return
    print(f"wrote {save(figure, path)}", file=sys.stderr)
