"""Who learns what on warehouse data: AlberDICE beside its own pi^D, cloning, filtered cloning, OMAR and OptiDICE.

    python benchmarks/warehouse_learning.py               # everything: days on one core
    python benchmarks/warehouse_learning.py --report      # what is there, and what is not run; writes nothing
    python benchmarks/warehouse_learning.py --page        # that into docs/warehouses-measured.md, compared anew; runs nothing
    python benchmarks/warehouse_learning.py --again       # also what was judged before actions were played 'sharp'
    python benchmarks/warehouse_learning.py --data rware-tiny-2ag-mixed --share .1 --data-episodes 200 --policy feed-forward

Settings are ``--preset rware``, chosen on data of other seeds; ``--share`` takes so much of the updates, ``--policy
feed-forward`` gives up the memory, and takes ``--preset rware-feed-forward``.  Every
run is judged on the same episodes: episode k has the same requests, and the same uniform numbers choose actions, whoever plays.
So differences are paired; their error is the larger of that over seeds' means and that over all pairs.  What a run has learned
is kept in its folder under ``--out``; the JSON is written after every run, and what it holds is not run again.

    bc, bc-best              cloning; of the best quarter of the episodes by return alone
    bc(-best)-memory         the same with a memory, in a table of policies without one
    alberdice(-wide)         weights of a tenth of the episodes at the least; of four tenths
    alberdice-wide-long      the same with one and a half times the updates
    alberdice-wide-two       the better of two agreements by what their episodes returned
    alberdice-best           of three tenths of the best quarter, beside their own clones
    ...-memory               what these agreed on, cloned with a memory on as many rows as BC's
    ...-chunks               with a memory of 40 steps on chunks of 200; -memory: of 20, on windows
    ...-anew                 what these agreed on, cloned anew without one
    alberdice-steps          weights of steps, as printed
    ...-paper                with the paper's alpha = 1
    ... pi^D                 what the same run cloned before its rounds, without a memory where it decides without one
    ... before               what the same run had agreed on, before it was cloned with a memory or anew
    omar, optidice           as they are
    bc-plain                 cloning with places as numbers, without indicators

The data ``-one`` are episodes of one convention alone: what cloning loses where there is nothing to agree on.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import machine
import numpy as np
import pages

from alberdice.datasets.build import from_episodes
from alberdice.datasets.dataset import OfflineDataset
from alberdice.datasets.record import record
from alberdice.datasets.warehouses import EPISODES, make_warehouse
from alberdice.deep.algorithms.bc import BCConfig
from alberdice.deep.config import TrainConfig, from_mapping
from alberdice.deep.config.warehouses import MEMORY
from alberdice.deep.learner import learner_class
from alberdice.deep.play.episodes import play_episodes
from alberdice.deep.training.loop import run_training
from alberdice.deep.training.saved_run import policies_of_run
from alberdice.environments import find_environment
from alberdice.environments.rware import Experts, warehouse

DATA = (
    "rware-tiny-2ag-mixed",
    "rware-tiny-2ag-conventions",
    "rware-tiny-2ag-one",
    "rware-small-4ag-mixed",
    "rware-small-4ag-conventions",
)
BEST = {"keep_best": 0.25}
BESIDE_CLONES = {"episode_share": 0.3, "episode_ratio": "clones", "batch_size": 1024, "pretrain_batch_size": 1024}
#: transformers on windows of 20 steps, as presets had them before there were chunks
WINDOWS = {"context": 20, "chunk": 0}
ON_WINDOWS = {**BCConfig.presets["rware"], **WINDOWS, "updates": 1000}
THEN = {"memory_updates": 2000, "width": 64, **WINDOWS}
THEN_CHUNKS = {"memory_updates": 2000, **MEMORY}
ANEW = {"memory_updates": 6000, "last_policy": "feed-forward"}
WIDE = {"episode_share": 0.4}
PAPER = {"alpha_start": 1.0, "alpha_end": 1.0}
STEPS = {**WINDOWS, "weights": "steps", "updates": 600, "learning_rate": 5e-4, "starts": 1}
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "bc": ("bc", {}),
    "bc-best": ("bc", BEST),
    "bc-best-memory": ("bc", {**ON_WINDOWS, **BEST}),
    "bc-best-chunks": ("bc", {**BCConfig.presets["rware"], **BEST}),
    "alberdice": ("alberdice", {}),
    "alberdice-best": ("alberdice", {**BEST, **BESIDE_CLONES}),
    "bc-memory": ("bc", ON_WINDOWS),
    "bc-chunks": ("bc", BCConfig.presets["rware"]),
    "alberdice-best-memory": ("alberdice", {**BEST, **BESIDE_CLONES, **THEN}),
    "alberdice-best-chunks": ("alberdice", {**BEST, **BESIDE_CLONES, **THEN_CHUNKS}),
    "alberdice-wide-chunks": ("alberdice", {**WIDE, **THEN_CHUNKS, "memory_updates": 3000}),
    "alberdice-wide-chunks-paper": ("alberdice", {**WIDE, **THEN_CHUNKS, "memory_updates": 3000, **PAPER}),
    "optidice": ("optidice", {}),
    "omar": ("omar", {}),
    "bc-plain": ("bc", {"levels": 0}),
    "alberdice-wide": ("alberdice", WIDE),
    "alberdice-wide-long": ("alberdice", {**WIDE, "updates": 9000, "turn_updates": 750}),
    "alberdice-wide-paper": ("alberdice", {**WIDE, **PAPER}),
    "alberdice-best-memory-paper": ("alberdice", {**BEST, **BESIDE_CLONES, **THEN, **PAPER}),
    "alberdice-wide-two": ("alberdice", {**WIDE, "agreements": 2}),
    "alberdice-wide-memory": ("alberdice", {**WIDE, **THEN, "memory_updates": 1000}),
    "alberdice-best-anew": ("alberdice", {**BEST, **BESIDE_CLONES, **ANEW}),
    "alberdice-wide-anew": ("alberdice", {**WIDE, **ANEW}),
    "alberdice-wide-anew-paper": ("alberdice", {**WIDE, **ANEW, **PAPER}),
    "alberdice-steps": ("alberdice", STEPS),
    "alberdice-steps-paper": ("alberdice", {**STEPS, **PAPER}),
}
#: differences from these are columns of the tables, beside those from a run's own pi^D and from what it cloned in the end
LESS = ("bc", "bc-best", "bc-memory", "bc-best-memory", "bc-chunks", "bc-best-chunks", "optidice", "omar")
TARGET = machine.RESULTS / "warehouse_learning.json"
#: what was run before ``leak`` and ``nu_step`` became defaults
EARLIER = machine.RESULTS / "warehouse_learning_earlier.json"
#: seeds of a whole row
SEEDS = 3
#: how actions are played beside drawn ones
PLAYS = ("sharp", "greedy")
KEYS = ("data", "variant", "seed", "share", "policy", "data_episodes")


def config_of(key: dict[str, Any]) -> TrainConfig:
    """The preset's settings, changed as the variant and the budget say."""
    algorithm, own = VARIANTS[key["variant"]]
    settings: Any = learner_class(algorithm).settings
    preset = "rware-feed-forward" if key["policy"] == "feed-forward" else "rware"
    values = {**settings.presets[preset], **own, "algorithm": algorithm, "seed": key["seed"], "environment": "none"}
    for name in ("updates", "pretrain_updates", "turn_updates", "memory_updates"):
        if name in values:
            values[name] = max(1, round(values[name] * key["share"]))
    return from_mapping({**values, "pictures": False, "checkpoint_every": 250}, settings(algorithm=algorithm))


def one_convention(size: str, n: int, episodes: int, seed: int, convention: int = 0) -> OfflineDataset:
    """Episodes of one convention alone, outer-up or inner-up."""
    with warehouse(size, n) as env:
        played = record(env, lambda k: Experts(env.layout, np.full((len(k), n), convention)), range(episodes), seed).episodes
    return from_episodes(f"rware-{size}-{n}ag-one", env.spec.n_actions, played)


@functools.cache
def data_of(name: str, episodes: int) -> OfflineDataset:
    """The recipe with so many episodes, or those of one convention."""
    _, size, agents, kind = name.split("-", 3)
    n = int(agents.removesuffix("ag"))
    if kind == "one":
        return one_convention(size, n, episodes, 0)
    return make_warehouse(size, n, kind, np.random.default_rng(0), episodes=episodes)


def judged(policies: Any, name: str, episodes: int) -> dict[str, Any]:
    """Episodes 0 .. E - 1 of seed 0: returns one by one, in each way to play, and the means of what drawn actions report."""
    with find_environment("-".join(name.split("-")[:3])).open() as env:
        began = time.process_time()
        found = play_episodes(policies, env, episodes, 0)
        seconds = time.process_time() - began
        others = {play: play_episodes(policies, env, episodes, 0, play=play) for play in PLAYS}
    means = {k: None if np.isnan(v).all() else round(float(np.nanmean(v)), 4) for k, v in found.metrics.items()}
    played = {
        "returns": found.returns.tolist(),
        **{f"{play}_returns": other.returns.tolist() for play, other in others.items()},
    }
    return {**played, "metrics": means, "play_seconds": round(seconds, 2)}


def one_run(key: dict[str, Any], episodes: int, out: Path) -> list[dict[str, Any]]:
    """Train, or go on, and judge; AlberDICE's pi^D, and what it cloned in the end, as rows of their own."""
    data = data_of(key["data"], key["data_episodes"])
    config: Any = config_of(key)
    began = time.process_time()
    folder = out / "-".join(str(key[name]) for name in KEYS)
    run = run_training(config, folder, dataset=data, resume=True)
    seconds, players = time.process_time() - began, {key["variant"]: policies_of_run(folder)}
    learner: Any = run.learner
    if key["variant"].startswith("alberdice"):
        players[f"{key['variant']} pi^D"] = learner.clone
        if config.memory_updates:
            players[f"{key['variant']} before"] = learner.decided
    shown = {"data_return": float(data.returns.mean()), "seconds": round(seconds, 1), "settings": asdict(config)}
    return [{**key, "variant": name, **judged(p, key["data"], episodes), **shown} for name, p in players.items()]


def compared(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Per data and budget: every variant's mean, its share of the data's, and the paired differences from the others."""
    found = []
    budget = ("data", "share", "policy", "data_episodes")
    for group in dict.fromkeys(tuple(run[name] for name in budget) for run in runs):
        own = [run for run in runs if tuple(run[name] for name in budget) == group]
        by = {v: {r["seed"]: np.array(r["returns"]) for r in own if r["variant"] == v} for v in {r["variant"]: 0 for r in own}}
        for name, seeds in by.items():
            mean = float(np.mean([x.mean() for x in seeds.values()]))
            row = dict(zip(budget, group, strict=True)) | {"variant": name, "seeds": len(seeds), "mean": round(mean, 3)}
            row["share_of_data"] = round(mean / own[0]["data_return"], 3)
            row["error"] = mean_of(seeds)[1]
            for play in PLAYS:
                other = {
                    r["seed"]: np.array(r[f"{play}_returns"]) for r in own if r["variant"] == name and f"{play}_returns" in r
                }
                row[play] = mean_of(other) if len(other) == len(seeds) else None
            for told in ("agree", "pure"):
                row[told] = round(float(np.mean([r["metrics"][told] for r in own if r["variant"] == name])), 2)
            row["seconds"] = round(float(np.mean([r["seconds"] for r in own if r["variant"] == name])))
            row["minus"] = {
                other: difference(seeds, by[other]) for other in by if other != name and seeds.keys() & by[other].keys()
            }
            found.append(row)
    return found


def mean_of(seeds: dict[int, np.ndarray]) -> list[float]:
    """Mean and error of returns by seed."""
    return difference(seeds, {seed: np.zeros_like(x) for seed, x in seeds.items()})


def difference(one: dict[int, np.ndarray], other: dict[int, np.ndarray]) -> list[float]:
    """Mean and error of the paired differences over the seeds that both have."""
    pairs = np.stack([one[seed] - other[seed] for seed in sorted(one.keys() & other.keys())])
    errors = [pairs.std(ddof=1) / pairs.size**0.5]
    if len(pairs) > 1:
        errors.append(pairs.mean(axis=1).std(ddof=1) / len(pairs) ** 0.5)
    return [round(float(pairs.mean()), 3), round(float(max(errors)), 3)]


def tables(rows: list[dict[str, Any]]) -> str:
    """A table per data and budget, in Markdown, of what ``compared`` gave."""
    told, parts = ("data", "policy", "share", "data_episodes"), []
    for group in dict.fromkeys(tuple(row[name] for name in told) for row in rows):
        data, policy, share, episodes = group
        heads = ["", "seeds", "deliveries", "of the data's", *PLAYS, "agree", "pure"]
        heads += [*(f"less {other}" for other in ("pi^D", "before", *LESS)), "seconds"]
        lines = [cells_of(row) for row in rows if tuple(row[name] for name in told) == group]
        shown = [k for k in range(len(heads)) if any(line[k] for line in lines)]  # no empty columns
        parts.append(f"{data}, {policy}, {share:g} of the updates, {episodes} episodes")
        parts.append(pages.in_markdown([[line[k] for k in shown] for line in (heads, *lines)]))
    return "\n\n".join(parts)


def tables_of_page() -> dict[str, str]:
    """What docs/warehouses-measured.md prints of both files, by the name of its place."""
    return {name: tables(compared(runs_of(file))) for name, file in (("measured", TARGET), ("measured earlier", EARLIER))}


def runs_of(file: Path) -> list[dict[str, Any]]:
    """What a JSON holds; nothing, where it is not there."""
    found: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))["runs"] if file.exists() else []
    return found


def report(runs: list[dict[str, Any]]) -> None:
    """Print the tables, and what was not run with the whole budget."""
    print(tables(compared(runs)))
    for line in not_run(runs):
        print(f"not run: {line}")


def cells_of(row: dict[str, Any]) -> list[str]:
    """A row of the table."""

    def less(other: str) -> str:
        return "{:+.2f} ± {:.2f}".format(*row["minus"][other]) if other in row["minus"] else ""

    own = (f"{row['variant']} pi^D", f"{row['variant']} before", *LESS)
    cells = [row["variant"], str(row["seeds"]), f"{row['mean']:.2f} ± {row['error']:.2f}", f"{row['share_of_data']:.2f}"]
    cells += ["{:.2f} ± {:.2f}".format(*row[play]) if row.get(play) else "" for play in PLAYS]
    cells += [f"{row['agree']:.2f}", f"{row['pure']:.2f}", *(less(other) for other in own)]
    return [*cells, str(row["seconds"])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="*", default=list(DATA), choices=DATA)
    parser.add_argument("--variants", nargs="*", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--data-episodes", type=int, default=EPISODES)
    parser.add_argument("--policy", default="transformer", choices=("transformer", "feed-forward"))
    parser.add_argument("--episodes", type=int, default=100)
    parser.add_argument("--out", type=Path, default=Path("out/warehouse-learning"))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--report", action="store_true", help="print the tables, and run and write nothing")
    parser.add_argument(
        "--page", action="store_true", help="write the tables into docs/warehouses-measured.md, and run nothing"
    )
    parser.add_argument("--again", action="store_true", help="run again what was not played in every way")
    args = parser.parse_args()
    if args.page:
        compare_anew()
        pages.write_tables(pages.DOCS / "warehouses-measured.md", tables_of_page())
    elif args.report:
        report(runs_of(TARGET))
        print("\nof earlier code, whose units had no leak and whose features of the best episodes were scaled by all:")
        print(tables(compared(runs_of(EARLIER))))
    else:
        report(learn(args))


def learn(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Run what is asked for and not there, and write the file after each; all runs."""
    machine.one_thread()
    runs = runs_of(TARGET)
    asked = itertools.product(args.data, args.variants, range(args.seeds))
    keys = [dict(zip(KEYS, (*each, args.share, args.policy, args.data_episodes), strict=True)) for each in asked]
    whole = [run for run in runs if not args.again or all(f"{play}_returns" in run for play in PLAYS)]
    missing = [key for key in keys if not any(all(run[k] == v for k, v in key.items()) for run in whole)]
    for found in machine.side_by_side(one_run, [(key, args.episodes, args.out) for key in missing], args.jobs):
        told = {tuple(run[name] for name in KEYS) for run in found}
        runs = [run for run in runs if tuple(run[name] for name in KEYS) not in told] + found
        key = found[0]
        print(f"{key['data']} {key['variant']} seed {key['seed']}: {np.mean(key['returns']):.2f}", flush=True)
        write(runs)
    return runs


def not_run(runs: list[dict[str, Any]]) -> list[str]:
    """Per data and kind of policies, whose seeds are missing with the whole budget."""
    done = {tuple(r[k] for k in ("data", "policy", "variant", "seed")) for r in runs if r["share"] == 1.0}
    missing = []
    for data, policy in itertools.product(DATA, ("transformer", "feed-forward")):
        seeds = {v: [s for s in range(SEEDS) if (data, policy, v, s) not in done] for v in VARIANTS}
        told = [v if len(left) == SEEDS else f"{v} ({', '.join(map(str, left))})" for v, left in seeds.items() if left]
        missing += [f"{data}, {policy}: {', '.join(told)}"] if told else []
    return missing


def write(runs: list[dict[str, Any]], conditions: dict[str, Any] | None = None) -> None:
    """The whole file anew, under the conditions of now unless others are given."""
    conditions = conditions or machine.conditions(0, ("torch", "numpy"))
    content = {"conditions": conditions, "compared": compared(runs), "not_run": not_run(runs), "runs": runs}
    machine.write(TARGET.stem, content)


def compare_anew() -> None:
    """Where runs of several files were put together, what the file says of them beside themselves."""
    content = json.loads(TARGET.read_text(encoding="utf-8"))
    if content["compared"] != compared(content["runs"]):
        write(content["runs"], content["conditions"])


if __name__ == "__main__":
    main()
