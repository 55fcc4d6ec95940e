"""Deep AlberDICE, or a baseline, with default settings on the zoo: last and selected policies against data, clone and optimum.

    python benchmarks/zoo.py                                   # the reporting half, five seeds
    python benchmarks/zoo.py --games lock wilds --seeds 1      # some games
    python benchmarks/zoo.py --algorithm optidice              # into zoo_optidice.json
    python benchmarks/zoo.py --half choosing --seeds 2         # the other half, seeds 100 and 101, into zoo_choosing.json
    python benchmarks/zoo.py --jobs 8                          # eight runs side by side
    python benchmarks/zoo.py --half choosing --held-out .2     # a share of the episodes scores and is not learned from

A run's data are made with its seed. No environment is used in training or choosing; returns here are exact, from the model.
Per run:

    gap      (optimum - return) / max(optimum - data, .05 (optimum - uniform))
    regret   (best of the scored policies - selected) / the same
    inside   whether the 90 % interval of the selected policies' estimate (100 models) holds its true return

``points`` are (score, truth) of every scored policy. Results are written after every run; runs that the file has are not
repeated.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import conditions, one_thread, side_by_side

from alberdice.datasets import load_dataset
from alberdice.datasets.empirical import empirical_model
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.batches.units import spread_of
from alberdice.deep.learner import learner_class
from alberdice.deep.play.model_scores import ModelScores
from alberdice.deep.play.tables import policy_of_game
from alberdice.deep.policies import load_policies
from alberdice.deep.training.held_out import split_of
from alberdice.deep.training.selection import MODELS, Selector
from alberdice.evaluation import undiscounted_return
from alberdice.games.zoo import CHOOSING, REPORTING, ZooGame, zoo_game
from alberdice.tabular import alternate, annealing_schedule

PACKAGES = ("torch", "numpy", "scipy")
HERE = Path(__file__).parent / "results"
#: of the choosing half; the reporting half has those from 0
FIRST_SEED = 100


class Recorded(Selector):
    """A selector that also notes the truth, which it does not use."""

    def __init__(self, scores: ModelScores, truth: Any) -> None:
        super().__init__(scores)
        self.truth, self.points = truth, []

    def consider(self, policies: Any, update: int, *, cloned: bool = False) -> None:
        """Score as ever, and note the truth beside the score."""
        before = self.best
        super().consider(policies, update, cloned=cloned)
        true = self.truth(policies)
        self.points.append((self.last.estimate.score, true))
        if self.best is not before:
            self.chosen, self.chosen_policies = true, policies.save()


def exact_alternation(game: ZooGame, dataset: Any, spread: float) -> float:
    """The exact layer's alternation on the empirical model, from the marginals, carried to the game."""
    empirical = empirical_model(dataset, game.mmdp.discount)
    alphas = annealing_schedule(spread, 0.02 * spread, 20)
    found = alternate(empirical.mmdp, empirical.data, alphas, second_order=False).policy
    return undiscounted_return(game.mmdp, empirical.policy_on(found, game.features), game.horizon)


def one_run(name: str, seed: int, settings: dict[str, Any], algorithm: str = "alberdice") -> dict[str, Any]:
    game, dataset = zoo_game(name), load_dataset(f"zoo-{name}", seed=seed)
    split = split_of(dataset, settings.get("held_out", 0.0), seed)
    maker = learner_class(algorithm)
    config = maker.settings(algorithm=algorithm, dataset=f"zoo-{name}", dataset_seed=seed, seed=seed, **settings)
    begun = time.process_time()
    data = TrainingData.build(split.learned, share=True)
    agents: Any = maker(data, config, torch.Generator().manual_seed(seed))
    config: Any = agents.config
    selector = Recorded(
        ModelScores(split.scored, seed, MODELS), lambda p: undiscounted_return(game.mmdp, policy_of_game(p, game), game.horizon)
    )
    generator = torch.Generator().manual_seed(seed + 1)
    for update in range(1, config.total + 1):
        agents.update(generator)
        if config.selects_after(update):
            selector.consider(agents.policies, update, cloned=update == config.pretraining > 0)
    seconds = time.process_time() - begun
    rewards = dataset.rewards
    played = float(rewards.mean() if game.horizon == 1 else dataset.returns.mean())
    wide = ModelScores(split.scored, seed + 1000, 100).estimate(load_policies(*selector.chosen_policies))
    low, high = (end / (game.limit if game.horizon == 1 else 1) for end in wide.interval())
    unit = max(game.optimum - played, 0.05 * (game.optimum - game.uniform))
    truths = [true for _, true in selector.points]
    exact = exact_alternation(game, dataset, spread_of(torch.from_numpy(rewards.copy()), data.endings > 0)[1])
    return {
        "game": name,
        "kind": game.kind,
        "seed": seed,
        "optimum": game.optimum,
        "uniform": game.uniform,
        "data": played,
        "cloned": truths[0],
        "exact_alternation": exact,
        "last": truths[-1],
        "selected": selector.chosen,
        "gap_last": (game.optimum - truths[-1]) / unit,
        "gap": (game.optimum - selector.chosen) / unit,
        "regret": (max(truths) - selector.chosen) / unit,
        "low": low,
        "high": high,
        "inside": bool(low - 1e-9 <= selector.chosen <= high + 1e-9),
        "says_below": bool(selector.shortfall()),
        "points": selector.points,
        "seconds": seconds,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--half", choices=("reporting", "choosing"), default="reporting")
    parser.add_argument("--games", nargs="*", help="of that half; none named: all")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--algorithm", default="alberdice")
    parser.add_argument("--held-out", type=float, default=0.0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    halves = {"choosing": list(CHOOSING), "reporting": list(REPORTING)}
    other, held = options.algorithm != "alberdice", options.held_out > 0
    parts = ("zoo", options.half * (options.half == "choosing"), options.algorithm * other, "held_out" * held)
    settings = {"held_out": options.held_out} if held else {}
    options.out = options.out or HERE / f"{'_'.join(filter(None, parts))}.json"
    first = FIRST_SEED if options.half == "choosing" else 0
    one_thread()
    found = json.loads(options.out.read_text())["runs"] if options.out.exists() else []
    done, games = {(run["game"], run["seed"]) for run in found}, options.games or halves[options.half]
    keys = [(name, seed) for seed in range(first, first + options.seeds) for name in games if (name, seed) not in done]
    for run in side_by_side(one_run, [(*key, settings, options.algorithm) for key in keys], options.jobs):
        found.append(run)
        found.sort(key=lambda each: (each["seed"], halves[options.half].index(each["game"])))
        start = f"{run['game']:22s} seed {run['seed']} gap {run['gap']:.3f}"
        print(f"{start} last {run['gap_last']:.3f} regret {run['regret']:.3f}", flush=True)
        options.out.write_text(json.dumps({**conditions(0, PACKAGES), "halves": halves, "runs": found}, indent=1) + "\n")
    gaps = np.array([run["gap"] for run in found])
    print(f"mean gap {gaps.mean():.3f}, at most .05 in {(gaps <= 0.05).mean():.0%} of {len(gaps)} runs")


if __name__ == "__main__":
    main()
