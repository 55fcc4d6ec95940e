"""A user's torch.nn.Module as policy, nu or e network: the copy of ours learns as ours does, and what is no network is said."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from deep_samples import chain_dataset, equal, tiny
from run_samples import Killed, final_state, kill_at, run

import alberdice.deep
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.learner import learner_class
from alberdice.deep.networks import module
from alberdice.deep.networks.mlp import StackedMLP
from alberdice.deep.networks.module import StackedModule, say
from alberdice.deep.training.loop import train
from alberdice.deep.training.run_directory import RunDirectory
from alberdice.errors import AlberDICEError, InvalidArgumentError, InvalidDataError

HERE = str(Path(__file__).parent)
COPY, UNBIASED, RESIDUAL = (f"own_networks:{name}" for name in ("copy", "unbiased", "residual"))


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(HERE)
    monkeypatch.setattr(module, "_SAID", {})


# ---- the same as ours ------------------------------------------------------------------------------------------------


def test_outputs_and_gradients_are_those_of_our_own_network() -> None:
    own, theirs = StackedMLP(5, (8,), 3), StackedModule(say(COPY), 5, 3)
    draw = torch.Generator().manual_seed(0)
    parameters = own.initial(4, draw).requires_grad_()
    assert theirs.initial(4, draw).shape == parameters.shape
    for shape in ((7, 5), (4, 7, 5)):
        x = torch.randn(shape, generator=draw).requires_grad_()
        found = [net(parameters, x) for net in (own, theirs)]
        torch.testing.assert_close(found[1], found[0])
        gradients = [torch.autograd.grad(y.square().sum(), (parameters, x)) for y in found]
        torch.testing.assert_close(gradients[1], gradients[0])


ROLES: list[tuple[str, dict[str, Any]]] = [
    ("bc", {"policy_network": COPY}),
    ("icq", {"policy_network": COPY}),
    ("omar", {"policy_network": COPY}),
    ("optidice", {"policy_network": COPY, "nu_network": UNBIASED, "gradient_penalty": 0.1}),
    ("alberdice", {"policy_network": COPY, "nu_network": UNBIASED, "e_network": COPY, "gradient_penalty": 0.1, "leak": 0.0}),
    ("alberdice", {"e_network": COPY, "minibatch": "sampled", "policy_start": "uniform", "leak": 0.0}),
]


@pytest.mark.parametrize(("algorithm", "networks"), ROLES)
def test_the_copy_of_our_network_learns_the_same(algorithm: str, networks: dict[str, Any]) -> None:
    data = TrainingData.build(chain_dataset())
    plain = {name: value for name, value in networks.items() if not name.endswith("_network")}
    learners = []
    for settings in (plain, networks):
        config = tiny(algorithm, **settings)
        learners.append(learner_class(algorithm)(data, config, torch.Generator().manual_seed(0)))
    ours, theirs = learners
    assert [name for name, net in theirs.networks.items() if isinstance(net, StackedModule)] == [
        name.removesuffix("_network") for name in networks if name.endswith("_network")
    ]
    theirs.load_state_dict(ours.state_dict())
    for learner in learners:
        generator = torch.Generator().manual_seed(1)
        for _ in range(config.pretraining + 8):
            learner.update(generator)
    end, begun = ours.state_dict(), learner_class(algorithm)(data, config, torch.Generator().manual_seed(0)).state_dict()
    for name, tensor in theirs.state_dict().items():
        torch.testing.assert_close(tensor, end[name], rtol=1e-3, atol=1e-4, msg=name)
    assert not equal(dict(end), dict(begun))
    seen = torch.randn(6, 3, 5, generator=torch.Generator().manual_seed(2))
    tables = [learner.policies.actor(6).log_probabilities(seen) for learner in learners]
    torch.testing.assert_close(tables[1], tables[0], rtol=1e-3, atol=1e-4)


# ---- runs ------------------------------------------------------------------------------------------------------------


def settings(**changed: Any) -> Any:
    return tiny(policy_network=RESIDUAL, nu_network=UNBIASED, e_network=RESIDUAL, evaluate_every=5, **changed)


def test_initial_networks_follow_the_generator_alone() -> None:
    net = StackedModule(say(RESIDUAL), 5, 3)
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first, same, other = (net.initial(3, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    assert not torch.equal(first[0], first[1])
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("at", [7, 17])
def test_runs_resume_bit_for_bit(tmp_path: Path, at: int) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(settings(), whole)
    with pytest.raises(Killed):
        train(settings(), parts, progress=kill_at(at))
    train(settings(), parts, resume=True)
    assert equal(final_state(whole), final_state(parts))


def test_a_folder_needs_the_users_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out, exported = tmp_path / "run", tmp_path / "mine.safetensors"
    named = ("--policy-network", RESIDUAL)
    brief = ("--dataset", "matrix-c", "--algorithm", "bc", "--updates", "4", "--batch-size", "8", "--evaluate-every", "2")
    brief = (*brief, "--select", "last", "--no-pictures", "--evaluate-episodes", "5")
    assert run("train", *brief, *named, "--out", out) == 0
    assert run("export", out, exported) == 0
    assert json.loads((out / "config.json").read_text())["policy_network"] == RESIDUAL
    monkeypatch.setattr(module, "_SAID", {})
    monkeypatch.delitem(sys.modules, "own_networks")
    capsys.readouterr()
    for arguments in (
        ("evaluate", out, "--episodes", "5"),
        ("evaluate", out, "--update", "2", "--episodes", "5"),
        ("export", out, tmp_path / "other.safetensors"),
        ("train", "--resume", "--out", out),
        ("train", "--from-run", out, "--from-update", "2", "--out", tmp_path / "branch"),
    ):
        assert run(*arguments) == 2, arguments
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert "code of whoever made that folder" in said
        assert "--trust" in said
    with pytest.raises(InvalidArgumentError, match="code of whoever made that folder"):
        alberdice.deep.load(exported)
    assert "own_networks" not in sys.modules
    assert run("train", "--from-run", out, "--from-update", "2", "--out", tmp_path / "branch", *named) == 0
    assert equal(final_state(out), final_state(tmp_path / "branch"))
    monkeypatch.setattr(module, "_SAID", {})
    assert run("evaluate", out, "--update", "2", "--episodes", "5", "--trust") == 0
    seen = np.ones((2, 2, 1))
    pair = [alberdice.deep.load(path, trust=True).actor(2).log_probabilities(torch.tensor(seen)) for path in (out, exported)]
    assert torch.equal(*pair)


def test_as_a_library_with_a_function_at_hand(tmp_path: Path) -> None:
    def mine(inputs: int, outputs: int) -> torch.nn.Module:
        return torch.nn.Linear(inputs, outputs)

    brief = {"updates": 4, "batch_size": 8, "evaluate_every": 2, "evaluate_episodes": 5}
    found = alberdice.deep.train("matrix-c", "optidice", networks={"policy": mine, "nu": mine}, **brief)
    assert found.config.policy_network.endswith("<locals>.mine")  # type: ignore[attr-defined]
    assert found.policies.actor(2).log_probabilities(torch.ones(2, 2, 1)).shape == (2, 2, 2)
    with pytest.raises(InvalidArgumentError, match="expected a function that another process can import"):
        alberdice.deep.train("matrix-c", "bc", out=tmp_path / "run", networks={"policy": mine}, **brief)
    with pytest.raises(InvalidArgumentError, match="e_network: got an unknown key, expected a setting of bc"):
        alberdice.deep.train("matrix-c", "bc", networks={"e": mine}, **brief)
    with pytest.raises(InvalidArgumentError, match=r"expected a function of \(inputs, outputs\), or 'module:function'"):
        alberdice.deep.train("matrix-c", "bc", networks={"policy": 3}, **brief)  # type: ignore[dict-item]
    path = alberdice.deep.export(found.policies, tmp_path / "mine", format="pt2")
    assert sorted(p.name for p in path.iterdir()) == ["agent_1.pt2", "agent_2.pt2"]


def test_policies_of_a_network_that_has_changed_are_refused(tmp_path: Path) -> None:
    train(settings(policy_start="uniform"), tmp_path / "run")
    folder = RunDirectory(tmp_path / "run")
    tensors, header = folder.load()
    header["policies"]["network"]["source"] = say(COPY)
    folder.save(tensors, header)
    with pytest.raises(InvalidDataError, match=rf"parameters a network, as {COPY} has"):
        alberdice.deep.load(tmp_path / "run")


# ---- what is no network ----------------------------------------------------------------------------------------------

WRONG = {
    "batch_norm": r"buffers, 1\.running_mean.*no BatchNorm",
    "batch_statistics": "a row's outputs that depend on the other rows",
    "dropout": "RuntimeError: vmap: called random operation",
    "too_wide": r"float32 of shape \(3, 4\) for 3 rows, expected torch\.float32 of shape \(3, 3\)",
    "wrong_inputs": "RuntimeError: Expected size",
    "doubles": "torch.float64 on cpu, expected parameters, all of torch.float32",
    "no_parameters": "got no parameters",
    "no_module": r"got str, expected a torch\.nn\.Module that maps \(B, 5\) to \(B, 3\)",
    "fails": "RuntimeError: no network today",
    "two_outputs": "got no tensor",
    "looks_at_values": "RuntimeError: .*data-dependent control flow",
    "infinite": "outputs that are no numbers",
    "grows": "parameters that differ from network to network",
    "missing": "no 'missing' there",
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_network_is_said_in_one_line(name: str) -> None:
    net = StackedModule(say(f"own_networks:{name}"), 5, 3, "nu_network")
    with pytest.raises(AlberDICEError, match=WRONG[name]) as caught:
        net.initial(2, torch.Generator().manual_seed(0))
    assert str(caught.value).startswith(f"nu_network 'own_networks:{name}'")
    assert "\n" not in str(caught.value)


def test_transformers_do_not_take_one() -> None:
    with pytest.raises(InvalidArgumentError, match=r"policy_network: .*policy = transformer does not read it"):
        tiny("bc", policy="transformer", policy_network=COPY, hidden=(128, 128))
