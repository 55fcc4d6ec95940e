"""One run by several processes: what they agree on, who speaks, what is refused; and, slow, torchrun itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from deep_samples import chain_dataset, equal, tiny
from run_samples import Killed, final_state, kill_at, run

from alberdice.datasets import load_dataset, write_dataset
from alberdice.deep.training import ranks as module
from alberdice.deep.training.callbacks import SIGNALLED
from alberdice.deep.training.fit import Fitting
from alberdice.deep.training.loop import train
from alberdice.deep.training.ranks import Ranks, Together, hand_over
from alberdice.deep.training.run_directory import RunDirectory
from alberdice.errors import InvalidArgumentError, InvalidDataError, ResourceError
from alberdice.machine import Place, place


class Heard:
    """The others' side of a talk, in one process: what they say is told beforehand."""

    def __init__(self, place: int, first: list[torch.Tensor] | None = None, others: int = 0) -> None:
        self.place, self.count, self.first, self.others = place, 2, first, others
        self.said: list[torch.Tensor] = []

    def from_first(self, x: torch.Tensor) -> torch.Tensor:
        self.said.append(x.clone())
        return x if self.first is None else self.first[len(self.said) - 1]

    def most(self, number: int) -> int:
        return max(number, self.others)


class Weights:
    """A learner with one tensor."""

    def __init__(self, value: float) -> None:
        self.weight = torch.tensor([value])

    def state_dict(self) -> dict[str, torch.Tensor]:
        return {"weight": self.weight}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        self.weight.copy_(state["weight"])


def fitting(value: float, done: int) -> Any:
    return Fitting(Weights(value), torch.Generator().manual_seed(int(value)), 10, done=done)  # type: ignore[arg-type]


def test_torchrun_says_which_process_this_is() -> None:
    told = {"RANK": "3", "LOCAL_RANK": "1", "WORLD_SIZE": "4", "MASTER_ADDR": "here", "TORCHELASTIC_RESTART_COUNT": "2"}
    assert place(told) == Place(rank=3, local=1, count=4, attempt=2)
    for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR"):
        assert place({key: value for key, value in told.items() if key != name}) == Place()


def test_the_first_process_hands_its_state_to_the_others() -> None:
    leader, follower, said = fitting(1.0, 7), fitting(2.0, 0), Heard(0)
    hand_over(said, leader, "ab")  # type: ignore[arg-type]
    hand_over(Heard(1, said.said), follower, "ab")  # type: ignore[arg-type]
    assert follower.done == 7
    assert follower.learner.weight == 1.0
    assert torch.equal(follower.generator.get_state(), leader.generator.get_state())
    with pytest.raises(InvalidDataError, match="other data in process 2"):
        hand_over(Heard(1, said.said), follower, "ac")  # type: ignore[arg-type]


@pytest.mark.parametrize(("own", "others", "expected"), [("", 0, ""), ("", 2, SIGNALLED), (SIGNALLED, 0, SIGNALLED)])
def test_all_stop_where_one_does(own: str, others: int, expected: str) -> None:
    going = fitting(1.0, 3)
    going.stopped = own
    Together(Heard(0, others=others)).after_update(going)  # type: ignore[arg-type]
    assert going.stopped == expected


def test_a_reason_of_the_first_alone_stops_the_others_too() -> None:
    going = fitting(1.0, 3)
    going.stopped, heard = "good enough", Heard(0)
    heard.most = lambda number: number  # type: ignore[method-assign]
    Together(heard).after_update(going)  # type: ignore[arg-type]
    assert going.stopped == "good enough"
    Together(Heard(1, others=1)).after_update(other := fitting(1.0, 3))  # type: ignore[arg-type]
    assert other.stopped


def test_a_lost_process_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*arguments: Any, **more: Any) -> None:
        raise RuntimeError("Connection closed by peer\nmore")

    monkeypatch.setattr(module.dist, "all_reduce", gone)
    with pytest.raises(ResourceError, match=r"process 2 of 3: got no answer .*closed by peer\).*resume the run"):
        Ranks(3, 1, None).total(torch.ones(2))


def test_only_the_first_error_is_told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of arguments, which are the same in all processes, by the first process."""
    for name, value in {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "x"}.items():
        monkeypatch.setenv(name, value)
    assert run("train", "--out", "x", "--updates", "none") == 2
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("RANK", "0")
    assert run("train", "--out", "x", "--updates", "none") == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_what_several_processes_do_not_do_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "x"}.items():
        monkeypatch.setenv(name, value)
    assert run("evaluate", tmp_path) == 2
    assert "got 2 processes, expected one" in capsys.readouterr().err
    monkeypatch.setattr(module, "device_of", lambda config: "cuda")
    monkeypatch.setattr(module.torch.cuda, "device_count", lambda: 1)
    with pytest.raises(InvalidArgumentError, match="process 2 of this machine"):
        module._backend(tiny("bc"), Place(1, 1, 2))
    with pytest.raises(InvalidArgumentError, match="is not recorded"):
        module._backend(tiny("bc", capture="on"), Place(1, 1, 2))


# ---- torchrun --------------------------------------------------------------------------------------------------------


def started(config: Any, out: Path) -> subprocess.Popen[str]:
    """Two processes that train, or go on; in a session of their own."""
    settings = out.with_suffix(".json")
    settings.write_text(json.dumps(asdict(config)))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "alberdice.cli.deep", "train", "--config", str(settings), "--out", str(out), "--resume"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def done(config: Any, out: Path) -> dict[str, torch.Tensor]:
    """The state that two processes come to; what they print is one result."""
    process = started(config, out)
    output, words = process.communicate()
    assert process.returncode == 0, words
    assert json.loads(output)["processes"] == 2
    return final_state(out)


def wait_for(out: Path, process: subprocess.Popen[str]) -> None:
    while not (out / "checkpoint.safetensors").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)


def process_of(rank: int, parent: int) -> int:
    children = map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split())
    return next(pid for pid in children if f"RANK={rank}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"))


def close(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> None:
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        torch.testing.assert_close(second[name], tensor, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("distinct", [False, True], ids=["drawn steps", "all distinct steps"])
def test_two_processes_train_as_one_does_and_go_on_where_one_was(tmp_path: Path, distinct: bool) -> None:
    write_dataset(load_dataset("zoo-harvest") if distinct else chain_dataset(), "own-v0", root=tmp_path)
    more = {"batch_size": 256, "starts": 2, "start_updates": 2} if distinct else {}
    config = tiny(dataset=str(tmp_path / "own-v0"), pretrain_updates=5, updates=5, evaluate_every=5, **more)
    train(config, tmp_path / "one")
    alone = final_state(tmp_path / "one")
    close(alone, done(config, tmp_path / "two"))
    assert (tmp_path / "two" / "metrics.csv").read_text().count("\n") == 2 + distinct  # a further start is evaluated at its end
    with pytest.raises(Killed):
        train(config, tmp_path / "begun", progress=kill_at(7))
    close(alone, done(config, tmp_path / "begun"))


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_process_ends_all_with_one_line_and_one_goes_on(tmp_path: Path, rank: int) -> None:
    config, out = tiny("bc", environment="none", updates=1_000_000, checkpoint_every=1), tmp_path / "run"
    process = started(config, out)
    wait_for(out, process)
    os.kill(process_of(rank, process.pid), signal.SIGKILL)
    output, words = process.communicate()
    assert process.returncode != 0
    assert not output
    lines = [line for line in words.splitlines() if line.startswith("alberdice-deep: ")]
    assert len(lines) == 1, words
    assert "resume the run" in lines[0]
    reached = RunDirectory(out).load()[1]["update"]
    with pytest.raises(Killed):
        train(config, out, resume=True, progress=kill_at(2))
    assert RunDirectory(out).load()[1]["update"] == reached + 2


@pytest.mark.slow
def test_two_processes_that_were_stopped_go_on_bit_for_bit(tmp_path: Path) -> None:
    config = tiny(minibatch="sampled", environment="none", pretrain_updates=150, updates=150, checkpoint_every=25)
    whole, out = done(config, tmp_path / "whole"), tmp_path / "parts"
    process = started(config, out)
    wait_for(out, process)
    for rank in (0, 1):
        os.kill(process_of(rank, process.pid), signal.SIGTERM)
    words = process.communicate()[1]
    assert "stopped at update" in words
    reached = RunDirectory(out).load()[1]["update"]
    assert 25 <= reached < config.total
    assert equal(whole, done(config, out))
