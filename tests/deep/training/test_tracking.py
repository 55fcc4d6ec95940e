"""Weights & Biases, offline: what a run leaves in its folder, read back as its records."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from deep_samples import tiny
from run_samples import Killed, kill_at

from alberdice.deep.training.loop import train
from alberdice.deep.training.tracking import WandB
from alberdice.errors import InvalidArgumentError, InvalidDataError, ResourceError


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


def test_without_the_package_the_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(ResourceError, match=r"wandb: got not installed, .*pip install 'alberdice\[tracking\]'"):
        WandB(tmp_path / "wandb")
