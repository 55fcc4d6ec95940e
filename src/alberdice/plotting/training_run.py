"""The pictures of one training run: how it learned, and how likely the data find what it plays.

``draw_learning_curve``    the return over the updates, with its standard error, between the data's and the best; below it
                           alpha and the effective sample size where the run has them, the losses where nothing was played
``draw_joint_actions``     for the steps that a policy plays, the probability that the data give to its joint action in that
                           state, in bins of half a decade and one for 'never seen'; the same for the data's own steps beside it
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from alberdice import _checks
from alberdice._checks import FloatArray
from alberdice.errors import InvalidArgumentError
from alberdice.plotting.figures import AGENT_COLOURS, INK, PALE, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_joint_actions", "draw_learning_curve", "share_per_bin"]

#: what was learned, the data, the optimum: the palette's vermilion, a grey, its bluish green
LEARNED, DATA, OPTIMUM = AGENT_COLOURS[0], "#6E6E6E", "#009E73"
#: colours of several losses, from the same palette
LOSSES = (AGENT_COLOURS[1], "#CC79A7", "#E69F00", "#56B4E9", "#009E73", AGENT_COLOURS[0])
#: probabilities below the first share one bin; bins reach down to the second at least
LEAST, SHOWN = 1e-4, 1e-2


def draw_learning_curve(
    rows: Sequence[Mapping[str, float]], *, data_return: float = math.nan, optimum: float = math.nan, title: str = ""
) -> Figure:
    """Draw what ``metrics.csv`` holds.

    Args:
        rows: one per evaluation, each with ``update`` and any of ``return_mean``, ``return_stderr``, ``alpha``,
            ``effective_rows`` and ``..._loss``.
        data_return: mean return of the data's episodes; NaN: unknown.
        optimum: the best return that any policies could have; NaN: unknown.
        title: a line on top.

    Raises:
        InvalidArgumentError: no row.
    """
    if not rows:
        raise InvalidArgumentError("rows", got="none", expected="at least one evaluation")
    columns = {name: _column(rows, name) for name in dict.fromkeys(name for row in rows for name in row)}
    played = "return_mean" in columns
    below = [name for name in ("alpha", "effective_rows") if name in columns]
    losses = [] if played else [name for name in columns if name.endswith("loss")]
    heights = [2.6] * (played or bool(losses)) + [1.2] * len(below)
    if not heights:
        raise InvalidArgumentError("rows", got=f"only {', '.join(columns)}", expected="a return, a loss, or alpha")
    top, bottom = 0.75 if title else 0.45, 0.6
    height = sum(heights) + 0.25 * (len(heights) - 1) + top + bottom
    figure = new_figure(7.2, height)
    edges = {"left": 0.115, "right": 0.885 if played else 0.97, "bottom": bottom / height, "top": 1 - top / height}
    grid = figure.add_gridspec(len(heights), 1, height_ratios=heights, hspace=0.16, **edges)
    panels: list[Axes] = [figure.add_subplot(grid[0, 0])]
    panels += [figure.add_subplot(grid[k, 0], sharex=panels[0]) for k in range(1, len(heights))]
    if played:
        _draw_return(panels[0], columns, data_return, optimum)
    elif losses:
        _draw_losses(panels[0], columns, losses)
    for axes, name in zip(panels[len(panels) - len(below) :], below, strict=True):
        _draw_logarithmic(axes, columns["update"], columns[name], {"effective_rows": "effective rows"}.get(name, name))
    for axes in panels:
        _tidy(axes, lowest=axes is panels[-1])
    if title:
        figure.text(edges["left"], 1 - 0.26 / height, title, fontsize=12, fontweight="bold", color=INK, va="center")
    return figure


def _column(rows: Sequence[Mapping[str, float]], name: str) -> FloatArray:
    return np.array([row.get(name, math.nan) for row in rows], dtype=np.float64)


def _draw_return(axes: Axes, columns: Mapping[str, FloatArray], data_return: float, optimum: float) -> None:
    """The return with a band of one standard error; on the right the same scale as the gap to the data."""
    update, mean = columns["update"], columns["return_mean"]
    error = np.nan_to_num(columns.get("return_stderr", np.zeros_like(mean)))
    axes.fill_between(update, mean - error, mean + error, color=LEARNED, alpha=0.25, linewidth=0)
    axes.plot(update, mean, color=LEARNED, marker="o", markersize=3.5, label="learned, ± 1 standard error")
    if math.isfinite(optimum):
        axes.axhline(optimum, color=OPTIMUM, linewidth=1.2, label=f"optimum, {optimum:.4g}", zorder=1)
    if math.isfinite(data_return):
        axes.axhline(data_return, color=DATA, linewidth=1.2, linestyle="--", label=f"the data, {data_return:.4g}", zorder=1)
        gap = axes.secondary_yaxis("right", functions=_shift(data_return))
        gap.set_ylabel("above the data", fontsize=9, color=INK)
        gap.tick_params(labelsize=8, labelcolor=INK, color=PALE)
        gap.spines["right"].set_color(PALE)
    axes.margins(y=0.12)
    axes.set_ylabel("return", fontsize=9, color=INK)
    _legend(axes)


def _shift(by: float) -> Any:
    """From a return to its gap, and back."""
    return (lambda y: y - by), (lambda y: y + by)


def _draw_losses(axes: Axes, columns: Mapping[str, FloatArray], names: Sequence[str]) -> None:
    for k, name in enumerate(names):
        label = name.replace("_", " ")
        axes.plot(columns["update"], columns[name], color=LOSSES[k % len(LOSSES)], marker="o", markersize=3, label=label)
    axes.set_ylabel("losses", fontsize=9, color=INK)
    _legend(axes)


def _draw_logarithmic(axes: Axes, update: FloatArray, values: FloatArray, name: str) -> None:
    axes.plot(update, values, color=AGENT_COLOURS[1], marker="o", markersize=3)
    positive = values[values > 0]
    if len(positive):
        axes.set_yscale("log")
        # whole decades, so that a curve that hardly moves looks like one
        axes.set_ylim(10 ** math.floor(math.log10(positive.min()) - 0.05), 10 ** math.ceil(math.log10(positive.max()) + 0.05))
    axes.set_ylabel(name, fontsize=9, color=INK)


def _legend(axes: Axes) -> None:
    """Above the axes, where no curve can run into it."""
    place = {"loc": "lower left", "bbox_to_anchor": (0, 0.99), "borderaxespad": 0.2}
    axes.legend(fontsize=8, frameon=False, labelcolor=INK, ncols=4, **place)


def _tidy(axes: Axes, *, lowest: bool) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(PALE)
    axes.tick_params(labelsize=8, labelcolor=INK, color=PALE, which="both", labelbottom=lowest)
    axes.grid(color="#EDEDED", linewidth=0.7)
    axes.set_axisbelow(True)
    if lowest:
        axes.set_xlabel("update", fontsize=9, color=INK)


def share_per_bin(probabilities: ArrayLike, edges: ArrayLike) -> FloatArray:
    """Shares of the steps per bin, ``(K,)``: first those of probability 0, then those in each of (edge k, edge k + 1]."""
    values, bounds = np.asarray(probabilities, dtype=np.float64), np.asarray(edges, dtype=np.float64)
    place = np.where(values > 0, np.searchsorted(bounds, values, side="left").clip(1, len(bounds) - 1), 0)
    return np.bincount(place, minlength=len(bounds)) / max(1, len(values))


def draw_joint_actions(learned: ArrayLike, data: ArrayLike, *, title: str = "", name: str = "learned policy") -> Figure:
    """Draw how likely the data find joint actions: those that a policy plays, and their own.

    Args:
        learned: for every step that the policy played, the share of the played joint action among the data's in that state.
        data: the same for every step of the data.
        title: a line on top.
        name: whose steps ``learned`` are.

    Raises:
        InvalidArgumentError: no step, or numbers outside [0, 1].
    """
    series = {label: _probabilities(values, label) for label, values in (("learned", learned), ("data", data))}
    positive = np.concatenate([values[values > 0] for values in series.values()])
    least = max(LEAST, positive.min(initial=SHOWN))
    edges = 10.0 ** (np.arange(math.floor(2 * math.log10(least)), 1) / 2)
    height, top = 3.7, 0.75 if title else 0.45
    figure = new_figure(7.2, height)
    axes = figure.add_axes((0.1, 0.2, 0.87, 0.8 - top / height))
    _draw_bars(axes, series, edges, name)
    if title:
        figure.text(0.1, 1 - 0.26 / height, title, fontsize=12, fontweight="bold", color=INK, va="center")
    return figure


def _draw_bars(axes: Axes, series: Mapping[str, FloatArray], edges: FloatArray, name: str) -> None:
    """Two bars per bin, the percentage over each."""
    places = np.arange(len(edges))
    labels = (f"steps of the {name}", "steps of the data (the behaviour policy)")
    for k, (values, colour) in enumerate(zip(series.values(), (LEARNED, DATA), strict=True)):
        shares = share_per_bin(values, edges)
        bars = axes.bar(places + (k - 0.5) * 0.42, shares, 0.38, color=colour, label=labels[k])
        axes.bar_label(bars, [_percent(share) for share in shares], fontsize=8, color=INK, padding=1)
    axes.set_xticks(places, ["never\nseen", *_bin_names(edges)])
    axes.axvline(0.5, color=PALE, linewidth=1)
    axes.set_ylim(0, 1.08)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1.0], ["0", "25", "50", "75", "100"])
    axes.set_ylabel("share of the steps, %", fontsize=9, color=INK)
    _tidy(axes, lowest=True)
    axes.grid(visible=False, axis="x")
    axes.set_xlabel("probability of the joint action in its state, by the data's counts", fontsize=9, color=INK)
    _legend(axes)


def _probabilities(values: ArrayLike, where: str) -> FloatArray:
    array = _checks.real_array(values, where, InvalidArgumentError)
    if array.ndim != 1 or not len(array) or array.min() < 0 or array.max() > 1:
        raise InvalidArgumentError(where, got=f"shape {array.shape}", expected="one probability in [0, 1] per step")
    return array


def _bin_names(edges: FloatArray) -> list[str]:
    """Half decades as percentages; the first bin reaches down to any probability above 0."""
    percent = [f"{float(f'{100 * edge:.1g}'):g}" for edge in edges]
    return [f"up to\n{percent[1]} %", *(f"{low} to\n{high} %" for low, high in pairwise(percent[1:]))]


def _percent(share: float) -> str:
    """With one decimal where that says more; nothing for nothing."""
    if share == 0:
        return ""
    return "<0.1" if share < 0.0005 else f"{100 * share:.1f}" if share < 0.0995 else f"{100 * share:.0f}"
