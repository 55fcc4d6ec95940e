"""The loop: determinism, resuming bit for bit, signals, locks, collapse, full disks."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from deep_samples import TINY, equal, tiny, trained

from alberdice.deep.run_directory import RunDirectory
from alberdice.deep.saved_run import evaluate_run, policies_of_run
from alberdice.deep.training import train
from alberdice.errors import InvalidArgumentError, InvalidDataError, SolverError


class Killed(BaseException):
    """As if the process had ended: nothing catches it."""


def kill_at(update: int):
    seen = iter(range(1, 10_000))

    def progress(note: str) -> None:
        if next(seen) == update:
            raise Killed

    return progress


def final_state(out: Path) -> dict[str, torch.Tensor]:
    return RunDirectory(out).load()[0]


def test_files_of_a_run(tmp_path: Path) -> None:
    out = tmp_path / "run"
    result = train(tiny(), out)
    assert json.loads((out / "result.json").read_text()) == json.loads(json.dumps(result))
    wanted = "algorithm dataset seed return_mean return_stderr episodes updates wall_seconds train_seconds device versions"
    assert set(wanted.split()) <= result.keys()
    assert result["status"] == "done"
    assert result["updates"] == 22
    assert {p.name for p in out.iterdir()} == {
        ".lock",
        "checkpoint.safetensors",
        "config.json",
        "metrics.csv",
        "result.json",
        "tensorboard",
    }
    assert any((out / "tensorboard").iterdir())


def test_one_seed_one_result_and_other_seeds_others() -> None:
    assert equal(trained(tiny()), trained(tiny()))
    assert not equal(trained(tiny()), trained(tiny(seed=1)))


def test_the_loop_adds_nothing_to_the_learning(tmp_path: Path) -> None:
    train(tiny(), tmp_path / "run")
    saved = final_state(tmp_path / "run")
    plain = trained(tiny())
    assert all(torch.equal(saved[name], tensor) for name, tensor in plain.items())


@pytest.mark.parametrize("at", [1, 7, 10, 11, 17, 21])
def test_resume_is_bit_for_bit(tmp_path: Path, at: int) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(tiny(), whole)
    with pytest.raises(Killed):
        train(tiny(), parts, progress=kill_at(at))
    train(tiny(), parts, resume=True)
    assert equal(final_state(whole), final_state(parts))
    first, second = ((folder / "metrics.csv").read_text().splitlines() for folder in (whole, parts))
    assert len(first) == len(second) == 3
    for line, other in zip(first[1:], second[1:], strict=True):
        values, others = line.split(","), other.split(",")
        assert [*values[:1], *values[2:]] == [*others[:1], *others[2:]]  # all but the seconds


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_save_and_stop(tmp_path: Path, number: signal.Signals, capsys: pytest.CaptureFixture[str]) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(tiny(), whole)
    updates = iter(range(1, 100))

    def progress(note: str) -> None:
        if next(updates) == 13:
            os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt):
        train(tiny(), parts, progress=progress)
    assert signal.getsignal(number) is before
    assert RunDirectory(parts).load()[1]["update"] == 14
    assert "stopped at update 14" in capsys.readouterr().err
    train(tiny(), parts, resume=True)
    assert equal(final_state(whole), final_state(parts))


@pytest.mark.slow
def test_twenty_random_kills(tmp_path: Path) -> None:
    """SIGKILL at 20 random moments; the resumed run ends with the weights of an uninterrupted one."""
    settings = {**TINY, "updates": 3000, "pretrain_updates": 300, "checkpoint_every": 37, "evaluate_every": 500}
    config = tmp_path / "settings.toml"
    config.write_text("\n".join(f"{k} = {list(v) if isinstance(v, tuple) else json.dumps(v)}" for k, v in settings.items()))
    command = [sys.executable, "-m", "alberdice.deep.cli", "train", "--config", str(config), "--resume", "--out"]
    subprocess.run([*command, str(tmp_path / "whole")], check=True, capture_output=True)
    generator, parts, kills = np.random.default_rng(0), tmp_path / "parts", 0
    while kills < 20:
        process = subprocess.Popen([*command, str(parts)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(3 + 2 * generator.random())
        if process.poll() is not None:
            break
        process.kill()
        process.wait()
        kills += 1
    assert kills > 0
    subprocess.run([*command, str(parts)], check=True, capture_output=True)
    assert equal(final_state(tmp_path / "whole"), final_state(parts))


def test_a_run_is_neither_overwritten_nor_continued_as_another(tmp_path: Path) -> None:
    out = tmp_path / "run"
    train(tiny(), out)
    with pytest.raises(InvalidArgumentError, match=r"a folder that holds a run.*--resume"):
        train(tiny(), out)
    with pytest.raises(InvalidArgumentError, match=r"alpha_end: got 0.1, expected 0.02, as the run began"):
        train(tiny(alpha_end=0.1), out, resume=True)
    before = final_state(out)
    assert train(tiny(evaluate_episodes=30), out, resume=True)["status"] == "done"
    assert equal(before, final_state(out))


def test_a_folder_in_use_is_locked(tmp_path: Path) -> None:
    with RunDirectory(tmp_path).locked(), pytest.raises(InvalidArgumentError, match="a run in progress"):
        train(tiny(), tmp_path)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(InvalidArgumentError, match="got a file, expected a folder"):
        train(tiny(), tmp_path / "run")


def test_collapse_stops_with_an_explanation(tmp_path: Path) -> None:
    with pytest.raises(SolverError, match=r"leans on .* of 32 samples at alpha = .*raise alpha_end, batch_size or hold_share"):
        train(tiny(collapse_rows=1e6), tmp_path / "run")
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["status"] == "diverged"
    assert result["reason"].startswith("training at update")


def test_not_a_number_stops_with_an_explanation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from alberdice.deep import losses

    monkeypatch.setattr(losses, "i_projection_loss", lambda table, *rest: table.sum() * float("nan"))
    with pytest.raises(SolverError, match=r"a loss is not finite.*lower learning_rate"):
        train(tiny(), tmp_path / "run")


def test_a_full_disk_loses_nothing_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, parts, real, calls = tmp_path / "whole", tmp_path / "parts", os.fsync, []
    train(tiny(), whole)

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) > 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        train(tiny(), parts)
    monkeypatch.setattr(os, "fsync", real)
    assert RunDirectory(parts).load()[1]["update"] == 10
    assert not list(parts.glob("*.partial"))
    train(tiny(), parts, resume=True)
    assert equal(final_state(whole), final_state(parts))


def test_policies_come_from_the_checkpoint_alone(tmp_path: Path) -> None:
    out = tmp_path / "run"
    result = train(tiny(), out)
    found = evaluate_run(out, episodes=50, seed=3)
    assert found["return_exact"] == pytest.approx(result["return_exact"], abs=1e-12)
    assert found["episodes"] == 50
    assert policies_of_run(out).n_actions == (2, 2)


def test_what_is_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="no checkpoint"):
        policies_of_run(tmp_path)
    (tmp_path / "checkpoint.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(InvalidDataError, match="a safetensors file"):
        policies_of_run(tmp_path)
