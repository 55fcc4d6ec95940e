"""BC against AlberDICE on SMAX's 3s5z (not SMAC): win rates and returns, paired over common seeds.

    python benchmarks/smax_training.py DATASET [--seeds 2] [--episodes 100] [--bc 600] [--cloning 300] [--rounds 300]

DATASET is a stored copy of ``smax-3s5z-conventions``, or its name, which makes it.  A bounded run, far from what the preset
``smax`` asks for: it shows what these few updates do.  Written after every run, so that what was stopped says what it has.
"""

from __future__ import annotations

import argparse
from typing import Any

import machine
import numpy as np

import alberdice.deep as deep
from alberdice.datasets import load_dataset
from alberdice.deep.learner import learner_class
from alberdice.environments import find_environment

KEPT = (
    "return_mean",
    "return_stderr",
    "battle_won_mean",
    "battle_won_stderr",
    "episodes",
    "updates",
    "train_seconds",
    "status",
)


def settings(algorithm: str, args: argparse.Namespace) -> dict[str, Any]:
    preset = dict(learner_class(algorithm).settings.presets["smax"])
    small = {"batch_size": 512, "evaluate_episodes": args.episodes, "pictures": False, "device": "cpu"}
    if algorithm == "bc":
        return {**preset, **small, "updates": args.bc, "evaluate_every": args.bc}
    own = {"pretrain_updates": args.cloning, "pretrain_batch_size": 512, "starts": 1}
    return {**preset, **small, **own, "updates": args.rounds, "evaluate_every": args.rounds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--episodes", type=int, default=100)
    parser.add_argument("--bc", type=int, default=600)
    parser.add_argument("--cloning", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=300)
    args = parser.parse_args()
    conditions = machine.conditions(0, ("torch", "numpy", "jax", "jaxmarl"))
    data, fight = load_dataset(args.dataset), find_environment("smax-3s5z")
    told: dict[str, Any] = {
        "conditions": conditions,
        "environment": "smax-3s5z (SMAX, not SMAC)",
        "data": {"recipe": data.header.recipe, "notes": list(data.notes), "return_mean": float(data.returns.mean())},
        "runs": [],
    }
    for seed in range(args.seeds):
        for algorithm in ("bc", "alberdice"):
            own = settings(algorithm, args)
            run = deep.train(data, algorithm, seed=seed, environment=fight, **own)
            told["runs"].append({"algorithm": algorithm, "seed": seed, **{k: run.result[k] for k in KEPT}, "settings": own})
            print(told["runs"][-1], flush=True)
            pairs = [[r["battle_won_mean"] for r in told["runs"] if r["algorithm"] == a] for a in ("bc", "alberdice")]
            both = min(map(len, pairs))
            gains = np.array(pairs[1][:both]) - np.array(pairs[0][:both])
            told["alberdice_less_bc"] = {"battle_won": gains.tolist(), "mean": float(gains.mean()) if both else None}
            machine.write("smax_training", told)


if __name__ == "__main__":
    main()
