"""Pictures of trained tables: returns beside the paper's, and how uncertain the played joint actions are (Figure 5a)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from alberdice.errors import InvalidArgumentError
from alberdice.plotting.figures import AGENT_COLOURS, INK, PALE, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Mark", "draw_returns", "draw_uncertainties"]

OURS, PAPER = AGENT_COLOURS[1], AGENT_COLOURS[0]
#: bins of a histogram
BINS = 40


@dataclass(frozen=True)
class Mark:
    """One algorithm's returns on one dataset.

    Attributes:
        values: one per seed.
        mean, stderr: over seeds; stderr may be NaN.
        paper: printed mean and standard error; None: nothing printed.
        diverged: whether a seed did.
    """

    values: Sequence[float]
    mean: float
    stderr: float
    paper: tuple[float, float | None] | None
    diverged: bool = False


def draw_returns(marks: Mapping[str, Mapping[str, Mark]], *, title: str = "", what: str = "return of an episode") -> Figure:
    """Draw one panel per dataset, ``marks[dataset][algorithm]``: a dot per seed, mean and standard error, and the paper's.

    ``what``: the marks are of.

    Raises:
        InvalidArgumentError: nothing to draw.
    """
    algorithms = list(dict.fromkeys(name for panel in marks.values() for name in panel))
    if not algorithms:
        raise InvalidArgumentError("marks", got="none", expected="at least one dataset with one algorithm")
    width, height = 1.6 + 4.2 * len(marks), 1.7 + 0.62 * len(algorithms)
    figure = new_figure(width, height)
    grid = figure.add_gridspec(
        1, len(marks), left=1.3 / width, right=1 - 0.25 / width, bottom=0.95 / height, top=1 - 0.85 / height, wspace=0.08
    )
    for column, (dataset, panel) in enumerate(marks.items()):
        axes = figure.add_subplot(grid[0, column], sharex=figure.axes[0] if column else None)
        for row, name in enumerate(algorithms):
            if name in panel:
                _draw_mark(axes, row, panel[name])
        _tidy(axes, dataset, what)
        axes.set_ylim(len(algorithms) - 0.45, -0.55)
        axes.set_yticks(range(len(algorithms)), algorithms if column == 0 else [""] * len(algorithms))
    if title:
        figure.text(0.15 / width, 1 - 0.28 / height, title, fontsize=13, fontweight="bold", color=INK, va="center")
    drawn = [mark for panel in marks.values() for mark in panel.values()]
    _draw_key(figure, any(mark.diverged for mark in drawn), any(mark.paper for mark in drawn), height)
    return figure


def _draw_mark(axes: Axes, row: int, mark: Mark) -> None:
    here = row - 0.14
    axes.plot(mark.values, [here] * len(mark.values), "o", color=OURS, alpha=0.3, markersize=4, markeredgewidth=0, zorder=2)
    spread = None if np.isnan(mark.stderr) else mark.stderr
    shape = "X" if mark.diverged else "o"
    axes.errorbar(mark.mean, here, xerr=spread, fmt=shape, color=OURS, markersize=7, capsize=3, zorder=4)
    if mark.paper is not None:
        mean, error = mark.paper
        axes.errorbar(mean, row + 0.18, xerr=error, fmt="D", color=PAPER, mfc="white", markersize=6, capsize=3, zorder=3)


def _tidy(axes: Axes, title: str, label: str) -> None:
    axes.set_title(title, fontsize=11, color=INK)
    axes.set_xlabel(label, fontsize=9, color=INK)
    axes.tick_params(length=0, labelsize=9.5, labelcolor=INK)
    axes.grid(axis="x", color=PALE, linewidth=0.6)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(PALE)


def _draw_key(figure: Figure, some_diverged: bool, some_printed: bool, height: float) -> None:
    from matplotlib.lines import Line2D

    def key(shape: str, colour: str, label: str, **options: object) -> Line2D:
        return Line2D([], [], linestyle="", marker=shape, color=colour, label=label, **options)  # type: ignore[arg-type]

    keys = [
        key("o", OURS, "mean ± standard error", markersize=7),
        key("o", OURS, "one seed", markersize=4, alpha=0.3, markeredgewidth=0),
    ]
    if some_printed:
        keys.append(key("D", PAPER, "paper", markerfacecolor="white", markersize=6))
    if some_diverged:
        keys.insert(1, key("X", OURS, "with a diverged seed", markersize=7))
    place = {"loc": "lower right", "bbox_to_anchor": (0.99, 0.06 / height), "borderaxespad": 0.0}
    figure.legend(handles=keys, ncols=len(keys), frameon=False, fontsize=9, labelcolor=INK, **place)


def draw_uncertainties(
    uncertainty: ArrayLike, steps: Mapping[str, ArrayLike], data: ArrayLike, threshold: float, *, title: str = ""
) -> Figure:
    """Draw one histogram per algorithm of the uncertainty of the pairs that it plays, on a logarithmic scale, and the data's.

    Args:
        uncertainty: U(s, a) of all pairs, nonnegative.
        steps: per algorithm, how often it plays each pair, of the same shape.
        data: how often the data show each pair.
        threshold: pairs above it are taken to be outside the data.
        title: a line on top.

    Raises:
        InvalidArgumentError: no algorithm, or no step at all of one.
    """
    rows = {"data": np.asarray(data, dtype=np.float64), **{k: np.asarray(v, dtype=np.float64) for k, v in steps.items()}}
    empty = [name for name, weights in rows.items() if not weights.sum() > 0]
    if empty or not steps:
        raise InvalidArgumentError("steps", got=f"none of {empty[0] if empty else 'anybody'}", expected="some of everybody")
    scores = np.log10(np.maximum(np.asarray(uncertainty, dtype=np.float64).reshape(-1), 1e-30))
    edge = float(np.log10(max(threshold, 1e-30)))
    shown = scores[np.sum([weights.reshape(-1) for weights in rows.values()], axis=0) > 0]
    low, high = min(shown.min(), edge) - 0.3, max(shown.max(), edge) + 0.3
    width, height = 7.4, 1.25 + 0.72 * len(rows)
    figure = new_figure(width, height)
    grid = figure.add_gridspec(
        len(rows), 1, left=1.25 / width, right=1 - 1.25 / width, bottom=0.6 / height, top=1 - 0.65 / height, hspace=0.18
    )
    for k, (name, weights) in enumerate(rows.items()):
        axes = figure.add_subplot(grid[k, 0])
        _draw_histogram(axes, name, scores, weights.reshape(-1), edge, (low, high))
        if k < len(rows) - 1:
            axes.set_xticklabels([])
        else:
            axes.set_xlabel(r"uncertainty $U(s, a)$, powers of ten", fontsize=9, color=INK)
    figure.text(0.15 / width, 1 - 0.28 / height, title, fontsize=13, fontweight="bold", color=INK, va="center")
    right, top = 1 - 1.25 / width + 0.11 / width, 1 - 0.62 / height
    figure.text(right, top, "above the\nthreshold", fontsize=8.5, color=PAPER, ha="left", va="bottom")
    return figure


def _draw_histogram(
    axes: Axes, name: str, scores: np.ndarray, weights: np.ndarray, edge: float, limits: tuple[float, float]
) -> None:
    share = weights / weights.sum()
    colour = "#7F7F7F" if name == "data" else OURS
    width = (limits[1] - limits[0]) / BINS
    before, after = np.ceil((edge - limits[0]) / width), np.ceil((limits[1] - edge) / width)
    bins: list[float] = (edge + width * np.arange(-before, after + 1)).tolist()  # none has the threshold inside
    axes.hist(scores, bins=bins, weights=share, color=colour)
    axes.axvline(edge, color=PAPER, linewidth=1.4, linestyle="--")
    axes.set_xlim(*limits)
    axes.set_yticks([])
    axes.tick_params(length=0, labelsize=9, labelcolor=INK)
    axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=10, color=INK, labelpad=8)
    axes.text(1.02, 0.5, f"{100 * share[scores > edge].sum():.1f}%", transform=axes.transAxes, va="center", color=PAPER)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(PALE)
