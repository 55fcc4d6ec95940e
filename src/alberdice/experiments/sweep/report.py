"""What a sweep says: a row per dataset, algorithm and settings; statistics over seeds; who was stopped, and who failed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from alberdice.deep.training.run_directory import RunDirectory
from alberdice.deep.training.saved_run import evaluate_offline
from alberdice.experiments.executors.work import Ended
from alberdice.experiments.planned import PlannedRun, is_finished
from alberdice.experiments.reproduce.statistics import interquartile_mean, interval, mean_and_error
from alberdice.experiments.sweep.file import SweepFile
from alberdice.experiments.sweep.stopping import Stopped
from alberdice.experiments.words import Section, as_markdown, conditions, percent, plus_minus, span

__all__ = ["SweepCell", "SweepReport", "as_json", "cells_of", "markdown", "notes", "sections"]


@dataclass(frozen=True)
class SweepCell:
    """One algorithm with one choice of settings on one dataset.

    Attributes:
        dataset, name: the name is the algorithm's and the settings'.
        seeds: in the statistics.
        values: their returns: exact where known, means of episodes, or estimates from data where nothing is played.
        estimated: whether they are estimates.
        mean, stderr: over seeds.
        middle, low, high: interquartile mean and its 95% interval.
        diverged: seeds that stopped early, and count with their last good evaluation.
        out_of_data: mean and standard error of the share of joint actions outside the data.
        data_return: the data's own.
        seconds: mean time of a seed's training.
    """

    dataset: str
    name: str
    seeds: tuple[int, ...]
    values: tuple[float, ...]
    estimated: bool
    mean: float
    stderr: float
    middle: float
    low: float
    high: float
    diverged: tuple[int, ...]
    out_of_data: tuple[float, float]
    data_return: float | None
    seconds: float


@dataclass(frozen=True)
class SweepReport:
    """All that is to be told.

    Attributes:
        failed: runs that left no result, of those that were tried.
    """

    sweep: SweepFile
    command: str
    runs: Sequence[PlannedRun]
    cells: Sequence[SweepCell]
    stopped: Sequence[Stopped]
    failed: dict[PlannedRun, Ended]


def cells_of(runs: Sequence[PlannedRun]) -> list[SweepCell]:
    """A cell per dataset and name that has a finished run, the best interquartile mean of each dataset first."""
    groups: dict[str, dict[str, list[PlannedRun]]] = {}
    for run in runs:
        if is_finished(run):
            groups.setdefault(run.dataset, {}).setdefault(run.algorithm, []).append(run)
    found = []
    for dataset, names in groups.items():
        cells = [_cell(dataset, name, own) for name, own in names.items()]
        found += sorted(cells, key=lambda cell: -math.inf if math.isnan(cell.middle) else cell.middle, reverse=True)
    return found


def _cell(dataset: str, name: str, runs: list[PlannedRun]) -> SweepCell:
    results = {run: RunDirectory(run.folder).read_result() for run in sorted(runs, key=lambda run: run.seed)}
    played = {run: _value(result) for run, result in results.items()}
    estimated = all(result["environment"] == "none" for result in results.values())
    if estimated:
        played = {run: _estimate(run) for run in results}
    told = {run: value for run, value in played.items() if value is not None}
    values = tuple(told.values())
    outside = [results[run].get("out_of_data") for run in told]
    return SweepCell(
        dataset=dataset,
        name=name,
        seeds=tuple(run.seed for run in told),
        values=values,
        estimated=estimated,
        mean=mean_and_error(values)[0],
        stderr=mean_and_error(values)[1],
        middle=interquartile_mean(values),
        low=interval([values])[0],
        high=interval([values])[1],
        diverged=tuple(run.seed for run, result in results.items() if result["status"] == "diverged"),
        out_of_data=mean_and_error([each["share"] for each in outside if each]),
        data_return=next((r["data_return"] for r in results.values() if r.get("data_return") is not None), None),
        seconds=float(np.mean([result["train_seconds"] for result in results.values()])),
    )


def _value(result: dict[str, Any]) -> float | None:
    exact = result.get("return_exact")
    found = result.get("return_mean") if exact is None else exact
    return None if found is None or math.isnan(found) else float(found)


def _estimate(run: PlannedRun) -> float | None:
    if not RunDirectory(run.folder).has_checkpoint:
        return None
    return float(evaluate_offline(run.folder, trust=True)["return"])


def sections(report: SweepReport) -> list[Section]:
    """One table per dataset."""
    columns = ("algorithm, settings", "return", "IQM [95%]", "the data", "out of data", "seconds", "seeds")
    found = []
    for dataset in report.sweep.datasets:
        rows = tuple(_row(cell) for cell in report.cells if cell.dataset == dataset)
        if rows:
            found.append(Section(dataset, columns, rows))
    return found


def _row(cell: SweepCell) -> tuple[str, ...]:
    seeds = f"{len(cell.seeds)}" + f" ({len(cell.diverged)} diverged†)" * bool(cell.diverged)
    data = "-" if cell.data_return is None else f"{cell.data_return:.2f}"
    means = (plus_minus(cell.mean, cell.stderr) + " (estimate)" * cell.estimated, span(cell.middle, cell.low, cell.high))
    return (cell.name, *means, data, percent(*cell.out_of_data), f"{cell.seconds:.0f}", seeds)


def notes(report: SweepReport) -> list[str]:
    """What the columns mean, what is missing, who was stopped, and what failed."""
    lines = [
        "Returns: mean and standard error over seeds, exact expectations where the game is known, means of sampled episodes "
        "elsewhere; IQM: interquartile mean with its 95% bootstrap interval. Out of data: share of joint actions that the data "
        "never show."
    ]
    if any(cell.estimated for cell in report.cells):
        lines.append("Estimate: nothing was played; the return is estimated from data alone.")
    if any(cell.diverged for cell in report.cells):
        lines.append("†: a seed that diverged counts with its last good evaluation.")
    tried = max((sum(cell.dataset == name for cell in report.cells) for name in report.sweep.datasets), default=0)
    if tried > 1:
        lines.append(f"The best of {tried} looks better than it is: a choice by these returns is to be judged by new seeds.")
    lines += [str(stopped) for stopped in report.stopped]
    halted = {run for stopped in report.stopped for run in stopped.runs}
    missing = sum(not is_finished(run) and run not in halted for run in report.runs)
    if missing:
        lines.append(f"{missing} of {len(report.runs)} runs are not finished and not in it.")
    return [*lines, *(f"Failed: {run}: {ended.reason or ended.status}" for run, ended in report.failed.items())]


def markdown(report: SweepReport) -> str:
    """The tables, their notes, and how to make them again."""
    return as_markdown(report.sweep.title, sections(report), notes(report), report.command)


def as_json(report: SweepReport) -> dict[str, Any]:
    """Cells, which no clock changes; seconds; runs with the command that makes each; the conditions."""
    cells = [
        {name: value for name, value in vars(cell).items() if name != "seconds"}
        | {"out_of_data": dict(zip(("mean", "stderr"), cell.out_of_data, strict=True))}
        for cell in report.cells
    ]
    return {
        "title": report.sweep.title,
        "command": report.command,
        **conditions(),
        "notes": notes(report),
        "cells": cells,
        "seconds": [cell.seconds for cell in report.cells],
        "stopped": [{**vars(each), "runs": [str(run.folder) for run in each.runs]} for each in report.stopped],
        "runs": [{"run": str(run), "folder": str(run.folder), "command": run.command} for run in report.runs],
        "failed": [{"run": str(run), "folder": str(run.folder), **vars(how)} for run, how in report.failed.items()],
    }
