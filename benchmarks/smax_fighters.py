"""How often the scripted fighters win in SMAX (not SMAC): the table of docs/starcraft.md.

python benchmarks/smax_fighters.py [--maps 3s5z 6h_vs_8z] [--episodes 128]
"""

from __future__ import annotations

import argparse
from typing import Any

import machine
import numpy as np

from alberdice.datasets.record import noisy
from alberdice.environments import find_environment
from alberdice.environments.smax.fighters import TARGETS, Fighters

KITING = {"6h_vs_8z": True}


def rate(env: Any, target: str, kite: bool, epsilon: float, episodes: int) -> dict[str, Any]:
    """Share of victories, and the mean return."""
    rng, team, n = np.random.default_rng(0), Fighters(env.battle, target, kite=kite), env.spec.n_agents
    frame = env.reset(np.arange(episodes))
    total, won = np.zeros(episodes), np.full(episodes, np.nan)
    for _ in range(env.spec.horizon):
        told = team.act(frame, np.zeros((episodes, n)))
        step = env.step(noisy(told, frame.masks, np.full((episodes, n), epsilon), rng.random((episodes, 2 * n))))
        frame, total = step.frame, total + step.rewards
        won = np.where(np.isnan(won), step.metrics["battle_won"], won)
        if step.ended.all():
            break
    return {"won": round(float(won.mean()), 4), "return": round(float(total.mean()), 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--maps", nargs="+", default=["3s5z", "6h_vs_8z"])
    parser.add_argument("--episodes", type=int, default=128)
    args = parser.parse_args()
    conditions, rows = machine.conditions(0, ("numpy", "jax", "jaxmarl")), []
    for name in args.maps:
        kite = KITING.get(name, False)
        with find_environment(f"smax-{name}").open() as env:
            kinds = [(target, kite, 0.0) for target in TARGETS] + [("weakest", kite, 0.1), ("weakest", not kite, 0.0)]
            for target, kites, epsilon in kinds:
                found = rate(env, target, kites, epsilon, args.episodes)
                rows.append({"map": name, "target": target, "kite": kites, "random": epsilon, **found})
                print(rows[-1], flush=True)
    print(machine.write("smax_fighters", {"conditions": conditions, "episodes": args.episodes, "rows": rows}))


if __name__ == "__main__":
    main()
