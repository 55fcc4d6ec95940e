"""Data of the zoo's games, played from their recipe; see ``alberdice.games.zoo.zoo_game``."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from alberdice.datasets.build import EpisodeArrays, from_episodes
from alberdice.datasets.dataset import OfflineDataset
from alberdice.datasets.header import DatasetHeader
from alberdice.games.zoo import ZooGame

__all__ = ["ZOO_PREFIX", "play_zoo", "played_zoo"]

#: what the names of the zoo's datasets begin with
ZOO_PREFIX = "zoo-"


def played_zoo(game: ZooGame, generator: np.random.Generator, seed: int) -> OfflineDataset:
    """The same with a header and a note that say where it comes from; ``seed`` is the generator's."""
    made = play_zoo(game, generator)
    header = DatasetHeader(
        environment="zoo",
        environment_arguments={"name": game.name},
        agents=tuple(f"agent_{i + 1}" for i in range(game.mmdp.n_agents)),
        episode_limit=game.limit,
        recipe=f"{made.name} seed={seed}",
    )
    return replace(made, notes=(*made.notes, f"Made by the recipe {made.name!r} with seed {seed}."), header=header)


def play_zoo(game: ZooGame, generator: np.random.Generator) -> OfflineDataset:
    """Episodes of mixed conventions and noise, under the name 'zoo-' and the game's."""
    episodes = [_episode(game, generator) for _ in range(game.episodes)]
    note = f"Played by {len(game.conventions)} conventions with noise {', '.join(f'{x:g}' for x in game.noises)}."
    notes = [note, "The last step at the limit is recorded with reward 0."] if game.last_step_pays_nothing else [note]
    return from_episodes(f"{ZOO_PREFIX}{game.name}", game.mmdp.n_actions, episodes, notes=notes)


def _episode(game: ZooGame, generator: np.random.Generator) -> EpisodeArrays:
    """One episode: until it is finished, or ``game.limit`` steps."""
    model = game.mmdp
    table = game.conventions[generator.choice(len(game.conventions), p=game.shares)]
    noise = float(generator.choice(game.noises))
    state = int(generator.choice(model.n_states, p=model.initial))
    states, rewards = [state], []
    actions: list[list[int]] = []
    while len(actions) < game.limit and not game.finished[state]:
        joint = [_choose(game, state, i, int(table[state, i]), noise, generator) for i in range(model.n_agents)]
        row = state * model.n_joint_actions + int(np.ravel_multi_index(joint, model.n_actions))
        part = slice(model.transition.indptr[row], model.transition.indptr[row + 1])
        rewards.append(float(model.reward[(state, *joint)]))
        state = int(generator.choice(model.transition.indices[part], p=model.transition.data[part]))
        actions.append(joint)
        states.append(state)
    ended = bool(game.finished[state])
    if game.last_step_pays_nothing and not ended:
        rewards[-1] = 0.0
    seen = game.features[states]
    return EpisodeArrays(
        states=seen,
        observations=np.repeat(seen[:, None], model.n_agents, axis=1),
        actions=np.array(actions, np.int64),
        rewards=np.array(rewards),
        terminated=ended,
        action_masks=None if game.open_actions is None else game.open_actions[states],
    )


def _choose(game: ZooGame, state: int, agent: int, agreed: int, noise: float, generator: np.random.Generator) -> int:
    """The agreed action, or with probability ``noise`` any available one."""
    if generator.random() >= noise:
        return agreed
    size = game.mmdp.n_actions[agent]
    options = np.arange(size) if game.open_actions is None else np.flatnonzero(game.open_actions[state, agent, :size])
    return int(generator.choice(options))
