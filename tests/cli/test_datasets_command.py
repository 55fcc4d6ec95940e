"""``alberdice-deep datasets``: results on stdout, words on stderr, exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from dataset_files import pymarl_arrays, save_cfcql, save_pymarl
from dataset_samples import assert_same, sample_dataset

from alberdice.cli.deep import main
from alberdice.datasets import make_builtin, open_dataset, read_joint_actions, read_pymarl, read_vault, write_dataset


def call(*arguments: object, code: int = 0) -> None:
    with pytest.raises(SystemExit) as done:
        main([str(a) for a in arguments])
    assert done.value.code == code


def test_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_dataset(make_builtin("matrix-a"), "lab/a-v0", root=tmp_path)
    call("datasets", "list", "--root", tmp_path, "--json")
    listed = json.loads(capsys.readouterr().out)
    assert [r["name"] for r in listed["builtin"][:6]] == [
        "matrix-a",
        "matrix-b",
        "matrix-c",
        "matrix-d",
        "bridge-optimal",
        "bridge-mix",
    ]
    assert listed["builtin"][2]["mean_return"] == pytest.approx(33.29)
    assert listed["stored"][0]["id"] == "lab/a-v0"
    assert listed["stored"][0]["total_steps"] == 5000
    call("datasets", "list", "--root", tmp_path)
    text = capsys.readouterr().out
    for word in ("bridge-mix", "AA 1671, AB 1651, BA 1678", "5,000", "33.29", "lab/a-v0"):
        assert word in text
    call("datasets", "list", "--root", tmp_path / "empty")
    assert "Nothing is stored" in capsys.readouterr().err


def test_make_and_inspect(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call("datasets", "make", "matrix-c", "--seed", 5, "--root", tmp_path)
    place = Path(capsys.readouterr().out.strip())
    assert place == tmp_path / "alberdice" / "matrix-c-seed5-v0"
    assert_same(open_dataset(place), make_builtin("matrix-c", 5))
    call("datasets", "make", "matrix-c", "--seed", 5, "--root", tmp_path, code=2)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("alberdice-deep: ")
    assert said.err.count("\n") == 1
    assert "something is there already" in said.err
    call("datasets", "make", "matrix-c", "--seed", 5, "--root", tmp_path, "--overwrite")
    capsys.readouterr()
    picture = tmp_path / "c.png"
    call("datasets", "inspect", "alberdice/matrix-c-seed5-v0", "--root", tmp_path, "--json", "--plot", picture)
    said = capsys.readouterr()
    summary = json.loads(said.out)
    assert summary["steps"] == 5000
    assert summary["joint_actions"] == 3
    assert summary["returns"]["mean"] == pytest.approx(33.29)
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert "c.png" in said.err
    call("datasets", "inspect", "matrix-c")
    text = capsys.readouterr().out
    for word in ("100 (0 terminated, 100 cut)", "1 0: 1,678", "total correlation", "warning", "11.1% of the time"):
        assert word in text


def test_inspect_pictures_of_many_agents(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_dataset(sample_dataset(np.random.default_rng(0), n_actions=(3, 4, 2)), "lab/x-v0", root=tmp_path)
    for kind, magic in (("pdf", b"%PDF"), ("svg", b"<?xml")):
        picture = tmp_path / f"x.{kind}"
        call("datasets", "inspect", "lab/x-v0", "--root", tmp_path, "--plot", picture)
        assert picture.read_bytes().startswith(magic)
    call("datasets", "inspect", "lab/x-v0", "--root", tmp_path, "--plot", tmp_path / "x.txt", code=2)
    assert "ends in .png" in capsys.readouterr().err


def test_import_of_every_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    data = sample_dataset(rng, lengths=(4, 6, 6, 2), ends="terminated")
    arrays = pymarl_arrays(data, rng)
    save_pymarl(tmp_path / "buffer", arrays)
    save_cfcql(tmp_path / "x.h5", arrays, rng)
    (tmp_path / "t.csv").write_text("agent_1,agent_2,reward\n0,1,2.5\n")
    root = ("--root", tmp_path / "store")
    call("datasets", "import", "pymarl", tmp_path / "buffer", "--id", "lab/p-v0", "--episode-limit", 6, *root)
    said = capsys.readouterr()
    assert said.out.strip() == str(tmp_path / "store" / "lab" / "p-v0")
    assert "Episode limit 6: 2 episodes of exactly 6 steps are truncated" in said.err
    stored = open_dataset("lab/p-v0", root=tmp_path / "store")
    assert stored.truncated.sum() == 2
    assert_same(stored, data, ends=False)
    call("datasets", "import", "cfcql", tmp_path / "x.h5", "--id", "lab/c-v0", "--name", "mine", *root)
    assert open_dataset("lab/c-v0", root=tmp_path / "store").name == "mine"
    call("datasets", "import", "joint-actions", tmp_path / "t.csv", "--id", "t-v0", "--n-actions", 2, 3, *root)
    assert open_dataset("t-v0", root=tmp_path / "store").n_actions == (2, 3)
    fixture = Path(__file__).parents[1] / "datasets" / "fixtures" / "vaults" / "flat" / "Expert"
    call("datasets", "import", "vault", fixture, "--id", "lab/v-v0", *root)
    assert open_dataset("lab/v-v0", root=tmp_path / "store").n_steps == 23
    call("datasets", "import", "minari", tmp_path / "store" / "lab" / "p-v0", "--id", "lab/m-v0", *root)
    assert_same(open_dataset("lab/m-v0", root=tmp_path / "store"), stored)
    capsys.readouterr()
    call("datasets", "import", "vault", fixture, "--id", "lab/w-v0", "--episode-limit", 5, *root, code=2)
    assert "--episode-limit: got 5, expected nothing: vault has no such option" in capsys.readouterr().err
    call("datasets", "import", "vault", fixture, "--id", "../w-v0", *root, code=2)
    assert "dataset id" in capsys.readouterr().err


def test_export_of_every_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = make_builtin("matrix-b")
    call("datasets", "export", "pymarl", "matrix-b", tmp_path / "buffer")
    said = capsys.readouterr()
    assert said.out.strip() == str(tmp_path / "buffer")
    assert "episode_limit" in said.err
    assert_same(read_pymarl(tmp_path / "buffer", episode_limit=50), data, masks=False)
    call("datasets", "export", "pymarl", "matrix-b", tmp_path / "exact", "--no-mark-time-limits")
    assert_same(read_pymarl(tmp_path / "exact"), data, masks=False)
    call("datasets", "export", "vault", "matrix-b", tmp_path / "v" / "u")
    assert "final frames" in capsys.readouterr().err
    assert_same(read_vault(tmp_path / "v" / "u"), data, finals=False)
    call("datasets", "export", "joint-actions", "matrix-b", tmp_path / "x.csv", code=2)
    assert "expected one-step episodes" in capsys.readouterr().err
    write_dataset(read_joint_actions(_table(tmp_path)), "t-v0", root=tmp_path)
    call("datasets", "export", "joint-actions", "t-v0", tmp_path / "y.json", "--root", tmp_path)
    assert len(read_joint_actions(tmp_path / "y.json").actions) == 3
    call("datasets", "export", "vault", "matrix-b", tmp_path / "z", "--no-mark-time-limits", code=2)
    assert "vault has no such option" in capsys.readouterr().err


def _table(base: Path) -> Path:
    path = base / "table.csv"
    path.write_text("agent_1,agent_2,reward,count\n0,1,1,3\n")
    return path


def test_the_process_itself(tmp_path: Path) -> None:
    """One line on stderr and no traceback; no torch is loaded."""
    run = [sys.executable, "-X", "importtime", "-m", "alberdice.cli.deep", "datasets", "inspect", str(tmp_path / "nothing")]
    done = subprocess.run(run, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    loaded = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert not loaded & {"torch", "tensorstore", "minari", "matplotlib"}
    words = [line for line in done.stderr.splitlines() if not line.startswith("import time:")]
    assert len(words) == 1
    assert words[0].startswith("alberdice-deep: dataset")
    wrong = subprocess.run([sys.executable, "-m", "alberdice.cli.deep", "datasets", "mak"], capture_output=True, text=True)
    assert wrong.returncode == 2
    assert "Traceback" not in wrong.stderr
