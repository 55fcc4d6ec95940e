"""Settings that Optuna chooses: its tree-structured Parzen estimator, told what earlier settings came to.

    ask ──► settings of the next few ──► runs, a seed each ──► tell: the metric's mean over seeds, or that there is none

Nothing is remembered but the runs' folders: a sweep that is continued asks a new study of the same seed, tells it in the same
order what the folders hold, and so comes to the same settings.  A setting whose runs failed counts as failed; once they are
made, what is chosen after it may be something else.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import fields
from pathlib import Path
from typing import Any
from zlib import crc32

from alberdice.deep.learner import learner_class
from alberdice.errors import InvalidArgumentError, ResourceError
from alberdice.experiments.planned import PlannedRun
from alberdice.experiments.sweep.file import Search, SweepFile
from alberdice.experiments.sweep.plan import Variant, axes_of, check_names, checked_range, places_of, rounded, runs_of
from alberdice.experiments.sweep.stopping import mean_of

__all__ = ["Study", "studies_of"]


class Study:
    """The search of one algorithm's settings on one dataset.

    Args:
        sweep: whose.
        search: its table.
        out: where folders are.
        algorithm, dataset: which.
    """

    def __init__(self, sweep: SweepFile, search: Search, out: Path, algorithm: str, dataset: str) -> None:
        optuna = _optuna()
        self.sweep, self.search, self.out, self.algorithm, self.dataset = sweep, search, out, algorithm, dataset
        known = {each.name for each in fields(learner_class(algorithm).settings)}
        self.axes = axes_of(search.settings, algorithm, known)
        self.distributions = {name: _distribution(optuna, name, told) for name, told in self.axes.items()}
        seed = (search.seed + crc32(f"{algorithm} {dataset}".encode())) % (1 << 32)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=search.parallel > 1)
        direction = "minimize" if search.lowest else "maximize"
        storage = optuna.storages.InMemoryStorage()
        self._study: Any = optuna.create_study(storage=storage, sampler=sampler, direction=direction)
        self._asked: list[tuple[Any, list[PlannedRun]]] = []
        self._left = search.trials if self.axes else 1

    def ask(self) -> list[PlannedRun]:
        """The runs of the next settings; none once there were enough.

        Raises:
            InvalidArgumentError: settings that do not fit.
        """
        for _ in range(min(self._left, self.search.parallel)):
            trial = self._study.ask(self.distributions)
            runs = runs_of(self.sweep, self.out, self.algorithm, self.dataset, self._variant(trial.params))
            self._asked.append((trial, runs))
            self._left -= 1
        return [run for _, runs in self._asked for run in runs]

    def _variant(self, params: dict[str, Any]) -> Variant:
        """Settings in the types that they have: places in lists as what stands there."""
        found = {}
        for name, told in self.axes.items():
            value = params[name]
            found[name] = told[value] if isinstance(told, list) else rounded(value) if isinstance(value, float) else value
        return found

    def tell(self) -> None:
        """What those came to that were asked for; their runs are over."""
        for trial, runs in self._asked:
            value = mean_of(runs, 1.0, self.search.metric, "optuna")
            if math.isnan(value):
                self._study.tell(trial, state=_optuna().trial.TrialState.FAIL)
            else:
                self._study.tell(trial, value)
        self._asked = []


def studies_of(sweep: SweepFile, out: Path) -> list[Study]:
    """A study for each algorithm on each dataset; nothing is chosen yet.

    Raises:
        InvalidArgumentError: an unknown algorithm or setting, or a range that is none.
        ResourceError: no Optuna.
    """
    assert sweep.optuna is not None
    check_names(sweep)
    places_of(sweep)
    found = [Study(sweep, sweep.optuna, out, name, dataset) for dataset in sweep.datasets for name in sweep.algorithms]
    for study in found:
        runs_of(sweep, out, study.algorithm, study.dataset, {})  # settings of all are checked before anything runs
    return found


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        remedy = "pip install 'alberdice[sweep]'"
        raise ResourceError("optuna", got="not installed", expected="Optuna 5", remedy=remedy) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _distribution(optuna: Any, name: str, told: Any) -> Any:
    """What a range or a list is to Optuna; of a list it chooses the place, which is a number whatever stands there."""
    if isinstance(told, list) and told:
        return optuna.distributions.CategoricalDistribution(tuple(range(len(told))))
    where = f"optuna.settings.{name}"
    low, high, log = checked_range(where, told)
    if isinstance(told["low"], int) and isinstance(told["high"], int):
        if log and low < 1:
            raise InvalidArgumentError(where, got=repr(told), expected="whole numbers from 1 on where log = true")
        return optuna.distributions.IntDistribution(int(low), int(high), log=log)
    return optuna.distributions.FloatDistribution(low, high, log=log)
