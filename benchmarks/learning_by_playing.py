"""MAT learns by playing: games whose optimum is known, and warehouses, from a cloned expert and from nothing.

    python benchmarks/learning_by_playing.py                      # all parts: a day of a core
    python benchmarks/learning_by_playing.py --parts games        # Penalty XOR, climbing and hard Bridge, five seeds each
    python benchmarks/learning_by_playing.py --parts cloned       # expert -> clone -> PPO, three seeds a warehouse
    python benchmarks/learning_by_playing.py --parts nothing      # from nothing on tiny-2ag, 40 million steps, one seed
    python benchmarks/learning_by_playing.py --minutes 9          # stop there; the same command goes on
    python benchmarks/learning_by_playing.py --quick              # a few iterations of each part, and no JSON is written
    python benchmarks/learning_by_playing.py --report             # what is there
    python benchmarks/learning_by_playing.py --page               # tables into docs/warehouses.md, curves into docs/images

Runs are those of ``alberdice-deep collect --train mat``, in folders under ``--out``.  Settings were chosen on rware-tiny-2ag
with data of seed 5 and the seed 100, by hand (docs/warehouses-measured.md); reported are data of seed 0 and the seeds from 0.

    games      greedy return of what was learned against the best there is by the model; the first joint action, and whether the
               model calls it optimal
    cloned     1,000 episodes of two conventions, cloned; deliveries per iteration; at the end, and of the clone alone, 100
               episodes (number k is the same whoever plays), actions drawn and greedy, and how many keep to which convention
    nothing    deliveries per iteration
"""

from __future__ import annotations

import argparse
import time
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import machine
import numpy as np
import pages
import torch
from warehouse_learning import data_of, runs_of

from alberdice.datasets.dataset import OfflineDataset
from alberdice.datasets.record import record
from alberdice.deep.online.folder import mat_player
from alberdice.deep.online.mat import MAT, MATPlayer
from alberdice.deep.online.run import train_mat
from alberdice.deep.online.settings import MATConfig
from alberdice.deep.training.device import named_device
from alberdice.environments import find_environment
from alberdice.environments.games import GameEnvironment
from alberdice.evaluation import best_undiscounted_return
from alberdice.plotting.figures import AGENT_COLOURS, INK, PALE, new_figure, save
from alberdice.readers import parse_json

TARGET = machine.RESULTS / "learning_by_playing.json"
GAME = MATConfig(iterations=60, batch_episodes=64, epochs=10, width=32)
CLONED = MATConfig(
    iterations=300, batch_episodes=16, epochs=5, minibatches=4, learning_rate=2e-4, entropy=0.01, cloning_updates=750
)
NOTHING = MATConfig(iterations=625, batch_episodes=128, epochs=5, minibatches=16, learning_rate=5e-4)
PLAN: dict[str, dict[str, MATConfig]] = {
    "games": {
        "penalty-xor": GAME,
        "climbing": GAME,
        "bridge": MATConfig(iterations=200, batch_episodes=32),
    },
    "cloned": {"rware-tiny-2ag": CLONED, "rware-small-4ag": CLONED},
    "nothing": {"rware-tiny-2ag": NOTHING},
}
SEEDS = {"games": 5, "cloned": 3, "nothing": 1}
PICTURE = pages.DOCS / "images" / "learning-by-playing.png"
#: iterations that a point of a curve is the mean of
SMOOTHED = 10
EPISODES = 1000


class OutOfTime(Exception):
    """The minutes are over."""


def one_run(key: dict[str, Any], spent: float | None, out: Path, until: float, episodes: int, quick: bool) -> dict[str, Any]:
    """Train, or go on where earlier calls have spent so many processor seconds (None: not known), and judge."""
    part, environment, seed = key["part"], key["environment"], key["seed"]
    config = PLAN[part][environment]
    if quick:
        config = replace(config, iterations=2, batch_episodes=4, cloning_updates=min(config.cloning_updates, 3))
    data = data_of(f"{environment}-conventions", episodes) if part == "cloned" else None
    folder = out / f"{part}-{environment}-{seed}"
    if not (folder / "state.safetensors").exists():
        spent = 0.0  # begun anew
    began = time.process_time()

    def told(done: int, total: int, value: float) -> None:
        if time.time() > until and done % 10 == 0 and done < total:
            raise OutOfTime

    torch.set_num_threads(1)
    with suppress(OutOfTime):
        train_mat(environment, config, seed, folder, warm_start=data, progress=told, device=key["device"])
    lines = [parse_json(line, str(folder)) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    found = {**key, "conditions": conditions_of(seed), "settings": asdict(config), "curve": curve_of(lines)}
    found |= {"seconds": None if spent is None else round(spent + time.process_time() - began, 1)}
    found |= {"iterations": lines[-1]["iteration"], "steps": lines[-1]["steps"]}
    games = judged_game if part == "games" else judged
    found["learned"] = games(environment, mat_player(folder), 20 if quick else 100)
    if data is not None:
        found["data_return"] = float(data.returns.mean())
        found["clone"] = judged(environment, clone_of(environment, config, seed, data, key["device"]), 20 if quick else 100)
    return found


def conditions_of(seed: int) -> dict[str, Any]:
    """Of this run: a file may hold runs of several machines."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {**machine.conditions(seed, ("torch", "numpy")), "gpu": gpu}


def curve_of(lines: list[dict[str, Any]]) -> dict[str, list[float]]:
    """Steps and returns, iteration by iteration."""
    played = [line for line in lines if line["iteration"] > 0]
    return {"steps": [line["steps"] for line in played], "return": [round(line["return"], 3) for line in played]}


def clone_of(environment: str, config: MATConfig, seed: int, data: OfflineDataset, device: str) -> MATPlayer:
    """What the run cloned before it played: the same draws once more."""
    with find_environment(environment).open() as env:
        learner = MAT(env.spec, config, seed, named_device(device))
        learner.clone(data, config.cloning_updates)
    return MATPlayer(learner.network.cpu())


def judged(environment: str, player: MATPlayer, episodes: int) -> dict[str, Any]:
    """Episodes 0 .. E - 1 of seed 0, with actions drawn and greedy."""
    found: dict[str, Any] = {}
    for name, greedy in (("drawn", False), ("greedy", True)):
        with find_environment(environment).open() as env:
            played = record(env, lambda k, g=greedy: MATPlayer(player.network, g), range(episodes), 0)
        returns = [float(np.sum(one.rewards)) for one in played.episodes]
        means = {k: round(float(np.nanmean(v)), 4) for k, v in played.metrics.items() if not np.isnan(v).all()}
        found[name] = {"returns": returns, "metrics": means}
    return found


def judged_game(environment: str, player: MATPlayer, episodes: int) -> dict[str, Any]:
    """Greedy play against the model's best, and with drawn actions."""
    with find_environment(environment).open() as env:
        assert isinstance(env, GameEnvironment)
        model, horizon = env.game.mmdp, env.spec.horizon or 1
        played = {
            name: record(env, lambda k, g=greedy: MATPlayer(player.network, g), range(episodes), 0).episodes
            for name, greedy in (("drawn", False), ("greedy", True))
        }
    first = [int(a) for a in played["greedy"][0].actions[0]]
    means = {name: float(np.mean([np.sum(one.rewards) for one in many])) for name, many in played.items()}
    best = best_undiscounted_return(model, horizon)
    return {**means, "best": best, "optimal": bool(abs(means["greedy"] - best) < 1e-6), "joint_action": first}


def learn(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Run what is asked for and not whole yet, and write the file after each."""
    runs = [] if args.quick else runs_of(TARGET)
    asked = [
        {"part": part, "environment": environment, "seed": seed, "device": args.device}
        for part in args.parts
        for environment in PLAN[part]
        if args.environments is None or environment in args.environments
        for seed in range(1 if args.quick else args.seeds or SEEDS[part])
    ]
    until = time.time() + 60 * args.minutes
    todo = [key for key in asked if not any(same(key, run) and whole(run) for run in runs)]
    spent = [next((run["seconds"] for run in runs if same(key, run)), 0.0) for key in todo]
    work = [
        (key, before, args.out, until, 20 if args.quick else EPISODES, args.quick)
        for key, before in zip(todo, spent, strict=True)
    ]
    for found in machine.side_by_side(one_run, work, args.jobs):
        runs = [run for run in runs if not same(run, found)] + [found]
        print(told(found), flush=True)
        if not args.quick:
            write(runs)
    return runs


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether these are of one run."""
    return all(one[name] == other[name] for name in ("part", "environment", "seed"))


def whole(run: dict[str, Any]) -> bool:
    """Whether it has all of its iterations."""
    return bool(run["iterations"] == PLAN[run["part"]][run["environment"]].iterations)


def write(runs: list[dict[str, Any]]) -> None:
    """The whole file."""
    runs = sorted(runs, key=lambda run: (list(PLAN).index(run["part"]), run["environment"], run["seed"]))
    machine.write(TARGET.stem, {"runs": runs})


def told(run: dict[str, Any]) -> str:
    """A line."""
    text = f"{run['part']:8} {run['environment']} seed {run['seed']}, {run['iterations']} iterations, {run['steps']:,} steps: "
    learned = run["learned"]
    if run["part"] == "games":
        words = "the best" if learned["optimal"] else f"the best is {learned['best']:.4f}"
        return text + f"greedy {learned['greedy']:.4f} ({words}), drawn {learned['drawn']:.4f}, first {learned['joint_action']}"
    parts = ["{} {} (greedy {})".format(who, *played(run[who])) for who in ("clone", "learned") if who in run]
    return text + ", ".join(parts) + (f", data {run['data_return']:.2f}" if "data_return" in run else "")


def tables_of_page() -> dict[str, str]:
    """What docs/warehouses.md prints, by the name of its place."""
    runs = runs_of(TARGET)
    return {"played games": table_of_games(runs), "played warehouses": table_of_warehouses(runs)}


def table_of_games(runs: list[dict[str, Any]]) -> str:
    """Per game, how many seeds found the best, and their first joint actions."""
    rows = [["", "seeds", "greedy play is the best", "the best", "drawn actions", "first joint actions", "steps played"]]
    for name in PLAN["games"]:
        own = [run for run in runs if (run["part"], run["environment"]) == ("games", name)]
        learned = [run["learned"] for run in own]
        drawn, steps = (np.mean([x[k] for x in many]) for k, many in (("drawn", learned), ("steps", own)))
        first = ", ".join(sorted({str(tuple(one["joint_action"])) for one in learned}))
        solved = sum(one["optimal"] for one in learned)
        rows.append([name, str(len(own)), str(solved), f"{learned[0]['best']:.4f}", f"{drawn:.4f}", first, f"{steps:,.0f}"])
    return pages.in_markdown(rows)


def table_of_warehouses(runs: list[dict[str, Any]]) -> str:
    """Per run: the clone, what was learned, and at what cost."""
    heads = ["from", "environment", "seed", "data", "clone", "learned", "of the data's", "greedy", "iterations", "steps"]
    rows = [[*heads, "processor seconds"]]
    for run in runs:
        if run["part"] != "games":
            data = run.get("data_return")
            parts = [played(run[who]) if who in run else ("", "") for who in ("clone", "learned")]
            share = "" if data is None else f"{np.mean(run['learned']['drawn']['returns']) / data:.2f}"
            own = [run["part"], run["environment"], str(run["seed"]), "" if data is None else f"{data:.2f}", parts[0][0]]
            own += [parts[1][0], share, parts[1][1], f"{run['iterations']} of {run['settings']['iterations']}"]
            seconds = "" if run["seconds"] is None else f"{run['seconds']:,.0f}{', GPU' if run['device'] == 'cuda' else ''}"
            rows.append([*own, f"{run['steps']:,}", seconds])
    return pages.in_markdown(rows)


def played(found: dict[str, Any]) -> tuple[str, str]:
    """Mean and error of drawn actions, and of greedy ones."""
    drawn, greedy = (np.array(found[play]["returns"]) for play in ("drawn", "greedy"))
    first, second = (f"{x.mean():.2f} ± {x.std(ddof=1) / len(x) ** 0.5:.2f}" for x in (drawn, greedy))
    return first, second


def draw(runs: list[dict[str, Any]]) -> Path:
    """Learning curves: a panel per part and warehouse."""
    panels = [(part, name) for part in ("nothing", "cloned") for name in PLAN[part]]
    figure = new_figure(4.2 * len(panels), 3.6)
    for at, (part, name) in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), at + 1)
        own = [run for run in runs if (run["part"], run["environment"]) == (part, name)]
        for run in own:
            steps, returns = (np.array(run["curve"][key]) for key in ("steps", "return"))
            smooth = np.convolve(returns, np.full(SMOOTHED, 1 / SMOOTHED), "valid")
            axes.plot(steps / 1e6, returns, color=PALE, linewidth=0.6, zorder=1)
            axes.plot(steps[SMOOTHED - 1 :] / 1e6, smooth, color=AGENT_COLOURS[1], linewidth=1.4, zorder=2)
        data = next((run["data_return"] for run in runs if run["environment"] == name and "data_return" in run), None)
        if data is not None:
            axes.axhline(data, color=INK, linestyle="--", linewidth=1, label="scripts that made the data")
        if part == "cloned":
            level = np.mean([np.mean(run["clone"]["drawn"]["returns"]) for run in own])
            axes.axhline(level, color=AGENT_COLOURS[0], linestyle=":", linewidth=1.4, label="clone before it plays")
        axes.set(title=f"{name}, from {'nothing' if part == 'nothing' else 'a clone'}", xlabel="million steps played")
        axes.set(ylabel="deliveries an episode", ylim=(0, None))
        axes.legend(loc="lower right", fontsize=8, frameon=False)
    figure.tight_layout()
    return save(figure, PICTURE, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="*", default=list(PLAN), choices=list(PLAN))
    parser.add_argument("--environments", nargs="*", default=None)
    parser.add_argument("--seeds", type=int, default=0, help="from 0 on; 0: five on games, three, one")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--device", default="cpu", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--minutes", type=float, default=1e6, help="after which runs stop, to be gone on with")
    parser.add_argument("--out", type=Path, default=Path("out/learning-by-playing"))
    parser.add_argument("--quick", action="store_true", help="a few iterations, in OUT/quick; no JSON is written")
    parser.add_argument("--report", action="store_true", help="print what is there")
    parser.add_argument("--page", action="store_true", help="write tables and curves of what is there, and run nothing")
    args = parser.parse_args()
    if args.quick:  # apart from runs that are reported, whose settings are others
        args.out = args.out / "quick"
    if args.report:
        print("\n\n".join(tables_of_page().values()))
    elif args.page:
        pages.write_tables(pages.DOCS / "warehouses.md", tables_of_page())
        print(draw(runs_of(TARGET)))
    else:
        learn(args)


if __name__ == "__main__":
    main()
