"""Data of the zoo: played by the rules, from a seed, with what the header needs to play there again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alberdice.datasets import load_dataset
from alberdice.datasets.zoo import play_zoo
from alberdice.environments import environment_for
from alberdice.errors import InvalidArgumentError
from alberdice.games.zoo import zoo_game


def test_one_seed_one_dataset_and_the_header_finds_the_game():
    first, again, other = (load_dataset("zoo-relay", seed=s) for s in (1, 1, 2))
    assert (first.actions == again.actions).all()
    assert first.actions.shape != other.actions.shape
    environment, why = environment_for("auto", first.header)
    assert why == ""
    assert environment is not None
    assert environment.game.name == "relay"
    assert first.header.episode_limit == 15
    assert first.header.recipe == "zoo-relay seed=1"


def test_without_noise_a_convention_is_played_to_its_end():
    game = replace(zoo_game("lock"), noises=(0.0,), episodes=50)
    data = play_zoo(game, np.random.default_rng(0))
    assert set(np.round(data.returns, 9)) == {1.0, 0.8}
    assert data.terminated.sum() == 50


def test_masks_are_the_games_and_obeyed():
    data, game = load_dataset("zoo-relay"), zoo_game("relay")
    states = data.frame_states.argmax(1)
    assert (data.frame_masks == game.open_actions[states]).all()
    assert np.take_along_axis(data.action_masks, data.actions[..., None], 2).all()


def test_the_last_step_at_the_limit_pays_nothing_where_the_recipe_says_so():
    data = load_dataset("zoo-corridor-cut")
    last = np.flatnonzero(data.truncated)
    assert len(last) > 10
    assert (data.rewards[last] == 0).all()
    assert (data.rewards[~data.truncated] < 0).all()


def test_an_unknown_game_is_refused():
    from alberdice.datasets import make_builtin

    with pytest.raises(InvalidArgumentError, match="zoo-"):
        make_builtin("zoo-nothing")
