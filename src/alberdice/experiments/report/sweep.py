"""Several runs beside each other: a table, means over seeds, and their curves in one picture per dataset."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

from alberdice.experiments.report import page
from alberdice.experiments.report.run import ReportedRun, status_in_words
from alberdice.plotting.figures import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["comparison", "curves"]

#: Okabe and Ito's, less the palest
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def comparison(runs: Sequence[ReportedRun], root: Path) -> list[str]:
    """The sections that set these runs beside each other."""
    heads = (
        "run",
        "algorithm",
        "dataset",
        "seed",
        "status",
        "return",
        "standard error",
        "exact",
        "the data",
        "outside the data",
    )
    rows = [(str(run.path.relative_to(root)), *_facts(run)) for run in runs]
    wrong = [run for run in runs if run.status != "done"]
    told = [page.warning(f"{run.path.relative_to(root)}: {status_in_words(run)}") for run in wrong]
    told += [page.warning(f"{run.path.relative_to(root)}: {words}") for run in runs for words in run.missing]
    datasets = list(dict.fromkeys(run.dataset for run in runs))
    drawn = [page.picture(figure, f"Returns of all runs on {name}.") for name in datasets if (figure := curves(runs, name))]
    marked = [run.status != "done" for run in runs]
    return [
        page.paragraph(
            f"{len(runs)} runs, {len(wrong)} of which did not end well." if wrong else f"{len(runs)} runs, all done."
        ),
        *told,
        page.section("Runs", page.table(heads, rows, marked)),
        page.section("Means over seeds", _means(runs)),
        page.section("Curves", *drawn),
    ]


def _facts(run: ReportedRun) -> tuple[object, ...]:
    result = run.result
    outside = result.get("out_of_data") or {}
    names = ("return_mean", "return_stderr", "return_exact", "data_return")
    return (
        run.algorithm,
        run.dataset,
        run.told.get("seed"),
        run.status,
        *(_short(result.get(name)) for name in names),
        _short(outside.get("share") if isinstance(outside, dict) else None),
    )


def _short(value: object) -> object:
    """A number as readers compare it."""
    return float(f"{value:.4g}") if _finite(value) else value


def _means(runs: Sequence[ReportedRun]) -> str:
    """Mean return of each algorithm on each dataset, with its standard error over runs; how many of them are done."""
    groups: dict[tuple[str, str], list[ReportedRun]] = {}
    for run in runs:
        groups.setdefault((run.dataset, run.algorithm), []).append(run)
    rows = []
    for (dataset, algorithm), own in groups.items():
        values = [float(run.result["return_mean"]) for run in own if _finite(run.result.get("return_mean"))]
        mean = sum(values) / len(values) if values else None
        error = None
        if len(values) > 1 and mean is not None:
            error = math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1) / len(values))
        rows.append((dataset, algorithm, len(own), sum(run.status == "done" for run in own), _short(mean), _short(error)))
    return page.table(("dataset", "algorithm", "runs", "done", "mean return", "standard error over runs"), rows)


def _finite(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and math.isfinite(value)


def curves(
    runs: Sequence[ReportedRun], dataset: str, named: Callable[[ReportedRun], str] = lambda run: run.algorithm
) -> Figure | None:
    """Returns over updates of all runs on a dataset, a colour per name; None where nothing was played."""
    shown = [run for run in runs if run.dataset == dataset and any("return_mean" in row for row in run.rows)]
    if not shown:
        return None
    figure = new_figure(8.0, 4.0)
    axes = figure.add_subplot()
    names = list(dict.fromkeys(map(named, shown)))
    colour, told = dict(zip(names, cycle(_COLOURS), strict=False)), set()
    for run in shown:
        rows, name = [row for row in run.rows if "return_mean" in row], named(run)
        label = None if name in told else name.replace("$", r"\$")
        updates, returns = [row["update"] for row in rows], [row["return_mean"] for row in rows]
        axes.plot(updates, returns, color=colour[name], label=label, lw=1.6, marker="o", ms=3)  # one evaluation is a dot
        told.add(name)
    level = shown[0].result.get("data_return")
    if _finite(level):
        axes.axhline(float(level), color="#6e6e6e", ls="--", lw=1, label="the data")
    axes.set_xlabel("update")
    axes.set_ylabel("return")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.tight_layout()
    return figure
