"""One cell of a table per algorithm and dataset: statistics over the seeds, beside what the paper prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from alberdice._checks import FloatArray
from alberdice.experiments.reproduce.records import Record
from alberdice.experiments.reproduce.statistics import interquartile_mean, interval, mean_and_error
from alberdice.experiments.reproduce.tables import PaperTable

__all__ = ["Cell", "Pooled", "cells_of", "pooled_of"]

#: a joint action of at least this probability is what the agents do
_DETERMINISTIC = 0.9


@dataclass(frozen=True)
class Cell:
    """What the seeds of one algorithm say on one dataset.

    Attributes:
        seeds: those that are in the statistics.
        diverged: those of them that stopped early, and count with their last good evaluation.
        silent: those that diverged before any evaluation, and are in no statistic.
        values: the seeds' returns.
        mean, stderr: of the returns.
        middle, low, high: interquartile mean of the returns and its 95% interval.
        joint: mean joint policy over the seeds; None where the table shows returns.
        actions: number of seeds per joint action that is (nearly) certain, and under 'mixed' of the others.
        out_of_data, estimated: mean and standard error of the shares, exactly counted and by the random prior.
        paper: what the paper prints; None for algorithms that it lacks.
        data_return: the data's mean return; None where no run told it.
        metric: mean and standard error over seeds of the table's metric.
        seconds: mean time of a seed's training.
    """

    algorithm: str
    dataset: str
    seeds: tuple[int, ...]
    diverged: tuple[int, ...]
    silent: tuple[int, ...]
    values: tuple[float, ...]
    mean: float
    stderr: float
    middle: float
    low: float
    high: float
    joint: FloatArray | None
    actions: dict[str, int]
    out_of_data: tuple[float, float]
    estimated: tuple[float, float]
    paper: dict[str, Any] | None
    data_return: float | None = None
    metric: tuple[float, float] = (np.nan, np.nan)
    seconds: float = np.nan

    @property
    def share(self) -> tuple[float, float]:
        """Mean and standard error of the returns as shares of the data's mean; NaN where that is unknown or 0."""
        return (self.mean / self.data_return, self.stderr / self.data_return) if self.data_return else (np.nan, np.nan)


@dataclass(frozen=True)
class Pooled:
    """One algorithm on several datasets together: the interquartile mean of its returns, the datasets being the strata.

    Attributes:
        middle, low, high: it and its interval.
        out_of_data: the datasets' mean of the cells' exact shares.
    """

    algorithm: str
    middle: float
    low: float
    high: float
    out_of_data: float


def cells_of(table: PaperTable, records: Sequence[Record]) -> list[Cell]:
    """One cell per dataset and algorithm that has a record, in the table's order."""
    grouped: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        grouped.setdefault((record.run.dataset, record.run.algorithm), []).append(record)
    algorithms = list(dict.fromkeys(record.run.algorithm for record in records))
    pairs = [(dataset, algorithm) for dataset in table.datasets for algorithm in algorithms]
    return [_cell(table, *pair, grouped[pair]) for pair in pairs if pair in grouped]


def _cell(table: PaperTable, dataset: str, algorithm: str, records: list[Record]) -> Cell:
    told = sorted((r for r in records if r.value is not None), key=lambda r: r.run.config.seed)
    values = tuple(r.value for r in told if r.value is not None)
    mean, stderr = mean_and_error(values)
    low, high = interval([values])
    joints = [r.joint for r in told if r.joint is not None] if table.shows == "policies" else []
    return Cell(
        algorithm=algorithm,
        dataset=dataset,
        seeds=tuple(r.run.config.seed for r in told),
        diverged=tuple(r.run.config.seed for r in told if r.result["status"] == "diverged"),
        silent=tuple(r.run.config.seed for r in records if r.value is None),
        values=values,
        mean=mean,
        stderr=stderr,
        middle=interquartile_mean(values),
        low=low,
        high=high,
        joint=np.mean(joints, axis=0) if joints else None,
        actions=_actions(joints),
        out_of_data=mean_and_error([r.out_of_data for r in told if r.out_of_data is not None]),
        estimated=mean_and_error([r.estimated for r in (records if table.metric else told) if r.estimated is not None]),
        paper=table.printed(algorithm, dataset),
        metric=mean_and_error([m for r in told if (m := r.result.get(f"{table.metric}_mean")) is not None]),
        seconds=mean_and_error([s for r in told if (s := r.result.get("train_seconds")) is not None])[0],
        data_return=next((r.result["data_return"] for r in told if r.result.get("data_return") is not None), None),
    )


def _actions(joints: Sequence[FloatArray]) -> dict[str, int]:
    """How many seeds end on each joint action, actions being A, B, ...; the most frequent first."""
    names = []
    for joint in joints:
        best = np.unravel_index(int(joint.argmax()), joint.shape)
        names.append("".join(chr(ord("A") + int(a)) for a in best) if joint.max() >= _DETERMINISTIC else "mixed")
    return dict(Counter(names).most_common())


def pooled_of(table: PaperTable, cells: Sequence[Cell]) -> list[Pooled]:
    """Per algorithm that has all of the table's datasets, if they are several and their returns are on one scale."""
    if table.shows != "returns" or table.shares or table.metric or len(table.datasets) < 2:
        return []
    found = []
    for algorithm in dict.fromkeys(cell.algorithm for cell in cells):
        own = [cell for cell in cells if cell.algorithm == algorithm and cell.values]
        if len(own) == len(table.datasets):
            strata, outside = [cell.values for cell in own], float(np.mean([cell.out_of_data[0] for cell in own]))
            found.append(Pooled(algorithm, interquartile_mean(*strata), *interval(strata), outside))
    return found
