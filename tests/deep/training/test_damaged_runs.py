"""Run folders whose files were changed: refused with the file's name, or mended from the checkpoint; never believed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import torch
from deep_samples import tiny

from alberdice.deep.training.loop import train
from alberdice.deep.training.run_directory import RunDirectory
from alberdice.deep.training.saved_run import evaluate_run, policies_of_run
from alberdice.errors import AlberDICEError, InvalidArgumentError, InvalidDataError


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("damaged") / "run"
    train(tiny("bc"), out)
    return out


@pytest.fixture
def folder(trained: Path, tmp_path: Path) -> RunDirectory:
    copytree(trained, tmp_path / "run")
    return RunDirectory(tmp_path / "run")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_a_result_is_read_as_it_was_written(folder: RunDirectory) -> None:
    assert folder.read_result()["status"] == "done"
    assert "sha256" not in folder.read_result()


@pytest.mark.parametrize(
    ("old", "new"), [('"done"', '"dome"'), ('"seed": 0', '"seed": 1'), ('"episodes": 20', '"episodes": 60')]
)
def test_a_changed_result_is_refused(folder: RunDirectory, old: str, new: str) -> None:
    edit(folder.path / "result.json", old, new)
    with pytest.raises(InvalidDataError, match=r"result\.json: got content that its checksum denies"):
        folder.read_result()


def test_results_of_earlier_releases_are_read(folder: RunDirectory) -> None:
    value = json.loads((folder.path / "result.json").read_text())
    del value["sha256"]
    folder.write_json("result.json", value)
    assert folder.read_result() == value


@pytest.mark.parametrize(
    ("old", "new"), [('"seed": 0', '"seed": 2'), ('"updates": 12', '"updates": 72'), ("matrix-d", "matrix-b")]
)
def test_settings_that_the_checkpoint_was_not_made_with_are_refused(folder: RunDirectory, old: str, new: str) -> None:
    edit(folder.path / "config.json", old, new)
    with pytest.raises(InvalidDataError, match=r"config\.json: got settings that its checkpoint was not made with"):
        evaluate_run(folder.path, episodes=5)


@pytest.mark.parametrize("name", ["config.json", "result.json"])
@pytest.mark.parametrize("text", ["", "[1]", '{"a": 1, "a": 2}', "[" * 100_000, '{"a": ' + "9" * 5000 + "}"])
def test_what_is_no_json_object_is_refused(folder: RunDirectory, name: str, text: str) -> None:
    (folder.path / name).write_text(text)
    with pytest.raises(InvalidArgumentError, match=name.replace(".", r"\.")):
        folder.read_json(name)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace("6,", "7,", 1), "other rows than the checkpoint knows"),
        (lambda text: "\n".join(text.splitlines()[:-1]), "other rows than the checkpoint knows"),
        (lambda text: text.replace("update,", "updates,", 1), "columns, one of them update"),
        (lambda text: text.replace("seconds", "update", 1), "'update' twice"),
        (lambda text: text + "1,2\n", "got 2 cells"),
        (lambda text: text.replace("6,", "1_0,", 1), "expected a number"),
        (lambda text: text.replace("6,", "\0,", 1), "metrics.csv"),
    ],
)
def test_changed_metrics_are_refused(folder: RunDirectory, change: Callable[[str], str], words: str) -> None:
    path = folder.path / "metrics.csv"
    path.write_text(change(path.read_text()))
    with pytest.raises(InvalidDataError, match=words):
        folder.checked_metrics()


def _header(**values: Any) -> Callable[[dict[str, Any], dict[str, Any]], None]:
    return lambda tensors, header: header.update(values)


FORGED: dict[str, Callable[[dict[str, Any], dict[str, Any]], Any]] = {
    "no algorithm": lambda tensors, header: header.pop("algorithm"),
    "no policies": lambda tensors, header: header.pop("policies"),
    "another update": _header(update="x"),
    "true updates": _header(update=True),
    "a history of numbers": _header(history=[3]),
    "policies of no kind": _header(policies={}),
    "a list of policies": _header(policies=[]),
    "no hidden layers": lambda tensors, header: header["policies"]["network"].pop("hidden"),
    "agents by name": lambda tensors, header: header["policies"].update(n_actions=["a", "b"]),
    "three agents": lambda tensors, header: header["policies"].update(n_actions=[2, 2, 2]),
    "huge networks": lambda tensors, header: header["policies"]["network"].update(hidden=[10**9]),
    "a wide network": lambda tensors, header: header["policies"]["network"].update(hidden=[16]),
    "weights cut": lambda tensors, header: tensors.update({"deploy.policies": tensors["deploy.policies"][:, 1:]}),
    "no weights": lambda tensors, header: tensors.pop("deploy.policies"),
}


@pytest.mark.parametrize("change", FORGED.values(), ids=FORGED.keys())
def test_a_forged_checkpoint_is_an_error_that_names_it(folder: RunDirectory, change: Callable[..., Any]) -> None:
    """Its checksum fits: no damage, but no traceback either."""
    tensors, header = folder.load()
    change(tensors, header)
    folder.save(tensors, header)
    with pytest.raises(AlberDICEError, match=r"checkpoint\.safetensors"):
        policies_of_run(folder.path)


def test_a_setting_that_decides_nothing_may_be_missing(folder: RunDirectory) -> None:
    """As in a run of a release that lacked it."""
    value = folder.read_json("config.json")
    del value["play"]
    folder.write_json("config.json", value)
    assert folder.read_settings()["play"] == "sample"


@pytest.mark.parametrize("name", ["generator", "update", "selection"])
def test_a_state_without_a_part_is_not_resumed(folder: RunDirectory, name: str) -> None:
    tensors, header = folder.load()
    tensors.pop(name, None)
    header.pop(name, None)
    folder.save(tensors, header)
    with pytest.raises(InvalidDataError, match=rf"checkpoint\.safetensors.*{name}"):
        train(tiny("bc"), folder.path, resume=True)


def test_a_generator_of_another_size_is_not_resumed(folder: RunDirectory) -> None:
    tensors, header = folder.load()
    folder.save({**tensors, "generator": torch.zeros(3, dtype=torch.uint8)}, header)
    with pytest.raises(InvalidDataError, match=r"checkpoint\.safetensors"):
        train(tiny("bc"), folder.path, resume=True)
