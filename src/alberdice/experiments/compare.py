"""Several algorithms on one dataset, beside the exact optimum of its game: what ``alberdice-deep compare`` shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from alberdice._checks import FloatArray
from alberdice.data import DataDistribution
from alberdice.datasets import load_dataset
from alberdice.deep.config import from_mapping
from alberdice.deep.learner import learner_class
from alberdice.deep.play.tables import policy_of_game
from alberdice.deep.play.venue import game_of, header_of
from alberdice.deep.training.loop import train
from alberdice.deep.training.run_pictures import count_data, joint_policy_figure
from alberdice.deep.training.saved_run import policies_of_run
from alberdice.errors import InvalidArgumentError
from alberdice.evaluation import best_undiscounted_return, best_undiscounted_values
from alberdice.games import BridgeGame
from alberdice.games.game import Game
from alberdice.policy import FactorizedPolicy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Comparison", "compare", "comparison_figure"]

#: joint actions within this of the best count as equally good
_TIE = 1e-9
#: a progress bar of that label and so many updates
Bar = Callable[[str, int], AbstractContextManager[Callable[[str], None]]]


@dataclass(frozen=True)
class Comparison:
    """What came out.

    Attributes:
        game: where all were played.
        dataset: what all learned from, by name.
        data: its counts on the game's states.
        results: algorithm -> what its ``result.json`` holds, and ``first_move`` with its probability.
        policies: algorithm -> its policies on the game's states.
        optimum: the best return of any joint policy.
        best_moves: the joint actions that begin it; empty where episodes begin in several states.
    """

    game: Game
    dataset: str
    data: DataDistribution
    results: dict[str, dict[str, Any]]
    policies: dict[str, FactorizedPolicy]
    optimum: float
    best_moves: list[str]


def compare(algorithms: Sequence[str], dataset: str, out: Path, bar: Bar, **settings: Any) -> Comparison:
    """Train each algorithm in a folder of its own under ``out``, continuing or keeping the run that is there.

    Args:
        algorithms: names, or module:Class.
        dataset: one that comes with a game.
        out: where the runs are kept.
        bar: shows the progress of each run.
        settings: of all runs alike; everything else has the algorithm's own default.

    Raises:
        InvalidArgumentError: no algorithm, one twice, settings that do not fit, a dataset without a game.
    """
    if not algorithms or len(set(algorithms)) < len(algorithms):
        raise InvalidArgumentError("algorithms", got=list(algorithms), expected="one or more different ones")
    game = game_of("auto", header_of(dataset, settings.get("dataset_seed", 0)))
    if game is None:
        raise InvalidArgumentError("dataset", got=repr(dataset), expected="one whose game is known")
    makers = {name: learner_class(name) for name in algorithms}
    given = {"dataset": dataset, **settings}
    configs = {name: from_mapping(given, maker.settings(algorithm=name)) for name, maker in makers.items()}
    results, policies = {}, {}
    for name, config in configs.items():
        folder = out / name.replace(":", "-")
        with bar(f"{name} on {dataset}", config.total) as step:
            results[name] = train(config, folder, resume=True, progress=step)
        policies[name] = policy_of_game(policies_of_run(folder), game, config.play)
        results[name] |= _first_move(game, policies[name])
    counts = count_data(load_dataset(dataset, seed=settings.get("dataset_seed", 0)), game)
    optimum = best_undiscounted_return(game.mmdp, game.horizon)
    data = DataDistribution.from_counts(counts)
    return Comparison(game, dataset, data, results, policies, optimum, _best_moves(game))


def _first_move(game: Game, policy: FactorizedPolicy) -> dict[str, Any]:
    """The likeliest joint action of the first step."""
    joint = np.tensordot(game.mmdp.initial, policy.joint(), axes=1)
    return {"first_move": _named(game, joint, int(joint.argmax())), "first_move_probability": float(joint.max())}


def _best_moves(game: Game) -> list[str]:
    """The joint actions that begin an optimal episode."""
    starts = np.flatnonzero(game.mmdp.initial)
    if len(starts) > 1:
        return []
    ahead = game.mmdp.transition @ best_undiscounted_values(game.mmdp, game.horizon - 1)
    value = game.mmdp.reward[starts[0]] + ahead.reshape(game.mmdp.reward.shape)[starts[0]]
    return [_named(game, value, int(k)) for k in np.flatnonzero(value >= value.max() - _TIE)]


def _named(game: Game, table: FloatArray, place: int) -> str:
    return game.describe_joint_action(tuple(int(k) for k in np.unravel_index(place, table.shape)))


def comparison_figure(found: Comparison) -> Figure | None:
    """All policies with their returns, the optimum and the data; None for games that have no picture."""
    returns = {name: f"{result['return_mean']:.3f}" for name, result in found.results.items()}
    shown = {f"{name.rpartition(':')[2]}\n{returns[name]}": policy for name, policy in found.policies.items()}
    if isinstance(found.game, BridgeGame):
        shown[f"an optimum\n{found.optimum:.3f}"] = found.game.optimal_policies[0]
    return joint_policy_figure(found.game, shown, found.data, found.dataset)
