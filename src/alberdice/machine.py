"""The machine as this process may use it: memory, cores, processor.

What the machine has is seldom what a process may take.  A container is a control group with limits of its own, in either
version of Linux's interface, on the group itself or on any group above it:

    version 2   <group>/memory.max, memory.current, memory.stat; cpu.max = "quota period" or "max period"
    version 1   memory/<group>/memory.limit_in_bytes, memory.usage_in_bytes, memory.stat;
                cpu/<group>/cpu.cfs_quota_us, cpu.cfs_period_us

A limit on the address space (``ulimit -v``) bounds memory too, and an affinity mask (``taskset``) bounds the cores.

Where torchrun started several processes of one program, the environment says which one this is (``place``).
"""

from __future__ import annotations

import math
import os
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

__all__ = ["Place", "available_memory", "cores", "load", "memory_limit", "peak_memory", "place", "processor"]

_ROOT = Path("/")
_UNKNOWN = 8 << 30
"""Bytes assumed where a system says nothing."""


def memory_limit(root: Path = _ROOT) -> int:
    """Bytes of memory that this process may use: the machine's, or a lower limit of a control group or of the process.

    Args:
        root: where /proc and /sys are.
    """
    total = _physical()
    limits = [_UNKNOWN if total is None else total, *_address_space()]
    for group in _groups(root, "memory"):
        limits += [n for name in ("memory.max", "memory.limit_in_bytes") if (n := _number(group / name)) is not None]
    return min(limits)


def available_memory(root: Path = _ROOT) -> int | None:
    """Bytes that can be had now without swapping, or None where the system does not tell; read once a second."""
    return _available(root, int(time.monotonic()))


@lru_cache(maxsize=2)
def _available(root: Path, second: int) -> int | None:
    free = [n for n in (_machine_free(root),) if n is not None]
    for group in _groups(root, "memory"):
        limit = next((n for k in ("memory.max", "memory.limit_in_bytes") if (n := _number(group / k)) is not None), None)
        used = next((n for k in ("memory.current", "memory.usage_in_bytes") if (n := _number(group / k)) is not None), None)
        if limit is not None and used is not None:
            free.append(max(0, limit - used + _reclaimable(group)))
    return min(free) if free else None


def peak_memory(root: Path = _ROOT) -> int:
    """Bytes of memory that this process has held at most; on Linux of its own, on others what its parent held when it began."""
    for line in _lines(root / "proc/self/status"):
        words = line.split()
        if words[:1] == ["VmHWM:"] and len(words) > 1 and words[1].isdigit():
            return 1024 * int(words[1])
    try:
        import resource
    except ImportError:  # Windows
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(most if platform.system() == "Darwin" else 1024 * most)


def cores(root: Path = _ROOT) -> int:
    """Processors that this process may keep busy, at least 1: by its affinity and its control groups' share of time."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for group in _groups(root, "cpu"):
        quota, period = _share(group)
        if quota is not None and period:
            count = min(count, quota // period)
    return max(1, count)


def load() -> float:
    """Processes that were under way or waited for a processor, on average over the last minute; NaN on Windows."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else math.nan


def processor(root: Path = _ROOT) -> str:
    """The processor's name."""
    lines = _lines(root / "proc/cpuinfo")
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name") and ":" in line]
    return names[0] if names else platform.processor() or "unknown"


@dataclass(frozen=True)
class Place:
    """Which of several processes of one program this is, from 0: of all, of this machine's; and at which start of theirs."""

    rank: int = 0
    local: int = 0
    count: int = 1
    attempt: int = 0


def place(environment: Mapping[str, str] = os.environ) -> Place:
    """Where torchrun put this process; alone, if it was started in another way."""
    names = ("RANK", "LOCAL_RANK", "WORLD_SIZE")
    told = [environment.get(name, "") for name in names]
    if not all(word.isdecimal() for word in told) or not environment.get("MASTER_ADDR"):
        return Place()
    attempt = environment.get("TORCHELASTIC_RESTART_COUNT", "0")
    rank, local, count = map(int, told)
    return Place(rank, local, count, int(attempt) if attempt.isdecimal() else 0)


def _physical() -> int | None:
    """The machine's memory, in bytes."""
    try:
        return int(os.sysconf("SC_PAGE_SIZE")) * int(os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):  # Windows; a system without these names
        return None


def _address_space() -> list[int]:
    """The process's own limit, in bytes, if it has one."""
    try:
        import resource
    except ImportError:  # Windows
        return []
    soft = resource.getrlimit(resource.RLIMIT_AS)[0]
    return [] if soft == resource.RLIM_INFINITY else [soft]


def _machine_free(root: Path) -> int | None:
    for line in _lines(root / "proc/meminfo"):
        words = line.split()
        if words[:1] == ["MemAvailable:"] and len(words) > 1 and words[1].isdigit():  # counts caches that would be given up
            return 1024 * int(words[1])
    try:
        return int(os.sysconf("SC_AVPHYS_PAGES")) * int(os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):
        return None


def _groups(root: Path, controller: str) -> list[Path]:
    """Folders of this process's control group and of all above it, in both versions; hidden ones are absent."""
    folders: list[Path] = []
    for line in _lines(root / "proc/self/cgroup"):
        number, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        if number == "0" and not names:
            bases = [root / "sys/fs/cgroup", root / "sys/fs/cgroup/unified"]
        elif controller in names.split(","):
            bases = [root / "sys/fs/cgroup" / name for name in {controller, names}]
        else:
            continue
        parts = [part for part in path.split("/") if part not in ("", "..")]
        for base in bases:
            folders += [base.joinpath(*parts[:k]) for k in range(len(parts), -1, -1)]
    return folders


def _share(group: Path) -> tuple[int | None, int | None]:
    """(quota, period) of processor time, in microseconds; a quota of None is no limit."""
    words = (_lines(group / "cpu.max") or [""])[0].split()
    if len(words) == 2 and all(word.isdigit() for word in words):
        return int(words[0]), int(words[1])
    return _number(group / "cpu.cfs_quota_us"), _number(group / "cpu.cfs_period_us")


def _reclaimable(group: Path) -> int:
    """Bytes of a group's use that the system would give up: file pages that nobody has touched lately."""
    pairs = [line.split() for line in _lines(group / "memory.stat")]
    stated = {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}
    return stated.get("total_inactive_file", stated.get("inactive_file", 0))  # version 1 counts groups below apart


def _number(path: Path) -> int | None:
    """A file's whole number; None where there is no such file, or it says "max" or -1."""
    text = "".join(_lines(path)).strip()
    return int(text) if text.isdigit() else None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except (OSError, ValueError):
        return []
