"""The runs of a scaling experiment, and why points that are not run are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from alberdice.deep.config import TrainConfig, from_mapping
from alberdice.deep.training.fit import Callback
from alberdice.experiments.planned import PlannedRun, settings_of
from alberdice.experiments.scale.axes import Base, Place
from alberdice.experiments.scale.cost import Cost
from alberdice.experiments.scale.data import SEED
from alberdice.machine import available_memory, cores

__all__ = ["MeasuredRun", "Planned", "plan_scale"]

#: settings that the experiment itself decides
_DECIDED = ("algorithm", "dataset", "seed")
_SHORT = {"batch_size": "rows", "threads": "threads", "device": "device"}


@dataclass(frozen=True)
class MeasuredRun(PlannedRun):
    """A run whose cost is measured."""

    alone: ClassVar[bool] = True

    def callbacks(self) -> list[Callback]:
        """The measuring."""
        return [Cost(self.folder)]


@dataclass(frozen=True)
class Planned:
    """A point and its runs.

    Attributes:
        missing: why it is not run; '' where it is.
    """

    place: Place
    runs: tuple[MeasuredRun, ...]
    missing: str = ""


def plan_scale(
    base: Base, places: Sequence[Place], out: Path, algorithm: str, seeds: int, most_steps: int, executor_is_here: bool = True
) -> list[Planned]:
    """All points with their runs.

    Args:
        base: what does not vary.
        places: the points.
        out: where folders are.
        algorithm: what is trained.
        seeds: how many of each.
        most_steps: data of more are not made.
        executor_is_here: whether runs are made on this machine, whose devices and memory are then what there is.

    Raises:
        InvalidArgumentError: an unknown algorithm.
    """
    plain = settings_of(algorithm, base.common, (), _DECIDED)
    found = []
    for place in places:
        config = from_mapping({name: value for name, value in place.varied.items() if hasattr(plain, name)}, plain)
        count = place.beside or seeds
        runs = tuple(_run(place, config, out, algorithm, seed) for seed in range(count))
        found.append(Planned(place, runs, _missing(place, most_steps, executor_is_here)))
    return found


def _run(place: Place, config: TrainConfig, out: Path, algorithm: str, seed: int) -> MeasuredRun:
    own = [f"{_SHORT[name]}-{getattr(config, name)}" for name in _SHORT]
    own += [f"beside-{place.beside}"] if place.beside else []
    given: dict[str, Any] = {"dataset": place.data.dataset(out / "data"), "dataset_seed": SEED, "seed": seed}
    folder = out / "runs" / place.data.name / algorithm.replace(":", "-") / ",".join(own) / f"seed-{seed}"
    return MeasuredRun(from_mapping(given, config), folder)


def _missing(place: Place, most_steps: int, here: bool) -> str:
    if place.data.steps > most_steps:
        return f"more than {most_steps:,} steps (--most-steps)"
    if not here:
        return ""
    if place.varied.get("device") == "cuda":
        import torch

        if not torch.cuda.is_available():
            return "no CUDA device on this machine"
    if place.varied.get("threads", 1) > cores() or place.beside > cores():
        return f"{cores()} core(s) on this machine"
    needed, free = place.data.bytes_needed, available_memory()
    if free is not None and needed > free:
        return f"about {needed / 2**30:.1f} GiB of memory are needed, {free / 2**30:.1f} GiB are free"
    return ""
