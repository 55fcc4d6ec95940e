"""The parts of a page of HTML that needs nothing but itself: escaped text, tables, pictures inside."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from alberdice.markup import plain, table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["details", "flat", "page", "paragraph", "picture", "plain", "section", "table", "warning"]

#: refuses every address from outside, whatever a text might have smuggled in
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE = """
:root { color-scheme: light dark; --ink: #222; --ground: #fff; --pale: #f3f3f3; --line: #d0d0d0; --mark: #b44600;
 --link: #0072b2 }
@media (prefers-color-scheme: dark) { :root { --ink: #ddd; --ground: #181818; --pale: #242424; --line: #444; --mark: #ff9a57;
 --link: #6cb8e8 } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground); max-width: 66rem; margin: 2rem auto;
 padding: 0 1rem }
h1 { font-size: 1.6rem } h2 { font-size: 1.25rem; margin-top: 2.2rem; border-bottom: 1px solid var(--line) }
table { border-collapse: collapse; font-size: .9rem; margin: .8rem 0; display: block; overflow-x: auto }
th, td { padding: .25rem .7rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top }
th { background: var(--pale) } td.n { text-align: right; font-variant-numeric: tabular-nums }
tr.mark td:first-child { border-left: 3px solid var(--mark) }
figure { margin: 1rem 0 } img { max-width: 100%; background: #fff } figcaption { font-size: .9rem; opacity: .8 }
.warning { border-left: 4px solid var(--mark); background: var(--pale); padding: .5rem .9rem; margin: .8rem 0 }
summary { cursor: pointer; color: var(--link) } code { font-size: .9em }
"""


def paragraph(text: object) -> str:
    """One of text."""
    return f"<p>{plain(text)}</p>"


def warning(text: object) -> str:
    """Words that must not be overlooked."""
    return f'<div class="warning" role="alert">{plain(text)}</div>'


def section(title: str, *parts: str) -> str:
    """A heading and what follows; nothing where nothing follows."""
    body = "\n".join(part for part in parts if part)
    return f"<section><h2>{plain(title)}</h2>\n{body}</section>" if body else ""


def details(title: str, *parts: str) -> str:
    """What opens on a click."""
    return f"<details><summary>{plain(title)}</summary>\n{''.join(parts)}</details>"


def picture(figure: Figure, words: str) -> str:
    """A figure as SVG inside the page, said in words for those who do not see it; the same figure gives the same text."""
    from matplotlib import rc_context

    content = io.BytesIO()
    with rc_context({"svg.hashsalt": "alberdice"}):
        figure.savefig(content, format="svg", metadata={"Date": None})
    source = base64.b64encode(content.getvalue()).decode()
    image = f'<img alt="{plain(words)}" src="data:image/svg+xml;base64,{source}">'
    return f"<figure>{image}<figcaption>{plain(words)}</figcaption></figure>"


def page(title: str, parts: Iterable[str]) -> str:
    """The whole of it."""
    body = "\n".join(part for part in parts if part)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{plain(title)}</title><style>{_STYLE}</style></head>
<body><h1>{plain(title)}</h1>
{body}
</body></html>
"""


def flat(value: Mapping[str, Any], before: str = "") -> list[tuple[str, Any]]:
    """Nested values as rows of dotted names."""
    rows: list[tuple[str, Any]] = []
    for key, inner in value.items():
        name = f"{before}{key}"
        rows += flat(inner, f"{name}.") if isinstance(inner, Mapping) and inner else [(name, inner if inner != {} else None)]
    return rows
