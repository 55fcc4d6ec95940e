"""Data of games of passwords: what was done is what the game says, and how often is what was asked for."""

from __future__ import annotations

import numpy as np
import pytest

from alberdice.datasets import load_dataset
from alberdice.datasets.passwords import passwords_name, play_passwords
from alberdice.environments import environment_for
from alberdice.errors import InvalidArgumentError
from alberdice.games.passwords import passwords


def test_rewards_and_next_states_are_the_games() -> None:
    game = passwords(3, seed=5)
    data = play_passwords(game, 400, (0.0, 0.5), np.random.default_rng(0))
    states = data.frame_states.argmax(axis=1)
    np.testing.assert_array_equal(data.frame_observations[:, 2], data.frame_states)
    for row in range(0, data.n_steps, 7):
        here, after, done = states[row], states[data.next_row[row]], data.actions[row].tolist()
        number = next((k for k, code in enumerate(game.codes[here].tolist()) if code == done), 2)
        assert data.rewards[row] == game.reward[here, number]
        assert game.transition[here, number, after] > 0
    assert (states[data.n_steps :] == game.n_states - 1).all()
    assert data.terminated.sum() == data.n_episodes == 400


def test_shares_of_noise() -> None:
    """Of noiseless episodes all steps are passwords, of one number each; of uniform ones as many as chance has it."""
    game = passwords(2, n_actions=3, seed=5)
    for noise, share in ((0.0, 1.0), (1.0, 2 / 9)):
        data = play_passwords(game, 4000, (noise,), np.random.default_rng(1))
        states = data.frame_states[: data.n_steps].argmax(axis=1)
        said = game.said(states, data.actions).reshape(4000, game.stages)
        assert abs((said < 2).mean() - share) < 4 * np.sqrt(share * (1 - share) / said.size + 1e-12)
        if noise == 0:
            assert (said == said[:, :1]).all()
            assert abs((said[:, 0] == 0).mean() - 0.5) < 4 * 0.5 / np.sqrt(4000)


def test_the_header_names_the_game() -> None:
    game = passwords(6, stages=2, seed=3)
    data = play_passwords(game, 5, (0.0,), np.random.default_rng(0))
    found, why = environment_for("auto", data.header)
    assert found is not None, why
    with found.open() as environment:
        np.testing.assert_array_equal(environment.game.codes, game.codes)


def test_data_by_their_name() -> None:
    name = passwords_name(3, 50, (0.0, 0.25))
    assert name == "passwords-3ag-50st-0-250"
    made, same, other = (load_dataset(name, seed=seed) for seed in (4, 4, 5))
    assert made.digest == same.digest != other.digest
    assert (made.n_agents, made.n_steps, made.name) == (3, 50, name)
    assert made.header.recipe == f"{name} seed=4"
    played = play_passwords(passwords(3), 10, (0.0, 0.25), np.random.default_rng(4))
    np.testing.assert_array_equal(made.actions, played.actions)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("passwords-3ag-52st-0", "got 52 steps, expected a multiple of 5"),
        ("passwords-3ag-50st-1001", "got noise 1.001"),
        ("passwords-1ag-50st-0", "n_agents"),
    ],
)
def test_names_of_no_data(name: str, words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        load_dataset(name)
