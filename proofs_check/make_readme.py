"""Writes what follows from statements.json: ``python proofs_check/make_readme.py`` (``--check``: only compare).

README.md, and for Coq the list of theorems whose axioms (Assumptions.v) and statements (Statements.v) are printed.
"""

from __future__ import annotations

import json
import sys
import textwrap
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
README = HERE / "README.md"
THEORIES = HERE / "coq" / "theories"
FIELDS = ("statement", "verdict", "corrected", "coq", "says", "note", "property", "counterexample", "deep")

HEAD = """# Every numbered statement of the paper

Proved by machine, tested as a property, or refuted with numbers; and what follows that the paper does not state. Generated from
`statements.json` by `make_readme.py`; a test fails when this table differs from it, or names a theorem, file or test that is
not there. The statements with their proofs in prose: [docs/mathematics.md](../docs/mathematics.md).

- **Coq theorem**: in [`coq/theories`](coq/theories). No admitted goal, no axiom beyond those of Coq's real numbers. Each with
  all its hypotheses, as Coq prints it: [`coq/statements.txt`](coq/statements.txt); `make proofs` compares it.
- **Property**: a file here, which calls the package's public functions on random MMDPs (any number of agents, unequal action
  sets, impossible transitions, unreachable states) and asserts the counterexamples' numbers. `python proofs_check/lemma_4_1.py`
  runs one alone, `pytest proofs_check` all of them, `pytest -m slow proofs_check` ten times as many new examples, and sees each
  property fail under its mutation, a function of the package made wrong ([`mutations.py`](mutations.py)).
- **Counterexample**: its number in the files' test names, and its values.
- **Sample form**: the loss of the deep layer (`alberdice.deep.losses`) that estimates it; `tests/deep/test_losses.py` holds
  each against the population form.

"""

NOTES = """
## What each verdict rests on

The theorems that say it, and what they quantify over: read from their statements, and compared with them by a test (the sign of
alpha, `d^D > 0`).

"""

AXIOMS = """(* The axioms behind every main theorem, all of them at once; written by make_readme.py.
   The expected list has nothing beyond the construction of Coq's real numbers and classical logic:
     ClassicalDedekindReals.sig_forall_dec, ClassicalDedekindReals.sig_not_dec,
     FunctionalExtensionality.functional_extensionality_dep, Classical_Prop.classic. *)
"""

PRINT = """(* Prints every theorem of the table with all its hypotheses, as in statements.txt; written by make_readme.py. *)
From Coq Require Import Reals.
From mathcomp Require Import all_ssreflect.
"""


def load() -> list[dict[str, Any]]:
    """The rows, with exactly the fields that the table has."""
    rows: list[dict[str, Any]] = json.loads((HERE / "statements.json").read_text(encoding="utf-8"))
    for row in rows:
        if tuple(row) != FIELDS:
            raise SystemExit(f"statements.json, {row.get('statement')!r}: fields {tuple(row)}, expected {FIELDS}")
    return rows


def grouped_by_file(row: dict[str, Any]) -> dict[str, list[str]]:
    """The row's tests, grouped by file, in order."""
    groups: dict[str, list[str]] = {}
    for entry in row["property"]:
        file, _, test = entry.partition("::")
        groups.setdefault(file, []).append(test)
    return groups


def table(head: tuple[str, ...], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") if cell else " " for cell in row] for row in rows)]
    bars = ["|" + "|".join(line) + "|" if line[0] == "---" else "| " + " | ".join(line) + " |" for line in lines]
    return "\n".join(bars) + "\n"


def code(names: list[str]) -> str:
    """Names as code, with commas."""
    return ", ".join(f"`{name}`" for name in names)


def render(rows: list[dict[str, Any]]) -> str:
    """The whole README."""
    cells, notes = [], []
    for row in rows:
        files = ", ".join(f"[{file}]({file}) ({len(tests)})" for file, tests in grouped_by_file(row).items())
        verdict = f"**{row['verdict']}**"
        cells.append(
            [row["statement"], verdict, row["corrected"], code(row["coq"]), files, row["counterexample"], code(row["deep"])]
        )
        notes.append([row["statement"], verdict, code(row["says"]), row["note"]])
    head = ("statement", "verdict", "corrected form", "Coq theorem", "property", "counterexample", "sample form")
    return HEAD + table(head, cells) + NOTES + table(("statement", "verdict", "said by", "quantified over"), notes)


def modules() -> list[str]:
    """The Coq files that hold theorems, in the order of compilation."""
    lines = (HERE / "coq" / "_CoqProject").read_text(encoding="utf-8").splitlines()
    files = [Path(line).stem for line in lines if line.startswith("theories/")]
    return [file for file in files if file not in ("Assumptions", "Statements")]


def theorems(rows: list[dict[str, Any]]) -> list[str]:
    """Every theorem of the table once, in the files' order."""
    order = {file: place for place, file in enumerate(modules())}
    return sorted(dict.fromkeys(name for row in rows for name in row["coq"]), key=lambda name: order[name.split(".")[0]])


def coq_lists(rows: list[dict[str, Any]]) -> dict[Path, str]:
    """Assumptions.v and Statements.v."""
    names = theorems(rows)
    need = textwrap.fill(f"From AlberDICE Require {' '.join(modules())}.", 128, subsequent_indent="  ")
    take = textwrap.fill(f"From AlberDICE Require Import {' '.join(modules())}.", 128, subsequent_indent="  ")
    every = ",\n".join(f"  @{name}" for name in names)
    axioms = f"Definition every_theorem := (\n{every}).\nPrint Assumptions every_theorem.\n"
    checks = "".join(f"Check @{name}.\n" for name in names)
    style = "Local Open Scope R_scope.\nUnset Printing Implicit Defensive.\nSet Printing Width 120.\n"
    return {
        THEORIES / "Assumptions.v": f"{AXIOMS}{need}\n{axioms}",
        THEORIES / "Statements.v": f"{PRINT}{take}\n{style}{checks}",
    }


def main(arguments: list[str]) -> int:
    rows = load()
    for file, text in {README: render(rows), **coq_lists(rows)}.items():
        if arguments != ["--check"]:
            file.write_text(text, encoding="utf-8")
        elif not file.exists() or file.read_text(encoding="utf-8") != text:
            print(f"{file.name} differs from statements.json: run python proofs_check/make_readme.py", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
