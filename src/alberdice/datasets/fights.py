"""Recipes of SMAX fights (JAX, not SMAC): 500 episodes of scripted fighters each.

    -conventions   three targets, 'weakest', 'high' and 'nearest', in equal parts, one for the whole team of an episode
    -medium        the same with .2 of random actions
    -mixed         both, in equal parts
    -tactics       two ways to fight, in equal parts, all at the weakest: of maps that scripts seldom win

``smax-3s5z`` and ``smax-6h_vs_8z``, where all of them kite, have the first three; ``smax-8m_vs_9m`` (to gather, and to gather
and spare) and ``smax-3s5z_vs_3s6z`` (to spare, and to spare and gather) the last.  A random action is uniform over the
available ones, drawn per step and agent.  Which episode is of which kind is a permutation that the seed draws.  The header's
recipe tells the win rate, the notes that of every kind.

The paper's other two maps are missing: scripted fighters win next to none of their fights there (``docs/starcraft.md``), and
none is filled in for them.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from alberdice.datasets.build import EpisodeArrays, from_episodes
from alberdice.datasets.dataset import OfflineDataset
from alberdice.datasets.recipe import Recipe
from alberdice.datasets.record import record
from alberdice.environments.registry import find_environment
from alberdice.environments.smax import EPISODE_LIMIT, MAPS
from alberdice.environments.smax.fighters import fighter

__all__ = ["FIGHT_KINDS", "FIGHT_RECIPES", "Team", "make_fights"]

EPISODES = 500


class Team(NamedTuple):
    """Who plays a share of the episodes: the fighters' target and tactics, and their share of random actions."""

    target: str
    tactics: tuple[str, ...] = ()
    random: float = 0.0

    def __str__(self) -> str:
        told = "".join(f" and {name}" for name in self.tactics if name != "kite")
        return f"'{self.target}'{told} with {self.random:g} of random actions"


def _of_targets(*tactics: str) -> dict[str, tuple[Team, ...]]:
    """Three targets, as they are and with random actions, and both."""
    plain, noisy = (tuple(Team(target, tactics, share) for target in ("weakest", "high", "nearest")) for share in (0.0, 0.2))
    return {"conventions": plain, "medium": noisy, "mixed": plain + noisy}


def _of_tactics(*tactics: tuple[str, ...]) -> dict[str, tuple[Team, ...]]:
    return {"tactics": tuple(Team("weakest", each) for each in tactics)}


#: per map and kind, who plays, in equal parts
FIGHT_KINDS: dict[str, dict[str, tuple[Team, ...]]] = {
    "3s5z": _of_targets(),
    "6h_vs_8z": _of_targets("kite"),
    "8m_vs_9m": _of_tactics(("gather",), ("gather", "spare")),
    "3s5z_vs_3s6z": _of_tactics(("spare",), ("spare", "gather")),
}

MEAN_RETURNS: dict[str, float] = {
    "smax-3s5z-conventions": 1.58396833,
    "smax-3s5z-medium": 0.991959372,
    "smax-3s5z-mixed": 1.27917073,
    "smax-6h_vs_8z-conventions": 1.45515997,
    "smax-6h_vs_8z-medium": 0.933009979,
    "smax-6h_vs_8z-mixed": 1.19380998,
    "smax-8m_vs_9m-tactics": 1.0666667,
    "smax-3s5z_vs_3s6z-tactics": 1.07255871,
}
"""Undiscounted, with seed 0, with the versions of ``constraints.txt``."""


def make_fights(name: str, kind: str, generator: np.random.Generator, *, episodes: int = EPISODES) -> OfflineDataset:
    """A dataset of this kind.

    Args:
        name: of the map.
        kind: one of the map's in :data:`FIGHT_KINDS`.
        generator: draws the order of the kinds, and the seed of the episodes.
        episodes: how many.

    Raises:
        ResourceError: JaxMARL is not installed.
    """
    battle, teams = MAPS[name], FIGHT_KINDS[name][kind]
    order = generator.permutation(episodes) % len(teams)
    seed, played = int(generator.integers(1 << 31)), list[EpisodeArrays | None]([None] * episodes)
    won, shares = np.zeros(episodes), np.array([team.random for team in teams])

    def noise(k: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.repeat(shares[order[k], None], battle.n_allies, axis=1)

    with find_environment(f"smax-{name}").open() as environment:
        for script in dict.fromkeys(team[:2] for team in teams):  # those that differ by noise alone fight side by side
            numbers = np.flatnonzero([teams[which][:2] == script for which in order])
            made = fighter(environment.spec, target=script[0], **dict.fromkeys(script[1], True))
            done = record(environment, made, numbers.tolist(), seed, epsilon=noise)
            won[numbers] = done.metrics["battle_won"]
            for number, episode in zip(numbers.tolist(), done.episodes, strict=True):
                played[number] = episode
    told = [f"SMAX, not SMAC. battle_won {won.mean():.3g} of {episodes} fights by scripted fighters."]
    for which, team in enumerate(teams):
        mine = order == which
        told.append(f"{mine.sum()} by {team}: battle_won {won[mine].mean():.3g}.")
    whole = [episode for episode in played if episode is not None]
    dataset = from_episodes(f"smax-{name}-{kind}", (battle.n_actions,) * battle.n_allies, whole, notes=told)
    return dataset.with_header(recipe=f"battle_won {won.mean():.3g}")


def _recipe(name: str, kind: str) -> Recipe:
    full, teams = f"smax-{name}-{kind}", FIGHT_KINDS[name][kind]
    ways = "two tactics" if kind == "tactics" else "three targets"
    noise = " and ".join(dict.fromkeys(f"{team.random:g}" for team in teams))
    return Recipe(
        name=full,
        description=f"SMAX {name}: scripted fighters of {ways}, {noise} of random actions",
        episodes=EPISODES,
        steps=None,
        mean_return=MEAN_RETURNS[full],
        make=partial(make_fights, name, kind),
        environment=f"smax-{name}",
        episode_limit=EPISODE_LIMIT,
        agents=tuple(f"ally_{i}" for i in range(MAPS[name].n_allies)),
    )


FIGHT_RECIPES: dict[str, Recipe] = {
    recipe.name: recipe for name, kinds in FIGHT_KINDS.items() for kind in kinds for recipe in (_recipe(name, kind),)
}
"""All of them by name."""
