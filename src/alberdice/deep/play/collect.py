"""A dataset from play: what policies, or agents that choose at random, see and do in an environment."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alberdice import _checks
from alberdice.datasets import DatasetHeader, EpisodeArrays, OfflineDataset, from_episodes
from alberdice.deep.batches.training_data import Features
from alberdice.deep.play.episodes import play_episodes
from alberdice.deep.policies import Policies
from alberdice.environments import Environment, EnvironmentSpec, Frame, PlayOptions, Step

__all__ = ["RandomPolicies", "collect"]


def collect(
    environment: Environment,
    episodes: int,
    seed: int = 0,
    *,
    name: str = "",
    policies: Policies | None = None,
    options: PlayOptions | None = None,
    play: str = "sample",
    workers: int = 0,
) -> OfflineDataset:
    """Episodes as a dataset whose header names the environment, its arguments, its agents, the rule and the limit.

    Args:
        environment: where.
        episodes: how many.
        seed: decides all of them, see ``episodes``.
        name: of the dataset; empty: the environment's.
        policies: who plays; None: every available action is as probable as the others.
        options: how the environment is read.
        play: 'sample' or 'greedy'.
        workers: processes among which the slots are divided.

    Raises:
        InvalidArgumentError: policies or options that do not fit, or an environment's own error.
    """
    _checks.whole_number(episodes, "episodes", low=1)
    with environment.open(options, workers=workers) as opened:
        spec = opened.spec
        recorder = _Recorder(spec)
        who = RandomPolicies(spec) if policies is None else policies
        play_episodes(who, opened, episodes, seed, play=play, watcher=recorder)
    header = DatasetHeader(
        environment=environment.name,
        environment_arguments=dict(environment.arguments),
        agents=spec.agents,
        team_reward=spec.team_reward,
        episode_limit=spec.horizon,
    )
    note = f"Played in {environment} with seed {seed} by {'random agents' if policies is None else 'given policies'}."
    return from_episodes(name or spec.name, spec.n_actions, recorder.episodes(), notes=(note,), header=header)


class RandomPolicies:
    """Every available action is as probable as the others."""

    has_memory: ClassVar[bool] = False

    def __init__(self, spec: EnvironmentSpec) -> None:
        self.n_actions = spec.n_actions
        shape = (spec.n_agents, spec.observation_size)
        self.features = Features(torch.zeros(shape), torch.ones(shape))

    def actor(self, episodes: int) -> RandomPolicies:
        """These policies."""
        return self

    def log_probabilities(self, observations: Tensor, available: Tensor | None = None) -> Tensor:
        """See ``policies.Actor``."""
        if available is None:
            most = max(self.n_actions)
            own = torch.arange(most) < torch.tensor(self.n_actions)[:, None]
            available = own.expand(len(observations), -1, -1)
        weights = available.double()
        return (weights / weights.sum(-1, keepdim=True)).log()

    def observe(self, actions: Tensor, rewards: Tensor) -> None:
        """Nothing."""

    def save(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """See ``policies.Policies``."""
        return {}, {"kind": "random", "n_actions": self.n_actions}


class _Recorder:
    """Keeps what happens, episode by episode."""

    def __init__(self, spec: EnvironmentSpec) -> None:
        own = np.arange(max(spec.n_actions)) < np.array(spec.n_actions)[:, None]
        self.everything, self.masked = own, False
        self.frames: list[list[tuple[NDArray[Any], ...]]] = []
        self.steps: list[list[tuple[NDArray[np.int64], float]]] = []
        self.ends: list[tuple[bool, bool]] = []

    def begin(self, numbers: NDArray[np.int64], frame: Frame) -> None:
        """See ``episodes.Watcher``."""
        self.first = int(numbers[0])
        self.frames += [[_row(frame, b)] for b in range(len(numbers))]
        self.steps += [[] for _ in numbers]
        self.ends += [(False, False)] * len(numbers)

    def step(self, before: Frame, actions: NDArray[np.int64], step: Step, going: NDArray[np.bool_]) -> None:
        """See ``episodes.Watcher``."""
        for b in np.flatnonzero(going):
            number = self.first + int(b)
            self.frames[number].append(_row(step.frame, int(b)))
            self.steps[number].append((actions[b].copy(), float(step.rewards[b])))
            self.ends[number] = (bool(step.terminated[b]), bool(step.truncated[b]))

    def episodes(self) -> list[EpisodeArrays]:
        """What was kept; without masks where every agent always had all its actions."""
        masks = [np.stack([row[1] for row in frames]) for frames in self.frames]
        masked = any((part != self.everything).any() for part in masks)
        return [
            EpisodeArrays(
                states=np.stack([row[2] for row in frames]),
                observations=np.stack([row[0] for row in frames]),
                actions=np.stack([action for action, _ in steps]),
                rewards=np.array([reward for _, reward in steps]),
                terminated=ended,
                truncated=cut,
                action_masks=mask if masked else None,
            )
            for frames, steps, mask, (ended, cut) in zip(self.frames, self.steps, masks, self.ends, strict=True)
        ]


def _row(frame: Frame, slot: int) -> tuple[NDArray[Any], ...]:
    """Observations, masks and state of one slot."""
    return frame.observations[slot].copy(), frame.masks[slot].copy(), frame.state[slot].copy()
