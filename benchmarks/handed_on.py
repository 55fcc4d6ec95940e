"""The paper's way to data: transformers of three seeds that learned by playing play, and agents learn from what they played.

    python benchmarks/handed_on.py             # on rware-tiny-2ag; learning_by_playing.py --parts cloned made the players
    python benchmarks/handed_on.py --quick     # on players that hardly learned, and nothing is written
    python benchmarks/handed_on.py --report    # what is there

A team of one transformer (MAT) chooses one agent after another; agents that learn from its data choose at once, each from
what it sees, so that what its teams agreed on has to be agreed on anew.  1,000 episodes, a third by every team, actions drawn.
Settings are the presets for warehouses, chosen on data of scripts; judged on 100 episodes that are the same whoever plays.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from pathlib import Path
from typing import Any

import learning_by_playing
import machine
import numpy as np
import pages
from warehouse_learning import judged, mean_of

from alberdice.datasets.build import from_episodes
from alberdice.datasets.dataset import OfflineDataset
from alberdice.datasets.record import record
from alberdice.deep.config import from_mapping
from alberdice.deep.learner import learner_class
from alberdice.deep.online.folder import mat_player
from alberdice.deep.training.loop import run_training
from alberdice.deep.training.saved_run import policies_of_run
from alberdice.environments import find_environment

ENVIRONMENT = "rware-tiny-2ag"
TARGET = machine.RESULTS / "handed_on.json"
#: of the episodes' numbers; learning_by_playing.py judges those of seed 0
SEED = 1
#: algorithms and their presets
LEARNERS = {"bc": "rware", "alberdice": "rware-conventions"}
#: what ``judged`` calls drawn and sharp actions
PLAYED = ("returns", "sharp_returns")


def played_data(players: Path, seeds: int, episodes: int) -> tuple[OfflineDataset, list[float]]:
    """Episodes of every seed's team in equal parts and in random order, and every team's mean return."""
    found, means = [], []
    with find_environment(ENVIRONMENT).open() as env:
        for seed in range(seeds):
            player = mat_player(players / f"cloned-{ENVIRONMENT}-{seed}")
            numbers = range(seed, episodes, seeds)
            own = [
                one
                for first in range(0, len(numbers), 125)
                for one in record(env, lambda k, p=player: p, numbers[first : first + 125], SEED).episodes
            ]
            means.append(float(np.mean([np.sum(one.rewards) for one in own])))
            found += own
        order = np.random.default_rng(SEED).permutation(len(found))
        return from_episodes(f"{ENVIRONMENT}-played", env.spec.n_actions, [found[k] for k in order]), means


def one_run(algorithm: str, seed: int, data: OfflineDataset, out: Path, quick: bool) -> dict[str, Any]:
    """Train, or go on, and judge."""
    settings: Any = learner_class(algorithm).settings
    values = {**settings.presets[LEARNERS[algorithm]], "algorithm": algorithm, "seed": seed, "environment": "none"}
    if quick:
        values |= {name: 2 for name in ("updates", "pretrain_updates", "memory_updates") if name in values}
    config: Any = from_mapping({**values, "pictures": False, "checkpoint_every": 250}, settings(algorithm=algorithm))
    began = time.process_time()
    run_training(config, out / f"{algorithm}-{seed}", dataset=data, resume=True)
    seconds, policies = time.process_time() - began, policies_of_run(out / f"{algorithm}-{seed}")
    found = judged(policies, f"{ENVIRONMENT}-played", 10 if quick else 100)
    about = {"algorithm": algorithm, "preset": LEARNERS[algorithm], "seed": seed}
    return {**about, **found, "seconds": round(seconds, 1)}


def write(content: dict[str, Any], runs: list[dict[str, Any]]) -> None:
    """The whole file."""
    machine.write(TARGET.stem, {**content, "runs": sorted(runs, key=lambda run: (run["algorithm"], run["seed"]))})


def table(content: dict[str, Any]) -> str:
    """Per algorithm: seeds, and deliveries and shares of the data's mean by drawn and by sharp actions."""
    rows = [["", "seeds", "drawn", "of the data's", "sharp", "of the data's"]]
    for algorithm in LEARNERS:
        own = [run for run in content["runs"] if run["algorithm"] == algorithm]
        cells = [algorithm, str(len(own))]
        for name in PLAYED if own else ():
            mean, error = mean_of({run["seed"]: np.array(run[name]) for run in own})
            cells += [f"{mean:.2f} ± {error:.2f}", f"{mean / content['data_return']:.2f}"]
        rows.append(cells)
    return pages.in_markdown(rows)


def tables_of_page() -> dict[str, str]:
    """What docs/warehouses.md prints, by the name of its place."""
    return {"handed on": table(json.loads(TARGET.read_text(encoding="utf-8")))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--players", type=Path, default=Path("out/learning-by-playing"), help="where these runs are")
    parser.add_argument("--out", type=Path, default=Path("out/handed-on"))
    parser.add_argument("--seeds", type=int, default=1, help="of the learners")
    parser.add_argument("--quick", action="store_true", help="two updates of everything, and nothing is written")
    parser.add_argument("--report", action="store_true", help="print what is there")
    parser.add_argument("--page", action="store_true", help="write the table into docs/warehouses.md, and run nothing")
    args = parser.parse_args()
    if args.report:
        print(table(json.loads(TARGET.read_text(encoding="utf-8"))))
    elif args.page:
        pages.write_tables(pages.DOCS / "warehouses.md", tables_of_page())
    else:
        learn(args)


def learn(args: argparse.Namespace) -> None:
    """Make the data, run what is not there, and write the file after each."""
    machine.one_thread()
    teams = learning_by_playing.SEEDS["cloned"]
    data, means = played_data(args.players, 1 if args.quick else teams, 20 if args.quick else learning_by_playing.EPISODES)
    held = json.loads(TARGET.read_text(encoding="utf-8")) if TARGET.exists() and not args.quick else {"runs": []}
    runs = held["runs"]
    content = {"conditions": machine.conditions(SEED, ("torch", "numpy")), "teams": means}
    content |= {"data_return": float(data.returns.mean()), "episodes": data.n_episodes}
    done = {(run["algorithm"], run["seed"]) for run in runs}
    for algorithm, seed in itertools.product(LEARNERS, range(args.seeds)):
        if (algorithm, seed) not in done:
            runs.append(one_run(algorithm, seed, data, args.out, args.quick))
            mean = np.mean(runs[-1]["returns"])
            print(f"{algorithm} seed {seed}: {mean:.2f} of {content['data_return']:.2f}", flush=True)
            if not args.quick:
                write(content, runs)


if __name__ == "__main__":
    main()
