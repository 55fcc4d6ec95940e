"""Policies over the Bridge map, as in Figures 4 and 7 to 12 of the paper.

What an agent does depends on both cells, so one small map shows, for one position of the other agent (the numbered disc),
what this agent does wherever it may stand: arrows for the moves and a dot for Stay, each of an area proportional to its
probability; moves of less than 1 in 200 are not drawn. Stars are the goals; on its own goal an agent is done and has no
arrows. Agent 1 is vermilion, agent 2 blue.

``draw_policy``         one agent, one small map per position of the other, laid out as those positions lie on the map
``draw_first_moves``    several policies, one row each: both agents, with the other at its start

The framed cell is where the agent itself starts: its arrows are the policy's first move. With ``data``, cells whose states the
data never show are left blank: what a policy does there was learned from nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from alberdice import _checks
from alberdice._checks import FloatArray
from alberdice.data import DataDistribution
from alberdice.errors import InvalidArgumentError
from alberdice.games.bridge import CELLS, GOALS, MAP, MOVES, BridgeGame, Cell
from alberdice.plotting.figures import AGENT_COLOURS, INK, PALE, WALL, new_figure
from alberdice.policy import FactorizedPolicy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_first_moves", "draw_policy"]

ROWS, COLUMNS = len(MAP), len(MAP[0])
#: probabilities below this are not drawn
VISIBLE = 1 / 200
#: an arrow of probability 1 that points right, from its tail at 0, in cells
ARROW = np.array([(0, 0.09), (0.34, 0.09), (0.34, 0.23), (0.62, 0), (0.34, -0.23), (0.34, -0.09), (0, -0.09)])
#: radius of the dot of probability 1; its area is that arrow's, shaft and head
DOT = math.sqrt((0.34 * 0.18 + 0.28 * 0.46 / 2) / math.pi)
#: inches per cell in legends
LEGEND_CELL = 0.42


def draw_policy(
    game: BridgeGame,
    policy: FactorizedPolicy,
    agent: int,
    *,
    title: str = "",
    data: DataDistribution | None = None,
) -> Figure:
    """Draw one agent's policy at all states: one small map for each position of the other agent.

    Args:
        game: Bridge, either form.
        policy: a policy of both agents on it.
        agent: whose actions to draw, 0 or 1.
        title: a line in the middle, e.g. the algorithm's name.
        data: states that these data never show are left blank.

    Raises:
        InvalidPolicyError: a policy of other shape than the game.
        InvalidArgumentError: an agent that is not 0 or 1.
    """
    policy.check_fits(game.mmdp)
    who = _checks.whole_number(agent, "agent", high=1)
    known = _known(game, data)
    figure = new_figure(2.55 * COLUMNS, 1.42 * ROWS)
    grid = figure.add_gridspec(ROWS, COLUMNS, left=0.005, right=0.995, bottom=0.01, top=0.95, wspace=0.04, hspace=0.16)
    for row, column in CELLS:
        axes = figure.add_subplot(grid[row, column])
        _draw_map(axes, game, policy[who], who, (row, column), known)
        if (row, column) == game.start[1 - who]:
            _frame(axes, game.start[who], AGENT_COLOURS[who])
        axes.set_title(f"agent {2 - who} at ({row}, {column})", fontsize=8, color=AGENT_COLOURS[1 - who], pad=2)
    heading = figure.add_subplot(grid[0, 2:4])
    _write_heading(heading, title, who)
    stays = _some_stay(game, [policy[who]], known)
    _draw_legend(figure.add_subplot(grid[2, 2:4]), (5.0, 1.25), AGENT_COLOURS[who], stays=stays, blank=_some_blank(game, known))
    return figure


def draw_first_moves(
    game: BridgeGame, policies: Mapping[str, FactorizedPolicy], *, data: DataDistribution | None = None, title: str = ""
) -> Figure:
    """Draw several policies with the other agent at its start: one row per policy, agent 1 left, agent 2 right.

    Args:
        game: Bridge, either form.
        policies: name -> policy, from top to bottom.
        data: states that these data never show are left blank.
        title: a line on top, e.g. the data set's name.

    Raises:
        InvalidArgumentError: no policy.
        InvalidPolicyError: a policy of other shape than the game.
    """
    if not policies:
        raise InvalidArgumentError("policies", got="none", expected="at least one, by name")
    known = _known(game, data)
    n = len(policies)
    top, row_height = 0.8 if title else 0.45, 1.85
    height = n * row_height + top + 0.75
    figure = new_figure(8.6, height)
    grid = figure.add_gridspec(
        n, 2, left=0.145, right=0.985, bottom=0.75 / height, top=1 - top / height, wspace=0.06, hspace=0.08
    )
    for line, (name, policy) in enumerate(policies.items()):
        policy.check_fits(game.mmdp, name)
        for who in (0, 1):
            axes = figure.add_subplot(grid[line, who])
            _draw_map(axes, game, policy[who], who, game.start[1 - who], known)
            _frame(axes, game.start[who], AGENT_COLOURS[who])
            if line == 0:
                axes.set_title(f"what agent {who + 1} does", fontsize=11, color=AGENT_COLOURS[who], pad=6)
            if who == 0:
                axes.text(-0.75, (ROWS - 1) / 2, name, ha="right", va="center", fontsize=11, color=INK)
    if title:
        figure.text(0.02, 1 - 0.22 / height, title, fontsize=12, fontweight="bold", color=INK, va="center")
    legend = figure.add_axes((0.145, 0.05 / height, 0.84, 0.7 / height))
    stays = _some_stay(game, [table for policy in policies.values() for table in policy], known, starts=True)
    blank = _some_blank(game, known, starts=True)
    _draw_legend(legend, (0.84 * 8.6, 0.7), INK, stays=stays, blank=blank)
    return figure


def _known(game: BridgeGame, data: DataDistribution | None) -> NDArray[np.bool_]:
    """Tell which states the data show, shape ``(S,)``; all of them without data."""
    if data is None:
        return np.ones(game.mmdp.n_states, dtype=np.bool_)
    data.check_fits(game.mmdp)
    return np.asarray(data.observed.any(axis=(1, 2)))


def _some_blank(game: BridgeGame, known: NDArray[np.bool_], starts: bool = False) -> bool:
    """Tell whether a state that can be is left blank: somewhere, or with the other agent at its start."""
    blank = ~known & game.possible
    return bool(blank[np.concatenate(_shown_at_starts(game))].any() if starts else blank.any())


def _shown_at_starts(game: BridgeGame) -> list[list[int]]:
    """The states that are shown of each agent where the other one is at its start."""
    return [[_state(game, k, cell, game.start[1 - k]) for cell in CELLS if cell != GOALS[k]] for k in (0, 1)]


def _some_stay(game: BridgeGame, tables: Sequence[FloatArray], known: NDArray[np.bool_], starts: bool = False) -> bool:
    """Tell whether a dot is drawn: somewhere, or with the other agent at its start."""
    shown = known & game.possible
    if starts:
        places = _shown_at_starts(game)
        return any((table[[s for s in places[k % 2] if shown[s]], 0] >= VISIBLE).any() for k, table in enumerate(tables))
    return any(bool((table[shown, 0] >= VISIBLE).any()) for table in tables)


def _state(game: BridgeGame, agent: int, own: Cell, other: Cell) -> int:
    return game.state_index(own, other) if agent == 0 else game.state_index(other, own)


def _draw_map(axes: Axes, game: BridgeGame, table: FloatArray, agent: int, other: Cell, known: NDArray[np.bool_]) -> None:
    """Draw one small map: what ``agent`` does at each cell while the other one is at ``other``."""
    _draw_ground(axes, agent)
    for cell in CELLS:
        state = _state(game, agent, cell, other)
        if cell != GOALS[agent] and game.possible[state] and known[state]:
            _draw_moves(axes, cell, table[state], AGENT_COLOURS[agent])
    _draw_disc(axes, other, 1 - agent, shared=other == GOALS[1 - agent] or bool(other == GOALS[agent]))


def _draw_ground(axes: Axes, agent: int) -> None:
    from matplotlib.patches import Rectangle

    for row in range(ROWS):
        for column in range(COLUMNS):
            free = (row, column) in CELLS
            axes.add_artist(
                Rectangle(
                    (column - 0.5, row - 0.5), 1, 1, facecolor="white" if free else WALL, edgecolor=PALE if free else WALL
                )
            )
    for i, (row, column) in enumerate(GOALS):
        tint = Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=AGENT_COLOURS[i], alpha=0.16, edgecolor="none")
        axes.add_artist(tint)
        _draw_star(axes, column if i == agent else column + 0.33, row if i == agent else row - 0.31, i, own=i == agent)
    axes.add_artist(Rectangle((-0.5, -0.5), COLUMNS, ROWS, fill=False, edgecolor=WALL, linewidth=1.2, zorder=4))
    axes.set_xlim(-0.55, COLUMNS - 0.45)
    axes.set_ylim(ROWS - 0.45, -0.55)
    axes.set_aspect("equal")
    axes.axis("off")


def _draw_star(axes: Axes, x: float, y: float, agent: int, *, own: bool) -> None:
    axes.add_artist(_star(x, y, 0.34 if own else 0.15, AGENT_COLOURS[agent]))


def _star(x: float, y: float, radius: float, colour: str) -> Any:
    from matplotlib.patches import Polygon

    turns = np.arange(10) * math.pi / 5
    radii = np.where(np.arange(10) % 2 == 0, radius, 0.42 * radius)
    points = np.stack([x + radii * np.sin(turns), y - radii * np.cos(turns)], axis=1)
    return Polygon(points, closed=True, facecolor=colour, edgecolor="white", linewidth=0.6, zorder=3)


def _draw_moves(axes: Axes, cell: Cell, chances: FloatArray, colour: str) -> None:
    """Draw one cell's dot and arrows; the arrows start outside the dot, a lone arrow is centred."""
    from matplotlib.patches import Circle

    row, column = cell
    stay = float(chances[0])
    inner = 0.0
    if stay >= VISIBLE:
        inner = DOT * math.sqrt(stay)
        axes.add_artist(Circle((column, row), inner, facecolor=colour, edgecolor="none", zorder=5))
    if chances.max() > 1 - VISIBLE:
        inner = -0.33
    for action in range(1, len(MOVES)):
        chance = float(chances[action])
        if chance >= VISIBLE:
            axes.add_artist(_arrow(column, row, action, chance, inner, colour))


def _arrow(x: float, y: float, action: int, chance: float, inner: float, colour: str) -> Any:
    """Return the arrow of one move out of (x, y), its tail ``inner`` away unless its head would leave the cell."""
    from matplotlib.patches import Polygon

    down, right = MOVES[action]
    along, across = (ARROW * math.sqrt(chance)).T
    along = along + min(inner + 0.02, 0.48 - along.max())
    points = np.stack([x + along * right - across * down, y + along * down + across * right], axis=1)
    return Polygon(points, closed=True, facecolor=colour, edgecolor="none", zorder=5)


def _draw_disc(axes: Axes, cell: Cell, agent: int, *, shared: bool) -> None:
    """Draw the other agent, off centre where the cell also holds a star or arrows."""
    from matplotlib.patches import Circle

    row, column = cell
    x, y, radius = (column - 0.29, row + 0.29, 0.17) if shared else (column, row, 0.34)
    axes.add_artist(Circle((x, y), radius, facecolor=AGENT_COLOURS[agent], edgecolor="white", linewidth=0.8, zorder=6))
    axes.text(
        x,
        y,
        str(agent + 1),
        color="white",
        ha="center",
        va="center_baseline",
        fontsize=5 if shared else 8,
        fontweight="bold",
        zorder=7,
    )


def _frame(axes: Axes, cell: Cell, colour: str) -> None:
    from matplotlib.patches import Rectangle

    row, column = cell
    axes.add_artist(Rectangle((column - 0.47, row - 0.47), 0.94, 0.94, fill=False, edgecolor=colour, linewidth=2.2, zorder=4))


def _write_heading(axes: Axes, title: str, agent: int) -> None:
    axes.axis("off")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    if title:
        axes.text(0.5, 0.72, title, ha="center", va="center", fontsize=17, fontweight="bold", color=INK)
    axes.text(0.5, 0.38, f"What agent {agent + 1} does", ha="center", fontsize=13, color=AGENT_COLOURS[agent])
    axes.text(
        0.5, 0.14, f"one map for each position of agent {2 - agent}", ha="center", fontsize=10, color=AGENT_COLOURS[1 - agent]
    )


def _draw_legend(axes: Axes, size: tuple[float, float], colour: str, *, stays: bool, blank: bool) -> None:
    """Explain the marks that are there on axes of ``size`` inches: arrows of three sizes and the dot above, the rest below."""
    from matplotlib.patches import Circle, Rectangle

    axes.axis("off")
    width, height = size[0] / LEGEND_CELL, size[1] / LEGEND_CELL
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    slots = [(width * (0.005 + 0.235 * k), height * (0.3 + 0.42 * line)) for line in (0, 1) for k in range(4)]

    def label(slot: int, text: str) -> None:
        axes.text(slots[slot][0] + 0.62, slots[slot][1], text, fontsize=8.5, color=INK, va="center_baseline")

    for slot, chance in enumerate((1.0, 0.5, 0.1)):
        x, y = slots[slot]
        axes.add_artist(_arrow(x, y, 3, chance, -0.1, colour))
        label(slot, f"moves, {chance:.0%}")
    if stays:
        axes.add_artist(Circle((slots[3][0] + 0.25, slots[3][1]), DOT, facecolor=colour, edgecolor="none"))
        label(3, "stays, 100%")
    axes.add_artist(_star(slots[4][0] + 0.2, slots[4][1], 0.28, colour))
    label(4, "its goal")
    axes.add_artist(Circle((slots[5][0] + 0.2, slots[5][1]), 0.26, facecolor=PALE, edgecolor="none"))
    label(5, "other agent")
    axes.add_artist(Rectangle((slots[6][0], slots[6][1] - 0.25), 0.5, 0.5, fill=False, edgecolor=colour, linewidth=2))
    label(6, "its start")
    if blank:
        axes.add_artist(Rectangle((slots[7][0], slots[7][1] - 0.25), 0.5, 0.5, fill=False, edgecolor=PALE, linewidth=1))
        label(7, "blank: not in the data")
