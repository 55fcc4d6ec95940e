"""A write that is killed, or that runs into a limit of the disk, leaves whole datasets or none."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from dataset_samples import assert_same, sample_dataset

from alberdice.datasets import OfflineDataset, open_dataset, stored_datasets
from alberdice.errors import InvalidDataError

HERE = Path(__file__).parent

WRITER = """
import sys
sys.path.insert(0, sys.argv[1])
from test_killed_writes import version
from alberdice.datasets import write_dataset
versions = [version(k) for k in range(3)]
print("ready", flush=True)
for turn in range(100000):
    write_dataset(versions[turn % 3], f"lab/new{turn}-v0", root=sys.argv[2])
    write_dataset(versions[turn % 3], "lab/same-v0", root=sys.argv[2], overwrite=True)
    print("written", flush=True)
"""

LIMITED = """
import resource, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from test_killed_writes import version
from alberdice.datasets import store, write_dataset, write_pymarl, write_vault
from alberdice.errors import ResourceError
data, root = version(0), Path(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (30000, 30000))
def late():
    store.reserve = lambda path, size: None  # the limit is met in the middle, not foreseen
    write_dataset(data, "lab/x-v0", root=root)

writes = {
    "late": late,
    "native": lambda: write_dataset(data, "lab/x-v0", root=root),
    "pymarl": lambda: write_pymarl(data, root / "lab" / "buffer"),
    "vault": lambda: write_vault(data, root / "lab" / "vault"),
}
for name, write in writes.items():
    try:
        write()
    except ResourceError as problem:
        assert "no room left on the disk" in str(problem), problem
        print(name)
del data
"""


def version(number: int) -> OfflineDataset:
    """Three datasets that differ in every array."""
    lengths = ((30,) * 12, (25, 1) * 9, (40,) * 10)[number]
    return sample_dataset(np.random.default_rng(number), lengths=lengths, name=f"version {number}", observation_size=20)


def check(root: Path) -> int:
    """Open everything that is there; return how many datasets opened."""
    opened = 0
    for each in stored_datasets(root):
        data = open_dataset(each["id"], root=root)
        assert_same(data, version(int(data.name.split()[1])))
        if each["id"] != "lab/same-v0":
            turn = int(each["id"].removeprefix("lab/new").removesuffix("-v0"))
            assert data.name == f"version {turn % 3}"
        opened += 1
    return opened


def kill_writers(times: int, root: Path) -> int:
    """Kill writers at random moments: every third in its first pair of writes, the others in the two pairs after it."""
    rng = np.random.default_rng(20231205)
    opened, pace = 0, 0.1
    for turn in range(times):
        here = root / str(turn)
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(HERE), str(here)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        if turn % 3:
            began = time.perf_counter()
            assert process.stdout.readline() == "written\n"
            pace = time.perf_counter() - began
        time.sleep(float(rng.random()) * pace * (2 if turn % 3 else 1))
        process.kill()
        process.wait()
        process.stdout.close()
        found = check(here)
        assert found >= (2 if turn % 3 else 0) - 1  # the one that is being replaced may be away
        opened += found
        if not (here / "lab" / "same-v0").exists():
            with pytest.raises(InvalidDataError, match=r"got nothing"):
                open_dataset(here / "lab" / "same-v0")
    return opened


@pytest.mark.slow
def test_five_kills(tmp_path: Path) -> None:
    assert kill_writers(5, tmp_path) >= 3


@pytest.mark.slow
def test_fifty_kills(tmp_path: Path) -> None:
    assert kill_writers(50, tmp_path) >= 33


def test_what_a_dead_writer_left_is_cleared(tmp_path: Path) -> None:
    from alberdice.datasets import write_dataset

    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()
    import socket

    dead = tmp_path / "lab" / f".x-v0.partial-{socket.gethostname()}-{process.pid}-00"
    alive = tmp_path / "lab" / f".x-v0.partial-{socket.gethostname()}-1-00"
    elsewhere = tmp_path / "lab" / ".x-v0.partial-another-host-1-00"
    for path in (dead, alive, elsewhere):
        (path / "data").mkdir(parents=True)
        (path / "data" / "metadata.json").write_text("{}")
    assert stored_datasets(tmp_path) == []
    write_dataset(version(0), "lab/x-v0", root=tmp_path)
    assert not dead.exists()
    assert alive.exists()
    assert elsewhere.exists()
    assert [each["id"] for each in stored_datasets(tmp_path)] == ["lab/x-v0"]


def test_a_limit_of_the_disk_in_the_middle_of_writing(tmp_path: Path) -> None:
    """The operating system itself refuses to let files grow beyond 30 kB."""
    done = subprocess.run([sys.executable, "-c", LIMITED, str(HERE), str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stderr == ""
    assert done.stdout.split() == ["late", "native", "pymarl", "vault"], done.stderr[-2000:]
    assert list(tmp_path.rglob("*")) == [tmp_path / "lab"]
