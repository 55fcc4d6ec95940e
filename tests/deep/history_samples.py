"""For tests of policies with a memory: tiny runs, and a game that needs one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from deep_samples import tiny

import alberdice as ad
from alberdice.datasets import EpisodeArrays, OfflineDataset, from_episodes
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.learner import learner_class
from alberdice.deep.training import preparation
from alberdice.environments import ENVIRONMENTS, EnvironmentEntry
from alberdice.games.game import Game

#: the algorithms whose policies may have a memory
ALL = ("bc", "icq", "omar", "optidice", "alberdice")
SMALL: dict[str, Any] = {"policy": "transformer", "width": 8, "context": 4}
#: actions of the two agents; the second one's third action is never right
ACTIONS = (2, 3)
#: what is seen at the states: the sign 0 or 1, then nothing, in the end nothing else
SEEN = np.eye(4)[[0, 1, 2, 2, 3]]


def small(algorithm: str, **changes: Any) -> Any:
    """A tiny run of transformers; BC with them has no hidden layers."""
    hidden = {"hidden": (128, 128)} if algorithm == "bc" else {}
    return tiny(algorithm, **{**hidden, **SMALL, **changes})


def fresh(algorithm: str, dataset: OfflineDataset, **changes: Any) -> Any:
    """A learner before its first update."""
    config = small(algorithm, **changes)
    data = TrainingData.build(dataset, share=config.merges_frames)
    return learner_class(algorithm)(data, config, torch.Generator().manual_seed(0))


def perturbed(learner: Any) -> Any:
    """The learner with parameters that are not near uniform."""
    generator = torch.Generator().manual_seed(5)
    for name, tensor in learner.state_dict().items():
        if name in ("policy", "own", "others", "nu", "e"):
            tensor += 0.3 * torch.randn(tensor.shape, generator=generator)
    return learner


def replayed(policies: Any, dataset: OfflineDataset) -> torch.Tensor:
    """The tables that policies play along the data's episodes, ``(T, N, A)``."""
    tables, step = [], 0
    for length in dataset.lengths:
        actor = policies.actor(1)
        for row in range(step, step + length):
            seen, mask = (torch.from_numpy(np.array(x[row : row + 1])) for x in (dataset.observations, dataset.action_masks))
            tables.append(actor.log_probabilities(seen, mask)[0])
            actor.observe(torch.from_numpy(np.array(dataset.actions[row : row + 1])), torch.zeros(1))
        step += length
    return torch.stack(tables)


class MemoryGame(Game):
    """States: the sign is 0, the sign is 1; it was 0, it was 1; the end."""

    def observation(self, index: int) -> Any:
        """What both agents see."""
        return SEEN[index]


def memory_game() -> MemoryGame:
    """Two steps: a sign is shown, then both agents must play it."""
    transition, reward = np.zeros((5, *ACTIONS, 5)), np.zeros((5, *ACTIONS))
    for state, after in enumerate((2, 3, 4, 4, 4)):
        transition[state, ..., after] = 1.0
    for sign in range(2):
        reward[2 + sign, sign, sign] = 1.0
    model = ad.MMDP(transition, reward, [0.5, 0.5, 0, 0, 0], 0.99)
    names = tuple(tuple("ABC"[:k]) for k in ACTIONS)
    return MemoryGame("memory", model, names, ("0", "1", "was 0", "was 1", "end"), horizon=2)


def memory_dataset(clever: bool, episodes: int = 400, seed: int = 0) -> OfflineDataset:
    """Episodes of random actions; clever agents play the sign in the end."""
    generator, played = np.random.default_rng(seed), []
    for number in range(episodes):
        sign = number % 2
        actions = np.array([[generator.integers(k) for k in ACTIONS] for _ in range(2)])
        if clever:
            actions[1] = sign
        path = [sign, 2 + sign, 4]
        rewards = np.array([0.0, float((actions[1] == sign).all())])
        seen = np.repeat(SEEN[path][:, None], 2, axis=1)
        played.append(EpisodeArrays(np.eye(5)[path], seen, actions, rewards, True))
    return from_episodes("memory", ACTIONS, played)


def offer(monkeypatch: pytest.MonkeyPatch, dataset: OfflineDataset) -> None:
    """Make ``train`` find the game as 'memory', and these data whatever it asks for."""
    monkeypatch.setitem(ENVIRONMENTS, "memory", EnvironmentEntry(memory_game, "a test of memory"))
    monkeypatch.setattr(preparation, "load_dataset", lambda name, **_: dataset)
