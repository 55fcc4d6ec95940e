"""Peak memory while training data are built: random data of warehouses' shape, every frame of its own.

    python benchmarks/training_memory.py            # 500,000 steps, N = 2 and 6
    python benchmarks/training_memory.py --quick    # 50,000 steps

71 features in every observation, 7 N in the state, 5 actions, episodes of 500 steps, float32. Each case runs in a process
of its own; peaks are the process's (``ru_maxrss``), Python, NumPy and torch included: ``data_gb`` once the dataset is there,
``built_gb`` after the training data were built from it. ``share`` is the built data's own size in the dataset's: what is
more is what building needs. The aims: 1.2 GB at N = 2 and 4 GB at N = 6, a GB being 10^9 bytes.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from typing import Any

import numpy as np
from machine import alone, conditions, write

SEED = 0
FEATURES, CHOICES, LENGTH = 71, 5, 500
AIMS = {2: 1.2, 6: 4.0}


def peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def measured(n_agents: int, steps: int) -> dict[str, Any]:
    from alberdice.datasets import OfflineDataset
    from alberdice.deep.batches.training_data import TrainingData

    before, episodes, generator = peak_gb(), steps // LENGTH, np.random.default_rng(SEED)
    ended = np.arange(1, steps + 1) % LENGTH == 0
    data = OfflineDataset(
        name="warehouse-like",
        n_actions=(CHOICES,) * n_agents,
        frame_states=generator.standard_normal((steps + episodes, 7 * n_agents), dtype=np.float32),
        frame_observations=generator.standard_normal((steps + episodes, n_agents, FEATURES), dtype=np.float32),
        actions=generator.integers(CHOICES, size=(steps, n_agents)),
        rewards=generator.standard_normal(steps, dtype=np.float32),
        terminated=ended,
        truncated=np.zeros(steps, np.bool_),
        lengths=np.full(episodes, LENGTH),
    )
    loaded, began = peak_gb(), time.perf_counter()
    built = TrainingData.build(data)
    seconds = time.perf_counter() - began
    size = sum(value.nbytes for value in vars(built).values() if hasattr(value, "nbytes"))
    row = {"n_agents": n_agents, "steps": steps, "modules_gb": before, "data_gb": loaded, "built_gb": peak_gb()}
    return {**row, "dataset_bytes": data.nbytes, "share": size / data.nbytes, "seconds": seconds, "aim_gb": AIMS[n_agents]}


def run(n_agents: int, steps: int) -> dict[str, Any]:
    row: dict[str, Any] = alone(measured, n_agents, steps)
    print(f"N={n_agents}, {steps:,} steps: {row['data_gb']:.2f} GB loaded, {row['built_gb']:.2f} GB built", file=sys.stderr)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="50,000 steps")
    options = parser.parse_args()
    content: dict[str, Any] = conditions(SEED, ("alberdice", "numpy", "torch"))
    content["cases"] = [run(n, 50_000 if options.quick else 500_000) for n in AIMS]
    if not options.quick:
        print(write("training_memory", content), file=sys.stderr)


if __name__ == "__main__":
    main()
