"""The pictures of one solved game: what ``alberdice solve --plot`` draws.

Bridge             the first moves of all algorithms, then every agent's whole policy under each of them (Figures 4 and 7 to 12)
two agents, 1 state  the joint policies as heat maps
any other game     per agent its table pi_i(a|s), most visited states first, and the objective after every update
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from alberdice.data import DataDistribution
from alberdice.evaluation import best_undiscounted_return, state_occupancy, undiscounted_return
from alberdice.games.bridge import BridgeGame
from alberdice.games.game import Game
from alberdice.plotting.bridge_map import draw_first_moves, draw_policy
from alberdice.plotting.figures import INK, new_figure
from alberdice.plotting.matrix_heatmaps import draw_heatmaps
from alberdice.policy import FactorizedPolicy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from alberdice.tabular import AlternatingRun

__all__ = ["solution_figures"]

#: states that a policy table shows
SHOWN_STATES = 30
#: a share of the time below which a state counts as never visited
UNVISITED = 1e-12


def solution_figures(
    game: Game, data: DataDistribution, run: AlternatingRun, policies: Mapping[str, FactorizedPolicy], data_name: str = ""
) -> Iterator[tuple[str, Figure]]:
    """Yield ('', main figure) and then (suffix, figure) for each further one.

    Args:
        game: what was solved.
        data: with which data.
        run: the solution; its objective is drawn for games that have no picture of their own.
        policies: name -> policy, in the order to draw.
        data_name: what the data are called, for the titles.
    """
    of_data = f", data '{data_name}'" if data_name and data_name not in game.name else ""
    returns = {name: undiscounted_return(game.mmdp, policy, game.horizon) for name, policy in policies.items()}
    labels = {name: f"{name}\n{value:.3f}" for name, value in returns.items()}
    over = f"{game.name}{of_data}: return over {game.horizon} step{'s' if game.horizon > 1 else ''}"
    if isinstance(game, BridgeGame):
        title = f"{over}, at best {best_undiscounted_return(game.mmdp, game.horizon):.3f}"
        yield "", draw_first_moves(game, {labels[name]: policy for name, policy in policies.items()}, data=data, title=title)
        for name, policy in policies.items():
            for agent in range(2):
                heading = f"{name}{of_data}: {returns[name]:.3f}"
                yield f"{name.lower()}-agent-{agent + 1}", draw_policy(game, policy, agent, title=heading, data=data)
    elif game.mmdp.n_states == 1 and game.mmdp.n_agents == 2:
        joint = {labels[name]: {game.name: policy.joint()[0]} for name, policy in policies.items()}
        seen = {game.name: data.observed[0]}
        names, payoff = game.action_names, game.mmdp.reward[0]
        yield "", draw_heatmaps(joint, observed=seen, payoff=payoff, action_names=names, title=over)
    else:
        yield "", _draw_tables(game, run, f"{over}, {undiscounted_return(game.mmdp, run.policy, game.horizon):.4g}")


def _draw_tables(game: Game, run: AlternatingRun, title: str) -> Figure:
    """Policy tables beside the objective's trace; what is done in states that the policy never visits is left blank."""
    often = state_occupancy(game.mmdp, run.policy)
    shown = np.argsort(-often, kind="stable")[:SHOWN_STATES]
    names = [game.describe_state(int(s)) for s in shown]
    agents, left = game.mmdp.n_agents, 0.4 + 0.085 * max(map(len, names))
    width, height = left + 3.2 + 2.2 * agents, 2.6 + 0.22 * len(shown)
    figure = new_figure(width, height)
    edges = {"left": left / width, "right": 1 - 0.2 / width, "bottom": 1.35 / height, "top": 1 - 0.85 / height}
    grid = figure.add_gridspec(1, agents + 1, width_ratios=[1.0] * agents + [1.8], wspace=0.35, **edges)
    figure.text(0.2 / width, 1 - 0.25 / height, title, fontsize=12, fontweight="bold", color=INK, va="center")
    image = None
    for i, table in enumerate(run.policy):
        axes = figure.add_subplot(grid[0, i])
        image = axes.imshow(
            np.where(often[shown, None] > UNVISITED, table[shown], np.nan), vmin=0, vmax=1, cmap="Blues", aspect="auto"
        )
        axes.set_xticks(range(table.shape[1]), game.action_names[i])
        axes.set_yticks(range(len(shown)), names if i == 0 else [])
        axes.set_title(f"agent {i + 1}")
    axes = figure.add_subplot(grid[0, agents])
    axes.plot(np.arange(1, len(run.values) + 1), run.values, marker=".", color="#0072B2")
    axes.set_xlabel("update")
    axes.set_title("objective (2)")
    axes.spines[["top", "right"]].set_visible(False)
    if image is not None:
        bar = figure.add_axes((left / width, 0.55 / height, 2.2 * agents / width * 0.8, 0.13 / height))
        blank = "; blank: states that the policy never visits" if (often[shown] <= UNVISITED).any() else ""
        figure.colorbar(image, cax=bar, label=f"probability{blank}", orientation="horizontal")
    return figure
