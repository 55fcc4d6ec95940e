"""Pictures of how things grow: panels in rows, on logarithmic axes, with power laws through the points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from alberdice.errors import InvalidArgumentError
from alberdice.plotting.figures import AGENT_COLOURS, INK, PALE, WALL, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Curve", "Panel", "draw_panels"]

_COLOURS = (AGENT_COLOURS[1], AGENT_COLOURS[0], WALL)
_MARKERS = ("o", "s", "^")
_WIDE, _HIGH = 3.3, 2.5
#: of the axis between two ticks at the least, so that their labels do not overlap
_BETWEEN_TICKS = 0.11


@dataclass(frozen=True)
class Curve:
    """Points, and the law c x^p through them.

    Attributes:
        label: '': it is the only one.
        x, y: of the points.
        law: (c, p), or None.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    law: tuple[float, float] | None = None


@dataclass(frozen=True)
class Panel:
    """One picture; its x axis is logarithmic, its y axis if ``log``."""

    title: str
    across: str
    up: str
    curves: Sequence[Curve] = field(default_factory=list)
    log: bool = False


def draw_panels(rows: Sequence[Sequence[Panel]], *, title: str = "") -> Figure:
    """Draw panels in rows.

    Raises:
        InvalidArgumentError: no panel.
    """
    if not rows or not all(rows):
        raise InvalidArgumentError("rows", got="no panel", expected="one at least in every row")
    columns = max(len(row) for row in rows)
    width, height = _WIDE * columns, 0.6 + _HIGH * len(rows)
    figure = new_figure(width, height)
    space = {"left": 0.8 / width, "right": 1 - 0.15 / width, "bottom": 0.55 / height, "top": 1 - 0.85 / height}
    grid = figure.add_gridspec(len(rows), columns, hspace=0.75, wspace=0.42, **space)
    for k, row in enumerate(rows):
        for j, panel in enumerate(row):
            _draw(figure.add_subplot(grid[k, j]), panel)
    figure.text(0.15 / width, 1 - 0.3 / height, title, fontsize=13, fontweight="bold", color=INK, va="center")
    return figure


def _draw(axes: Axes, panel: Panel) -> None:
    axes.set_xscale("log")
    if panel.log:
        axes.set_yscale("log")
    for k, curve in enumerate(panel.curves):
        x, y = np.asarray(curve.x, np.float64), np.asarray(curve.y, np.float64)
        shown = np.isfinite(y) & ((y > 0) | (not panel.log))
        style: dict[str, Any] = {"color": _COLOURS[k % 3], "marker": _MARKERS[k % 3], "markersize": 4.5}
        axes.plot(x[shown], y[shown], label=curve.label, linestyle="" if curve.law else "-", linewidth=1.2, **style)
        if curve.law and shown.any():
            ends = np.array([x[shown].min(), x[shown].max()])
            axes.plot(ends, curve.law[0] * ends ** curve.law[1], color=PALE, linewidth=1.6, zorder=0)
    if not panel.log:
        axes.set_ylim(bottom=0)
    places = _apart(sorted({float(value) for curve in panel.curves for value in curve.x}))
    axes.set_xticks(places, [f"{value:,.3g}" if value < 1000 else f"{value:.0e}".replace("e+0", "e") for value in places])
    axes.set_xticks([], minor=True)
    if len(panel.curves) > 1:
        axes.legend(frameon=False, fontsize=7.5, labelcolor=INK)
    axes.set_title(panel.title, fontsize=9, color=INK)
    axes.set_xlabel(panel.across, fontsize=8.5, color=INK)
    axes.set_ylabel(panel.up, fontsize=8.5, color=INK)
    axes.tick_params(labelsize=8, labelcolor=INK, which="both", color=PALE)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("bottom", "left"))
        spine.set_color(PALE)


def _apart(places: list[float]) -> list[float]:
    """Those of some positive places, in order, whose labels have room on a logarithmic axis; both ends among them."""
    room = _BETWEEN_TICKS * np.log(places[-1] / places[0])
    found = places[:1]
    for place in places[1:-1]:
        if np.log(place / found[-1]) >= room <= np.log(places[-1] / place):
            found.append(place)
    return found + places[-1:] * (len(places) > 1)
