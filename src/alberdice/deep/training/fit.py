"""The loop itself, free of files, environments and signals: updates, and whoever wants to look on.

    every update                        learner.update(generator), then every callback
    every LOOK_EVERY updates            metrics become numbers; the learner may refuse to go on; loggers hear of "training"
    every ``evaluate_every`` updates    evaluators judge the policies; what they say is a row of the history, and loggers hear
    after pretraining, and at the end   of "evaluation"

All randomness of the learning comes from the generator passed in; evaluators bring their own, so that looking more or less
often changes nothing that is learned.  Whatever evaluators and callbacks take of the time is not counted as training.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from alberdice.deep.learner import Learner
from alberdice.deep.policies import Policies
from alberdice.errors import SolverError

__all__ = ["LOOK_EVERY", "Callback", "Evaluator", "Fitting", "Logger", "fit"]

#: updates between looks at the metrics
LOOK_EVERY = 100


class Evaluator(Protocol):
    """Judges policies."""

    def evaluate(self, policies: Policies, update: int) -> Mapping[str, float]:
        """Numbers by name, which become columns of the history."""


class Logger(Protocol):
    """Hears numbers."""

    def log(self, kind: str, update: int, values: Mapping[str, float]) -> None:
        """Numbers by name, of the ``kind`` 'training' or 'evaluation'."""

    def close(self) -> None:
        """Nothing more comes."""


class Callback(Protocol):
    """Looks on after every update, and may stop the loop."""

    def after_update(self, fitting: Fitting) -> None:
        """One more update is done; ``fitting.stop("why")`` makes it the last."""


@dataclass
class Fitting:
    """A learner being trained: what callbacks see, and what comes of it.

    Attributes:
        learner: who learns.
        generator: of all that learning draws.
        total: updates in all, ``pretraining`` of them before the first that counts.
        done: updates done.
        seconds: spent on them.
        history: a row per evaluation.
        numbers: the metrics at the last look.
        stopped: why the loop ended early; '' if it did not.
        judged: whether the present update was evaluated.
    """

    learner: Learner
    generator: torch.Generator
    total: int
    pretraining: int = 0
    done: int = 0
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)
    numbers: dict[str, float] = field(default_factory=dict)
    stopped: str = ""
    judged: bool = False

    @property
    def policies(self) -> Policies:
        """The present policies."""
        return self.learner.policies

    @property
    def trained(self) -> int:
        """Updates after pretraining; negative before its end."""
        return self.done - self.pretraining

    @property
    def over(self) -> bool:
        """Whether no further update comes."""
        return self.done >= self.total or bool(self.stopped)

    def stop(self, reason: str) -> None:
        """Make the present update the last one."""
        self.stopped = self.stopped or reason


def fit(
    learner: Learner,
    updates: int,
    generator: torch.Generator,
    *,
    evaluators: Sequence[Evaluator] = (),
    loggers: Sequence[Logger] = (),
    callbacks: Sequence[Callback] = (),
    evaluate_every: int = 250,
    pretraining: int = 0,
    arithmetic: Callable[[], AbstractContextManager[Any]] = nullcontext,
    going: Fitting | None = None,
) -> Fitting:
    """Update a learner so many times, after its pretraining.

    Args:
        learner: made from its data, see ``alberdice.deep.learner``.
        updates: after pretraining.
        generator: of all that learning draws; on the learner's device.
        evaluators, loggers, callbacks: see the protocols; they are called in their order.
        evaluate_every: updates between evaluations.
        pretraining: the first updates, which are not evaluated.
        arithmetic: a context in which every update runs.
        going: a fitting to go on with, as a checkpoint gave it.

    Returns:
        The fitting at its end; loggers are closed, also after an error.

    Raises:
        SolverError: the learner cannot go on; the message says what to change.
    """
    run = going or Fitting(learner, generator, pretraining + updates, pretraining)
    try:
        while not run.over:
            begun = time.perf_counter()
            with arithmetic():
                metrics = learner.update(generator)
            run.done += 1
            due = run.done == run.total or (run.trained > 0 and run.trained % evaluate_every == 0)
            if due or run.done % LOOK_EVERY == 0:
                _look(run, metrics, loggers)
            run.seconds += time.perf_counter() - begun
            run.judged = due
            if due:
                _judge(run, evaluators, loggers)
            for callback in callbacks:
                callback.after_update(run)
        return run
    finally:
        for logger in loggers:
            logger.close()


def _look(run: Fitting, metrics: Mapping[str, Tensor], loggers: Sequence[Logger]) -> None:
    """Make numbers of the metrics, and stop if training has collapsed."""
    run.numbers = {name: float(value) for name, value in metrics.items()}
    complaint = run.learner.complaint(run.numbers)
    if complaint:
        what, _, remedy = complaint.partition(": ")
        raise SolverError(f"training at update {run.done}", got=what, expected="a run that can go on", remedy=remedy)
    for logger in loggers:
        logger.log("training", run.done, run.numbers)


def _judge(run: Fitting, evaluators: Sequence[Evaluator], loggers: Sequence[Logger]) -> None:
    """Add a row to the history."""
    row: dict[str, float] = {"update": run.done, "seconds": round(run.seconds, 3), **run.numbers}
    for evaluator in evaluators:
        row |= evaluator.evaluate(run.policies, run.done)
    run.history.append(row)
    for logger in loggers:
        logger.log("evaluation", run.done, row)
