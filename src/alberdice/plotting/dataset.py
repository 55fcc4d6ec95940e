"""A dataset in four panels: returns, lengths, each agent's actions, and joint actions.

For two agents the joint panel is the matrix of shares p(a_1, a_2); for more it shows the twenty most frequent joint actions.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from alberdice.datasets.dataset import OfflineDataset
from alberdice.datasets.statistics import joint_action_counts
from alberdice.errors import InvalidArgumentError
from alberdice.files import atomic_file
from alberdice.texts import printable

__all__ = ["plot_dataset"]


def _histogram(axes: Any, sample: Any, title: str, unit: str) -> None:
    spread = np.unique(sample)
    axes.hist(sample, bins=min(40, max(1, len(spread))), color="#4477aa")
    axes.set(title=title, xlabel=unit, ylabel="episodes")


def _joint(axes: Any, dataset: OfflineDataset) -> None:
    actions, counts = joint_action_counts(dataset)
    share = counts / counts.sum()
    if dataset.n_agents == 2:
        table = np.zeros(dataset.n_actions)
        table[actions[:, 0], actions[:, 1]] = share
        image = axes.imshow(table, cmap="Blues", vmin=0)
        axes.figure.colorbar(image, ax=axes, label="share of steps")
        if table.size <= 36:
            for (row, column), value in np.ndenumerate(table):
                axes.text(
                    column, row, f"{value:.2f}", ha="center", va="center", color="white" if value > table.max() / 2 else "black"
                )
        axes.set(
            title="joint actions",
            xlabel="agent 2",
            ylabel="agent 1",
            xticks=range(table.shape[1]),
            yticks=range(table.shape[0]),
        )
        return
    top = np.argsort(-share, kind="stable")[:20]
    axes.barh([" ".join(map(str, actions[k])) for k in top][::-1], share[top][::-1], color="#4477aa")
    axes.set(title=f"most frequent of {len(counts):,} joint actions", xlabel="share of steps")


def plot_dataset(dataset: OfflineDataset, path: str | Path) -> Path:
    """Draw the dataset to a picture file; its ending chooses the format (png, pdf, svg).

    Raises:
        InvalidArgumentError: an ending that is none of these.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    target = Path(path)
    kind = target.suffix.lower().lstrip(".")
    if kind not in ("png", "pdf", "svg"):
        raise InvalidArgumentError("plot", got=str(path), expected="a file name that ends in .png, .pdf or .svg")
    figure = Figure(figsize=(11, 8), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(2, 2)
    title = f"{printable(dataset.name, 80)}: {dataset.n_episodes:,} episodes, {dataset.n_steps:,} steps"
    figure.suptitle(title, parse_math=False)
    _histogram(panels[0, 0], dataset.returns, "returns", "undiscounted return")
    _histogram(panels[0, 1], dataset.lengths, "lengths", "steps")
    table = np.full((dataset.n_agents, max(dataset.n_actions)), np.nan)
    for agent, n in enumerate(dataset.n_actions):
        table[agent, :n] = np.bincount(dataset.actions[:, agent], minlength=n) / dataset.n_steps
    image = panels[1, 0].imshow(table, cmap="Blues", vmin=0, aspect="auto")
    figure.colorbar(image, ax=panels[1, 0], label="share of steps")
    names = [f"agent {agent + 1}" for agent in range(dataset.n_agents)]
    panels[1, 0].set(title="each agent's actions", xlabel="action", xticks=range(table.shape[1]))
    panels[1, 0].set_yticks(range(dataset.n_agents), names)
    _joint(panels[1, 1], dataset)
    with atomic_file(target, overwrite=True) as partial:
        figure.savefig(partial, format=kind, dpi=120)
    return target
