"""A run that is planned: its settings and its folder, and what of it is on the disk already."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar

from alberdice.deep.config import TrainConfig, from_mapping
from alberdice.deep.learner import ALGORITHMS, learner_class
from alberdice.deep.training.fit import Callback
from alberdice.deep.training.run_directory import RunDirectory
from alberdice.errors import InvalidArgumentError

__all__ = ["PlannedRun", "check_settings", "is_finished", "settings_of", "updates_of"]


@dataclass(frozen=True)
class PlannedRun:
    """One run.

    Attributes:
        config: all settings; algorithm, dataset and seed among them.
        folder: where it is kept.
        variant: what the row is called where settings tell rows apart, and not algorithms.
        wandb: the project of Weights & Biases that it is logged to, too.
    """

    config: TrainConfig
    folder: Path
    variant: str = ""
    wandb: str = field(default="", compare=False)
    #: whether it needs a process that has made no run before, as measurements of memory do
    alone: ClassVar[bool] = False

    def callbacks(self) -> list[Callback]:
        """Who looks on while it is made, wherever that is."""
        return []

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
        return self.variant or self.learner

    @property
    def learner(self) -> str:
        """What is trained, whatever its settings."""
        return self.config.algorithm

    @property
    def dataset(self) -> str:
        """On what."""
        return self.config.dataset

    @property
    def command(self) -> str:
        """The command line that makes this very run: all settings that are not the algorithm's own defaults."""
        default = asdict(learner_class(self.learner).settings())
        words = ["alberdice-deep", "train", "--algorithm", self.learner, "--out", str(self.folder)]
        for name, value in asdict(self.config).items():
            if name != "algorithm" and value != default[name]:
                words += _option(name, value)
        return shlex.join(words)


def _option(name: str, value: Any) -> list[str]:
    option = name.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{option}" if value else f"--no-{option}"]
    return [f"--{option}", *(map(str, value) if isinstance(value, tuple) else [str(value)])]


def settings_of(
    algorithm: str, settings: Mapping[str, Any], everybody: Iterable[str], decided: Iterable[str], *, preset: str = ""
) -> TrainConfig:
    """An algorithm's defaults, changed by the settings for all, less those that only others have, and by its own.

    Args:
        algorithm: whose.
        settings: names and values; a table under an algorithm's name applies to it alone.
        everybody: further algorithms that settings may be of.
        decided: settings that the plan itself decides.
        preset: whose values are the defaults where the algorithm has it.

    Raises:
        InvalidArgumentError: an unknown setting, with the nearest known one; one that is decided; a value that does not fit.
    """
    maker, others = learner_class(algorithm).settings, {*ALGORITHMS, *everybody, algorithm}
    plain = maker(algorithm=algorithm, device="cpu", threads=1, keep_states=False)
    base = from_mapping(getattr(maker, "presets", {}).get(preset, {}), plain)
    known = {field.name for name in others for field in fields(learner_class(name).settings)}
    left_out = (known - {field.name for field in fields(base)}) | others
    common = {name: value for name, value in settings.items() if name not in left_out}
    own = settings.get(algorithm, {})
    if not isinstance(own, Mapping):
        raise InvalidArgumentError(f"settings: {algorithm}", got=repr(own), expected=f"a table [{algorithm}] of settings")
    for name in (*common, *own):
        if name in decided:
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


def updates_of(run: PlannedRun) -> int:
    """How many updates the run makes in all: what its checkpoint says, as a learner may choose that by the data."""
    folder = RunDirectory(run.folder)
    total = folder.load()[1].get("total") if folder.has_checkpoint else None
    return total if isinstance(total, int) and total > 0 else run.config.total
