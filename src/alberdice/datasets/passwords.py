"""Data of games of passwords of any size, all episodes at a time; see ``games.passwords``.

Every episode keeps to one number k: its agents say c_k(s) at every state, and each of them, at every step and apart from the
others, plays with the episode's probability eps a uniformly random action instead.  k and eps are drawn for each episode, k
uniformly and eps from ``noises``.  What agents see is whole and kept in a byte a number.

    passwords-8ag-10000st-0-300        8 agents, 10,000 steps, noises 0 and .3, in thousandths; the game of seed 0
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from alberdice.datasets.dataset import OfflineDataset
from alberdice.datasets.header import DatasetHeader
from alberdice.errors import InvalidArgumentError
from alberdice.games.passwords import Passwords, passwords

__all__ = ["is_passwords", "make_passwords", "passwords_name", "play_passwords"]

_NAME = re.compile(r"passwords-(\d{1,4})ag-(\d{1,12})st((?:-\d{1,4})+)")


def play_passwords(
    game: Passwords, episodes: int, noises: Sequence[float], generator: np.random.Generator, *, name: str = "passwords"
) -> OfflineDataset:
    """Play so many episodes.

    Args:
        game: what is played.
        episodes: E, of ``game.stages`` steps each.
        noises: an episode's eps is one of these, each as likely as another.
        generator: of all that is drawn.
        name: of the dataset.
    """
    stages, agents = game.stages, game.n_agents
    password = generator.integers(game.codes.shape[1], size=episodes)
    noise = np.asarray(noises, np.float64)[generator.integers(len(noises), size=episodes)]
    states = np.empty((episodes, stages + 1), np.int64)
    actions = np.empty((episodes, stages, agents), np.int64)
    rewards = np.empty((episodes, stages))
    states[:, 0] = generator.integers(game.width, size=episodes)
    for t in range(stages):
        here = states[:, t]
        actions[:, t] = game.codes[here, password]
        other = generator.random((episodes, agents), dtype=np.float32) < noise[:, None]
        actions[:, t][other] = generator.integers(game.n_actions, size=int(other.sum()))
        said = game.said(here, actions[:, t])
        rewards[:, t] = game.reward[here, said]
        states[:, t + 1] = game.after(here, said, generator.random(episodes))
    frames = np.concatenate([states[:, :-1].reshape(-1), states[:, -1]])  # final frames stand behind all others
    seen, ended = game.features[frames], np.zeros((episodes, stages), np.bool_)
    ended[:, -1] = True
    return OfflineDataset(
        name=name,
        n_actions=(game.n_actions,) * agents,
        frame_states=seen,
        frame_observations=np.repeat(seen[:, None], agents, axis=1),
        actions=actions.reshape(-1, agents),
        rewards=rewards.reshape(-1),
        terminated=ended.reshape(-1),
        truncated=np.zeros(episodes * stages, np.bool_),
        lengths=np.full(episodes, stages),
        notes=(f"Played by {game.codes.shape[1]} conventions with noise {', '.join(f'{x:g}' for x in noises)}.",),
        header=DatasetHeader(
            environment="passwords",
            environment_arguments=game.arguments,
            agents=tuple(f"agent_{i + 1}" for i in range(agents)),
            episode_limit=stages,
        ),
    )


def passwords_name(n_agents: int, steps: int, noises: Sequence[float]) -> str:
    """The name of data of so many agents and steps."""
    return f"passwords-{n_agents}ag-{steps}st" + "".join(f"-{round(1000 * noise)}" for noise in noises)


def is_passwords(name: str) -> bool:
    """Whether it is such a name."""
    return _NAME.fullmatch(name) is not None


def make_passwords(name: str, seed: int) -> OfflineDataset:
    """Data by their name.

    Args:
        name: see the module.
        seed: of the generator.

    Raises:
        InvalidArgumentError: steps that are no whole episodes, a noise above 1, a game that is none.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        expected = "passwords-<agents>ag-<steps>st-<noise>-..., noises in thousandths"
        raise InvalidArgumentError("dataset", got=repr(name), expected=expected)
    game, steps = passwords(int(match[1])), int(match[2])
    noises = [int(word) / 1000 for word in match[3].split("-")[1:]]
    episodes, rest = divmod(steps, game.stages)
    if rest or not episodes:
        raise InvalidArgumentError(
            f"dataset {name!r}", got=f"{steps} steps", expected=f"a multiple of {game.stages}, an episode's"
        )
    if max(noises) > 1:
        raise InvalidArgumentError(f"dataset {name!r}", got=f"noise {max(noises):g}", expected="at most 1000 thousandths")
    made = play_passwords(game, episodes, noises, np.random.default_rng(seed), name=name)
    notes = (*made.notes, f"Made by the recipe {name!r} with seed {seed}.")
    return replace(made, notes=notes, header=replace(made.header, recipe=f"{name} seed={seed}"))
