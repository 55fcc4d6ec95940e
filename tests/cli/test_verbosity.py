"""``-v`` and ``-q`` of both programs: results on stdout are the same; what is said beside them is not."""

from __future__ import annotations

import ast
import logging
import logging.config
import re
from pathlib import Path

import pytest

from alberdice import console
from alberdice.cli import main
from alberdice.cli.deep import main as deep_main

SOURCE = Path(console.__file__).parent
#: the modules that may write to stderr themselves: the lines of ``console``, errors, and the pipe of a worker
DOORS = {"console.py", "cli/common.py", "environments/channel.py"}


def run(capsys: pytest.CaptureFixture[str], program: object, *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        program([str(each) for each in arguments])  # type: ignore[operator]
    told = capsys.readouterr()
    return int(stop.value.code or 0), told.out, told.err


@pytest.mark.parametrize("flag", ["-q", "--quiet"])
@pytest.mark.parametrize("before", [True, False])
def test_quiet_says_results_alone(capsys: pytest.CaptureFixture[str], tmp_path: Path, flag: str, before: bool) -> None:
    words = ["solve", "xor", "--plot", tmp_path / "x.png"]
    usual = run(capsys, main, *words)
    quiet = run(capsys, main, *([flag, *words] if before else [*words, flag]))
    assert usual[2] == f"wrote {tmp_path / 'x.png'}\n"
    assert quiet == (0, usual[1], "")


def test_verbose_says_why_with_the_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["solve", "climbing", "--data", "uniform", "--alpha", "0.5"]
    usual, verbose = run(capsys, main, *words), run(capsys, main, *words, "-v")
    assert verbose[:2] == usual[:2]
    assert usual[2] == ""
    lines = verbose[2].splitlines()
    assert all(re.fullmatch(r" +\d+\.\d\d s  \S.*", line) for line in lines)
    assert "9 of 9 pairs of state and joint action" in lines[1]
    assert any("start 2" in line for line in lines)
    assert "done in" in lines[-1]


def test_errors_are_said_where_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, main, "-q", "solve", "nothing-like-this")
    assert (code, out) == (2, "")
    assert err.startswith("alberdice: GAME")


@pytest.mark.parametrize("program", [main, deep_main])
def test_not_both(capsys: pytest.CaptureFixture[str], program: object) -> None:
    name = "table6" if program is main else "version"
    code, out, err = run(capsys, program, "-v", name, "-q")
    assert (code, out) == (2, "")
    assert "--verbose and --quiet: got both, expected one of them" in err


def test_progress_is_silent_where_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    seconds = iter([0.0, 100.0, 200.0, 300.0])
    with console.verbosity("quiet"), console.progress_bar("x", 2, lambda: next(seconds)) as step:
        step("note")
        step()
    assert capsys.readouterr() == ("", "")


def test_levels_nest_and_come_back(capsys: pytest.CaptureFixture[str]) -> None:
    def all_three() -> str:
        console.explain("why"), console.tell("note"), console.warn("alarm")
        return re.sub(r" +\d+\.\d\d s  ", "", capsys.readouterr().err)

    before = console.level()
    with console.verbosity("verbose"):
        assert (console.level(), all_three()) == ("verbose", "why\nnote\nalarm\n")
        with console.verbosity("quiet"):
            assert (console.level(), all_three()) == ("quiet", "alarm\n")
    assert (console.level(), all_three()) == (before, "note\nalarm\n")


def test_a_program_that_uses_the_package_can_take_the_words_itself(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("alberdice")
    log.addHandler(caplog.handler)
    try:
        console.tell("100% of it\x1b[2J")
    finally:
        log.removeHandler(caplog.handler)
    assert caplog.messages == ["100% of it\x1b[2J"]


def test_a_program_that_configures_its_own_logging_hears_them_still(capsys: pytest.CaptureFixture[str]) -> None:
    logging.config.dictConfig({"version": 1})  # turns off all loggers that are there
    assert logging.getLogger("alberdice").disabled
    console.warn("below the data")
    assert capsys.readouterr().err == "below the data\n"


def test_words_go_through_one_door() -> None:
    writers = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "print":
                to_stderr = any(k.arg == "file" and ast.unparse(k.value) == "sys.stderr" for k in node.keywords)
                writers |= {path.relative_to(SOURCE).as_posix()} if to_stderr else set()
    assert writers <= DOORS
    assert "console.py" in writers  # the check sees them


def test_training_says_its_decisions_to_who_asks(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pytest.importorskip("torch")
    options = ["--dataset", "matrix-c", "--algorithm", "bc", "--updates", 4, "--evaluate-every", 4, "--no-pictures"]
    _, _, verbose = run(capsys, deep_main, "train", *options, "--out", tmp_path / "v", "-v")
    for words in (
        "matrix-c: made by its recipe",
        "5,000 steps of 100 episodes",
        "cpu, float32",
        "update 4: return_mean",
        "checkpoint",
    ):
        assert words in verbose, words
    _, out, quiet = run(capsys, deep_main, "train", *options, "--out", tmp_path / "q", "-q")
    assert out.startswith("{")
    assert all(line.startswith("warning: ") for line in quiet.splitlines())
