"""What football costs with 2 to 10 agents: an update of AlberDICE and of its clones, a step and an episode of play, memory.

    python benchmarks/football_costs.py [--scenarios rps corner]

Data are a few episodes of scripted strikers; settings are ``--preset football``.  Every scenario has a process of its own, so
that its peak of memory is its own: data, training and play.  Seconds are of one machine; ratios to the first scenario are of
one run.  Needs gfootball.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import shutil
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import machine
import numpy as np

SEED, EPISODES, PLAYED = 0, 16, 8
UPDATES = (20, 80)
"""Of cloning and of rounds each, in two runs: what they differ by is the cost of updates alone."""


def measured(name: str) -> dict[str, Any]:
    """One scenario: data, training, play."""
    import torch

    from alberdice.datasets.matches import make_matches
    from alberdice.deep.algorithms.alberdice.settings import AlberDICEConfig
    from alberdice.deep.config import from_mapping
    from alberdice.deep.play.episodes import play_episodes
    from alberdice.deep.training.loop import run_training
    from alberdice.deep.training.saved_run import policies_of_run
    from alberdice.environments import find_environment

    torch.set_num_threads(1)
    data = make_matches(name, "medium-expert", np.random.default_rng(SEED), episodes=EPISODES)
    preset = {**AlberDICEConfig.presets["football"], "keep_best": 1.0, "environment": "none", "pictures": False, "seed": SEED}
    spent = []
    with tempfile.TemporaryDirectory() as folder:
        for count in UPDATES:
            own = {"pretrain_updates": count, "updates": count, "turn_updates": 10}
            config, began = from_mapping({**preset, **own}, AlberDICEConfig()), time.process_time()
            run_training(config, Path(folder) / "run", dataset=data)
            spent.append(time.process_time() - began)
            if count != UPDATES[-1]:
                shutil.rmtree(Path(folder) / "run")
        policies = policies_of_run(Path(folder) / "run")
        with find_environment(f"football-{name}").open() as env:
            began = time.process_time()
            found = play_episodes(policies, env, PLAYED, SEED, slots=PLAYED)
            seconds = time.process_time() - began
    return {
        "scenario": name,
        "agents": data.n_agents,
        "steps_of_data": data.n_steps,
        "batch": config.batch_size,
        "milliseconds_per_update": round(1e3 * (spent[1] - spent[0]) / (2 * (UPDATES[1] - UPDATES[0])), 1),
        "milliseconds_per_step_of_play": round(1e3 * seconds / float(found.lengths.sum()), 2),
        "steps_per_episode": round(float(found.lengths.mean()), 1),
        "seconds_per_episode": round(seconds / PLAYED, 2),
        "peak_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenarios", nargs="*", default=["rps", "3v1", "ca-hard", "corner"])
    args = parser.parse_args()
    rows = []
    for name in args.scenarios:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            rows.append(pool.submit(measured, name).result())
        for cost in ("milliseconds_per_update", "milliseconds_per_step_of_play"):
            rows[-1][f"{cost}, of the first's"] = round(rows[-1][cost] / rows[0][cost], 2)
        print(rows[-1], flush=True)
    machine.write("football_costs", {"conditions": machine.conditions(SEED, ("torch", "numpy", "gfootball")), "rows": rows})


if __name__ == "__main__":
    main()
