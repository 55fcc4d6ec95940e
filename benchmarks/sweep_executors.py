"""One sweep by local processes and by Ray: 60 runs on data given by their folder, and whether the tables are equal.

    python benchmarks/sweep_executors.py            # 2 algorithms x 3 learning rates x 10 seeds
    python benchmarks/sweep_executors.py --quick    # 2 seeds; nothing is written

The data are those of a matrix game with another seed, kept in a folder. Ray runs on this machine, with as many CPUs as there
are local processes. ``equal`` says whether all cells (returns of every seed, intervals, shares outside the data) are the same
bit for bit, ``ratio`` is the wall time of Ray's last try, its start included, in that of the local processes: such small runs
show what an executor costs.
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
updates = 10
batch_size = 64
evaluate_every = 5
evaluate_episodes = 20
hidden = [8]
select = "last"
keep_policies = 0
pictures = false

[grid]
learning_rate = [0.01, 0.001, 0.0001]
"""


#: a machine that is busy starts no node within the half minute that Ray gives one
TRIES = 6


def made(folder: Path, name: str, options: list[str]) -> tuple[dict[str, Any], float, int]:
    """The sweep's JSON, the seconds that it took, and how often it was tried; what a try has finished is kept."""
    command = [sys.executable, "-m", "alberdice.cli.deep", "sweep", "sweep.toml", "--out", name, "--json", *options]
    for tries in range(1, TRIES + 1):
        begun = time.perf_counter()
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if not done.returncode:
            return json.loads(done.stdout), time.perf_counter() - begun, tries
        print(f"{name}: exit code {done.returncode}: {done.stderr.strip()[-500:]}", file=sys.stderr)
    sys.exit(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="2 seeds; nothing is written")
    parser.add_argument("--jobs", type=int, default=cores(), help="processes, and Ray's CPUs")
    options = parser.parse_args()
    seeds, jobs = 2 if options.quick else 10, ["--jobs", str(options.jobs)]
    content: dict[str, Any] = conditions(SEED, ("alberdice", "numpy", "torch", "ray"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_dataset(load_dataset("matrix-c", seed=SEED), "lab/mine-v0", root=folder)
        (folder / "sweep.toml").write_text(SWEEP.format(data="lab/mine-v0", seeds=seeds))
        local, seconds, _ = made(folder, "local", jobs)
        ray, ray_seconds, tries = made(folder, "ray", [*jobs, "--ray", "local"])
    equal = local["cells"] == ray["cells"]
    content |= {
        "runs": len(local["runs"]),
        "jobs": options.jobs,
        "equal": equal,
        "failed": len(local["failed"]) + len(ray["failed"]),
    }
    content |= {
        "rays_tries": tries,
        "seconds": seconds,
        "ratio": ray_seconds / seconds,
        "load_at_end": os.getloadavg()[0],
        "cells": local["cells"],
    }
    print(f"{content['runs']} runs, equal: {equal}, Ray in local processes' time: {content['ratio']:.2f}", file=sys.stderr)
    if not options.quick:
        print(write("sweep_executors", content), file=sys.stderr)
    sys.exit(not equal)


if __name__ == "__main__":
    main()
