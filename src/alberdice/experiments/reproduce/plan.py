"""The runs that make a table, each with its settings and its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alberdice.deep.config import from_mapping
from alberdice.experiments.planned import PlannedRun, settings_of
from alberdice.experiments.reproduce.tables import PAPER_NAMES, PaperTable, names_among

__all__ = ["plan_runs"]

#: settings that the plan itself decides
_OF_THE_PLAN = ("algorithm", "dataset", "seed", "device", "threads")


def plan_runs(
    table: PaperTable,
    out: Path,
    seeds: int,
    *,
    algorithms: Sequence[str] = (),
    datasets: Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
) -> list[PlannedRun]:
    """All runs of these algorithms and datasets (by default the paper's six and the table's) with seeds 0 .. ``seeds`` - 1.

    The first seeds of all come first, so that a table that is stopped has something of everything.  ``settings`` apply to every
    algorithm that has them; those in a table under an algorithm's name apply to it alone.

    Raises:
        InvalidArgumentError: an unknown algorithm, dataset or setting.
    """
    named = names_among(tuple(datasets), table.datasets, "--datasets")
    if table.variants:
        return _variants(table, out, seeds, named, settings or {})
    chosen = list(algorithms or PAPER_NAMES)
    everybody = [*PAPER_NAMES, *chosen]
    configs = {
        name: settings_of(name, settings or {}, everybody, _OF_THE_PLAN, preset=table.preset_of(name)) for name in chosen
    }
    return [
        PlannedRun(
            from_mapping({"dataset": dataset, "seed": seed}, config),
            out / table.folder / table.place(dataset) / name.replace(":", "-") / f"seed-{seed}",
        )
        for seed in range(seeds)
        for dataset in named
        for name, config in configs.items()
    ]


def _variants(
    table: PaperTable, out: Path, seeds: int, datasets: Sequence[str], settings: Mapping[str, Any]
) -> list[PlannedRun]:
    """The same of AlberDICE with the table's rows of settings."""
    base = settings_of("alberdice", settings, PAPER_NAMES, _OF_THE_PLAN, preset=table.preset_of("alberdice"))
    return [
        PlannedRun(
            from_mapping({"dataset": dataset, "seed": seed, **own}, base),
            out / table.folder / table.place(dataset) / name.replace(" = ", "-") / f"seed-{seed}",
            variant=name,
        )
        for seed in range(seeds)
        for dataset in datasets
        for name, own in table.variants.items()
    ]
