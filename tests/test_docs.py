"""Every code block of the README and of docs/ runs, page by page, in the page's order, in an empty folder.

Python blocks of a page share one namespace, and one whose first line names a file (```python name.py) is written to that file;
commands run in this process. ``make`` and ``pip`` lines are not repeated here: they install into the environment that
this test runs in, and .ci/run calls them.
"""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alberdice.cli import main
from alberdice.cli.deep import main as deep_main

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")])
PROGRAMS = {"alberdice": main, "alberdice-deep": deep_main}
LANGUAGES = ("python", "sh", "bash", "console")
#: languages of blocks that are written to the file that their first line names
FILES = ("toml", "csv", "json")
#: pages that need an optional package
NEEDS = {
    "README.md": "torch",
    "datasets.md": "torch",
    "algorithms.md": "torch",
    "warehouses.md": "torch",
    "environments.md": "torch",
    "training.md": "torch",
    "own-data.md": "torch",
    "starcraft.md": "jaxmarl",
    "report.md": "torch",
    "sweeps.md": "torch",
    "scaling.md": "torch",
    "deployment.md": "onnxruntime",
}


def blocks(page: Path) -> list[tuple[str, str, str]]:
    found = re.findall(r"^```(\w+)(?: (\S+))?\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [(language, file, text) for language, file, text in found if language in LANGUAGES or (file and language in FILES)]


def run_commands(text: str, where: str, capsys: pytest.CaptureFixture[str]) -> None:
    for line in text.splitlines():
        program, *arguments = shlex.split(line, comments=True) or [""]
        assert program in {*PROGRAMS, "make", "pip", ""}, f"{where}: {line}"
        if program in PROGRAMS:
            with pytest.raises(SystemExit) as stop:
                PROGRAMS[program](arguments)
            assert not stop.value.code, f"{where}: {line}\n{capsys.readouterr().err}"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty one to work in; modules that a page puts there are gone with it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [n for n, m in sys.modules.items() if str(getattr(m, "__file__", "")).startswith(str(tmp_path))]:
        del sys.modules[name]


#: pages whose blocks train or trace for long
LONG = (
    "deployment.md",
    "environments.md",
    "own-data.md",
    "scaling.md",
    "starcraft.md",
    "sweeps.md",
    "training.md",
    "tutorial.md",
)


def _page(page: Path) -> Any:
    """A page as a parameter, slow if it is long."""
    return pytest.param(page, id=str(page.relative_to(ROOT)), marks=[pytest.mark.slow] if page.name in LONG else [])


@pytest.mark.parametrize("page", [_page(p) for p in PAGES if blocks(p)])
def test_blocks_run(page: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    needed = NEEDS.get(page.name)
    if needed and importlib.util.find_spec(needed) is None:
        pytest.skip(f"{page.name} shows what {needed} is needed for, and {needed} is not installed")
    namespace: dict[str, object] = {"__name__": "__main__"}
    for k, (language, file, text) in enumerate(blocks(page)):
        where = f"{page.name}, block {k + 1}"
        if file:
            (folder / file).write_text(text)
        elif language == "python":
            exec(compile(text, where, "exec"), namespace)
        else:
            run_commands(text, where, capsys)


def test_links_between_pages_lead_somewhere() -> None:
    for page in [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "proofs_check/README.md"]:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"
