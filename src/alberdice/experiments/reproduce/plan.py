"""The runs that make a table, each with its settings and its folder, and what of them is on the disk already."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from alberdice.deep.config import TrainConfig, from_mapping
from alberdice.deep.learner import ALGORITHMS, learner_class
from alberdice.deep.training.run_directory import RunDirectory
from alberdice.errors import InvalidArgumentError
from alberdice.experiments.reproduce.tables import PAPER_NAMES, PaperTable, names_among

__all__ = ["PlannedRun", "check_settings", "is_finished", "plan_runs"]

#: settings that the plan itself decides
_OF_THE_PLAN = ("algorithm", "dataset", "seed", "device", "threads")


@dataclass(frozen=True)
class PlannedRun:
    """One run.

    Attributes:
        config: all settings; algorithm, dataset and seed among them.
        folder: where it is kept.
        variant: what the row is called where settings tell rows apart, and not algorithms.
    """

    config: TrainConfig
    folder: Path
    variant: str = ""

    def __str__(self) -> str:
        """For messages."""
        return f"{self.config.dataset}, {self.algorithm}, seed {self.seed}"

    @property
    def seed(self) -> int:
        """Of the training."""
        return self.config.seed

    @property
    def algorithm(self) -> str:
        """What is trained, or the variant's name."""
        return self.variant or self.config.algorithm

    @property
    def dataset(self) -> str:
        """On what."""
        return self.config.dataset

    @property
    def command(self) -> str:
        """The command line that makes this very run: all settings that are not the algorithm's own defaults."""
        default = asdict(learner_class(self.config.algorithm).settings())
        words = ["alberdice-deep", "train", "--algorithm", self.config.algorithm, "--out", str(self.folder)]
        for name, value in asdict(self.config).items():
            if name != "algorithm" and value != default[name]:
                words += _option(name, value)
        return shlex.join(words)


def _option(name: str, value: Any) -> list[str]:
    option = name.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{option}" if value else f"--no-{option}"]
    return [f"--{option}", *(map(str, value) if isinstance(value, tuple) else [str(value)])]


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
    known = {field.name for name in {*ALGORITHMS, *chosen} for field in fields(learner_class(name).settings)}
    configs = {name: _settings_of(name, settings or {}, known, table.preset) for name in chosen}
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
    known = {field.name for name in ALGORITHMS for field in fields(learner_class(name).settings)}
    base = _settings_of("alberdice", settings, known, table.preset)
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


def _settings_of(algorithm: str, settings: Mapping[str, Any], known: set[str], preset: str) -> TrainConfig:
    """Defaults, changed by the settings for all, less those that only others have (of all names ``known``), and by its own.

    Defaults are those of the preset where the algorithm has it.
    """
    maker = learner_class(algorithm).settings
    plain = maker(algorithm=algorithm, device="cpu", threads=1, keep_states=False)
    base = from_mapping(getattr(maker, "presets", {}).get(preset, {}), plain)
    others = (known - {field.name for field in fields(base)}) | {*ALGORITHMS, *PAPER_NAMES, algorithm}
    common = {name: value for name, value in settings.items() if name not in others}
    own = settings.get(algorithm, {})
    if not isinstance(own, Mapping):
        raise InvalidArgumentError(f"settings: {algorithm}", got=repr(own), expected=f"a table [{algorithm}] of settings")
    for name in (*common, *own):
        if name in _OF_THE_PLAN:
            raise InvalidArgumentError(f"settings: {name}", got="a value", expected="none: the table decides it")
    return from_mapping({**common, **own}, base)


def check_settings(run: PlannedRun) -> None:
    """Refuse a folder that holds a run with other settings, naming one of them.

    Raises:
        InvalidArgumentError: such a folder, or one that cannot be read.
    """
    if not (run.folder / "config.json").exists():
        return
    values = RunDirectory(run.folder).read_json("config.json")
    saved = run.config.earlier(
        {name: math.inf if value is None else value for name, value in values.items()}
    )  # JSON has no inf
    remedy = "choose another --out, or remove that folder to train it anew"
    for name in asdict(run.config):
        if name not in saved and run.config.decides(name):
            got = f"a run of another version, without {name}"
            raise InvalidArgumentError(str(run.folder), got=got, expected="a run of this one", remedy=remedy)
    was = from_mapping(saved, run.config, where=str(run.folder / "config.json"))
    if was.fingerprint() != run.config.fingerprint():
        before, now = asdict(was), asdict(run.config)
        name = next(key for key in now if before[key] != now[key] and run.config.decides(key))
        got, expected = f"a run with {name} = {before[name]}", f"{now[name]}, as asked for"
        raise InvalidArgumentError(str(run.folder), got=got, expected=expected, remedy=remedy)


def is_finished(run: PlannedRun) -> bool:
    """Whether the folder holds a result; one that diverged is a result, too."""
    return (run.folder / "result.json").exists()
