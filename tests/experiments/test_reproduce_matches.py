"""Table 4: every cell measured, or 'not run' beside the paper's number with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from alberdice.errors import InvalidArgumentError
from alberdice.experiments.executors.local import LocalExecutor
from alberdice.experiments.reproduce import matches
from alberdice.experiments.reproduce.cells import cells_of
from alberdice.experiments.reproduce.make import make_table
from alberdice.experiments.reproduce.plan import plan_runs
from alberdice.experiments.reproduce.records import Record
from alberdice.experiments.reproduce.report import Report, markdown, notes, sections
from alberdice.experiments.reproduce.tables import TABLES


def test_every_cell_is_measured_or_not_run_with_the_reason() -> None:
    table = TABLES["table4"]
    runs = plan_runs(table, Path("out"), 3)
    result = {"status": "done", "train_seconds": 7.0, "data_return": 0.7}
    records = [
        Record(run, {**result, "return_mean": 0.5, "success_mean": 0.4 + 0.1 * run.config.seed}, None, None, 0.02)
        for run in runs
        if run.algorithm == "optidice"
    ]
    report = Report(table, "", runs, records, cells_of(table, records), [], {})
    shown = sections(report)
    assert [section.title for section in shown] == [
        "RPS: football-rps-medium-expert",
        "3vs1: football-3v1-medium-expert",
        "CA-Hard",
        "Corner",
    ]
    assert [section.columns[2] for section in shown] == ["paper (football)"] * 4
    assert shown[0].rows[4] == ("OptiDICE", "0.50 ± 0.06", "0.71", "0.50 ± 0.00", "2.00 ± 0.00%", "7", "3")
    assert [row[1] for section in shown for row in section.rows].count("not run") == 22
    assert [(row[0], row[2]) for row in shown[2].rows] == [
        ("BC", "0.70"),
        ("ICQ", "0.00"),
        ("OMAR", "0.00"),
        ("MADTKD", "0.69"),
        ("OptiDICE", "0.67"),
        ("AlberDICE", "0.83"),
    ]
    assert any(line.startswith("CA-Hard: not run: no script scores often there") for line in notes(report))
    assert "SMAC" not in markdown(report)
    assert {run.config.updates for run in runs if run.algorithm == "bc"} == {3000}  # the preset's


def test_a_users_data_take_a_column(tmp_path: Path) -> None:
    table = TABLES["table4"].with_data({"RPS": "lab/rps-v0"})
    assert set(table.datasets) == {"football-3v1-medium-expert", "lab/rps-v0"}
    assert tuple(table.missing) == ("CA-Hard", "Corner")
    assert table.printed("alberdice", "lab/rps-v0") == {"mean": 0.75, "stderr": None}
    assert matches.printed("mine:Own", "RPS") is None
    with pytest.raises(InvalidArgumentError, match=r"--data: got '3v1', expected one of RPS, 3vs1"):
        make_table("table4", tmp_path, 1, LocalExecutor(), data={"3v1": "x"})
