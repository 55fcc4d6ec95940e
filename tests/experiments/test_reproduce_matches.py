"""Table 4: every cell 'not run' beside the paper's number, until somebody gives data."""

from __future__ import annotations

from pathlib import Path

import pytest

from alberdice.errors import InvalidArgumentError
from alberdice.experiments.executors.local import LocalExecutor
from alberdice.experiments.reproduce import matches
from alberdice.experiments.reproduce.make import make_table
from alberdice.experiments.reproduce.report import notes, sections
from alberdice.experiments.reproduce.tables import TABLES


def test_without_data_every_cell_is_not_run_beside_the_papers(tmp_path: Path) -> None:
    report = make_table("table4", tmp_path, 5, LocalExecutor())
    shown = sections(report)
    assert [section.title for section in shown] == ["RPS", "3vs1", "CA-Hard", "Corner"]
    assert [section.columns[2] for section in shown] == ["paper (football)"] * 4
    assert {row[1] for section in shown for row in section.rows} == {"not run"}
    assert [(row[0], row[2]) for row in shown[2].rows] == [
        ("BC", "0.70"),
        ("ICQ", "0.00"),
        ("OMAR", "0.00"),
        ("MADTKD", "0.69"),
        ("OptiDICE", "0.67"),
        ("AlberDICE", "0.83"),
    ]
    assert any(line.startswith("RPS: not run: no data of expert play are made here") for line in notes(report))
    assert "SMAC" not in (tmp_path / "table4" / "table4.md").read_text(encoding="utf-8")


def test_a_users_data_take_a_column(tmp_path: Path) -> None:
    table = TABLES["table4"].with_data({"RPS": "lab/rps-v0"})
    assert table.datasets == ("lab/rps-v0",)
    assert tuple(table.missing) == ("3vs1", "CA-Hard", "Corner")
    assert table.printed("alberdice", "lab/rps-v0") == {"mean": 0.75, "stderr": None}
    assert matches.printed("mine:Own", "RPS") is None
    with pytest.raises(InvalidArgumentError, match=r"--data: got '3v1', expected one of RPS, 3vs1"):
        make_table("table4", tmp_path, 1, LocalExecutor(), data={"3v1": "x"})
