"""The pictures of a run directory: what they show is gathered here, ``alberdice.plotting`` draws it.

    pictures/learning-curve.png    what metrics.csv holds
    pictures/policy.png            Bridge: first moves, beside the data's marginals; one-shot games: joint policy and data
    pictures/policy-agent-K.png    Bridge: agent K's policy at all states
    pictures/joint-actions.png     how likely the data find the joint actions that the policies play

All but the first need a game whose model is known.  Policies with a memory are drawn as they are when an episode begins in a
state; the joint actions are those of whole episodes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from alberdice import plotting
from alberdice._checks import FloatArray
from alberdice.console import warn
from alberdice.data import DataDistribution
from alberdice.datasets import OfflineDataset
from alberdice.deep.play.tables import policy_of_game
from alberdice.deep.play.trajectories import trajectories
from alberdice.deep.play.venue import data_of, game_of, header_of
from alberdice.deep.policies import Policies
from alberdice.deep.training.run_directory import RunDirectory
from alberdice.deep.training.saved_run import policies_of_run
from alberdice.evaluation import best_undiscounted_return
from alberdice.games import BridgeGame
from alberdice.games.game import Game
from alberdice.names import check_word
from alberdice.policy import FactorizedPolicy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "PICTURES",
    "count_data",
    "draw_run",
    "figures_of_run",
    "joint_policy_figure",
    "probabilities_by_the_data",
    "try_to_draw",
]

#: the pictures' folder in a run directory
PICTURES = "pictures"
#: seed of the episodes whose joint actions are drawn, and how many where the run's number came of a formula
_SEED, _EPISODES = 0, 1000


def try_to_draw(out: Path, dataset: OfflineDataset) -> None:
    """Draw; a failure is a line on stderr, because the result that it follows is worth more than its pictures."""
    try:
        draw_run(out, dataset=dataset, trust=True)  # of the run that this process trained
    except Exception as error:
        warn(f"pictures are missing: {error}; alberdice-deep evaluate {out} --plot draws them again")


def draw_run(out: Path, *, environment: str = "auto", dataset: OfflineDataset | None = None, trust: bool = False) -> list[Path]:
    """Draw all pictures of a run, and return their paths.

    Args:
        out: the run's folder.
        environment: the game to draw the policies on; auto: where the run was evaluated.
        dataset: the run's, where it is loaded already.
        trust: import and run what the run's folder names as module:function or module:Class.

    Raises:
        InvalidArgumentError, InvalidDataError: no run there, or a game that does not fit.
        ResourceError: a picture that cannot be written.
    """
    RunDirectory(out).read_json("config.json")
    (out / PICTURES).mkdir(exist_ok=True)
    figures = figures_of_run(out, environment=environment, dataset=dataset, trust=trust)
    return [plotting.save(figure, out / PICTURES / f"{name}.png") for name, figure in figures]


def figures_of_run(
    out: Path, *, environment: str = "auto", dataset: OfflineDataset | None = None, trust: bool = False
) -> Iterator[tuple[str, Figure]]:
    """Names and figures of a run's pictures; arguments and errors as ``draw_run``."""
    folder = RunDirectory(out)
    config = folder.read_settings() if folder.has_checkpoint else folder.read_json("config.json")
    name = f"{config['algorithm']} on {config['dataset']}, seed {config['seed']}"
    header = dataset.header if dataset is not None else header_of(config["dataset"], config["dataset_seed"])
    where = config["environment"]
    if environment == "auto":
        check_word(where, str(out / "config.json"), "environment", trusted=trust, remedy=f"--environment '{where}'")
    named = trust or ":" not in where.partition("(")[0] or environment == where
    trained_on = game_of(where, header) if named else None
    rows = folder.checked_metrics()
    if rows:
        yield "learning-curve", _learning_curve(rows, trained_on, name)
    if any("battle_won_mean" in row for row in rows):
        yield "win-rate", plotting.draw_rate_curve({str(config["algorithm"]): rows}, "battle_won", title=name)
    game = trained_on if environment == "auto" else game_of(environment, header)
    if game is None or not folder.has_checkpoint:
        return
    policies = policies_of_run(out, trust=trust)
    source = dataset or data_of(config)
    counts = count_data(source, game)
    yield from _policy(game, policies, counts, config)
    if counts.any():
        episodes = config["evaluate_episodes"] or _EPISODES
        learned, data = probabilities_by_the_data(game, policies, counts, episodes, config["play"])
        yield "joint-actions", plotting.draw_joint_actions(learned, data, title=name)


def _learning_curve(rows: list[dict[str, float]], game: Game | None, name: str) -> Figure:
    known = next((row for row in rows if "gap_to_data" in row), None)
    data_return = known["return_mean"] - known["gap_to_data"] if known else float("nan")
    optimum = float("nan") if game is None else best_undiscounted_return(game.mmdp, game.horizon)
    return plotting.draw_learning_curve(rows, data_return=data_return, optimum=optimum, title=name)


def _policy(game: Game, policies: Policies, counts: FloatArray, config: dict[str, Any]) -> Iterator[tuple[str, Figure]]:
    policy = policy_of_game(policies, game, config["play"])
    name = str(config["algorithm"]).rpartition(":")[2]
    data = DataDistribution.from_counts(counts) if counts.any() else None
    shown = {f"{name},\nas an episode begins" if policies.has_memory else name: policy}
    figure = joint_policy_figure(game, shown, data, str(config["dataset"]))
    if figure is not None:
        yield "policy", figure
    if isinstance(game, BridgeGame):
        for agent in range(2):
            yield f"policy-agent-{agent + 1}", plotting.draw_policy(game, policy, agent, title=name, data=data)


def joint_policy_figure(
    game: Game, policies: dict[str, FactorizedPolicy], data: DataDistribution | None, name: str
) -> Figure | None:
    """Policies beside the data of that name: first moves on Bridge, heat maps of one-shot games of two agents, else None."""
    if isinstance(game, BridgeGame):
        shown = policies if data is None else {**policies, "the data's\nmarginals": data.behaviour_policy()}
        title = f"{game.name}, data '{name}': first moves, and returns over {game.horizon} steps"
        return plotting.draw_first_moves(game, shown, data=data, title=title)
    if game.mmdp.n_states > 1 or game.mmdp.n_agents != 2:
        return None
    tables = {label: {name: policy.joint()[0]} for label, policy in policies.items()}
    if data is not None:
        tables["the data"] = {name: data.observed_part().joint_conditional()[0]}
    observed = None if data is None else {name: data.observed[0]}
    names, payoff, title = game.action_names, game.mmdp.reward[0], f"{game.name}: joint policies"
    return plotting.draw_heatmaps(tables, observed=observed, payoff=payoff, action_names=names, title=title)


def count_data(dataset: OfflineDataset, game: Game) -> FloatArray:
    """How often the data show each joint action at each state of the game, ``(S, A1, ..., An)``.

    States are known by what the agents see there, as the policies know them; steps that show something else are left out.
    """
    model, steps = game.mmdp, dataset.n_steps
    counts = np.zeros(model.reward.shape)
    if dataset.n_actions != model.n_actions or not steps:
        return counts
    number = {_code(np.tile(game.observation(s), model.n_agents)): s for s in range(model.n_states)}
    seen, place = np.unique(dataset.observations.reshape(steps, -1), axis=0, return_inverse=True)
    state = np.array([number.get(_code(row), -1) for row in seen])[place.reshape(-1)]
    known = state >= 0
    np.add.at(counts, (state[known], *dataset.actions[known].T), 1.0)
    return counts


def _code(row: NDArray[Any]) -> bytes:
    """A row's numbers as a key: in the data's precision, and -0 like 0."""
    return (row.astype(np.float32) + np.float32(0)).tobytes()


def probabilities_by_the_data(
    game: Game, policies: Policies, counts: FloatArray, episodes: int, play: str
) -> tuple[FloatArray, FloatArray]:
    """The data's probability of the joint action, per step that the policies play and per step of the data.

    The probability is that of the counts in the step's state, 0 where the data never were; what is played after an episode's
    end is left out.
    """
    shares = counts / np.maximum(counts.sum(axis=tuple(range(1, counts.ndim)), keepdims=True), 1)
    played = trajectories(policies, game, episodes, _SEED, play)
    learned = shares[(played.states[played.going], *played.actions[played.going].T)]
    shown = counts > 0
    return learned, np.repeat(shares[shown], counts[shown].astype(np.int64))
