"""Early stopping of losers: successive halving, among the settings of one algorithm on one dataset.

All runs pause at their first evaluation after a share of the updates; of the settings, compared by the mean over seeds of one
column of ``metrics.csv`` there, a share goes on.  Nothing is remembered but the folders: the same runs give the same decisions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from alberdice.deep.training.run_directory import RunDirectory
from alberdice.errors import InvalidArgumentError
from alberdice.experiments.planned import PlannedRun, is_finished, updates_of
from alberdice.experiments.sweep.file import Stopping
from alberdice.names import nearest

__all__ = ["Stopped", "losers", "mean_of", "reached"]


@dataclass(frozen=True)
class Stopped:
    """Settings that did not go on.

    Attributes:
        dataset, name: whose: algorithm and settings.
        share: of the updates, after which.
        metric: the column that decided.
        value: its mean over seeds; NaN: no seed had one.
        bound: the worst value of those that went on.
        runs: that were stopped.
    """

    dataset: str
    name: str
    share: float
    metric: str
    value: float
    bound: float
    runs: tuple[PlannedRun, ...]

    def __str__(self) -> str:
        """For reports."""
        seeds = ", ".join(str(run.seed) for run in self.runs)
        found = "no value" if math.isnan(self.value) else f"{self.value:.4g}"
        return (
            f"Stopped after {100 * self.share:g}% of the updates: {self.name} on {self.dataset} (seeds {seeds}): "
            f"{self.metric} {found}, worst of those that went on {self.bound:.4g}."
        )


def reached(run: PlannedRun, share: float) -> bool:
    """Whether a run is finished, or has an evaluation after this share of its updates."""
    if is_finished(run):
        return True
    rows = RunDirectory(run.folder).read_metrics()
    return bool(rows) and any(row.get("update", 0) >= share * updates_of(run) for row in rows)


def losers(runs: Sequence[PlannedRun], stop: Stopping, share: float) -> list[Stopped]:
    """Who does not go on, of the runs that came so far.

    Raises:
        InvalidArgumentError: no such column in any run's metrics.
    """
    groups: dict[tuple[str, str], dict[str, list[PlannedRun]]] = {}
    for run in runs:
        groups.setdefault((run.dataset, run.learner), {}).setdefault(run.algorithm, []).append(run)
    found = []
    for (dataset, _), variants in groups.items():
        values = {name: mean_of(own, share, stop.metric, "stop") for name, own in variants.items()}
        sign = -1 if stop.lowest else 1
        order = sorted(values, key=lambda name: -math.inf if math.isnan(values[name]) else sign * values[name], reverse=True)
        count = max(1, math.ceil(stop.keep * len(order)))
        bound = values[order[count - 1]]
        found += [
            Stopped(dataset, name, share, stop.metric, values[name], bound, tuple(variants[name])) for name in order[count:]
        ]
    return found


def mean_of(runs: Sequence[PlannedRun], share: float, metric: str, table: str) -> float:
    """Mean over seeds of the metric at each run's first evaluation from the share on, or at its last one; NaN: there is none.

    Args:
        runs: of one setting.
        share: of the updates; 1: the last evaluation.
        metric: a column of ``metrics.csv``.
        table: of the sweep's file, for messages.

    Raises:
        InvalidArgumentError: no such column in any run's metrics.
    """
    values, columns = [], set[str]()
    for run in runs:
        rows = RunDirectory(run.folder).read_metrics()
        columns |= {name for row in rows for name in row}
        later = [row for row in rows if row.get("update", 0) >= share * updates_of(run)]
        values += [row[metric] for row in (later[:1] or rows[-1:]) if metric in row]
    if columns and metric not in columns:
        expected = f"a column of metrics.csv: {', '.join(sorted(columns))}"
        raise InvalidArgumentError(f"{table}.metric", got=repr(metric), expected=expected, remedy=nearest(metric, columns))
    return float(np.mean(values)) if values else math.nan
