"""The table as rows of words, from which the terminal's and the Markdown form are made; and everything as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from alberdice._checks import FloatArray
from alberdice.experiments.executors.work import Ended
from alberdice.experiments.planned import PlannedRun
from alberdice.experiments.reproduce.cells import Cell, Pooled
from alberdice.experiments.reproduce.records import Record
from alberdice.experiments.reproduce.tables import PAPER_NAMES, PaperTable, shown_name
from alberdice.experiments.words import Section, as_markdown, conditions, number, percent, plus_minus, span

__all__ = ["Report", "as_json", "markdown", "sections"]


@dataclass(frozen=True)
class Report:
    """All that is to be told.

    Attributes:
        runs: all of the table, finished or not.
        failed: runs that ended without a result, of those that were asked for.
    """

    table: PaperTable
    command: str
    runs: Sequence[PlannedRun]
    records: Sequence[Record]
    cells: Sequence[Cell]
    pooled: Sequence[Pooled]
    failed: dict[PlannedRun, Ended]


def sections(report: Report) -> list[Section]:
    """One per dataset, and one over all datasets where that makes sense."""
    if report.table.metric:
        return [_metric(report, dataset) for dataset in (*report.table.datasets, *report.table.missing)]
    if report.table.shares:
        return [_shares(report, dataset) for dataset in report.table.datasets]
    policies = report.table.shows == "policies"
    first = ("joint policy", "paper", "joint actions") if policies else ("return", "paper", "IQM [95%]")
    columns = ("algorithm", *first, "out of data", "estimated", "seeds")
    found = []
    for dataset in report.table.datasets:
        cells = [cell for cell in report.cells if cell.dataset == dataset]
        if cells:
            found.append(Section(dataset, columns, tuple(_row(cell, policies) for cell in cells)))
    if report.pooled:
        rows = tuple(
            (shown_name(p.algorithm), span(p.middle, p.low, p.high), percent(p.out_of_data, math.nan)) for p in report.pooled
        )
        found.append(Section("all datasets", ("algorithm", "IQM [95%]", "out of data"), rows))
    return found


def _shares(report: Report, dataset: str) -> Section:
    """One dataset's returns and shares of the data's mean beside the paper's, every algorithm of the table with a row."""
    columns = ("algorithm", "return", "share of the data's mean", "paper", "paper's share", "seeds")
    cells = {cell.algorithm: cell for cell in report.cells if cell.dataset == dataset}
    rows = []
    for algorithm in dict.fromkeys(run.algorithm for run in report.runs):
        cell, paper = cells.get(algorithm), report.table.printed(algorithm, dataset) or {}
        own = ("not run", "-") if cell is None else (plus_minus(cell.mean, cell.stderr), plus_minus(*cell.share))
        seeds = "-" if cell is None else _seeds(cell)
        rows.append((shown_name(algorithm), *own, number(paper.get("mean")), number(paper.get("share")), seeds))
    return Section(dataset, columns, tuple(rows))


def _metric(report: Report, dataset: str) -> Section:
    """One dataset's rates, or those of a column without data, beside the paper's, every row whether it was run or not."""
    cells = {cell.algorithm: cell for cell in report.cells if cell.dataset == dataset}
    outside, rows = report.table.runs != "", []
    for algorithm in dict.fromkeys(run.algorithm for run in report.runs) or PAPER_NAMES:
        cell, paper = cells.get(algorithm), report.table.printed(algorithm, dataset) or {}
        told = percent(paper.get("mean", math.nan), math.nan) if outside else number(paper.get("mean"))
        if cell is None:
            rows.append((shown_name(algorithm), "not run", told, *("-",) * 4))
            continue
        rate, return_ = plus_minus(*cell.metric), plus_minus(cell.mean, cell.stderr)
        first = (percent(*cell.estimated), told, rate, return_) if outside else (rate, told, return_, percent(*cell.estimated))
        seconds = "-" if math.isnan(cell.seconds) else f"{cell.seconds:.0f}"
        rows.append((shown_name(algorithm), *first, seconds, _seeds(cell)))
    metric, paper_of = report.table.metric, f"paper ({report.table.beside})"
    shown = ("estimated out of data", paper_of, metric, "return") if outside else ()
    shown = shown or (metric, paper_of, "return", "estimated out of data")
    title = dataset if dataset in report.table.missing else f"{report.table.place(dataset)}: {dataset}"
    return Section(title, ("algorithm", *shown, "seconds", "seeds"), tuple(rows))


def _row(cell: Cell, policies: bool) -> tuple[str, ...]:
    paper = cell.paper or {}
    if policies:
        counts = ", ".join(f"{name} {count}" for name, count in cell.actions.items())
        first = (_matrix(cell.joint), _matrix(paper.get("joint")), counts or "-")
    else:
        middle = span(cell.middle, cell.low, cell.high)
        first = (plus_minus(cell.mean, cell.stderr), plus_minus(paper.get("mean"), paper.get("stderr")), middle)
    return (shown_name(cell.algorithm), *first, percent(*cell.out_of_data), percent(*cell.estimated), _seeds(cell))


def _seeds(cell: Cell) -> str:
    marked = f"{len(cell.seeds)}" + f" ({len(cell.diverged)} diverged†)" * bool(cell.diverged)
    return marked + f", {len(cell.silent)} without a value" * bool(cell.silent)


def _matrix(joint: FloatArray | Sequence[Sequence[float]] | None) -> str:
    return "-" if joint is None else "\n".join(" ".join(f"{x:.2f}" for x in row) for row in joint)


def notes(report: Report) -> list[str]:
    """What the columns mean, and what is missing."""
    lines = _words(report.table)
    if any(cell.diverged for cell in report.cells):
        lines.append("†: a seed that diverged counts with its last good evaluation.")
    missing = len(report.runs) - len(report.records)
    if missing:
        lines.append(f"{missing} of {len(report.runs)} runs of the whole table are not finished and not in it.")
    lines += [f"{column}: not run: {why}." for column, why in report.table.missing.items()]
    lines += [f"Failed: {run}: {ended.reason or ended.status}" for run, ended in report.failed.items()]
    return lines


def _words(table: PaperTable) -> list[str]:
    """What the columns mean."""
    if table.metric:
        return [
            f"{table.metric}: mean and standard error over seeds of the share of episodes that report it. The paper's numbers "
            f"are of {table.beside} and of other data: they stand beside these and are no target.",
            "Estimated out of data: share of joint actions, drawn from the policies at the data's states, whose uncertainty "
            "under a random prior is above the 99.9% quantile of the data's own. Seconds: of a seed's training.",
        ]
    if table.shares:
        return [
            "Returns: mean and standard error over seeds of sampled episodes' means; share: the same divided by the data's "
            "mean return. The paper's data are others (of transformers trained online), so shares are to be compared."
        ]
    policies = table.shows == "policies"
    return [
        "Joint policies are AA AB / BA BB, mean over seeds. Joint actions: how many seeds play which, at least 90% of the time."
        if policies
        else "Returns: mean and standard error over seeds, exact expectations for policies without a memory, means of sampled "
        "episodes for others; IQM: interquartile mean with its 95% stratified bootstrap interval.",
        "Out of data: share of an episode's steps at a state and joint action that the dataset never shows. Estimated: share "
        "whose uncertainty under a random prior is above the 99.9% quantile of the data's own.",
    ]


def markdown(report: Report) -> str:
    """The table, its notes, and how to make it again."""
    return as_markdown(report.table.title, sections(report), notes(report), report.command)


def as_json(report: Report) -> dict[str, Any]:
    """Every cell, every run, and the conditions; NaN becomes null when it is written."""
    return {
        "table": report.table.name,
        "title": report.table.title,
        "command": report.command,
        **conditions(),
        "notes": notes(report),
        "cells": [_cell_as_json(cell) for cell in report.cells],
        "all_datasets": {
            p.algorithm: {"iqm": p.middle, "iqm_interval": [p.low, p.high], "out_of_data": p.out_of_data} for p in report.pooled
        },
        "runs": [_record_as_json(record) for record in report.records],
        "failed": [{"run": str(run), "folder": str(run.folder), **vars(ended)} for run, ended in report.failed.items()],
    }


def _cell_as_json(cell: Cell) -> dict[str, Any]:
    return {
        "algorithm": cell.algorithm,
        "name": shown_name(cell.algorithm),
        "dataset": cell.dataset,
        "seeds": cell.seeds,
        "diverged": cell.diverged,
        "without_a_value": cell.silent,
        "values": cell.values,
        "mean": cell.mean,
        "stderr": cell.stderr,
        "iqm": cell.middle,
        "iqm_interval": [cell.low, cell.high],
        "joint": cell.joint,
        "seeds_per_joint_action": cell.actions,
        "out_of_data": dict(zip(("mean", "stderr"), cell.out_of_data, strict=True)),
        "out_of_data_estimated": dict(zip(("mean", "stderr"), cell.estimated, strict=True)),
        "paper": cell.paper,
        "data_return": cell.data_return,
        "metric": dict(zip(("mean", "stderr"), cell.metric, strict=True)),
        "seconds": cell.seconds,
        "share_of_data": dict(zip(("mean", "stderr"), cell.share, strict=True)),
    }


def _record_as_json(record: Record) -> dict[str, Any]:
    own = {"folder": str(record.run.folder), "command": record.run.command, "joint": record.joint}
    return {**record.result, **own, "out_of_data_estimated": record.estimated}
