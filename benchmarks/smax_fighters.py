"""How often the scripted fighters win in SMAX (not SMAC): the table of docs/starcraft.md.

python benchmarks/smax_fighters.py [--maps 3s5z 6h_vs_8z] [--episodes 128]

Per map its tactics with every target, and with the weakest for a target all other tactics.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import machine
import numpy as np

from alberdice.datasets.record import noisy
from alberdice.environments import find_environment
from alberdice.environments.smax.fighters import TARGETS, Fighters

#: per map, the tactics of its fighters
TACTICS: dict[str, tuple[str, ...]] = {
    "3s5z": (),
    "6h_vs_8z": ("kite",),
    "8m_vs_9m": ("gather",),
    "3s5z_vs_3s6z": ("spare",),
    "5m_vs_6m": ("gather",),
}


def rate(env: Any, target: str, tactics: tuple[str, ...], epsilon: float, episodes: int) -> dict[str, Any]:
    """Share of victories, and the mean return."""
    rng, n = np.random.default_rng(0), env.spec.n_agents
    team = Fighters(env.battle, target, **dict.fromkeys(tactics, True))
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
    parser.add_argument("--maps", nargs="+", default=list(TACTICS), choices=list(TACTICS))
    parser.add_argument("--episodes", type=int, default=128)
    args = parser.parse_args()
    conditions, kept = machine.conditions(0, ("numpy", "jax", "jaxmarl")), machine.RESULTS / "smax_fighters.json"
    rows = json.loads(kept.read_text(encoding="utf-8"))["rows"] if kept.exists() else []
    rows = [row for row in rows if row["map"] not in args.maps]  # maps that are not asked for keep theirs
    for name in args.maps:
        with find_environment(f"smax-{name}").open() as env:
            kinds = [(target, TACTICS[name], 0.0) for target in TARGETS] + [("weakest", TACTICS[name], 0.1)]
            others = {(), ("kite",), ("spare",), ("gather",), ("spare", "gather")} - {TACTICS[name]}
            for target, tactics, epsilon in kinds + [("weakest", each, 0.0) for each in sorted(others)]:
                found = rate(env, target, tactics, epsilon, args.episodes)
                rows.append({"map": name, "target": target, "tactics": list(tactics), "random": epsilon, **found})
                print(rows[-1], flush=True)
        machine.write("smax_fighters", {"conditions": conditions, "episodes": args.episodes, "rows": rows})


if __name__ == "__main__":
    main()
