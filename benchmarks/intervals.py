"""How often intervals from data alone hold the truth, on the zoo's choosing half: as they were, as they are, and corrections'.

    python benchmarks/intervals.py                       # one data seed; some 10 minutes of one processor
    python benchmarks/intervals.py --quick               # two games
    python benchmarks/intervals.py --report              # the table of what is there

Of every run of deep AlberDICE with default settings four policies are judged: the clone, those half way, the last, and those
that the scores choose.  All by the run's own data.  Per policy, in units of max(optimum - data, .05 (optimum - uniform)):

    plain         5 % and 95 % quantiles over 100 resampled models with the scores' conventions, less the truth
    bounded       the interval that `evaluate --offline` prints (``datasets.resampled.Bounded``), likewise
    corrections   5 % and 95 % quantiles of stationary distribution corrections, likewise

An interval holds the truth if that is inside to .1 % of the unit.  ``regret`` is what is lost by choosing, of all policies that
a run offers, the one of best score (mean - std over eight models), by the models' returns or by corrections'.  ``--values
GAMES`` adds, for discounted returns for ever of the clone and the chosen policies there, fitted Q evaluation and corrections as
where states do not repeat.  ``--keep DIR`` keeps the policies of runs, so that they are trained once.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import conditions, one_thread, side_by_side

from alberdice.datasets import OfflineDataset, load_dataset
from alberdice.datasets.corrections import Corrections
from alberdice.datasets.resampled import Estimate, ResampledModels
from alberdice.deep.algorithms.alberdice import AlberDICE
from alberdice.deep.algorithms.alberdice.settings import AlberDICEConfig
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.play.fitted_q import FittedQ
from alberdice.deep.play.tables import policy_of_game
from alberdice.deep.training.selection import MODELS
from alberdice.evaluation import discounted_return, undiscounted_return
from alberdice.games.zoo import CHOOSING, ZooGame, zoo_game
from alberdice.policy import FactorizedPolicy

FIRST_SEED = 100
HERE = Path(__file__).parent / "results"
#: an interval holds what is inside it to this share of the unit
EXACT = 1e-3


def offered(name: str, seed: int, keep: Path | None) -> list[FactorizedPolicy]:
    """Tables over the game's states of all policies that a run offers to the selection, in order."""
    kept = None if keep is None else keep / f"pol-{name}-{seed}.npz"
    if kept is not None and kept.exists():
        with np.load(kept, allow_pickle=False) as saved:
            tables = [saved[f"t{i}"] for i in range(zoo_game(name).mmdp.n_agents)]
        return [FactorizedPolicy([t[k] for t in tables]) for k in range(len(tables[0]))]
    game, dataset = zoo_game(name), load_dataset(f"zoo-{name}", seed=seed)
    config = AlberDICEConfig(dataset=f"zoo-{name}", dataset_seed=seed, seed=seed)
    agents: Any = AlberDICE(TrainingData.build(dataset, share=True), config, torch.Generator().manual_seed(seed))
    generator, found = torch.Generator().manual_seed(seed + 1), []
    for update in range(1, agents.config.total + 1):
        agents.update(generator)
        if agents.config.selects_after(update):
            found.append(policy_of_game(agents.policies, game))
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(kept, **{f"t{i}": np.stack([p.tables[i] for p in found]) for i in range(game.mmdp.n_agents)})
    return found


def states_of(game: ZooGame, dataset: OfflineDataset) -> Any:
    """The game's state at every frame."""
    seen = (dataset.frame_observations[:, 0, None] == game.features).all(axis=-1)
    assert seen.any(axis=1).all()
    return seen.argmax(axis=1)


class Judge:
    """One run's data, and what they say of its policies."""

    def __init__(self, name: str, seed: int, models: int) -> None:
        self.game, self.data = zoo_game(name), load_dataset(f"zoo-{name}", seed=seed)
        self.steps = self.game.limit if self.game.horizon == 1 else 1  # matrix games: the truth is of one play of so many
        self.state = states_of(self.game, self.data)
        self.few = ResampledModels(self.data, MODELS, np.random.default_rng(seed))
        self.many = ResampledModels(self.data, models, np.random.default_rng(seed + 1000))
        self.seed = seed
        self.features = TrainingData.build(self.data, share=False).states[:-1].double().numpy()
        self.sums = self.corrections(self.many.weights, 1.0, self.many.horizon)
        played = float(self.data.rewards.mean() if self.game.horizon == 1 else self.data.returns.mean())
        self.unit = max(self.game.optimum - played, 0.05 * (self.game.optimum - self.game.uniform))

    def corrections(self, weights: Any, discount: float, horizon: int | None) -> Corrections:
        """With the default kernel."""
        generator = np.random.default_rng(self.seed)
        return Corrections(self.data, self.features, weights, generator, discount=discount, horizon=horizon)

    def tables(self, policy: FactorizedPolicy) -> list[Any]:
        """At the models' frames."""
        return [t[self.state[self.few.rows]] for t in policy.tables]

    def chances(self, policy: FactorizedPolicy) -> Any:
        """At the data's frames, ``(F, N, A)``."""
        found = np.zeros((len(self.state), len(policy.tables), max(self.data.n_actions)))
        for i, table in enumerate(policy.tables):
            found[:, i, : table.shape[1]] = table[self.state]
        return found

    def scores(self, policies: Sequence[FactorizedPolicy]) -> dict[str, list[float]]:
        """Of every policy, by both ways."""
        sums = self.corrections(self.few.weights, 1.0, self.few.horizon)
        return {
            "models": [self.few.estimate(self.tables(policy)).score for policy in policies],
            "corrections": [sums.estimate(self.chances(policy)).score for policy in policies],
        }

    def truth(self, policy: FactorizedPolicy) -> float:
        """The return in the game."""
        return undiscounted_return(self.game.mmdp, policy, self.game.horizon)

    def say(self, policy: FactorizedPolicy) -> dict[str, Any]:
        """Intervals less the truth, in the unit."""
        truth = self.truth(policy)
        models, corrected = self.many.estimate(self.tables(policy)), self.sums.estimate(self.chances(policy))
        ends = {"plain": Estimate(models.returns).interval(), "bounded": models.interval(), "corrections": corrected.interval()}
        found = {way: [(end / self.steps - truth) / self.unit for end in pair] for way, pair in ends.items()}
        means = {"models": models.mean, "corrections": corrected.mean}
        off = {way: (mean / self.steps - truth) / self.unit for way, mean in means.items()}
        return {"truth": truth, **found, "off": off, "negative": corrected.negative, "effective": corrected.effective}

    def values(self, policies: Sequence[FactorizedPolicy]) -> list[dict[str, Any]]:
        """Discounted returns for ever: fitted Q and corrections on the same bootstrap, less the truth, by its spread."""
        fitted = FittedQ(self.data, self.seed, self.game.mmdp.discount, MODELS)
        corrected = self.corrections(fitted.episode_weights, fitted.discount, None)
        truths = [discounted_return(self.game.mmdp, policy) for policy in policies]
        best, scale = discounted_return(self.game.mmdp, self.game.optimal_policy), abs(truths[0]) / 100
        unit = max(best - truths[0], scale)
        found = []
        for policy, truth in zip(policies, truths, strict=True):
            fitted._chances = lambda _, p=policy: self._with_end(p)  # type: ignore[method-assign, misc]
            ways = {"fitted_q": fitted.estimate(None), "corrections": corrected.estimate(self.chances(policy))}  # type: ignore[arg-type]
            ends = {way: [(end - truth) / unit for end in each.interval()] for way, each in ways.items()}
            found.append({"truth": truth, **ends, "off": {way: (each.mean - truth) / unit for way, each in ways.items()}})
        return found

    def _with_end(self, policy: FactorizedPolicy) -> torch.Tensor:
        own = torch.from_numpy(self.chances(policy)).float()
        return torch.cat([own, torch.full_like(own[:1], 1.0 / own.shape[-1])])


def one_run(name: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    policies, judge = offered(name, seed, options.keep), Judge(name, seed, options.models)
    scores, truths = judge.scores(policies), np.array([judge.truth(policy) for policy in policies])
    picks = {way: len(truths) - 1 - int(np.argmax(each[::-1])) for way, each in scores.items()}  # of equals the later
    best, last = picks["models"], len(policies) - 1
    which = {"clone": 0, "half way": last // 2, "last": last, "chosen": best}
    found: dict[str, Any] = {"game": name, "seed": seed, "luck": judge.many.luck}
    found["regret"] = {way: float(truths.max() - truths[k]) / judge.unit for way, k in picks.items()}
    found["policies"] = {label: judge.say(policies[k]) for label, k in which.items()}
    if name in options.values:
        found["values"] = dict(zip(("clone", "chosen"), judge.values([policies[0], policies[best]]), strict=True))
    return found


def holds(ends: Sequence[float]) -> bool:
    """Whether the truth is inside, to ``EXACT``."""
    return bool(ends[0] <= EXACT and ends[1] >= -EXACT)


def report(runs: list[dict[str, Any]]) -> str:
    """Coverage and widths of each way, by policy; and values, where there are any."""
    lines = ["| policies | runs | way | hold the truth | median width | largest miss |", "|---|---|---|---|---|---|"]
    for label in ("chosen", "last", "half way", "clone"):
        for way in ("plain", "bounded", "corrections"):
            ends = [run["policies"][label][way] for run in runs]
            inside, widths = sum(map(holds, ends)), [high - low for low, high in ends]
            miss = max(max(low, -high, 0.0) for low, high in ends)
            lines.append(f"| {label} | {len(runs)} | {way} | {inside} | {np.median(widths):.3f} | {miss:.3f} |")
    lines += ["", "| chosen by | mean regret | largest |", "|---|---|---|"]
    for way in ("models", "corrections"):
        regrets = [run["regret"][way] for run in runs]
        lines.append(f"| {way} | {np.mean(regrets):.4f} | {max(regrets):.3f} |")
    valued = [each for run in runs if "values" in run for each in run["values"].values()]
    if valued:
        lines += ["", "| discounted, for ever | policies | hold the truth | median width | mean \\|error\\| | largest |"]
        lines.append("|---|---|---|---|---|---|")
        for way in ("fitted_q", "corrections"):
            ends, off = [each[way] for each in valued], np.abs([each["off"][way] for each in valued])
            width = np.median([high - low for low, high in ends])
            row = f"| {way} | {len(valued)} | {sum(map(holds, ends))} | {width:.3f} | {off.mean():.3f} | {off.max():.3f} |"
            lines.append(row)
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--games", nargs="*", default=list(CHOOSING))
    parser.add_argument("--values", nargs="*", default=[])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--models", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--out", type=Path, default=HERE / "intervals.json")
    options = parser.parse_args()
    if options.quick:
        options.games, options.seeds, options.models = ["stags", "lock"], 1, 20
    one_thread()
    runs = json.loads(options.out.read_text())["runs"] if options.out.exists() and not options.quick else []
    done, seeds = {(run["game"], run["seed"]) for run in runs}, range(FIRST_SEED, FIRST_SEED + options.seeds)
    keys = [] if options.report else [(name, seed) for seed in seeds for name in options.games if (name, seed) not in done]
    for run in side_by_side(one_run, [(*key, options) for key in keys], options.jobs):
        runs.append(run)
        runs.sort(key=lambda each: (each["seed"], list(CHOOSING).index(each["game"])))
        print(run["game"], run["seed"], flush=True)
        if not options.quick:
            found = {**conditions(FIRST_SEED, ("torch", "numpy", "scipy")), "runs": runs}
            options.out.write_text(json.dumps(found, indent=1) + "\n")
    print(report(runs))


if __name__ == "__main__":
    main()
