"""Policies with a memory in BC and AlberDICE: when a memory matters and when it cannot; windows, padding, pi_i^D."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from deep_samples import chain_dataset, equal, tiny, trained
from history_samples import ALL, fresh, memory_dataset, offer, perturbed, replayed, small

from alberdice.datasets import EpisodeArrays, from_episodes
from alberdice.deep.algorithms.alberdice import AlberDICE
from alberdice.deep.algorithms.alberdice.minibatch import Minibatch, gather_minibatch
from alberdice.deep.algorithms.alberdice.settings import AlberDICEConfig
from alberdice.deep.algorithms.bc import BC
from alberdice.deep.batches.sequences import Batch, Sequences
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.training.loop import train

#: one evaluation, after the last update
AT_THE_END = {"evaluate_every": 1000, "evaluate_episodes": 2000}


def play(tmp_path: Path, algorithm: str, policy: str, **changes: Any) -> float:
    """Mean return of a short run on the game that needs a memory."""
    width = {"width": 16} if policy == "transformer" else {}
    config = tiny(
        algorithm,
        **{"hidden": (128, 128), "policy": policy, "environment": "memory", **AT_THE_END, **width, **changes},
    )
    return float(train(config, tmp_path / f"{algorithm}-{policy}")["return_mean"])


@pytest.mark.parametrize(("policy", "least", "most"), [("feed-forward", 0.2, 0.3), ("transformer", 0.97, 1.0)])
def test_cloning_what_needs_a_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str, least: float, most: float
) -> None:
    """Without one, each agent plays the sign half of the time, apart from the other."""
    offer(monkeypatch, memory_dataset(clever=True))
    found = play(tmp_path, "bc", policy, updates=200, batch_size=256, learning_rate=5e-3)
    assert least <= found <= most


@pytest.mark.parametrize(("policy", "least", "most"), [("feed-forward", 0.3, 0.55), ("transformer", 0.95, 1.0)])
def test_learning_what_needs_a_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str, least: float, most: float
) -> None:
    """From random play; without a memory, agents can at best settle for one of the signs."""
    offer(monkeypatch, memory_dataset(clever=False))
    sizes = {"batch_size": 800, "pretrain_batch_size": 400, "updates": 300, "pretrain_updates": 100, "hidden": (32,)}
    found = play(tmp_path, "alberdice", policy, learning_rate=3e-3, pretrain_learning_rate=5e-3, **sizes)
    assert least <= found <= most


def test_one_step_is_all_there_is_to_remember() -> None:
    """Cloned on plays of one step, AA 5 times, AB twice and BA once, policies are the data's marginals, as without a memory."""
    frames, played = np.ones((2, 2, 1)), [(0, 0)] * 5 + [(0, 1)] * 2 + [(1, 0)]
    plays = [EpisodeArrays(frames[:, 0], frames, np.array([actions]), np.zeros(1), True) for actions in played]
    config = small("bc", updates=300, batch_size=64, learning_rate=5e-3)
    learner = BC(TrainingData.build(from_episodes("plays", (2, 2), plays)), config, torch.Generator().manual_seed(0))
    assert learner.memory is not None
    assert len(learner.memory.sequences) == 3
    for _ in range(config.updates):
        learner.update(torch.Generator())
    table = learner.policies.actor(1).log_probabilities(torch.ones(1, 2, 1)).exp()[0]
    np.testing.assert_allclose(table, [[7 / 8, 1 / 8], [6 / 8, 2 / 8]], atol=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("start", ["data", "uniform"])
def test_alberdice_on_single_steps(tmp_path: Path, start: str) -> None:
    """{AB, BA}: agents who cannot remember anything must still agree on one of both."""
    config = small(
        "alberdice",
        dataset="matrix-b",
        policy_start=start,
        updates=200,
        pretrain_updates=150,
        batch_size=64,
        pretrain_batch_size=64,
        learning_rate=5e-3,
        pretrain_learning_rate=5e-3,
        hidden=(16,),
        **AT_THE_END,
    )
    result = train(config, tmp_path / "run")
    assert result["episode_steps"] == 1
    assert result["return_mean"] > 0.8


@pytest.mark.parametrize("start", ["data", "uniform"])
@pytest.mark.parametrize(("context", "chunk"), [(3, 0), (20, 0), (2, 4)])
def test_training_computes_what_is_played(start: str, context: int, chunk: int) -> None:
    """Replaying the data gives every row its table: windows, masks, padding, pi_i^D's cache and the base."""
    dataset = chain_dataset(masks=True)
    learner = perturbed(fresh("alberdice", dataset, context=context, chunk=chunk, batch_size=999, policy_start=start))
    learner.behaviour.fill_caches()
    batch = everything(learner)
    tables = learner.rounds.turns.tables(learner.parameters["policy"], batch, slice(None))
    own = learner.clone
    assert sorted(batch.steps.tolist()) == list(range(14))
    torch.testing.assert_close(batch.weight, torch.full((14,), 1 / 14))
    for actor_of, found in ((learner.policies, tables), (own, batch.log_own)):
        played = replayed(actor_of, dataset)[batch.steps].transpose(0, 1)
        torch.testing.assert_close(found.exp(), played.exp(), rtol=1e-4, atol=1e-6)
    assert (tables.exp()[~batch.available] == 0).all()


def test_rows_of_windows_are_their_steps_and_what_follows() -> None:
    """Most steps are followed by the next row; those at the end of a window or of an episode, by a frame of their own."""
    learner = fresh("alberdice", chain_dataset(), context=3, batch_size=6)
    data = learner.data
    for seed in range(5):
        drawn = learner.form.draw(6, torch.Generator().manual_seed(seed))
        rows = learner.form.rows(drawn, data.starts)
        assert torch.equal(rows.frames[rows.here], data.here[drawn.steps])
        assert torch.equal(rows.frames[rows.after], data.after[drawn.steps])
        assert torch.equal(rows.frames[rows.start], data.starts)
        assert rows.frames[rows.absorbing] == len(data.states) - 1
        assert rows.n_here == len(drawn.steps)
        assert len(rows.frames) < 2 * len(drawn.steps) + len(data.starts) + 1


def everything(learner: AlberDICE) -> Minibatch:
    """A minibatch of all windows."""
    drawn = learner.form.draw(learner.config.batch_size, torch.Generator())
    return gather_minibatch(learner.data, learner.behaviour, drawn, learner.data.starts)


@pytest.mark.parametrize("algorithm", ALL)
def test_padding_enters_nothing(algorithm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever stands where windows have no step, updates are the same."""
    config = small(algorithm, context=20, batch_size=999, **({"pretrain_updates": 2} if algorithm == "alberdice" else {}))
    before, cut = trained(config, chain_dataset(masks=True), updates=4), Sequences.batch

    def spoiled(own: Sequences, *windows: torch.Tensor) -> Batch:
        found = cut(own, *windows)
        found.actions[:, ~found.valid] = 1
        found.observations[:, ~found.valid] = 7.0
        return found

    monkeypatch.setattr(Sequences, "batch", spoiled)
    after = trained(config, chain_dataset(masks=True), updates=4)
    for name, tensor in before.items():
        torch.testing.assert_close(tensor, after[name], rtol=1e-4, atol=1e-6)


def test_windows_are_merged_only_if_all_that_follows_agrees() -> None:
    """Other rewards, or another end: other transitions, whatever the returns to go."""
    code = np.eye(3)

    def episode(first: float, end: int) -> EpisodeArrays:
        states, rewards = code[[0, 1, end]], np.array([first, 1 - first])
        return EpisodeArrays(states, states[:, None], np.zeros((2, 1), np.int64), rewards, False)

    dataset = from_episodes("ends", (2,), [episode(0.0, 2), episode(0.0, 2), episode(1.0, 2), episode(0.0, 0)])
    learner = fresh("alberdice", dataset)
    assert learner.data.shared
    assert len(learner.form.windows) == 3
    assert sorted(learner.form.windows.share.tolist()) == [0.25, 0.25, 0.5]


@pytest.mark.parametrize(
    ("algorithm", "settings"),
    [*((name, {}) for name in ALL), ("alberdice", {"price": "sample"}), ("icq", {"baseline": "policy"})],
)
def test_merging_windows_changes_nothing_but_rounding(algorithm: str, settings: dict[str, Any]) -> None:
    sizes = {"batch_size": 6000, **({"pretrain_batch_size": 6000, "pretrain_updates": 2} if algorithm == "alberdice" else {})}
    config = {"dataset": "bridge-optimal", "context": 8, **sizes, **settings}
    first, second = (trained(small(algorithm, share_frames=share, **config), updates=3) for share in (True, False))
    assert not equal(first, second)
    for name in first:
        if name.endswith(".mean"):
            scale = float(first[name].abs().max())
            torch.testing.assert_close(first[name], second[name], rtol=1e-2, atol=1e-4 * scale)


def test_alpha_falls_with_few_windows_in_a_large_minibatch() -> None:
    """Two rows stand for {AB, BA}; one of two is half of the effective sample size that there can be."""
    settings = {"dataset": "matrix-b", "batch_size": 4096, "updates": 200, "hold_share": 0.4, "alpha_end": 0.5}
    state = trained(small("alberdice", episode_steps=1, **settings))
    assert state["alpha"].item() == pytest.approx(0.5)


def test_alpha_stops_earlier_with_a_memory() -> None:
    """By the rule, unless the settings say otherwise."""
    memory = {"policy": "transformer", "length": "auto"}
    assert AlberDICEConfig(**memory).paced(False).hold_share == 0.1
    assert AlberDICEConfig(**memory, hold_share=0.02).paced(False).hold_share == 0.02
    assert AlberDICEConfig(**{**memory, "length": "given"}).paced(False).hold_share == 0.01
    assert AlberDICEConfig().paced(False).hold_share == 0.01
    assert AlberDICEConfig().paced(True).hold_share == 0.01
