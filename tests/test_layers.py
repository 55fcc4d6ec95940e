"""Imports go one way, a setting has one home and few readers, and docs/architecture.md says so truly."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from alberdice.deep.learner import ALGORITHMS, learner_class

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "alberdice"
LINTER: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
#: modules that may read one setting
MOST_READERS = 6
#: how code calls an object of settings
HOLDERS = {"config", "settings"}


def test_imports_keep_the_contracts(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    lint = pytest.importorskip("importlinter.cli").lint_imports
    monkeypatch.chdir(ROOT)
    assert lint(no_cache=True) == 0, capsys.readouterr().out


def test_a_layer_upside_down_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lint = pytest.importorskip("importlinter.cli").lint_imports
    contract = '[tool.importlinter]\nroot_package = "alberdice"\n[[tool.importlinter.contracts]]\nname = "x"\ntype = "layers"\n'
    (tmp_path / "pyproject.toml").write_text(contract + 'containers = ["alberdice"]\nlayers = ["games", "environments"]\n')
    monkeypatch.chdir(tmp_path)
    assert lint(config_filename="pyproject.toml", no_cache=True) == 1


def layers_of(container: str) -> list[set[str]]:
    found = next(each for each in LINTER["contracts"] if each.get("containers") == [container])
    assert found["exhaustive"]
    return [{name.strip() for name in re.split(r"[|:]", layer)} for layer in found["layers"]]


@pytest.mark.parametrize("container", ["alberdice", "alberdice.deep"])
def test_the_architecture_names_the_layers_in_their_order(container: str) -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    block = re.search(rf"^<!-- layers of {re.escape(container)} -->\n\n?((?:\|.*\n)+)", text, re.MULTILINE)
    assert block, f"no table of the layers of {container}"
    rows = block[1].splitlines()[2:]
    named = [set(re.findall(r"`(\w+)/?`", row.split("|")[1])) for row in rows]
    assert named == layers_of(container)


def declared() -> dict[str, set[str]]:
    """Which classes of settings declare each setting, by the source alone."""
    found = defaultdict(set)
    for path in sorted((SOURCE / "deep").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and any(
                ast.unparse(base).endswith("Config") for base in [*node.bases, *_itself(node)]
            ):
                for line in node.body:
                    if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
                        found[line.target.id].add(node.name)
    return found


def _itself(node: ast.ClassDef) -> list[ast.expr]:
    return [ast.Name(node.name)] if node.name == "TrainConfig" else []


def all_settings() -> set[str]:
    return {each.name for name in ALGORITHMS for each in fields(learner_class(name).settings)}


def test_a_setting_is_declared_once() -> None:
    homes = declared()
    assert all_settings() <= set(homes)
    assert {name: classes for name, classes in homes.items() if name in all_settings() and len(classes) > 1} == {}


def reads(tree: ast.Module) -> Iterator[str]:
    """Names that are read from something called config or settings, and from themselves by classes of settings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name.endswith("Config"):
            yield from (n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute) and ast.unparse(n.value) == "self")
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and _holds(node.value):
            yield node.attr
        if (
            isinstance(node, ast.Subscript)
            and isinstance(node.ctx, ast.Load)
            and _holds(node.value)
            and isinstance(node.slice, ast.Constant)
        ):
            yield str(node.slice.value)
        if isinstance(node, ast.Call) and len(node.args) > 1 and ast.unparse(node.func) == "getattr" and _holds(node.args[0]):
            yield ast.unparse(node.args[1]).strip("'\"")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get" and node.args:
            yield ast.unparse(node.args[0]).strip("'\"") if _holds(node.func.value) else ""


def _holds(value: ast.expr) -> bool:
    return ast.unparse(value).rpartition(".")[2] in HOLDERS


def test_a_setting_is_read_in_few_modules_and_in_one_at_least() -> None:
    readers = defaultdict(set)
    for path in sorted(set(SOURCE.rglob("*.py")) - set((SOURCE / "deep" / "online").rglob("*.py"))):  # MAT's are its own
        for name in reads(ast.parse(path.read_text())):
            readers[name].add(str(path.relative_to(SOURCE)))
    settings = all_settings()
    assert {name: sorted(readers[name]) for name in settings if len(readers[name]) > MOST_READERS} == {}
    assert {name for name in settings if not readers[name]} == set()


def test_the_count_sees_every_way_to_read() -> None:
    code = (
        "run.config.a\nconfig['b']\ngetattr(self.config, 'c', 0)\nsettings.get('d')\nconfig.e = 1\nother.f\nsettings['i'] = 1\n"
    )
    code += "class XConfig:\n    def g(self):\n        return self.h\n"
    assert {name for name in reads(ast.parse(code)) if name} - {"get"} == {"a", "b", "c", "d", "h"}
