"""On what the settings for warehouses were chosen: short runs on data that no result is reported on.

    python benchmarks/warehouse_choices.py [--trials NAME ...] [--out out/warehouse-choices]
    python benchmarks/warehouse_choices.py --report       # what is there, as a table; writes nothing
    python benchmarks/warehouse_choices.py --page         # what is there into docs/warehouses-measured.md; runs nothing

One training seed a trial, on tiny-2ag, or on the warehouse that is named with its data, with data of seed 5 (reported are those
of seed 0), judged on 60 or 100 episodes of seed 77 (reported: 0).  What the JSON holds is not run again; a trial that is not in
``TRIALS`` any more stays there.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import machine
import numpy as np
import pages
import torch
from warehouse_learning import one_convention

from alberdice.datasets.dataset import OfflineDataset
from alberdice.datasets.warehouses import make_warehouse
from alberdice.deep.config import from_mapping
from alberdice.deep.learner import learner_class
from alberdice.deep.play.episodes import play_episodes
from alberdice.deep.training.loop import run_training
from alberdice.deep.training.saved_run import policies_of_run
from alberdice.environments import find_environment

TARGET = machine.RESULTS / "warehouse_choices.json"
DATA_SEED, PLAY_SEED = 5, 77
CONVENTION_OF = {"one": 0, "inner": 1}  # data of one convention alone
FAST = {"learning_rate": 3e-3}
CLONES = {**FAST, "pretrain_learning_rate": 3e-3}
BY_TURNS: dict[str, Any] = {**CLONES, "pretrain_updates": 750, "updates": 900, "turn_updates": 75, "episode_share": 0.08}
PLAIN_TURNS: dict[str, Any] = {**CLONES, "pretrain_updates": 1500, "updates": 6000, "turn_updates": 500}
SMALL = {"batch_size": 1024, "pretrain_batch_size": 1024}
THEN: dict[str, Any] = {"memory_updates": 1500, "width": 64, "context": 20}
CHUNKS: dict[str, Any] = {"chunk": 100}
LONG_CHUNKS: dict[str, Any] = {"context": 40, "chunk": 200}
ANEW: dict[str, Any] = {"memory_updates": 6000, "last_policy": "feed-forward"}
#: what agents without a memory decide on data of mixed quality
BEST_QUARTER: dict[str, Any] = {
    **{**PLAIN_TURNS, **SMALL},
    **{"episode_share": 0.3, "keep_best": 0.25, "episode_ratio": "clones"},
}
LONG = {"pretrain_updates": 1000, "updates": 1200, "turn_updates": 150, "episode_share": 0.12}
SLOW = {"learning_rate": 1e-3, "pretrain_learning_rate": 1e-3}
LARGE = {"alpha_start": 1.0, "alpha_end": 1.0, "episode_share": 0.4, **CLONES, "pretrain_updates": 500, "updates": 1200}
#: name: algorithm, kind of data, its episodes, whether policies have a memory, settings beside the preset's, episodes to judge
TRIALS: dict[str, tuple[str, str, int, bool, dict[str, Any], int]] = {
    "one, 1000 updates": ("bc", "one", 200, False, {"learning_rate": 1e-3, "updates": 1000}, 60),
    "one, 5000 updates": ("bc", "one", 200, False, {"learning_rate": 1e-3, "updates": 5000}, 100),
    "one, memory, 400 updates": ("bc", "one", 200, True, {"learning_rate": 1e-3, "updates": 400}, 60),
    "one, memory, 1500 updates": ("bc", "one", 500, True, {"learning_rate": 1e-3, "updates": 1500}, 100),
    "one, memory of 40, 1500 updates": ("bc", "one", 500, True, {"learning_rate": 1e-3, "updates": 1500, "context": 40}, 100),
    "one, memory, 750 updates, rate 3e-3": ("bc", "one", 500, True, {**FAST, "updates": 750}, 100),
    "conventions, memory, 800 updates": ("bc", "conventions", 200, True, {"learning_rate": 1e-3, "updates": 800}, 100),
    "conventions, 3000 updates": ("bc", "conventions", 200, False, {"learning_rate": 1e-3, "updates": 3000}, 100),
    "inner, 3000 updates, 400 episodes": ("bc", "inner", 400, False, {"updates": 3000}, 1000),
    "inner, 3000 updates, 1600 episodes": ("bc", "inner", 1600, False, {"updates": 3000}, 1000),
    "inner, 6000 updates, 1600 episodes": ("bc", "inner", 1600, False, {"updates": 6000}, 1000),
    "mixed, memory, best quarter": (
        "bc",
        "mixed",
        1000,
        True,
        {"learning_rate": 1e-3, "updates": 1600, "keep_best": 0.25},
        100,
    ),
    "mixed, memory, by episodes, share .12": ("alberdice", "mixed", 1000, True, {**SLOW, **LONG}, 100),
    "mixed, memory, by episodes, share .08": ("alberdice", "mixed", 1000, True, BY_TURNS, 100),
    "conventions, memory, by episodes, share .08": ("alberdice", "conventions", 1000, True, BY_TURNS, 100),
    "conventions, memory, by episodes, share .4, alpha 1": (
        "alberdice",
        "conventions",
        500,
        True,
        {**LARGE, "turn_updates": 200},
        100,
    ),
    "mixed, memory, by episodes of the best quarter": (
        *("alberdice", "mixed", 1000, True),
        {**LARGE, "turn_updates": 150, "keep_best": 0.25},
        100,
    ),
    "mixed, by episodes, share .1": ("alberdice", "mixed", 1000, False, {**PLAIN_TURNS, "episode_share": 0.1}, 100),
    "mixed, by episodes, share .25": ("alberdice", "mixed", 1000, False, {**PLAIN_TURNS, "episode_share": 0.25}, 100),
    "mixed, by episodes of the best quarter, share .45": (
        *("alberdice", "mixed", 1000, False),
        {**PLAIN_TURNS, "updates": 3000, "turn_updates": 250, "episode_share": 0.45, "keep_best": 0.25},
        100,
    ),
    "mixed, by episodes of the best quarter, share .4, 1024 steps a minibatch": (
        *("alberdice", "mixed", 4000, False),
        {**PLAIN_TURNS, **SMALL, "episode_share": 0.4, "keep_best": 0.25},
        100,
    ),
    "mixed, by episodes of the best quarter beside clones, share .3, 1024 steps a minibatch": (
        *("alberdice", "mixed", 4000, False),
        {**PLAIN_TURNS, **SMALL, "episode_share": 0.3, "keep_best": 0.25, "episode_ratio": "clones"},
        100,
    ),
    "mixed, by episodes of the best half beside clones, share .2, 1024 steps a minibatch": (
        *("alberdice", "mixed", 4000, False),
        {**PLAIN_TURNS, **SMALL, "pretrain_updates": 1000, "episode_share": 0.2, "keep_best": 0.5, "episode_ratio": "clones"},
        100,
    ),
    "mixed, by episodes of the best quarter beside clones, share .3, 1024 steps a minibatch, then a memory": (
        *("alberdice", "mixed", 4000, False),
        {**PLAIN_TURNS, **SMALL, **THEN, "episode_share": 0.3, "keep_best": 0.25, "episode_ratio": "clones"},
        100,
    ),
    "conventions, by episodes, share .4, two agreements": (
        *("alberdice", "conventions", 1000, False),
        {**PLAIN_TURNS, "episode_share": 0.4, "agreements": 2},
        100,
    ),
    "conventions, by episodes, share .4, two agreements, then a memory": (
        *("alberdice", "conventions", 1000, False),
        {**PLAIN_TURNS, "episode_share": 0.4, "agreements": 2, **THEN},
        100,
    ),
    "conventions, by episodes, share .4, then a memory": (
        *("alberdice", "conventions", 1000, False),
        {**PLAIN_TURNS, **THEN, "episode_share": 0.4},
        100,
    ),
    "conventions, by episodes, share .4, 9000 updates": (
        *("alberdice", "conventions", 3000, False),
        {**PLAIN_TURNS, "updates": 9000, "turn_updates": 750, "episode_share": 0.4},
        100,
    ),
    "small-4ag, inner, 1500 updates": ("bc", "small-4ag-inner", 500, False, {"updates": 1500}, 100),
    "small-4ag, one, 1500 updates": ("bc", "small-4ag-one", 500, False, {"updates": 1500}, 100),
    "small-4ag, conventions, by episodes, share .4": (
        *("alberdice", "small-4ag-conventions", 1000, False),
        {**PLAIN_TURNS, "episode_share": 0.4},
        100,
    ),
    "small-4ag, conventions, by episodes, share .4, anew": (
        *("alberdice", "small-4ag-conventions", 1000, False),
        {**PLAIN_TURNS, **ANEW, "episode_share": 0.4},
        100,
    ),
    "small-4ag, inner, 6000 updates": ("bc", "small-4ag-inner", 1000, False, {"updates": 6000}, 100),
    "small-4ag, inner, 12000 updates, 3000 episodes": ("bc", "small-4ag-inner", 3000, False, {"updates": 12000}, 100),
    "one, memory, 750 updates, rate 3e-3, chunks": ("bc", "one", 500, True, {**FAST, **CHUNKS, "updates": 750}, 100),
    "one, memory of 40, 750 updates, rate 3e-3, chunks": ("bc", "one", 500, True, {**FAST, **LONG_CHUNKS, "updates": 750}, 100),
    "one, memory, 1500 updates, rate 3e-3, chunks": ("bc", "one", 500, True, {**FAST, **CHUNKS, "updates": 1500}, 100),
    "one, memory of 40, 1500 updates, rate 3e-3, chunks": (
        *("bc", "one", 500, True),
        {**FAST, **LONG_CHUNKS, "updates": 1500},
        100,
    ),
    "small-4ag, inner, memory, 2000 updates, rate 3e-3, chunks": (
        *("bc", "small-4ag-inner", 1000, True),
        {**FAST, **CHUNKS, "updates": 2000},
        100,
    ),
    "small-4ag, inner, memory of 40, 1500 updates, rate 3e-3, chunks": (
        *("bc", "small-4ag-inner", 1000, True),
        {**FAST, **LONG_CHUNKS, "updates": 1500},
        100,
    ),
    "conventions, by episodes, share .4, then a memory of 40, chunks": (
        *("alberdice", "conventions", 1000, False),
        {**PLAIN_TURNS, **THEN, **LONG_CHUNKS, "memory_updates": 3000, "episode_share": 0.4},
        100,
    ),
    "small-4ag, conventions, by episodes, share .4, then a memory of 40, chunks": (
        *("alberdice", "small-4ag-conventions", 2000, False),
        {**PLAIN_TURNS, **THEN, **LONG_CHUNKS, "memory_updates": 3000, "episode_share": 0.4},
        100,
    ),
    "mixed, best quarter beside clones, then a memory of 40, chunks": (
        *("alberdice", "mixed", 4000, False),
        {**BEST_QUARTER, **THEN, **LONG_CHUNKS, "memory_updates": 2000},
        100,
    ),
    "small-4ag, mixed, best quarter beside clones": (*("alberdice", "small-4ag-mixed", 2000, False), BEST_QUARTER, 100),
    "small-4ag, mixed, best quarter beside clones, anew": (
        *("alberdice", "small-4ag-mixed", 2000, False),
        {**BEST_QUARTER, **ANEW},
        100,
    ),
    "small-4ag, mixed, best quarter beside clones, then a memory of 40, chunks": (
        *("alberdice", "small-4ag-mixed", 2000, False),
        {**BEST_QUARTER, **THEN, **LONG_CHUNKS, "memory_updates": 2000},
        100,
    ),
    "conventions, by episodes, share .4, anew": (
        *("alberdice", "conventions", 1000, False),
        {**PLAIN_TURNS, **ANEW, "episode_share": 0.4},
        100,
    ),
    "conventions, by episodes, share .4": ("alberdice", "conventions", 1000, False, {**PLAIN_TURNS, "episode_share": 0.4}, 100),
}


def data_of(kind: str, episodes: int) -> OfflineDataset:
    """Of the seed that is for choosing."""
    size, n, kind = parts_of(kind)
    if kind in CONVENTION_OF:
        return one_convention(size, n, episodes, DATA_SEED, CONVENTION_OF[kind])
    return make_warehouse(size, n, kind, np.random.default_rng(DATA_SEED), episodes=episodes)


def parts_of(kind: str) -> tuple[str, int, str]:
    """Size, agents and kind of data, of ``small-4ag-mixed`` and the like; tiny-2ag where only the kind is said."""
    size, agents, own = kind.split("-") if "-" in kind else ("tiny", "2ag", kind)
    return size, int(agents.removesuffix("ag")), own


def trial(name: str, out: Path) -> list[dict[str, Any]]:
    """Train and judge; AlberDICE's pi^D as a row of its own."""
    algorithm, kind, episodes, memory, own, judged = TRIALS[name]
    settings: Any = learner_class(algorithm).settings
    preset = settings.presets["rware"] | {"context": 20, "chunk": 0} if memory else settings.presets["rware-feed-forward"]
    values = {**preset, **own, "environment": "none", "pictures": False}
    data, began, folder = data_of(kind, episodes), time.process_time(), out / name.replace(" ", "-").replace(",", "")
    run: Any = run_training(from_mapping(values, settings(algorithm=algorithm)), folder, dataset=data, resume=True)
    seconds, policies = time.process_time() - began, policies_of_run(folder)
    players = {name: policies}
    if own.get("memory_updates"):
        players[f"{name}: before"] = run.learner.decided
    if algorithm == "alberdice":
        players[f"{name}: pi^D"] = run.learner.clone
    rows = []
    for who, player in players.items():
        with find_environment("rware-{}-{}ag".format(*parts_of(kind))).open() as env:
            found = play_episodes(player, env, judged, PLAY_SEED)
            sharp = play_episodes(player, env, judged, PLAY_SEED, play="sharp").returns.mean()
        told = row(who, algorithm, kind, episodes, own, data, found.returns, found.metrics, round(seconds))
        rows.append({**told, "sharp": round(float(sharp), 2)})
    return rows


def row(who: str, algorithm: str, kind: str, episodes: int, own: Any, data: Any, returns: Any, metrics: Any, s: int) -> Any:
    """What the JSON says of one player."""
    told = {k: None if np.isnan(v).all() else round(float(np.nanmean(v)), 3) for k, v in metrics.items()}
    mean, error = float(returns.mean()), float(returns.std(ddof=1) / len(returns) ** 0.5)
    share = mean / float(data.returns.mean())
    poor = float(np.mean(returns < 2 / 3 * data.returns.mean()))  # jams
    numbers = {"mean": round(mean, 2), "error": round(error, 2), "share": round(share, 3), "poor": round(poor, 3)}
    return {
        "trial": who,
        "algorithm": algorithm,
        "data": kind,
        "episodes": episodes,
        "set": own,
        **numbers,
        **told,
        "seconds": s,
    }


def table(rows: list[dict[str, Any]]) -> str:
    """What was tried, in Markdown."""
    lines = [["trial", "episodes", "deliveries", "of the data's", "agree", "pure", "seconds"]]
    for row in rows:
        shares = [f"{row[name]:.2f}" for name in ("share", "agree", "pure")]
        lines.append(
            [row["trial"], str(row["episodes"]), f"{row['mean']:.2f} ± {row['error']:.2f}", *shares, str(row["seconds"])]
        )
    return pages.in_markdown(lines)


def content_of() -> dict[str, Any]:
    """What the JSON holds; nothing, where it is not there."""
    content: dict[str, Any] = json.loads(TARGET.read_text(encoding="utf-8")) if TARGET.exists() else {"trials": []}
    return content


def tables_of_page() -> dict[str, str]:
    """What docs/warehouses-measured.md prints of the file, by the name of its place."""
    return {"choices": table(content_of()["trials"])}


def choose(args: argparse.Namespace) -> None:
    """Run what is asked for and not there, and write the file after each."""
    torch.set_num_threads(1)
    content = content_of()
    rows = content["trials"]
    for name in args.trials:
        if any(each["trial"] == name for each in rows):
            continue
        rows += trial(name, args.out)
        print(rows[-1], flush=True)
        machine.write(TARGET.stem, {**content, "conditions": machine.conditions(0, ("torch", "numpy"))})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", nargs="*", default=list(TRIALS), choices=list(TRIALS))
    parser.add_argument("--out", type=Path, default=Path("out/warehouse-choices"))
    parser.add_argument("--report", action="store_true", help="print what is there, as a table in Markdown, and run nothing")
    parser.add_argument(
        "--page", action="store_true", help="write that table into docs/warehouses-measured.md, and run nothing"
    )
    args = parser.parse_args()
    if args.page:
        pages.write_tables(pages.DOCS / "warehouses-measured.md", tables_of_page())
        return
    if not args.report:
        choose(args)
    print(table(content_of()["trials"]))


if __name__ == "__main__":
    main()
