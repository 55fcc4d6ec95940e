"""Finished runs, read back from their folders, and what their policies do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from alberdice._checks import FloatArray
from alberdice.datasets import load_dataset
from alberdice.deep.play.out_of_data import OutOfData, RandomPrior, Visits, visits
from alberdice.deep.play.tables import policy_of_game
from alberdice.deep.play.venue import game_of, header_of
from alberdice.deep.training.run_directory import RunDirectory
from alberdice.deep.training.saved_run import policies_of_run
from alberdice.errors import InvalidPolicyError
from alberdice.experiments.planned import PlannedRun, is_finished
from alberdice.experiments.reproduce.sampled import Sampled
from alberdice.games.game import Game

__all__ = ["Prior", "Record", "priors_of", "read_records"]


@dataclass(frozen=True)
class Prior:
    """The random-prior estimator of a dataset, on its game.

    Attributes:
        game: where the policies play.
        uncertainty: U(s, a), ``(S, A1, ..., An)``.
        threshold: above it lies what is estimated to be outside the data.
        data: n(s, a) of the dataset, of the same shape.
    """

    game: Game
    uncertainty: FloatArray
    threshold: float
    data: FloatArray


@dataclass(frozen=True)
class Record:
    """A finished run.

    Attributes:
        run: its plan.
        result: what its ``result.json`` holds.
        visits: expected steps of an episode at each state and joint action; None if it left no policies that can be played.
        joint: the policies' joint table at the beginning of an episode, ``(A1, ..., An)``, in games of one state.
        estimated: share of the steps that the random prior takes for outside the data.
    """

    run: PlannedRun
    result: dict[str, Any]
    visits: Visits | None
    joint: FloatArray | None
    estimated: float | None

    @property
    def value(self) -> float | None:
        """The return: its expectation where it is known, or the mean of the episodes; None if there was no evaluation."""
        exact = self.result.get("return_exact")
        found = self.result.get("return_mean") if exact is None else exact
        return None if found is None else float(found)

    @property
    def out_of_data(self) -> float | None:
        """Share of the steps at pairs that the data never show; None if it was not measured."""
        measured = self.result.get("out_of_data")
        return float(measured["share"]) if measured else None


def priors_of(runs: Sequence[PlannedRun], note: Callable[[str], None]) -> dict[str, Prior]:
    """Fit one estimator per dataset, with seed 0, whatever the runs' seeds are: all algorithms have the same judge."""
    found = {}
    for run in {run.dataset: run for run in runs}.values():
        game = game_of(run.config.environment, header_of(run.dataset, run.config.dataset_seed))
        if game is None:
            continue
        data = load_dataset(run.dataset, seed=run.config.dataset_seed)
        shown = OutOfData.of(game, data)
        note(f"uncertainty of {run.dataset}")
        if shown is not None:
            prior = RandomPrior.fit(data)
            found[run.dataset] = Prior(shown.game, prior.of_game(shown.game), prior.threshold, shown.counts)
    return found


def read_records(runs: Sequence[PlannedRun], priors: dict[str, Prior], sampled: Mapping[str, Sampled]) -> list[Record]:
    """The finished ones among these runs; of datasets of no game, judged by what was ``sampled`` at their states."""
    found = [_read(run, priors.get(run.dataset)) for run in runs if is_finished(run)]
    judged = (sampled.get(record.run.dataset) for record in found)
    return [replace(r, estimated=judge.share(r.run.folder)) if judge else r for r, judge in zip(found, judged, strict=True)]


def _read(run: PlannedRun, prior: Prior | None) -> Record:
    folder = RunDirectory(run.folder)
    result = folder.read_result()
    if prior is None or not folder.has_checkpoint:
        return Record(run, result, None, None, None)
    policies, episodes = policies_of_run(run.folder), result.get("episodes") or run.config.evaluate_episodes
    one_shot = prior.game.mmdp.n_states == 1
    try:
        found = visits(policies, prior.game, episodes, run.config.seed, run.config.play)
        joint = policy_of_game(policies, prior.game, run.config.play).joint()[0] if one_shot else None
    except InvalidPolicyError:  # saved after it had diverged: no numbers any more
        return Record(run, result, None, None, None)
    return Record(run, result, found, joint, found.share(prior.uncertainty > prior.threshold))
