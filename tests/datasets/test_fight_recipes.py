"""Recipes of SMAX fights; making one is slow, since JAX compiles first."""

from importlib.util import find_spec

import numpy as np
import pytest

from alberdice.datasets.builtin import RECIPES, make_builtin
from alberdice.datasets.fights import FIGHT_KINDS, FIGHT_RECIPES, Team, make_fights

needs_jax = pytest.mark.skipif(find_spec("jaxmarl") is None, reason="SMAX needs JaxMARL: pip install 'alberdice[starcraft]'")


def test_all_of_them_are_built_in_and_say_what_they_are():
    assert FIGHT_RECIPES.items() <= RECIPES.items()
    assert len(FIGHT_RECIPES) == sum(len(kinds) for kinds in FIGHT_KINDS.values()) == 8
    recipe = RECIPES["smax-6h_vs_8z-mixed"]
    header = recipe.header(3, "battle_won 0.4")
    assert (header.environment, header.episode_limit, len(header.agents)) == ("smax-6h_vs_8z", 100, 6)
    assert header.recipe == "smax-6h_vs_8z-mixed seed=3, battle_won 0.4"
    assert all("SMAX" in each.description for each in FIGHT_RECIPES.values())
    assert np.isfinite([each.mean_return for each in FIGHT_RECIPES.values()]).all()
    assert RECIPES["smax-6h_vs_8z-mixed"].description.endswith("of three targets, 0 and 0.2 of random actions")
    assert RECIPES["smax-8m_vs_9m-tactics"].description.endswith("of two tactics, 0 of random actions")


def test_who_plays_is_said_of_every_kind():
    assert [str(team) for team in FIGHT_KINDS["6h_vs_8z"]["mixed"][2:4]] == [
        "'nearest' with 0 of random actions",
        "'weakest' with 0.2 of random actions",
    ]
    assert all(team.tactics == ("kite",) for kind in FIGHT_KINDS["6h_vs_8z"].values() for team in kind)
    assert FIGHT_KINDS["3s5z_vs_3s6z"]["tactics"] == (Team("weakest", ("spare",)), Team("weakest", ("spare", "gather")))
    assert str(FIGHT_KINDS["8m_vs_9m"]["tactics"][1]) == "'weakest' and gather and spare with 0 of random actions"


@needs_jax
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "won", "kind"),
    [
        ("smax-3s5z-conventions", 0.628, "167 by 'weakest' with 0 of random actions: battle_won 0.874."),
        ("smax-8m_vs_9m-tactics", 0.224, "250 by 'weakest' and gather and spare with 0 of random actions: battle_won 0.256."),
        ("smax-3s5z_vs_3s6z-tactics", 0.212, "250 by 'weakest' and spare with 0 of random actions: battle_won 0.232."),
    ],
)
def test_a_whole_one_states_its_numbers(name: str, won: float, kind: str):
    data, recipe = make_builtin(name), RECIPES[name]
    assert data.n_episodes == recipe.episodes
    assert data.returns.mean() == pytest.approx(recipe.mean_return, rel=1e-5)
    assert data.header.recipe == f"{name} seed=0, battle_won {won}"
    assert f"SMAX, not SMAC. battle_won {won} of 500 fights by scripted fighters." in data.notes
    assert kind in data.notes
    assert data.frame_masks is not None
    played = np.take_along_axis(np.asarray(data.frame_masks[: data.n_steps]), data.actions[..., None], axis=-1)
    assert played.all()


@needs_jax
@pytest.mark.slow
def test_a_seed_makes_the_same_fights():
    few = make_fights("3s5z", "mixed", np.random.default_rng(1), episodes=12)
    again = make_fights("3s5z", "mixed", np.random.default_rng(1), episodes=12)
    np.testing.assert_array_equal(few.actions, again.actions)
    assert sum(" with 0.2 of random actions" in note for note in few.notes) == 3
