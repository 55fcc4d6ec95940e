"""Who learns what on SMAX fights (not SMAC): AlberDICE beside its own pi^D, cloning, filtered cloning, OMAR, OptiDICE, ICQ.

    python benchmarks/smax_training.py --workers 8              # everything; hours on a CPU, minutes on a GPU
    python benchmarks/smax_training.py --quick                  # minutes: that every variant runs; to another file
    python benchmarks/smax_training.py --report                 # what is there
    python benchmarks/smax_training.py --data-seed 1 --fights 1000 --json benchmarks/results/smax_choices.json

Settings are ``--preset smax`` and ``smax-episodes``.  Which of AlberDICE's variants counts is decided by data of another seed
and other fights (the last line above): the one that wins most there, of both maps together.  Where play is greedy:

    python benchmarks/smax_training.py --data-episodes 2000 --batch 256 --json benchmarks/results/smax_training_greedy.json

beside what ``--data-seed 1 --fights 1000 --seeds 1 --episodes 200`` and smax_choices_greedy.json choose: the most wins of
agreed, gentle and seen with the most probable actions, of both maps together.

All runs are judged on the same fights: fight k has the same seed, and the same uniform numbers choose actions, whoever plays.
So differences are paired; their error is the larger of that over seeds' means and that over all pairs; 'differ' counts the
fights that one won and the other lost, and the other way round.  Tables are of actions drawn from the policies, of
actions drawn from their fourth powers ('sharp', as the preset plays), and of the most probable ones (as SMAC's tests play).

``--workers`` runs are made side by side, each by a process on one thread, and share the GPU where ``--device cuda``.  The JSON
is written after every run; what it holds is not run again.

    bc, bc-best         cloning; of the better half of the episodes by return alone
    bc-weakest          cloning of the third of the episodes whose fighters aim at the weakest: told which convention is best,
                        what there is to gain
    alberdice           weights of steps, alpha 1; -low: alpha .1
    alberdice-episodes  weights of whole episodes, four tenths of them at the least; -narrow: two tenths; -best: of the better
                        half, beside their own clones
    ... pi^D            what the same run cloned before its rounds
    omar, optidice, icq, madtkd
    bc-short, alberdice-short   600 updates of 256 steps, 100 rounds, clones as likely as can be on a tenth of the fights
    alberdice-agreed    weights of whole episodes, four tenths of them at the least, beside the others' clones
    alberdice-gentle    the same at learning rate 3e-4, not 1e-3
    alberdice-seen      weights of steps; the clone of the others begins at what they see; 300 rounds
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import time
import traceback
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import machine
import numpy as np

DATA = ("smax-3s5z-conventions", "smax-6h_vs_8z-conventions")
BEST = {"keep_best": 0.5}
#: about as many steps as 500 fights bear by the likelihood of others, and cloning that ends where that is best
SHORT = {"updates": 600, "batch_size": 256, "watch_share": 0.1}
#: of AlberDICE, whose clone of the others begins at what they see
SHORT_ROUNDS = {"updates": 100, "pretrain_updates": 600, "pretrain_batch_size": 256, "others_see": "observation"}
VARIANTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "bc": ("bc", "smax", {}),
    "alberdice-episodes": ("alberdice", "smax-episodes", {}),
    "bc-best": ("bc", "smax", BEST),
    "alberdice": ("alberdice", "smax", {}),
    "alberdice-best": ("alberdice", "smax-episodes", {**BEST, "episode_ratio": "clones"}),
    "omar": ("omar", "smax", {}),
    "optidice": ("optidice", "smax", {}),
    "bc-weakest": ("bc", "smax", {}),
    "alberdice-low": ("alberdice", "smax", {"alpha_start": 0.1, "alpha_end": 0.1}),
    "alberdice-narrow": ("alberdice", "smax-episodes", {"episode_share": 0.2}),
    "icq": ("icq", "smax", {}),
    "madtkd": ("madtkd", "smax", {}),
    "bc-short": ("bc", "smax", SHORT),
    "alberdice-short": ("alberdice", "smax", {**SHORT, **SHORT_ROUNDS}),
    "alberdice-agreed": ("alberdice", "smax-episodes", {"episode_ratio": "clones"}),
    "alberdice-gentle": ("alberdice", "smax-episodes", {"episode_ratio": "clones", "learning_rate": 3e-4}),
    "alberdice-seen": ("alberdice", "smax", {"others_see": "observation", "updates": 300}),
}
#: numbers of updates, which ``--share`` shortens; turns with them
UPDATES = ("updates", "pretrain_updates", "turn_updates")
#: ways to play, by the prefix of what is told of them
PLAYS = {"sample": "", "sharp": "sharp_", "greedy": "greedy_"}
QUICK = {"batch_size": 64, "pretrain_batch_size": 64}
BATCHES = ("batch_size", "pretrain_batch_size")
KEYS = ("data", "variant", "seed", "share", "batch", "data_seed", "data_episodes", "fights", "device")
LESS = ("bc", "bc-best", "omar", "optidice", "icq", "madtkd")


def config_of(key: dict[str, Any], quick: bool) -> Any:
    """The preset's settings, changed as the variant and the budget say."""
    from alberdice.deep.config import from_mapping
    from alberdice.deep.learner import learner_class

    algorithm, preset, own = VARIANTS[key["variant"]]
    settings: Any = learner_class(algorithm).settings
    values = {**settings.presets[preset], **own, "algorithm": algorithm, "seed": key["seed"], "environment": "none"}
    for name in UPDATES:
        if name in values:
            values[name] = max(1, round(values[name] * key["share"]))
    if quick:
        values |= {name: value for name, value in QUICK.items() if name in values}
    if key["batch"]:
        values |= {name: key["batch"] for name in BATCHES if name in values}
    values |= {"device": key["device"], "pictures": False, "evaluate_every": values["updates"]}
    return from_mapping(values, settings(algorithm=algorithm))


@cache
def data_of(name: str, seed: int, episodes: int, stored: str) -> Any:
    """The recipe's data, or as many episodes as asked for; with a folder, stored there as smax/MAP-KIND-EPISODES-vSEED."""
    from alberdice.datasets import load_dataset, write_dataset
    from alberdice.datasets.fights import EPISODES, make_fights

    place = f"{name.replace('-', '/', 1)}{'' if episodes == EPISODES else f'-{episodes}'}-v{seed}"
    if stored and (Path(stored) / place).exists():
        return load_dataset(place, root=stored)
    if episodes == EPISODES:
        data = load_dataset(name, seed=seed)
    else:
        _, battle, kind = name.split("-")
        data = make_fights(battle, kind, np.random.default_rng(seed), episodes=episodes)
    if stored:
        write_dataset(data, place, root=stored)
    return data


@cache
def fight_of(name: str) -> Any:
    """The fight of the data, compiled, and open as long as the process lasts."""
    from alberdice.environments import find_environment

    fight = find_environment(name.rsplit("-", 1)[0]).open()
    fight.reset(np.arange(1))
    return fight


def judged(policies: Any, key: dict[str, Any], episodes: int) -> dict[str, Any]:
    """Fights 0 .. E - 1 of a seed: wins and returns one by one, of every way to play."""
    from alberdice.deep.play.episodes import play_episodes

    fight, told = fight_of(key["data"]), dict[str, Any]()
    for play, prefix in PLAYS.items():
        began = time.perf_counter()
        found = play_episodes(policies, fight, episodes, key["fights"], play=play)
        told[f"{prefix}won"] = found.metrics["battle_won"].astype(int).tolist()
        told[f"{prefix}returns"] = np.round(found.returns, 4).tolist()
        told[f"{prefix}length"] = round(float(found.lengths.mean()), 1)
        told["evaluation_seconds"] = round(time.perf_counter() - began, 1)
    return told


def one_run(key: dict[str, Any], episodes: int, stored: str, out: Path, quick: bool) -> list[dict[str, Any]]:
    """Train, or go on, and judge; AlberDICE's pi^D as a row of its own."""
    import torch

    from alberdice.datasets.subset import of_episodes
    from alberdice.deep.training.loop import run_training
    from alberdice.deep.training.saved_run import policies_of_run
    from alberdice.errors import SolverError

    torch.set_num_threads(1)
    data = data_of(key["data"], key["data_seed"], key["data_episodes"], stored)
    shown: dict[str, Any] = {"data_return": round(float(data.returns.mean()), 4), "data_notes": list(data.notes)}
    shown["data_digest"] = data.digest
    if key["variant"] == "bc-weakest":  # as alberdice.datasets.fights draws who plays which episode
        order = np.random.default_rng(key["data_seed"]).permutation(data.n_episodes) % 3
        data = of_episodes(data, np.flatnonzero(order == 0))
    config, folder, began = config_of(key, quick), out / "-".join(str(key[name]) for name in KEYS), time.perf_counter()
    try:
        run = run_training(config, folder, dataset=data, resume=True)
    except SolverError as problem:
        return [{**key, "failed": str(problem)}]
    shown |= {"seconds": round(time.perf_counter() - began, 1), "settings": asdict(config)}
    players: dict[str, Any] = {key["variant"]: policies_of_run(folder)}
    if key["variant"].startswith("alberdice"):
        players[f"{key['variant']} pi^D"] = run.learner.clone
    return [{**key, "variant": name, **judged(p, key, episodes), **shown} for name, p in players.items()]


# ---- comparing -------------------------------------------------------------------------------------------------------------

JUDGED = tuple(f"{prefix}{what}" for prefix in PLAYS.values() for what in ("won", "returns"))
WORDS = ("actions drawn", "actions drawn from pi^4", "the most probable actions")
GROUP = (
    "data",
    "share",
    "batch",
    "data_seed",
    "data_episodes",
    "fights",
)  # on which device a run was made changes rounding alone


def compared(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Per data and budget: every variant's win rate and return, and the paired differences from the others."""
    found, runs = [], [run for run in runs if "failed" not in run]
    for group in dict.fromkeys(tuple(run[name] for name in GROUP) for run in runs):
        own = [run for run in runs if tuple(run[name] for name in GROUP) == group]
        judged_by = [what for what in JUDGED if all(what in run for run in own)]
        by: dict[str, dict[int, dict[str, Any]]] = {}
        for run in own:
            by.setdefault(run["variant"], {})[run["seed"]] = run
        for name, seeds in by.items():
            row = dict(zip(GROUP, group, strict=True)) | {"variant": name, "seeds": len(seeds)}
            row |= {what: difference(seeds, None, what) for what in judged_by}
            row["seconds"] = round(float(np.mean([run["seconds"] for run in seeds.values()])), 1)
            row["evaluation_seconds"] = round(float(np.mean([run["evaluation_seconds"] for run in seeds.values()])), 1)
            row["minus"] = {
                other: {what: difference(seeds, by[other], what) for what in judged_by}
                for other in by
                if other != name and seeds.keys() & by[other].keys()
            }
            found.append(row)
    return found


def difference(one: dict[int, Any], other: dict[int, Any] | None, what: str) -> dict[str, Any]:
    """Mean and error of one's fights, or of the paired differences over the seeds that both have."""
    common = sorted(one.keys() & other.keys()) if other is not None else sorted(one)
    pairs = np.stack([np.array(one[seed][what], float) for seed in common])
    if other is not None:
        pairs = pairs - np.stack([np.array(other[seed][what], float) for seed in common])
    errors = [pairs.std(ddof=1) / pairs.size**0.5]
    if len(pairs) > 1:
        errors.append(pairs.mean(axis=1).std(ddof=1) / len(pairs) ** 0.5)
    told = {"mean": round(float(pairs.mean()), 4), "error": round(float(max(errors)), 4), "fights": pairs.size}
    if other is not None and what.endswith("won"):
        told["differ"] = [int((pairs > 0).sum()), int((pairs < 0).sum())]
    return told


def report(content: dict[str, Any]) -> None:
    """A table per data and budget, in Markdown, and what failed."""
    for group in dict.fromkeys(tuple(row[name] for name in GROUP) for row in content["compared"]):
        data, share, batch, data_seed, episodes, fights = group
        budget = f"{share:g} of the updates" + (f" of {batch} steps" if batch else "")
        print(f"\n{data}, {episodes} episodes of seed {data_seed}, {budget}, fights of seed {fights}\n")
        for prefix, words in zip(PLAYS.values(), WORDS, strict=True):
            rows = [row for row in content["compared"] if tuple(row[name] for name in GROUP) == group]
            if any(f"{prefix}won" not in row for row in rows):
                continue
            heads = [words, "seeds", "won", "return", "won less pi^D", *(f"less {other}" for other in LESS), "seconds"]
            for line in (heads, ["---"] * len(heads), *(cells_of(row, prefix) for row in rows)):
                print("| " + " | ".join(line) + " |")
            print()
    for run in content["runs"]:
        if "failed" in run:
            print("failed: " + ", ".join(str(run[name]) for name in (*KEYS, "failed")))


def cells_of(row: dict[str, Any], prefix: str) -> list[str]:
    """A row of the table."""

    def less(other: str) -> str:
        won = row["minus"].get(other, {}).get(f"{prefix}won")
        return "" if won is None else f"{won['mean']:+.3f} ± {won['error']:.3f}"

    own = [row[f"{prefix}{what}"] for what in ("won", "returns")]
    cells = [row["variant"], str(row["seeds"]), *(f"{each['mean']:.3f} ± {each['error']:.3f}" for each in own)]
    return [*cells, *(less(other) for other in (f"{row['variant']} pi^D", *LESS)), f"{row['seconds']:.0f}"]


# ---- running ---------------------------------------------------------------------------------------------------------------


def written(runs: list[dict[str, Any]], target: Path) -> dict[str, Any]:
    """The whole file anew, settings once per variant."""
    rows = [{k: v for k, v in run.items() if k not in ("settings", "data_notes")} for run in runs]
    kept = {label(run): {k: v for k, v in run["settings"].items() if k != "seed"} for run in runs if run.get("settings")}
    notes = {
        f"{run['data']} {run['data_seed']} {run['data_episodes']}": run["data_notes"] for run in runs if run.get("data_notes")
    }
    conditions = machine.conditions(0, ("torch", "numpy", "jax", "jaxmarl"))
    told = {"conditions": conditions, "gpu": gpu(), "environment": "SMAX, not SMAC", "data": notes, "compared": compared(runs)}
    content = {**told, "settings": kept, "runs": rows}
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    partial.write_text(json.dumps(content) + "\n", encoding="utf-8")
    partial.replace(target)
    return content


def label(run: dict[str, Any]) -> str:
    """What runs of one setting have in common; files of before minibatches could be chosen name none."""
    return " ".join(str(run[k]) for k in (*GROUP, "variant") if k != "batch" or run[k])


@cache
def gpu() -> str | None:
    """The GPU's name, if there is one."""
    import torch

    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else None


def earlier(target: Path) -> list[dict[str, Any]]:
    """The runs of the file, with the settings and notes that it holds once."""
    if not target.exists():
        return []
    content = json.loads(target.read_text(encoding="utf-8"))
    runs = [{"batch": 0, **run} for run in content["runs"]]  # files of before there was such a key
    return [
        {
            **run,
            "settings": content["settings"].get(label(run)),
            "data_notes": content["data"].get(f"{run['data']} {run['data_seed']} {run['data_episodes']}"),
        }
        for run in runs
    ]


def arguments() -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="*", default=list(DATA))
    parser.add_argument("--variants", nargs="*", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--share", type=float, default=1.0, help="of the updates")
    parser.add_argument("--batch", type=int, default=0, help="steps of a minibatch; 0: the preset's")
    parser.add_argument("--episodes", type=int, default=100, help="fights that judge a run")
    parser.add_argument("--fights", type=int, default=0, help="their seed")
    parser.add_argument("--data-seed", type=int, default=0)
    parser.add_argument("--data-episodes", type=int, default=500, help="of the data")
    parser.add_argument("--stored", default="", help="folder where data are stored, and read the next time")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("out/smax-training"))
    parser.add_argument("--json", type=Path, default=machine.RESULTS / "smax_training.json")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--report", action="store_true")
    args = parser.parse_args()
    if args.quick:
        args.share, args.seeds, args.episodes, args.out = 0.002, 1, 8, args.out / "quick"
        args.json = args.out / "smax_training.json"
    return args


def told_of(row: dict[str, Any]) -> str:
    """A line on a run."""
    name = f"{row['data']} {row['variant']} seed {row['seed']}: "
    if "failed" in row:
        return name + str(row["failed"])
    won, greedy, gained = (np.mean(row[what]) for what in ("won", "greedy_won", "returns"))
    told = f"won {won:.3f}, greedily {greedy:.3f}, return {gained:.3f}, {row['seconds']} s"
    return f"{name}{told}, judged in {row['evaluation_seconds']} s"


def main() -> None:
    args = arguments()
    runs = earlier(args.json)
    if args.report:
        report({"compared": compared(runs), "runs": runs})
        return
    asked = []
    for seed, variant, data in itertools.product(range(args.seeds), args.variants, args.data):  # so that pairs are whole early
        values = (data, variant, seed, args.share, args.batch, args.data_seed, args.data_episodes, args.fights, args.device)
        key = dict(zip(KEYS, values, strict=True))
        if not any(all(run[k] == v for k, v in key.items() if k != "device") for run in runs):
            asked.append(key)
    began, content = time.perf_counter(), None
    with ProcessPoolExecutor(args.workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        waiting = [pool.submit(one_run, key, args.episodes, args.stored, args.out, args.quick) for key in asked]
        for done in as_completed(waiting):
            try:
                rows = done.result()
            except Exception:  # one run's trouble is not the others'; it is run again the next time
                traceback.print_exc()
                continue
            runs += rows
            content = written(runs, args.json)
            for row in rows:
                print(f"{time.perf_counter() - began:.0f} s: {told_of(row)}", flush=True)
    report(content or {"compared": compared(runs), "runs": runs})


if __name__ == "__main__":
    main()
