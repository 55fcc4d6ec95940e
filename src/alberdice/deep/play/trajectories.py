"""Episodes of a game with their states: what policies with a memory visit, and what a picture shows of a game."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alberdice._checks import FloatArray
from alberdice.deep.play.episodes import play_episodes
from alberdice.deep.policies import Policies
from alberdice.environments import Frame, Step
from alberdice.environments.games import GameEnvironment
from alberdice.games.game import Game

__all__ = ["Trajectories", "trajectories"]


@dataclass(frozen=True)
class Trajectories:
    """Episodes of a game, side by side.

    Attributes:
        states: ``(H, B)``; an episode that has ended stays where it ended.
        actions: ``(H, B, N)``.
        rewards: ``(H, B)``.
        going: ``(H, B)``, whether the episode had not ended before the step.
    """

    states: NDArray[np.int64]
    actions: NDArray[np.int64]
    rewards: FloatArray
    going: NDArray[np.bool_]


class _States:
    """Keeps the states before each step."""

    def __init__(self, environment: GameEnvironment) -> None:
        self.environment = environment
        self.rows: list[tuple[NDArray[np.int64], NDArray[np.int64], FloatArray, NDArray[np.bool_]]] = []

    def begin(self, numbers: NDArray[np.int64], frame: Frame) -> None:
        """See ``environments.play.Watcher``."""
        self.before = self.environment.states.copy()

    def step(self, before: Frame, actions: NDArray[np.int64], step: Step, going: NDArray[np.bool_]) -> None:
        """See ``environments.play.Watcher``."""
        self.rows.append((self.before, actions, step.rewards, going))
        self.before = self.environment.states.copy()


def trajectories(policies: Policies, game: Game, episodes: int, seed: int, play: str = "sample") -> Trajectories:
    """Play episodes 0 .. B - 1 of a seed, all of them side by side.

    Raises:
        InvalidArgumentError: a game that does not fit.
    """
    with GameEnvironment(game) as environment:
        kept = _States(environment)
        play_episodes(policies, environment, episodes, seed, play=play, slots=episodes, watcher=kept)
    states, actions, rewards, going = (np.stack(parts) for parts in zip(*kept.rows, strict=True))
    return Trajectories(states, actions, rewards, going)
