"""Training on data that are mapped from a file: peak memory at ten million steps, and what reading ahead saves.

    python benchmarks/mapped_data.py            # 10^7 steps; some 8 GB of disk in TMPDIR, freed at the end
    python benchmarks/mapped_data.py --quick    # 500,000 steps

Random data: two agents, 40 features in every observation, 14 in the state, 5 actions, episodes of 5,000 steps, float32, every
frame of its own. They are made and stored by one process, and opened and trained on by others with ``memory_share`` 0. Peaks
are ``ru_maxrss`` of the process, Python and torch included, pages of the mapped file too while they are held; ``features_gb``
is what the features alone take in memory as the data have them, and networks' inputs as much again. AlberDICE is trained on a
tenth of the steps. Then, on a hundredth, the milliseconds of an update in memory, mapped, and mapped without reading ahead, in
turn in one process; the file is in the system's cache by then, so that what is seen is the work of gathering, not the disk.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from machine import conditions, write

SEED = 0
AGENTS, FEATURES, STATE, CHOICES, LENGTH = 2, 40, 14, 5, 5000
UPDATES, ROUNDS, BATCH = 200, 5, 2048
SETTINGS = {"batch_size": BATCH, "environment": "none", "select": "last", "pictures": False, "evaluate_every": 1 << 20}


def peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def make(root: str, steps: int) -> dict[str, Any]:
    """Store random data, a few episodes at a time."""
    from alberdice.datasets import write_dataset
    from alberdice.datasets.build import Arrays
    from alberdice.datasets.memory import release

    generator, episodes = np.random.default_rng(SEED), steps // LENGTH
    kind = np.dtype(np.float32)
    arrays = Arrays(
        np.full(episodes, LENGTH),
        (CHOICES,) * AGENTS,
        state=(STATE, kind),
        observation=(FEATURES, kind),
        reward=kind,
        masks=False,
        memory_share=0.0,
        scratch=root,
    )
    arrays.final_known[:] = True
    for episode in range(episodes):
        for name, shape in (("frame_states", (STATE,)), ("frame_observations", (AGENTS, FEATURES))):
            arrays.put_frames(name, episode, generator.standard_normal((LENGTH + 1, *shape), dtype=np.float32))
            if episode % 20 == 0:
                release(getattr(arrays, name))
        rows = slice(episode * LENGTH, (episode + 1) * LENGTH)
        arrays.actions[rows] = generator.integers(CHOICES, size=(LENGTH, AGENTS))
        arrays.rewards[rows] = generator.standard_normal(LENGTH, dtype=np.float32)
    arrays.terminated[LENGTH - 1 :: LENGTH] = True
    write_dataset(arrays.finish("random"), "random-v0", root=root)
    return {"peak_gb": peak_gb()}


def config_of(root: str, algorithm: str, **changes: Any) -> Any:
    from alberdice.deep.config import from_mapping
    from alberdice.deep.learner import learner_class

    base = learner_class(algorithm).settings(algorithm=algorithm)
    return from_mapping({**SETTINGS, "dataset": str(Path(root) / "random-v0"), **changes}, base)


def train(root: str, algorithm: str) -> dict[str, Any]:
    """Some hundred updates on the whole data; the process's peaks on the way."""
    from alberdice.datasets import load_dataset
    from alberdice.deep.training.loop import run_training

    short = {"updates": UPDATES} if algorithm == "bc" else {"updates": UPDATES // 2, "pretrain_updates": UPDATES // 2}
    config, row = config_of(root, algorithm, memory_share=0.0, **short), {"modules_gb": peak_gb()}
    began = time.perf_counter()
    data = load_dataset(config.dataset, memory_share=0.0)
    row |= {"opened_gb": peak_gb(), "opened_seconds": time.perf_counter() - began}
    run = run_training(config, None, dataset=data)
    features = data.frame_observations.nbytes + data.frame_states.nbytes
    row |= {"trained_gb": peak_gb(), "features_gb": features / 1e9, "seconds": time.perf_counter() - began}
    return {"algorithm": algorithm, "steps": data.n_steps, "updates": run.fitting.done, **row}


def compare(root: str, algorithm: str) -> dict[str, Any]:
    """Milliseconds of an update, in memory, mapped, and mapped without reading ahead."""
    import torch

    from alberdice.datasets import load_dataset
    from alberdice.deep.batches.training_data import TrainingData
    from alberdice.deep.learner import learner_class

    torch.set_num_threads(1)
    config, ahead, found = config_of(root, algorithm), TrainingData.ahead, {}
    extra = config.pretraining  # the rounds of AlberDICE, after its caches are filled, are what is timed
    updates: dict[str, Any] = {}
    for name, share in (("memory", 1.0), ("mapped", 0.0)):
        data = TrainingData.of_run(load_dataset(config.dataset, memory_share=share), config)
        learner: Any = learner_class(algorithm)(data, config, torch.Generator().manual_seed(SEED))
        if extra:
            learner.scalars["updates_done"].fill_(extra)
        updates[name] = (learner, torch.Generator().manual_seed(SEED + 1))
        learner.update(updates[name][1])
    for name in ("memory", "mapped", "not_ahead"):
        found[name] = []
    for _ in range(ROUNDS):
        for name, times in found.items():
            TrainingData.ahead = (lambda self, *more: None) if name == "not_ahead" else ahead  # type: ignore[method-assign]
            learner, generator = updates["memory" if name == "memory" else "mapped"]
            for turn in range(30):
                began = time.perf_counter()
                learner.update(generator)
                times += [1e3 * (time.perf_counter() - began)] if turn > 2 else []
    medians = {f"{name}_ms": float(np.median(times)) for name, times in found.items()}
    ratios = {f"{name}_ratio": medians[f"{name}_ms"] / medians["memory_ms"] for name in ("mapped", "not_ahead")}
    return {"algorithm": algorithm, "steps": data.n_steps, **medians, **ratios}


def in_process(work: Any, arguments: tuple[Any, ...], pipe: Any) -> None:
    pipe.send(work(*arguments))


def run(work: Any, *arguments: Any) -> dict[str, Any]:
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=in_process, args=(work, arguments, sender))
    process.start()
    sender.close()
    row: dict[str, Any] = receiver.recv()
    process.join()
    print(f"{work.__name__} {arguments[1:]}: {row}", file=sys.stderr, flush=True)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="500,000 steps")
    options = parser.parse_args()
    steps = 500_000 if options.quick else 10_000_000
    content: dict[str, Any] = conditions(SEED, ("alberdice", "numpy", "torch"))
    content |= {"agents": AGENTS, "features": FEATURES, "state": STATE, "batch": BATCH}
    parts = ((steps, "trained", train, ("bc",)), (steps // 10, "trained", train, ("alberdice",)))
    for count, name, work, algorithms in (*parts, (steps // 100, "updates", compare, ("bc", "alberdice"))):
        with tempfile.TemporaryDirectory() as root:
            os.environ["TMPDIR"] = root  # scratch files, too
            run(make, root, count)
            content.setdefault(name, []).extend(run(work, root, algorithm) for algorithm in algorithms)
        if not options.quick:
            print(write("mapped_data", content), file=sys.stderr)


if __name__ == "__main__":
    main()
