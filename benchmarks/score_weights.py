"""How the data's episodes are to be reweighted for scores: ways held against the truth, on the zoo's choosing half.

    python benchmarks/score_weights.py               # three data seeds; 10 minutes of one processor
    python benchmarks/score_weights.py --report      # the table of what is there

Every policy that a run of deep AlberDICE with default settings offers to the selection is scored in eight models by each way:

    drawn       episodes drawn with replacement; a pair that a model lost pays the least reward for all that is left
    weighted    a Bayesian bootstrap: Dirichlet weights, no pair is lost
    pooled-K    the same, and K more steps of every pair as its frame's are in the mean

regret    (best truth of the scored policies - truth of the best scored) / max(optimum - data, .05 (optimum - uniform))
off       |estimate - truth| of the best scored, in the same unit
wrongly   runs said to be below the data or the clone that are not below the data; missed: the other way round
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import conditions, one_thread, side_by_side

from alberdice.datasets import load_dataset
from alberdice.datasets.resampled import Estimate, ResampledModels
from alberdice.deep.algorithms.alberdice import AlberDICE
from alberdice.deep.algorithms.alberdice.settings import AlberDICEConfig
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.play.model_scores import ModelScores
from alberdice.deep.play.tables import policy_of_game
from alberdice.evaluation import undiscounted_return
from alberdice.games.zoo import CHOOSING, zoo_game

MODELS, FIRST_SEED = 8, 100
OUT = Path(__file__).parent / "results" / "score_weights.json"


class _Drawing:
    """A generator whose weights are those of episodes drawn with replacement."""

    def __init__(self, generator: np.random.Generator) -> None:
        self.generator = generator

    def exponential(self, size: tuple[int, int]) -> Any:
        models, episodes = size
        return self.generator.multinomial(episodes, np.full(episodes, 1 / episodes), models).astype(np.float64)


class Drawn(ResampledModels):
    """Episodes drawn with replacement; what a model lost counts as outside the data."""

    def __init__(self, dataset: Any, models: int, generator: np.random.Generator) -> None:
        super().__init__(dataset, models, _Drawing(generator), pooling=0.0)  # type: ignore[arg-type]

    def estimate(self, tables: Any) -> Estimate:
        """The return in every model, pair by pair."""
        models, size = self.begin.shape
        chance = np.prod([t[self.pair_frame, self.pair_actions[:, i]] for i, t in enumerate(tables)], axis=0)
        weight, shares = np.maximum(self.pair_weight, 1e-300), chance * (self.pair_weight > 0)
        gained, inside = (
            np.stack([np.bincount(self.pair_frame, row, size) for row in rows])
            for rows in (shares * self.pair_reward / weight, shares)
        )
        chain = self._chain(shares / weight)
        mass, total = self.begin.ravel(), np.zeros(models)
        for left in range(self.horizon, 0, -1):
            outside = np.maximum(1.0 - inside, 0.0) * self.worst * left
            total += (mass.reshape(models, size) * (gained + outside)).sum(axis=1)
            mass = chain @ mass
        return Estimate(total)


def ways(dataset: Any, seed: int) -> dict[str, ResampledModels]:
    """The models of every way."""
    found: dict[str, ResampledModels] = {"drawn": Drawn(dataset, MODELS, np.random.default_rng(seed))}
    for pooling in (0.0, 0.3, 1.0, 3.0, 10.0):
        name = f"pooled-{pooling:g}" if pooling else "weighted"
        found[name] = ResampledModels(dataset, MODELS, np.random.default_rng(seed), pooling=pooling)
    return found


def one_run(name: str, seed: int) -> dict[str, Any]:
    """All policies of a run: the truth, and what every way says."""
    game, dataset = zoo_game(name), load_dataset(f"zoo-{name}", seed=seed)
    agents: Any = AlberDICE(
        TrainingData.build(dataset, share=True),
        AlberDICEConfig(dataset=f"zoo-{name}", dataset_seed=seed, seed=seed),
        torch.Generator().manual_seed(seed),
    )
    config, base, models = agents.config, ModelScores(dataset, seed, 1), ways(dataset, seed)
    generator, offered = torch.Generator().manual_seed(seed + 1), []
    for update in range(1, config.total + 1):
        agents.update(generator)
        if config.selects_after(update):
            tables = base.tables(agents.policies)
            truth = undiscounted_return(game.mmdp, policy_of_game(agents.policies, game), game.horizon)
            offered.append({"truth": truth, **{way: each.estimate(tables).returns.tolist() for way, each in models.items()}})
    played = float(dataset.rewards.mean() if game.horizon == 1 else dataset.returns.mean())
    return {
        "game": name,
        "seed": seed,
        "unit": max(game.optimum - played, 0.05 * (game.optimum - game.uniform)),
        "data": played,
        "slack": base.slack,
        "steps": game.limit if game.horizon == 1 else 1,
        "floors": {way: each.data_return.returns.tolist() for way, each in models.items()},
        "offered": offered,
    }


def chosen(run: dict[str, Any], way: str) -> tuple[float, float, bool, bool]:
    """Regret, how far the estimate is off, and whether the run is said to be and is below its data."""
    returns = np.array([each[way] for each in run["offered"]])
    scores, truths = returns.mean(axis=1) - returns.std(axis=1), np.array([each["truth"] for each in run["offered"]])
    best = len(scores) - 1 - int(np.argmax(scores[::-1]))
    gains = [returns[best] - np.array(floor) for floor in (run["floors"][way], returns[0])]
    says = any(gain.mean() < -(gain.std() + run["slack"]) for gain in gains)
    below = truths[best] < run["data"] - run["slack"] / run["steps"]
    off = abs(returns[best].mean() / run["steps"] - truths[best]) / run["unit"]
    return float((truths.max() - truths[best]) / run["unit"]), float(off), says, bool(below)


def report(runs: list[dict[str, Any]]) -> str:
    """The table, and the games on which ways differ."""
    lines = [f"{len(runs)} runs", "| way | mean regret | worst | off | wrongly below | missed |", "|---|---|---|---|---|---|"]
    for way in runs[0]["floors"]:
        found = [chosen(run, way) for run in runs]
        regrets, off = ([each[k] for each in found] for k in (0, 1))
        wrongly = sum(says and not below for _, _, says, below in found)
        missed = sum(below and not says for _, _, says, below in found)
        lines.append(f"| {way} | {np.mean(regrets):.3f} | {max(regrets):.2f} | {np.mean(off):.3f} | {wrongly} | {missed} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    one_thread()
    runs = json.loads(options.out.read_text())["runs"] if options.out.exists() else []
    done, seeds = {(run["game"], run["seed"]) for run in runs}, range(FIRST_SEED, FIRST_SEED + options.seeds)
    keys = [] if options.report else [(name, seed) for seed in seeds for name in CHOOSING if (name, seed) not in done]
    for run in side_by_side(one_run, keys, options.jobs):
        runs.append(run)
        runs.sort(key=lambda each: (each["seed"], list(CHOOSING).index(each["game"])))
        print(run["game"], run["seed"], flush=True)
        found = {**conditions(FIRST_SEED, ("torch", "numpy", "scipy")), "runs": runs}
        options.out.write_text(json.dumps(found) + "\n")
    print(report(runs))


if __name__ == "__main__":
    main()
