"""Runs continued and opened by their folder alone; code that a folder names is run on the user's word only."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from deep_samples import TINY
from run_samples import final_state, run

from alberdice.deep.config import fingerprint_of
from alberdice.deep.training.run_directory import RunDirectory
from alberdice.deep.training.run_pictures import draw_run
from alberdice.deep.training.saved_run import evaluate_offline, evaluate_run, policies_of_run
from alberdice.errors import InvalidArgumentError

OWN_CODE = """
from alberdice import games
from alberdice.deep.algorithms.bc import BC

MADE = []

def make():
    MADE.append(1)
    return games.penalty_xor()

class Mine(BC):
    pass
"""
BC = {**{k: TINY[k] for k in ("dataset", "updates", "batch_size", "hidden", "evaluate_every", "evaluate_episodes")}}


def options(settings: dict[str, Any]) -> list[str]:
    words = ["--no-pictures", "--select", "last"]
    for name, value in settings.items():
        words += [f"--{name.replace('_', '-')}", *map(str, value if isinstance(value, tuple) else (value,))]
    return words


def trained(out: Path, *more: str) -> Path:
    assert run("train", "--algorithm", "bc", *options(BC), "--out", out, *more) == 0
    return out


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module in the current folder, which is not on the path."""
    name = "somebodys_own_code"
    (tmp_path / f"{name}.py").write_text(OWN_CODE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each not in ("", str(tmp_path))])
    monkeypatch.delitem(sys.modules, name, raising=False)
    return name


def test_resume_alone_continues_with_the_runs_own_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole, parts = trained(tmp_path / "whole"), tmp_path / "parts"
    assert run("train", "--algorithm", "bc", *options(BC), "--out", parts) == 0
    header_of = RunDirectory(parts).load()[1]
    assert header_of["update"] == BC["updates"]
    assert run("train", "--resume", "--out", parts) == 0
    assert json.loads((parts / "config.json").read_text())["hidden"] == [8]
    assert all((a == b).all() for a, b in zip(final_state(whole).values(), final_state(parts).values(), strict=True))
    assert run("train", f"--out={parts}", "--resume", "--evaluate-episodes", "7") == 0  # a free setting
    assert json.loads((parts / "config.json").read_text())["evaluate_episodes"] == 7
    capsys.readouterr()
    assert run("train", "--resume", "--out", parts, "--learning-rate", "0.1") == 2
    assert "learning_rate: got 0.1, expected 0.001, as the run began" in capsys.readouterr().err
    assert run("train", "--resume", "--out", tmp_path / "nowhere") == 2
    assert "expected the run to resume" in capsys.readouterr().err
    assert not (tmp_path / "nowhere").exists()


def test_settings_come_from_another_runs_config(tmp_path: Path) -> None:
    first = trained(tmp_path / "first")
    assert run("train", "--config", first / "config.json", "--out", tmp_path / "second", "--seed", "5") == 0
    then = json.loads((tmp_path / "second" / "config.json").read_text())
    assert then == {**json.loads((first / "config.json").read_text()), "seed": 5}


def test_infinite_settings_survive_the_file(tmp_path: Path) -> None:
    settings = {**TINY, "ratio_clip": "inf"}
    settings = {k: v for k, v in settings.items() if k not in ("pictures", "select")}
    assert run("train", *options(settings), "--out", tmp_path / "run") == 0
    assert run("train", "--resume", "--out", tmp_path / "run") == 0


def edited(out: Path, **changes: Any) -> None:
    """What somebody may write into a folder: its config.json and its checkpoint's header."""
    folder = RunDirectory(out)
    settings = {**folder.read_json("config.json"), **changes}
    folder.write_json("config.json", settings)
    tensors, header = folder.load()
    header["fingerprint"] = fingerprint_of(settings)
    if "environment" in changes:
        header["venue"]["environment"] = changes["environment"]
    folder.save(tensors, {**header, **{k: v for k, v in changes.items() if k == "algorithm"}})


@pytest.mark.parametrize("name", ["os:abort", "os:abort()", "shutil:rmtree(path='x')"])
def test_a_folders_environment_is_not_called(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = trained(tmp_path / "run")
    edited(out, environment=name)
    capsys.readouterr()
    for arguments in (
        ("evaluate", out, "--episodes", "5"),
        ("evaluate", out, "--plot"),
        ("train", "--resume", "--out", out),
        ("train", "--config", out / "config.json", "--out", tmp_path / "other"),
    ):
        assert run(*arguments) == 2, arguments
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert "code of whoever made that folder" in said
        assert f"--environment '{name}', or --trust" in said
    assert run("evaluate", out, "--environment", "penalty-xor", "--episodes", "5", "--plot") == 0
    with pytest.raises(InvalidArgumentError, match="code of whoever made that folder"):
        evaluate_run(out, episodes=5)
    with pytest.raises(InvalidArgumentError, match="code of whoever made that folder"):
        draw_run(out)


def test_a_folders_algorithm_is_not_imported(tmp_path: Path, own_module: str, capsys: pytest.CaptureFixture[str]) -> None:
    out, name = trained(tmp_path / "run"), f"{own_module}:Mine"
    edited(out, algorithm=name)
    capsys.readouterr()
    for arguments in (
        ("evaluate", out, "--episodes", "5"),
        ("evaluate", out, "--environment", "penalty-xor", "--episodes", "5"),
        ("evaluate", out, "--offline"),
        ("train", "--resume", "--out", out),
    ):
        assert run(*arguments) == 2, arguments
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert "code of whoever made that folder" in said
        assert "--trust" in said
    for opened in (policies_of_run, evaluate_offline, evaluate_run):
        with pytest.raises(InvalidArgumentError, match="code of whoever made that folder"):
            opened(out)
    assert own_module not in sys.modules
    assert run("evaluate", out, "--trust", "--episodes", "5") == 0
    assert own_module in sys.modules


def test_ones_own_code_from_the_current_folder(tmp_path: Path, own_module: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Named on the command line, it is found without PYTHONPATH; afterwards the folder alone is not enough."""
    out, environment = Path("run"), f"{own_module}:make"
    given = ("--algorithm", f"{own_module}:Mine", "--environment", environment)
    assert run("train", *given, *options(BC), "--out", out) == 0
    assert sys.modules[own_module].MADE
    sys.modules[own_module].MADE.clear()
    assert run("evaluate", out, "--episodes", "5") == 2
    assert run("train", "--resume", "--out", out) == 2
    assert not sys.modules[own_module].MADE
    assert run("train", "--resume", "--out", out, *given) == 0
    assert run("train", "--resume", "--out", out, "--trust") == 0
    assert run("evaluate", out, "--episodes", "5", "--environment", environment) == 0
    assert run("evaluate", out, "--episodes", "5", "--trust") == 0
    assert capsys.readouterr().err.count("code of whoever made that folder") == 2
