"""The nearest known name; and module:name, with the current folder searched last."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from alberdice.errors import InvalidArgumentError
from alberdice.names import import_named, nearest


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("brigde", ["xor", "bridge"], "nearest match: bridge"),
        ("BRIDGE", ["xor", "bridge"], "nearest match: bridge"),
        ("rware", {"RWARE": 1, "xor": 2}, "nearest match: RWARE"),
        ("zzz", ["xor"], "nearest match: xor"),
        ("xor", [], ""),
    ],
)
def test_nearest(name: str, known: list[str], expected: str) -> None:
    assert nearest(name, known) == expected


def test_import_named() -> None:
    assert import_named("os.path:join", "thing") is __import__("os").path.join
    assert import_named("collections:OrderedDict.fromkeys", "thing")


BROKEN = {
    "syntax": ("def f(:\n", "SyntaxError"),
    "raises": ("x = 1\nraise RuntimeError('no licence')\n", r"RuntimeError: no licence \(raises_module.py, line 2\)"),
    "exits": ("import sys\nsys.exit(3)\n", "SystemExit: 3"),
    "needs": ("import a_package_that_nobody_has\n", "ModuleNotFoundError: No module named 'a_package_that_nobody_has'"),
    "lacks": ("def makes(): pass\n", "no 'make' there, .*nearest match: makes"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_modules_that_fail(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content, match = BROKEN[kind]
    (tmp_path / f"{kind}_module.py").write_text(content)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    with pytest.raises(InvalidArgumentError, match=rf"environment '{kind}_module:make': got {match}"):
        import_named(f"{kind}_module:make", "environment")


@pytest.mark.parametrize("text", ["x", "x:", ":x", "a b:c", "a:b c", "../a:b", "a:b:c", "", "a.:b", "os:sys\n.path", "a:b()"])
def test_other_forms(text: str) -> None:
    with pytest.raises(InvalidArgumentError, match="expected module:name"):
        import_named(text, "environment")


def test_no_such_module_says_where_it_was_sought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    with pytest.raises(InvalidArgumentError, match=f"No module named 'nowhere_at_all'.*; it is sought in {tmp_path} last"):
        import_named("nowhere_at_all:make", "environment")


def test_the_current_folder_counts_and_hides_nothing(tmp_path: Path) -> None:
    """As from a console script, whose first folder is its own and not the current one."""
    (tmp_path / "mine.py").write_text("def make(): return 'mine'\n")
    (tmp_path / "colorsys.py").write_text("def rgb_to_hsv(): return 'mine'\n")  # a standard module that nothing has loaded
    script = (
        "import sys; sys.path = [p for p in sys.path if p not in ('', sys.argv[1])]\n"
        "from alberdice.names import import_named\n"
        "print(import_named('mine:make', 'x')(), import_named('colorsys:rgb_to_hsv', 'x').__module__, "
        "import_named('colorsys:rgb_to_hls', 'x').__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["mine", "colorsys", "rgb_to_hls"]
