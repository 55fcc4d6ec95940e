"""The runs of a sweep: algorithms times datasets times settings times seeds, each with its folder."""

from __future__ import annotations

import hashlib
import itertools
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from alberdice._checks import real_number
from alberdice.deep.config import TrainConfig, from_mapping
from alberdice.deep.learner import ALGORITHMS, learner_class
from alberdice.errors import InvalidArgumentError
from alberdice.experiments.planned import PlannedRun, settings_of
from alberdice.experiments.sweep.file import Draws, SweepFile
from alberdice.names import nearest

__all__ = ["Variant", "axes_of", "check_names", "checked_range", "plan_sweep", "rounded", "runs_of", "variants_of"]

#: settings that the sweep's own keys decide
_DECIDED = ("algorithm", "dataset", "seed")
#: characters of a folder's name
_LONGEST = 80

#: one algorithm's settings that differ between its runs, and their values
Variant = dict[str, Any]


def plan_sweep(sweep: SweepFile, out: Path) -> list[PlannedRun]:
    """All runs; the first seeds of all come first, so that a sweep that is stopped has something of everything.

    Raises:
        InvalidArgumentError: an unknown algorithm or setting, values that do not fit, two folders of one name.
    """
    configs = {(algorithm, name): config for algorithm in sweep.algorithms for name, config in _configs(sweep, algorithm)}
    places_of(sweep)
    return [
        _run(sweep, out, algorithm, name, dataset, seed, config)
        for seed in sweep.seeds
        for dataset in sweep.datasets
        for (algorithm, name), config in configs.items()
    ]


def runs_of(sweep: SweepFile, out: Path, algorithm: str, dataset: str, variant: Variant) -> list[PlannedRun]:
    """The runs of one choice of settings, a seed each.

    Raises:
        InvalidArgumentError: settings that do not fit.
    """
    base = settings_of(algorithm, sweep.settings, sweep.algorithms, _DECIDED)
    name, config = name_of(variant), from_mapping(variant, base)
    return [_run(sweep, out, algorithm, name, dataset, seed, config) for seed in sweep.seeds]


def places_of(sweep: SweepFile) -> dict[str, str]:
    """The folder of each dataset.

    Raises:
        InvalidArgumentError: two of one name.
    """
    places = {dataset: _folder_name(dataset) for dataset in sweep.datasets}
    if len(set(places.values())) < len(places):
        raise InvalidArgumentError("datasets", got=list(places), expected="names that give different folders")
    return places


def _run(sweep: SweepFile, out: Path, algorithm: str, name: str, dataset: str, seed: int, config: TrainConfig) -> PlannedRun:
    return PlannedRun(
        from_mapping({"dataset": dataset, "seed": seed, **_where(sweep, dataset)}, config),
        out / _folder_name(dataset) / _folder_name(algorithm) / _folder_name(name or "default") / f"seed-{seed}",
        variant=f"{algorithm} {name}".strip(),
    )


def _where(sweep: SweepFile, dataset: str) -> dict[str, str]:
    return {"environment": sweep.environments[dataset]} if dataset in sweep.environments else {}


def _folder_name(text: str) -> str:
    """A folder's name: readable, and its hash where it would be long."""
    plain = re.sub(r"[^\w.=,+-]+", "-", text).strip("-.") or "data"
    return plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 17]}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _configs(sweep: SweepFile, algorithm: str) -> Iterator[tuple[str, TrainConfig]]:
    """The settings of each of an algorithm's variants, by name."""
    base = settings_of(algorithm, sweep.settings, sweep.algorithms, _DECIDED)
    check_names(sweep)
    for variant in variants_of(sweep, algorithm):
        yield name_of(variant), from_mapping(variant, base)


def name_of(variant: Variant) -> str:
    """What tells a choice of settings apart."""
    return ",".join(f"{name}={_words(value)}" for name, value in variant.items())


def variants_of(sweep: SweepFile, algorithm: str) -> list[Variant]:
    """What differs between an algorithm's runs: every combination of its grid with every draw."""
    known = {each.name for each in fields(learner_class(algorithm).settings)}
    axes = axes_of(sweep.grid, algorithm, known)
    for name, values in axes.items():
        if not isinstance(values, list) or not values:
            raise InvalidArgumentError(f"grid.{name}", got=repr(values), expected="a list of values")
    grid = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
    if sweep.random is None:
        return grid
    drawn = axes_of(sweep.random.settings, algorithm, known)
    draws = [_draw(sweep.random, drawn, number) for number in range(sweep.random.draws)] if drawn else [{}]
    return [{**one, **other} for one in grid for other in draws]


def axes_of(table: Mapping[str, Any], algorithm: str, known: set[str]) -> dict[str, Any]:
    """Those entries that this algorithm has, its own table's last."""
    own = table.get(algorithm, {})
    return {name: value for name, value in table.items() if name in known} | (own if isinstance(own, dict) else {})


def check_names(sweep: SweepFile) -> None:
    """Every name is a setting of some algorithm of the sweep, and none that another key decides."""
    settings = {name: {each.name for each in fields(learner_class(name).settings)} for name in sweep.algorithms}
    everything = sorted(set().union(*settings.values()))
    random, optuna = sweep.random.settings if sweep.random else {}, sweep.optuna.settings if sweep.optuna else {}
    for where, table in (("grid", sweep.grid), ("random.settings", random), ("optuna.settings", optuna)):
        for name, value in table.items():
            if name in settings and isinstance(value, dict):
                _check(where + f".{name}", value, sorted(settings[name]))
            elif name in ALGORITHMS and isinstance(value, dict):
                expected, remedy = "an algorithm of the sweep", nearest(name, sweep.algorithms)
                raise InvalidArgumentError(f"{where}.{name}", got="another algorithm", expected=expected, remedy=remedy)
            else:
                _check(where, {name: value}, everything)


def _check(where: str, table: Mapping[str, Any], known: list[str]) -> None:
    for name in table:
        if name in _DECIDED or name not in known:
            got = "a key that the sweep decides itself" if name in _DECIDED else "an unknown key"
            remedy = "" if name in _DECIDED else nearest(name, known)
            raise InvalidArgumentError(
                f"{where}.{name}", got=got, expected="a setting of the sweep's algorithms", remedy=remedy
            )


def _draw(random: Draws, axes: Mapping[str, Any], number: int) -> Variant:
    """One draw; a setting's draws depend on the seed and its name alone, so that adding a setting changes no other."""
    found = {}
    for name, told in axes.items():
        generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([random.seed, number, crc32(name.encode())])))
        found[name] = _from_range(f"random.settings.{name}", told, generator)
    return found


def checked_range(where: str, told: Any) -> tuple[float, float, bool]:
    """The bounds of a range, and whether it is log-uniform.

    Raises:
        InvalidArgumentError: what is no range.
    """
    if not isinstance(told, dict) or not {"low", "high"} <= set(told) <= {"low", "high", "log"}:
        raise InvalidArgumentError(where, got=repr(told), expected="a list of values, or { low = ..., high = ..., log = true }")
    low, high = real_number(told["low"], f"{where}.low"), real_number(told["high"], f"{where}.high")
    log = told.get("log", False)
    if not low < high or (log and low <= 0) or not isinstance(log, bool):
        raise InvalidArgumentError(where, got=repr(told), expected="low < high, and 0 < low where log = true")
    return low, high, log


def rounded(value: float) -> float:
    """As it is written in names and reports."""
    return float(f"{value:.6g}")


def _from_range(where: str, told: Any, generator: np.random.Generator) -> Any:
    if isinstance(told, list) and told:
        return told[int(generator.integers(len(told)))]
    low, high, log = checked_range(where, told)
    if isinstance(told["low"], int) and isinstance(told["high"], int):
        if not log:
            return int(generator.integers(told["low"], told["high"] + 1))
        return min(told["high"], int(math.exp(generator.uniform(math.log(low), math.log(high + 1)))))
    value = math.exp(generator.uniform(math.log(low), math.log(high))) if log else generator.uniform(low, high)
    return rounded(value)


def _words(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "x".join(map(_words, value))
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)
