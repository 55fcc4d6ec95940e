"""One run on several processes: what an update costs when 1, 2, ... of them share its rows, by gloo on this machine.

    python benchmarks/distributed.py            # 1 and 2 processes
    python benchmarks/distributed.py --quick    # one case, one repetition

Data are football-like as in ``train_step.py``: 115 features, 19 actions, every row a frame of its own; or a built-in dataset
whose states repeat, so that an update is about all distinct steps. Hidden layers of 128 and 128, one thread per process. All
counts of processes are measured in turn, again and again, and every figure is the least median of the repetitions, as other
work shares the machine (``load_at_start``, ``load_at_end``): where cores are busy, processes wait for one, and for each other.
``efficiency`` is the time of one process divided by that of K processes times K; ``processor_ratio`` the processor time of one
divided by that of all K together, which other work changes little: what is lost is spent on sums over processes, and on rows
that all have. ``sums`` is how often an update waits for the others.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from machine import conditions, write
from train_step import HIDDEN, football

from alberdice.datasets import load_dataset
from alberdice.deep import sums
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.config import from_mapping
from alberdice.deep.learner import learner_class
from alberdice.deep.training.ranks import Ranks

SEED = 0
REPETITIONS, UPDATES, UNCOUNTED = 5, 12, 3


@dataclass(frozen=True)
class Case:
    algorithm: str
    n_agents: int
    rows: int
    data: str = "football"


CASES = (
    Case("bc", 4, 12800),
    Case("alberdice", 4, 3200),
    Case("alberdice", 2, 3200, "bridge-mix"),
)


class Counted(Ranks):
    """Counts how often processes wait for one another."""

    waits = 0

    def _reduced(self, x: torch.Tensor, how: Any) -> torch.Tensor:
        Counted.waits += 1
        return super()._reduced(x, how)


def updates(case: Case) -> Any:
    """A function that makes an update: a round of AlberDICE, after its caches are filled."""
    own = {"pretrain_batch_size": case.rows} if case.algorithm == "alberdice" else {}
    base = learner_class(case.algorithm).settings(algorithm=case.algorithm)
    config = from_mapping({"batch_size": case.rows, "hidden": HIDDEN, "updates": 1 << 20, **own}, base)
    drawn = case.data == "football"
    data = TrainingData.build(football(case.n_agents) if drawn else load_dataset(case.data), share=not drawn)
    learner: Any = learner_class(case.algorithm)(data, config, torch.Generator().manual_seed(SEED))
    generator = torch.Generator().manual_seed(SEED + 1)
    if case.algorithm != "alberdice":
        return lambda: learner.update(generator)
    if (learner.population is None) != drawn:
        raise SystemExit(f"{case}: not what an update was to be about")
    with sums.alone():
        learner.behaviour.fill_caches()
    return lambda: learner.rounds.round(generator, 5e-4)


def process(case: Case, place: int, count: int, folder: str, pipe: Any) -> None:
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=place, world_size=count)
    ranks = Counted(count, place, dist.group.WORLD) if count > 1 else None
    times, busy = [], []
    with sums.shared_by(ranks):
        update = updates(case)
        for _ in range(UNCOUNTED):
            update()
        Counted.waits = 0
        for _ in range(UPDATES):
            began, used = time.perf_counter(), time.process_time()
            update()
            times.append(1e3 * (time.perf_counter() - began))
            busy.append(1e3 * (time.process_time() - used))
    dist.barrier()
    pipe.send({"ms": float(np.median(times)), "processor_ms": float(np.median(busy)), "sums": Counted.waits / UPDATES})
    dist.destroy_process_group()


def measured(case: Case, count: int) -> dict[str, float]:
    """The slowest process's time, and the processor time of all."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        pipes = [context.Pipe(duplex=False) for _ in range(count)]
        started = [
            context.Process(target=process, args=(case, place, count, folder, sender))
            for place, (_, sender) in enumerate(pipes)
        ]
        for each in started:
            each.start()
        rows = [receiver.recv() for receiver, _ in pipes]
        for each in started:
            each.join()
    both = {"ms": max(row["ms"] for row in rows), "processor_ms": sum(row["processor_ms"] for row in rows)}
    return {**both, "sums": rows[0]["sums"]}


def run(case: Case, counts: list[int], repetitions: int) -> dict[str, Any]:
    found: dict[int, list[dict[str, float]]] = {count: [] for count in counts}
    for _ in range(repetitions):
        for count in counts:
            found[count].append(measured(case, count))
    least = {count: {key: min(row[key] for row in rows) for key in rows[0]} for count, rows in found.items()}
    one = least[1]
    processes = [
        {
            "processes": count,
            **row,
            "efficiency": one["ms"] / (count * row["ms"]),
            "processor_ratio": one["processor_ms"] / row["processor_ms"],
        }
        for count, row in least.items()
    ]
    shown = ", ".join(f"{each['processes']}: {each['ms']:.1f} ms, {each['processor_ratio']:.2f}" for each in processes)
    print(f"{case.algorithm} N={case.n_agents}, {case.rows} rows of {case.data}: {shown}", file=sys.stderr, flush=True)
    return {**asdict(case), "processes": processes}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one case, one repetition")
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2], help="counts, 1 among them")
    parser.add_argument("--repetitions", type=int, default=REPETITIONS)
    options = parser.parse_args()
    content: dict[str, Any] = conditions(SEED, ("alberdice", "numpy", "torch"))
    content |= {"threads": "1 per process", "repetitions": options.repetitions, "updates": UPDATES}
    cases, repetitions = (CASES[:1], 1) if options.quick else (CASES, options.repetitions)
    content["cases"] = []
    for case in cases:
        content["cases"].append(run(case, options.processes, repetitions))
        content["load_at_end"] = round(os.getloadavg()[0], 2)
        if not options.quick:
            print(write("distributed", content), file=sys.stderr)


if __name__ == "__main__":
    main()
