"""The file that asks for a sweep, read and checked: every key that it may have, and the nearest one where it has another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alberdice._checks import real_number, whole_number
from alberdice.deep.config import read_toml
from alberdice.errors import InvalidArgumentError, within
from alberdice.names import nearest

__all__ = ["Draws", "Search", "Stopping", "SweepFile", "read_sweep"]

#: runs of one sweep
_MOST = 100_000


@dataclass(frozen=True)
class Draws:
    """Settings drawn at random.

    Attributes:
        draws: how many.
        seed: of the draws.
        settings: name -> values to choose from, or the table of a range: low, high, and whether log-uniform.
    """

    draws: int
    seed: int
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Search:
    """Settings that Optuna chooses, by what earlier ones came to; a study of its own for each algorithm on each dataset.

    Attributes:
        trials: how many settings in all.
        parallel: how many are chosen at a time, from what is finished.
        seed: of the sampler.
        metric: the last value of this column of metrics.csv, averaged over seeds, is what counts.
        lowest: whether the lowest value wins.
        settings: as of ``Draws``.
    """

    trials: int
    parallel: int
    seed: int
    metric: str
    lowest: bool
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Stopping:
    """Early stopping of losers: successive halving among an algorithm's settings on one dataset.

    Attributes:
        after: shares of the updates, ascending, after which settings are compared.
        keep: share of the settings that go on each time, at least one.
        metric: the column of metrics.csv that compares them, averaged over seeds.
        lowest: whether the lowest value wins.
    """

    after: tuple[float, ...]
    keep: float = 0.5
    metric: str = "return_mean"
    lowest: bool = False


@dataclass(frozen=True)
class SweepFile:
    """What a sweep is made of.

    Attributes:
        title: a line on top of the report.
        algorithms: names, or module:Class.
        datasets: built-in ones, directories, ids of the store.
        environments: dataset -> where its policies are evaluated; others as their data say.
        seeds: of the trainings.
        settings: of all runs that have them; a table under an algorithm's name is its own.
        grid: setting -> values, all of whose combinations are made; likewise.
        random: settings drawn at random, beside every combination of the grid.
        optuna: settings chosen by what earlier ones came to, in the place of grid, random and stop.
        stop: who is stopped early.
    """

    title: str
    algorithms: tuple[str, ...]
    datasets: tuple[str, ...]
    environments: Mapping[str, str] = field(default_factory=dict)
    seeds: tuple[int, ...] = (0, 1, 2)
    settings: Mapping[str, Any] = field(default_factory=dict)
    grid: Mapping[str, Any] = field(default_factory=dict)
    random: Draws | None = None
    optuna: Search | None = None
    stop: Stopping | None = None


_KEYS = (
    "title",
    "algorithms",
    "datasets",
    "environment",
    "environments",
    "seeds",
    "settings",
    "grid",
    "random",
    "optuna",
    "stop",
)


def read_sweep(path: Path) -> SweepFile:
    """Read and check the file.

    Raises:
        InvalidArgumentError: no such file, no TOML, an unknown key, a value that does not fit.
    """
    values = read_toml(path)
    with within(str(path)):
        _check_keys(values, _KEYS, "")
        datasets = _texts(values, "datasets")
        everywhere = values.get("environment")
        if everywhere is not None and not isinstance(everywhere, str):
            raise InvalidArgumentError("environment", got=repr(everywhere), expected="text")
        environments = {} if everywhere is None else dict.fromkeys(datasets, everywhere)
        for name, where in _table(values, "environments").items():
            if name not in datasets:
                remedy = nearest(name, datasets)
                raise InvalidArgumentError(
                    f"environments.{name}", got="an unknown dataset", expected="one of datasets", remedy=remedy
                )
            environments[name] = str(where)
        return SweepFile(
            title=str(values.get("title", path.stem)),
            algorithms=_texts(values, "algorithms"),
            datasets=datasets,
            environments=environments,
            seeds=_seeds(values.get("seeds", 3)),
            settings=_table(values, "settings"),
            grid=_table(values, "grid"),
            random=_draws(values),
            optuna=_search(values),
            stop=_stopping(values),
        )


def _check_keys(values: Mapping[str, Any], known: Iterable[str], before: str) -> None:
    known = tuple(known)
    for name in values:
        if name not in known:
            expected = f"one of {', '.join(known)}"
            raise InvalidArgumentError(f"{before}{name}", got="an unknown key", expected=expected, remedy=nearest(name, known))


def _texts(values: Mapping[str, Any], name: str) -> tuple[str, ...]:
    found = values.get(name)
    fits = isinstance(found, list) and found and all(isinstance(each, str) and each for each in found)
    if not fits or len(set(found or ())) < len(found or ()):
        got = "nothing" if found is None else repr(found)
        raise InvalidArgumentError(name, got=got, expected="a list of one or more different texts")
    return tuple(found or ())


def _table(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = values.get(name, {})
    if not isinstance(found, dict):
        raise InvalidArgumentError(name, got=repr(found), expected=f"a table [{name}]")
    return found


def _seeds(told: Any) -> tuple[int, ...]:
    if not isinstance(told, list):
        return tuple(range(whole_number(told, "seeds", low=1, high=_MOST)))
    seeds = tuple(whole_number(each, f"seeds[{k}]") for k, each in enumerate(told))
    if not seeds or len(set(seeds)) < len(seeds):
        raise InvalidArgumentError("seeds", got=told, expected="a number of seeds, or a list of different ones")
    return seeds


def _draws(values: Mapping[str, Any]) -> Draws | None:
    if "random" not in values:
        return None
    table = _table(values, "random")
    _check_keys(table, ("draws", "seed", "settings"), "random.")
    settings = _table(table, "settings")
    if not settings:
        raise InvalidArgumentError("random.settings", got="nothing", expected="a table [random.settings] of what is drawn")
    draws = whole_number(table.get("draws", 10), "random.draws", low=1, high=_MOST)
    return Draws(draws, whole_number(table.get("seed", 0), "random.seed"), settings)


def _search(values: Mapping[str, Any]) -> Search | None:
    if "optuna" not in values:
        return None
    table = _table(values, "optuna")
    _check_keys(table, ("trials", "parallel", "seed", "metric", "lowest", "settings"), "optuna.")
    for other in ("grid", "random", "stop"):
        if other in values:
            raise InvalidArgumentError(f"[{other}]", got="beside [optuna]", expected="one of them")
    settings = _table(table, "settings")
    if not settings:
        raise InvalidArgumentError("optuna.settings", got="nothing", expected="a table [optuna.settings] of what is chosen")
    trials = whole_number(table.get("trials", 20), "optuna.trials", low=1, high=_MOST)
    parallel = whole_number(table.get("parallel", 1), "optuna.parallel", low=1, high=_MOST)
    return Search(trials, parallel, whole_number(table.get("seed", 0), "optuna.seed"), *_metric(table, "optuna"), settings)


def _metric(table: Mapping[str, Any], where: str) -> tuple[str, bool]:
    """What is compared, and whether the lowest wins."""
    metric, lowest = table.get("metric", "return_mean"), table.get("lowest", False)
    if not isinstance(metric, str):
        raise InvalidArgumentError(f"{where}.metric", got=repr(metric), expected="a column of metrics.csv")
    if not isinstance(lowest, bool):
        raise InvalidArgumentError(f"{where}.lowest", got=repr(lowest), expected="true or false")
    return metric, lowest


def _stopping(values: Mapping[str, Any]) -> Stopping | None:
    if "stop" not in values:
        return None
    table = _table(values, "stop")
    _check_keys(table, ("after", "keep", "metric", "lowest"), "stop.")
    told = table.get("after", [0.25, 0.5])
    after = tuple(
        real_number(x, "stop.after", low=0.0, high=1.0, open_ends=True) for x in (told if isinstance(told, list) else [told])
    )
    if not after or list(after) != sorted(set(after)):
        raise InvalidArgumentError("stop.after", got=told, expected="ascending shares of the updates, each between 0 and 1")
    keep = real_number(table.get("keep", 0.5), "stop.keep", low=0.0, high=1.0, open_ends=True)
    return Stopping(after, keep, *_metric(table, "stop"))
