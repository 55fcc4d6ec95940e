"""One prefix per program and one exit code per kind of error, wherever it is raised; ``--version``; help."""

from __future__ import annotations

import multiprocessing
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import alberdice
from alberdice import cli
from alberdice.cli import common, deep
from alberdice.datasets import load_dataset, write_dataset
from alberdice.errors import AlberDICEError, InvalidArgumentError, InvalidDataError, ResourceError, SolverError
from alberdice.experiments.executors.local import work
from alberdice.experiments.planned import PlannedRun

PROGRAMS: dict[str, Callable[..., None]] = {"alberdice": cli.main, "alberdice-deep": deep.main}


def code_of(main: Callable[..., None], *arguments: object) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(each) for each in arguments])
    return int(stop.value.code or 0)


@pytest.mark.parametrize("program", PROGRAMS)
def test_version_and_help(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of(PROGRAMS[program], "--version") == 0
    assert capsys.readouterr() == (f"{program} {alberdice.__version__}\n", "")
    assert code_of(PROGRAMS[program], "--help") == 0
    assert "--version" in capsys.readouterr().out


def test_every_way_to_be_wrong_is_a_line_with_the_program_in_front(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "damaged.json").write_text("{")
    (tmp_path / "damaged.toml").write_text("= 1")
    wrong: dict[str, list[tuple[object, ...]]] = {
        "alberdice": [
            ("slove",),
            ("--versoin",),
            ("solve", "nowhere"),
            ("solve", "nowhere.csv"),
            ("solve", "xor", "--data", tmp_path / "none.csv"),
            ("solve", "--dataset", ""),
            ("solve", "xor", "--plot", ""),
            ("solve", tmp_path / "damaged.json"),
            ("solve", "xor", "--alpha", "-1"),
            ("solve", "xor", "--plot", tmp_path / "x.gif"),
        ],
        "alberdice-deep": [
            ("--config", "x"),
            ("train", "--config", tmp_path / "damaged.toml", "--out", tmp_path / "r"),  # while the parser is built
            ("train", "--config", tmp_path / "damaged.json", "--out", tmp_path / "r"),
            ("train", "--config", tmp_path, "--out", tmp_path / "r"),
            ("train", "--algorithm", "os:abort", "--out", tmp_path / "r"),
            ("train", "--algorithm", "no_module:Class", "--out", tmp_path / "r"),
            ("train", "--out", tmp_path / "damaged.toml", "--algorithm", "bc", "--dataset", "matrix-b"),
            ("datasets", "inspect", "nowhere"),
            ("datasets", "inspect", ""),
            ("report", ""),
            ("train", "--algorithm", "bc", "--dataset", "matrix-b", "--out", tmp_path / ("n" * 300)),
            ("train", "--algorithm", "bc", "--dataset", "matrix-b", "--seed", 10**20, "--out", tmp_path / "r"),
            ("evaluate", ""),
            ("train", "--algorithm", "bc", "--dataset", "matrix-b", "--out", ""),
            ("train", "--algorithm", "bc", "--dataset", "matrix-b", "--out="),
            ("datasets", "export", "pymarl", "matrix-a", "", "--overwrite"),
            ("datasets", "import", "pymarl", tmp_path / "none.h5", "--id", "x-v0"),
            ("datasets", "nothing"),
            ("compare", "--algorithms", "bcc", "--out", tmp_path / "c"),
            ("reproduce", "table9"),
            ("evaluate", tmp_path / "none"),
        ],
    }
    for program, requests in wrong.items():
        for request in requests:
            assert code_of(PROGRAMS[program], *request) == 2, request
            said = capsys.readouterr()
            assert said.out == "", request
            assert said.err.startswith(f"{program}: "), (request, said.err)
            assert said.err.count("\n") == 1, (request, said.err)


@pytest.mark.parametrize("episodes", [10**10, 10**20])
def test_more_episodes_than_memory_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str], episodes: int) -> None:
    assert code_of(deep.main, "evaluate", tmp_path, "--episodes", episodes) == 1
    assert "expected at most the memory" in capsys.readouterr().err


def test_an_empty_argument_is_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a path it would be the current one, where a variable was not set: read, written to, or overwritten."""
    write_dataset(load_dataset("matrix-a"), "lab/a-v0", root=tmp_path)
    monkeypatch.chdir(tmp_path / "lab" / "a-v0")
    assert code_of(deep.main, "datasets", "inspect", ".") == 0
    before = sorted(tmp_path.rglob("*"))
    for words, at in (
        (("datasets", "inspect", ""), "argument 3, after inspect"),
        (("datasets", "inspect", ".", "--root="), "argument 4"),
        (("datasets", "export", "vault", "matrix-a", "", "--overwrite"), "argument 5, after matrix-a"),
    ):
        assert code_of(deep.main, *words) == 2
        assert capsys.readouterr().err.startswith(f"alberdice-deep: {at}: got '")
    assert sorted(tmp_path.rglob("*")) == before
    with pytest.raises(InvalidDataError, match="dataset '': got an empty name"):
        load_dataset("")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidDataError, match=re.escape(str(tmp_path))):
        load_dataset(".")


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (InvalidArgumentError("x", got=1, expected=2), 2, "x: got 1, expected 2"),
        (ResourceError("memory", got=1, expected=2), 1, "memory: got 1"),
        (SolverError("training", got=1, expected=2), 1, "training: got 1"),
        (FileNotFoundError(2, "No such file or directory", "data.csv"), 2, "data.csv"),
        (PermissionError(13, "Permission denied", "data.csv"), 2, "Permission denied"),
        (OSError(28, "No space left on device"), 1, "No space left"),
        (MemoryError(), 1, "memory: got none left"),
        (KeyboardInterrupt(), 1, "interrupted"),
        (ZeroDivisionError("division by zero"), 1, "a fault of the program, ZeroDivisionError"),
    ],
)
def test_each_kind_has_its_code(
    error: BaseException, code: int, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Raised by the work, and while the parser is built."""

    def fails(*_: object) -> None:
        raise error

    def built(arguments: object) -> object:
        return _Command

    @dataclass(frozen=True)
    class _Command:
        """Fails."""

        run = fails

    monkeypatch.delenv(common.TRACEBACK, raising=False)
    for commands in (built, fails):
        assert common.run_command("program", commands, [], "") == code
        said = capsys.readouterr().err
        assert said.startswith("program: ")
        assert words in said
        assert said.count("\n") == 1


def test_a_fault_of_ours_shows_where_if_asked(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fails(_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setenv(common.TRACEBACK, "1")
    assert common.run_command("program", fails, [], "") == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_process_of_the_pool_tells_an_error_as_the_program_would(tmp_path: Path) -> None:
    class Pipe:
        def __init__(self, run: PlannedRun) -> None:
            self.runs, self.said = [(run, 1.0), None], []

        def recv(self) -> tuple[PlannedRun, float] | None:
            return self.runs.pop(0)

        def send(self, what: object) -> None:
            self.said.append(what)

    from alberdice.deep.learner import learner_class

    config = learner_class("bc").settings(algorithm="bc", dataset="nowhere")
    pipe = Pipe(PlannedRun(config, tmp_path / "run"))
    work(pipe)  # type: ignore[arg-type]
    assert pipe.said[-1].status == "failed"
    assert re.match(r"dataset|nowhere|.*nothing of that name", pipe.said[-1].reason)
    assert "Error" not in pipe.said[-1].reason


@pytest.mark.parametrize("unread", [False, True])
def test_a_process_of_the_pool_whose_parent_is_gone_ends_silently(unread: bool, capfd: pytest.CaptureFixture[str]) -> None:
    """Also where it never read what this one said last, which the system tells in another way."""
    parents, own = multiprocessing.Pipe()
    if unread:
        own.send("done")
    parents.close()
    work(own)
    assert capfd.readouterr() == ("", "")


def test_the_process_itself() -> None:
    for module, program in (("alberdice", "alberdice"), ("alberdice.cli.deep", "alberdice-deep")):
        done = subprocess.run([sys.executable, "-m", module, "nonsense"], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"{program}: arguments: got ")


def test_every_error_of_the_package_has_a_code() -> None:
    def all_of(kind: type[AlberDICEError]) -> set[type[AlberDICEError]]:
        return {kind}.union(*(all_of(each) for each in kind.__subclasses__()))

    assert {kind.exit_code for kind in all_of(AlberDICEError)} == {1, 2}
