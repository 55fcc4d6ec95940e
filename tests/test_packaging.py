"""What is published: a whole wheel, an sdist that builds it again, a README that an index can show."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from email import message_from_bytes
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("hatchling")

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
#: a target that only holds in the repository
RELATIVE = re.compile(r"\]\((?!https?:|#)[^)]*\)")


def hook() -> Any:
    spec = spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_index_shows_pictures_where_the_address_is_known() -> None:
    text = hook().index_readme(README, "https://forge.example/lab/alberdice/", "1.2.0")
    assert not RELATIVE.search(text)
    assert "](https://forge.example/lab/alberdice/raw/v1.2.0/docs/images/table6.png)" in text
    assert "[tutorial](https://forge.example/lab/alberdice/blob/v1.2.0/docs/tutorial.md)" in text


def test_nothing_is_broken_where_it_is_not() -> None:
    text = hook().index_readme(README, "", "1.2.0")
    assert not RELATIVE.search(text)
    assert "images/" not in text
    assert "![" not in text
    assert RELATIVE.search(README)  # the check sees such links


def test_code_stays_as_it_is() -> None:
    text = "[a](b.md)\n```python\nx[0](b.md)\n```\n[c](https://x.org) ![d](e.png)\n"
    assert hook().index_readme(text, "https://f.g", "1") == (
        "[a](https://f.g/blob/v1/b.md)\n```python\nx[0](b.md)\n```\n[c](https://x.org) ![d](https://f.g/raw/v1/e.png)\n"
    )


def call(*words: object, where: Path = ROOT) -> str:
    done = subprocess.run([str(word) for word in words], cwd=where, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


def tracked(*places: str) -> set[str]:
    return set(call("git", "ls-files", "--", *places).splitlines())


@pytest.mark.slow
def test_the_wheel_of_the_sdist_is_whole_and_its_programs_run(tmp_path: Path) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not in a checkout: what belongs to it is not known")
    call(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", tmp_path)
    (source,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
        archive.extractall(tmp_path, filter="data")
    whole = tracked("src", "tests", "docs", "benchmarks", "proofs_check", "website", "Makefile", "pyproject.toml", "mkdocs.yml")
    assert whole <= held, sorted(whole - held)
    unpacked = next(path for path in tmp_path.iterdir() if path.is_dir())
    call(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path, where=unpacked)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
        about = message_from_bytes(archive.read(next(name for name in inside if name.endswith("/METADATA"))))
    assert {name.removeprefix("src/") for name in tracked("src")} <= inside
    assert not RELATIVE.search(str(about.get_payload()))
    assert {"reference", "deep", "onnx", "tracking"} <= set(about.get_all("Provides-Extra", []))
    place = tmp_path / "environment"
    venv.create(place, system_site_packages=False, with_pip=False, symlinks=True)
    call(sys.executable, "-m", "pip", "--python", place, "install", "-q", "--no-deps", "--no-index", wheel)
    (packages,) = place.glob("lib/python*/site-packages")
    theirs = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "others.pth").write_text("\n".join(theirs) + "\n", encoding="utf-8")  # the dependencies alone are not new
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    python = place / "bin" / "python"
    assert str(place) in call(python, "-c", "import alberdice; print(alberdice.__file__)", where=elsewhere)
    assert "96 of 96 cells" in call(place / "bin" / "alberdice", "table6", where=elsewhere)
    assert "local maximum" in call(place / "bin" / "alberdice", "solve", "xor", "--data", "symmetric", where=elsewhere)
    assert "bridge-mix" in call(place / "bin" / "alberdice-deep", "datasets", "list", where=elsewhere)
