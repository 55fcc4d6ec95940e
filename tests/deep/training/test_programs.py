"""Exported programs against the Python policies, step by step, in environments; masks and memory included."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from deep_samples import chain_dataset, tiny
from run_samples import run

import alberdice.deep
from alberdice.deep.training import programs
from alberdice.deep.training.loop import run_training
from alberdice.deep.training.saved_run import policies_of_run
from alberdice.environments import find_environment
from alberdice.errors import ResourceError, SolverError

QUICK = {"evaluate_episodes": 2, "select": "last", "pictures": False, "starts": 1}


class Runtime:
    """One agent's ONNX file, driven as ``docs/deployment.md`` says: what is called next_X is the next step's X."""

    def __init__(self, path: Path, episodes: int) -> None:
        self.session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        self.facts = json.loads(self.session.get_modelmeta().custom_metadata_map["alberdice"])
        kinds = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(bool)": np.bool_}
        shapes = {each.name: ([episodes, *each.shape[1:]], kinds[each.type]) for each in self.session.get_inputs()}
        self.given = {name: np.zeros(shape, kind) for name, (shape, kind) in shapes.items()}

    def __call__(self, observation: Any, mask: Any) -> tuple[Any, Any]:
        self.given |= {"observation": observation, "mask": mask}
        names = [each.name for each in self.session.get_outputs()]
        found = dict(zip(names, self.session.run(names, self.given), strict=True))
        self.given |= {name.removeprefix("next_"): value for name, value in found.items() if name.startswith("next_")}
        return found["probabilities"], found["greedy"]

    def played(self, action: Any, reward: Any) -> None:
        if "last_action" in self.given:
            self.given |= {"last_action": action, "last_reward": reward.astype(np.float32)}


def agree(out: Path, folder: Path, environment: str, steps: int, slots: int = 4) -> float:
    """Play so many steps with the Python policies, the programs looking on; the largest difference of a probability."""
    policies, draw, worst, done = policies_of_run(out), np.random.default_rng(0), 0.0, 0
    files = sorted(folder.glob("*.onnx"), key=lambda f: Runtime(f, 1).facts["number"])
    masked, spread = False, 0.0
    with find_environment(environment).open() as env:
        while done < steps:
            frame, actor = env.reset(draw.integers(1 << 31, size=slots)), policies.actor(slots)
            agents, going = [Runtime(file, slots) for file in files], np.ones(slots, np.bool_)
            while going.any() and done < steps:
                seen, masks = torch.from_numpy(np.array(frame.observations)), torch.from_numpy(np.array(frame.masks))
                table = actor.log_probabilities(seen, masks).exp().numpy()
                for i, agent in enumerate(agents):
                    count = policies.n_actions[i]
                    found, greedy = agent(frame.observations[:, i], frame.masks[:, i, :count])
                    worst = max(worst, float(np.abs(found - table[:, i, :count])[going].max()))
                    assert (greedy == table[:, i].argmax(-1))[going].all()
                masked |= bool(not frame.masks[going].all())
                spread = max(spread, float(table[going].max() - table[going].mean()))
                upto = table.cumsum(-1)
                actions = (draw.random(upto.shape[:2])[..., None] * upto[..., -1:] >= upto).sum(-1)
                step = env.step(actions)
                actor.observe(torch.from_numpy(actions), torch.from_numpy(step.rewards).float())
                for i, agent in enumerate(agents):
                    agent.played(actions[:, i], step.rewards)
                frame, going, done = step.frame, ~step.ended, done + 1
    assert masked == environment.startswith("smax"), environment
    assert spread > 0.1  # no uniform tables
    return worst


WHOLE = {
    "bridge": ("bridge-mix", {"algorithm": "alberdice", "updates": 150, "pretrain_updates": 300}),
    "rware-tiny-2ag": (
        "rware-tiny-2ag-mixed",
        {"algorithm": "madtkd", "updates": 120, "learning_rate": 0.01, "width": 16, "context": 8, "chunk": 24},
    ),
    "smax-3s5z": ("smax-3s5z-mixed", {"algorithm": "bc", "policy": "transformer", "updates": 30, "width": 16, "context": 8}),
}


@pytest.mark.slow
@pytest.mark.parametrize("environment", WHOLE)
def test_a_thousand_steps(environment: str, tmp_path: Path) -> None:
    dataset, settings = WHOLE[environment]
    settings = {**settings, "batch_size": 64}
    keys = [k for k in QUICK if k != "starts" or settings["algorithm"] == "alberdice"]
    alberdice.deep.train(dataset, out=tmp_path / "run", environment="none", **settings, **{k: QUICK[k] for k in keys})
    assert run("export", tmp_path / "run", tmp_path / "agents", "--format", "onnx") == 0
    assert agree(tmp_path / "run", tmp_path / "agents", environment, 1000) <= 1e-5


@pytest.mark.slow
def test_onnx_on_a_matrix_game(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    brief = {"updates": 100, "batch_size": 64, "learning_rate": 0.01, "hidden": (8,)}  # with a memory: docs/deployment.md
    alberdice.deep.train("matrix-c", "bc", out=out, environment="none", **brief, select="last", pictures=False)
    capfd.readouterr()
    assert run("export", out, "--format", "onnx") == 0
    said = capfd.readouterr()
    assert (said.out, said.err) == (f"{out / 'export' / 'onnx'}\n", "")  # torch's own words are left out
    folder = out / "export" / "onnx"
    assert sorted(p.name for p in folder.iterdir()) == ["agent_1.onnx", "agent_2.onnx"]
    assert agree(out, folder, "penalty-xor", 20) <= 1e-5
    onnx.checker.check_model(str(folder / "agent_1.onnx"), full_check=True)
    facts = Runtime(folder / "agent_2.onnx", 1).facts
    assert facts["agent"] == "agent_2"
    assert facts["agents"] == ["agent_1", "agent_2"]
    assert facts["actions"] == ["A", "B"]
    assert facts["inputs"]["mask"] == {"type": "bool", "shape": [2]}
    assert (facts["algorithm"], facts["dataset"], facts["window"]) == ("bc", "matrix-c", 1)
    assert set(facts["versions"]) >= {"alberdice", "torch"}


def test_a_program_of_chunks_takes_any_number_of_episodes(tmp_path: Path) -> None:
    changes = {"policy": "transformer", "hidden": (128, 128), "context": 2, "chunk": 4}
    policies = run_training(tiny("bc", environment="none", **changes), None, dataset=chain_dataset()).last_policies
    alberdice.deep.export(policies, tmp_path / "agents", format="pt2")  # checked with three, traced with two
    assert len(list((tmp_path / "agents").iterdir())) == 3


def test_a_program_that_differs_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policies = run_training(tiny("bc", environment="none"), None, dataset=chain_dataset()).last_policies
    honest = programs.follow

    def other(agent: Any, episodes: int) -> Any:
        for given in honest(agent, episodes):
            yield given
            agent.policy += 1e-3 * torch.arange(agent.policy.shape[-1])  # what the program knows nothing of

    monkeypatch.setattr(programs, "follow", other)
    with pytest.raises(SolverError, match=r"the program of torch\.export: got probabilities that are .* off"):
        alberdice.deep.export(policies, tmp_path / "agents", format="pt2")
    assert not any(tmp_path.iterdir())


def test_packages_that_are_missing_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policies = run_training(tiny("bc", environment="none"), None, dataset=chain_dataset()).last_policies

    def missing(name: str) -> None:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(programs.importlib, "import_module", missing)
    with pytest.raises(ResourceError, match=r"package onnx: .*pip install 'alberdice\[onnx\]'"):
        alberdice.deep.export(policies, tmp_path / "agents", format="onnx")
