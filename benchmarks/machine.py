"""What every benchmark records: seed, versions, machine; and one JSON per script under benchmarks/results."""

from __future__ import annotations

import json
import os
import platform
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
