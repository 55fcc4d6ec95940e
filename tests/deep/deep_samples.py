"""Small runs and datasets for the deep layer's tests."""

from __future__ import annotations

from dataclasses import fields
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from alberdice.datasets import EpisodeArrays, OfflineDataset, from_episodes, load_dataset
from alberdice.deep.batches.features import Features
from alberdice.deep.batches.sequences import cut_episodes
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.config import TrainConfig, from_mapping
from alberdice.deep.learner import learner_class
from alberdice.deep.networks.mlp import StackedMLP
from alberdice.deep.policies import FeedForwardPolicies

TINY: dict[str, Any] = {
    "dataset": "matrix-d",
    "updates": 12,
    "pretrain_updates": 10,
    "batch_size": 32,
    "pretrain_batch_size": 16,
    "hidden": (8,),
    "evaluate_every": 6,
    "evaluate_episodes": 20,
    "checkpoint_every": 5,
    "pictures": False,
    "select": "last",
    "starts": 1,
}


#: another value of the settings that every learner reads
SHARED_CHANGES: dict[str, Any] = {
    "dataset": "matrix-c",
    "dataset_seed": 1,
    "seed": 1,
    "updates": 13,
    "batch_size": 33,
    "learning_rate": 1e-3 / 3,
    "settle_share": 0.5,
    "standardise": False,
    "keep_best": 0.5,
}

#: settings of the loop, the machine and the bookkeeping, and frames' sharing: each has a test of its own
ELSEWHERE = {
    "algorithm",
    "environment",
    "device",
    "capture",
    "threads",
    "workers",
    "memory_share",
    "agents",
    "flatten",
    "max_steps",
    "evaluate_every",
    "evaluate_episodes",
    "checkpoint_every",
    "keep_policies",
    "keep_states",
    "play",
    "precision",
    "pictures",
    "select",
    "select_every",
    "held_out",
    "share_frames",
    "levels",
}


#: networks of one's own, of algorithms whose policies may have no memory: test_module.py
NETWORKS = ("policy_network",)
#: of memories, of the same algorithms: test_history_runs.py
HISTORIES = ("policy", "width", "blocks", "heads", "tokens", "context", "chunk", "episode_steps")


def chain_dataset(
    seed: int = 0,
    *,
    n_actions: tuple[int, ...] = (2, 3, 4),
    masks: bool = False,
    lengths: tuple[int, ...] = (4, 1, 6, 3),
) -> OfflineDataset:
    """Random episodes with three agents, five features per observation, seven per state: N, D and A all differ."""
    generator = np.random.default_rng(seed)
    n, wide, episodes = len(n_actions), max(n_actions), []
    for length in lengths:
        available = np.arange(wide) < np.array(n_actions)[:, None]
        shown = np.broadcast_to(available, (length + 1, n, wide)).copy()
        actions = np.stack([generator.integers(k, size=length) for k in n_actions], axis=1)
        if masks:
            shown &= generator.random(shown.shape) < 0.6
            shown[..., 0] = True
            actions = np.array([[generator.choice(np.flatnonzero(row)) for row in frame] for frame in shown[:length]])
        episodes.append(
            EpisodeArrays(
                states=generator.normal(size=(length + 1, 7)),
                observations=generator.normal(size=(length + 1, n, 5)),
                actions=actions.astype(np.int64),
                rewards=generator.normal(size=length),
                terminated=length % 2 == 0,
                action_masks=shown if masks else None,
            )
        )
    return from_episodes("chain", n_actions, episodes)


def tiny(algorithm: str = "alberdice", **changes: Any) -> Any:
    """Settings of a run that takes a fraction of a second; what the algorithm does not read is left out of ``TINY``."""
    base = learner_class(algorithm).settings(algorithm=algorithm)
    known = {f.name for f in fields(base)}
    return from_mapping({**{k: v for k, v in TINY.items() if k in known}, **changes}, base)


@lru_cache(maxsize=4)
def _source(config: TrainConfig) -> OfflineDataset:
    return load_dataset(config.dataset, seed=config.dataset_seed)


def trained(config: TrainConfig, dataset: OfflineDataset | None = None, updates: int | None = None) -> dict[str, torch.Tensor]:
    """State of a learner after all updates of a run, or some, without the loop around it."""
    source = _source(config) if dataset is None else dataset
    pieces = cut_episodes(source, config.steps_per_episode(0))
    data = TrainingData.of_run(pieces, config)
    learner = learner_class(config.algorithm)(data, config, torch.Generator().manual_seed(config.seed))
    generator = torch.Generator().manual_seed(config.seed + 1)
    for _ in range(config.total if updates is None else updates):
        learner.update(generator)
    return {name: tensor.clone() for name, tensor in learner.state_dict().items()}


def perturbed_policies(dataset: str) -> Any:
    """Policies of a fresh learner, further from uniform."""
    data = TrainingData.build(load_dataset(dataset))
    found = learner_class("alberdice")(data, tiny(), torch.Generator().manual_seed(0)).policies
    found.parameters.mul_(1.5)
    return found


def equal(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    """Whether two states agree bit for bit."""
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def setting_matters(algorithm: str, name: str, value: Any) -> bool:
    """Whether a setting's other value changes what the algorithm learns in a tiny run, on data where N, D and A differ."""
    dataset = None if name.startswith("dataset") else chain_dataset(n_actions=(2, 3))
    return not equal(trained(tiny(algorithm), dataset), trained(tiny(algorithm, **{name: value}), dataset))


def check_masks(algorithm: str) -> None:
    """After a tiny run on data with masks all metrics are finite, and the policies give unavailable actions nothing."""
    dataset, maker = chain_dataset(masks=True), learner_class(algorithm)
    agents, generator = maker(TrainingData.build(dataset), tiny(algorithm), torch.Generator()), torch.Generator()
    for _ in range(tiny(algorithm).total):
        assert all(torch.isfinite(value) for value in agents.update(generator).values())
    masks, seen = (torch.from_numpy(np.array(x)) for x in (dataset.action_masks, dataset.observations))
    table = agents.policies.actor(len(seen)).log_probabilities(seen, masks).exp()
    assert table[~masks].max() == 0
    np.testing.assert_allclose(table.sum(-1), 1, atol=1e-5)


def check_shared_frames(algorithm: str, names: tuple[str, ...]) -> None:
    """Networks run once per distinct frame learn the same but for rounding, which Adam turns into steps before long."""
    base = {"dataset": "bridge-optimal", "batch_size": 200, "hidden": (16,)}
    first, second = (trained(tiny(algorithm, share_frames=share, **base), updates=4) for share in (True, False))
    assert not equal(first, second)
    for name in names:
        torch.testing.assert_close(first[name], second[name], rtol=1e-3, atol=1e-4)


def table_policies(game: Any, logits: torch.Tensor) -> FeedForwardPolicies:
    """Policies on one-hot states with these logits ``(N, S, A)``."""
    n, states, choices = logits.shape
    network = StackedMLP(states, (), choices)
    parameters = torch.cat([logits.reshape(n, -1), torch.zeros(n, choices)], dim=1)
    features = Features(torch.zeros(n, states, dtype=torch.float64), torch.ones(n, states, dtype=torch.float64))
    return FeedForwardPolicies(network, parameters, features, game.mmdp.n_actions)
