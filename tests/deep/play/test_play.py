"""Sampled returns against the exact expectation, and both kinds of environments."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from play_samples import AfterEachOther, make_matrix, policies
from strategies import random_policy

import alberdice as ad
from alberdice.deep.play.evaluation import _Tables, evaluate, find_environment, policy_of_game, rollouts
from alberdice.errors import InvalidArgumentError
from alberdice.evaluation import undiscounted_return


@pytest.mark.parametrize("game", [ad.games.bridge(), ad.games.climbing_game()], ids=lambda g: g.name)
def test_sampled_returns_have_the_exact_mean(game: ad.games.Game) -> None:
    policy = random_policy(np.random.default_rng(0), game.mmdp)
    returns = rollouts(game, _Tables(policy), 4000, torch.Generator().manual_seed(0)).returns
    exact = undiscounted_return(game.mmdp, policy, game.horizon)
    assert abs(returns.mean() - exact) < 4 * returns.std() / 4000**0.5


def test_sampled_returns_of_a_stochastic_model() -> None:
    generator = np.random.default_rng(1)
    transition = generator.dirichlet(np.ones(4) * 0.3, size=(4, 2, 3))
    model = ad.MMDP(transition, generator.normal(size=(4, 2, 3)), generator.dirichlet(np.ones(4)), 0.9)
    game = ad.games.Game("any", model, (("a", "b"), ("a", "b", "c")), ("0", "1", "2", "3"), horizon=5)
    policy = random_policy(generator, model, 0.5)
    returns = rollouts(game, _Tables(policy), 20000, torch.Generator().manual_seed(0)).returns
    assert abs(returns.mean() - undiscounted_return(model, policy, 5)) < 4 * returns.std() / 20000**0.5


def test_a_pettingzoo_environment_gives_the_same_mean() -> None:
    found = policies("matrix-d")
    exact = evaluate(found, ad.games.penalty_xor(), 10, torch.Generator().manual_seed(0)).return_exact
    played = evaluate(found, make_matrix, 400, torch.Generator().manual_seed(0))
    assert np.isnan(played.return_exact)
    assert abs(played.return_mean - exact) < 4 * played.return_stderr


def test_environments_by_name() -> None:
    assert find_environment("auto", "bridge-mix").name == "bridge"  # type: ignore[union-attr]
    assert find_environment("auto", "matrix-b").name == "penalty-xor"  # type: ignore[union-attr]
    assert find_environment("auto", "lab/warehouse-v0") is None
    assert find_environment("auto", "bridge-of-mine") is None
    assert find_environment("none", "bridge-mix") is None
    assert find_environment("play_samples:make_matrix", "any")().possible_agents == ["agent_1", "agent_2"]  # type: ignore


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("brigde", "got 'brigde', expected one of .*; nearest match: bridge"),
        ("no_such_module:make", "No module named"),
        ("play_samples:mak", "has no attribute 'mak'"),
    ],
)
def test_unknown_environments_are_refused(name: str, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        find_environment(name, "bridge-mix")


def test_a_game_that_does_not_fit_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match=r"environment: got bridge with actions \(5, 5\) and 6 features"):
        evaluate(policies("matrix-d"), ad.games.bridge(), 10, torch.Generator().manual_seed(0))


def test_the_generator_decides() -> None:
    found, game = policies("bridge-mix"), ad.games.bridge()
    first, again, other = (evaluate(found, game, 30, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert first == again
    assert first.return_mean != other.return_mean


def test_greedy_play() -> None:
    """The most probable actions: in a one-shot game, always the same payoff."""
    game = ad.games.penalty_xor()
    found = policies("matrix-d")
    best = policy_of_game(found, game).joint()[0]
    result = evaluate(found, game, 10, torch.Generator().manual_seed(0), "greedy")
    assert result.return_stderr == 0
    assert result.return_mean == result.return_exact == game.mmdp.reward[0][np.unravel_index(best.argmax(), best.shape)]


def test_policies_with_a_memory_are_played_with_it() -> None:
    """In a repeated game of five plays the pair plays AA, BB, AA, BB, AA."""
    game = dataclasses.replace(ad.games.penalty_xor(), horizon=5)
    found = AfterEachOther(policies("matrix-d"), [])
    result = evaluate(found, game, 6, torch.Generator().manual_seed(0))
    assert (result.return_mean, result.return_stderr) == (-4.0, 0.0)
    assert found.gained == [0.0, -2.0, 0.0, -2.0, 0.0]
    assert np.isnan(result.return_exact)
    found.gained.clear()
    played = evaluate(found, lambda: game.parallel_env(), 3, torch.Generator().manual_seed(0))
    assert (played.return_mean, played.episodes) == (-4.0, 3)
    assert found.gained == 3 * [0.0, -2.0, 0.0, -2.0, 0.0]
