"""A report's pictures: the table itself, and one histogram of uncertainties per dataset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from alberdice._checks import FloatArray
from alberdice.experiments.reproduce.cells import Cell
from alberdice.experiments.reproduce.records import Prior
from alberdice.experiments.reproduce.report import Report
from alberdice.experiments.reproduce.sampled import Sampled
from alberdice.experiments.reproduce.tables import shown_name
from alberdice.plotting import Mark, draw_heatmaps, draw_returns, draw_uncertainties

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["pictures"]


def pictures(report: Report, priors: Mapping[str, Prior], sampled: Mapping[str, Sampled]) -> Iterator[tuple[str, Figure]]:
    """Yield names without an ending, and figures."""
    figure = _of_policies(report, priors) if report.table.shows == "policies" else _of_returns(report)
    if figure is not None:
        yield report.table.name, figure
    for dataset, prior in priors.items():
        steps = _steps(report, dataset)
        if steps:
            title = f"{dataset}: uncertainty of the joint actions played"
            figure = draw_uncertainties(prior.uncertainty, steps, prior.data, prior.threshold, title=title)
            yield f"uncertainty-{dataset}", figure
    for dataset, judge in sampled.items():
        if judge.played:
            yield f"uncertainty-{report.table.place(dataset)}", _at_the_data(report, dataset, judge)


def _at_the_data(report: Report, dataset: str, judge: Sampled) -> Figure:
    """Histograms of what was sampled at the data's states, all seeds of an algorithm together."""
    parts, owners = [judge.data], ["data"] * len(judge.data)
    for record in report.records:
        found = judge.played.get(record.run.folder)
        if record.run.dataset == dataset and found is not None:
            parts.append(found)
            owners += [shown_name(record.run.algorithm)] * len(found)
    whose = np.array(owners)
    steps = {name: (whose == name).astype(np.float64) for name in dict.fromkeys(owners) if name != "data"}
    title = f"{report.table.place(dataset)}: uncertainty of joint actions at the data's states"
    return draw_uncertainties(np.concatenate(parts), steps, (whose == "data").astype(np.float64), judge.threshold, title=title)


def _of_returns(report: Report) -> Figure | None:
    marks: dict[str, dict[str, Mark]] = {}
    for cell in report.cells:
        own = not (report.table.shares or report.table.metric)  # the paper's data, whose numbers go into one picture
        paper = (cell.paper["mean"], cell.paper["stderr"]) if cell.paper and own else None
        values, mean, error = cell.values, cell.mean, cell.stderr
        if report.table.metric:
            values, (mean, error) = _rates(report, cell), cell.metric
        if values:
            mark = Mark(values, mean, error, paper, bool(cell.diverged))
            marks.setdefault(report.table.place(cell.dataset), {})[shown_name(cell.algorithm)] = mark
    told = {"what": report.table.metric} if report.table.metric else {}
    return draw_returns(marks, title=report.table.title, **told) if marks else None


def _rates(report: Report, cell: Cell) -> tuple[float, ...]:
    """The table's metric of a cell's seeds."""
    own = (r.result for r in report.records if (r.run.dataset, r.run.algorithm) == (cell.dataset, cell.algorithm))
    return tuple(found for result in own if (found := result.get(f"{report.table.metric}_mean")) is not None)


def _of_policies(report: Report, priors: Mapping[str, Prior]) -> Figure | None:
    found: dict[str, dict[str, FloatArray]] = {}
    for cell in report.cells:
        if cell.joint is not None:
            found.setdefault(shown_name(cell.algorithm), {})[cell.dataset] = cell.joint
    if not found:
        return None
    grid = full_grid(found)
    shown = {name: priors[name] for name in next(iter(grid.values()))}
    payoff = next(iter(shown.values())).game.mmdp.reward[0]
    observed = {name: prior.data[0] > 0 for name, prior in shown.items()}
    return draw_heatmaps(grid, observed=observed, payoff=payoff, title=report.table.title)


def full_grid(found: dict[str, dict[str, FloatArray]]) -> dict[str, dict[str, FloatArray]]:
    """Of a table made in parts, rows and columns without a hole: whole rows, or else whole columns, or else the longest row."""
    columns = {dataset for row in found.values() for dataset in row}
    whole = {name: row for name, row in found.items() if set(row) == columns}
    if whole:
        return whole
    common = set.intersection(*(set(row) for row in found.values()))
    if common:
        return {name: {k: v for k, v in row.items() if k in common} for name, row in found.items()}
    longest = max(found, key=lambda name: len(found[name]))
    return {longest: found[longest]}


def _steps(report: Report, dataset: str) -> dict[str, FloatArray]:
    """How often each algorithm plays each pair of a dataset's game, all seeds together."""
    found: dict[str, FloatArray] = {}
    for record in report.records:
        if record.run.dataset == dataset and record.visits is not None:
            name = shown_name(record.run.algorithm)
            found[name] = np.asarray(found.get(name, 0.0) + record.visits.steps)
    return found
