"""The two clones of the data at pi = pi^D: mean ratios and prices against sums by hand, and what a memory changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from deep_samples import tiny
from history_samples import fresh, small

from alberdice.datasets import EpisodeArrays, OfflineDataset, from_episodes
from alberdice.deep.algorithms.alberdice import AlberDICE
from alberdice.deep.algorithms.alberdice.agreement import agreement, agreement_words
from alberdice.deep.batches.training_data import TrainingData
from alberdice.errors import InvalidArgumentError


def conventions(steps: int = 4, episodes: int = 40) -> OfflineDataset:
    """Both agents play 0 throughout an episode, or both 1: what is played next is known from what was, not from the state."""
    played = []
    for number in range(episodes):
        states = np.eye(steps + 1)
        actions = np.full((steps, 2), number % 2, np.int64)
        played.append(EpisodeArrays(states, np.repeat(states[:, None], 2, 1), actions, np.ones(steps), True))
    return from_episodes("conventions", (2, 2), played)


def cloned(dataset: OfflineDataset, config: Any) -> AlberDICE:
    """A learner after its cloning and one round."""
    learner = AlberDICE(TrainingData.build(dataset), config, torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(1)
    for _ in range(config.pretrain_updates + 1):
        learner.update(generator)
    return learner


def test_ratios_and_prices_of_conventions_without_a_memory() -> None:
    """pi_j^D is a coin and pi^D(a_j|s, a_i) knows: rho is 1 / 2 at every step of the data, k_i half the log of the floor."""
    report = cloned(conventions(), tiny(pretrain_updates=200, pretrain_learning_rate=1e-2, hidden=(32,))).agreement
    assert report["ratio"] == pytest.approx(0.5, abs=0.01)
    assert report["ratio_error"] < 0.01
    assert report["price"] > 1.0
    words, alarming = agreement_words(report)
    assert "depend on each other" in words
    assert not alarming


def test_a_memory_of_conventions() -> None:
    """After the first of four steps pi_j^D(tau_j) knows the convention and rho is 1; at the first it is 1 / 2 as ever."""
    sizes = {"pretrain_updates": 200, "pretrain_learning_rate": 1e-2, "hidden": (32,), "width": 16, "context": 4}
    report = cloned(conventions(), small("alberdice", **sizes)).agreement
    assert report["ratio"] == pytest.approx(0.875, abs=0.02)


def independent(steps: int = 3, episodes: int = 400) -> OfflineDataset:
    """Each agent repeats its own first action, which it draws by itself."""
    generator, played = np.random.default_rng(0), []
    for _ in range(episodes):
        states, first = np.eye(steps + 1), generator.integers(2, size=2)
        actions = np.tile(first, (steps, 1)).astype(np.int64)
        played.append(EpisodeArrays(states, np.repeat(states[:, None], 2, 1), actions, np.ones(steps), True))
    return from_episodes("habits", (2, 2), played)


@pytest.mark.parametrize(("others_see", "ratio", "price"), [("history", 1.0, 0.0), ("state", 5 / 3, 2 / 3 * np.log(2))])
def test_habits_are_known_from_histories_alone(others_see: str, ratio: float, price: float) -> None:
    """With the state alone, rho is 1 / (1 / 2) and k log 2 at two steps of three, though nobody leaves the data."""
    sizes = {"pretrain_updates": 200, "pretrain_learning_rate": 1e-2, "hidden": (32,), "width": 16, "context": 3}
    report = cloned(independent(), small("alberdice", others_see=others_see, **sizes)).agreement
    assert report["ratio"] == pytest.approx(ratio, abs=0.06)
    assert report["price"] == pytest.approx(price, abs=0.04)
    assert agreement_words(report)[1] == (others_see == "state")


def told() -> OfflineDataset:
    """Each agent sees a coin of its own, and does as it says; the state does not show the coins."""
    draws = np.random.default_rng(0)
    played = []
    for _ in range(300):
        coins = draws.integers(2, size=(4, 2))
        played.append(
            EpisodeArrays(
                states=np.zeros((4, 1)),
                observations=coins[..., None].astype(float),
                actions=coins[:3],
                rewards=np.ones(3),
                terminated=True,
            )
        )
    return from_episodes("told", (2, 2), played)


@pytest.mark.parametrize(("others_see", "ratio", "price"), [("observation", 1.0, 0.0), ("history", 2.0, np.log(2))])
@pytest.mark.parametrize("minibatch", ["sampled", "population"])
def test_what_observations_tell_is_known_where_asked_for(others_see: str, ratio: float, price: float, minibatch: str) -> None:
    """Without a memory, with minibatches and with all distinct steps: with the state alone rho is 1 / (1 / 2)."""
    sizes = {"pretrain_updates": 200, "pretrain_learning_rate": 1e-2, "hidden": (16,), "minibatch": minibatch}
    report = cloned(told(), tiny(others_see=others_see, length="given", **sizes)).agreement
    assert report["ratio"] == pytest.approx(ratio, abs=0.06)
    assert report["price"] == pytest.approx(price, abs=0.05)


def test_observations_are_not_for_policies_with_a_memory() -> None:
    with pytest.raises(InvalidArgumentError, match=r"others_see.*expected history or state"):
        small("alberdice", others_see="observation")


def test_without_a_memory_there_is_no_history_to_leave_out() -> None:
    with pytest.raises(InvalidArgumentError, match=r"others_see: got state, .*policy = feed-forward does not read it"):
        tiny(others_see="state")


def test_what_the_check_draws_is_its_own() -> None:
    learner = fresh("alberdice", conventions())
    learner.behaviour.fill_caches()
    first, second = (agreement(learner.behaviour, 64, 1e-10, 100.0) for _ in range(2))
    assert first == second
