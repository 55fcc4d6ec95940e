"""``alberdice-deep train`` and ``evaluate``: exit codes, one-line errors, files and overrides; ``datasets`` needs no torch."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from dataclasses import fields
from pathlib import Path

import pytest
from deep_samples import TINY
from run_samples import run

SETTINGS = "\n".join(f"{k} = {list(v) if isinstance(v, tuple) else json.dumps(v)}" for k, v in TINY.items())


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
    command = [sys.executable, "-m", "alberdice.cli.deep", "train", "--config", str(settings), "--updates", "1000000"]
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


def test_the_bar_is_for_terminals(tmp_path: Path, settings: Path) -> None:
    """With the return, its gap and the effective rows, readable on 80 columns; into a file, lines at most every half minute."""
    command = [sys.executable, "-m", "alberdice.cli.deep", "train", "--config", str(settings), "--updates", "1500"]
    silent = subprocess.run([*command, "--out", str(tmp_path / "silent")], capture_output=True, text=True, check=True)
    assert "\x1b" not in silent.stderr
    assert "\r" not in silent.stderr
    lines = [line for line in silent.stderr.splitlines() if not line.startswith("episodes last at most 1 steps here")]
    assert all(re.fullmatch(r"alberdice on matrix-d: [\d,]+/1,510, .*[\d.]+ (s|min) left", line) for line in lines)
    reader, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = {**{k: v for k, v in os.environ.items() if k != "COLUMNS"}, "TERM": "xterm-256color"}
    shown = [*command, "--out", str(tmp_path / "shown")]
    process = subprocess.Popen(shown, stdout=subprocess.DEVNULL, stderr=terminal, env=environment)
    os.close(terminal)
    text = b""
    with contextlib.suppress(OSError):  # the end of a terminal
        while part := os.read(reader, 1 << 16):
            text += part
    os.close(reader)
    assert process.wait() == 0
    assert re.search(rb"return -?[\d.]+, gap [+-][\d.]+, rows \d+ ", text)


def test_datasets_and_help_load_no_torch() -> None:
    for arguments in (["datasets", "list"], ["--help"]):
        code = (
            "import sys\nfrom alberdice.cli.deep import main\n"
            f"try:\n    main({arguments!r})\nexcept SystemExit as stop:\n    assert not stop.code\n"
            "assert 'torch' not in sys.modules\n"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_a_preset_is_overridden_by_options_and_refused_where_there_is_none(tmp_path: Path) -> None:
    from alberdice.cli.training import train_command
    from alberdice.errors import InvalidArgumentError

    made = train_command(["train", "--preset", "paper"])
    default = {f.name: f.default for f in fields(made)}["settings"]
    assert (default.price, default.units, default.alpha_end, default.select) == ("sample", "rewards", 0.001, "last")
    file = tmp_path / "own.toml"
    file.write_text("alpha_end = 0.1\n")
    made = train_command(["train", "--preset=paper", "--config", str(file)])
    assert {f.name: f.default for f in fields(made)}["settings"].alpha_end == 0.1
    with pytest.raises(InvalidArgumentError, match="expected one of paper"):
        train_command(["train", "--preset", "papper"])
    with pytest.raises(InvalidArgumentError, match="none here"):
        train_command(["train", "--algorithm", "bc", "--preset", "paper"])
