"""Built-in datasets, made from a recipe and a seed in seconds.

    matrix-a .. matrix-d   Penalty XOR, payoff [[0, 1], [1, -2]] over (A, B) x (A, B): 100 episodes of 50 steps whose 5,000
                           joint actions have exactly the counts that were published, in an order that the seed shuffles
    bridge-optimal         hard Bridge: 500 episodes, each by one of two deterministic optimal policies, agent 1 or agent 2
                           crossing first, as a fair coin falls
    bridge-*-asrecorded    Bridge with a recorder's habits, see ``bridge_as_recorded``
    passwords-*            of games of passwords of any size, see ``passwords``
    zoo-NAME               data of mixed conventions and noise from the zoo's games, see ``alberdice.games.zoo``
    bridge-mix             500 episodes as in bridge-optimal, then 500 by a uniformly random joint policy
    rware-*                1,000 episodes of scripted experts in robotic warehouses, see ``warehouses``
    football-rps-*         600 episodes of scripted strikers, see ``matches``; needs gfootball
    smax-*                 500 fights of SMAX by scripted fighters, see ``fights``; needs ``alberdice[starcraft]``

The matrix game has one state and is played again and again, so that step t + 1 is in the state of step t: an episode is 50
plays, and its end is a time limit (truncated), not an end of the game.  That agrees with the game's MMDP, whose state leads
to itself, and makes d^D the distribution of joint actions.  State and observations are the constant feature 1.

In Bridge the state and each observation are (row 1, col 1, done 1, row 2, col 2, done 2); an episode is terminated once both
agents are done, and truncated after 50 steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alberdice.datasets.bridge_as_recorded import LIMIT, bridge_as_recorded
from alberdice.datasets.build import EpisodeArrays, from_episodes
from alberdice.datasets.dataset import OfflineDataset
from alberdice.datasets.fights import FIGHT_RECIPES
from alberdice.datasets.joined import concatenate
from alberdice.datasets.matches import MATCH_RECIPES
from alberdice.datasets.packages import require
from alberdice.datasets.passwords import is_passwords, make_passwords
from alberdice.datasets.recipe import Recipe
from alberdice.datasets.warehouses import WAREHOUSE_RECIPES
from alberdice.datasets.zoo import ZOO_PREFIX, played_zoo
from alberdice.errors import InvalidArgumentError
from alberdice.games import PAPER_COUNTS, bridge, counts_from_joint_actions, penalty_xor
from alberdice.games.game import Game
from alberdice.games.zoo import ZOO, zoo_game

__all__ = ["RECIPES", "Recipe", "is_builtin", "make_builtin"]

MATRIX_NAMES = tuple(f"matrix-{key}" for key in PAPER_COUNTS)
_EPISODES, _STEPS = 100, 50
_BRIDGE_EPISODES, _BRIDGE_LIMIT = 500, 50


def _counts(game: Game, name: str) -> NDArray[np.float64]:
    """The published counts of joint actions, (2, 2)."""
    counts = counts_from_joint_actions(PAPER_COUNTS[name.removeprefix("matrix-")], game.action_names)
    return np.asarray(counts[0])


def _matrix(name: str, generator: np.random.Generator) -> OfflineDataset:
    game = penalty_xor()
    counts = _counts(game, name)
    plays = np.repeat(np.argwhere(counts), counts[counts > 0].astype(np.int64), axis=0)
    generator.shuffle(plays)
    payoff = game.mmdp.reward[0]
    episodes = [
        EpisodeArrays(
            states=np.ones((_STEPS + 1, 1)),
            observations=np.ones((_STEPS + 1, 2, 1)),
            actions=part,
            rewards=payoff[part[:, 0], part[:, 1]],
            terminated=False,
        )
        for part in np.split(plays, _EPISODES)
    ]
    note = "A repeated matrix game: 100 episodes of 50 plays, cut by a time limit; the one state is the constant feature 1."
    return from_episodes(name, (2, 2), episodes, notes=(note,))


def _play(environment: Any, choose: Callable[[int], tuple[int, ...]], seed: int) -> EpisodeArrays:
    """One episode of a PettingZoo parallel environment whose state has an index."""
    seen, _ = environment.reset(seed=seed)
    agents = environment.possible_agents
    states, observations = [environment.state()], [np.stack([seen[agent] for agent in agents])]
    actions, rewards = [], []
    terminated = truncated = False
    while not (terminated or truncated):
        joint = choose(environment.state_index)
        seen, reward, ended, cut, _ = environment.step(dict(zip(agents, joint, strict=True)))
        terminated, truncated = ended[agents[0]], cut[agents[0]]
        actions.append(joint)
        rewards.append(reward[agents[0]])
        states.append(environment.state())
        observations.append(np.stack([seen[agent] for agent in agents]))
    return EpisodeArrays(
        states=np.stack(states),
        observations=np.stack(observations),
        actions=np.array(actions, np.int64),
        rewards=np.array(rewards, np.float64),
        terminated=terminated,
        truncated=truncated and not terminated,
    )


def _bridge(name: str, generator: np.random.Generator, episodes: int, *, optimal: bool) -> OfflineDataset:
    require("pettingzoo", "games")
    game = bridge(hard=True, discount=0.99)
    environment: Any = game.parallel_env(max_steps=_BRIDGE_LIMIT)
    sizes = game.mmdp.n_actions
    tables: list[NDArray[np.int64]] = [
        np.stack([np.asarray(policy[i]).argmax(axis=1) for i in range(len(sizes))], axis=1) for policy in game.optimal_policies
    ]
    played = []
    for _ in range(episodes):
        table = tables[int(generator.integers(len(tables)))]

        def choose(state: int, table: NDArray[np.int64] = table) -> tuple[int, ...]:
            if optimal:
                return tuple(int(a) for a in table[state])
            return tuple(int(generator.integers(n)) for n in sizes)

        played.append(_play(environment, choose, int(generator.integers(1 << 31))))
    return from_episodes(name, sizes, played)


def _bridge_optimal(generator: np.random.Generator) -> OfflineDataset:
    return _bridge("bridge-optimal", generator, _BRIDGE_EPISODES, optimal=True)


def _bridge_mix(generator: np.random.Generator) -> OfflineDataset:
    parts = [
        _bridge("optimal", generator, _BRIDGE_EPISODES, optimal=True),
        _bridge("random", generator, _BRIDGE_EPISODES, optimal=False),
    ]
    return concatenate("bridge-mix", parts)


def _matrix_recipe(name: str) -> Recipe:
    game = penalty_xor()
    words = ", ".join(f"{joint} {n}" for joint, n in PAPER_COUNTS[name.removeprefix("matrix-")].items())
    mean = float((_counts(game, name) * game.mmdp.reward[0]).sum()) / _EPISODES
    make = partial(_matrix, name)
    return Recipe(name, f"Penalty XOR, {words}", _EPISODES, _EPISODES * _STEPS, mean, make, "penalty-xor", _STEPS)


def _bridge_recipe(
    name: str, words: str, sizes: tuple[int, int | None, float], make: Callable[[np.random.Generator], OfflineDataset]
) -> Recipe:
    return Recipe(name, words, *sizes, make, "bridge", _BRIDGE_LIMIT)


def _recorded_recipe(name: str, words: str, episodes: int, mean: float, *, random_half: bool) -> Recipe:
    make = partial(bridge_as_recorded, name, random_half=random_half)
    return Recipe(name, words, episodes, None, mean, make, "bridge", LIMIT, {"goals_seen": True})


RECIPES: dict[str, Recipe] = {
    **{name: _matrix_recipe(name) for name in MATRIX_NAMES},
    "bridge-optimal": _bridge_recipe(
        "bridge-optimal", "hard Bridge, two optimal policies", (500, 4000, -1.2354526), _bridge_optimal
    ),
    "bridge-mix": _bridge_recipe(
        "bridge-mix", "hard Bridge, 500 optimal and 500 uniform random", (1000, None, -9.6194159), _bridge_mix
    ),
    "bridge-optimal-asrecorded": _recorded_recipe(
        "bridge-optimal-asrecorded", "hard Bridge, idle agents move at random", 500, -1.2354526, random_half=False
    ),
    "bridge-mix-asrecorded": _recorded_recipe(
        "bridge-mix-asrecorded", "the same and 500 uniform random, limit steps pay 0", 1000, -9.3451293, random_half=True
    ),
    **WAREHOUSE_RECIPES,
    **FIGHT_RECIPES,
    **MATCH_RECIPES,
}
"""All built-in datasets by name."""


def make_builtin(name: str, seed: int = 0) -> OfflineDataset:
    """Make a built-in dataset.

    Args:
        name: a key of :data:`RECIPES`, 'zoo-' and a game of the zoo, or a name of ``passwords``.
        seed: of the generator that the recipe draws from; equal seeds give equal bits.

    Raises:
        InvalidArgumentError: no such recipe, or a negative seed.
    """
    if not is_builtin(name):
        expected = f"one of {', '.join(RECIPES)}, or zoo- and one of {', '.join(ZOO)}"
        raise InvalidArgumentError("dataset", got=repr(name), expected=expected)
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InvalidArgumentError("seed", got=seed, expected="a whole number, 0 or more")
    generator = np.random.default_rng(seed)
    if is_passwords(name):
        return make_passwords(name, int(seed))
    if name not in RECIPES:
        return played_zoo(zoo_game(name.removeprefix(ZOO_PREFIX)), generator, int(seed))
    made = RECIPES[name].make(generator)
    notes = (*made.notes, f"Made by the recipe {name!r} with seed {seed}.")
    return replace(made, notes=notes, header=RECIPES[name].header(int(seed), made.header.recipe))


def is_builtin(name: str) -> bool:
    """Whether a recipe makes the dataset of that name."""
    return name in RECIPES or is_passwords(name) or (name.startswith(ZOO_PREFIX) and name.removeprefix(ZOO_PREFIX) in ZOO)
