"""Weights & Biases, offline: what a run leaves in its folder, read back as its records."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from deep_samples import tiny
from run_samples import Killed, kill_at, run

from alberdice.deep.training.loop import train
from alberdice.deep.training.tracking import WandB
from alberdice.errors import InvalidArgumentError, InvalidDataError, ResourceError
from alberdice.experiments.executors.local import LocalExecutor
from alberdice.experiments.executors.work import make_run
from alberdice.experiments.planned import PlannedRun


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")


def chunks(path: Path) -> Iterator[bytes]:
    """The records of a .wandb file: LevelDB's log format after a head of 7 bytes, in blocks of 32 KiB."""
    data, at, part = path.read_bytes(), 7, b""
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        size, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        part += data[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):  # a whole one, or the last part
            yield part
            part = b""


def records(folder: Path) -> tuple[set[str], dict[str, Any], dict[int, dict[str, float]]]:
    """The runs' names, the settings, and the numbers by step, in the order in which they were written."""
    import wandb
    from wandb.proto import wandb_internal_pb2

    wandb.teardown()  # its process writes the last of the file when it ends
    names: set[str] = set()
    config: dict[str, Any] = {}
    steps: dict[int, dict[str, float]] = {}
    for path in sorted(folder.glob("wandb/offline-run-*/run-*.wandb")):
        for data in chunks(path):
            record: Any = wandb_internal_pb2.Record()
            record.ParseFromString(data)
            if record.HasField("run"):
                names.add(record.run.run_id)
                config |= {each.key: json.loads(each.value_json) for each in record.run.config.update}
            if record.HasField("history"):
                row = {each.key or "/".join(each.nested_key): json.loads(each.value_json) for each in record.history.item}
                numbers = {key: value for key, value in row.items() if not key.startswith("_")}
                steps.setdefault(int(row["_step"]), {}).update(numbers)
    return names, config, steps


@pytest.mark.usefixtures("offline")
@pytest.mark.slow
def test_a_run_that_goes_on_is_one_run_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alberdice.deep.training.fit.LOOK_EVERY", 5)
    with pytest.raises(Killed):
        train(tiny(), tmp_path / "run", progress=kill_at(13), wandb="lab")
    result = train(tiny(), tmp_path / "run", resume=True, wandb="lab")
    names, config, steps = records(tmp_path / "run" / "wandb")
    assert names == {(tmp_path / "run" / "wandb" / "run-id").read_text().strip()}
    assert (config["algorithm"], config["seed"]) == (tiny().algorithm, tiny().seed)
    assert max(steps) == tiny().total
    assert steps[max(steps)]["evaluation/return_mean"] == pytest.approx(result["return_mean"])
    assert any(name.startswith("training/") for row in steps.values() for name in row)


@pytest.mark.usefixtures("offline")
def test_a_logger_of_the_training_api(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    logger = WandB(tmp_path / "wandb", "lab", settings={"alpha": 0.5}, name="mine")
    logger.log("training", 1, {"loss": 2.0, "other": float("nan")})
    logger.log("evaluation", 2, {"return_mean": 1.0})
    logger.close()
    _, config, steps = records(tmp_path / "wandb")
    assert config["alpha"] == 0.5
    assert steps == {1: {"training/loss": 2.0}, 2: {"evaluation/return_mean": 1.0}}
    told = capfd.readouterr()
    assert told.out == ""
    assert told.err.startswith("wandb: ")
    assert len(told.err.splitlines()) == 1


@pytest.mark.usefixtures("offline")
def test_what_wandb_does_not_take_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match=r"options: got \['colour'\], expected those of wandb.init"):
        WandB(tmp_path / "wandb", colour="red")
    (tmp_path / "wandb" / "run-id").write_text("../../elsewhere\n")
    with pytest.raises(InvalidDataError, match="letters and digits"):
        WandB(tmp_path / "wandb", done=3)


class Heard:
    """In the place of W&B: what it was begun with, what came, and its end."""

    begun: ClassVar[list[Heard]] = []

    def __init__(self, folder: Path, project: str, *, done: int, settings: dict[str, Any], name: str) -> None:
        self.told = (folder.parent.name, project, done, name)
        self.settings, self.steps, self.over = settings, list[tuple[str, int]](), False
        self.begun.append(self)

    def log(self, kind: str, update: int, values: Any) -> None:
        assert all(isinstance(value, int | float) for value in values.values())
        self.steps.append((kind, update))

    def close(self) -> None:
        self.over = True


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[Heard]:
    monkeypatch.setattr(Heard, "begun", [])
    for module in ("alberdice.deep.training.loop", "alberdice.deep.online.run"):
        monkeypatch.setattr(f"{module}.WandB", Heard)
    return Heard.begun


def test_every_command_that_trains_logs_there(heard: list[Heard], tmp_path: Path) -> None:
    few = ("--updates", "2", "--pretrain-updates", "1", "--environment", "none")
    assert run("compare", "--algorithms", "bc", "--dataset", "matrix-d", *few, "--out", tmp_path, "--wandb", "lab") == 0
    planned = PlannedRun(tiny("bc"), tmp_path / "seed-0", wandb="lab")
    assert make_run(planned, lambda note: None).status == "done"
    mat = (
        "--train",
        "mat",
        "--iterations",
        "2",
        "--batch-episodes",
        "4",
        "--width",
        "8",
        "--heads",
        "1",
        "--out",
        tmp_path / "mat",
    )
    where = ("--environment", "penalty-xor", "--id", "lab/played-v0", "--root", tmp_path / "store", "--episodes", "2")
    assert run("collect", *where, *mat, "--wandb", "lab") == 0
    assert [each.told for each in heard] == [
        ("bc", "lab", 0, ""),
        ("seed-0", "lab", 0, "matrix-d, bc, seed 0"),
        ("seed-0", "lab", 0, "mat in penalty-xor, seed 0"),
    ]
    assert heard[0].steps[-1] == ("evaluation", 2)
    assert heard[2].steps == [("training", 1), ("training", 2)]
    assert heard[2].settings["environment"] == "penalty-xor"
    assert all(each.over for each in heard)


@pytest.mark.parametrize("command", ["sweep", "reproduce"])
def test_many_runs_take_the_project_along(command: str, heard: list[Heard], tmp_path: Path, monkeypatch: Any) -> None:
    """To wherever they are made: it is in what is planned."""
    given: list[PlannedRun] = []
    monkeypatch.setattr(LocalExecutor, "execute", lambda self, runs, step, share=1.0: given.extend(runs) or {})
    file = tmp_path / "sweep.toml"
    file.write_text('algorithms = ["bc"]\ndatasets = ["matrix-d"]\nseeds = 1\n')
    what = (file,) if command == "sweep" else ("table1", "--algorithms", "bc", "--seeds", "1", "--datasets", "matrix-c")
    run(command, *what, "--out", tmp_path / "runs", "--wandb", "lab")
    assert {each.wandb for each in given} == {"lab"}


def test_without_the_package_the_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(ResourceError, match=r"wandb: got not installed, .*pip install 'alberdice\[tracking\]'"):
        WandB(tmp_path / "wandb")
