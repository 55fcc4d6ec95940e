"""A run that goes on from a state that another one kept."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from deep_samples import chain_dataset, equal, tiny
from run_samples import Killed, final_state, kill_at, run

import alberdice.deep
from alberdice.deep.config import TrainConfig
from alberdice.deep.config.base import fingerprint_of
from alberdice.deep.training.loop import run_training, train
from alberdice.deep.training.run_directory import RunDirectory
from alberdice.deep.training.run_state import Origin
from alberdice.errors import InvalidArgumentError, InvalidDataError


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose evaluations' states are kept: after 15, 20 and 22 updates."""
    out = tmp_path_factory.mktemp("origin") / "run"
    train(settings(), out)
    assert RunDirectory(out).kept_updates("states") == RunDirectory(out).kept_updates() == [15, 20, 22]
    return out


def settings(**changed: Any) -> TrainConfig:
    return tiny(**{"evaluate_every": 5, **changed})


def rows(out: Path) -> list[dict[str, float]]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in RunDirectory(out).read_metrics()]


@pytest.mark.parametrize("update", [15, 20])
def test_the_same_settings_give_the_same_end(whole: Path, tmp_path: Path, update: int) -> None:
    out = tmp_path / "branch"
    result = train(settings(), out, origin=Origin(whole, str(update)))
    assert equal(final_state(whole), final_state(out))
    assert rows(out) == rows(whole)
    assert result["origin"] == {"run": str(whole), "update": update}
    assert json.loads((whole / "result.json").read_text())["origin"] is None


def test_a_branch_that_was_stopped_is_resumed_and_knows_its_origin(whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "branch"
    with pytest.raises(Killed):
        train(settings(), out, origin=Origin(whole, "15"), progress=kill_at(2))
    assert RunDirectory(out).load()[1]["update"] == 15
    result = train(settings(), out, resume=True)
    assert equal(final_state(whole), final_state(out))
    assert result["origin"] == {"run": str(whole), "update": 15}


def test_other_settings_hold_from_there_on(whole: Path, tmp_path: Path) -> None:
    longer = train(settings(updates=20, learning_rate=0.01), tmp_path / "longer", origin=Origin(whole))
    assert longer["updates"] == 30
    assert longer["origin"]["update"] == 22
    assert rows(tmp_path / "longer")[: len(rows(whole))] == rows(whole)
    assert not equal(final_state(whole), final_state(tmp_path / "longer"))


def test_as_a_library_without_a_folder(whole: Path) -> None:
    config = json.loads((whole / "config.json").read_text())
    given = {k: v for k, v in config.items() if k not in ("dataset", "algorithm", "environment", "seed", "ratio_clip")}
    found = alberdice.deep.train(
        config["dataset"],
        config["algorithm"],
        config["environment"],
        None,
        config["seed"],
        from_run=whole,
        from_update=15,
        **given,
    )
    last = RunDirectory(whole).load_policies(22)[0]
    assert torch.equal(found.last_policies.save()[0]["policies"], last["policies"])


def test_by_the_command_with_the_runs_own_settings(whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "branch"
    assert run("train", "--from-run", whole, "--from-update", "15", "--out", out) == 0
    assert equal(final_state(whole), final_state(out))
    assert run("train", "--from-run", whole, "--from-update", "15", "--out", out, "--resume") == 0  # its own run is there
    capsys.readouterr()
    for arguments, words in (
        (("--from-run", whole, "--from-update", "16"), "update: got 16, expected one of 15, 20, 22"),
        (("--from-run", whole), "got 22 updates done, expected fewer than this run's 22"),
        (("--from-run", tmp_path / "nothing"), "nothing"),
        (("--from-update", "15"), "expected nothing without --from-run"),
        (("--from-run", whole, "--from-update", "soon"), "expected last or a number of updates"),
        (
            ("--from-run", whole, "--from-update", "15", "--hidden", "9"),
            "go on with the settings of that run that shape networks",
        ),
    ):
        assert run("train", *arguments, "--out", tmp_path / "other") == 2, arguments
        said = capsys.readouterr().err
        assert words in said
        assert said.count("\n") == 1
        assert not (tmp_path / "other" / "config.json").exists()


def test_what_does_not_fit_is_refused(whole: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="got a run of alberdice, expected one of bc"):
        alberdice.deep.train("matrix-a", "bc", "none", from_run=whole, updates=5)
    with pytest.raises(InvalidDataError, match="got other content than when the run began"):
        run_training(settings(), None, dataset=chain_dataset(n_actions=(2, 2)), origin=Origin(whole))


def older(out: Path, **edited: Any) -> None:
    """What a release that lacked some settings would have left; then somebody edits its config.json."""
    folder = RunDirectory(out)
    config = {k: v for k, v in folder.read_json("config.json").items() if not k.endswith("_network")}
    tensors, header = folder.load()
    told = {name: math.inf if value is None else value for name, value in config.items()}
    folder.save(tensors, {**header, "fingerprint": fingerprint_of(told)})
    folder.write_json("config.json", {**config, **edited})


def test_a_run_of_a_release_that_lacked_a_setting_is_resumed(whole: Path, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        train(settings(ratio_clip=math.inf), tmp_path / "old", progress=kill_at(16))
    older(tmp_path / "old")
    with pytest.raises(InvalidArgumentError, match="policy_network: got own:net, expected nothing, as the run began"):
        train(settings(ratio_clip=math.inf, policy_network="own:net"), tmp_path / "old", resume=True)
    assert train(settings(ratio_clip=math.inf), tmp_path / "old", resume=True)["updates"] == 22
    older(tmp_path / "old", learning_rate=0.5)
    with pytest.raises(InvalidArgumentError, match="got settings that the run did not begin with"):
        train(settings(ratio_clip=math.inf, learning_rate=0.5), tmp_path / "old", resume=True)


def test_states_are_switched_off(tmp_path: Path) -> None:
    train(settings(keep_states=False), tmp_path / "run")
    assert RunDirectory(tmp_path / "run").kept_updates() == [15, 20, 22]
    assert not (tmp_path / "run" / "states").exists()
    with pytest.raises(InvalidArgumentError, match="got 15, expected last: this run kept no others"):
        train(settings(), tmp_path / "branch", origin=Origin(tmp_path / "run", "15"))
