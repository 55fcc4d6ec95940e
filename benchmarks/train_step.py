"""One update of deep AlberDICE, a round of all agents: time, memory, and how the time grows with the number of agents.

    python benchmarks/train_step.py            # every shape with 1 and 2 threads, then N = 2 to 32; on CUDA too, if there
    python benchmarks/train_step.py --quick    # the shapes only
    python benchmarks/train_step.py --places cuda --out train_step_gpu   # into another file, and on the GPU alone

Hidden layers (128, 128). matrix and bridge are the built-in datasets; football-like data are random: 115 features in the state
and in every observation, 19 actions, every row a frame of its own, so that nothing can be evaluated once for many rows.
warehouse-like data are random too: 71 features in every observation, 7 N in the state, 5 actions; policies are transformers
(width 32, 2 blocks, 1 head) over 8 windows of 100 steps, with one token per step or, 'interleaved', with two; on a GPU also
over 32 windows of 495 steps, as the authors' schedule has it (40,500 updates). fight-like data have SMAX's 3s5z's shape: 205
features in every observation, 192 in the state, 14 actions. Each case runs in a process of its own. The reference is the
authors' release on two cores, in ms per update of all agents, for the same rows and numbers of agents; the aim is a fifth of
it. Where other work shares the machine, the load and the processor time beside each figure tell. Beside the rounds stand one
step of behaviour cloning on as many rows, and the time to fill the caches, which happens once. On a GPU every case is timed
twice, operation by operation and captured. The exponent b is fitted: log ms = a + b log N, of the clock's and of the
processor's time.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from machine import alone, conditions, write

from alberdice.datasets import EpisodeArrays, OfflineDataset, from_episodes, load_dataset
from alberdice.deep.algorithms.alberdice import AlberDICE
from alberdice.deep.algorithms.alberdice.settings import AlberDICEConfig
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.networks.capture import Captured, CudaGraphs
from alberdice.deep.training.device import arithmetic_of

SEED = 0
#: calls before those that count, a recording among them
_UNCOUNTED = 5
HIDDEN = (128, 128)
FEATURES, ACTIONS, EPISODES, LENGTH = 115, 19, 90, 100
AGENTS = (2, 4, 8, 16, 32)
WAREHOUSE = {"policy": "transformer", "context": LENGTH}
INTERLEAVED = {**WAREHOUSE, "tokens": "interleaved"}


@dataclass(frozen=True)
class Case:
    """One measurement; ``reference_ms`` is the authors' release's figure, where there is one."""

    name: str
    n_agents: int
    rows: int
    threads: int
    device: str
    reference_ms: float | None = None
    captured: bool = False
    precision: str = "float32"


SHAPES = (
    ("matrix-b", 2, 800, 24.0),
    ("bridge-mix", 2, 6400, 220.0),
    ("football", 4, 3200, 690.0),
    ("football", 10, 3200, 2460.0),
    ("warehouse", 2, 800, 67.0),
    ("warehouse", 4, 800, 197.0),
    ("warehouse", 6, 800, 410.0),
    ("interleaved", 2, 800, 67.0),
    ("interleaved", 4, 800, 197.0),
    ("interleaved", 6, 800, 410.0),
    ("fight", 8, 3200, None),
)
#: the authors' updates of a warehouse
SCHEDULE = 40_500


def football(n_agents: int) -> OfflineDataset:
    """Random episodes of football's shape."""
    return random_data("football-like", n_agents, FEATURES, FEATURES, ACTIONS)


def warehouse(n_agents: int) -> OfflineDataset:
    """Random episodes of the warehouse's shape."""
    return random_data("warehouse-like", n_agents, 7 * n_agents, 71, 5)


def long_warehouse(n_agents: int) -> OfflineDataset:
    """Random episodes of the warehouse's shape and its whole length."""
    return random_data("warehouse-like", n_agents, 7 * n_agents, 71, 5, 495)


def fight(n_agents: int) -> OfflineDataset:
    """Random episodes of the shape of SMAX's 3s5z."""
    return random_data("fight-like", n_agents, 192, 205, 14)


def random_data(name: str, n_agents: int, state: int, observation: int, choices: int, length: int = LENGTH) -> OfflineDataset:
    """Random episodes, so many features per state and per observation, so many actions per agent."""
    generator = np.random.default_rng(SEED)

    def normal(*shape: int) -> np.ndarray:
        return generator.standard_normal(shape, dtype=np.float32)

    episodes = [
        EpisodeArrays(
            states=normal(length + 1, state),
            observations=normal(length + 1, n_agents, observation),
            actions=generator.integers(choices, size=(length, n_agents)),
            rewards=normal(length),
            terminated=True,
        )
        for _ in range(EPISODES)
    ]
    return from_episodes(name, (choices,) * n_agents, episodes)


#: random data, and what is set for them
RANDOM: dict[str, tuple[Callable[[int], OfflineDataset], dict[str, Any]]] = {
    "football": (football, {}),
    "warehouse": (warehouse, WAREHOUSE),
    "interleaved": (warehouse, INTERLEAVED),
    "long-warehouse": (long_warehouse, {"policy": "transformer", "context": 495}),
    "fight": (fight, {}),
}


def learner_of(case: Case) -> AlberDICE:
    """The learner, with the data on the device; every frame of random data is kept, as they all differ."""
    own = case.name in RANDOM
    make, special = RANDOM.get(case.name, (None, {}))
    dataset = load_dataset(case.name) if make is None else make(case.n_agents)
    settings: dict[str, Any] = {
        "batch_size": case.rows,
        "pretrain_batch_size": case.rows,
        "hidden": HIDDEN,
        "threads": case.threads,
        "precision": case.precision,
    }
    config = AlberDICEConfig(**settings, **special, updates=1 << 20, pretrain_updates=1 << 20)
    data = TrainingData.build(dataset, share=not own, device=case.device)
    agents = AlberDICE(data, config, torch.Generator().manual_seed(SEED))
    if case.captured:
        agents.execution = Captured(data.states.device, CudaGraphs())
    return agents


def settle(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def timed(update: Callable[[], Any], device: str, seconds: float, least: int = 7) -> tuple[list[float], list[float]]:
    """Milliseconds of repeated calls, by the clock and of all threads' processor time; the first calls do not count."""
    times: list[float] = []
    busy: list[float] = []
    for count in range(_UNCOUNTED + 1000):
        settle(device)
        began, used = time.perf_counter(), time.process_time()
        update()
        settle(device)
        times.append(1e3 * (time.perf_counter() - began))
        busy.append(1e3 * (time.process_time() - used))
        if count + 1 >= _UNCOUNTED + least and sum(times) > 1e3 * seconds:
            break
    return times[_UNCOUNTED:], busy[_UNCOUNTED:]


def peak_mib(device: str) -> float:
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def measured(case: Case, seconds: float) -> dict[str, Any]:
    """Both kinds of update of one case."""
    agents = learner_of(case)
    with arithmetic_of(agents.config, case.device) as arithmetic, arithmetic():
        return timings(case, agents, seconds)


def timings(case: Case, agents: AlberDICE, seconds: float) -> dict[str, Any]:
    """Of both kinds of update and of what comes once."""
    generator = torch.Generator(case.device).manual_seed(SEED + 1)
    cloning, _ = timed(lambda: agents.update(generator), case.device, seconds / 3)
    began = time.perf_counter()
    agents.behaviour.fill_caches()
    settle(case.device)
    caches = time.perf_counter() - began
    before = peak_mib(case.device)
    rounds, busy = timed(lambda: agents.execution(agents.rounds.round, generator, 5e-4), case.device, seconds)
    low, median, high = np.quantile(rounds, [0.25, 0.5, 0.75])
    row = {"median_ms": median, "quartiles_ms": [low, high], "least_ms": min(rounds), "repetitions": len(rounds)}
    row |= {"processor_ms": float(np.median(busy)), "peak_mib": peak_mib(case.device)}
    if case.reference_ms is not None:
        row |= {"aim_ms": case.reference_ms / 5, "share_of_reference": median / case.reference_ms}
    extra = {"before_rounds_mib": before, "cloning_ms": float(np.median(cloning)), "caches_seconds": caches}
    return {**asdict(case), **row, **extra, "load": os.getloadavg()[0]}


def run(case: Case, seconds: float) -> dict[str, Any]:
    """The case in a process of its own, so that peaks are its own."""
    row: dict[str, Any] = alone(measured, case, seconds)
    low, high = row["quartiles_ms"]
    place = f"{case.device}, {case.threads} threads, {case.precision}{', captured' if case.captured else ''}"
    shown = f"{case.name} N={case.n_agents} on {place}: {row['median_ms']:.1f} ms"
    print(f"{shown} [{low:.1f}, {high:.1f}], aim {row.get('aim_ms')}, cloning {row['cloning_ms']:.1f} ms", file=sys.stderr)
    return row


def slope(rows: list[dict[str, Any]], key: str) -> float:
    """Of log time in log N."""
    return float(np.polyfit(np.log([row["n_agents"] for row in rows]), np.log([row[key] for row in rows]), 1)[0])


def exponents(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The slope of log ms in log N, by device, threads and capture."""
    found = []
    keys = ("device", "threads", "captured")
    for where in sorted({tuple(row[key] for key in keys) for row in rows}):
        chosen = [row for row in rows if tuple(row[key] for key in keys) == where]
        slopes = {key: slope(chosen, key) for key in ("median_ms", "processor_ms")}
        found.append({**dict(zip(keys, where, strict=True)), **slopes})
    return found


def schedule() -> list[Case]:
    """A warehouse's update at the authors' size, on a GPU."""
    ways = itertools.product((True, False), ("float32", "tf32", "bf16"))
    return [Case("long-warehouse", 6, 32 * 495, 1, "cuda", None, captured, precision) for captured, precision in ways]


def places(threads: list[int]) -> list[tuple[str, int, bool]]:
    """Devices and threads, and whether updates are captured."""
    gpu = [("cuda", 1, False), ("cuda", 1, True)] if torch.cuda.is_available() else []
    return [*(("cpu", count, False) for count in threads), *gpu]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the shapes only")
    parser.add_argument("--seconds", type=float, default=6.0, help="least time of the rounds of one case")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="threads of a CPU")
    parser.add_argument("--places", nargs="+", default=["cpu", "cuda"], choices=("cpu", "cuda"))
    parser.add_argument("--out", default="train_step", help="the file's name")
    options = parser.parse_args()
    where = [place for place in places(options.threads) if place[0] in options.places]
    content: dict[str, Any] = conditions(SEED, ("alberdice", "numpy", "torch"))
    content["threads"] = "as each row says"
    content["gpu"] = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    content["schedule_minutes"] = {}
    shapes = itertools.product(SHAPES, where)
    groups = {
        "shapes": [Case(*shape[:3], threads, device, shape[3], captured) for shape, (device, threads, captured) in shapes]
    }
    if torch.cuda.is_available() and "cuda" in options.places:
        groups["schedule"] = schedule()
    if not options.quick:
        wide = itertools.product(AGENTS, where)
        groups["agents"] = [Case("football", n, 3200, threads, device, None, how) for n, (device, threads, how) in wide]
    for name, cases in groups.items():
        content[name] = []
        for case in cases:  # written after every row, so that what was stopped says what it has
            content[name].append(run(case, options.seconds))
            write(options.out, content)
    for row in content.get("schedule", []):
        way = f"{row['precision']}{', captured' * row['captured']}"
        content["schedule_minutes"][way] = row["median_ms"] * SCHEDULE / 60e3
    if not options.quick:
        content["exponents"] = exponents(content["agents"])
        print(json.dumps(content["exponents"]), file=sys.stderr)
    print(write(options.out, content), file=sys.stderr)


if __name__ == "__main__":
    main()
