"""A report's pictures: the table itself, and one histogram of uncertainties per dataset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from alberdice._checks import FloatArray
from alberdice.deep.reproduce.cells import Cell
from alberdice.deep.reproduce.records import Prior
from alberdice.deep.reproduce.report import Report
from alberdice.deep.reproduce.tables import shown_name
from alberdice.plotting import Mark, draw_heatmaps, draw_returns, draw_uncertainties

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["pictures"]


def pictures(report: Report, priors: Mapping[str, Prior]) -> Iterator[tuple[str, Figure]]:
    """Yield names without an ending, and figures."""
    shown = [cell for cell in report.cells if cell.values]
    if shown:
        yield (
            report.table.name,
            _of_policies(report, priors) if report.table.shows == "policies" else _of_returns(report, shown),
        )
    for dataset, prior in priors.items():
        steps = _steps(report, dataset)
        if steps:
            title = f"{dataset}: uncertainty of the joint actions played"
            figure = draw_uncertainties(prior.uncertainty, steps, prior.data, prior.threshold, title=title)
            yield f"uncertainty-{dataset}", figure


def _of_returns(report: Report, cells: Sequence[Cell]) -> Figure:
    marks: dict[str, dict[str, Mark]] = {}
    for cell in cells:
        paper = (cell.paper["mean"], cell.paper["stderr"]) if cell.paper else None
        mark = Mark(cell.values, cell.mean, cell.stderr, paper, bool(cell.diverged))
        marks.setdefault(cell.dataset, {})[shown_name(cell.algorithm)] = mark
    return draw_returns(marks, title=report.table.title)


def _of_policies(report: Report, priors: Mapping[str, Prior]) -> Figure:
    """Heat maps of those algorithms that have a policy on every dataset shown."""
    datasets = [name for name in report.table.datasets if any(c.dataset == name and c.joint is not None for c in report.cells)]
    found: dict[str, dict[str, FloatArray]] = {}
    for cell in report.cells:
        if cell.joint is not None:
            found.setdefault(shown_name(cell.algorithm), {})[cell.dataset] = cell.joint
    whole = {name: per for name, per in found.items() if set(per) == set(datasets)}
    payoff = priors[datasets[0]].game.mmdp.reward[0]
    observed = {name: priors[name].data[0] > 0 for name in datasets}
    return draw_heatmaps(whole or found, observed=observed, optimal=payoff == payoff.max(), title=report.table.title)


def _steps(report: Report, dataset: str) -> dict[str, FloatArray]:
    """How often each algorithm plays each pair of a dataset's game, all seeds together."""
    found: dict[str, FloatArray] = {}
    for record in report.records:
        if record.run.config.dataset == dataset and record.visits is not None:
            name = shown_name(record.run.config.algorithm)
            found[name] = np.asarray(found.get(name, 0.0) + record.visits.steps)
    return found
