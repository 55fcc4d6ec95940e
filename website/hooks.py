"""What MkDocs does for this site beside rendering docs/: pages that are made, links out of docs/, formulas as MathML.

Formulas become MathML while the site is built, so that pages need no script and no network; one that cannot be read is a
warning, and ``mkdocs build --strict`` fails.
"""

from __future__ import annotations

import logging
import re
import sys
from html import unescape
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parent))
from api_pages import api_pages
from settings_page import settings_page

ROOT = Path(__file__).parents[1]
#: files outside docs/ that are pages here
OUTSIDE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "proofs_check/README.md": "proofs.md",
}
log = logging.getLogger("mkdocs.hooks.alberdice")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are not in docs/."""
    made = {page: (ROOT / source).read_text(encoding="utf-8") for source, page in OUTSIDE.items()}
    made |= {"settings.md": settings_page(), **api_pages()}
    for name, text in made.items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Links as they hold on the site: to pages among its own, to other files of the repository where that has an address."""
    source = next((Path(s) for s, made in OUTSIDE.items() if made == page.file.src_uri), Path("docs") / page.file.src_uri)
    # a name behind a fence's language is the file that the test of these pages writes
    markdown = re.sub(r"^```(\w+) (\S+)$", r'```\1 title="\2"', markdown, flags=re.MULTILINE)
    return re.sub(r"(!?\[[^\]]*\])\(([^)\s]+)\)", lambda link: _link(link, source.parent, page, config), markdown)


def _link(link: re.Match[str], folder: Path, page: Any, config: Any) -> str:
    """One link, seen from the folder of the file that holds it."""
    words, target = link.groups()
    path, _, anchor = target.partition("#")
    if not path or "://" in path or path.startswith("mailto:"):
        return link[0]
    place = (ROOT / folder / path).resolve()
    if not place.is_relative_to(ROOT):
        return link[0]
    inside = place.relative_to(ROOT).as_posix()
    if inside in OUTSIDE:
        known: str | None = OUTSIDE[inside]
    else:
        known = inside.removeprefix("docs/") if inside.startswith("docs/") and not place.is_dir() else None
    if known is None:
        if not place.exists():
            log.warning("%s: no such file: %s", page.file.src_uri, target)
        address = (config.repo_url or "").rstrip("/")
        return f"{words}({address}/blob/main/{inside})" if address else words[1:-1]
    up = "../" * page.file.src_uri.count("/")
    return f"{words}({up}{known}{'#' + anchor if anchor else ''})"


def on_page_content(html: str, page: Any, config: Any, files: Files) -> str:
    """Formulas as MathML; numbers and their errors on one line."""

    def formula(match: re.Match[str]) -> str:
        text = unescape(match[2]).strip()
        block = text.startswith(r"\[")
        try:
            made = convert(_plain(text[2:-2]), display="block" if block else "inline")
            if unread := re.findall(r"\\[A-Za-z]*", re.sub(r"<[^>]*>", "", made)):
                raise ValueError(f"unknown {', '.join(unread)}")
            return made
        except Exception as problem:
            log.warning("%s: a formula cannot be read (%s: %s): %s", page.file.src_uri, type(problem).__name__, problem, text)
            return match[0]

    for item in _all_items(page.toc):
        item.title = _in_letters(item.title)
    html = re.sub(r"(?<=\d) ± (?=\d)|(?<=\[)(-?[\d.]+), (?=-?[\d.]+\])", _together, html)
    return re.sub(r'<(span|div) class="arithmatex">(.*?)</\1>', formula, html, flags=re.DOTALL)


def _together(number: re.Match[str]) -> str:
    """A number and its error, or an interval, on one line."""
    return f"{number[1]},\N{NO-BREAK SPACE}" if number[1] else "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}"


def _all_items(items: Any) -> Any:
    """The entries of a table of contents, those below them, too."""
    for item in items:
        yield item
        yield from _all_items(item.children)


def _in_letters(title: str) -> str:
    """A heading's formulas as plain text, for the table of contents."""
    return re.sub(r"\\\((.*?)\\\)", lambda formula: formula[1].replace(r"\alpha", "α").replace(r"\gamma", "γ"), title)


def _plain(formula: str) -> str:
    """The same without what the converter does not know, and a reader does not miss."""
    formula = re.sub(r"\\[bB]igg?(?=\\Vert)", "", formula)
    return formula.replace(r"\!", "").replace(r"\displaystyle", "")
