"""Recipes of football: episodes of scripted strikers who score in several ways (``football.strikers``); need gfootball.

    -conventions      every way of the scenario, one for the whole team of an episode, in equal parts
    -medium-expert    the same, and as many episodes in which a tenth of the actions is random

The paper's episodes are played by transformers that learned online; these are by scripts, half of them without
random actions.  A random action is uniform over the 19, drawn per step and agent.  Which episode is of which kind is a
permutation that the seed draws, so that the first K episodes of a dataset are a fair sample of it.  The header's recipe tells
the success rates, the notes that of every kind.
"""

from __future__ import annotations

from functools import partial
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from alberdice.datasets.build import EpisodeArrays, from_episodes
from alberdice.datasets.dataset import OfflineDataset
from alberdice.datasets.recipe import Recipe
from alberdice.datasets.record import record
from alberdice.environments.football import SCENARIOS, STEPS
from alberdice.environments.football.strikers import WAYS, Strikers
from alberdice.environments.registry import find_environment

__all__ = ["MATCH_RECIPES", "make_matches"]

NOISE: dict[str, tuple[float, ...]] = {"conventions": (0.0,), "medium-expert": (0.0, 0.1)}
"""Per kind of data, shares of random actions."""
EPISODES = 600
#: scenarios in which some script scores about every second time or more often
PLAYED = ("rps", "3v1")
#: episodes that are played side by side: each has an engine of its own
_BATCH = 8
MEAN_RETURNS: dict[str, float] = {
    "football-rps-conventions": 0.797,
    "football-rps-medium-expert": 0.568,
    "football-3v1-conventions": 0.412,
    "football-3v1-medium-expert": 0.312,
}
"""Undiscounted, with seed 0, with the versions of ``constraints.txt``."""


def make_matches(name: str, kind: str, generator: np.random.Generator, *, episodes: int = EPISODES) -> OfflineDataset:
    """Episodes of strikers in a scenario.

    Args:
        name: of the scenario.
        kind: which of :data:`NOISE`.
        generator: draws the order of the ways and shares, and the seed of the episodes.
        episodes: how many.

    Raises:
        ResourceError: gfootball is not installed.
    """
    scenario, shares, ways = SCENARIOS[name], np.array(NOISE[kind]), list(WAYS[name].items())
    order = generator.permutation(episodes) % (len(ways) * len(shares))
    noise = shares[order // len(ways)]
    seed, played, scored = int(generator.integers(1 << 31)), list[EpisodeArrays](), list[NDArray[np.float64]]()
    with find_environment(f"football-{name}").open() as environment:
        for first in range(0, episodes, _BATCH):
            done = record(
                environment,
                lambda k: Strikers([ways[each % len(ways)][1] for each in order[k]]),
                range(first, min(first + _BATCH, episodes)),
                seed,
                epsilon=lambda k: np.repeat(noise[k, None], scenario.n_agents, axis=1),
            )
            played += done.episodes
            scored.append(done.metrics["success"])
    success = np.concatenate(scored)
    told = [f"Scripted strikers, not the paper's experts. success {success.mean():.3g} of {episodes} episodes."]
    for each in range(len(ways) * len(shares)):
        mine, share = order == each, shares[each // len(ways)]
        way = ways[each % len(ways)][0]
        told.append(f"{mine.sum()} by '{way}' with {share:g} of random actions: success {success[mine].mean():.3g}.")
    dataset = from_episodes(f"football-{name}-{kind}", (19,) * scenario.n_agents, played, notes=tuple(told))
    return dataset.with_header(recipe=f"success {success.mean():.3g}, gfootball {version('gfootball')}")


def _recipe(name: str, kind: str) -> Recipe:
    full = f"football-{name}-{kind}"
    shares = ", ".join(f"{share:g}" for share in NOISE[kind])
    return Recipe(
        name=full,
        description=f"football {name}: scripted strikers, {len(WAYS[name])} ways of scoring, {shares} of random actions",
        episodes=EPISODES,
        steps=None,
        mean_return=MEAN_RETURNS[full],
        make=partial(make_matches, name, kind),
        environment=f"football-{name}",
        episode_limit=STEPS,
        agents=SCENARIOS[name].agents,
    )


MATCH_RECIPES: dict[str, Recipe] = {
    recipe.name: recipe for recipe in (_recipe(name, kind) for name in PLAYED for kind in NOISE)
}
"""All of them by name."""
