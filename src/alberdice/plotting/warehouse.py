"""Pictures of robotic warehouses: traffic conventions, heat maps of traffic, episodes as animation and as a strip of frames.

A map shows highways pale, slots grey, shelves brown, requested shelves orange, and goals green. An agent is a disc with a wedge
in its direction, in its own colour, and carries a dark frame while it carries a shelf.

``draw_conventions``    the ways that each convention allows, as arrows
``draw_traffic``        how often each cell was entered, and the mean direction there, one map per group of episodes
``draw_agreement``      each episode's deliveries by the convention that its agents agreed on, or did not
``draw_strip``          some frames of an episode side by side
``save_animation``      an episode as a GIF
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from alberdice.environments.rware.layout import OFFSETS, Layout
from alberdice.environments.rware.roads import CONVENTIONS, one_way
from alberdice.environments.rware.views import Reading
from alberdice.errors import InvalidArgumentError, ResourceError
from alberdice.plotting.figures import INK, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_agreement", "draw_conventions", "draw_strip", "draw_traffic", "raster", "save_animation", "traffic"]

Image = NDArray[np.uint8]
#: of agents 1 to 6, from the palette of Okabe and Ito; further agents begin again
COLOURS = np.array([(213, 94, 0), (0, 114, 178), (204, 121, 167), (86, 180, 233), (0, 158, 115), (34, 34, 34)], np.uint8)
HIGHWAY, SLOT, GOAL = (246, 244, 240), (214, 210, 202), (170, 214, 170)
SHELF, REQUESTED, FRAME = (166, 138, 110), (243, 156, 32), (60, 46, 30)


def _map(layout: Layout, pixels: int) -> Image:
    """The empty map, (H px, W px, 3)."""
    cells = np.where(layout.highway[layout.inside, None], HIGHWAY, SLOT).astype(np.uint8)
    grid = cells.reshape(layout.height, layout.width, 3)
    for goal in layout.goals:
        grid[layout.y[goal], layout.x[goal]] = GOAL
    image = grid.repeat(pixels, axis=0).repeat(pixels, axis=1)
    image[::pixels] = image[:, ::pixels] = (226, 224, 220)
    return image


def _glyphs(pixels: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Where a shelf is, where an agent's disc is, and where its wedge is per direction, (px, px) and (4, px, px)."""
    at = (np.arange(pixels) + 0.5) / pixels - 0.5
    y, x = np.meshgrid(at, at, indexing="ij")
    shelf = np.maximum(abs(x), abs(y)) < 0.42
    disc = np.hypot(x, y) < 0.33
    ahead = [disc & (dx * x + dy * y - abs(dy * x + dx * y) > 0.02) for dx, dy in OFFSETS]
    return shelf, disc, np.stack(ahead)


def raster(layout: Layout, reading: Reading, pixels: int = 18) -> Image:
    """Frames as images.

    Args:
        layout: the map.
        reading: T frames, see ``environments.rware.views.read``.
        pixels: of a cell's side, at least 8.

    Returns:
        (T, H px, W px, 3) uint8.

    Raises:
        InvalidArgumentError: too few pixels.
    """
    if pixels < 8:
        raise InvalidArgumentError("pixels", got=pixels, expected="8 or more")
    shelf, disc, wedges = _glyphs(pixels)
    empty, images = _map(layout, pixels), []
    for t in range(len(reading.cells)):
        image = empty.copy()
        carried = set(reading.cells[t][reading.carrying[t]].tolist())
        for cell in np.flatnonzero(reading.shelf[t] | reading.requested[t]).tolist():
            if cell not in carried:
                _tile(layout, image, cell, pixels)[shelf] = REQUESTED if reading.requested[t, cell] else SHELF
        for agent, cell in enumerate(reading.cells[t].tolist()):
            tile = _tile(layout, image, cell, pixels)
            if reading.carrying[t, agent]:
                tile[shelf] = FRAME
                inner = _shrunk(shelf, max(1, pixels // 12))
                tile[inner] = REQUESTED if reading.requested[t, cell] else SHELF
            tile[disc] = COLOURS[agent % len(COLOURS)]
            tile[wedges[reading.directions[t, agent]]] = 255
        images.append(image)
    return np.stack(images)


def _shrunk(mask: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    """The mask without its rim."""
    for _ in range(by):
        inner = np.pad(mask, 1)
        mask = inner[1:-1, 1:-1] & inner[:-2, 1:-1] & inner[2:, 1:-1] & inner[1:-1, :-2] & inner[1:-1, 2:]
    return mask


def _tile(layout: Layout, image: Image, cell: int, pixels: int) -> Image:
    y, x = int(layout.y[cell]) * pixels, int(layout.x[cell]) * pixels
    return image[y : y + pixels, x : x + pixels]


def save_animation(images: Image, path: str | os.PathLike[str], *, per_second: float = 10.0) -> Path:
    """Write images (T, H, W, 3) as a GIF that repeats.

    Raises:
        InvalidArgumentError: another ending, a folder that does not exist, or no image.
        ResourceError: the file cannot be written.
    """
    target = Path(path)
    if target.suffix.lower() != ".gif":
        raise InvalidArgumentError("path", got=repr(str(path)), expected="a name that ends in .gif")
    if not target.parent.is_dir():
        raise InvalidArgumentError("path", got=f"{str(target.parent)!r}, which is no folder", expected="an existing folder")
    if images.ndim != 4 or not len(images) or not per_second > 0:
        raise InvalidArgumentError("images", got=f"{images.shape} at {per_second:g} a second", expected="(T, H, W, 3), T > 0")
    from PIL import Image as Pictures

    palette = Pictures.fromarray(images[0]).quantize(64)
    frames = [Pictures.fromarray(image).quantize(palette=palette, dither=Pictures.Dither.NONE) for image in images]
    try:
        frames[0].save(
            target, save_all=True, append_images=frames[1:], duration=round(1000 / per_second), loop=0, optimize=False
        )
    except OSError as problem:
        raise ResourceError(
            str(target), got=problem.strerror or str(problem), expected="a file that can be written"
        ) from problem
    return target


def draw_strip(images: Image, steps: Sequence[int], *, title: str = "") -> Figure:
    """Draw these frames of an episode side by side.

    Args:
        images: (T, H, W, 3).
        steps: which of them.
        title: of the whole.
    """
    figure = new_figure(2.1 * len(steps), 2.1 * images.shape[1] / images.shape[2] + 0.6)
    for axes, step in zip(np.atleast_1d(figure.subplots(1, len(steps))), steps, strict=True):
        axes.imshow(images[step])
        axes.set_title(f"step {step}", fontsize=9)
        axes.set_axis_off()
    figure.suptitle(title, fontsize=10)
    figure.tight_layout()
    return figure


def draw_conventions(layout: Layout) -> Figure:
    """Draw the ways that each convention allows; arrows onto slots are left out."""
    figure = new_figure(3.4 * len(CONVENTIONS), 3.4 * layout.height / layout.width + 0.5)
    for convention, axes in enumerate(np.atleast_1d(figure.subplots(1, len(CONVENTIONS)))):
        _show_map(axes, layout, CONVENTIONS[convention])
        allowed = one_way(layout, convention)
        for cell in layout.inside[layout.highway[layout.inside]].tolist():
            ways = [k for k in range(4) if allowed[cell, k] and layout.highway[cell + layout.steps[k]]]
            for way in ways if len(ways) < 4 else ():
                dx, dy = OFFSETS[way]
                x, y = layout.x[cell], layout.y[cell]
                axes.annotate(
                    "",
                    xy=(x + 0.62 * dx, y + 0.62 * dy),
                    xytext=(x - 0.1 * dx, y - 0.1 * dy),
                    arrowprops={"arrowstyle": "-|>", "color": INK, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0},
                )
    figure.tight_layout()
    return figure


def traffic(layout: Layout, cells: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How agents move.

    Args:
        layout: the map.
        cells: (T, N) where the agents stand, step by step; rows of one episode.

    Returns:
        entries (cells,), how often each was entered, and flow (cells, 2), the sum of the steps (dx, dy) out of it.
    """
    before, after = cells[:-1].ravel(), cells[1:].ravel()
    moved = before != after
    before, after = before[moved], after[moved]
    entries = np.bincount(after, minlength=layout.n_cells).astype(np.float64)
    flow = np.zeros((layout.n_cells, 2))
    np.add.at(flow, before, np.stack([layout.x[after] - layout.x[before], layout.y[after] - layout.y[before]], axis=1))
    return entries, flow


def draw_traffic(
    layout: Layout, groups: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]], *, title: str = ""
) -> Figure:
    """Draw entries per cell as heat and the mean direction as arrows.

    Args:
        layout: the map.
        groups: per name, sums of what ``traffic`` gave.
        title: of the whole.
    """
    figure = new_figure(3.4 * len(groups), 3.4 * layout.height / layout.width + 0.6)
    for axes, (name, (entries, flow)) in zip(np.atleast_1d(figure.subplots(1, len(groups))), groups.items(), strict=True):
        _show_map(axes, layout, name)
        heat = (entries / max(entries.max(), 1.0))[layout.inside].reshape(layout.height, layout.width)
        axes.imshow(heat, cmap="YlOrRd", vmin=0, vmax=1, alpha=np.clip(heat * 4, 0, 0.85))
        length = np.hypot(*flow.T)
        shown = layout.inside[(length > 0.1 * entries.max() / 4)[layout.inside]]
        direction = flow[shown] / np.maximum(length[shown], 1e-12)[:, None]
        axes.quiver(
            layout.x[shown], layout.y[shown], direction[:, 0], direction[:, 1], angles="xy", scale=16, width=0.008, pivot="mid"
        )
    figure.suptitle(title, fontsize=10)
    figure.tight_layout()
    return figure


def draw_agreement(groups: Mapping[str, NDArray[np.float64]], *, title: str = "") -> Figure:
    """Draw each episode's deliveries, and their mean, by what its agents agreed on.

    Args:
        groups: per name, the deliveries (E,) of its episodes.
        title: of the whole.
    """
    figure = new_figure(5.2, 3.4)
    axes = figure.subplots()
    for place, values in enumerate(groups.values()):
        order = np.argsort(np.argsort(values, kind="stable"), kind="stable")  # beside each other by rank: no dot hides another
        across = (order + 0.5) / len(values) - 0.5
        axes.plot(place + 0.6 * across, values, "o", markersize=3, alpha=0.5, color=tuple(COLOURS[1] / 255))
        axes.plot([place - 0.35, place + 0.35], [values.mean()] * 2, color=INK, linewidth=1.5)
    names = [f"{name}\n{len(v)} episodes, mean {v.mean():.1f}" for name, v in groups.items()]
    axes.set_xticks(range(len(groups)), names, fontsize=8)
    axes.set_xlim(-0.6, len(groups) - 0.4)
    axes.set_ylabel("deliveries")
    axes.set_title(title, fontsize=10)
    figure.tight_layout()
    return figure


def _show_map(axes: Axes, layout: Layout, title: str) -> None:
    pixels = 16
    extent: Any = (-0.5, layout.width - 0.5, layout.height - 0.5, -0.5)
    axes.imshow(_map(layout, pixels), extent=extent)
    axes.set_title(title, fontsize=9)
    axes.set_axis_off()
