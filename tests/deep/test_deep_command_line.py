"""``alberdice-deep train`` and ``evaluate``: exit codes, one-line errors, files and overrides; ``datasets`` needs no torch."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from deep_samples import TINY

from alberdice.deep.cli import main

SETTINGS = "\n".join(f"{k} = {list(v) if isinstance(v, tuple) else json.dumps(v)}" for k, v in TINY.items())


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(a) for a in arguments])
    return int(stop.value.code or 0)


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(SETTINGS)
    return path


def test_train_and_evaluate(tmp_path: Path, settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    assert run("train", "--config", settings, "--seed", 3, "--hidden", 4, 4, "--out", out) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((out / "result.json").read_text())
    config = json.loads((out / "config.json").read_text())
    assert (config["seed"], config["hidden"], config["updates"]) == (3, [4, 4], TINY["updates"])
    assert run("evaluate", out, "--episodes", 20) == 0
    assert json.loads(capsys.readouterr().out)["episodes"] == 20


def test_resume_on_the_command_line(tmp_path: Path, settings: Path) -> None:
    out = tmp_path / "run"
    assert run("train", f"--config={settings}", "--out", out) == 0
    assert run("train", f"--config={settings}", "--out", out, "--resume") == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "--out", "{run}", "--updtes", "3"], ["--updtes", "nearest match: --updates"]),
        (["train", "--updates", "3"], ["--out"]),
        (["train", "--out", "{run}", "--updates", "many"], ["many"]),
        (["train", "--out", "{run}", "--updates", "0"], ["updates", "at least 1"]),
        (["train", "--out", "{run}", "--dataset", "bridge-mx"], ["bridge-mx", "nothing of that name"]),
        (["train", "--out", "{run}", "--algorithm", "alberdise"], ["algorithm", "nearest match: alberdice"]),
        (["train", "--out", "{run}", "--environment", "moon"], ["environment", "nearest match"]),
        (["train", "--out", "{run}", "--config", "{run}.toml"], ["No such file"]),
        (["evaluate", "{run}"], ["config.json"]),
        (["evaluate"], ["the run's folder (required)"]),
        (["trian", "--out", "{run}"], ["trian"]),
    ],
)
def test_wrong_requests_exit_with_2_and_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: list[str]
) -> None:
    assert run(*[a.format(run=tmp_path / "run") for a in arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.strip().splitlines()) == 1
    assert printed.err.startswith("alberdice-deep: ")
    for word in words:
        assert word in printed.err


def test_collapse_exits_with_1(tmp_path: Path, settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("train", "--config", settings, "--collapse-rows", "1e6", "--out", tmp_path / "run") == 1
    assert "raise alpha_end" in capsys.readouterr().err


def test_a_signal_stops_the_command_after_saving(tmp_path: Path, settings: Path) -> None:
    out = tmp_path / "run"
    command = [sys.executable, "-m", "alberdice.deep.cli", "train", "--config", str(settings), "--updates", "1000000"]
    process = subprocess.Popen([*command, "--out", str(out)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (out / "metrics.csv").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGTERM)
    printed, complaint = process.communicate(timeout=60)
    assert process.returncode == 1
    assert printed == ""
    assert "saved in" in complaint
    assert (out / "checkpoint.safetensors").exists()


def test_datasets_and_help_load_no_torch() -> None:
    for arguments in (["datasets", "list"], ["--help"]):
        code = (
            "import sys\nfrom alberdice.deep.cli import main\n"
            f"try:\n    main({arguments!r})\nexcept SystemExit as stop:\n    assert not stop.code\n"
            "assert 'torch' not in sys.modules\n"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
