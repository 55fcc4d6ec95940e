"""How fast agents in turns converge: measured factors per round beside the proved and the predicted ones.

    python benchmarks/linear_rate.py              # writes results/linear_rate.json and docs/images/linear-rate.png

One state, two agents: XOR and a random 3 x 4 game, alpha from just above K/4 to K; proved: (K/(4 alpha))^2 from every start, K
the largest interaction of the payoff. Any model, 40 random ones with two or three agents, at the Hessian of J at a run's last
policy (central differences):
- the error while it is between 1e-4 and 1e-10, against the block Gauss-Seidel matrix over the same rounds (the linear theory,
  transient included), and against its spectral radius (the limit, which short runs and complex eigenvalues do not show yet);
- the gap of J, against the factor that LocalRate.v proves near a strict maximum.
Runs that pass through that range in fewer than three rounds, or are not at rest after 400, are left out and counted.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from machine import conditions, write
from matplotlib.figure import Figure

import alberdice as ad

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "proofs_check"))

from curvature import Measured, measure  # noqa: E402
from support import interaction, one_shot, uniform_data  # noqa: E402

SEED = 0
SHARES = (0.95, 0.8, 0.6, 0.4, 0.25)  # K / (4 alpha)
MODELS = 40


def row(found: Measured) -> dict[str, float]:
    """The numbers of a measured run."""
    return {name: value for name, value in found._asdict().items() if name != "nash"}


def one_state(name: str, payoff: np.ndarray) -> list[dict[str, float | str]]:
    """Measured, predicted and proved factors of a two-agent game with uniform data, from a skewed start."""
    model, rows = one_shot(payoff), []
    strength = interaction(payoff)
    skewed = np.linspace(1.0, 2.0, payoff.size).reshape(1, *payoff.shape)
    start = ad.DataDistribution(skewed / skewed.sum()).behaviour_policy()
    for share in SHARES:
        alpha = strength / (4 * share)
        found = measure(model, uniform_data(model), alpha, 400, start)
        if found is not None:
            rows.append({"game": name, "alpha": alpha, "everywhere": share**2, **row(found)})
    return rows


def random_models(generator: np.random.Generator) -> list[dict[str, float]]:
    """Measured, predicted and proved factors of random models."""
    rows = []
    for _ in range(MODELS):
        agents, states = int(generator.integers(2, 4)), int(generator.integers(1, 4))
        model = ad.games.garnet(states, (2,) * agents, min(2, states), generator=generator)
        data = ad.games.random_data(model, generator)
        alpha = float(10 ** generator.uniform(-1.3, 0.0))
        found = measure(model, data, alpha, 400, data.behaviour_policy())
        if found is not None:
            rows.append({"agents": agents, "states": states, "alpha": alpha, **row(found)})
    return rows


def draw(games: list[dict[str, float | str]], models: list[dict[str, float]]) -> Figure:
    """Left: factors over alpha; middle: the error's factor over the predicted one; right: the gap's over the proved one."""
    figure = Figure(figsize=(13, 4), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    for name, colour in (("XOR", "C0"), ("random 3 x 4 game", "C1")):
        rows = [row for row in games if row["game"] == name]
        alpha = [row["alpha"] for row in rows]
        left.plot(alpha, [row["everywhere"] for row in rows], color=colour, label=f"{name}: proved (K / 4α)²")
        left.plot(alpha, [row["limit"] for row in rows], color=colour, linestyle=":", label=f"{name}: Gauss-Seidel")
        left.plot(alpha, [row["factor"] for row in rows], "o", color=colour, label=f"{name}: measured")
    left.set(xscale="log", yscale="log", xlabel="α", ylabel="error's factor per round", title="one state, two agents")
    left.legend(fontsize="x-small", loc="lower left")
    for agents, marker in ((2, "o"), (3, "s")):
        rows = [row for row in models if row["agents"] == agents]
        middle.plot([r["limit"] for r in rows], [r["factor"] for r in rows], marker, label=f"{agents} agents", alpha=0.7)
        # factors near 1 apart: what a round closes of the gap
        closed = [1 - r["values"] for r in rows]
        right.plot([1 - r["proved"] for r in rows], closed, marker, label=f"{agents} agents", alpha=0.7)
    low = min(r["limit"] for r in models)
    middle.plot([low, 1.0], [low, 1.0], color="grey", linewidth=1)
    middle.set(xscale="log", yscale="log", xlabel="spectral radius of block Gauss-Seidel", ylabel="error's factor per round")
    middle.set_title("random models: the limit")
    middle.legend()
    least = min(1 - r["proved"] for r in models)
    right.plot([least, 1.0], [least, 1.0], color="grey", linewidth=1)
    right.set(xscale="log", yscale="log", xlabel="closed by a round, proved (at least)", ylabel="closed by a round, measured")
    right.set_title("random models: the gap of J")
    right.legend()
    return figure


def summarise(games: list[dict[str, float | str]], models: list[dict[str, float]]) -> dict[str, float | int]:
    """How far measured runs are from what is predicted, and whether any is above what is proved."""
    linear = [abs(row["factor"] / row["same_rounds"] - 1) for row in models]
    limit = [abs(row["factor"] / row["limit"] - 1) for row in models]
    return {
        "models_drawn": MODELS,
        "models_measured": len(models),
        "over_the_same_rounds_median_relative_error": float(np.median(linear)),
        "over_the_same_rounds_largest_relative_error": float(max(linear)),
        "to_the_limit_median_relative_error": float(np.median(limit)),
        "to_the_limit_largest_relative_error": float(max(limit)),
        "errors_above_proved": sum(float(row["factor"]) > float(row["everywhere"]) * 1.001 for row in games),
        "gaps_above_proved": sum(row["values"] > row["proved"] for row in models),
    }


def main() -> None:
    generator = np.random.default_rng(SEED)
    games = one_state("XOR", np.array([[0.0, 1.0], [1.0, 0.0]]))
    games += one_state("random 3 x 4 game", generator.uniform(-1, 1, (3, 4)))
    models = random_models(generator)
    summary = summarise(games, models)
    content = {"conditions": conditions(SEED, ("numpy", "scipy")), "summary": summary, "games": games, "models": models}
    print(write("linear_rate", content))
    print(summary)
    draw(games, models).savefig(ROOT / "docs" / "images" / "linear-rate.png", dpi=130)


if __name__ == "__main__":
    main()
