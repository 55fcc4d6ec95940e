"""Behaviour cloning: the data's marginals, apart; every setting; masks; bits."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch
from deep_samples import (
    ELSEWHERE,
    HISTORIES,
    NETWORKS,
    SHARED_CHANGES,
    chain_dataset,
    check_masks,
    check_shared_frames,
    equal,
    tiny,
    trained,
)

import alberdice as ad
from alberdice import tabular
from alberdice.datasets import make_builtin
from alberdice.datasets.subset import best_episodes
from alberdice.deep.algorithms.bc import BC, BCConfig
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.play.tables import policy_of_game
from alberdice.errors import InvalidArgumentError

CHANGES: dict[str, Any] = {**SHARED_CHANGES, "hidden": (9,), "leak": 0.2, "watch_share": 0.25}


def learned(dataset: str, **settings: Any) -> BC:
    config = BCConfig(dataset=dataset, **settings)
    data = TrainingData.of_run(make_builtin(dataset), config)
    agents, generator = BC(data, config, torch.Generator().manual_seed(0)), torch.Generator().manual_seed(1)
    for _ in range(config.updates):
        agents.update(generator)
    return agents


@pytest.mark.parametrize("name", ["a", "b", "c", "d"])
def test_matrix_games_end_at_the_population_version(name: str) -> None:
    game = ad.games.penalty_xor()
    expected = tabular.ALGORITHMS["BC"](game.mmdp, game.data(name, floor=0.0)).joint()[0]
    found = policy_of_game(learned(f"matrix-{name}", hidden=(16,), updates=600, learning_rate=5e-3).policies, game)
    np.testing.assert_allclose(found.joint()[0], expected, atol=0.02)


def test_bridge_is_cloned_where_the_data_are() -> None:
    """At the start both agents go left or right as a fair coin falls, each a coin of its own: a quarter for every pair."""
    game = ad.games.bridge()
    policy = policy_of_game(learned("bridge-optimal", updates=500, hidden=(64,), learning_rate=3e-3).policies, game)
    start = int(game.mmdp.initial.argmax())
    first = policy.joint()[start]
    np.testing.assert_allclose(first[3:, 3:], 0.25, atol=0.06)


def test_filtered_cloning_imitates_the_best_episodes_alone() -> None:
    """Bridge's mixed data: 500 optimal episodes and 500 random ones; a third of all is optimal."""
    agents = learned("bridge-mix", updates=500, hidden=(64,), learning_rate=3e-3, keep_best=0.333)
    assert len(agents.data.lengths) == 333
    game = ad.games.bridge()
    start = int(game.mmdp.initial.argmax())
    np.testing.assert_allclose(policy_of_game(agents.policies, game).joint()[start][3:, 3:], 0.25, atol=0.08)


@pytest.mark.parametrize("share", [1e-6, 0.2, 0.5, 1.0])
def test_the_best_episodes_are_those_of_the_highest_returns(share: float) -> None:
    whole = make_builtin("bridge-mix")
    count = max(1, round(share * whole.n_episodes))
    order = sorted(range(whole.n_episodes), key=lambda e: -whole.returns[e])
    kept = sorted(order[:count])
    best = TrainingData.of_run(whole, tiny("bc", keep_best=share))
    assert best.lengths.tolist() == whole.lengths[kept].tolist()
    rows = np.concatenate([np.arange(whole.starts[e], whole.starts[e] + whole.lengths[e]) for e in kept])
    np.testing.assert_array_equal(best.actions.numpy(), whole.actions[rows])
    seen = torch.from_numpy(np.array(whole.observations[rows]))
    torch.testing.assert_close(best.features(seen), best.observations[best.here])
    assert best.endings == int(whole.terminated[rows].sum())


def test_features_are_of_the_best_episodes_alone() -> None:
    """What the other episodes show changes nothing, and takes no memory."""
    whole = make_builtin("bridge-mix")
    best = best_episodes(whole, 0.2)
    strange = np.setdiff1d(np.arange(whole.n_episodes), np.argsort(-whole.returns, kind="stable")[: best.n_episodes])
    frames = np.isin(np.concatenate([whole.episode, np.arange(whole.n_episodes)]), strange)
    shown = np.array(whole.frame_observations)
    shown[frames] += 9
    other = replace(whole, frame_observations=shown)
    assert equal(trained(tiny("bc", keep_best=0.2), whole), trained(tiny("bc", keep_best=0.2), other))
    assert equal(trained(tiny("bc", keep_best=0.2), whole), trained(tiny("bc"), best))


def test_a_share_of_best_episodes_is_checked() -> None:
    with pytest.raises(InvalidArgumentError, match="keep_best"):
        best_episodes(make_builtin("bridge-mix"), 0.0)


def test_every_setting_is_covered() -> None:
    assert {f.name for f in fields(BCConfig)} == {*CHANGES, *ELSEWHERE, *HISTORIES, *NETWORKS}


@pytest.mark.parametrize("name", [*CHANGES])
def test_every_setting_changes_what_is_learned(name: str) -> None:
    dataset = None if name.startswith("dataset") else chain_dataset(n_actions=(2, 3))
    assert not equal(trained(tiny("bc"), dataset), trained(tiny("bc", **{name: CHANGES[name]}), dataset))


def test_sharing_frames_changes_nothing_but_rounding() -> None:
    check_shared_frames("bc", ("policy",))


def test_unavailable_actions_are_never_played() -> None:
    check_masks("bc")


def test_one_seed_one_result() -> None:
    assert equal(trained(tiny("bc")), trained(tiny("bc")))
