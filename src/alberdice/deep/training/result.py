"""What comes of a run: the numbers of result.json, and the policies."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import alberdice
from alberdice import markup
from alberdice.deep.config import Play, TrainConfig
from alberdice.deep.learner import Learner
from alberdice.deep.play.returns import Evaluation, evaluate
from alberdice.deep.play.venue import Venue
from alberdice.deep.policies import Policies, load_policies
from alberdice.deep.training.evaluators import Returns, seed_of
from alberdice.deep.training.fit import Fitting
from alberdice.deep.training.selection import Selector, plain_numbers
from alberdice.environments import BatchedEnvironment, Environment, find_environment
from alberdice.errors import InvalidArgumentError
from alberdice.games.game import Game

__all__ = ["TrainedRun", "result_of"]


@dataclass(frozen=True)
class TrainedRun:
    """A run that is over.

    Attributes:
        config: its settings.
        result: what ``result.json`` holds.
        fitting: the learner, the history, why it stopped.
        selector: which policies were chosen, from data alone.
        venue: where it was evaluated; closed.
        path: its folder, if it has one.
    """

    config: TrainConfig
    result: dict[str, Any]
    fitting: Fitting
    selector: Selector
    venue: Venue
    path: Path | None

    @property
    def learner(self) -> Learner:
        """Who learned."""
        return self.fitting.learner

    @property
    def history(self) -> list[dict[str, float]]:
        """A row per evaluation."""
        return self.fitting.history

    @property
    def policies(self) -> Policies:
        """The policies chosen by data alone; the last ones where none were."""
        return load_policies(*self.selector.kept) if self.selector.kept else self.last_policies

    @property
    def last_policies(self) -> Policies:
        """Those of the last update."""
        return self.fitting.policies

    def evaluate(
        self,
        episodes: int = 1000,
        *,
        environment: BatchedEnvironment | Environment | Game | str | None = None,
        seed: int = 0,
        play: Play = "sample",
    ) -> Evaluation:
        """Play with ``policies``.

        Args:
            episodes: how many.
            environment: where; None: where the run was evaluated.
            seed: decides all of them.
            play: how actions are chosen.

        Raises:
            InvalidArgumentError: no environment, or one that does not fit.
        """
        if environment is not None:
            where = find_environment(environment) if isinstance(environment, str) else environment
            return evaluate(self.policies, where, episodes, seed, play=play)
        again = self.venue.reopened()
        if again is None:
            remedy = "name a game, or a maker of environments"
            raise InvalidArgumentError("environment", got="none", expected="where to play", remedy=remedy)
        with again:
            return evaluate(self.policies, again, episodes, seed, play=play)

    def __repr__(self) -> str:
        name = f"{self.config.algorithm} on {self.config.dataset}, seed {self.config.seed}"
        return f"TrainedRun({name}: {self.result['status']}, return {self.result['return_mean']})"

    def _repr_html_(self) -> str:
        """For notebooks."""
        names = ("status", "reason", "return_mean", "return_stderr", "return_exact", "data_return", "updates", "train_seconds")
        rows = [(name.replace("_", " "), self.result[name]) for name in names if name in self.result]
        return markup.table(
            ("", ""), rows, caption=f"{self.config.algorithm} on {self.config.dataset}, seed {self.config.seed}"
        )


def result_of(
    config: TrainConfig,
    fitting: Fitting,
    selector: Selector,
    venue: Venue,
    *,
    returns: Returns | None,
    status: tuple[str, str],
    data_return: float,
    own: dict[str, Any],
) -> dict[str, Any]:
    """What came out; of a run that diverged, with its last good evaluation."""
    last = (returns.latest if returns else None) or Evaluation(float("nan"), float("nan"), 0, float("nan"))
    found, selection = last, selector.report()
    if selector.kept is not None and returns is not None:
        seed = seed_of(config.seed, fitting.done)
        found = evaluate(load_policies(*selector.kept), returns.environment, returns.episodes, seed, play=config.play)
    selection |= {"last_return_mean": last.return_mean, "last_return_exact": last.return_exact}
    return {
        "status": status[0],
        "reason": status[1],
        "algorithm": config.algorithm,
        "dataset": config.dataset,
        "seed": config.seed,
        **found.summary(),
        "environment": venue.name,
        "notes": list(venue.notes),
        "data_return": data_return,
        "selection": plain_numbers(selection),
        "updates": fitting.done,
        "stopped": fitting.stopped,
        "train_seconds": round(fitting.seconds, 3),
        **own,
        "versions": {
            "alberdice": alberdice.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
    }
