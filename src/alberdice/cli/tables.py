"""Tables of results on standard output, as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alberdice.experiments.words import Section

__all__ = ["print_sections"]


def print_sections(title: str, sections: Sequence[Section], notes: Sequence[str]) -> None:
    """A title, its tables, and notes below them."""
    from rich.console import Console
    from rich.table import Table

    console = Console(width=max(Console().width, 118), highlight=False)
    console.print(title, style="bold", markup=False)
    for section in sections:
        several = any("\n" in word for row in section.rows for word in row)
        table = Table(title=section.title, title_justify="left", show_lines=several)
        for place, name in enumerate(section.columns):
            table.add_column(name, overflow="fold", justify="right" if place else "left")
        for row in section.rows:
            table.add_row(*row)
        console.print(table)
    for line in notes:
        console.print(line, markup=False, soft_wrap=True)
