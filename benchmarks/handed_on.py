"""The paper's way to data: transformers that learned by playing play, and agents learn from what they played.

    python benchmarks/handed_on.py                     # on rware-tiny-2ag
    python benchmarks/handed_on.py --parts seeds       # one part alone
    python benchmarks/handed_on.py --quick             # teams that hardly learned (of learning_by_playing.py --quick), no JSON
    python benchmarks/handed_on.py --report            # what is there
    python benchmarks/handed_on.py --page              # the same into docs/warehouses.md

    seeds         three teams of one beginning, clones of both conventions: learning_by_playing.py --parts cloned made them
    conventions   two teams, made here: one began as a clone of outer-up alone, the other of inner-up, by the same settings

A team of one transformer (MAT) chooses one agent after another, and sees what all agents see; agents that learn from its data
choose at once, each from what it sees itself.  Whether that matters, and whether teams are of one mind, is asked first: in
``crossed`` agent 1 plays what one team would do and agent 2 what another would do, each by a draw of its own.  Then agents
learn from 1,000 episodes, an equal part by every team, actions drawn.  Settings are the presets for warehouses, chosen on data
of scripts; judged on 100 episodes that are the same whoever plays.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import learning_by_playing
import machine
import numpy as np
import pages
from numpy.typing import NDArray
from warehouse_learning import judged, mean_of, one_convention

from alberdice.datasets.build import from_episodes
from alberdice.datasets.dataset import OfflineDataset
from alberdice.datasets.record import record
from alberdice.deep.config import from_mapping
from alberdice.deep.learner import learner_class
from alberdice.deep.online.folder import mat_player
from alberdice.deep.online.mat import MATPlayer
from alberdice.deep.online.run import train_mat
from alberdice.deep.training.loop import run_training
from alberdice.deep.training.saved_run import policies_of_run
from alberdice.environments import find_environment
from alberdice.environments.contract import Frame
from alberdice.environments.rware import CONVENTIONS

ENVIRONMENT = "rware-tiny-2ag"
TARGET = machine.RESULTS / "handed_on.json"
#: of the episodes' numbers; teams and learners are judged on those of seed 0
SEED = 1
EPISODES = 1000
#: algorithms and their presets
LEARNERS = {"bc": "rware", "alberdice": "rware-conventions"}
PARTS = ("seeds", "conventions")
#: what ``judged`` calls drawn and sharp actions
PLAYED = ("returns", "sharp_returns")


class Crossed:
    """Agent i plays what the i-th team would do, by a draw of its own: no agent knows what another one chose."""

    def __init__(self, teams: Sequence[MATPlayer], rng: np.random.Generator) -> None:
        self.teams, self.rng = teams, rng

    def act(self, frame: Frame, uniforms: NDArray[np.float64]) -> NDArray[np.int64]:
        """(B, N) actions."""
        drawn = [team.act(frame, self.rng.random(uniforms.shape))[:, i] for i, team in enumerate(self.teams)]
        return np.stack(drawn, axis=1)


def teams_of(part: str, args: argparse.Namespace) -> dict[str, MATPlayer]:
    """The part's teams by name; those of conventions are trained, or gone on with."""
    if part == "seeds":
        seeds = range(1 if args.quick else learning_by_playing.SEEDS["cloned"])
        return {f"seed {seed}": mat_player(args.players / f"cloned-{ENVIRONMENT}-{seed}") for seed in seeds}
    config = learning_by_playing.PLAN["cloned"][ENVIRONMENT]
    if args.quick:
        config = replace(config, iterations=2, batch_episodes=4, cloning_updates=2)
    found = {}
    for k, name in enumerate(CONVENTIONS):
        data = one_convention("tiny", 2, 20 if args.quick else EPISODES, 0, k)
        found[name] = mat_player(train_mat(ENVIRONMENT, config, k, args.out / "players" / name, warm_start=data))
    return found


def crossed(teams: dict[str, MATPlayer], episodes: int) -> list[dict[str, Any]]:
    """Every team by itself, choosing one agent after another, and every pair of agents, each by a draw of its own."""
    asked: list[tuple[dict[str, Any], Any]] = [({"one after another": name}, team) for name, team in teams.items()]
    for one, other in itertools.product(teams, repeat=2):
        asked.append(({"agents": [one, other]}, Crossed((teams[one], teams[other]), np.random.default_rng(SEED))))
    found = []
    with find_environment(ENVIRONMENT).open() as env:
        for about, player in asked:
            played = record(env, lambda k, p=player: p, range(episodes), 0)
            metrics = {k: round(float(np.nanmean(played.metrics[k])), 4) for k in ("agree", "pure", "purity")}
            found.append({**about, "returns": [float(np.sum(one.rewards)) for one in played.episodes], "metrics": metrics})
    return found


def played_data(part: str, teams: dict[str, MATPlayer], episodes: int) -> tuple[OfflineDataset, dict[str, float]]:
    """Episodes of every team in equal parts and in random order, and every team's mean return."""
    found, means = [], {}
    with find_environment(ENVIRONMENT).open() as env:
        for k, (name, player) in enumerate(teams.items()):
            numbers = range(k, episodes, len(teams))
            own = [
                one
                for first in range(0, len(numbers), 125)
                for one in record(env, lambda k, p=player: p, numbers[first : first + 125], SEED).episodes
            ]
            means[name] = float(np.mean([np.sum(one.rewards) for one in own]))
            found += own
        order = np.random.default_rng(SEED).permutation(len(found))
        return from_episodes(f"{ENVIRONMENT}-{part}", env.spec.n_actions, [found[k] for k in order]), means


def one_run(part: str, algorithm: str, seed: int, data: OfflineDataset, args: argparse.Namespace) -> list[dict[str, Any]]:
    """Train, or go on, and judge; AlberDICE's own clone as a row of its own."""
    settings: Any = learner_class(algorithm).settings
    values = {**settings.presets[LEARNERS[algorithm]], "algorithm": algorithm, "seed": seed, "environment": "none"}
    if args.quick:
        values |= {name: 2 for name in ("updates", "pretrain_updates", "memory_updates") if name in values}
    config: Any = from_mapping({**values, "pictures": False, "checkpoint_every": 250}, settings(algorithm=algorithm))
    folder = args.out / f"{part}-{algorithm}-{seed}"
    learner: Any = run_training(config, folder, dataset=data, resume=True).learner
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    players = {algorithm: policies_of_run(folder)}
    if algorithm == "alberdice":
        players["alberdice pi^D"] = learner.clone
    about = {"preset": LEARNERS[algorithm], "seed": seed, "seconds": round(result["train_seconds"], 1)}
    about["price"] = result["agreement"].get("price")
    episodes = 10 if args.quick else 100
    return [{"algorithm": name, **about, **judged(p, f"{ENVIRONMENT}-{part}", episodes)} for name, p in players.items()]


def learn(args: argparse.Namespace) -> None:
    """Teams, data, and what is not there of the runs; the file is written after each."""
    machine.one_thread()
    held = json.loads(TARGET.read_text(encoding="utf-8"))["parts"] if TARGET.exists() and not args.quick else {}
    for part in args.parts:
        own = held.setdefault(part, {"runs": []})
        done = {(run["algorithm"], run["seed"]) for run in own["runs"]}
        todo = [key for key in itertools.product(LEARNERS, range(args.seeds)) if key not in done]
        if not todo:
            continue
        teams = teams_of(part, args)
        data, means = played_data(part, teams, 20 if args.quick else EPISODES)
        own |= {"conditions": machine.conditions(SEED, ("torch", "numpy")), "teams": means}
        own |= {"data_return": float(data.returns.mean()), "episodes": data.n_episodes}
        if "crossed" not in own:
            own["crossed"] = crossed(teams, 10 if args.quick else 100)
        for algorithm, seed in sorted(todo, key=lambda key: key[1]):
            runs = own["runs"] + one_run(part, algorithm, seed, data, args)
            own["runs"] = sorted(runs, key=lambda run: (run["algorithm"], run["seed"]))
            print(f"{part}: {algorithm} seed {seed}, of {own['data_return']:.2f}\n{table(own)}", flush=True)
            if not args.quick:
                machine.write(TARGET.stem, {"parts": {name: held[name] for name in PARTS if name in held}})


def table(part: dict[str, Any]) -> str:
    """Per algorithm: seeds, deliveries and their share of the data's mean, drawn and sharp; agreement, gain over BC, price."""
    rows = [["", "seeds", "drawn", "of the data's", "sharp", "of the data's", "agree", "drawn, less bc", "price"]]
    by: dict[str, dict[int, dict[str, Any]]] = {name: {} for name in ("bc", "alberdice", "alberdice pi^D")}
    for run in part["runs"]:
        by[run["algorithm"]][run["seed"]] = run
    for name, own in by.items():
        cells = [name, str(len(own))]
        for play in PLAYED if own else ():
            mean, error = mean_of({seed: np.array(run[play]) for seed, run in own.items()})
            cells += [f"{mean:.2f} ± {error:.2f}", f"{mean / (part['data_return'] or np.nan):.2f}"]
        if own:
            cells.append(f"{np.mean([run['metrics']['agree'] for run in own.values()]):.2f}")
        both = {k: np.array(own[k]["returns"]) - np.array(by["bc"][k]["returns"]) for k in own.keys() & by["bc"].keys()}
        cells.append("{:+.2f} ± {:.2f}".format(*mean_of(both)) if both and name != "bc" else "")
        prices = [run["price"] for run in own.values() if name == "alberdice"]
        cells.append(", ".join(f"{price:.3f}" for price in prices))
        rows.append(cells + [""] * (len(rows[0]) - len(cells)))
    return pages.in_markdown(rows)


def table_of_crossed(part: dict[str, Any]) -> str:
    """Per team: by itself one agent after another, and agent 1 of it with agent 2 of each, by draws of their own."""

    def told(returns: list[float]) -> str:
        mean, error = mean_of({0: np.array(returns)})
        return f"{mean:.2f} ± {error:.2f}"

    names, played = list(part["teams"]), part["crossed"]
    alone = {each["one after another"]: each for each in played if "agents" not in each}
    pairs = {tuple(each["agents"]): told(each["returns"]) for each in played if "agents" in each}
    rows = [["team", "one agent after another", "agree", *(f"agent 1 of it, agent 2 of {name}" for name in names)]]
    for name in names:
        own = alone[name]
        rows.append([name, told(own["returns"]), f"{own['metrics']['agree']:.2f}", *(pairs[name, other] for other in names)])
    return pages.in_markdown(rows)


def tables_of_page() -> dict[str, str]:
    """What docs/warehouses.md prints, by the name of its place."""
    parts = json.loads(TARGET.read_text(encoding="utf-8"))["parts"]
    crossed_tables = {f"crossed {name}": table_of_crossed(part) for name, part in parts.items()}
    return crossed_tables | {f"handed on, {name}": table(part) for name, part in parts.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="*", default=list(PARTS), choices=PARTS)
    parser.add_argument("--players", type=Path, help="where the teams of seeds are; where learning_by_playing.py puts them")
    parser.add_argument("--out", type=Path, default=Path("out/handed-on"))
    parser.add_argument("--seeds", type=int, default=3, help="of the learners")
    parser.add_argument("--quick", action="store_true", help="two updates of everything, in OUT/quick; no JSON is written")
    parser.add_argument("--report", action="store_true", help="print what is there")
    parser.add_argument("--page", action="store_true", help="write the tables into docs/warehouses.md, and run nothing")
    args = parser.parse_args()
    quick = "quick" if args.quick else ""  # apart from runs that are reported, whose settings are others
    args.out, args.players = args.out / quick, args.players or Path("out/learning-by-playing", quick)
    if args.report:
        print("\n\n".join(f"{name}\n\n{found}" for name, found in tables_of_page().items()))
    elif args.page:
        pages.write_tables(pages.DOCS / "warehouses.md", tables_of_page())
    else:
        learn(args)


if __name__ == "__main__":
    main()
