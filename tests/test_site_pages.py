"""The pages of the site that are made from the code: every setting of every algorithm, every public name."""

from __future__ import annotations

import sys
from dataclasses import fields
from pathlib import Path

import pytest

pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parents[1] / "website"))

from api_pages import api_pages  # type: ignore[import-not-found]
from settings_page import settings_page  # type: ignore[import-not-found]

from alberdice import deep
from alberdice.deep.learner import ALGORITHMS, learner_class


def test_every_setting_is_there_with_its_words() -> None:
    page = settings_page()
    rows = {line.split("|")[1].strip(" `"): line for line in page.splitlines() if line.startswith("| `")}
    for name in ALGORITHMS:
        assert f"\n## {name}\n" in page
        for field in fields(learner_class(name).settings):
            assert rows[field.name].rstrip("| ").count("|") >= 4, field.name  # a name, a default, a range, words


def test_every_public_name_is_there() -> None:
    pages = api_pages()
    assert all(f"::: alberdice.deep.{name}\n" in pages["api/deep.md"] for name in deep.__all__)
    assert "::: alberdice.MMDP\n" in pages["api/tabular.md"]


def test_the_navigation_holds_every_page() -> None:
    root = Path(__file__).parents[1]
    nav = (root / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2]
    for page in root.glob("docs/**/*.md"):
        assert page.relative_to(root / "docs").as_posix() in nav, page
