"""What every benchmark records: seed, versions, machine; one JSON per script under benchmarks/results; runs side by side."""

from __future__ import annotations

import json
import multiprocessing
import os
import platform
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from alberdice import machine

RESULTS = Path(__file__).parent / "results"


def conditions(seed: int, packages: tuple[str, ...]) -> dict[str, Any]:
    """Seed, versions, processor, cores, memory, threads, load, date."""
    return {
        "seed": seed,
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in packages},
        "processor": machine.processor(),
        "cores": machine.cores(),
        "memory_gib": round(machine.memory_limit() / 2**30, 1),
        "threads": os.environ.get("OMP_NUM_THREADS", "default"),
        "load_at_start": round(os.getloadavg()[0], 2),
    }


def write(name: str, content: dict[str, Any]) -> Path:
    """Write ``results/<name>.json``."""
    RESULTS.mkdir(exist_ok=True)
    target = RESULTS / f"{name}.json"
    target.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return target


def side_by_side(work: Callable[..., Any], asked: Iterable[tuple[Any, ...]], jobs: int) -> Iterator[Any]:
    """What ``work(*arguments)`` gives, as each ends: here with one job, else in so many processes of one thread each."""
    if jobs == 1:
        yield from (work(*each) for each in asked)
        return
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _one_of_many) as pool:
        for done in as_completed([pool.submit(work, *each) for each in asked]):
            yield done.result()


def alone(work: Callable[..., Any], *arguments: Any) -> Any:
    """What ``work(*arguments)`` gives in a process of its own, so that its peak of memory is its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def one_thread() -> None:
    """Of torch, in this process."""
    import torch

    torch.set_num_threads(1)


def _one_of_many() -> None:
    """What a process of a pool does first: one thread, and an end of its own when its parent is killed, which tells nothing."""
    one_thread()
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()
