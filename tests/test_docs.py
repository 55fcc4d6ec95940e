"""Every code block of the README and of docs/ runs: Python blocks in one namespace per page, commands one by one.

``make`` and ``pip`` lines are not repeated here: they install into the environment that this test runs in.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")])
COMMANDS = {"alberdice": "alberdice", "alberdice-deep": "alberdice.deep.cli"}


def blocks(page: Path, languages: tuple[str, ...]) -> list[str]:
    return re.findall(rf"^```(?:{'|'.join(languages)})\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def commands(page: Path) -> list[str]:
    lines = [line.split("#")[0].strip() for block in blocks(page, ("sh", "bash", "console")) for line in block.splitlines()]
    return [line for line in lines if line]


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, ("python",))], ids=lambda p: str(p.relative_to(ROOT)))
def test_python_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "__main__"}
    for k, block in enumerate(blocks(page, ("python",))):
        exec(compile(block, f"{page.name}, Python block {k + 1}", "exec"), namespace)


@pytest.mark.parametrize("page", [p for p in PAGES if commands(p)], ids=lambda p: str(p.relative_to(ROOT)))
def test_commands_run(page: Path, tmp_path: Path) -> None:
    for line in commands(page):
        program, *arguments = shlex.split(line)
        assert program in {*COMMANDS, "make", "pip"}, f"{page.name}: {line}"
        if program in COMMANDS:
            done = subprocess.run(
                [sys.executable, "-m", COMMANDS[program], *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{page.name}: {line}\n{done.stderr}"


def test_links_between_pages_lead_somewhere() -> None:
    for page in [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "proofs_check/README.md"]:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"
