"""A recipe of football: 200 episodes of scripted strikers in ``football-rps``; needs gfootball.

    -mixed    two ways of scoring (``environments.football.strikers``) x 0 and .1 of random actions, in equal parts; one way for
              the whole team of an episode

The paper's episodes are played by transformers that learned online, and half of them by experts; no script here is one.  A
random action is uniform over the 19, drawn per step and agent.  Which episode is of which kind is a permutation that the seed
draws, so that the first K episodes of a dataset are a fair sample of it.  The header's recipe tells the success rates, the
notes that of every kind.
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

EPISODES = 200
#: shares of random actions
NOISE = (0.0, 0.1)
#: episodes that are played side by side: each has an engine of its own
_BATCH = 8
MEAN_RETURNS: dict[str, float] = {"football-rps-mixed": 0.39}
"""Undiscounted, with seed 0, with the versions of ``constraints.txt``."""


def make_matches(name: str, generator: np.random.Generator, *, episodes: int = EPISODES) -> OfflineDataset:
    """Episodes of strikers in a scenario.

    Args:
        name: of the scenario.
        generator: draws the order of the kinds, and the seed of the episodes.
        episodes: how many.

    Raises:
        ResourceError: gfootball is not installed.
    """
    scenario, shares, kinds = SCENARIOS[name], np.array(NOISE), len(WAYS) * len(NOISE)
    order = generator.permutation(episodes) % kinds
    ways, noise = order % len(WAYS), shares[order // len(WAYS)]
    seed, played, scored = int(generator.integers(1 << 31)), list[EpisodeArrays](), list[NDArray[np.float64]]()
    with find_environment(f"football-{name}").open() as environment:
        for first in range(0, episodes, _BATCH):
            numbers = range(first, min(first + _BATCH, episodes))
            done = record(
                environment,
                lambda k: Strikers(ways[k]),
                numbers,
                seed,
                epsilon=lambda k: np.repeat(noise[k, None], scenario.n_agents, axis=1),
            )
            played += done.episodes
            scored.append(done.metrics["success"])
    success = np.concatenate(scored)
    told = [f"Scripted strikers, not the paper's experts. success {success.mean():.3g} of {episodes} episodes."]
    for kind in range(kinds):
        mine, share = order == kind, shares[kind // len(WAYS)]
        told.append(
            f"{mine.sum()} by '{WAYS[kind % len(WAYS)]}' with {share:g} of random actions: success {success[mine].mean():.3g}."
        )
    dataset = from_episodes(f"football-{name}-mixed", (19,) * scenario.n_agents, played, notes=tuple(told))
    return dataset.with_header(recipe=f"success {success.mean():.3g}, gfootball {version('gfootball')}")


def _recipe(name: str) -> Recipe:
    full = f"football-{name}-mixed"
    return Recipe(
        name=full,
        description=f"football {name}: scripted strikers of two ways, 0 and {NOISE[1]:g} of random actions",
        episodes=EPISODES,
        steps=None,
        mean_return=MEAN_RETURNS[full],
        make=partial(make_matches, name),
        environment=f"football-{name}",
        episode_limit=STEPS,
        agents=SCENARIOS[name].agents,
    )


MATCH_RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in (_recipe("rps"),)}
"""All of them by name."""
