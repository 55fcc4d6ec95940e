"""Games of passwords behind the contract: what is played on average is the exact return; slots know nothing of each other."""

from __future__ import annotations

import numpy as np
import pytest

from alberdice.environments import find_environment
from alberdice.environments.passwords import PasswordsEnvironment
from alberdice.errors import InvalidArgumentError
from alberdice.games.passwords import passwords


def played(environment: PasswordsEnvironment, tables: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    draw, total = np.random.default_rng(0), np.zeros(len(seeds))
    environment.reset(seeds)
    for _ in range(environment.game.stages):
        upto = tables[environment.states].cumsum(axis=-1)
        actions = (draw.random(upto.shape[:2])[..., None] >= upto).sum(axis=-1)
        step = environment.step(np.minimum(actions, environment.game.n_actions - 1))
        total += step.rewards
    assert step.ended.all()
    return total


def test_what_is_played_is_the_exact_return() -> None:
    game = passwords(3, seed=1)
    tables = 0.3 * np.eye(game.n_actions)[game.codes[:, 0]] + 0.7 * np.eye(game.n_actions)[game.codes[:, 1]]
    with PasswordsEnvironment(game) as environment:
        returns = played(environment, tables, np.arange(20_000))
    error = returns.std() / np.sqrt(len(returns))
    assert abs(returns.mean() - game.exact_return(tables)) < 4 * error


def test_a_slots_episode_is_its_own() -> None:
    game = passwords(2)
    actions = game.codes[:, 0]
    together, alone = PasswordsEnvironment(game), PasswordsEnvironment(game)
    together.reset(np.array([7, 8]))
    together.step(actions[together.states])
    frame = together.reset(np.array([9]), np.array([1]))
    assert frame.alive[:, 0].tolist() == [True, True]
    alone.reset(np.array([9]))
    for _ in range(game.stages):
        np.testing.assert_array_equal(together.states[1:], alone.states)
        steps = together.step(actions[together.states]), alone.step(actions[alone.states])
        assert steps[0].rewards[1] == steps[1].rewards[0]
    assert together.states.tolist() == [game.n_states - 1] * 2
    assert together.step(actions[together.states]).rewards.tolist() == [0.0, 0.0]


def test_its_name_and_its_arguments() -> None:
    with find_environment("passwords(n_agents=33, stages=2)").open() as environment:
        assert (environment.spec.n_agents, environment.spec.horizon, environment.spec.vectorised) == (33, 2, True)
        frame = environment.reset(np.array([0]))
        assert frame.observations.shape == (1, 33, 5)
        with pytest.raises(InvalidArgumentError, match="whole numbers below 4"):
            environment.step(np.full((1, 33), 4))
