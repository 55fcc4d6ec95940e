"""How many updates of cloning scripted fighters are too many (SMAX, not SMAC): likelihood on fights that were held out.

    python benchmarks/smax_held_out.py [--maps 6h_vs_8z] [--episodes 500 2000] [--updates 3000]

Data of seed 1, on which settings are chosen; the last tenth of the fights is held out.  BC with the preset smax, but at its
whole rate throughout, so that one run tells of every length: mean -log pi_i(a_i|o_i) of living units and how often the most
probable action is the data's, on 4,000 steps learned from and on all held out.  In the end 100 fights of seed 1000, actions
drawn and the most probable ones.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import machine
import numpy as np
import torch

from alberdice.datasets.dataset import OfflineDataset
from alberdice.datasets.fights import make_fights
from alberdice.datasets.subset import of_episodes
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.config import from_mapping
from alberdice.deep.learner import learner_class
from alberdice.deep.play.episodes import play_episodes
from alberdice.deep.policies import Policies
from alberdice.environments import find_environment

DATA_SEED, FIGHT_SEED, FIGHTS = 1, 1000, 100
LOOKS = (50, 100, 200, 300, 500, 750, 1000, 1500, 2000, 3000)


@torch.no_grad()
def likelihood(policies: Policies, data: OfflineDataset, rows: np.ndarray) -> dict[str, float]:
    """Of the actions of living units at some steps."""
    seen = data.batch(rows)
    observations, masks, actions = (torch.from_numpy(np.array(seen[k])) for k in ("observations", "action_masks", "actions"))
    tables = policies.actor(len(rows)).log_probabilities(observations, masks)
    living = ~masks[..., 0]  # the no-op is the dead's alone
    chosen = tables.gather(-1, actions.long()[..., None])[..., 0][living]
    same = (tables.argmax(-1) == actions)[living]
    return {"nll": round(-float(chosen.mean()), 4), "same": round(float(same.float().mean()), 4)}


def case(name: str, episodes: int, updates: int) -> dict[str, Any]:
    """A map and a number of fights."""
    data = make_fights(name, "conventions", np.random.default_rng(DATA_SEED), episodes=episodes)
    cut = episodes * 9 // 10
    learned, held = of_episodes(data, np.arange(cut)), of_episodes(data, np.arange(cut, episodes))
    settings: Any = learner_class("bc").settings
    own = {"updates": updates, "settle_share": 0.0, "device": "cpu", "algorithm": "bc"}
    config = from_mapping({**settings.presets["smax"], **own}, settings(algorithm="bc"))
    tensors = TrainingData.of_run(learned, config, torch.device("cpu"))
    learner: Any = learner_class("bc")(tensors, config, torch.Generator().manual_seed(0))
    generator, began = torch.Generator().manual_seed(1), time.perf_counter()
    some = np.random.default_rng(0).choice(learned.n_steps, min(4000, learned.n_steps), replace=False)
    rows = []
    for update in range(1, updates + 1):
        learner.update(generator)
        if update in LOOKS or update == updates:
            looks = {"learned": likelihood(learner.policies, learned, some)}
            looks["held_out"] = likelihood(learner.policies, held, np.arange(held.n_steps))
            rows.append({"updates": update, "passes": round(update * config.batch_size / learned.n_steps, 1), **looks})
            print(name, episodes, rows[-1], flush=True)
    told: dict[str, Any] = {"map": name, "episodes": episodes, "steps": data.n_steps, "looks": rows}
    told["seconds"] = round(time.perf_counter() - began, 1)
    with find_environment(f"smax-{name}").open() as fight:
        for play in ("sample", "greedy"):
            found = play_episodes(learner.policies, fight, FIGHTS, FIGHT_SEED, play=play)
            told[f"{play}_won"] = round(float(found.metrics["battle_won"].mean()), 4)
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--maps", nargs="+", default=["3s5z", "6h_vs_8z"], choices=["3s5z", "6h_vs_8z"])
    parser.add_argument("--episodes", nargs="+", type=int, default=[500, 2000])
    parser.add_argument("--updates", type=int, default=3000)
    args = parser.parse_args()
    torch.set_num_threads(1)
    told: dict[str, Any] = {"conditions": machine.conditions(DATA_SEED, ("torch", "numpy", "jax", "jaxmarl")), "cases": []}
    for episodes in args.episodes:
        for name in args.maps:
            told["cases"].append(case(name, episodes, args.updates))
            machine.write("smax_held_out", told)


if __name__ == "__main__":
    main()
