"""What an evaluation says: returns, their errors, the exact expectation, the rule, the ends, what was reported."""

from __future__ import annotations

import math

import numpy as np
import odd_environments as odd
import pytest
import torch
from deep_samples import perturbed_policies as policies
from play_samples import InTurn, Tabular
from strategies import random_policy

import alberdice as ad
from alberdice.deep.batches.features import Features
from alberdice.deep.networks.mlp import StackedMLP
from alberdice.deep.play.returns import Evaluation, default_episodes, evaluate
from alberdice.deep.play.tables import policy_of_game
from alberdice.deep.policies import FeedForwardPolicies
from alberdice.environments import Environment, EnvironmentSpec, PlayOptions, find_environment
from alberdice.environments.games import GameEnvironment
from alberdice.errors import InvalidArgumentError
from alberdice.evaluation import undiscounted_return
from alberdice.games.zoo import zoo_game


def test_the_exact_expectation_is_kept():
    game = ad.games.bridge()
    policy = random_policy(np.random.default_rng(0), game.mmdp)
    exact = undiscounted_return(game.mmdp, policy, game.horizon)
    found = evaluate(Tabular(game, policy), game, 50)
    assert found.return_exact == pytest.approx(exact, abs=1e-12)
    with GameEnvironment(game, team_reward="sum", max_steps=3) as environment:
        found = evaluate(Tabular(game, policy), environment, 50)
    assert found.return_exact == pytest.approx(2 * undiscounted_return(game.mmdp, policy, 3), abs=1e-12)
    assert math.isnan(evaluate(InTurn((5, 5), 6), game, 5).return_exact)
    assert math.isnan(evaluate(Tabular(game, policy), Environment("one", game.parallel_env), 3).return_exact)


def test_networks_play_the_same_however_many_are_side_by_side():
    found = policies("bridge-mix")
    game = ad.games.bridge()
    results = [evaluate(found, Environment("one", game.parallel_env), 24, 3, slots=slots) for slots in (1, 8, 24)]
    assert len({result.return_mean for result in results}) == 1
    assert results[0].return_mean == evaluate(found, game, 24, 3).return_mean


def test_workers_change_nothing():
    found = InTurn((3, 3), 2)
    results = [evaluate(found, find_environment("odd_environments:Leaves"), 5, 3, workers=workers) for workers in (0, 2)]
    assert results[0] == results[1]


def test_greedy_play():
    """The most probable actions: in a one-shot game, always the same payoff."""
    game, found = ad.games.penalty_xor(), policies("matrix-d")
    best = policy_of_game(found, game).joint()[0]
    result = evaluate(found, game, 10, play="greedy")
    assert (result.return_stderr, result.play) == (0, "greedy")
    assert result.return_mean == result.return_exact == game.mmdp.reward[0][np.unravel_index(best.argmax(), best.shape)]


def test_sharp_play_in_a_game():
    """Exactly, and by playing: the fourth powers of every agent's table."""
    game, found = ad.games.penalty_xor(), policies("matrix-d")
    plain, sharp = (policy_of_game(found, game, play) for play in ("sample", "sharp"))
    for own, played in zip(plain, sharp, strict=True):
        np.testing.assert_allclose(played, own**4 / (own**4).sum(axis=1, keepdims=True), atol=1e-7)
    result = evaluate(found, game, 4000, 5, play="sharp")
    assert result.play == "sharp"
    assert abs(result.return_mean - result.return_exact) < 4 * result.return_stderr


def test_all_that_is_said():
    options = PlayOptions(team_reward="sum")
    with find_environment("odd_environments:Plain(horizon=4)").open(options) as environment:
        found = evaluate(InTurn((3, 3), 2), environment, 6)
    assert (found.return_mean, found.return_stderr, found.episodes) == (4.0, 0.0, 6)
    assert (found.environment, found.team_reward) == ("odd_environments:Plain", "sum")
    assert (found.terminated, found.truncated, found.length_mean) == (0, 6, 4.0)
    assert {n: (m.mean, m.stderr, m.episodes) for n, m in found.metrics.items()} == {
        "total": (4.0, 0.0, 6),
        "won": (0.0, 0.0, 6),
    }
    row = found.numbers()
    assert (row["total_mean"], row["won_stderr"], row["truncated"]) == (4.0, 0.0, 6)


def test_an_evaluation_survives_json():
    from dataclasses import asdict

    found = evaluate(InTurn((3, 3), 2), find_environment("odd_environments:Plain"), 3)
    again = Evaluation(**asdict(found))
    assert again.metrics == found.metrics
    assert Evaluation(1.0, 0.1, 3).metrics == {}


@pytest.mark.parametrize("name", ["Plain", "Crash"])
def test_what_is_opened_is_closed_also_after_an_error(name):
    odd.Plain.opened.clear()
    source = find_environment(f"odd_environments:{name}")
    if name == "Crash":
        with pytest.raises(InvalidArgumentError, match="my own bug"):
            evaluate(InTurn((3, 3), 2), source, 3)
    else:
        evaluate(InTurn((3, 3), 2), source, 3)
    assert odd.Plain.opened
    assert all(each.closed for each in odd.Plain.opened)


def test_the_number_of_episodes_is_a_formula():
    def spec(horizon, vectorised):
        return EnvironmentSpec("any", ("a",), (2,), 1, horizon=horizon, vectorised=vectorised)

    assert default_episodes(GameEnvironment(ad.games.bridge()).spec, 250, 9) == 1000
    assert default_episodes(spec(500, False), 250, 9) == 10
    assert default_episodes(spec(25, False), 250, 9) == 40
    assert default_episodes(spec(500, True), 250, 9) == 40
    assert default_episodes(spec(None, False), 250, 20) == 50
    assert default_episodes(spec(1, True), 10**6, 1) == 1000


def test_closed_actions_are_not_played_in_a_game():
    """The same networks in a game with closed actions: by its tables, and asked at every step."""
    game = zoo_game("relay")
    network = StackedMLP(len(game.observation(0)), (8,), max(game.mmdp.n_actions))
    size = (game.mmdp.n_agents, len(game.observation(0)))
    features = Features(torch.zeros(size), torch.ones(size))
    parameters = network.initial(game.mmdp.n_agents, torch.Generator().manual_seed(0))
    found = FeedForwardPolicies(network, parameters, features, game.mmdp.n_actions)
    tables = policy_of_game(found, game)
    for i, table in enumerate(tables):
        assert not np.asarray(table)[~game.available[:, i, : table.shape[1]]].any()
    by_tables, asked = (evaluate(found, where, 20, 1) for where in (game, Environment("one", game.parallel_env)))
    assert by_tables.return_mean == pytest.approx(asked.return_mean, abs=1e-12)
