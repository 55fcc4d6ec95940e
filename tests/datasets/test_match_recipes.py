"""The recipe of football: on the double of gfootball; with the engine in ``test_football_engine``."""

import numpy as np
import pytest

from alberdice.datasets import matches
from alberdice.datasets.builtin import RECIPES
from alberdice.datasets.matches import MATCH_RECIPES, make_matches
from alberdice.environments.football.strikers import WAYS


def test_it_is_built_in_and_says_what_it_is():
    assert MATCH_RECIPES.items() <= RECIPES.items()
    recipe = RECIPES["football-rps-medium-expert"]
    header = recipe.header(3, "success 0.4")
    assert (header.environment, header.episode_limit, header.agents) == ("football-rps", 401, ("player_1", "player_2"))
    assert header.recipe == "football-rps-medium-expert seed=3, success 0.4"
    assert (recipe.episodes, "scripted" in recipe.description) == (600, True)


def test_every_kind_has_an_equal_part_and_batches_change_nothing(football_double, monkeypatch):
    monkeypatch.setattr(matches, "version", lambda name: "2.10.2")  # a double has none
    made = make_matches("rps", "medium-expert", np.random.default_rng(1), episodes=12)
    assert made.n_episodes == 12
    assert (made.header.recipe or "").startswith("success 0, gfootball")
    assert len(made.notes) == 1 + 2 * len(WAYS["rps"])
    assert [note.partition(" with ")[0] for note in made.notes[1:3]] == [f"2 by '{way}'" for way in list(WAYS["rps"])[:2]]
    monkeypatch.setattr(matches, "_BATCH", 5)
    again = make_matches("rps", "medium-expert", np.random.default_rng(1), episodes=12)
    np.testing.assert_array_equal(made.actions, again.actions)
    np.testing.assert_array_equal(made.states, again.states)
    assert len(make_matches("rps", "conventions", np.random.default_rng(1), episodes=3).notes) == 1 + len(WAYS["rps"])
    with pytest.raises(KeyError):
        make_matches("7v7", "medium-expert", np.random.default_rng(1))
