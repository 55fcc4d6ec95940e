"""Logged data as a game: the empirical model of a dataset, and the true game beside it where there is one.

``alberdice solve --dataset NAME`` solves the maximum-likelihood model of the data. ``alberdice solve GAME --dataset NAME``
(or a dataset whose header names its game) also carries the policy to the true game, state by state, and evaluates it there
exactly.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from alberdice import evaluation
from alberdice.data import DataDistribution, SparseDataDistribution
from alberdice.errors import InvalidArgumentError
from alberdice.games.game import Game
from alberdice.mmdp import MMDP
from alberdice.policy import FactorizedPolicy

if TYPE_CHECKING:
    from alberdice.datasets.dataset import OfflineDataset
    from alberdice.datasets.empirical import EmpiricalModel, SparseEmpiricalModel

__all__ = ["Logged", "load_logged"]

#: up to so many pairs of state and joint action the model is written out
WRITTEN_OUT = 1_000_000
#: features of a state that are shown
SHOWN_FEATURES = 8


@dataclass(frozen=True)
class Logged:
    """The empirical model as a game, its data, what was assumed, and the return in the true game (None: none is known).

    Attributes:
        known_states: how many of the true game's states the data hold, and of how many.
        data_return: mean sum of rewards of the data's episodes, over the game's horizon.
    """

    game: Game
    data: DataDistribution | SparseDataDistribution
    notes: tuple[str, ...]
    true_return: Callable[[FactorizedPolicy], float] | None
    known_states: tuple[int, int] | None
    data_return: float


def load_logged(
    dataset_name: str, game_name: str | None, discount: float, floors: tuple[float, float], unseen_reward: float | None
) -> Logged:
    """Read the dataset and build its empirical model: every pair written out while there are few, else the observed ones.

    Args:
        dataset_name, game_name: as on the command line.
        discount: gamma.
        floors: per pair, for the former; as a total mass, for the latter.
        unseen_reward: of leaving the data; None: the least reward or 0.

    Raises:
        InvalidDataError: no such dataset, or one that cannot be read.
        InvalidArgumentError: a true game whose agents, actions or features differ from the data's.
    """
    from alberdice.datasets.empirical import empirical_model, sparse_empirical_model
    from alberdice.datasets.horizon import mean_return_within
    from alberdice.datasets.load import load_dataset

    dataset = load_dataset(dataset_name)
    model: EmpiricalModel | SparseEmpiricalModel = sparse_empirical_model(
        dataset, discount, floor_mass=floors[1], unseen_reward=unseen_reward
    )
    if model.mmdp.n_states * math.prod(dataset.n_actions) <= WRITTEN_OUT:
        model = empirical_model(dataset, discount, floor=floors[0], unseen_reward=unseen_reward)
    truth = _true_game(dataset, game_name)
    game = _as_game(dataset, dataset_name, model, truth)
    data_return = mean_return_within(dataset, game.horizon)
    if truth is None:
        return Logged(game, model.data, model.notes, None, None, data_return)
    features = _known_features(model, truth)
    known_states = int((model.indices_of(features) >= 0).sum()), len(features)

    def true_return(policy: FactorizedPolicy) -> float:
        return evaluation.undiscounted_return(truth.mmdp, model.policy_on(policy, features), truth.horizon)

    return Logged(game, model.data, model.notes, true_return, known_states, data_return)


def _true_game(dataset: OfflineDataset, game_name: str | None) -> Game | None:
    """The game of that name, or of the data's header, whose actions are the data's; None: none is known."""
    from alberdice.cli.inputs import load_game
    from alberdice.environments.registry import is_game, with_arguments

    named = with_arguments(dataset.header.environment, dataset.header.environment_arguments)
    known = game_name or (named if is_game(named) else None)
    truth = load_game(known) if known else None
    if truth is not None and truth.mmdp.n_actions != dataset.n_actions:
        got, expected = f"{truth.name} with actions {truth.mmdp.n_actions}", f"actions {dataset.n_actions} as in the data"
        raise InvalidArgumentError("GAME", got=got, expected=expected)
    return truth


def _as_game(dataset: OfflineDataset, name: str, model: EmpiricalModel | SparseEmpiricalModel, truth: Game | None) -> Game:
    """The model with names for its states and actions."""
    names = [f"state {_shown(row)}" for row in model.states]
    names += [{model.end: "END", model.unseen: "UNSEEN"}[k] for k in range(len(names), model.mmdp.n_states)]
    return Game(
        name=f"logged data {name}",
        mmdp=cast(MMDP, model.mmdp),  # a sparse one has all that solving and reporting ask of it
        action_names=truth.action_names if truth else dataset.header.names_of_actions(dataset.n_actions),
        state_names=tuple(names),
        horizon=truth.horizon if truth else int(dataset.time.max()) + 1,
    )


def _known_features(model: EmpiricalModel | SparseEmpiricalModel, truth: Game) -> np.ndarray:
    """Features of the true game's states, some of which at least are the data's."""
    # A one-shot game has no features worth comparing: its one state is the data's one state.
    one_state = truth.mmdp.n_states == 1
    features = model.states[:1] if one_state else np.stack([truth.observation(s) for s in range(truth.mmdp.n_states)])
    if not (model.indices_of(features) >= 0).any():
        raise InvalidArgumentError(
            "GAME",
            got=f"0 of the {len(features)} states of {truth.name} in the data",
            expected="a game whose states' features are the data's",
            remedy="leave out GAME to solve the data alone",
        )
    return features


def _shown(row: np.ndarray) -> str:
    """A feature row in few letters; of a long one the places that are not 0, counted from 0, so that indicators differ."""
    flat = np.ravel(row)
    if flat.size <= SHOWN_FEATURES:
        return f"({', '.join(f'{x:g}' for x in flat)})"
    places = np.flatnonzero(flat)
    words = [f"#{k}" if flat[k] == 1 else f"#{k}: {flat[k]:g}" for k in places[:SHOWN_FEATURES]]
    return f"({', '.join(words)}{', ...' if len(places) > SHOWN_FEATURES else ''})"
