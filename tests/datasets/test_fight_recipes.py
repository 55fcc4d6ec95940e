"""Recipes of SMAX fights; making one is slow, since JAX compiles first."""

from importlib.util import find_spec

import numpy as np
import pytest

from alberdice.datasets.builtin import RECIPES, make_builtin
from alberdice.datasets.fights import FIGHT_KINDS, FIGHT_MAPS, FIGHT_RECIPES, make_fights

needs_jax = pytest.mark.skipif(find_spec("jaxmarl") is None, reason="SMAX needs JaxMARL: pip install 'alberdice[starcraft]'")


def test_all_of_them_are_built_in_and_say_what_they_are():
    assert FIGHT_RECIPES.items() <= RECIPES.items()
    assert len(FIGHT_RECIPES) == len(FIGHT_MAPS) * len(FIGHT_KINDS) == 6
    recipe = RECIPES["smax-6h_vs_8z-mixed"]
    header = recipe.header(3, "battle_won 0.4")
    assert (header.environment, header.episode_limit, len(header.agents)) == ("smax-6h_vs_8z", 100, 6)
    assert header.recipe == "smax-6h_vs_8z-mixed seed=3, battle_won 0.4"
    assert all("SMAX" in each.description for each in FIGHT_RECIPES.values())
    assert np.isfinite([each.mean_return for each in FIGHT_RECIPES.values()]).all()


@needs_jax
@pytest.mark.slow
def test_a_whole_one_states_its_numbers():
    name = "smax-3s5z-conventions"
    data, recipe = make_builtin(name), RECIPES[name]
    assert data.n_episodes == recipe.episodes
    assert data.returns.mean() == pytest.approx(recipe.mean_return, rel=1e-5)
    assert data.header.recipe == "smax-3s5z-conventions seed=0, battle_won 0.628"
    assert "SMAX, not SMAC. battle_won 0.628 of 500 fights by scripted fighters." in data.notes
    assert data.frame_masks is not None
    played = np.take_along_axis(np.asarray(data.frame_masks[: data.n_steps]), data.actions[..., None], axis=-1)
    assert played.all()
    few = make_fights("3s5z", "mixed", np.random.default_rng(1), episodes=12)
    again = make_fights("3s5z", "mixed", np.random.default_rng(1), episodes=12)
    np.testing.assert_array_equal(few.actions, again.actions)
    assert sum(" with 0.2 of random actions" in note for note in few.notes) == 3
