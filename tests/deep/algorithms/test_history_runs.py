"""Runs of policies with a memory: settings, bits, checkpoints, evaluation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from deep_samples import chain_dataset, equal, tiny, trained
from history_samples import ALL, fresh, memory_dataset, memory_game, offer, perturbed, replayed, small

from alberdice.deep.play.returns import evaluate
from alberdice.deep.policies import load_policies
from alberdice.deep.training.loop import train
from alberdice.deep.training.run_directory import RunDirectory
from alberdice.deep.training.saved_run import evaluate_run, policies_of_run
from alberdice.errors import InvalidArgumentError

#: another value of the settings that policies with a memory read
CHANGES: dict[str, Any] = {
    **{"width": 10, "blocks": 1, "heads": 2, "tokens": "interleaved"},
    **{"context": 3, "chunk": 40, "episode_steps": 2},
}
#: learners whose saved policies differ
PLAYED = [*((name, {}) for name in ALL), ("alberdice", {"policy_start": "uniform"})]


@pytest.mark.parametrize("algorithm", ALL)
@pytest.mark.parametrize("name", [*CHANGES])
def test_every_setting_is_read_with_a_memory_and_refused_without(algorithm: str, name: str) -> None:
    dataset, change = chain_dataset(n_actions=(2, 3)), {name: CHANGES[name]}
    assert not equal(trained(small(algorithm), dataset), trained(small(algorithm, **change), dataset))
    with pytest.raises(InvalidArgumentError, match=rf"^{name}: got {CHANGES[name]}, .* policy = feed-forward does not read it"):
        tiny(algorithm, **change)


def test_the_kind_of_policy_and_hidden_layers() -> None:
    dataset = chain_dataset(n_actions=(2, 3))
    assert not equal(trained(small("alberdice"), dataset), trained(small("alberdice", hidden=(9,)), dataset))
    with pytest.raises(InvalidArgumentError, match=r"^hidden: got \(9,\), expected \(128, 128\), as policy = transformer does"):
        small("bc", hidden=(9,))
    with pytest.raises(InvalidArgumentError, match=r"^heads: got 3, expected a divisor of the width, 8"):
        small("bc", heads=3)
    with pytest.raises(
        InvalidArgumentError,
        match=r"^chunk: got 10, .* context = 4, and more than the 4 steps .* take chunk = 20",
    ):
        small("bc", chunk=10)
    with pytest.raises(InvalidArgumentError, match=r"^chunk: got 4, .* context = 4, and more than the 4 steps"):
        small("bc", chunk=4)
    with pytest.raises(InvalidArgumentError, match=r"^context: got 5, expected an even number, as chunk is set"):
        small("bc", context=5, chunk=10)
    with pytest.raises(InvalidArgumentError, match=r"^chunk: got 8, expected 0, as policy = feed-forward does not read it"):
        tiny("bc", chunk=8)
    with pytest.raises(InvalidArgumentError, match=r"^policy: got 'transformers', .*nearest match: transformer"):
        small("bc", policy="transformers")
    without = {"context": 20, "width": 32, "hidden": (128, 128)}
    first, second = (trained(small("bc", policy=kind, **without), dataset) for kind in ("transformer", "feed-forward"))
    assert first["policy"].shape != second["policy"].shape


def test_episodes_are_cut_for_policies_with_a_memory_only() -> None:
    for algorithm in ALL:
        assert [small(algorithm).steps_per_episode(horizon) for horizon in (0, 1, 20)] == [0, 1, 0]
        assert tiny(algorithm).steps_per_episode(1) == 0


@pytest.mark.parametrize(
    "settings",
    [
        {"importance": "resample", "price": "sample"},
        {"gradient_penalty": 0.5, "initial_states": "all"},
        {"order": "simultaneous"},
    ],
)
def test_all_that_a_round_can_be_told(settings: dict[str, Any]) -> None:
    dataset = chain_dataset(masks=True)
    state = trained(small("alberdice", **settings), dataset)
    assert not equal(state, trained(small("alberdice"), dataset))
    assert all(torch.isfinite(tensor.double()).all() for tensor in state.values())


@pytest.mark.parametrize("algorithm", ALL)
@pytest.mark.parametrize("n_actions", [(3,), (2, 3, 2, 3, 2)])
def test_single_agent_and_many_agents(algorithm: str, n_actions: tuple[int, ...]) -> None:
    state = trained(small(algorithm), chain_dataset(n_actions=n_actions))
    assert state["policy"].shape[0] == len(n_actions)
    assert all(torch.isfinite(tensor.double()).all() for tensor in state.values())


@pytest.mark.parametrize("algorithm", ALL)
def test_unavailable_actions_are_never_played(algorithm: str) -> None:
    dataset = chain_dataset(masks=True)
    learner, generator = fresh(algorithm, dataset), torch.Generator().manual_seed(1)
    for _ in range(learner.config.total):
        assert all(torch.isfinite(value) for value in learner.update(generator).values())
    table, masks = replayed(learner.policies, dataset).exp(), torch.from_numpy(np.array(dataset.action_masks))
    assert table[~masks].max() == 0
    np.testing.assert_allclose(table.sum(-1), 1, atol=1e-5)


@pytest.mark.parametrize("algorithm", ALL)
def test_one_seed_one_result(algorithm: str) -> None:
    dataset = chain_dataset()
    first, second, other = (trained(small(algorithm, seed=seed), dataset) for seed in (0, 0, 1))
    assert equal(first, second)
    assert not equal(first, other)


@pytest.mark.parametrize("algorithm", ALL)
def test_resuming_is_bit_for_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, algorithm: str) -> None:
    class Killed(BaseException):
        pass

    offer(monkeypatch, memory_dataset(clever=False, episodes=40))
    config = small(algorithm, environment="none")
    train(config, tmp_path / "whole")
    seen = iter(range(1, 100))

    def progress(note: str) -> None:
        if next(seen) == config.total - 4:
            raise Killed

    with pytest.raises(Killed):
        train(config, tmp_path / "parts", progress=progress)
    assert RunDirectory(tmp_path / "parts").load()[1]["update"] < config.total - 1
    train(config, tmp_path / "parts", resume=True)
    assert equal(RunDirectory(tmp_path / "whole").load()[0], RunDirectory(tmp_path / "parts").load()[0])


@pytest.mark.parametrize(("algorithm", "changes"), PLAYED)
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_a_run_is_played_from_its_checkpoint_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, algorithm: str, changes: dict[str, Any], precision: str
) -> None:
    dataset = memory_dataset(clever=False, episodes=40)
    offer(monkeypatch, dataset)
    config = small(algorithm, environment="memory", precision=precision, learning_rate=0.05, **changes)
    result = train(config, tmp_path / "run")
    assert result["status"] in ("done", "below_behaviour")  # what so few updates come to is not asked
    assert result["out_of_data"]["share"] >= 0
    assert np.isnan(result["return_exact"])
    policies = policies_of_run(tmp_path / "run")
    assert policies.has_memory
    again = evaluate(policies, memory_game(), 20, (0 << 24) + config.total)
    assert again.return_mean == result["return_mean"]
    assert evaluate_run(tmp_path / "run", episodes=50)["episodes"] == 50
    tensors = RunDirectory(tmp_path / "run").load()[0]
    assert ("deploy.base" in tensors) == (config.algorithm == "alberdice" and not changes)


@pytest.mark.parametrize(("algorithm", "changes"), PLAYED)
def test_policies_are_read_as_they_were_saved(algorithm: str, changes: dict[str, Any]) -> None:
    dataset = chain_dataset(masks=True)
    policies = perturbed(fresh(algorithm, dataset, **changes)).policies
    tensors, header = policies.save()
    again = load_policies(tensors, json.loads(json.dumps(header)))
    assert torch.equal(replayed(policies, dataset), replayed(again, dataset))
