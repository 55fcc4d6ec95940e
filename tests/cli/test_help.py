"""``--help`` of every command and subcommand of both programs, found by walking what they are parsed into."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_docs import PAGES, blocks

from alberdice import __version__
from alberdice.cli import main
from alberdice.cli.deep import main as deep_main

PROGRAMS = {"alberdice": main, "alberdice-deep": deep_main}
#: what a walk must find at least, so that it cannot come home empty
KNOWN = {
    "alberdice": {"solve", "table6"},
    "alberdice-deep": {
        "train",
        "evaluate",
        "export",
        "compare",
        "report",
        "reproduce",
        "collect",
        "datasets",
        "datasets import",
    },
}


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal in which no line of a usage is broken."""
    monkeypatch.setenv("COLUMNS", "200")


def helped(program: str, *path: str) -> None:
    """Print the help of a command."""
    with pytest.raises(SystemExit) as stop:
        PROGRAMS[program]([*path, "--help"])
    assert not stop.value.code


def subcommands(text: str) -> list[str]:
    """The names in the ``{a,b,...}`` of a usage line."""
    found = re.search(r"\{([a-z0-9_,\s-]+)\}", text.split("options")[0].replace("\n", ""))
    return [name.strip() for name in found[1].split(",")] if found else []


def walked(program: str, capsys: pytest.CaptureFixture[str], path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    capsys.readouterr()
    helped(program, *path)
    told: Any = capsys.readouterr()
    text = re.sub(r"\x1b\[[0-9;]*m", "", told.out)
    assert "usage:" in text, path
    yield " ".join(path), text
    for name in subcommands(text):
        yield from walked(program, capsys, (*path, name))


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_command_helps(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = dict(walked(program, capsys))
    assert set(found) >= KNOWN[program], sorted(found)
    for path, text in found.items():
        assert len(text) > 80, path
        assert "Traceback" not in text
        if not subcommands(text):  # a command, not a group of them
            assert re.search(r"-v, --verbose\b.*\n?.*-q, --quiet\b", text, re.DOTALL), path


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_command_is_used(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In a block of a page, which ``test_docs`` runs, or in another test."""
    found = {path for path, text in walked(program, capsys) if f"usage: {program} {path} " in text}  # no argument's choices
    commands = {path for path in found if not any(other.startswith(f"{path} ") for other in found)}
    assert len(commands) >= len(KNOWN[program]) - 1
    lines = [line for page in PAGES for language, _, text in blocks(page) if language == "sh" for line in text.splitlines()]
    tests = "".join(path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parents[1].rglob("test_*.py")))
    for path in commands:
        words = '", "'.join(path.split())
        shown = any(line.startswith(f"{program} {path} ") or line == f"{program} {path}" for line in lines)
        assert shown or f'("{words}", ' in tests or f'["{words}", ' in tests, path


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        deep_main(["version", "--quiet"])
    assert (stop.value.code, capsys.readouterr().out) == (0, f"{__version__}\n")


@pytest.mark.parametrize("algorithm", ["bc", "icq", "omar", "madtkd", "optidice", "alberdice"])
def test_every_algorithm_tells_its_settings(algorithm: str, capsys: pytest.CaptureFixture[str]) -> None:
    helped("alberdice-deep", "train", "--algorithm", algorithm)
    assert "--learning-rate" in capsys.readouterr().out
