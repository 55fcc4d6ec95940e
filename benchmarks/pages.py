"""Tables of the documentation that scripts write, each between two marks of its own.

    python benchmarks/pages.py    # the tables of docs/results.md that are of files of ``reproduce table3``

Other scripts write theirs by ``--page``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1] / "docs"
RESULTS = Path(__file__).parent / "results"
#: places in docs/results.md, and the files that they show
OF_RESULTS = {"table 3": "table3", "table 3 on a small budget": "table3_reduced"}


def marks(name: str) -> tuple[str, str]:
    """The comments around what is written under this name."""
    return f"<!-- {name} -->", f"<!-- end of {name} -->"


def with_table(page: str, table: str, first: str, last: str) -> str:
    """The page with the table between these two marks, each of which it has once."""
    before, rest = page.split(first)
    _, after = rest.split(last)
    return f"{before}{first}\n\n{table.strip()}\n\n{last}{after}"


def write_tables(page: Path, tables: dict[str, str]) -> None:
    """Write tables into the page, by name."""
    text = page.read_text(encoding="utf-8")
    for name, table in tables.items():
        text = with_table(text, table, *marks(name))
    page.write_text(text, encoding="utf-8")


def in_markdown(rows: list[list[str]]) -> str:
    """A table; the first row is its head."""
    return "\n".join("| " + " | ".join(row) + " |" for row in (rows[0], ["---"] * len(rows[0]), *rows[1:]))


def table_of_shares(content: dict[str, Any]) -> str:
    """Shares of the data's mean and, in brackets, the paper's: algorithms by warehouses, as ``reproduce table3`` gave them."""
    cells = {(cell["name"], cell["dataset"]): cell for cell in content["cells"]}
    names, places = (list(dict.fromkeys(key[at] for key in cells)) for at in (0, 1))
    rows = [["share of the data's mean (the paper's)", *(place.split("-conv")[0].removeprefix("rware-") for place in places)]]
    return in_markdown([*rows, *([name, *(_share(cells.get((name, place))) for place in places)] for name in names)])


def _share(cell: dict[str, Any] | None) -> str:
    if cell is None:
        return "not run"
    return f"{cell['share_of_data']['mean']:.2f} ({cell['paper']['share']:.2f})"


def tables_of_results() -> dict[str, str]:
    """What docs/results.md prints, by the name of its place."""
    held = {name: json.loads((RESULTS / f"{file}.json").read_text(encoding="utf-8")) for name, file in OF_RESULTS.items()}
    return {name: table_of_shares(content) for name, content in held.items()}


if __name__ == "__main__":
    write_tables(DOCS / "results.md", tables_of_results())
