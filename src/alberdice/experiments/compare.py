"""Several algorithms on one dataset, which is what ``alberdice-deep compare`` shows.

Beside the exact optimum where the data's game is known, by sampled returns where they name another environment, and by
estimates from data alone where they name none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from alberdice._checks import FloatArray
from alberdice.console import explain
from alberdice.data import DataDistribution
from alberdice.datasets import load_dataset
from alberdice.datasets.horizon import mean_return_within
from alberdice.deep.config import TrainConfig, from_mapping
from alberdice.deep.learner import learner_class
from alberdice.deep.play.tables import policy_of_game
from alberdice.deep.play.venue import header_of
from alberdice.deep.training.loop import train
from alberdice.deep.training.run_pictures import count_data, joint_policy_figure
from alberdice.deep.training.saved_run import evaluate_offline, policies_of_run
from alberdice.environments import environment_for
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
Bar = Callable[[str, int], AbstractContextManager[Callable[..., None]]]


@dataclass(frozen=True)
class Comparison:
    """What came out.

    Attributes:
        dataset: what all learned from, by name.
        results: algorithm -> what its ``result.json`` holds; with a game, ``first_move`` and its probability; where nothing is
            played, ``offline``: what data alone say, see ``saved_run.evaluate_offline``.
        data_return: the data's mean return over as many steps as the policies play.
        horizon: so many; None: not known.
        game: where all were played; None: no model of it is known.
        data: the data's counts on the game's states.
        policies: algorithm -> its policies on the game's states.
        optimum: the best return of any joint policy; NaN without a game.
        best_moves: the joint actions that begin it; empty where episodes begin in several states.
    """

    dataset: str
    results: dict[str, dict[str, Any]]
    data_return: float
    horizon: int | None = None
    game: Game | None = None
    data: DataDistribution | None = None
    policies: dict[str, FactorizedPolicy] = field(default_factory=dict)
    optimum: float = math.nan
    best_moves: list[str] = field(default_factory=list)


def compare(algorithms: Sequence[str], dataset: str, out: Path, bar: Bar, *, wandb: str = "", **settings: Any) -> Comparison:
    """Train each algorithm in a folder of its own under ``out``, continuing or keeping the run that is there.

    Args:
        algorithms: names, or module:Class.
        dataset: a built-in dataset, a directory, or an id of the store.
        out: where the runs are kept.
        bar: shows the progress of each run.
        wandb: the project of Weights & Biases that the runs are logged to, too.
        settings: of all runs alike, ``pretrain_updates`` of those that have it; everything else has the algorithm's default.

    Raises:
        InvalidArgumentError: no algorithm, one twice, settings that do not fit.
    """
    if not algorithms or len(set(algorithms)) < len(algorithms):
        raise InvalidArgumentError("algorithms", got=list(algorithms), expected="one or more different ones")
    seed = settings.get("dataset_seed", 0)
    environment, _ = environment_for(settings.get("environment", "auto"), header_of(dataset, seed))
    game = None if environment is None else environment.game
    makers = {name: learner_class(name) for name in algorithms}
    configs = {name: _config(name, maker.settings, {"dataset": dataset, **settings}) for name, maker in makers.items()}
    results, policies = {}, {}
    for name, config in configs.items():
        folder = out / name.replace(":", "-")
        explain(f"{name} on {dataset} in {folder}, {config.total:,} updates; what is finished there is kept")
        with bar(f"{name} on {dataset}", config.total) as step:
            results[name] = train(config, folder, resume=True, progress=step, fewer=partial(step, "", 0), wandb=wandb)
        if game is not None:
            policies[name] = policy_of_game(policies_of_run(folder), game, config.play)
            results[name] |= _first_move(game, policies[name])
        elif environment is None:
            results[name]["offline"] = evaluate_offline(folder)
    if game is None:
        return Comparison(dataset, results, next(iter(results.values()))["data_return"])
    data = load_dataset(dataset, seed=seed)
    return Comparison(
        dataset,
        results,
        mean_return_within(data, game.horizon),
        game.horizon,
        game,
        DataDistribution.from_counts(count_data(data, game)),
        policies,
        best_undiscounted_return(game.mmdp, game.horizon),
        _best_moves(game),
    )


def _config(algorithm: str, settings: type[TrainConfig], given: dict[str, Any]) -> TrainConfig:
    """The settings of one algorithm; those that do not clone first have no use for how long."""
    if "pretrain_updates" not in {each.name for each in fields(settings)}:
        given = {name: value for name, value in given.items() if name != "pretrain_updates"}
    return from_mapping(given, settings(algorithm=algorithm))


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
    if found.game is None or found.data is None:
        return None
    returns = {name: f"{result['return_mean']:.3f}" for name, result in found.results.items()}
    shown = {f"{name.rpartition(':')[2]}\n{returns[name]}": policy for name, policy in found.policies.items()}
    if isinstance(found.game, BridgeGame):
        shown[f"an optimum\n{found.optimum:.3f}"] = found.game.optimal_policies[0]
    return joint_policy_figure(found.game, shown, found.data, found.dataset)
