"""Memory and cores as a container allows them, read from trees of both versions of control groups."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from alberdice import machine

GIB = 1 << 30
PHYSICAL = 16 * GIB


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


@pytest.fixture(autouse=True)
def _a_large_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_physical", lambda: PHYSICAL)
    monkeypatch.setattr(machine, "_address_space", lambda: [])
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


FREE = {"proc/meminfo": f"MemTotal: {PHYSICAL // 1024} kB\nMemFree: 5 kB\nMemAvailable: {12 * GIB // 1024} kB\n"}
V2 = {"proc/self/cgroup": "0::/jobs/one\n", **FREE}
V1 = {"proc/self/cgroup": "5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n0::/\n", **FREE}
CASES: dict[str, tuple[dict[str, str], tuple[int, int, int]]] = {
    "no group": (FREE, (PHYSICAL, 12 * GIB, 8)),
    "version 2, own": (
        V2
        | {
            "sys/fs/cgroup/jobs/one/memory.max": f"{4 * GIB}\n",
            "sys/fs/cgroup/jobs/one/memory.current": f"{3 * GIB}\n",
            "sys/fs/cgroup/jobs/one/memory.stat": f"anon 1\ninactive_file {GIB}\n",
            "sys/fs/cgroup/jobs/one/cpu.max": "250000 100000\n",
        },
        (4 * GIB, 2 * GIB, 2),
    ),
    "version 2, above": (
        V2
        | {
            "sys/fs/cgroup/jobs/one/memory.max": "max\n",
            "sys/fs/cgroup/jobs/memory.max": f"{2 * GIB}\n",
            "sys/fs/cgroup/jobs/memory.current": f"{3 * GIB}\n",
            "sys/fs/cgroup/jobs/one/cpu.max": "max 100000\n",
            "sys/fs/cgroup/jobs/cpu.max": "50000 100000\n",
        },
        (2 * GIB, 0, 1),
    ),
    "version 2, in a container": (
        {"proc/self/cgroup": "0::/\n", **FREE}
        | {"sys/fs/cgroup/memory.max": f"{GIB}", "sys/fs/cgroup/memory.current": "0", "sys/fs/cgroup/cpu.max": "300000 100000"},
        (GIB, GIB, 3),
    ),
    "version 1, hidden path": (
        V1
        | {
            "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{8 * GIB}",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{2 * GIB}",
            "sys/fs/cgroup/memory/memory.stat": f"inactive_file 7\ntotal_inactive_file {GIB}\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "400000",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
        },
        (8 * GIB, 7 * GIB, 4),
    ),
    "version 1, no limit": (
        V1
        | {
            "sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": "9223372036854771712",
            "sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us": "-1",
            "sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_period_us": "100000",
        },
        (PHYSICAL, 12 * GIB, 8),
    ),
    "damaged": (V2 | {"sys/fs/cgroup/memory.max": "\x00many", "sys/fs/cgroup/cpu.max": "1 2 3"}, (PHYSICAL, 12 * GIB, 8)),
    "no period": (V2 | {"sys/fs/cgroup/cpu.max": "100000 0"}, (PHYSICAL, 12 * GIB, 8)),
}


@pytest.mark.parametrize("case", CASES)
def test_control_groups(case: str, tmp_path: Path) -> None:
    files, wanted = CASES[case]
    root = tree(tmp_path, files)
    assert (machine.memory_limit(root), machine.available_memory(root), machine.cores(root)) == wanted


def test_an_unknown_system_is_assumed_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_physical", lambda: None)
    assert machine.memory_limit(tmp_path) == 8 * GIB


def test_processor(tmp_path: Path) -> None:
    root = tree(tmp_path, {"proc/cpuinfo": "processor\t: 0\nmodel name\t: Fast: v2\nmodel name\t: Other\n"})
    assert machine.processor(root) == "Fast: v2"
    assert machine.processor(tmp_path / "none")


@pytest.mark.skipif(sys.platform != "linux", reason="ulimit and taskset")
def test_limits_of_the_process_count() -> None:
    script = (
        "import os, resource; resource.setrlimit(resource.RLIMIT_AS, (3 << 30, resource.RLIM_INFINITY))\n"
        "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from alberdice.machine import cores, memory_limit; print(memory_limit() <= 3 << 30, cores())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "1"]


def test_peak_memory(tmp_path: Path) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/status").write_text("Name:\tpython\nVmHWM:\t  2048 kB\nVmRSS:\t  1024 kB\n")
    assert machine.peak_memory(tmp_path) == 2 << 20
    assert machine.peak_memory(tmp_path / "elsewhere") > 1 << 20  # what the system's own accounts say
    held = b"x" * (64 << 20)
    assert machine.peak_memory() > len(held)
