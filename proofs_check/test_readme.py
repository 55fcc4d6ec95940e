"""The table cannot drift: README.md is what the generator writes, and every name in it exists."""

import ast
import re
from pathlib import Path

import make_readme
import pytest

HERE = Path(__file__).resolve().parent
THEORIES = HERE / "coq" / "theories"
ROWS = make_readme.load()
DECLARED = re.compile(r"^\s*(?:Theorem|Lemma|Corollary|Definition|Proposition|Fact)\s+([\w']+)", re.MULTILINE)
UNPROVED = re.compile(r"\b(Admitted|admit|give_up|Axioms?|Parameters?|Conjectures?)\b")


def without_comments(source: str) -> str:
    """Coq source without its (nested) comments."""
    kept, depth = [], 0
    for piece in re.split(r"(\(\*|\*\))", source):
        if piece == "(*":
            depth += 1
        elif piece == "*)" and depth:
            depth -= 1
        elif depth == 0:
            kept.append(piece)
    return "".join(kept)


def coq_sources() -> dict[str, str]:
    return {file.name: without_comments(file.read_text(encoding="utf-8")) for file in sorted(THEORIES.glob("*.v"))}


def defined_tests(file: str) -> set[str]:
    tree = ast.parse((HERE / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_readme_is_generated() -> None:
    assert make_readme.README.read_text(encoding="utf-8") == make_readme.render(ROWS), "run python proofs_check/make_readme.py"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["statement"])
def test_every_row_has_evidence_that_exists(row: dict) -> None:
    assert row["verdict"]
    assert row["property"], "no property"
    for file, tests in make_readme.grouped_by_file(row).items():
        assert (HERE / file).is_file(), f"no file {file}"
        missing = set(tests) - defined_tests(file)
        assert not missing, f"{file} has no {missing}"


def test_every_property_is_in_the_table() -> None:
    named = {entry for row in ROWS for entry in row["property"]}
    files = [f.name for f in HERE.glob("[a-z]*_*.py") if not f.name.startswith(("test_", "make_"))]
    assert {f"{file}::{test}" for file in files for test in defined_tests(file)} == named


@pytest.mark.skipif(not THEORIES.is_dir(), reason="no Coq sources in this checkout")
def test_every_coq_theorem_exists() -> None:
    sources = coq_sources().items()
    declared = {f"{file.removesuffix('.v')}.{name}" for file, source in sources for name in DECLARED.findall(source)}
    named = {name for row in ROWS for name in row["coq"]}
    assert declared, "no Coq declarations found"
    assert not named - declared


@pytest.mark.skipif(not THEORIES.is_dir(), reason="no Coq sources in this checkout")
def test_no_coq_file_leaves_anything_unproved() -> None:
    for file, source in coq_sources().items():
        found = UNPROVED.search(source)
        assert found is None, f"{file}: {found and found.group()}"


def test_every_deep_loss_exists() -> None:
    source = (HERE.parent / "src" / "alberdice" / "deep" / "losses.py").read_text(encoding="utf-8")
    named = {name for row in ROWS for name in row["deep"]}
    assert named
    assert not named - set(re.findall(r"^def (\w+)", source, re.MULTILINE))


def test_the_scanner_sees_what_it_is_for() -> None:
    assert UNPROVED.search(without_comments("Lemma x : True. (* Axiom *) Admitted."))
    assert not UNPROVED.search(without_comments("(* Admitted. (* Axiom *) admit *) Lemma x : True. Proof. by []. Qed."))
    assert DECLARED.findall("  Corollary it's_fine (n : nat) : n = n.") == ["it's_fine"]
