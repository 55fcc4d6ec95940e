"""Environments of other people's packages: collected from, trained on and evaluated on by their names alone.

One whose agents die and see tables, one whose agents see and do different things, one that shows numbers.
"""

from __future__ import annotations

import importlib
import json
from importlib.util import find_spec

import pytest
from run_samples import run

from alberdice.datasets import open_dataset

OTHERS = {
    "mpe2.simple_speaker_listener_v4:parallel_env(max_cycles=8)": ("mpe2", (3, 5), 11, ("speaker_0", "listener_0")),
    "pettingzoo.butterfly.knights_archers_zombies_v11:parallel_env(max_cycles=40)": ("pygame", (6,) * 4, 135, None),
    "pettingzoo.classic.rps_v2:parallel_env(max_cycles=6)": ("pygame", (3, 3), 4, ("player_0", "player_1")),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS, ids=lambda name: name.rpartition(":")[0].rpartition(".")[2])
def test_collected_from_trained_on_and_evaluated_on(name, tmp_path, capsys):
    package, n_actions, features, agents = OTHERS[name]
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    importlib.import_module(name.partition(":")[0])  # its own warnings are not ours
    store, out = tmp_path / "store", tmp_path / "run"
    assert (
        run("collect", "--environment", name, "--policy", "random", "--episodes", 6, "--id", "other-v0", "--root", store) == 0
    )
    data = open_dataset("other-v0", root=store)
    assert (data.n_actions, data.observation_size) == (n_actions, features)
    assert agents is None or data.header.agents == agents
    settings = (
        "--updates",
        12,
        "--batch-size",
        32,
        "--hidden",
        8,
        "--evaluate-every",
        12,
        "--evaluate-episodes",
        4,
        "--no-pictures",
    )
    where = ("--dataset", store / "other-v0", "--environment", name, "--out", out)
    assert run("train", "--algorithm", "bc", *where, *settings) == 0
    capsys.readouterr()
    assert run("evaluate", out, "--trust", "--episodes", 5) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["episodes"], found["team_reward"]) == (5, data.header.team_reward)
    assert found["terminated"] + found["truncated"] >= 5
    assert data.rewards.std() > 0 or "rps" in name  # where what one wins the other loses
