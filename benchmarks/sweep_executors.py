"""One sweep by local processes and by Ray: 60 runs on data given by their folder, and whether the tables are equal.

    python benchmarks/sweep_executors.py            # 2 algorithms x 3 learning rates x 10 seeds
    python benchmarks/sweep_executors.py --quick    # 2 seeds; nothing is written

The data are Bridge's mixed episodes with another seed, kept in a folder. Ray runs on this machine, with as many CPUs as there
are local processes. ``equal`` says whether all cells (returns of every seed, intervals, shares outside the data) are the same
bit for bit, ``ratio`` is Ray's wall time, its start included, in that of the local processes: such small runs show what an
executor costs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from machine import conditions, write

from alberdice.datasets import load_dataset, write_dataset
from alberdice.machine import cores

SEED = 7
SWEEP = """
title = "Executors"
algorithms = ["bc", "icq"]
datasets = ["{data}"]
seeds = {seeds}

[settings]
updates = 40
batch_size = 64
evaluate_every = 20
evaluate_episodes = 20
hidden = [8]
pictures = false

[grid]
learning_rate = [0.01, 0.001, 0.0001]
"""


def made(folder: Path, name: str, options: list[str]) -> tuple[dict[str, Any], float]:
    """The sweep's JSON, and the seconds that it took."""
    command = [sys.executable, "-m", "alberdice.cli.deep", "sweep", "sweep.toml", "--out", name, "--json", *options]
    begun = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return json.loads(done.stdout), time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="2 seeds; nothing is written")
    parser.add_argument("--jobs", type=int, default=cores(), help="processes, and Ray's CPUs")
    options = parser.parse_args()
    seeds, jobs = 2 if options.quick else 10, ["--jobs", str(options.jobs)]
    content: dict[str, Any] = conditions(SEED, ("alberdice", "numpy", "torch", "ray"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_dataset(load_dataset("bridge-mix", seed=SEED), "lab/mine-v0", root=folder)
        (folder / "sweep.toml").write_text(SWEEP.format(data="lab/mine-v0", seeds=seeds))
        local, seconds = made(folder, "local", jobs)
        ray, ray_seconds = made(folder, "ray", [*jobs, "--ray", "local"])
    equal = local["cells"] == ray["cells"]
    content |= {
        "runs": len(local["runs"]),
        "jobs": options.jobs,
        "equal": equal,
        "failed": len(local["failed"]) + len(ray["failed"]),
    }
    content |= {"seconds": seconds, "ratio": ray_seconds / seconds, "load_at_end": os.getloadavg()[0], "cells": local["cells"]}
    print(f"{content['runs']} runs, equal: {equal}, Ray in local processes' time: {content['ratio']:.2f}", file=sys.stderr)
    if not options.quick:
        print(write("sweep_executors", content), file=sys.stderr)
    sys.exit(not equal)


if __name__ == "__main__":
    main()
