"""What comes of a run and what it says of itself: its status, the numbers of result.json, its pictures, and the policies."""

from __future__ import annotations

import platform
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import alberdice
from alberdice import markup
from alberdice.console import tell, warn
from alberdice.deep import sums
from alberdice.deep.batches.weights import weight_warning
from alberdice.deep.config import Play, TrainConfig
from alberdice.deep.learner import Learner
from alberdice.deep.play.returns import Evaluation, evaluate
from alberdice.deep.play.venue import Venue
from alberdice.deep.policies import Policies, load_policies
from alberdice.deep.training.evaluators import Returns, seed_of
from alberdice.deep.training.fit import Fitting
from alberdice.deep.training.played import played_beside, words_of
from alberdice.deep.training.preparation import data_return, steps_per_episode
from alberdice.deep.training.run_directory import plain_numbers
from alberdice.deep.training.run_pictures import try_to_draw
from alberdice.deep.training.run_state import Run
from alberdice.deep.training.second_opinion import second_opinion
from alberdice.deep.training.selection import Selector
from alberdice.environments import BatchedEnvironment, Environment, find_environment
from alberdice.errors import InvalidArgumentError
from alberdice.games.game import Game

__all__ = ["TrainedRun", "finished", "judged"]


def _what_to_try(play: str) -> str:
    """What to do where policies that play so are below the data."""
    other = (
        "sharper play where episodes are long (play = sharp)"
        if play == "sample"
        else "drawn actions where the data's agents draw theirs (play = sample)"
    )
    return (
        "more updates of cloning or of rounds, a larger alpha_end, more starts, a memory where agents see less than the state "
        f"(policy = transformer), {other}; until then keep what played the data (docs/trust.md)"
    )


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


def _result_of(
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


def judged(run: Run) -> tuple[str, str]:
    """The status of a run that came to its end, and the reason where it is not 'done'."""
    where = run.venue.environment
    if run.leads and run.selector.scores is None and run.returns is not None and where is not None:
        run.played = played_beside(run.learner, run.returns, where, run.dataset, run.fitting.done)
    if fall := run.selector.fall():
        tell(f"note: {fall}")
    if run.selector.scores is not None and (caveat := run.selector.scores.caveat):
        tell(f"note: {caveat}")
    reason = run.selector.shortfall() or words_of(run.played)
    if not reason:
        return "done", ""
    reason = f"{reason}; {_what_to_try(run.config.play)}"
    warn(f"warning: {reason}")
    return "below_behaviour", reason


def finished(run: Run, status: str, reason: str) -> TrainedRun:
    """Write what came out, and only then draw it; but for the first process, nothing came out."""
    weights = plain_numbers(_weights(run))
    if not run.leads:
        return TrainedRun(run.config, {}, run.fitting, run.selector, run.venue, None)
    result = _result_of(
        run.config,
        run.fitting,
        run.selector,
        run.venue,
        returns=run.returns,
        status=(status, reason),
        data_return=data_return(run.dataset, run.venue),
        own={
            "episode_steps": steps_per_episode(run.config, run.venue),
            "out_of_data": _outside(run),
            "weights": weights,
            "second_opinion": plain_numbers(_second_opinion(run)),
            "choices": getattr(run.learner, "choices", {}),
            "played": plain_numbers(run.played),
            "held_out": run.split.as_json(),
            "origin": run.origin,
            "agreement": plain_numbers(getattr(run.learner, "agreement", {})),
            "wall_seconds": round(time.perf_counter() - run.begun, 3),
            "device": run.device,
            "processes": 1 if run.ranks is None else run.ranks.count,
        },
    )
    if run.folder is not None:
        run.folder.write_result(result)
        if run.config.pictures:
            try_to_draw(run.folder.path, run.dataset)
    return TrainedRun(run.config, result, run.fitting, run.selector, run.venue, None if run.folder is None else run.folder.path)


def _outside(run: Run) -> dict[str, Any] | None:
    """How far the policies that are kept leave the data, and the last ones' share; None where that is not known."""
    if run.outside is None or run.outside.latest is None or run.selector.kept is None:
        return None if run.outside is None else run.outside.latest
    share = run.outside.latest["share"]
    return {**run.outside.measured(load_policies(*run.selector.kept), run.fitting.done), "last_share": share}


def _second_opinion(run: Run) -> dict[str, Any]:
    """What stationary distribution corrections say of the policies that are kept; a note where the scores say otherwise."""
    selector = run.selector
    if selector.scores is None or selector.best is None or selector.kept is None:
        return {}
    found = second_opinion(selector.scores, selector.best.interval, load_policies(*selector.kept), run.config.seed)
    if words := found["disagreement"]:
        tell(f"note: {words}")
    return found


def _weights(run: Run) -> dict[str, float]:
    """On how much of the data the learner's last weights rest, where it has such; a warning where that is little."""
    with sums.shared_by(run.ranks):
        report: dict[str, float] = getattr(run.learner, "weight_report", dict)()
    warning = weight_warning(report, run.split.learned.n_steps, run.split.learned.n_episodes) if report else ""
    if warning:
        warn(f"warning: {warning}, at the end of the last round")
    return report
