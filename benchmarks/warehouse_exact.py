"""What the data of a small warehouse allow, exactly: clones, filtered clones, AlberDICE and OptiDICE beside the optimum.

    python benchmarks/warehouse_exact.py [--out out/warehouse-exact]
    python benchmarks/warehouse_exact.py --quick      # the first alpha alone, and no JSON

The game is ``rware-ring`` (22,880 states), the data its ``mixed``: two ways round x 0, .1, .3 or 1 of random actions.  Returns
are exact, over 60 steps from the start.  AlberDICE takes one round of both agents' certified best responses at each alpha, from
the data's marginals, and from one alpha to the next; ``gain`` is the most that an agent could still gain alone, certified, in
reward per step.  A policy is kept after each round, so that a stopped script goes on.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import machine
import numpy as np

from alberdice.data import DataDistribution
from alberdice.environments.rware.exact import NOISES, RingWarehouse, ring_warehouse
from alberdice.evaluation import best_undiscounted_return, undiscounted_return
from alberdice.policy import FactorizedPolicy
from alberdice.tabular import alternate

#: at .01 the second agent's best response was not certified to the last digits within 60 iterations: its gap was 1.2e-8
ALPHAS = (0.3, 0.1, 0.03)


def rounds(game: RingWarehouse, data: DataDistribution, folder: Path, alphas: tuple[float, ...]) -> Iterator[dict[str, Any]]:
    """One round at each alpha, the policies after it kept in ``folder`` with what else is told of it."""
    policy = data.behaviour_policy()
    for alpha in alphas:
        kept = folder / f"alpha-{alpha:g}.npz"
        if not kept.exists():
            began = time.process_time()
            run = alternate(game.mmdp, data, [alpha], start=policy, second_order=False, bound=False)
            np.savez(kept, *run.policy.tables, gain=run.nash.epsilon, seconds=time.process_time() - began)
        with np.load(kept) as told:
            policy = FactorizedPolicy([told[f"arr_{i}"] for i in range(2)])
            gain, seconds = float(told["gain"]), round(float(told["seconds"]), 1)
        found = round(undiscounted_return(game.mmdp, policy, game.horizon), 3)
        yield {"alpha": alpha, "return": found, "gain": float(f"{gain:.3g}"), "seconds": seconds}


def write(game: RingWarehouse, data: DataDistribution, found: list[dict[str, Any]]) -> Path:
    """The JSON, with what is known so far."""

    def plays(policy: FactorizedPolicy) -> float:
        return round(undiscounted_return(game.mmdp, policy, game.horizon), 3)

    first, second = game.conventions
    by_noise = {
        f"{noise:g}": plays(FactorizedPolicy([(1 - noise) * t + noise / t.shape[1] for t in first.tables]))
        for noise in NOISES["mixed"]
    }
    content = {
        "conditions": machine.conditions(0, ("numpy", "scipy")),
        "states": game.mmdp.n_states,
        "optimum": round(best_undiscounted_return(game.mmdp, game.horizon), 3),
        "clockwise_by_noise": by_noise,
        "one_agent_each_way": plays(FactorizedPolicy([first.tables[0], second.tables[1]])),
        "cloned": plays(data.behaviour_policy()),
        "filtered_cloned": plays(game.data("conventions").behaviour_policy()),
        "alberdice": found,
        "not_run": [f"alpha {alpha:g}" for alpha in ALPHAS[len(found) :]],
    }
    return machine.write("warehouse_exact", content)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/warehouse-exact"))
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    game = ring_warehouse()
    data, found = game.data("mixed", 0.0), []
    for row in rounds(game, data, args.out, ALPHAS[:1] if args.quick else ALPHAS):
        found.append(row)
        print(row, flush=True)
        if not args.quick:
            write(game, data, found)
    if args.quick:
        return
    print(json.dumps(json.loads((machine.RESULTS / "warehouse_exact.json").read_text()), indent=1))


if __name__ == "__main__":
    main()
