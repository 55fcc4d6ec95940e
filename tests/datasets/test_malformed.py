"""Malformed files: each a clear error that names file, field and index; nothing written, nothing executed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from dataset_files import snapshot
from malformed_cases import CFCQL, CSV, MINARI, NATIVE, PYMARL, TABLE_JSON, VAULT

from alberdice.cli.deep import main
from alberdice.datasets import open_dataset, read_cfcql, read_joint_actions, read_minari, read_pymarl, read_vault
from alberdice.errors import InvalidDataError

TABLES = {
    "native": (NATIVE, open_dataset),
    "pymarl": (PYMARL, read_pymarl),
    "cfcql": (CFCQL, read_cfcql),
    "vault": (VAULT, read_vault),
    "minari": (MINARI, read_minari),
    "csv": (CSV, read_joint_actions),
    "json": (TABLE_JSON, read_joint_actions),
}
CASES = [(kind, case) for kind, (table, _) in TABLES.items() for case in table]


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 100


@pytest.mark.parametrize(("kind", "case"), CASES, ids=[f"{kind}: {case}" for kind, case in CASES])
def test_malformed(kind: str, case: str, wholes: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, read = TABLES[kind]
    spoil, match = table[case]
    path = tmp_path / "in" / wholes[kind].name
    path.parent.mkdir()
    if wholes[kind].is_dir():
        shutil.copytree(wholes[kind], path)
    else:
        shutil.copy(wholes[kind], path)
    if kind not in ("csv", "json"):
        read(path)  # whole before it is spoilt
    spoil(path)
    before = snapshot(tmp_path)
    with pytest.raises(InvalidDataError, match=match) as caught:
        read(path)
    assert str(path.parent) in str(caught.value)
    assert caught.value.exit_code == 2
    if kind != "native":
        formats = {"csv": "joint-actions", "json": "joint-actions"}
        command = [
            "datasets",
            "import",
            formats.get(kind, kind),
            str(path),
            "--id",
            "lab/new-v0",
            "--root",
            str(tmp_path / "store"),
        ]
        with pytest.raises(SystemExit) as done:
            main(command)
        assert done.value.code == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.count("\n") == 1
        assert said.err.startswith("alberdice-deep: ")
    assert snapshot(tmp_path) == before
    assert not (tmp_path / "store").exists()
    assert not list(tmp_path.rglob("EXECUTED"))
