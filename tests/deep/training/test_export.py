"""Policies of any kept evaluation as one file, and back."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from deep_samples import chain_dataset, tiny
from run_samples import run

import alberdice.deep
from alberdice.deep.policies import Policies
from alberdice.deep.training.checkpoints import read_checkpoint, write_checkpoint
from alberdice.deep.training.export import Origins, read_export
from alberdice.deep.training.loop import run_training
from alberdice.deep.training.saved_run import policies_of_run
from alberdice.errors import InvalidArgumentError, InvalidDataError

BY_TORCH_ALONE = """
import json, sys, numpy as np, torch
extra = {"alberdice.json": ""}
program = torch.export.load(sys.argv[1], extra_files=extra).module()
assert json.loads(extra["alberdice.json"])["agent"] == "agent_2"
for k in (1, 7):
    given = np.load(f"given-{k}.npz")
    found = program(torch.from_numpy(given["observations"]), torch.from_numpy(given["masks"]))
    np.savez(f"found-{k}.npz", probabilities=found[0].numpy(), greedy=found[1].numpy())
assert "alberdice" not in sys.modules
"""
#: packages that a run needs and its policies do not; sys.modules[name] = None makes an import fail
WITHOUT = ("cvxpy", "clarabel", "matplotlib", "h5py", "minari", "pettingzoo", "gymnasium", "tensorstore", "tensorboard", "jax")
LOADED = """
import sys
sys.modules.update(dict.fromkeys(sys.argv[2].split(",")))
import numpy as np, alberdice as ad
policies = ad.deep.Policies.load(sys.argv[1])
actor = policies.actor(2)
draw = np.random.default_rng(0)
for _ in range(9):
    actions = actor.act(draw.normal(size=(2, 3, 5)), None, draw)
    actor.observe(actions, [0.0, 1.0])
print(policies, (actions < policies.n_actions).all())
"""


NAMES = (("left", "right"), ("0", "1", "2"), ("a", "b", "c", "d"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("exported") / "run"
    run_training(tiny(evaluate_every=4, environment="none"), out, dataset=chain_dataset().with_header(action_names=NAMES))
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


def test_only_exported_policies_are_replaced(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither somebody's own file, nor a link, nor a run's checkpoint or kept policies."""
    (tmp_path / "thesis.safetensors").write_text("thesis")
    shutil.copytree(folder, tmp_path / "run")
    kept = next((tmp_path / "run" / "policies").iterdir())
    (tmp_path / "link.safetensors").symlink_to(kept)
    for target in (*tmp_path.glob("*.safetensors"), tmp_path / "run" / "checkpoint.safetensors", kept):
        before = target.read_bytes()
        assert run("export", folder, target, "--overwrite") == 2
        assert "a whole file of exported policies to replace; nothing was removed" in capsys.readouterr().err
        assert target.read_bytes() == before


@pytest.mark.slow
def test_a_program_runs_by_torch_alone_for_any_number_of_episodes(folder: Path, tmp_path: Path) -> None:
    assert run("export", folder, tmp_path / "programs", "--format", "pt2", "--update", "14") == 0
    policies = policies_of_run(folder, "14")
    given = {episodes: seen(policies, episodes) for episodes in (1, 7)}
    for episodes, (observations, masks) in given.items():
        np.savez(tmp_path / f"given-{episodes}.npz", observations=observations[:, 1], masks=masks[:, 1, :3])
    target = str(tmp_path / "programs" / "agent_2.pt2")
    subprocess.run([sys.executable, "-c", BY_TORCH_ALONE, target], check=True, cwd=tmp_path)
    for episodes, (observations, masks) in given.items():
        masks[:, 1, 3:] = False  # agent 2 has three actions
        own, found = np.exp(tables(policies, observations, masks))[:, 1, :3], np.load(tmp_path / f"found-{episodes}.npz")
        np.testing.assert_allclose(found["probabilities"], own, atol=1e-5)
        assert (found["greedy"] == own.argmax(-1)).all()
        assert np.ptp(own[masks[:, 1, :3]]) > 1e-3  # no uniform tables


@pytest.mark.slow
def test_policies_are_loaded_without_what_made_them(tmp_path: Path) -> None:
    for number, kind in enumerate(({}, {"policy": "transformer", "hidden": (8,), "updates": 3, "pretrain_updates": 2})):
        learned = run_training(tiny(environment="none", **kind), None, dataset=chain_dataset()).last_policies
        path = alberdice.deep.export(learned, tmp_path / f"{number}.safetensors")
        done = subprocess.run(
            [sys.executable, "-c", LOADED, path, ",".join(WITHOUT)], check=True, capture_output=True, text=True
        )
        memory = "with a memory" if kind else "without a memory"
        assert done.stdout == f"Policies({memory}, 5 features; actions of agent_1: 2, agent_2: 3, agent_3: 4) True\n"


def test_what_a_file_knows_of_its_policies(folder: Path, tmp_path: Path) -> None:
    assert run("export", folder) == 0
    found = alberdice.deep.Policies.load(folder / "export" / "policies.safetensors")
    assert found.agents == ("agent_1", "agent_2", "agent_3")
    assert found.action_names == NAMES
    assert found.about["algorithm"] == "alberdice"
    again = alberdice.deep.Policies.load(folder)
    assert (again.agents, again.n_actions, again.about["update"]) == (found.agents, (2, 3, 4), "selected")
    assert found.about["play"] == "sample"
    given = seen(found.learned, 3)
    np.testing.assert_array_equal(found.actor(3).probabilities(*given), again.actor(3).probabilities(*given))
    assert (found.agent("agent_2").number, found.agent(0).number) == (1, 0)
    with pytest.raises(InvalidArgumentError, match="expected one of agent_1, agent_2, agent_3; nearest match: agent_2"):
        found.agent("agent_22")
    with pytest.raises(InvalidArgumentError, match=r"names: got 1 agents with \(2, 3, 4\) actions"):
        alberdice.deep.export(found.learned, tmp_path / "a.safetensors", origins=Origins(("me",)))


@pytest.mark.slow
def test_a_folder_of_programs_is_replaced_as_a_whole_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    target, odd = tmp_path / "agents", Origins(("a/b", "..", "A/B"))
    policies = policies_of_run(folder)
    alberdice.deep.export(policies, target, format="pt2", origins=odd)
    assert sorted(p.name for p in target.iterdir()) == ["agent_1.pt2", "agent_2.pt2", "agent_3.pt2"]
    with pytest.raises(InvalidArgumentError, match="something is there already"):
        alberdice.deep.export(policies, target, format="pt2")
    (target / "mine.txt").write_text("mine")
    with pytest.raises(InvalidArgumentError, match=r"a folder that holds 'mine\.txt'"):
        alberdice.deep.export(policies, target, format="pt2", overwrite=True)
    assert (target / "mine.txt").read_text() == "mine"


def other_checkpoint(folder: Path) -> Path:
    write_checkpoint(folder / "other.safetensors", {"a": torch.zeros(1)}, {})
    return folder / "other.safetensors"


def test_what_cannot_be_exported_is_said(folder: Path, tmp_path: Path) -> None:
    policies = policies_of_run(folder)
    with pytest.raises(InvalidArgumentError, match="format: got '', expected one of safetensors, pt2, onnx"):
        alberdice.deep.export(policies, tmp_path / "mine.onnx")
    with pytest.raises(
        InvalidArgumentError, match=r"export as onnx: got .*mine\.onnx, expected a folder, for one file per agent"
    ):
        alberdice.deep.export(policies, tmp_path / "mine.onnx", format="onnx")
    with pytest.raises(InvalidArgumentError, match=r"expected a file name ending in \.safetensors"):
        alberdice.deep.export(policies, tmp_path / "mine", format="safetensors")
    path = alberdice.deep.export(policies, tmp_path / "mine.safetensors")
    for load in (alberdice.deep.load, alberdice.deep.Policies.load):
        with pytest.raises(InvalidArgumentError, match="a file holds one set of policies"):
            load(path, 5)
        with pytest.raises(InvalidDataError, match="got no policies, expected a file that export wrote"):
            load(other_checkpoint(tmp_path))


@pytest.mark.parametrize(
    "about",
    [
        ["x"],
        {"agents": ["a"]},
        {"agents": "ab", "action_names": [["A", "B"]] * 2},
        {"agents": ["a", "b"], "action_names": [["A"]] * 2},
        {"play": "loud"},
    ],
)
def test_forged_facts_are_refused(folder: Path, tmp_path: Path, about: Any) -> None:
    """Their checksum is right: somebody wrote the file anew."""
    assert run("export", folder, tmp_path / "mine.safetensors") == 0
    tensors, header = read_checkpoint(tmp_path / "mine.safetensors")
    write_checkpoint(tmp_path / "mine.safetensors", tensors, {**header, "about": about})
    with pytest.raises(InvalidDataError, match=r"mine.safetensors: header: about"):
        read_export(tmp_path / "mine.safetensors")


def test_a_file_plays_as_its_run_was_evaluated(folder: Path, tmp_path: Path) -> None:
    """And otherwise on request; drawn many times, since both draw from tables that nearly agree."""
    learned = policies_of_run(folder)
    path = alberdice.deep.export(learned, tmp_path / "sharp.safetensors", origins=Origins(more={"play": "sharp"}))
    found = alberdice.deep.Policies.load(path)
    given = seen(learned, 500)
    asked = {play: found.actor(500).act(*given, np.random.default_rng(1), play=play) for play in ("sample", "sharp", "greedy")}
    own = found.actor(500).act(*given, np.random.default_rng(1))
    assert (own == asked["sharp"]).all()
    assert not (own == asked["sample"]).all()
    assert not (own == asked["greedy"]).all()
