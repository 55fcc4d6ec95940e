"""Who scores in football after learning from data: AlberDICE beside its own pi^D, clones, filtered clones, OptiDICE, ICQ, OMAR.

    python benchmarks/football_learning.py --choose       # the trials by which the preset's settings were chosen
    python benchmarks/football_learning.py                # learn and judge; what the JSON holds is not run again
    python benchmarks/football_learning.py --scenario 3v1 # in another scenario
    python benchmarks/football_learning.py --report       # the tables, in Markdown

Data are of ``football-SCENARIO-medium-expert``: seed 0 for what is reported, seed 1 for the trials, which have a training
seed and episodes of their own, too.  Every run of a training seed is judged on the same 100 episodes: kick-off and the
uniform numbers that choose actions are the same, whoever plays; actions are drawn sharply, as the preset says, and again from
the policies as they are ('drawn').  So differences are paired; their error is the larger of that over seeds' means and that
over all pairs.  A run that has its folder under ``--out`` already (made where there is no gfootball, say) is judged as it is;
settings, versions and seconds are what the run itself has written.  Needs gfootball.
"""

from __future__ import annotations

import argparse
import functools
import json
from pathlib import Path
from typing import Any

import machine
import numpy as np
import torch

from alberdice.datasets import OfflineDataset, load_dataset
from alberdice.deep.config import TrainConfig, from_mapping
from alberdice.deep.learner import learner_class
from alberdice.deep.play.episodes import play_episodes
from alberdice.deep.training.loop import run_training
from alberdice.deep.training.saved_run import policies_of_run
from alberdice.environments import BatchedEnvironment, find_environment

KIND = "medium-expert"
SCENARIOS = ("rps", "3v1")
#: seeds of the data, of training and of the episodes
REPORTED, CHOSEN = {"data_seed": 0, "play_seed": 1000}, {"data_seed": 1, "play_seed": 9000}
TRIAL_SEED = 100
BEST = {"keep_best": 0.65}
CLONES = {**BEST, "episode_ratio": "clones"}
MEMORY = {"policy": "transformer", "width": 64, "context": 20, "updates": 1000, "learning_rate": 3e-3}
THEN = {"memory_updates": 1000, "width": 64, "context": 20}
LONG = {"pretrain_updates": 3000, "updates": 6000, "turn_updates": 500}
STEPS = {"weights": "steps", "turn_updates": 100, "alpha_start": 0.1, "alpha_end": 0.1, "conservatism": 0.1}
STEPS |= {"updates": 1500, "learning_rate": 5e-4}
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "bc": ("bc", {}),
    "bc-best": ("bc", BEST),
    "bc-memory": ("bc", MEMORY),
    "bc-best-memory": ("bc", {**MEMORY, **BEST}),
    "optidice": ("optidice", {}),
    "icq": ("icq", {}),
    "omar": ("omar", {}),
    "madtkd": ("madtkd", {}),
    "alberdice-best": ("alberdice", {**CLONES, "episode_share": 0.2}),
    "alberdice-best-wide": ("alberdice", {**CLONES, "episode_share": 0.6}),
    "alberdice-best-long": ("alberdice", {**CLONES, "episode_share": 0.6, **LONG}),
    "alberdice-best-conditional": ("alberdice", {**BEST, "episode_share": 0.2}),
    "alberdice-best-memory": ("alberdice", {**CLONES, "episode_share": 0.2, **THEN}),
    "alberdice-all": ("alberdice", {}),
    "alberdice-steps": ("alberdice", STEPS),
    "alberdice-steps-best": ("alberdice", {**STEPS, **BEST}),
}
#: differences from these are columns of the tables, beside those from a run's own pi^D
LESS = ("bc", "bc-best", "bc-best-memory", "optidice", "omar")


@functools.cache
def data_of(scenario: str, seed: int, stored: str) -> OfflineDataset:
    """Made by the recipe, minutes, or a stored copy of it, whose header says so."""
    name = f"football-{scenario}-{KIND}"
    data = load_dataset(stored.format(seed=seed) if stored else name, seed=seed)
    if f"{name} seed={seed}," not in (data.header.recipe or ""):
        raise SystemExit(f"football_learning: {stored}: it is not the recipe {name} with seed {seed}: {data.header.recipe}")
    return data


def config_of(variant: str, seed: int, folder: Path) -> TrainConfig:
    """A run's own settings where it is there, or the preset's and the variant's."""
    algorithm, own = VARIANTS[variant]
    settings: Any = learner_class(algorithm).settings
    values = {**settings.presets["football"], **own, "algorithm": algorithm, "seed": seed, "environment": "none"}
    file = folder / "config.json"
    values = json.loads(file.read_text()) if file.exists() else {**values, "pictures": False}
    return from_mapping(values, settings(algorithm=algorithm))


@functools.cache
def pitch(scenario: str, workers: int) -> BatchedEnvironment:
    """One for all runs: eight engines take long to begin."""
    return find_environment(f"football-{scenario}").open(workers=workers)


def judged(policies: Any, episodes: int, seed: int, place: BatchedEnvironment) -> dict[str, Any]:
    """Whether each of the episodes scored, and their mean length; played sharply, and as drawn."""
    sharp, drawn = (play_episodes(policies, place, episodes, seed, slots=8, play=play) for play in ("sharp", "sample"))
    told = {"conceded": float(sharp.metrics["conceded"].mean()), "length": float(sharp.lengths.mean())}
    won = {name: found.metrics["success"].astype(int).tolist() for name, found in (("success", sharp), ("drawn", drawn))}
    return {**won, **told}


def one_run(variant: str, seed: int, on: dict[str, int], args: argparse.Namespace) -> list[dict[str, Any]]:
    """Train, or take what is there, and judge; AlberDICE's pi^D as a row of its own."""
    folder = args.out / args.scenario / f"{variant}-data{on['data_seed']}-seed{seed}"
    config, data = config_of(variant, seed, folder), data_of(args.scenario, on["data_seed"], args.stored)
    made = _told(folder) if (folder / "result.json").exists() else {}  # by whoever made it: to go on writes it anew
    learner: Any = run_training(config, folder, dataset=data, resume=True).learner
    players = {variant: policies_of_run(folder)}
    if config.algorithm == "alberdice":
        players[f"{variant} pi^D"] = learner.clone
    told, place = {"seed": seed, **on, **(made or _told(folder))}, pitch(args.scenario, args.workers)
    found = {name: judged(player, args.episodes, on["play_seed"] + seed, place) for name, player in players.items()}
    return [{"variant": name, **told, **numbers} for name, numbers in found.items()]


def _told(folder: Path) -> dict[str, Any]:
    """What a run says of itself."""
    result, settings = (json.loads((folder / f"{name}.json").read_text()) for name in ("result", "config"))
    names = {"seconds": "train_seconds", "versions": "versions", "data_return": "data_return"}
    return {ours: result[theirs] for ours, theirs in names.items()} | {"settings": settings}


def difference(one: dict[int, Any], other: dict[int, Any]) -> list[float]:
    """Mean and error of the paired differences over the seeds that both have."""
    pairs = np.stack([np.array(one[seed]) - np.array(other[seed]) for seed in sorted(one.keys() & other.keys())])
    errors = [pairs.std(ddof=1) / pairs.size**0.5]
    if len(pairs) > 1:
        errors.append(pairs.mean(axis=1).std(ddof=1) / len(pairs) ** 0.5)
    return [round(float(pairs.mean()), 4), round(float(max(errors)), 4)]


def by_variant(runs: list[dict[str, Any]], play: str) -> dict[str, dict[int, Any]]:
    """Which episodes scored, per variant and seed."""
    by: dict[str, dict[int, Any]] = {}
    for run in runs:
        by.setdefault(run["variant"], {})[run["seed"]] = run[play]
    return by


def compared(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every variant's share of episodes that score, and the paired differences from all others."""
    by, drawn = by_variant(runs, "success"), by_variant(runs, "drawn")
    nothing = {name: {seed: np.zeros(len(x)) for seed, x in seeds.items()} for name, seeds in by.items()}
    return [
        {
            "variant": name,
            "seeds": len(seeds),
            "success": difference(seeds, nothing[name]),
            "drawn": round(float(np.mean([*drawn[name].values()])), 4),
            "minus": {other: difference(seeds, by[other]) for other in by if other != name and seeds.keys() & by[other].keys()},
            "seconds": round(float(np.mean([run["seconds"] for run in runs if run["variant"] == name]))),
        }
        for name, seeds in by.items()
    ]


def table(rows: list[dict[str, Any]]) -> None:
    """In Markdown."""
    heads = ["", "seeds", "success", "drawn", "less pi^D", *(f"less {other}" for other in LESS), "seconds"]
    cells = []
    for row in rows:
        less = [
            "{:+.3f} ± {:.3f}".format(*row["minus"][other]) if other in row["minus"] else ""
            for other in (f"{row['variant']} pi^D", *LESS)
        ]
        shares = ["{:.3f} ± {:.3f}".format(*row["success"]), f"{row['drawn']:.3f}"]
        cells.append([row["variant"], str(row["seeds"]), *shares, *less, str(row["seconds"])])
    shown = [k for k in range(len(heads)) if any(row[k] for row in cells)]  # no empty columns
    for line in (heads, ["---"] * len(heads), *cells):
        print("| " + " | ".join(line[k] for k in shown) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenario", default="rps", choices=SCENARIOS)
    parser.add_argument("--choose", action="store_true")
    parser.add_argument("--variants", nargs="*", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--episodes", type=int, default=100)
    parser.add_argument("--stored", default="", help="id of a stored copy of the data, with {seed} in it")
    parser.add_argument("--out", type=Path, default=Path("out/football-learning"))
    parser.add_argument("--workers", type=int, default=0, help="processes that play; results are the same")
    parser.add_argument("--report", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    name_of_file = "football_learning" + ("" if args.scenario == "rps" else f"_{args.scenario}")
    target, kind = machine.RESULTS / f"{name_of_file}.json", "trials" if args.choose else "runs"
    content: dict[str, Any] = json.loads(target.read_text()) if target.exists() else {"runs": [], "trials": []}
    seeds, on = ([TRIAL_SEED], CHOSEN) if args.choose else (range(args.seeds), REPORTED)
    asked = [] if args.report else [(seed, name) for seed in seeds for name in args.variants]
    for seed, name in asked:
        if all((run["variant"], run["seed"]) != (name, seed) for run in content[kind]):
            content[kind] += one_run(name, seed, on, args)
            print(kind, name, seed, {run["variant"]: np.mean(run["success"]) for run in content[kind][-2:]}, flush=True)
            content |= {"conditions": machine.conditions(0, ("torch", "numpy", "gfootball"))}
            content |= {f"{each}_compared": compared(content[each]) for each in ("trials", "runs")}
            machine.write(name_of_file, content)
    if asked:
        pitch(args.scenario, args.workers).close()
    for each in ("trials", "runs"):
        print(f"\n{each}\n")
        table(compared(content[each]))


if __name__ == "__main__":
    main()
