"""Policies of any kept evaluation as one file, and back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from deep_samples import chain_dataset, tiny
from run_samples import run

import alberdice.deep
from alberdice.deep.policies import Policies
from alberdice.deep.training.checkpoints import write_checkpoint
from alberdice.deep.training.loop import run_training
from alberdice.deep.training.saved_run import policies_of_run
from alberdice.errors import InvalidArgumentError, InvalidDataError

BY_TORCH_ALONE = """
import sys, numpy as np, torch
program = torch.export.load(sys.argv[1]).module()
for k in (1, 7):
    given = np.load(f"given-{k}.npz")
    np.save(f"found-{k}.npy", program(torch.from_numpy(given["observations"]), torch.from_numpy(given["masks"])).numpy())
assert "alberdice" not in sys.modules
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("exported") / "run"
    run_training(tiny(evaluate_every=4, environment="none"), out, dataset=chain_dataset())
    return out


def seen(policies: Policies, episodes: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(episodes)
    n, choices = len(policies.n_actions), max(policies.n_actions)
    masks = draw.random((episodes, n, choices)) < 0.7
    masks[..., 0] = True
    size = policies.features.mean.shape[-1]
    return draw.normal(size=(episodes, n, size)).astype(np.float32), masks


def tables(policies: Policies, observations: np.ndarray, masks: np.ndarray) -> np.ndarray:
    actor = policies.actor(len(observations))
    return actor.log_probabilities(torch.from_numpy(observations), torch.from_numpy(masks)).numpy()


@pytest.mark.parametrize("update", ["selected", "14", "18"])
def test_weights_come_back(folder: Path, tmp_path: Path, update: str, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "mine.safetensors"
    capsys.readouterr()
    assert run("export", folder, target, "--update", update) == 0
    assert capsys.readouterr().out == f"{target}\n"
    own = policies_of_run(folder, update)
    found = alberdice.deep.load(target)
    given = seen(own, 5)
    assert np.array_equal(tables(found, *given), tables(own, *given))
    assert run("export", folder, target, "--update", update) == 2
    assert "something is there already" in capsys.readouterr().err
    assert run("export", folder, target, "--update", update, "--overwrite") == 0


def test_a_program_runs_by_torch_alone_for_any_number_of_episodes(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "mine.pt2"
    assert run("export", folder, target, "--update", "14") == 0
    policies = policies_of_run(folder, "14")
    given = {episodes: seen(policies, episodes) for episodes in (1, 7)}
    for episodes, (observations, masks) in given.items():
        np.savez(tmp_path / f"given-{episodes}.npz", observations=observations, masks=masks)
    subprocess.run([sys.executable, "-c", BY_TORCH_ALONE, str(target)], check=True, cwd=tmp_path)
    for episodes, (observations, masks) in given.items():
        found, own = np.load(tmp_path / f"found-{episodes}.npy"), tables(policies, observations, masks)
        np.testing.assert_allclose(found, own, atol=1e-5)
        assert np.ptp(own[masks]) > 1e-3  # no uniform tables


def other_checkpoint(folder: Path) -> Path:
    write_checkpoint(folder / "other.safetensors", {"a": torch.zeros(1)}, {})
    return folder / "other.safetensors"


def test_what_cannot_be_exported_is_said(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match=r"expected a file name ending in \.safetensors or \.pt2"):
        alberdice.deep.export(policies_of_run(folder), tmp_path / "mine.onnx")
    config = tiny(policy="transformer", environment="none", updates=3, pretrain_updates=2, hidden=(8,))
    memory = run_training(config, None, dataset=chain_dataset()).last_policies
    with pytest.raises(InvalidArgumentError, match="got policies with a memory, expected policies of one observation"):
        alberdice.deep.export(memory, tmp_path / "mine.pt2")
    path = alberdice.deep.export(memory, tmp_path / "mine.safetensors")
    assert torch.equal(alberdice.deep.load(path).parameters, memory.parameters)  # type: ignore[attr-defined]
    with pytest.raises(InvalidArgumentError, match="a file holds one set of policies"):
        alberdice.deep.load(path, 5)
    with pytest.raises(InvalidDataError, match="got no policies, expected a file that export wrote"):
        alberdice.deep.load(other_checkpoint(tmp_path))
