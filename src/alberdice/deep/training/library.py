"""Training as a library: one call, on data in memory or by name, with or without a folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from alberdice.datasets import OfflineDataset
from alberdice.deep.config import from_mapping
from alberdice.deep.learner import learner_class
from alberdice.deep.networks.module import name_of
from alberdice.deep.policies import Policies
from alberdice.deep.training.export import read_export
from alberdice.deep.training.fit import Callback, Evaluator, Logger
from alberdice.deep.training.loop import Extras, run_training
from alberdice.deep.training.result import TrainedRun
from alberdice.deep.training.run_state import Origin
from alberdice.deep.training.saved_run import policies_of_run
from alberdice.environments import Environment
from alberdice.files import is_file
from alberdice.games.game import Game

__all__ = ["load", "train"]


def train(
    dataset: OfflineDataset | str,
    algorithm: str = "alberdice",
    environment: str | Environment | Game | Callable[[], Any] = "auto",
    out: str | Path | None = None,
    seed: int = 0,
    *,
    resume: bool = False,
    from_run: str | Path | None = None,
    from_update: str | int = "last",
    networks: Mapping[str, Callable[[int, int], Any] | str] | None = None,
    progress: Callable[[str], None] | None = None,
    evaluators: Sequence[Evaluator] = (),
    loggers: Sequence[Logger] = (),
    callbacks: Sequence[Callback] = (),
    **settings: Any,
) -> TrainedRun:
    """Train policies on a dataset.

    Args:
        dataset: the data, or the name of a built-in dataset, a directory, or an id of the store.
        algorithm: which learner; a built-in one's name, or 'module:Class'.
        environment: where to evaluate: 'auto' (what the data name), 'none', a name, 'module:function', a game, or a
            function that makes a PettingZoo environment.
        out: the run's folder; None: nothing is written.
        seed: of everything that is drawn.
        resume: continue the run in the folder.
        from_run, from_update: begin from the state of the run in that folder, the 'last' one or that of a kept evaluation.
        networks: of one's own, by what they are for ('policy', 'nu', 'e'): a function of (inputs, outputs) that makes a
            torch.nn.Module, or 'module:function', see ``networks.module``; where there is a folder, importable ones.
        progress: called after every update with words.
        evaluators, loggers, callbacks: beside those of every run, see ``alberdice.deep.training.fit``.
        settings: the algorithm's, see ``alberdice-deep train --algorithm NAME --help``.

    Raises:
        InvalidArgumentError, InvalidDataError: settings, data, environment or a folder that do not fit.
        SolverError: training collapsed.
    """
    name = dataset if isinstance(dataset, str) else dataset.name
    named: dict[str, Any] = {"dataset": name, "algorithm": algorithm, "seed": seed}
    named |= {f"{role}_network": name_of(make, findable=out is not None) for role, make in (networks or {}).items()}
    base = learner_class(algorithm).settings(algorithm=algorithm)
    config = from_mapping({**named, **settings}, base)
    if isinstance(environment, str):
        config, where = replace(config, environment=environment), None
    else:
        where = _environment(environment)
    return run_training(
        config,
        None if out is None else Path(out),
        dataset=None if isinstance(dataset, str) else dataset,
        environment=where,
        resume=resume,
        origin=None if from_run is None else Origin(Path(from_run), str(from_update)),
        progress=progress,
        extras=Extras(evaluators, loggers, callbacks),
    )


def _environment(given: Environment | Game | Callable[[], Any]) -> Environment:
    """What was given, as something that can be opened."""
    if isinstance(given, Environment):
        return given
    if isinstance(given, Game):
        return Environment(given.name, lambda: given)
    return Environment(getattr(given, "__name__", type(given).__name__), given)


def load(path: str | Path, update: str | int = "selected", *, trust: bool = False) -> Policies:
    """The policies of a run's folder, or of a file that ``export`` wrote.

    Args:
        path: the folder, or NAME.safetensors.
        update: 'selected' (the last ones where none were selected), 'last', or the update of a kept evaluation.
        trust: import and run what only the folder or the file names, an algorithm or networks of somebody's own.

    Raises:
        InvalidArgumentError, InvalidDataError: no run there, or not one of this package; policies that are not kept; code of
            somebody's own without that word.
    """
    if is_file(Path(path)):
        return read_export(Path(path), update, trust=trust)[0]
    return policies_of_run(Path(path), str(update), trust=trust)
