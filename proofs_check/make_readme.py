"""Writes proofs_check/README.md from statements.json: ``python proofs_check/make_readme.py`` (``--check``: only compare)."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
README = HERE / "README.md"
FIELDS = ("statement", "verdict", "corrected", "coq", "property", "counterexample", "deep")

HEAD = """# Every numbered statement of the paper

Proved by machine, tested as a property, or refuted with numbers. Generated from `statements.json` by `make_readme.py`; a test
fails when this table differs from it, or names a theorem, file or test that does not exist. The statements with their proofs in
prose: [docs/mathematics.md](../docs/mathematics.md).

- **Coq theorem**: in [`coq/theories`](coq/theories). No admitted goal, no axiom beyond those of Coq's real numbers.
- **Property**: a file here, which calls the package's public functions on random MMDPs (any number of agents, unequal action
  sets, impossible transitions, unreachable states) and asserts the counterexamples' numbers. `python proofs_check/lemma_4_1.py`
  runs one alone, `pytest proofs_check` all of them, `pytest -m slow proofs_check` ten times as many new examples.
- **Counterexample**: its number in the files' test names, and its values.
- **Sample form**: the loss of the deep layer (`alberdice.deep.losses`) that estimates it; `tests/deep/test_losses.py` holds
  each against the population form.

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


def render(rows: list[dict[str, Any]]) -> str:
    """The whole README."""
    lines = [
        "| statement | verdict | corrected form | Coq theorem | property | counterexample | sample form |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        coq = ", ".join(f"`{name}`" for name in row["coq"])
        files = ", ".join(f"[{file}]({file}) ({len(tests)})" for file, tests in grouped_by_file(row).items())
        deep = ", ".join(f"`{name}`" for name in row["deep"])
        cells = [row["statement"], f"**{row['verdict']}**", row["corrected"], coq, files, row["counterexample"], deep]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") if cell else " " for cell in cells) + " |")
    return HEAD + "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    text = render(load())
    if arguments == ["--check"]:
        same = README.exists() and README.read_text(encoding="utf-8") == text
        if not same:
            print("README.md differs from statements.json: run python proofs_check/make_readme.py", file=sys.stderr)
        return 0 if same else 1
    README.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
