"""Pictures of fights: an episode as a strip or an animation, and win rates over a training run.

Allies are blue, enemies vermilion; a disc has its unit's radius and is filled as far as its health goes, and a line of dots
leads from an ally to the enemy that it shoots at.  North is up.

``fight_raster``      frames of an episode as images, for ``draw_strip`` and ``save_animation``
``draw_rate_curve``   a metric's mean in the evaluations of runs
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from alberdice.environments.smax.maps import FIRST_ATTACK, SIDE, UNITS, BattleMap, read_units
from alberdice.errors import InvalidArgumentError
from alberdice.plotting.figures import INK, PALE, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_rate_curve", "fight_raster"]

Image = NDArray[np.uint8]
ALLY, ENEMY, GROUND, SHOT = (0, 114, 178), (213, 94, 0), (246, 244, 240), (60, 60, 60)
_DOTS = 12


def fight_raster(
    battle: BattleMap, states: NDArray[np.floating], actions: NDArray[np.int64] | None = None, *, pixels: int = 8
) -> Image:
    """Images (T, 32 px, 32 px, 3) of states (T, S).

    Args:
        battle: the map.
        states: of SMAX, see ``environments.smax.maps``.
        actions: (T, N) of the allies at these states; None: no shots are drawn.
        pixels: of a unit of length, px.

    Raises:
        InvalidArgumentError: states of another map.
    """
    if states.ndim != 2 or states.shape[1] != battle.state_size:
        raise InvalidArgumentError("states", got=states.shape, expected=f"(T, {battle.state_size}), as on {battle.name}")
    side = round(SIDE) * pixels
    images = np.empty((len(states), side, side, 3), np.uint8)
    images[:] = GROUND
    units, n = read_units(battle, states), battle.n_allies
    at = (np.arange(side) + 0.5) / pixels
    for image, places, health, alive, time in zip(
        images, units.places, units.health, units.alive, range(len(states)), strict=True
    ):
        for k in np.flatnonzero(alive).tolist():
            radius = UNITS[units.types[time, k]].radius * 1.3
            far = np.hypot(at[None, :] - places[k, 0], SIDE - at[:, None] - places[k, 1])
            colour = np.array(ALLY if k < n else ENEMY)
            image[far < radius] = (colour + np.array(GROUND)) // 2
            image[far < radius * np.sqrt(health[k])] = colour
        if actions is not None:
            for i in np.flatnonzero(alive[:n] & (actions[time] >= FIRST_ATTACK)).tolist():
                _shot(image, places[i], places[n + actions[time, i] - FIRST_ATTACK], pixels)
    return images


def _shot(image: Image, start: NDArray[np.float64], end: NDArray[np.float64], pixels: int) -> None:
    """Dots from one place to another."""
    for share in np.linspace(0.15, 0.9, _DOTS):
        x, y = start + share * (end - start)
        row, column = int((SIDE - y) * pixels), int(x * pixels)
        image[max(0, row - 1) : row + 1, max(0, column - 1) : column + 1] = SHOT


def draw_rate_curve(runs: Mapping[str, Sequence[Mapping[str, float]]], metric: str, *, title: str = "") -> Figure:
    """Draw a metric's mean over the updates, one line a run, with a band of a standard error.

    Args:
        runs: per label, the rows of ``metrics.csv``, with ``update``, ``METRIC_mean`` and ``METRIC_stderr``.
        metric: its name, e.g. 'battle_won'.
        title: a line on top.

    Raises:
        InvalidArgumentError: no run with an evaluation that reports it.
    """
    lines = {}
    for label, rows in runs.items():
        told = [row for row in rows if np.isfinite(row.get(f"{metric}_mean", np.nan))]
        if told:
            columns = (f"{metric}_mean", f"{metric}_stderr")
            lines[label] = np.array([[row["update"], *(row.get(name, np.nan) for name in columns)] for row in told])
    if not lines:
        raise InvalidArgumentError("runs", got="none that reports it", expected=f"evaluations with {metric}_mean")
    figure = new_figure(7.2, 3.2)
    axes = figure.add_subplot()
    for label, line in lines.items():
        (drawn,) = axes.plot(line[:, 0], line[:, 1], marker="o", markersize=3, label=label)
        error = np.nan_to_num(line[:, 2])
        axes.fill_between(line[:, 0], line[:, 1] - error, line[:, 1] + error, color=drawn.get_color(), alpha=0.2, linewidth=0)
    axes.set(xlabel="update", ylabel=metric, ylim=(-0.02, 1.02))
    axes.grid(color=PALE, linewidth=0.5)
    axes.legend(frameon=False, fontsize=8)
    axes.set_title(title, fontsize=10, color=INK)
    figure.tight_layout()
    return figure
