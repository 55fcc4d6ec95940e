"""Every code block of the README and of docs/ runs, page by page, in the page's order, in an empty folder.

Python blocks of a page share one namespace, and one whose first line names a file (```python name.py) is written to that file;
commands run in processes of their own. ``make`` and ``pip`` lines are not repeated here: they install into the environment that
this test runs in, and .ci/run calls them.
"""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")])
MODULES = {"alberdice": "alberdice", "alberdice-deep": "alberdice.cli.deep"}
LANGUAGES = ("python", "sh", "bash", "console")
#: pages that need an optional package
NEEDS = {
    "README.md": "torch",
    "datasets.md": "torch",
    "algorithms.md": "torch",
    "warehouses.md": "torch",
    "environments.md": "torch",
    "training.md": "torch",
    "starcraft.md": "jaxmarl",
}


def blocks(page: Path) -> list[tuple[str, str, str]]:
    found = re.findall(r"^```(\w+)(?: (\S+))?\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [(language, file, text) for language, file, text in found if language in LANGUAGES]


def run_commands(text: str, where: str, folder: Path) -> None:
    for line in text.splitlines():
        program, *arguments = shlex.split(line, comments=True) or [""]
        assert program in {*MODULES, "make", "pip", ""}, f"{where}: {line}"
        if program in MODULES:
            command = [sys.executable, "-m", MODULES[program], *arguments]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{where}: {line}\n{done.stderr}"


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p)], ids=lambda p: str(p.relative_to(ROOT)))
def test_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needed = NEEDS.get(page.name)
    if needed and importlib.util.find_spec(needed) is None:
        pytest.skip(f"{page.name} shows what {needed} is needed for, and {needed} is not installed")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    namespace: dict[str, object] = {"__name__": "__main__"}
    for k, (language, file, text) in enumerate(blocks(page)):
        where = f"{page.name}, block {k + 1}"
        if file:
            (tmp_path / file).write_text(text)
        elif language == "python":
            exec(compile(text, where, "exec"), namespace)
        else:
            run_commands(text, where, tmp_path)


def test_links_between_pages_lead_somewhere() -> None:
    for page in [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "proofs_check/README.md"]:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"
