"""Recipes in robotic warehouses: 1,000 episodes of 500 steps by scripted experts, for ``rware-{tiny,small}-{2,4,6}ag``.

    -conventions       one convention an episode, all agents on it: outer-up in one half of the episodes, inner-up in the other
    -mixed             two conventions x four shares of random actions, 0, .1, .3 and 1, in equal parts
    -medium-expert     two conventions x two shares, 0 (expert) and .3 (medium), in equal parts

The experts know the requests in their own 3 x 3 view (``environments.rware.experts``).  A random action is uniform over the
five, drawn per step and per agent.  Which episode is of which kind is a permutation that the seed draws, so that the first K
episodes of a dataset are a fair sample of it.  States and observations are whole numbers and kept in a byte each.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from alberdice.datasets.build import EpisodeArrays, from_episodes
from alberdice.datasets.dataset import OfflineDataset
from alberdice.datasets.recipe import Recipe
from alberdice.datasets.record import record
from alberdice.environments.rware import CONVENTIONS, EPISODE_LIMIT, SIZES, TEAMS, Experts, Layout, Warehouses

__all__ = ["KINDS", "WAREHOUSE_RECIPES", "kinds_of", "make_warehouse"]

EPISODES = 1000
_BATCH = 125

KINDS: dict[str, tuple[str, tuple[float, ...]]] = {
    "conventions": ("two conventions", (0.0,)),
    "mixed": ("two conventions x random actions 0, .1, .3, 1", (0.0, 0.1, 0.3, 1.0)),
    "medium-expert": ("two conventions x random actions 0, .3", (0.0, 0.3)),
}
"""Per kind of recipe, what it is and its shares of random actions."""

MEAN_RETURNS: dict[str, float] = {
    "rware-tiny-2ag-conventions": 16.78,
    "rware-tiny-2ag-mixed": 10.387,
    "rware-tiny-2ag-medium-expert": 13.374,
    "rware-tiny-4ag-conventions": 39.558,
    "rware-tiny-4ag-mixed": 24.385,
    "rware-tiny-4ag-medium-expert": 31.545,
    "rware-tiny-6ag-conventions": 65.604,
    "rware-tiny-6ag-mixed": 40.163,
    "rware-tiny-6ag-medium-expert": 52.004,
    "rware-small-2ag-conventions": 11.452,
    "rware-small-2ag-mixed": 7.095,
    "rware-small-2ag-medium-expert": 9.186,
    "rware-small-4ag-conventions": 27.506,
    "rware-small-4ag-mixed": 16.91,
    "rware-small-4ag-medium-expert": 21.997,
    "rware-small-6ag-conventions": 44.792,
    "rware-small-6ag-mixed": 27.547,
    "rware-small-6ag-medium-expert": 35.74,
}
"""Undiscounted, with seed 0."""


def kinds_of(episodes: int, shares: int, generator: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(E,) conventions and (E,) places in the list of shares, in equal parts and in random order."""
    order = generator.permutation(episodes) % (len(CONVENTIONS) * shares)
    return order % len(CONVENTIONS), order // len(CONVENTIONS)


def make_warehouse(
    size: str, n_agents: int, kind: str, generator: np.random.Generator, *, episodes: int = EPISODES
) -> OfflineDataset:
    """A dataset of this kind.

    Args:
        size: 'tiny' or 'small'.
        n_agents: N.
        kind: one of :data:`KINDS`.
        generator: draws the order of the kinds, and the seed of the episodes.
        episodes: how many.
    """
    layout, shares = Layout(*SIZES[size]), np.array(KINDS[kind][1])
    conventions, places = kinds_of(episodes, len(shares), generator)
    seed = int(generator.integers(1 << 31))
    played: list[EpisodeArrays] = []
    with Warehouses(layout, n_agents, 2 * n_agents) as environment:
        for first in range(0, episodes, _BATCH):
            numbers = range(first, min(first + _BATCH, episodes))
            played += record(
                environment,
                lambda k: Experts(layout, np.repeat(conventions[k, None], n_agents, axis=1)),
                numbers,
                seed,
                epsilon=lambda k: np.repeat(shares[places[k], None], n_agents, axis=1),
            ).episodes
    counts = [
        f"{np.sum((conventions == c) & (places == p))} by {CONVENTIONS[c]} with {shares[p]:g} of random actions"
        for c in range(len(CONVENTIONS))
        for p in range(len(shares))
    ]
    return from_episodes(
        f"rware-{size}-{n_agents}ag-{kind}", (5,) * n_agents, played, notes=(f"Episodes: {'; '.join(counts)}.",)
    )


def _recipe(size: str, n_agents: int, kind: str) -> Recipe:
    environment = f"rware-{size}-{n_agents}ag"
    name = f"{environment}-{kind}"
    return Recipe(
        name=name,
        description=f"robotic warehouse {size}, {n_agents} agents: {KINDS[kind][0]}",
        episodes=EPISODES,
        steps=EPISODES * EPISODE_LIMIT,
        mean_return=MEAN_RETURNS[name],
        make=partial(make_warehouse, size, n_agents, kind),
        environment=environment,
        episode_limit=EPISODE_LIMIT,
        agents=tuple(f"agent_{i + 1}" for i in range(n_agents)),
    )


WAREHOUSE_RECIPES: dict[str, Recipe] = {
    recipe.name: recipe for size in SIZES for n in TEAMS for kind in KINDS for recipe in (_recipe(size, n, kind),)
}
"""All of them by name."""
