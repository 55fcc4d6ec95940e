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
from alberdice.evaluation import state_occupancy
from alberdice.games.bridge import BridgeGame
from alberdice.games.game import Game
from alberdice.plotting.bridge_map import draw_first_moves, draw_policy
from alberdice.plotting.figures import new_figure
from alberdice.plotting.matrix_heatmaps import draw_heatmaps
from alberdice.policy import FactorizedPolicy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from alberdice.tabular import AlternatingRun

__all__ = ["solution_figures"]

#: states that a policy table shows
SHOWN_STATES = 30


def solution_figures(
    game: Game, data: DataDistribution, run: AlternatingRun, policies: Mapping[str, FactorizedPolicy]
) -> Iterator[tuple[str, Figure]]:
    """Yield ('', main figure) and then (suffix, figure) for each further one.

    Args:
        game: what was solved.
        data: with which data.
        run: the solution; its objective is drawn for games that have no picture of their own.
        policies: name -> policy, in the order to draw.
    """
    if isinstance(game, BridgeGame):
        yield "", draw_first_moves(game, policies, data=data)
        for name, policy in policies.items():
            for agent in range(2):
                yield f"{name.lower()}-agent-{agent + 1}", draw_policy(game, policy, agent, title=name, data=data)
    elif game.mmdp.n_states == 1 and game.mmdp.n_agents == 2:
        payoff = game.mmdp.reward[0]
        joint = {name: {game.name: policy.joint()[0]} for name, policy in policies.items()}
        yield (
            "",
            draw_heatmaps(
                joint,
                observed={game.name: data.observed[0]},
                optimal=payoff == payoff.max(),
                action_names=game.action_names,
            ),
        )
    else:
        yield "", _draw_tables(game, run)


def _draw_tables(game: Game, run: AlternatingRun) -> Figure:
    """Policy tables beside the objective's trace."""
    visited = np.argsort(-state_occupancy(game.mmdp, run.policy), kind="stable")[:SHOWN_STATES]
    agents = game.mmdp.n_agents
    figure = new_figure(4.0 + 2.2 * agents, 2.2 + 0.22 * len(visited))
    grid = figure.add_gridspec(1, agents + 1, width_ratios=[1.0] * agents + [1.8], wspace=0.5, bottom=0.2, top=0.85)
    image = None
    for i, table in enumerate(run.policy):
        axes = figure.add_subplot(grid[0, i])
        image = axes.imshow(table[visited], vmin=0, vmax=1, cmap="Blues", aspect="auto")
        axes.set_xticks(range(table.shape[1]), game.action_names[i])
        axes.set_yticks(range(len(visited)), [game.describe_state(int(s)) for s in visited] if i == 0 else [])
        axes.set_title(f"agent {i + 1}")
    axes = figure.add_subplot(grid[0, agents])
    axes.plot(np.arange(1, len(run.values) + 1), run.values, marker=".", color="#0072B2")
    axes.set_xlabel("update")
    axes.set_title("objective (2)")
    axes.spines[["top", "right"]].set_visible(False)
    if image is not None:
        figure.colorbar(image, ax=figure.axes[:-1], label="probability", location="bottom", shrink=0.6, pad=0.16)
    return figure
