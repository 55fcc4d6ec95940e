"""Text of any origin as HTML: escaped, one line, numbers with as many digits as help; tables of it."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from alberdice.texts import one_line

__all__ = ["plain", "table"]

_NUMBER = '<td class="n" style="text-align: right">'


def plain(value: object) -> str:
    """Any value as escaped text of one line."""
    if value is None or (isinstance(value, float) and value != value):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(plain, value)) or "none"
    return html.escape(one_line(value, 500))


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], marked: Sequence[bool] = (), *, caption: str = "") -> str:
    """A table; numbers stand on the right, and marked rows are pointed out.  Empty heads are left out."""
    top = "".join(f"<th>{plain(head)}</th>" for head in heads)
    top = f"<thead><tr>{top}</tr></thead>" if any(heads) else ""
    top = f"<caption>{plain(caption)}</caption>{top}" if caption else top
    lines = []
    for number, row in enumerate(rows):
        cells = "".join(f"{_NUMBER if _is_number(cell) else '<td>'}{plain(cell)}</td>" for cell in row)
        mark = ' class="mark"' if number < len(marked) and marked[number] else ""
        lines.append(f"<tr{mark}>{cells}</tr>")
    return f"<table>{top}<tbody>{''.join(lines)}</tbody></table>"


def _is_number(cell: object) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)
