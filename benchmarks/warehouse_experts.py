"""What the scripted experts deliver, on one convention or on two: the table of docs/warehouses.md.

    python benchmarks/warehouse_experts.py [--episodes 200] [--seed 0]

Deliveries in 500 steps, mean and standard error over episodes; the experts see their own 3 x 3 cells only.
"""

from __future__ import annotations

import argparse
from typing import Any

import machine
import numpy as np

from alberdice.environments.rware import CONVENTIONS, SIZES, TEAMS, Experts, warehouse


def deliveries(size: str, n: int, conventions: np.ndarray, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    with warehouse(size, n) as env:
        experts = Experts(env.layout, conventions)
        frame = env.reset(np.arange(len(conventions)))
        for _ in range(env.limit):
            frame = env.step(experts.act(frame, rng.random(conventions.shape))).frame
        told = env.deliveries
    return {"mean": round(float(told.mean()), 2), "stderr": round(float(told.std(ddof=1) / len(told) ** 0.5), 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rows = []
    for size in SIZES:
        for n in TEAMS:
            shape = (args.episodes, n)
            kinds = {name: np.full(shape, k) for k, name in enumerate(CONVENTIONS)}
            kinds["half of the agents on each"] = np.broadcast_to(np.arange(n) % 2, shape).copy()
            row: dict[str, Any] = {"size": size, "agents": n}
            row |= {name: deliveries(size, n, chosen, args.seed) for name, chosen in kinds.items()}
            rows.append(row)
            print(row, flush=True)
    conditions = machine.conditions(args.seed, ("numpy",))
    print(machine.write("warehouse_experts", {"conditions": conditions, "episodes": args.episodes, "rows": rows}))


if __name__ == "__main__":
    main()
