"""Recipes of SMAX fights (JAX, not SMAC): 500 episodes of scripted fighters, for ``smax-3s5z`` and ``smax-6h_vs_8z``.

    -conventions   three targets, 'weakest', 'high' and 'nearest', in equal parts, one for the whole team of an episode
    -medium        the same with .2 of random actions
    -mixed         both, in equal parts

On 6h_vs_8z all of them kite.  A random action is uniform over the available ones, drawn per step and agent.  Which episode
is of which kind is a permutation that the seed draws.  The header's recipe tells the win rate, the notes that of every kind.

The paper's other maps are missing: no scripted fighter wins half of its fights there (``docs/starcraft.md``), and none is
filled in for it.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from alberdice.datasets.build import EpisodeArrays, from_episodes
from alberdice.datasets.dataset import OfflineDataset
from alberdice.datasets.recipe import Recipe
from alberdice.datasets.record import record
from alberdice.environments.registry import find_environment
from alberdice.environments.smax import EPISODE_LIMIT, MAPS
from alberdice.environments.smax.fighters import fighter

__all__ = ["FIGHT_KINDS", "FIGHT_MAPS", "FIGHT_RECIPES", "FIGHT_TARGETS", "make_fights"]

EPISODES = 500
FIGHT_TARGETS = ("weakest", "high", "nearest")
#: per map, whether the fighters kite
FIGHT_MAPS = {"3s5z": False, "6h_vs_8z": True}
#: per kind, its shares of random actions
FIGHT_KINDS: dict[str, tuple[float, ...]] = {"conventions": (0.0,), "medium": (0.2,), "mixed": (0.0, 0.2)}

MEAN_RETURNS: dict[str, float] = {
    "smax-3s5z-conventions": 1.58396833,
    "smax-3s5z-medium": 0.991959372,
    "smax-3s5z-mixed": 1.27917073,
    "smax-6h_vs_8z-conventions": 1.45515997,
    "smax-6h_vs_8z-medium": 0.933009979,
    "smax-6h_vs_8z-mixed": 1.19380998,
}
"""Undiscounted, with seed 0, with the versions of ``constraints.txt``."""


def make_fights(name: str, kind: str, generator: np.random.Generator, *, episodes: int = EPISODES) -> OfflineDataset:
    """A dataset of this kind.

    Args:
        name: of the map.
        kind: one of :data:`FIGHT_KINDS`.
        generator: draws the order of the kinds, and the seed of the episodes.
        episodes: how many.

    Raises:
        ResourceError: JaxMARL is not installed.
    """
    battle, shares = MAPS[name], np.array(FIGHT_KINDS[kind])
    order = generator.permutation(episodes) % (len(FIGHT_TARGETS) * len(shares))
    seed, played = int(generator.integers(1 << 31)), list[EpisodeArrays | None]([None] * episodes)
    won = np.zeros(episodes)

    def noise(k: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.repeat(shares[order // len(FIGHT_TARGETS)][k, None], battle.n_allies, axis=1)

    with find_environment(f"smax-{name}").open() as environment:
        for at, target in enumerate(FIGHT_TARGETS):
            numbers = np.flatnonzero(order % len(FIGHT_TARGETS) == at)
            made = fighter(environment.spec, target=target, kite=FIGHT_MAPS[name])
            done = record(environment, made, numbers.tolist(), seed, epsilon=noise)
            won[numbers] = done.metrics["battle_won"]
            for number, episode in zip(numbers.tolist(), done.episodes, strict=True):
                played[number] = episode
    told = [f"SMAX, not SMAC. battle_won {won.mean():.3g} of {episodes} fights by scripted fighters."]
    for which in range(len(FIGHT_TARGETS) * len(shares)):
        mine = order == which
        share, target = shares[which // len(FIGHT_TARGETS)], FIGHT_TARGETS[which % len(FIGHT_TARGETS)]
        told.append(f"{mine.sum()} by '{target}' with {share:g} of random actions: battle_won {won[mine].mean():.3g}.")
    whole = [episode for episode in played if episode is not None]
    dataset = from_episodes(f"smax-{name}-{kind}", (battle.n_actions,) * battle.n_allies, whole, notes=told)
    return dataset.with_header(recipe=f"battle_won {won.mean():.3g}")


def _recipe(name: str, kind: str) -> Recipe:
    full, shares = f"smax-{name}-{kind}", " and ".join(f"{share:g}" for share in FIGHT_KINDS[kind])
    return Recipe(
        name=full,
        description=f"SMAX {name}: scripted fighters of three targets, {shares} of random actions",
        episodes=EPISODES,
        steps=None,
        mean_return=MEAN_RETURNS[full],
        make=partial(make_fights, name, kind),
        environment=f"smax-{name}",
        episode_limit=EPISODE_LIMIT,
        agents=tuple(f"ally_{i}" for i in range(MAPS[name].n_allies)),
    )


FIGHT_RECIPES: dict[str, Recipe] = {
    recipe.name: recipe for name in FIGHT_MAPS for kind in FIGHT_KINDS for recipe in (_recipe(name, kind),)
}
"""All of them by name."""
