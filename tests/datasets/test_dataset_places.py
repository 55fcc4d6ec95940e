"""Places that cannot be read or written, ids that lead elsewhere, full disks: an error, and nothing is lost or left."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from dataset_files import sample, snapshot
from dataset_samples import sample_dataset

from alberdice.datasets import (
    open_dataset,
    read_cfcql,
    read_joint_actions,
    read_minari,
    read_pymarl,
    read_vault,
    write_dataset,
    write_joint_actions,
    write_pymarl,
    write_vault,
)
from alberdice.errors import AlberDICEError, InvalidArgumentError, InvalidDataError, ResourceError

READERS = {
    "native": open_dataset,
    "pymarl": read_pymarl,
    "cfcql": read_cfcql,
    "vault": read_vault,
    "minari": read_minari,
    "csv": read_joint_actions,
}


@contextmanager
def as_nobody() -> Iterator[None]:
    """Give up the rights of root for a while, if we have them."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("kind", READERS)
def test_unreadable_places(kind: str, wholes: dict[str, Path], tmp_path: Path) -> None:
    read = READERS[kind]
    path = tmp_path / wholes[kind].name
    if wholes[kind].is_dir():
        shutil.copytree(wholes[kind], path)
    else:
        shutil.copy(wholes[kind], path)
    read(wholes[kind]) if kind != "csv" else None
    path.chmod(0)
    try:
        with as_nobody(), pytest.raises(AlberDICEError, match=f"{path.name}.*got"):
            read(path)
    finally:
        path.chmod(0o700)
    with pytest.raises(AlberDICEError, match="not-there"):
        read(tmp_path / "not-there")


def test_unwritable_places(tmp_path: Path) -> None:
    data = sample()
    (tmp_path / "file").write_text("")
    for write in (
        lambda: write_dataset(data, "x-v0", root=tmp_path / "file"),
        lambda: write_pymarl(data, tmp_path / "file" / "buffer"),
        lambda: write_vault(data, tmp_path / "file" / "v"),
    ):
        with pytest.raises(InvalidDataError, match=r"file: got (Not a directory|File exists)"):
            write()
    assert snapshot(tmp_path).keys() == {"file"}


@pytest.mark.parametrize(
    "identity", ["../x-v0", "lab/../../x-v0", "/etc/x-v0", "x", "x-v", "a/x-v0", "", ".x-v0", "lab//x-v0", "x-v0/"]
)
def test_ids_that_leave_the_root_or_are_none(identity: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="dataset id"):
        write_dataset(sample(), identity, root=tmp_path / "root")
    assert not list(tmp_path.iterdir())


def test_nothing_is_replaced_unasked(tmp_path: Path) -> None:
    data, other = sample(), sample_dataset(np.random.default_rng(9))
    (tmp_path / "table.csv").write_text("mine")
    write_dataset(data, "x-v0", root=tmp_path)
    write_pymarl(data, tmp_path / "buffer")
    write_vault(data, tmp_path / "vault")
    before = snapshot(tmp_path)
    for write in (
        lambda: write_dataset(other, "x-v0", root=tmp_path),
        lambda: write_pymarl(other, tmp_path / "buffer"),
        lambda: write_vault(other, tmp_path / "vault"),
        lambda: write_joint_actions(
            sample_dataset(np.random.default_rng(9), lengths=(1,), ends="terminated"), tmp_path / "table.csv"
        ),
    ):
        with pytest.raises(InvalidArgumentError, match="something is there already"):
            write()
    assert snapshot(tmp_path) == before
    write_dataset(other, "x-v0", root=tmp_path, overwrite=True)
    np.testing.assert_array_equal(open_dataset("x-v0", root=tmp_path).rewards, other.rewards)
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


@pytest.mark.parametrize("kind", ["native", "pymarl", "vault", "table"])
def test_a_full_disk_leaves_nothing(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full when the data are flushed."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    one = sample_dataset(np.random.default_rng(9), lengths=(1,), ends="terminated")
    writes = {
        "native": lambda: write_dataset(sample(), "x-v0", root=tmp_path),
        "pymarl": lambda: write_pymarl(sample(), tmp_path / "buffer"),
        "vault": lambda: write_vault(sample(), tmp_path / "vault"),
        "table": lambda: write_joint_actions(one, tmp_path / "x.csv"),
    }
    with pytest.raises(ResourceError, match=r"no room left on the disk.*nothing was written") as caught:
        writes[kind]()
    assert caught.value.exit_code == 1
    assert not list(tmp_path.iterdir())


def test_exports_say_which_datasets_they_cannot_hold(tmp_path: Path) -> None:
    with pytest.raises(InvalidDataError, match="episode 0: got 7 steps, expected one-step episodes"):
        write_joint_actions(sample(), tmp_path / "x.csv")
    cut = sample_dataset(np.random.default_rng(9), lengths=(1, 1), ends="both")
    with pytest.raises(InvalidDataError, match=r"terminated\[1\]: got False"):
        write_joint_actions(cut, tmp_path / "x.csv")
    assert not list(tmp_path.iterdir())


def test_episode_limits_below_an_episode_are_refused(wholes: dict[str, Path]) -> None:
    with pytest.raises(InvalidDataError, match=r"filled.npy\[2\]: got 9 steps, expected at most the episode limit, 8"):
        read_pymarl(wholes["pymarl"], episode_limit=8)
