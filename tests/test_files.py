"""Files appear whole or not at all; links are not followed; only what is of its kind is replaced."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from alberdice import files
from alberdice.errors import InvalidArgumentError, InvalidDataError, ResourceError
from alberdice.files import atomic_directory, atomic_file, exclusive, strange_content, write_atomically


def stranger(directory: Path) -> str:
    return strange_content(directory, ["a"], "a|d/[0-9]+")


def test_write_atomically(tmp_path: Path) -> None:
    target = tmp_path / "x.json"
    for content in (b"one", b"second", b""):
        write_atomically(target, content)
        assert target.read_bytes() == content
    assert list(tmp_path.iterdir()) == [target]


def test_the_folder_is_flushed_after_the_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    real_replace, real_fsync = os.replace, os.fsync

    def replace(*names: object) -> None:
        order.append("rename")
        real_replace(*names)  # type: ignore[arg-type]

    def fsync(handle: int) -> None:
        order.append("folder" if os.path.isdir(f"/proc/self/fd/{handle}") else "file")
        real_fsync(handle)

    monkeypatch.setattr(os, "replace", replace)
    monkeypatch.setattr(os, "fsync", fsync)
    write_atomically(tmp_path / "x", b"1")
    assert order == ["file", "rename", "folder"]


def test_a_full_disk_leaves_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_atomically(tmp_path / "x", b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ResourceError, match="no room left on the disk"):
        write_atomically(tmp_path / "x", b"new")
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("x", b"old")]


def test_links_are_not_written_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    precious = tmp_path / "precious"
    precious.write_text("thesis")
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.setattr(os, "urandom", lambda n: b"\0" * n)  # the hidden name is known
    hidden = f".x.partial-{files.socket.gethostname()}-{os.getpid()}-{'00' * 8}"
    for name in (hidden, ".x.partial"):
        (folder / name).symlink_to(precious)
    with pytest.raises(InvalidDataError, match="File exists"):
        write_atomically(folder / "x", b"new")
    (folder / "y").symlink_to(precious)
    write_atomically(folder / "y", b"new")  # the link itself is replaced
    assert (folder / "y").read_bytes() == b"new"
    (folder / ".lock").symlink_to(precious)
    with pytest.raises(InvalidDataError, match=r"\.lock: file: got a symbolic link"), exclusive(folder):
        pass
    assert precious.read_text() == "thesis"


HOLD = (
    "import sys, time, pathlib\nfrom alberdice.files import exclusive\n"
    "with exclusive(pathlib.Path(sys.argv[1])) as held:\n    print(held, flush=True); sys.stdin.read()"
)


def test_a_lock_is_exclusive_and_ends_with_its_process(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdin=-1, stdout=-1, text=True)
    assert other.stdout is not None
    assert other.stdin is not None
    assert other.stdout.readline() == "True\n"
    with exclusive(tmp_path) as held:
        assert not held
    other.kill()
    other.wait()
    other.stdin.close()
    other.stdout.close()
    with exclusive(tmp_path) as held:
        assert held
    with exclusive(tmp_path) as held:
        assert held


STRANGE: dict[str, tuple[list[str], str]] = {
    "other file": (["a", "thesis.txt"], "a folder that holds 'thesis.txt'"),
    "below": (["a", "d/0/deep.txt"], "a folder that holds 'd/0/deep.txt'"),
    "without": (["d/0"], "a folder without 'a'"),
    "hidden": (["a", ".git/config"], "a folder that holds '.git/config'"),
    "newline": (["a", "d/0\n"], r"a folder that holds 'd/0\\n'"),
}


@pytest.mark.parametrize("case", [*STRANGE, "link", "link in it", "link to a folder in it", "file"])
def test_a_stranger_is_not_replaced(case: str, tmp_path: Path) -> None:
    target, elsewhere = tmp_path / "target", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "a").write_text("kept")
    names, match = STRANGE.get(case, (["a"], "a symbolic link" if case == "link" else "a folder that holds 'd/"))
    if case == "file":
        target.write_text("kept")
        match = "a file"
    elif case == "link":
        target.symlink_to(elsewhere)
    else:
        for name in names:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_text("kept")
    if case.startswith("link "):
        (target / "d").mkdir()
        (target / "d" / "7").symlink_to(elsewhere / "a" if case == "link in it" else elsewhere)
    before = sorted(tmp_path.rglob("*"))
    with (
        pytest.raises(InvalidArgumentError, match=f"got {match}.*, expected nothing, or a whole thing to replace"),
        atomic_directory(target, "thing", stranger, overwrite=True),
    ):
        pass
    assert sorted(tmp_path.rglob("*")) == before
    assert all(path.read_text() == "kept" for path in before if path.is_file())


@pytest.mark.parametrize("names", [[], ["a"], ["a", "d/0", "d/17"]])
def test_what_is_of_its_kind_is_replaced(names: list[str], tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    for name in names:
        (target / name).parent.mkdir(exist_ok=True)
        (target / name).write_text("old")
    with pytest.raises(InvalidArgumentError, match="something is there already"), atomic_directory(target, "thing", stranger):
        pass
    with atomic_directory(target, "thing", stranger, overwrite=True) as partial:
        (partial / "a").write_text("new")
    assert sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*")) == ["target", "target/a"]
    assert (target / "a").read_text() == "new"


def test_what_came_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    target = tmp_path / "target"
    filling = atomic_directory(target, "thing", stranger, overwrite=True)
    filling.__enter__()
    target.mkdir()
    (target / "thesis.txt").write_text("kept")
    with pytest.raises(InvalidArgumentError, match=r"holds 'thesis.txt'"):
        filling.__exit__(None, None, None)
    assert [p.name for p in tmp_path.iterdir()] == ["target"]


def test_a_rename_that_fails_puts_the_old_one_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "a").write_text("old")
    real = os.rename

    def rename(source: Path, goal: Path) -> None:
        if ".partial-" in str(source):
            raise OSError(5, "Input/output error")
        real(source, goal)

    monkeypatch.setattr(os, "rename", rename)
    with pytest.raises(InvalidDataError, match="Input/output error"):  # noqa: SIM117
        with atomic_directory(target, "thing", stranger, overwrite=True) as partial:
            (partial / "a").write_text("new")
    assert (target / "a").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["target"]


@pytest.mark.parametrize("name", ["a\0b", "a\ud800b", "x" * 300])
def test_names_that_no_file_has(name: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidDataError, match="file: got"), atomic_file(tmp_path / name):
        pass


def test_leftovers_of_dead_writers_go_and_other_names_stay(tmp_path: Path) -> None:
    host = files.socket.gethostname()
    dead = [tmp_path / f".x[1].partial-{host}-999999999-aa", tmp_path / f".x[1].partial-{host}-999999998-bb"]
    dead[0].write_text("half")
    dead[1].mkdir()
    kept = [tmp_path / f".x1.partial-{host}-999999999-aa", tmp_path / ".x[1].partial-elsewhere-999999999-aa"]
    for path in kept:
        path.write_text("another's")
    write_atomically(tmp_path / "x[1]", b"")
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["x[1]", *(p.name for p in kept)])
