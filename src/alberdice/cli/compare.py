"""``alberdice-deep compare``: train several algorithms on one dataset; a table of returns beside the optimum, and a picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alberdice._checks import whole_number
from alberdice.cli.common import Verbosity, check_picture_path
from alberdice.cli.training import check_torch
from alberdice.console import print_json, progress_bar, tell, warn

if TYPE_CHECKING:
    from alberdice.experiments.compare import Comparison

__all__ = ["Compare"]


@dataclass(frozen=True)
class Compare(Verbosity):
    """Train algorithms on one dataset with their default settings; prints their returns beside the exact optimum, if known."""

    out: Path
    """folder for the runs, one each; what is finished there is kept, what was stopped continues"""
    algorithms: tuple[str, ...]
    """which ones, e.g. bc alberdice; or module:Class of one's own"""
    dataset: str = "bridge-mix"
    """a built-in dataset, a directory, or an id of the store; without an environment, returns are estimated from the data"""
    environment: str = "auto"
    """where policies are evaluated: auto (what the dataset names), none, a name, or module:function of a PettingZoo env"""
    seed: int = 0
    """seed of all runs"""
    updates: int | None = None
    """gradient steps of each; each algorithm's own default unless told"""
    pretrain_updates: int | None = None
    """gradient steps of cloning before them, of the algorithms that begin so"""
    wandb: str = ""
    """a project of Weights & Biases that the runs are logged to, too (pip install 'alberdice[tracking]'; WANDB_MODE=offline)"""
    json: bool = False
    """print JSON instead of a table"""
    plot: Path | None = None
    """draw all policies into this file (.png, .pdf or .svg)"""

    def run(self) -> None:
        """Train, print, draw."""
        check_picture_path(self.plot)
        check_torch()
        from alberdice.experiments.compare import compare

        settings: dict[str, Any] = {"seed": whole_number(self.seed, "--seed"), "environment": self.environment}
        if self.updates is not None:
            settings["updates"] = whole_number(self.updates, "--updates", low=1)
        if self.pretrain_updates is not None:
            settings["pretrain_updates"] = whole_number(self.pretrain_updates, "--pretrain-updates", low=1)
        found = compare(self.algorithms, self.dataset, self.out, progress_bar, wandb=self.wandb, **settings)
        if self.json:
            print_json({"optimum": found.optimum, "best_first_moves": found.best_moves, "runs": found.results})
        else:
            _print_table(found)
        if self.plot is not None:
            _draw(found, self.plot)


def _print_table(found: Comparison) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(width=max(Console().width, 100), highlight=False)
    estimated = any("offline" in result for result in found.results.values())
    steps = f" over {found.horizon} step(s)" if found.horizon else ""
    title = f"{found.dataset}: return estimated from data alone" if estimated else f"{found.dataset}: mean return{steps}"
    names = ("", "estimate", "90% interval", "better than the data by", "seconds") if estimated else _PLAYED
    table = Table(title=title)
    for name in names:
        table.add_column(name, justify="left" if name in ("", "first move") else "right")
    for row in _estimates(found) if estimated else _returns(found):
        table.add_row(*row, style="bold" if row[0] == "optimum" else None)
    console.print(table)


_PLAYED = ("", "return", "exact", "first move", "seconds")


def _returns(found: Comparison) -> Iterator[tuple[str, ...]]:
    """The data, every algorithm, and the optimum where it is known."""
    yield "the data", f"{found.data_return:.4f}", "", "", ""
    for name, result in found.results.items():
        exact = result["return_exact"]
        move = f"{result['first_move']} {result['first_move_probability']:.4f}" if "first_move" in result else ""
        known = "" if exact != exact else f"{exact:.4f}"  # policies with a memory have no exact value
        mean = f"{result['return_mean']:.4f} ± {result['return_stderr']:.4f}"
        yield name, mean, known, move, f"{result['train_seconds']:.0f}"
    if found.game is not None:
        yield "optimum", "", f"{found.optimum:.4f}", " or ".join(found.best_moves), ""


def _estimates(found: Comparison) -> Iterator[tuple[str, ...]]:
    """The data and every algorithm by what data alone say; where methods differ, so do the data's estimates."""
    first = next(iter(found.results.values()))["offline"]
    yield "the data", f"{first['data_return']:.4f}", _span(first["data_low"], first["data_high"]), "", ""
    for name, result in found.results.items():
        told = result["offline"]
        span, gain = _span(told["low"], told["high"]), _span(told["gain_low"], told["gain_high"])
        yield name, f"{told['return']:.4f}", span, gain, f"{result['train_seconds']:.0f}"


def _span(low: float, high: float) -> str:
    return "" if low != low else f"{low:.4f} to {high:.4f}"


def _draw(found: Comparison, path: Path) -> None:
    from alberdice.experiments.compare import comparison_figure
    from alberdice.plotting import save

    figure = comparison_figure(found)
    if figure is None:
        where = "data without a game" if found.game is None else found.game.name
        warn(f"{path} is not drawn: policies of {where} have no picture")
        return
    tell(f"wrote {save(figure, path)}")
