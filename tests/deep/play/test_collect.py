"""Datasets from play: what happened, under a header that says where."""

from __future__ import annotations

import numpy as np
import pytest
from play_samples import InTurn

from alberdice.deep.play.collect import collect
from alberdice.deep.play.returns import evaluate
from alberdice.environments import PlayOptions, environment_for, find_environment, open_for
from alberdice.errors import InvalidArgumentError


def test_a_dataset_says_where_it_was_played_and_fits_there():
    data = collect(
        find_environment("odd_environments:Plain(horizon=4)"), 6, 1, name="mine", options=PlayOptions(team_reward="sum")
    )
    assert (data.name, data.n_episodes, data.n_steps) == ("mine", 6, 24)
    header = data.header
    assert (header.environment, dict(header.environment_arguments)) == ("odd_environments:Plain", {"horizon": 4})
    assert (header.agents, header.team_reward, header.episode_limit) == (("agent_0", "agent_1"), "sum", None)
    np.testing.assert_array_equal(data.rewards, data.actions.sum(axis=1))
    assert data.truncated.sum() == 6
    assert data.frame_masks is None
    environment, notes = open_for(find_environment(header.environment, header.environment_arguments), data)
    environment.close()
    assert notes == []


def test_auto_plays_in_a_game_that_was_collected_from():
    data = collect(find_environment("bridge(hard=False)"), 3)
    found, why = environment_for("auto", data.header)
    assert (str(found), why) == ("bridge(hard=False)", "")
    assert data.state_size == 6
    assert data.header.episode_limit == found.game.horizon


def test_observations_actions_and_masks_are_those_of_the_steps():
    data = collect(find_environment("odd_environments:InDictionaries"), 4)
    assert data.frame_masks is not None
    assert not data.frame_masks[..., 2].any()
    assert data.actions.max() == 1
    start = np.repeat(data.observations[data.starts, 0, 0], data.lengths)
    np.testing.assert_allclose(data.observations[:, 1, 1] - start, data.time, atol=1e-6)
    leaves = collect(find_environment("odd_environments:Leaves"), 2)
    late = leaves.time >= 2
    assert not leaves.observations[late, 1].any()
    assert not leaves.actions[late, 1].any()
    np.testing.assert_array_equal(leaves.action_masks[late, 1], [[True, False, False]] * int(late.sum()))
    np.testing.assert_array_equal(leaves.rewards[late], leaves.actions[late, 0] / 2)


def test_policies_are_recorded_as_they_are_evaluated():
    found, source = InTurn((3, 3), 2), find_environment("odd_environments:Plain")
    data = collect(source, 5, 3, policies=found)
    assert data.returns.mean() == evaluate(found, source, 5, 3).return_mean
    assert data.actions.tolist() == [[t % 2] * 2 for t in data.time]


def test_one_seed_one_dataset_with_any_number_of_workers():
    source = find_environment("odd_environments:Leaves")
    first, beside, other = (collect(source, 5, seed, workers=workers) for seed, workers in ((3, 0), (3, 2), (4, 0)))
    for part in ("frame_observations", "actions", "rewards"):
        np.testing.assert_array_equal(getattr(first, part), getattr(beside, part))
    assert first.actions.tolist() != other.actions.tolist()


def test_no_episodes_are_refused():
    with pytest.raises(InvalidArgumentError, match="episodes: got 0"):
        collect(find_environment("bridge"), 0)
