"""Sampled returns against the exact expectation, and both kinds of environments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from deep_samples import tiny
from strategies import random_policy

import alberdice as ad
from alberdice.datasets import make_builtin
from alberdice.deep.alberdice import AlberDICE
from alberdice.deep.data import TrainingData
from alberdice.deep.evaluation import evaluate, find_environment, sampled_returns
from alberdice.deep.learner import Policies
from alberdice.errors import InvalidArgumentError
from alberdice.evaluation import undiscounted_return


def policies(dataset: str) -> Policies:
    data = TrainingData.build(make_builtin(dataset))
    found = AlberDICE(data, tiny(), torch.Generator().manual_seed(0)).policies
    found.parameters.mul_(1.5)
    return found


def make_matrix() -> Any:
    return ad.games.penalty_xor().parallel_env()


@pytest.mark.parametrize("game", [ad.games.bridge(), ad.games.climbing_game()], ids=lambda g: g.name)
def test_sampled_returns_have_the_exact_mean(game: ad.games.Game) -> None:
    policy = random_policy(np.random.default_rng(0), game.mmdp)
    returns = sampled_returns(game, policy, 4000, torch.Generator().manual_seed(0))
    exact = undiscounted_return(game.mmdp, policy, game.horizon)
    assert abs(returns.mean() - exact) < 4 * returns.std() / 4000**0.5


def test_sampled_returns_of_a_stochastic_model() -> None:
    generator = np.random.default_rng(1)
    transition = generator.dirichlet(np.ones(4) * 0.3, size=(4, 2, 3))
    model = ad.MMDP(transition, generator.normal(size=(4, 2, 3)), generator.dirichlet(np.ones(4)), 0.9)
    game = ad.games.Game("any", model, (("a", "b"), ("a", "b", "c")), ("0", "1", "2", "3"), horizon=5)
    policy = random_policy(generator, model, 0.5)
    returns = sampled_returns(game, policy, 20000, torch.Generator().manual_seed(0))
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
    assert find_environment("test_evaluation_deep:make_matrix", "any")().possible_agents == ["agent_1", "agent_2"]  # type: ignore


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("brigde", "got 'brigde', expected one of .*; nearest match: bridge"),
        ("no_such_module:make", "No module named"),
        ("test_evaluation_deep:mak", "has no attribute 'mak'"),
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
