"""Heat maps of two-agent matrix games, as a picture of Table 6: rows are algorithms, columns are datasets.

Each cell of a map is a joint action (agent 1 down, agent 2 across) and holds its probability with two decimals, on one scale
from 0 to 1; below it, small, what the joint action pays. Joint actions that the dataset does not contain are hatched; those
that pay most have a green frame. So probability on a hatched cell is the failure that the paper is about, and weight inside
the frame is what one wants.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alberdice import _checks
from alberdice._checks import FloatArray
from alberdice.errors import InvalidArgumentError
from alberdice.plotting.figures import INK, PALE, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_heatmaps"]

#: bluish green, the palette's colour for 'right'
OPTIMAL = "#009E73"
#: above this value the number in a cell is white
DARK = 0.55
#: inches that the legend takes
LEGEND_WIDTH = 4.4


def draw_heatmaps(
    values: Mapping[str, Mapping[str, ArrayLike]],
    *,
    observed: Mapping[str, ArrayLike] | None = None,
    payoff: ArrayLike | None = None,
    action_names: Sequence[Sequence[str]] | None = None,
    title: str = "",
) -> Figure:
    """Draw one heat map per algorithm and dataset.

    Args:
        values: ``values[algorithm][dataset]``: joint policy, ``(A1, A2)``, entries in [0, 1]; all algorithms have the same
            datasets.
        observed: per dataset, booleans ``(A1, A2)``: which joint actions it contains; None: all.
        payoff: ``(A1, A2)``, what joint actions pay: written into the cells, the largest framed; None: neither.
        action_names: the names of agent 1's and of agent 2's actions; None: A, B, ...
        title: a line on top.

    Raises:
        InvalidArgumentError: no map, maps of different shapes, values outside [0, 1], a dataset that an algorithm lacks.
    """
    tables, shape = _checked_values(values)
    algorithms, datasets = list(tables), list(next(iter(tables.values())))
    shown = {name: _checked_mask((observed or {}).get(name), shape, f"observed[{name!r}]", default=True) for name in datasets}
    pays = _checked_payoff(payoff, shape)
    names = _checked_names(action_names, shape)

    side = max(1.25, 0.6 * max(shape))
    headings = {name: _wrapped(name, max(8, int(14 * side))) for name in datasets}
    lines = max(text.count("\n") + 1 for text in headings.values())
    left, top, bottom = 1.65, 0.2 + 0.18 * lines + (0.4 if title else 0.0), 0.85
    width, height = max(left + len(datasets) * side + 0.3, LEGEND_WIDTH), top + len(algorithms) * side + bottom
    figure = new_figure(width, height)
    grid = figure.add_gridspec(
        len(algorithms),
        len(datasets),
        left=left / width,
        right=(left + len(datasets) * side) / width,
        bottom=bottom / height,
        top=1 - top / height,
        wspace=0.12,
        hspace=0.12,
    )
    for row, algorithm in enumerate(algorithms):
        for column, dataset in enumerate(datasets):
            axes = figure.add_subplot(grid[row, column])
            _draw_table(axes, tables[algorithm][dataset], shown[dataset], pays)
            _label_axes(axes, names, lowest=row == len(algorithms) - 1, leftmost=column == 0)
            if row == 0:
                axes.set_title(headings[dataset], fontsize=10, color=INK, pad=6)
            if column == 0:
                place = (0.1 / width, 0.5 * sum(axes.get_position().intervaly))
                figure.text(*place, algorithm, ha="left", va="center", fontsize=11, color=INK)
    if title:
        figure.text(0.1 / width, 1 - 0.25 / height, title, fontsize=13, fontweight="bold", color=INK, va="center")
    _draw_legend(figure, any(not mask.all() for mask in shown.values()), pays)
    return figure


def _wrapped(text: str, width: int) -> str:
    return "\n".join(textwrap.fill(line, width) for line in text.splitlines())


def _draw_table(axes: Axes, table: FloatArray, shown: NDArray[np.bool_], pays: FloatArray | None) -> None:
    from matplotlib.patches import Rectangle

    axes.imshow(table, cmap="Blues", vmin=0.0, vmax=1.25, aspect="equal")
    for (row, column), value in np.ndenumerate(table):
        corner, dark = (column - 0.5, row - 0.5), value > DARK
        if not shown[row, column]:
            hatching = "white" if dark else "#A8A8A8"
            axes.add_patch(Rectangle(corner, 1, 1, fill=False, hatch="////", edgecolor=hatching, linewidth=0))
        if pays is not None:
            small = axes.text(
                column, row + 0.31, f"pays {pays[row, column]:g}", ha="center", va="center", fontsize=6.5, zorder=4
            )
            small.set_color("white" if dark else INK)
            if not shown[row, column]:
                small.set_bbox({"facecolor": axes.images[0].to_rgba(np.array([value]))[0], "edgecolor": "none", "pad": 0.6})
        if pays is not None and pays[row, column] == pays.max():
            inset = (column - 0.455, row - 0.455)
            axes.add_patch(Rectangle(inset, 0.91, 0.91, fill=False, edgecolor=OPTIMAL, linewidth=2.4, zorder=3))
        number = axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=10, zorder=4)
        number.set_color("white" if dark else INK)
        number.set_fontweight("bold" if value >= 0.005 else "normal")
        if not shown[row, column]:
            number.set_bbox({"facecolor": axes.images[0].to_rgba(np.array([value]))[0], "edgecolor": "none", "pad": 1.5})
    for spine in axes.spines.values():
        spine.set_color(PALE)


def _label_axes(axes: Axes, names: Sequence[Sequence[str]], *, lowest: bool, leftmost: bool) -> None:
    axes.tick_params(length=0, labelsize=9, labelcolor=INK)
    axes.set_yticks(range(len(names[0])), names[0] if leftmost else [])
    axes.set_xticks(range(len(names[1])), names[1] if lowest else [])
    if leftmost:
        axes.set_ylabel("agent 1", fontsize=8, color=INK)
    if lowest:
        axes.set_xlabel("agent 2", fontsize=8, color=INK)


def _draw_legend(figure: Figure, some_absent: bool, pays: FloatArray | None) -> None:
    from matplotlib.patches import Patch

    marks = []
    if pays is not None:
        words = f"optimal: pays most, {pays.max():g}"
        marks.append(Patch(facecolor="white", edgecolor=OPTIMAL, linewidth=2.4, label=words))
    if some_absent:
        marks.append(Patch(facecolor="white", edgecolor="#A8A8A8", hatch="////", label="not in the dataset"))
    if marks:
        figure.legend(handles=marks, loc="lower right", ncols=2, frameon=False, fontsize=9, labelcolor=INK)


def _checked_values(
    values: Mapping[str, Mapping[str, ArrayLike]],
) -> tuple[dict[str, dict[str, FloatArray]], tuple[int, int]]:
    tables: dict[str, dict[str, FloatArray]] = {}
    for algorithm, per_dataset in values.items():
        tables[algorithm] = {}
        for dataset, entries in per_dataset.items():
            where = f"values[{algorithm!r}][{dataset!r}]"
            table = _checks.real_array(entries, where, InvalidArgumentError)
            if table.ndim != 2 or 0 in table.shape:
                raise InvalidArgumentError(where, got=f"shape {table.shape}", expected="shape (A1, A2), two agents")
            if table.min() < 0 or table.max() > 1 + 1e-9:
                raise InvalidArgumentError(where, got=f"{table.min():g} to {table.max():g}", expected="numbers in [0, 1]")
            tables[algorithm][dataset] = table
    if not tables or not all(tables.values()):
        raise InvalidArgumentError("values", got="no table", expected="at least one algorithm with one dataset")
    first = next(iter(tables.values()))
    shape = next(iter(first.values())).shape
    for algorithm, per in tables.items():
        if list(per) != list(first):
            raise InvalidArgumentError(f"values[{algorithm!r}]", got=list(per), expected=f"the datasets {list(first)}")
        for dataset, table in per.items():
            _checks.check_shape(table, shape, f"values[{algorithm!r}][{dataset!r}]", InvalidArgumentError)
    return tables, (shape[0], shape[1])


def _checked_payoff(payoff: ArrayLike | None, shape: tuple[int, int]) -> FloatArray | None:
    if payoff is None:
        return None
    table = _checks.real_array(payoff, "payoff", InvalidArgumentError)
    _checks.check_shape(table, shape, "payoff", InvalidArgumentError)
    return table


def _checked_mask(mask: ArrayLike | None, shape: tuple[int, int], name: str, *, default: bool) -> NDArray[np.bool_]:
    if mask is None:
        return np.full(shape, default)
    array = np.asarray(mask)
    if array.dtype != np.bool_:
        raise InvalidArgumentError(name, got=f"dtype {array.dtype}", expected="booleans")
    _checks.check_shape(array, shape, name, InvalidArgumentError)
    return array


def _checked_names(names: Sequence[Sequence[str]] | None, shape: tuple[int, int]) -> Sequence[Sequence[str]]:
    if names is None:
        return [[chr(ord("A") + k) if size <= 26 else str(k) for k in range(size)] for size in shape]
    if tuple(len(own) for own in names) != shape:
        raise InvalidArgumentError("action_names", got=f"{[len(n) for n in names]} names", expected=f"{shape}, one per action")
    return names
