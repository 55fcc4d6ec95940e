"""``alberdice-deep train`` and ``evaluate``: exit codes, one-line errors, files and overrides; ``datasets`` needs no torch."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import fields
from pathlib import Path

import pytest
from deep_samples import TINY
from run_samples import run

from alberdice import console
from alberdice.deep.training.run_directory import RunDirectory

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
    assert printed == RunDirectory(out).read_result()
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
        (
            ["train", "--algorithm", "bc", "--out", "{run}", "--pretrain-updates", "3"],
            ["--pretrain-updates", "(an option of other commands or algorithms)"],
        ),
        (["train", "--updates", "3"], ["--out"]),
        (["train", "--out", "{run}", "--updates", "many"], ["many"]),
        (["train", "--out", "{run}", "--updates", "0"], ["updates", "at least 1"]),
        (["train", "--out", "{run}", "--dataset", "bridge-mx"], ["bridge-mx", "nothing of that name"]),
        (["train", "--out", "{run}", "--algorithm", "alberdise"], ["algorithm", "nearest match: alberdice"]),
        (["train", "--out", "{run}", "--environment", "moon"], ["environment", "nearest match"]),
        (["train", "--out", "{run}", "--config", "{run}.toml"], ["No such file"]),
        (["evaluate", "{run}"], ["no checkpoint", "the folder of a training run"]),
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
    while not (out / "metrics.csv").exists() and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    printed, complaint = process.communicate()
    assert process.returncode == 1
    assert printed == ""
    assert "saved in" in complaint
    assert (out / "checkpoint.safetensors").exists()


def test_elsewhere_than_on_terminals_progress_is_lines(
    tmp_path: Path, settings: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the return, its gap and the effective rows; into a file, here after every update."""
    monkeypatch.setattr(console, "LINE_EVERY", 0.0)
    assert run("train", "--config", settings, "--out", tmp_path / "run") == 0
    silent = capsys.readouterr().err
    assert "\x1b" not in silent
    assert "\r" not in silent
    lines = [line for line in silent.splitlines() if not line.startswith("episodes last at most 1 steps here")]
    notes = [line for line in lines if " at pi = pi^D the mean ratio is " in line]
    assert len(notes) == 1
    lines.remove(notes[0])
    assert len(lines) == 22
    assert all(re.fullmatch(r"alberdice on matrix-d: [\d,]+/22, .*[\d.]+ (s|min) left", line) for line in lines)
    assert re.search(r", return -?[\d.]+, gap [+-][\d.]+, rows \d+, ", lines[-1])


def test_progress_counts_the_updates_that_are_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not those of the settings where a learner chooses by the data, nor, in a run that goes on, what is done before."""
    monkeypatch.setattr(console, "LINE_EVERY", 0.0)
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "experiments")
    shown = []
    for further in ((), ("--updates", "20", "--from-run", tmp_path / "0", "--from-update", "last")):
        out = tmp_path / str(len(shown))
        given = ("--algorithm", "reproduce_stubs:Shorter", "--dataset", "matrix-d", "--updates", "12", "--no-pictures")
        assert run("train", *given, *further, "--out", out) == 0
        shown.append(re.findall(r"on matrix-d: (\d+/\d+)", capsys.readouterr().err))
    assert shown == [[f"{k}/6" for k in range(1, 7)], [f"{k}/4" for k in range(1, 5)]]


def test_the_bar_is_for_terminals(tmp_path: Path, settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the return, its gap and the effective rows, readable on 80 columns."""
    reader, terminal = pty.openpty()
    shown: list[bytes] = []

    def read() -> None:
        with contextlib.suppress(OSError):  # the end of a terminal
            while part := os.read(reader, 1 << 16):
                shown.append(part)

    reading = threading.Thread(target=read)
    reading.start()
    with open(terminal, "w") as stderr, monkeypatch.context() as here:
        here.setattr(sys, "stderr", stderr)
        here.setenv("TERM", "xterm-256color")
        here.setenv("COLUMNS", "80")
        assert run("train", "--config", settings, "--out", tmp_path / "run") == 0
    reading.join()
    os.close(reader)
    assert re.search(rb"return -?[\d.]+, gap [+-][\d.]+, rows \d+ ", b"".join(shown))


def test_datasets_and_help_load_no_torch() -> None:
    code = """
import sys
from alberdice.cli.deep import main
for arguments in (["datasets", "list"], ["--help"]):
    try:
        main(arguments)
    except SystemExit as stop:
        assert not stop.code
assert "torch" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "usage: alberdice-deep" in done.stdout


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
    with pytest.raises(InvalidArgumentError, match="expected one of rware, rware-feed-forward, smax"):
        train_command(["train", "--algorithm", "bc", "--preset", "paper"])
