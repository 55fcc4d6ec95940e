"""Games of passwords: exact returns and optima against tables over all joint actions, which small games have."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from alberdice.errors import InvalidArgumentError
from alberdice.games.passwords import Passwords, passwords


def by_joint_actions(game: Passwords) -> tuple[np.ndarray, np.ndarray, list[tuple[int, ...]]]:
    """Rewards (S, J) and transitions (S, J, S), written down joint action by joint action from the codes alone."""
    joint = list(itertools.product(range(game.n_actions), repeat=game.n_agents))
    reward = np.zeros((game.n_states, len(joint)))
    transition = np.zeros((game.n_states, len(joint), game.n_states))
    for s, (j, actions) in itertools.product(range(game.n_states), enumerate(joint)):
        number = next((k for k, code in enumerate(game.codes[s].tolist()) if tuple(code) == actions), len(game.codes[s]))
        reward[s, j], transition[s, j] = game.reward[s, number], game.transition[s, number]
    return reward, transition, joint


def some_tables(game: Passwords, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.full(game.n_actions, 0.4), size=(game.n_states, game.n_agents))


@pytest.mark.parametrize(("n_agents", "n_actions", "n_passwords"), [(2, 2, 2), (3, 3, 2), (2, 4, 3), (3, 2, 1)])
def test_exact_returns_and_optima(n_agents: int, n_actions: int, n_passwords: int) -> None:
    """The sum over all paths of joint actions, and the best action at every state, backwards."""
    game = passwords(n_agents, stages=3, width=2, n_actions=n_actions, n_passwords=n_passwords, seed=4)
    reward, transition, joint = by_joint_actions(game)
    tables, values, best = some_tables(game, 1), np.zeros(game.n_states), np.zeros(game.n_states)
    chance = np.array(
        [[np.prod([tables[s, i, a] for i, a in enumerate(each)]) for each in joint] for s in range(game.n_states)]
    )
    for _ in range(3):
        values = (chance * (reward + transition @ values)).sum(axis=1)
        best = (reward + transition @ best).max(axis=1)
    assert game.exact_return(tables) == pytest.approx(values[:2].mean(), rel=1e-12)
    assert game.optimum == pytest.approx(best[:2].mean(), rel=1e-12)


def test_the_optimum_is_reached_apart_and_is_that_of_any_number_of_agents() -> None:
    for n_agents in (2, 5, 64):
        game = passwords(n_agents, seed=2)
        assert (game.best < game.codes.shape[1]).all()  # a miss pays nothing, and where one comes to does not matter that much
        chosen = game.codes[np.arange(game.n_states), game.best]
        assert game.exact_return(np.eye(game.n_actions)[chosen]) == pytest.approx(game.optimum, rel=1e-12)
        assert game.optimum == passwords(3, seed=2).optimum
        assert game.exact_return(some_tables(game, 0)) < game.optimum


def test_mixing_passwords_is_missing_them() -> None:
    """Agents that mix two passwords evenly agree with probability 2^(1-N)."""
    for n_agents in (2, 6):
        game = passwords(n_agents, stages=1, width=1)
        tables = np.eye(game.n_actions)[game.codes].mean(axis=1)
        assert game.exact_return(tables) == pytest.approx(2.0**-n_agents * game.reward[0, :2].sum(), rel=1e-12)


def test_passwords_share_no_action_and_more_agents_change_nothing_of_the_others() -> None:
    few, many = passwords(3, n_passwords=4, seed=9), passwords(7, n_passwords=4, seed=9)
    for code in np.moveaxis(many.codes, 2, 0):
        assert all(len(set(row)) == 4 for row in code.tolist())
    np.testing.assert_array_equal(few.codes, many.codes[:, :, :3])
    np.testing.assert_array_equal(few.reward, many.reward)
    assert not np.array_equal(few.reward, passwords(3, n_passwords=4, seed=10).reward)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"n_agents": 1}, "n_agents"),
        ({"stages": 0}, "stages"),
        ({"n_passwords": 5}, "n_passwords: got 5, expected at most n_actions, 4"),
        ({"seed": -1}, "seed"),
    ],
)
def test_games_that_are_none(arguments: dict[str, int], words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        passwords(**arguments)


def test_tables_that_are_none() -> None:
    game = passwords(2)
    with pytest.raises(InvalidArgumentError, match="tables"):
        game.exact_return(np.ones((3, 2, 4)) / 4)
    with pytest.raises(InvalidArgumentError, match="no distributions"):
        game.exact_return(np.ones((game.n_states, 2, 4)))
