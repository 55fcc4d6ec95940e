"""What docs/starcraft.md prints of four times the fights is what the benchmark's files hold."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "starcraft.md").read_text(encoding="utf-8")
PLAYS = ("won", "sharp_won", "greedy_won")


def compared(name: str) -> dict[tuple[str, str], dict[str, Any]]:
    """A file's rows by map and variant."""
    rows = json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text(encoding="utf-8"))["compared"]
    return {(row["data"].split("-")[1], row["variant"]): row for row in rows}


def printed(variant: str, table: int) -> list[str]:
    """The cells of a variant's row in one of the section's tables."""
    section = PAGE[PAGE.index("### Four times the fights") :].replace("**", "")
    lines = re.findall(r"(?:^\|.*\n)+", section, re.MULTILINE)[table].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return next(row[1:] for row in rows if row[0] == variant)


def share(value: float, digits: int) -> str:
    return f"{value:.{digits}f}".removeprefix("0")


def difference(row: dict[str, Any], other: str, what: str, digits: int) -> str:
    told = row["minus"][other][what]
    mean = f"{told['mean']:+.{digits}f}".replace("0.", ".")
    return f"{mean} ± {share(told['error'], digits)}"


@pytest.mark.parametrize("variant", ["bc", "bc-weakest", "bc-best", "alberdice-agreed", "alberdice-gentle", "alberdice-seen"])
def test_choices_are_the_files(variant: str) -> None:
    rows, expected = compared("smax_choices_greedy"), []
    for place in ("3s5z", "6h_vs_8z"):
        row = rows[place, variant]
        expected.append(f"{row['greedy_won']['mean']:.3f}".removeprefix("0"))
        for other in ("bc", f"{variant} pi^D"):
            expected.append(difference(row, other, "greedy_won", 3) if other in row["minus"] else "")
    assert printed(variant, 0) == expected


def test_reported_fights_are_the_files() -> None:
    rows, gentle = compared("smax_training_greedy"), "alberdice-gentle"
    places = [(place, what) for place in ("3s5z", "6h_vs_8z") for what in PLAYS]
    for name, variant in (("bc", "bc"), ("optidice", "optidice"), (gentle, gentle), ("its pi^D", f"{gentle} pi^D")):
        assert printed(name, 1)[1:] == [share(rows[place, variant][what]["mean"], 2) for place, what in places]
    for name, other in (("gentle less pi^D", f"{gentle} pi^D"), ("gentle less bc", "bc"), ("gentle less optidice", "optidice")):
        assert printed(name, 1)[1:] == [difference(rows[place, gentle], other, what, 2) for place, what in places]


def test_fights_of_medium_play_are_the_files() -> None:
    rows, gentle = compared("smax_training_medium"), "alberdice-gentle"
    for name, variant in (("bc", "bc"), (gentle, gentle), ("its pi^D", f"{gentle} pi^D")):
        expected = [share(rows[place, variant][what]["mean"], 2) for place in ("3s5z", "6h_vs_8z") for what in PLAYS]
        assert printed(name, 2) == expected


def test_tables_5_and_7_are_the_files() -> None:
    def won(table: str, data: str, name: str) -> str:
        content = json.loads((ROOT / "benchmarks" / "results" / f"{table}.json").read_text(encoding="utf-8"))
        (cell,) = (
            cell for cell in content["cells"] if (cell["dataset"], cell["name"]) == (f"smax/{data}-conventions-v0", name)
        )
        return share(cell["metric"]["mean"], 2)

    lines = {
        line.split("|")[1].strip(): line
        for line in PAGE[PAGE.index("## The paper's tables") :].splitlines()[::-1]
        if "|" in line
    }
    for data in ("3s5z", "6h_vs_8z"):
        expected = [won("table7", data, f"alpha = {10.0**k:g}") for k in range(-3, 4)]
        assert [cell.strip() for cell in lines[f"{data}, won"].split("|")[2:-1]] == expected
    for name in ("BC", "ICQ", "OMAR", "OptiDICE", "AlberDICE"):
        cells = [cell.strip() for cell in lines[name].split("|")]
        assert [cells[2], cells[6]] == [won("table5", data, name) for data in ("3s5z", "6h_vs_8z")]
