"""tools/Dockerfile, as far as it can be checked without Docker: what it copies is enough, what it names is there."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINES = re.sub(r"\\\n", " ", (ROOT / "tools" / "Dockerfile").read_text(encoding="utf-8"))
COPIES = [line.split()[1:] for line in LINES.splitlines() if line.startswith("COPY ")]


def test_every_instruction_is_one() -> None:
    known = {"FROM", "ENV", "WORKDIR", "COPY", "RUN", "USER", "CMD"}
    words = {line.split()[0] for line in LINES.splitlines() if line.strip() and not line.startswith("#")}
    assert words == known


def test_the_extras_that_it_names_are_there() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    (named,) = re.findall(r'"\.\[([\w,]+)\]"', LINES)
    assert set(named.split(",")) <= set(extras)


def test_the_shell_can_read_its_commands() -> None:
    for line in LINES.splitlines():
        if line.startswith("RUN "):
            subprocess.run(["sh", "-n", "-c", line.removeprefix("RUN ")], check=True)


@pytest.mark.slow
def test_what_it_copies_makes_the_wheel(tmp_path: Path) -> None:
    pytest.importorskip("hatchling")
    for *sources, target in COPIES:
        for source in sources:
            place = tmp_path / (source if target == "./" else target)
            place.parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
            copy(ROOT / source, place)
    assert (tmp_path / "tools" / "install_football.sh").stat().st_mode & 0o100
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")]
    subprocess.run(build, cwd=tmp_path, check=True, capture_output=True)
    assert len(list((tmp_path / "dist").glob("alberdice-*.whl"))) == 1
