"""What docs/football.md and docs/results.md print of football is what the benchmarks' files hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"


@pytest.mark.parametrize("name", ["football_learning", "football_learning_3v1"])
def test_what_was_learned_is_the_files(name: str) -> None:
    page = (ROOT / "docs" / "football.md").read_text(encoding="utf-8")
    for row in json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))["runs_compared"]:
        mean, error = row["success"]
        assert f"| {row['variant']} | {row['seeds']} | {mean:.3f} ± {error:.3f} | {row['drawn']:.3f} |" in page


def test_table_4_is_the_files() -> None:
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    section = page[page.index("## Table 4") : page.index("## Table 6")]
    names = {"bc": "BC", "icq": "ICQ", "omar": "OMAR", "madtkd": "MADTKD", "optidice": "OptiDICE", "alberdice": "AlberDICE"}
    cells = json.loads((RESULTS / "table4.json").read_text(encoding="utf-8"))["cells"]
    made = [cell for cell in cells if cell["dataset"] == "football-rps-medium-expert"]
    assert len(made) == len(names)
    for cell in made:
        assert f"| {names.get(cell['name'], cell['name'])} | {cell['metric']['mean']:.2f}".replace("0.", ".") in section
