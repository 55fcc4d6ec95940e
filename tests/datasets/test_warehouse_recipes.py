"""Recipes in robotic warehouses."""

import numpy as np
import pytest

from alberdice.datasets.builtin import RECIPES, make_builtin
from alberdice.datasets.warehouses import WAREHOUSE_RECIPES, kinds_of, make_warehouse


@pytest.mark.parametrize("kind", ["conventions", "mixed", "medium-expert"])
def test_a_small_one_is_what_it_says(kind):
    data = make_warehouse("tiny", 2, kind, np.random.default_rng(1), episodes=16)
    again = make_warehouse("tiny", 2, kind, np.random.default_rng(1), episodes=16)
    np.testing.assert_array_equal(data.actions, again.actions)
    assert data.lengths.tolist() == [500] * 16
    assert data.truncated.sum() == 16
    assert not data.terminated.any()
    assert (data.frame_states.dtype, data.frame_observations.dtype) == (np.uint8, np.uint8)
    assert (data.state_size, data.observation_size) == (322, 71)
    assert set(np.unique(data.rewards)) <= {0.0, 1.0, 2.0}
    clean = {"conventions": 16, "mixed": 4, "medium-expert": 8}[kind]
    assert (data.returns > 9).sum() >= clean


def test_kinds_come_in_equal_parts_and_in_random_order():
    conventions, places = kinds_of(1000, 4, np.random.default_rng(0))
    assert np.unique(conventions * 4 + places, return_counts=True)[1].tolist() == [125] * 8
    first = kinds_of(1000, 4, np.random.default_rng(1))[0]
    assert (first != conventions).any()
    assert 0 < conventions[:40].mean() < 1


def test_all_of_them_are_built_in():
    assert len(WAREHOUSE_RECIPES) == 18
    assert WAREHOUSE_RECIPES.items() <= RECIPES.items()
    header = RECIPES["rware-small-4ag-mixed"].header(3)
    assert (header.environment, header.team_reward, header.episode_limit) == ("rware-small-4ag", "common", 500)
    assert header.agents == ("agent_1", "agent_2", "agent_3", "agent_4")
    assert np.isfinite([recipe.mean_return for recipe in WAREHOUSE_RECIPES.values()]).all()


@pytest.mark.slow
def test_a_whole_one_states_its_numbers():
    recipe, data = RECIPES["rware-tiny-2ag-mixed"], make_builtin("rware-tiny-2ag-mixed")
    assert (data.n_episodes, data.n_steps) == (recipe.episodes, recipe.steps)
    assert data.returns.mean() == pytest.approx(recipe.mean_return, rel=1e-6)
