"""The second-order certificate at sizes where joint tables end: seconds, memory, and its curvature held to finite differences.

    python benchmarks/second_order.py              # S = 100 to 10,000 with two agents; N = 2 to 64 at observed pairs
    python benchmarks/second_order.py --quick

Policies are those that alternating best responses end at, as the certificate is made for them, from one start, of at most
``ROUNDS`` rounds. 'difference' is (J(pi + t D) - 2 J(pi) + J(pi - t D)) / t^2 along the direction D that the certificate
gives, for a step t that changes no action's log-probability by more than ``STEP``: it should be 'curvature'. Directions that
live at states which are hardly visited have fewer digits of it, for J hardly changes along them.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from typing import Any

import numpy as np
from best_response_classes import of_agents
from machine import alone, conditions, write

import alberdice as ad
from alberdice.tabular.objective import objective
from alberdice.tabular.second_order import second_order_certificate

SEED, ALPHA, STEP, ROUNDS = 0, 0.1, 1e-3, 30
STATES, AGENTS = (100, 300, 1_000, 3_000, 10_000), (2, 4, 8, 16, 32, 64)


def of_states(n_states: int) -> tuple[Any, Any]:
    """A garnet of two agents with 3 actions each, its data at random."""
    generator = np.random.default_rng([SEED, n_states])
    model = ad.games.garnet(n_states, (3, 3), 5, generator=generator, discount=0.95)
    return model, ad.games.random_data(model, generator)


def difference(model: Any, policy: Any, data: Any, found: Any) -> float:
    """J's second difference along the certificate's direction."""
    pairs = list(zip(found.direction, policy, strict=True))
    step = STEP / max(np.abs(d / np.maximum(t, 1e-300)).max(initial=0.0, where=t > 0) for d, t in pairs)
    moved = [ad.FactorizedPolicy([t + s * d for d, t in pairs]) for s in (step, -step)]
    values = [objective(model, p, data, ALPHA) for p in moved]
    return float((values[0] - 2 * objective(model, policy, data, ALPHA) + values[1]) / step**2)


def measured(make: Any, size: int) -> dict[str, Any]:
    """One row: the run, the certificate, and how both measure."""
    model, data = make(size)[:2]
    began = time.process_time()
    run = ad.tabular.alternate(model, data, ALPHA, rounds=ROUNDS, second_order=False, bound=False)
    ended = time.process_time()
    found = second_order_certificate(model, run.policy, data, ALPHA)
    seconds = time.process_time() - ended
    return {
        "coordinates": int(sum((t > 0).sum() for t in run.policy)),
        "converged": run.converged,
        "alternating_seconds": round(ended - began, 3),
        "seconds": round(seconds, 3),
        "curvature": found.curvature,
        "difference": difference(model, run.policy, data, found),
        "is_saddle": found.is_saddle,
        "gain": found.gain,
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the two smallest sizes of each; nothing is written")
    options = parser.parse_args()
    content: dict[str, Any] = {**conditions(SEED, ("alberdice", "numpy", "scipy")), "alpha": ALPHA, "states": [], "agents": []}
    for axis, make, sizes in (("states", of_states, STATES), ("agents", of_agents, AGENTS)):
        for size in sizes[: 2 if options.quick else None]:
            row = {axis: size, **alone(measured, make, size)}
            content[axis].append(row)
            print(json.dumps(row), file=sys.stderr, flush=True)
    if not options.quick:
        write("second_order", content)


if __name__ == "__main__":
    main()
