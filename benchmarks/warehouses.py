"""How fast many warehouses are beside rware's own, and that they are the same.

    python benchmarks/warehouses.py [--compare 1000000] [--batch 256] [--steps 400] [--seed 0]

Speed: random actions; environment steps per processor second, observations and state included on our side, observations alone
on rware's; both in this process, in turn, three times, the median of the ratios.  Equality: observations, one-hot state, reward
and deliveries of every step of ``--compare`` steps over the six warehouses of the paper, half of them played by random agents
that mostly drive forward and half by the scripted experts with a tenth of random actions; the first difference stops the
script.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import machine
import numpy as np

from alberdice.environments.rware import SIZES, Layout, Warehouses
from alberdice.environments.rware.reference import ReferenceWarehouses

CASES = [(size, n) for size in SIZES for n in (2, 4, 6)]


def both(size: str, n: int) -> tuple[Warehouses, ReferenceWarehouses]:
    rows, columns = SIZES[size]
    return Warehouses(Layout(rows, columns), n, 2 * n), ReferenceWarehouses(rows, columns, 8, n, 2 * n)


def speed(size: str, n: int, args: argparse.Namespace) -> dict[str, Any]:
    ours, theirs = both(size, n)
    rng = np.random.default_rng(args.seed)
    rates: dict[str, list[float]] = {"ours": [], "rware": []}
    for _ in range(3):
        seeds = rng.integers(1 << 31, size=args.batch)
        ours.reset(seeds)
        actions = rng.integers(5, size=(args.steps, args.batch, n))
        began = time.process_time()
        for joint in actions:
            ours.step(joint)
        rates["ours"].append(actions[..., 0].size / (time.process_time() - began))
        theirs.reset(seeds[:1])
        (warehouse,) = theirs.warehouses
        plain = rng.integers(5, size=(2000, n)).tolist()
        began = time.process_time()
        for each in plain:
            warehouse.step(each)
        rates["rware"].append(len(plain) / (time.process_time() - began))
    ratios = [a / b for a, b in zip(rates["ours"], rates["rware"], strict=True)]
    return {
        "environment": f"rware-{size}-{n}ag",
        "ours": round(statistics.median(rates["ours"])),
        "rware": round(statistics.median(rates["rware"])),
        "ratio": round(statistics.median(ratios), 1),
    }


def actions_of(frame: Any, env: Warehouses, experts: Any, rng: np.random.Generator) -> np.ndarray:
    """(B, N): a first half of random drivers, a second half of experts with a tenth of random actions."""
    batch, n = frame.observations.shape[:2]
    drive = (rng.random((batch, n, 1)) > np.cumsum([0.02, 0.68, 0.1, 0.1])).sum(axis=2)
    told = experts.act(frame, rng.random((batch, n)))
    told = np.where(rng.random((batch, n)) < 0.1, rng.integers(5, size=(batch, n)), told)
    return np.where((np.arange(batch) < batch // 2)[:, None], drive, told)


def compare(size: str, n: int, steps: int, rng: np.random.Generator) -> dict[str, Any]:
    from alberdice.environments.rware import Experts

    ours, theirs = both(size, n)
    batch, played, delivered = 20, 0, 0.0
    while played < steps:
        seeds = rng.integers(1 << 31, size=batch)
        frame, other = ours.reset(seeds), theirs.reset(seeds)
        experts = Experts(ours.layout, rng.integers(2, size=(batch, n)))
        for _ in range(ours.limit):
            same(frame, other)
            actions = actions_of(frame, ours, experts, rng)
            mine, reference = ours.step(actions), theirs.step(actions)
            if not (mine.rewards == reference.rewards).all():
                raise SystemExit(f"rewards differ: {size}, {n} agents, after {played:,} steps")
            frame, other = mine.frame, reference.frame
            played += batch
            delivered += mine.rewards.sum()
        same(frame, other)
    return {"environment": f"rware-{size}-{n}ag", "steps": played, "deliveries": int(delivered), "equal": True}


def same(a: Any, b: Any) -> None:
    if not ((a.observations == b.observations).all() and (a.state == b.state).all() and (a.alive == b.alive).all()):
        raise SystemExit("frames differ")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compare", type=int, default=1_000_000)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    found = {
        "conditions": machine.conditions(args.seed, ("numpy", "rware", "networkx")),
        "what": f"environment steps per processor second, {args.batch} warehouses side by side, one thread",
        "speed": [speed(size, n, args) for size, n in CASES],
    }
    rng = np.random.default_rng(args.seed)
    share = -(-args.compare // len(CASES))
    found["equality"] = [compare(size, n, share, rng) for size, n in CASES] if args.compare else []
    for line in (*found["speed"], *found["equality"]):
        print(line)
    print(machine.write("warehouses", found))


if __name__ == "__main__":
    main()
