"""The zoo's games: optima against enumeration, variants against the games that they vary, and which half is which."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from alberdice.errors import InvalidArgumentError
from alberdice.evaluation import best_undiscounted_return, undiscounted_return
from alberdice.games.zoo import CHOOSING, REPORTING, ZOO, zoo_game
from alberdice.games.zoo.kinds import harvest, lock, relay
from alberdice.policy import FactorizedPolicy


def enumerated(game, states):
    """The best discounted return of all deterministic joint policies on these states, by solving linear equations."""
    model, best = game.mmdp, -np.inf
    transition, reward = model.transition.toarray(), model.reward.reshape(-1)
    joint = model.n_joint_actions
    for chosen in itertools.product(range(joint), repeat=len(states)):
        actions = np.zeros(model.n_states, int)
        actions[list(states)] = chosen
        rows = np.arange(model.n_states) * joint + actions
        values = np.linalg.solve(np.eye(model.n_states) - model.discount * transition[rows], reward[rows])
        best = max(best, float(model.initial @ values))
    return best


def discounted(game, policy):
    model = game.mmdp
    rows = np.arange(model.n_states) * model.n_joint_actions
    rows += np.ravel_multi_index(tuple(np.stack([t.argmax(1) for t in policy])), model.n_actions)
    matrix = np.eye(model.n_states) - model.discount * model.transition.toarray()[rows]
    return float(model.initial @ np.linalg.solve(matrix, model.reward.reshape(-1)[rows]))


@pytest.mark.parametrize("game", [harvest("h", 2, 3), lock("l", 2, 3, 4, slip=0.2), relay("r", 4, (2, 2), 5)])
def test_the_optimum_is_the_best_of_all_joint_policies(game):
    going = np.flatnonzero(~game.finished)
    assert discounted(game, game.optimal_policy) == pytest.approx(enumerated(game, going), abs=1e-9)


def test_unavailable_actions_are_never_optimal_and_never_played():
    game = zoo_game("relay")
    closed = ~game.open_actions
    for i, table in enumerate(game.optimal_policy):
        assert table[closed[:, i, : table.shape[1]]].sum() == 0
    assert closed[2, 2].any()
    assert closed[5, 2].any()


@pytest.mark.parametrize("name", ZOO)
def test_every_game_leaves_room_between_the_uniform_policy_and_the_optimum(name):
    game = zoo_game(name)
    conventions = [
        undiscounted_return(game.mmdp, FactorizedPolicy.deterministic(c, game.mmdp.n_actions), game.horizon)
        for c in game.conventions
    ]
    ceiling = best_undiscounted_return(game.mmdp, game.horizon)
    assert game.uniform < max(conventions) <= game.optimum + 1e-9 <= ceiling + 2e-9
    assert len(game.features) == game.mmdp.n_states
    assert len(game.shares) == len(conventions)


def test_rewards_scaled_and_shifted():
    plain, large, low = zoo_game("corridor"), zoo_game("corridor-hundredfold"), zoo_game("wilds-lowered")
    assert large.optimum == pytest.approx(100 * plain.optimum)
    assert low.optimum == pytest.approx(zoo_game("wilds").optimum - 5 * low.horizon)
    with pytest.raises(InvalidArgumentError, match="no episode terminates"):
        plain.shifted(1.0, "x")
    with pytest.raises(InvalidArgumentError, match="factor"):
        plain.scaled(0.0, "x")


def test_constant_and_rescaled_features_tell_the_same_states_apart():
    plain, more = zoo_game("harvest").features, zoo_game("harvest-constants").features
    assert (more[:, : plain.shape[1]] == plain).all()
    assert (np.ptp(more[:, plain.shape[1] :], axis=0) == 0).all()
    assert len(np.unique(zoo_game("meeting-rescaled").features, axis=0)) == len(
        np.unique(zoo_game("meeting-wide").features, axis=0)
    )


def test_the_halves_share_kinds_but_no_game():
    assert not set(CHOOSING) & set(REPORTING)
    assert len(ZOO) == len(CHOOSING) + len(REPORTING) >= 15
    kinds = [{zoo_game(name).kind for name in half} for half in (CHOOSING, REPORTING)]
    assert kinds[0] == kinds[1]
    assert len(kinds[0]) >= 10
    with pytest.raises(InvalidArgumentError, match="nearest match: corridor"):
        zoo_game("coridor")


def test_agents_pass_each_other_by_either_convention():
    game = zoo_game("corridor")
    first, second = game.conventions
    assert (first != second).any()
    for table in game.conventions:
        policy = FactorizedPolicy.deterministic(table, game.mmdp.n_actions)
        assert undiscounted_return(game.mmdp, policy, game.horizon) == pytest.approx(game.optimum)
    mixed = [FactorizedPolicy.deterministic(t, game.mmdp.n_actions) for t in game.conventions]
    both = FactorizedPolicy([mixed[0][0], mixed[1][1]])
    assert undiscounted_return(game.mmdp, both, game.horizon) < game.optimum - 0.5
