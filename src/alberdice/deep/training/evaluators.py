"""Evaluators: returns by playing, and the share of play that leaves the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alberdice.deep.config import Play
from alberdice.deep.play.out_of_data import OutOfData
from alberdice.deep.play.returns import Evaluation, evaluate
from alberdice.deep.policies import Policies
from alberdice.environments import BatchedEnvironment, Environment, find_environment
from alberdice.games.game import Game

__all__ = ["Returns", "ShareOutOfData", "seed_of"]


def seed_of(seed: int, update: int) -> int:
    """The seed of an evaluation's episodes: another one after every update of every run."""
    return (seed << 24) + update


class Returns:
    """Mean and error of the returns of sampled episodes, and of all that the environment reports at their ends.

    Args:
        environment: an open one, which stays open; or a name, 'module:function', an ``Environment`` or a ``Game``, which is
            opened for every evaluation.
        episodes: of one evaluation.
        seed: with the update it decides all of them.
        play: 'sample', 'sharp' or 'greedy'.
        data_return: what the data's episodes return, if it is to be compared with.
    """

    def __init__(
        self,
        environment: BatchedEnvironment | Environment | Game | str,
        episodes: int = 100,
        *,
        seed: int = 0,
        play: Play = "sample",
        data_return: float | None = None,
    ) -> None:
        self.environment = find_environment(environment) if isinstance(environment, str) else environment
        self.episodes, self.seed, self.play, self.data_return = episodes, seed, play, data_return
        self.latest: Evaluation | None = None

    def evaluate(self, policies: Policies, update: int) -> Mapping[str, float]:
        """See ``fit.Evaluator``; ``latest`` keeps the whole."""
        found = evaluate(policies, self.environment, self.episodes, seed_of(self.seed, update), play=self.play)
        self.latest = found
        gap = {} if self.data_return is None else {"gap_to_data": found.return_mean - self.data_return}
        return {**found.numbers(), **gap}


class ShareOutOfData:
    """The share of the played steps whose joint action the data never show, see ``play.out_of_data``.

    Args:
        shown: what the data show.
        episodes: of one evaluation.
        seed: with the update it decides all of them.
        play: 'sample', 'sharp' or 'greedy'.
    """

    def __init__(self, shown: OutOfData, episodes: int, *, seed: int = 0, play: str = "sample") -> None:
        self.shown, self.episodes, self.seed, self.play = shown, episodes, seed, play
        self.latest: dict[str, Any] | None = None

    def evaluate(self, policies: Policies, update: int) -> Mapping[str, float]:
        """See ``fit.Evaluator``; ``latest`` keeps the whole."""
        self.latest = self.measured(policies, update)
        return {"out_of_data": self.latest["share"]}

    def measured(self, policies: Policies, update: int) -> dict[str, Any]:
        """The share and how it was found, of policies after so many updates."""
        return self.shown.measured(policies, self.episodes, seed_of(self.seed, update), self.play)
