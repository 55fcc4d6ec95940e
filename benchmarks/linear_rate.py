"""How fast agents in turns converge: measured factors per round beside the proved and the predicted ones.

    python benchmarks/linear_rate.py              # writes results/linear_rate.json and docs/images/linear-rate.png

One state, two agents: XOR and a random 3 x 4 game, alpha from just above K/4 to K; proved: (K/(4 alpha))^2 from every start, K
the largest interaction of the payoff. Any model: the local factor at a strict maximum is the spectral radius of the block
Gauss-Seidel matrix of the Hessian of J, here by central differences; 40 random models with two or three agents. Measured
while a run's distance to its last policy is between 1e-2 and 1e-6: over few rounds where the factor is small, and then with the
transient that these rounds have. Runs that pass through that in fewer than three rounds are left out.
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

from linear_rate import gauss_seidel_rate, interaction, measured_rate, one_shot, uniform_data  # noqa: E402

SEED = 0
SHARES = (0.95, 0.8, 0.6, 0.4, 0.25)  # K / (4 alpha)
MODELS = 40


def one_state(name: str, payoff: np.ndarray) -> list[dict[str, float | str]]:
    """Measured, predicted and proved factors of a two-agent game with uniform data, from a skewed start."""
    model, found = one_shot(payoff), []
    strength = interaction(payoff)
    skewed = np.linspace(1.0, 2.0, payoff.size).reshape(1, *payoff.shape)
    for share in SHARES:
        alpha = strength / (4 * share)
        nash, measured = measured_rate(model, uniform_data(model), alpha, 400, skewed / skewed.sum())
        predicted = gauss_seidel_rate(model, nash, uniform_data(model), alpha)
        if np.isfinite(measured):
            found.append({"game": name, "alpha": alpha, "measured": measured, "predicted": predicted, "proved": share**2})
    return found


def random_models(generator: np.random.Generator) -> list[dict[str, float | int]]:
    """Measured and predicted factors of random models."""
    found: list[dict[str, float | int]] = []
    for _ in range(MODELS):
        agents, states = int(generator.integers(2, 4)), int(generator.integers(1, 4))
        model = ad.games.garnet(states, (2,) * agents, min(2, states), generator=generator)
        data = ad.games.random_data(model, generator)
        alpha = float(10 ** generator.uniform(-1.3, 0.0))
        nash, measured = measured_rate(model, data, alpha, 200)
        if np.isfinite(measured):
            predicted = gauss_seidel_rate(model, nash, data, alpha)
            found.append({"agents": agents, "states": states, "alpha": alpha, "measured": measured, "predicted": predicted})
    return found


def draw(games: list[dict[str, float | str]], models: list[dict[str, float | int]]) -> Figure:
    """Left: factors over alpha; right: measured over predicted."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name, colour in (("XOR", "C0"), ("random 3 x 4 game", "C1")):
        rows = [row for row in games if row["game"] == name]
        alpha = [row["alpha"] for row in rows]
        left.plot(alpha, [row["proved"] for row in rows], color=colour, label=f"{name}: proved (K / 4α)²")
        left.plot(alpha, [row["predicted"] for row in rows], color=colour, linestyle=":", label=f"{name}: Gauss-Seidel")
        left.plot(alpha, [row["measured"] for row in rows], "o", color=colour, label=f"{name}: measured")
    left.set(xscale="log", yscale="log", xlabel="α", ylabel="error's factor per round", title="one state, two agents")
    left.legend(fontsize="small", loc="upper right")
    for agents, marker in ((2, "o"), (3, "s")):
        rows = [row for row in models if row["agents"] == agents]
        right.plot([r["predicted"] for r in rows], [r["measured"] for r in rows], marker, label=f"{agents} agents", alpha=0.7)
    limits = [min(r["predicted"] for r in models), 1.0]
    right.plot(limits, limits, color="grey", linewidth=1)
    right.set(xscale="log", yscale="log", xlabel="spectral radius of block Gauss-Seidel", ylabel="measured factor per round")
    right.set_title("random models, up to three states")
    right.legend()
    return figure


def main() -> None:
    generator = np.random.default_rng(SEED)
    games = one_state("XOR", np.array([[0.0, 1.0], [1.0, 0.0]]))
    games += one_state("random 3 x 4 game", generator.uniform(-1, 1, (3, 4)))
    models = random_models(generator)
    error = [abs(row["measured"] / row["predicted"] - 1) for row in models]
    summary = {
        "models_measured": len(models),
        "models_drawn": MODELS,
        "median_relative_error": float(np.median(error)),
        "largest_relative_error": float(max(error)),
        "measured_above_proved": sum(row["measured"] > row["proved"] * 1.001 for row in games),  # type: ignore[operator]
    }
    content = {"conditions": conditions(SEED, ("numpy", "scipy")), "summary": summary, "games": games, "models": models}
    print(write("linear_rate", content))
    print(summary)
    draw(games, models).savefig(ROOT / "docs" / "images" / "linear-rate.png", dpi=130)


if __name__ == "__main__":
    main()
