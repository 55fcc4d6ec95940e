"""What ``benchmarks/zoo.py`` found, as tables and as a picture: score against truth, regret by kind, intervals.

    python benchmarks/zoo_report.py              # tables on stdout, docs/images/zoo-scores.png

A point of the picture is one scored policy of one run, in units of that run: (x - data) / max(optimum - data, .05 (optimum -
uniform)), so that 0 is the data and 1 the optimum.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from alberdice.games.zoo import zoo_game

#: games and the same in other words
FORMS = {
    "rewards x .01": ("relay-4", "relay-4-hundredth"),
    "rewards x 100": ("stags-3", "stags-3-hundredfold"),
    "rewards + 5, nothing ends": ("wilds-20", "wilds-raised"),
    "features rescaled and moved": ("meeting-wide", "meeting-rescaled"),
    "five constant features more": ("grid-wide", "grid-constants"),
}
HERE = Path(__file__).parent
Run = dict[str, Any]


def unit(run: Run) -> float:
    """What gaps are measured in."""
    return float(max(run["optimum"] - run["data"], 0.05 * (run["optimum"] - run["uniform"])))


def gap(run: Run, name: str) -> float:
    """(optimum - return) in the run's unit."""
    return float((run["optimum"] - run[name]) / unit(run))


def below(run: Run) -> bool:
    """Whether the selected policies are truly below the data, or below their clone, by more than 1 % of the unit."""
    return bool(run["selected"] < max(run["data"], run["cloned"]) - 0.01 * unit(run))


def within(run: Run) -> bool:
    """Whether the interval, 1 % of the unit wider on either side, holds the truth."""
    slack = 0.01 * unit(run)
    return bool(run["low"] - slack <= run["selected"] <= run["high"] + slack)


def plays(run: Run) -> int:
    """How many plays a score counts, where the truth is of one."""
    game = zoo_game(run["game"])
    return game.limit if game.horizon == 1 else 1


def grouped(runs: list[Run], key: str) -> dict[str, list[Run]]:
    """Runs by game or by kind, in the order of the file."""
    found: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        found[run[key]].append(run)
    return found


def by_game(runs: list[Run], others: Mapping[str, list[Run]]) -> list[str]:
    """Mean returns over seeds, the largest gap, processor seconds; beside what ``others`` kept on the same data."""
    before, after = ("data", "cloned", "exact_alternation"), ("last", "selected", "optimum")
    fewer = {name: len({run["seed"] for run in them}) for name, them in others.items()}
    beside = [f"{name}, {k} seeds" if k != len({run["seed"] for run in runs}) else name for name, k in fewer.items()]
    columns = ["game", "seeds", "data", "clone", "exact alternation", *beside]
    columns += ["last", "selected", "optimum", "largest gap", "seconds"]
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for name, own in grouped(runs, "game").items():
        seeds = {run["seed"] for run in own}
        rivals = [[run["selected"] for run in them if run["game"] == name and run["seed"] in seeds] for them in others.values()]
        found = [np.mean([run[key] for run in own]) for key in before]
        found += [np.mean(rival) if rival else np.nan for rival in rivals]
        found += [np.mean([run[key] for run in own]) for key in after]
        means = " | ".join("not run" if np.isnan(x) else f"{x:.4g}" for x in found)
        worst, seconds = max(gap(run, "selected") for run in own), np.mean([run["seconds"] for run in own])
        lines.append(f"| {name} | {len(own)} | {means} | {worst:.3f} | {seconds:.0f} |")
    return lines


def by_kind(runs: list[Run]) -> list[str]:
    """Gaps, the selection's regret, and how often the interval holds the truth to 1 %."""
    lines = [
        "| kind | runs | gap, selected | gap, last | gap, exact alternation | regret | worst | truth inside |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for kind, own in grouped(runs, "kind").items():
        gaps = [np.mean([gap(run, name) for run in own]) for name in ("selected", "last", "exact_alternation")]
        regret, inside = [run["regret"] for run in own], sum(within(run) for run in own)
        numbers = " | ".join(f"{x:.3f}" for x in (*gaps, np.mean(regret), max(regret)))
        lines.append(f"| {kind} | {len(own)} | {numbers} | {inside} of {len(own)} |")
    return lines


def by_form(runs: list[Run]) -> list[str]:
    """Gaps of games and of the same games in other words, seed by seed."""
    found = {(run["game"], run["seed"]): gap(run, "selected") for run in runs}
    lines = ["| form | seeds | gaps as they are | gaps in that form |", "|---|---|---|---|"]
    for form, (plain, other) in FORMS.items():
        seeds = [seed for name, seed in found if name == plain and (other, seed) in found]
        gaps = (", ".join(f"{found[name, seed]:.3f}" for seed in seeds) for name in (plain, other))
        lines.append(f"| {form} | {len(seeds)} | {' | '.join(gaps)} |")
    return lines


def summary(runs: list[Run]) -> list[str]:
    """The aims of the zoo, each with what was found."""
    gaps = np.array([gap(run, "selected") for run in runs])
    kinds = np.mean([np.mean([gap(run, "selected") for run in own]) for own in grouped(runs, "kind").values()])
    failed = [run for run in runs if below(run)]
    said, cried = sum(run["says_below"] for run in failed), sum(run["says_below"] for run in runs if not below(run))
    near, inside = sum(within(run) for run in runs), sum(run["inside"] for run in runs)
    share, seconds = (gaps <= 0.05).mean(), np.mean([run["seconds"] for run in runs])
    return [
        f"- {len(runs)} runs of {len(grouped(runs, 'game'))} games.",
        f"- Gap at most .05 in {share:.0%} (aim: 90 %), mean over kinds {kinds:.3f} (aim: .10), worst {gaps.max():.2f}.",
        f"- Selected below the data or the clone: {len(failed)} runs, of which {said} say so; {cried} say so wrongly.",
        f"- The 90 % interval holds the truth in {inside} runs, and to 1 % of the unit in {near}.",
        f"- Processor seconds of a run: {seconds:.0f} in the mean, on a machine busy with other work.",
    ]


def against(runs: list[Run], name: str, others: list[Run]) -> list[str]:
    """How the selected policies of the same data compare with another algorithm's, game by game and seed by seed."""
    rivals = {(run["game"], run["seed"]): run["selected"] for run in others}
    pairs = [(run["selected"] - rivals[key]) / unit(run) for run in runs if (key := (run["game"], run["seed"])) in rivals]
    if not pairs:
        return []
    better, worse = sum(x > 0.01 for x in pairs), sum(x < -0.01 for x in pairs)
    there = {(run["game"], run["seed"]) for run in runs}
    gaps = [gap(run, "selected") for run in others if (run["game"], run["seed"]) in there]
    words = f"better in {better} of {len(pairs)} runs by more than 1 % of the unit, worse in {worse}"
    return [f"- Against the policies that {name} keeps (mean gap {np.mean(gaps):.3f}): {words}."]


def picture(runs: list[Run], target: Path) -> None:
    """Score against truth, a panel per kind."""
    from matplotlib.figure import Figure

    kinds = grouped(runs, "kind")
    columns = 5
    rows = -(-len(kinds) // columns)
    figure = Figure(figsize=(2.4 * columns, 2.5 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, (kind, own) in zip(axes, kinds.items(), strict=False):
        seen = [(x / plays(run), y, run) for run in own for x, y in run["points"]]
        points = [((x - run["data"]) / unit(run), (y - run["data"]) / unit(run)) for x, y, run in seen]
        x, y = np.clip(np.array(points), -2, 1.1).T
        axis.plot([-2.05, 1.15], [-2.05, 1.15], color="0.8", linewidth=1, zorder=0)
        axis.scatter(x, y, s=8, alpha=0.5, linewidths=0)
        axis.set(title=kind, xlim=(-2.1, 1.2), ylim=(-2.1, 1.2), xticks=[-2, -1, 0, 1], yticks=[-2, -1, 0, 1], aspect="equal")
        axis.spines[["top", "right"]].set_visible(False)
    for axis in axes[len(kinds) :]:
        axis.set_visible(False)
    figure.supxlabel("score from data alone (0: the data, 1: the optimum; cut at -2)")
    figure.supylabel("true return")
    figure.savefig(target, dpi=150)


def main() -> None:
    """Print tables, draw the picture."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--results", type=Path, default=HERE / "results" / "zoo.json")
    parser.add_argument("--picture", type=Path, default=HERE.parent / "docs" / "images" / "zoo-scores.png")
    parser.add_argument("--beside", nargs="*", default=["bc", "optidice"], help="algorithms of other columns")
    options = parser.parse_args()
    runs = json.loads(options.results.read_text())["runs"]
    files = {name: options.results.with_name(f"zoo_{name}.json") for name in options.beside}
    others = {name: json.loads(file.read_text())["runs"] if file.exists() else [] for name, file in files.items()}
    beside = [line for name, them in others.items() for line in against(runs, name, them)]
    print("\n".join([*summary(runs), *beside, "", *by_game(runs, others), "", *by_kind(runs), "", *by_form(runs)]))
    picture(runs, options.picture)


if __name__ == "__main__":
    main()
