"""Each verdict names the theorems that say it, and its note does not leave out or invent what they suppose."""

import re

import make_readme
import pytest

ROWS = make_readme.load()
PRINTED = make_readme.HERE / "coq" / "statements.txt"
pytestmark = pytest.mark.skipif(not make_readme.THEORIES.is_dir(), reason="no Coq sources in this checkout")


def statements() -> dict[str, str]:
    """Every theorem of the table as Coq prints it, on one line."""
    entries = re.split(r"^(?=\S)", PRINTED.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    names = make_readme.theorems(ROWS)
    assert len(entries) == len(names)
    found = {}
    for name, entry in zip(names, entries, strict=True):
        printed, _, text = entry.partition("\n")
        assert printed.split(".")[-1] == name.split(".")[-1], f"{printed} where {name} is expected"
        found[name] = " ".join(text.split())
    return found


def supposes(statement: str, *patterns: str) -> bool:
    """Whether one of the patterns is a hypothesis: followed by an arrow, or under a quantifier that is."""
    return any(re.search(rf"(?<![\w.]){pattern}\)? ->", statement) for pattern in patterns)


def positive_data(statement: str) -> bool:
    """Whether d^D > 0 (or the weights that stand for it) is supposed; the record ``mmdp`` holds it."""
    return "mmdp " in statement or supposes(statement, "0 < dD x", "0 < m x", "0 < m y t", r"0 < piD \w( b)?")


def test_the_coq_lists_are_generated() -> None:
    for file, text in make_readme.coq_lists(ROWS).items():
        assert file.read_text(encoding="utf-8") == text, f"{file.name}: run python proofs_check/make_readme.py"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["statement"])
def test_a_verdict_is_said_by_theorems_of_its_row(row: dict) -> None:
    assert row["says"]
    assert not set(row["says"]) - set(row["coq"])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["statement"])
def test_a_note_supposes_what_its_theorems_do(row: dict) -> None:
    every = statements()
    said, note = [every[name] for name in row["says"]], row["note"]
    strict = any(supposes(s, "0 < alpha") for s in said)
    weak = any(supposes(s, "0 <= alpha", "0 <= alpha < 1 / 2") for s in said)
    assert ("alpha > 0" in note) == strict, f"alpha > 0: {note}"
    assert not weak or strict or "alpha >= 0" in note, f"alpha >= 0: {note}"
    if not (strict or weak):
        assert "alpha >= 0" not in note, f"alpha >= 0 is not supposed: {note}"
    if any(positive_data(s) for s in said):
        assert "d^D" in note or "XOR" in note or "game" in note or "MMDP" in note, f"d^D > 0: {note}"
    if "d^D > 0" in note:
        assert any(positive_data(every[name]) for name in row["coq"]), f"d^D > 0 is not supposed: {note}"


def test_the_reader_of_statements_sees_hypotheses() -> None:
    assert supposes("forall alpha : R, 0 < alpha -> True", "0 < alpha")
    assert supposes("forall m, (forall x : T, 0 < m x) -> True", "0 < m x")
    assert not supposes("forall alpha : R, True -> 0 < alpha", "0 < alpha")
    assert not supposes("forall alpha : R, 10 < alpha -> True", "0 < alpha")
