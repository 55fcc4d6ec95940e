"""Tables of the documentation that scripts write, each between two marks of its own."""

from __future__ import annotations

from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


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
