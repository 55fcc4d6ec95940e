"""How many steps a transformer's update scores, and in what time: windows of 20 steps beside chunks of 200.

    python benchmarks/chunks.py            # five rounds in turn, of 20 updates each
    python benchmarks/chunks.py --quick    # one round of two

Cloning of rware-tiny-2ag-conventions by ``--preset rware``: 2,048 steps a minibatch, known ones included; as the preset has it
(a memory of 40 steps on chunks of 200), with a memory of 20 on chunks of 100, and on windows of 20 as it was before.  Processor
seconds, the least of all rounds; what counts is scored steps per second, as a ratio in one run.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import machine
import numpy as np
import torch

from alberdice.datasets.warehouses import make_warehouse
from alberdice.deep.algorithms.bc import BC, BCConfig
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.config import from_mapping

SEED = 0
EPISODES = 100
SHAPES: dict[str, dict[str, int]] = {
    "windows of 20": {"context": 20, "chunk": 0},
    "chunks of 100, memory of 20": {"context": 20, "chunk": 100},
    "chunks of 200, memory of 40": {"context": 40, "chunk": 200},
}


def learner_of(shape: dict[str, int], data: TrainingData) -> BC:
    """Cloning by the preset, but for the windows."""
    config: Any = from_mapping({**BCConfig.presets["rware"], **shape}, BCConfig())
    return BC(data, config, torch.Generator().manual_seed(SEED))


def seconds_of(learner: BC, updates: int) -> float:
    """Processor seconds of an update."""
    generator, began = torch.Generator().manual_seed(SEED), time.process_time()
    for _ in range(updates):
        learner.update(generator)
    return (time.process_time() - began) / updates


def scored_by(learner: BC, batches: int) -> float:
    """Steps that count in a minibatch, on average."""
    generator = torch.Generator().manual_seed(SEED)
    assert learner.memory is not None
    return float(np.mean([int((learner.memory.sequences.minibatch(generator).weight > 0).sum()) for _ in range(batches)]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round of two updates, and nothing is written")
    args = parser.parse_args()
    torch.set_num_threads(1)
    rounds, updates = (1, 2) if args.quick else (5, 20)
    source = make_warehouse("tiny", 2, "conventions", np.random.default_rng(SEED), episodes=EPISODES)
    data = TrainingData.build(source, levels=BCConfig.presets["rware"]["levels"])
    learners = {name: learner_of(shape, data) for name, shape in SHAPES.items()}
    taken: dict[str, list[float]] = {name: [] for name in learners}
    for _ in range(rounds):
        for name, learner in learners.items():
            taken[name].append(seconds_of(learner, updates))
    rows = []
    for name, learner in learners.items():
        scored, seconds = scored_by(learner, 100), min(taken[name])
        rows.append(
            {"shape": name, "ms": round(1e3 * seconds, 1), "scored": round(scored), "scored_per_second": scored / seconds}
        )
    for row in rows:
        row["ratio"] = round(row["scored_per_second"] / rows[0]["scored_per_second"], 2)
        row["scored_per_second"] = round(row["scored_per_second"])
        print(row)
    if not args.quick:
        machine.write(
            "chunks", {"conditions": machine.conditions(SEED, ("torch", "numpy")), "episodes": EPISODES, "rows": rows}
        )


if __name__ == "__main__":
    main()
