"""``alberdice-deep match``: how often football data score, and pictures of one episode."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tyro

from alberdice._checks import whole_number
from alberdice.cli.common import Verbosity
from alberdice.console import print_json, tell
from alberdice.errors import InvalidArgumentError

if TYPE_CHECKING:
    from alberdice.datasets import OfflineDataset
    from alberdice.environments.football import Scenario

__all__ = ["Match"]

#: frames of the strip
_FRAMES = 5


@dataclass(frozen=True)
class Match(Verbosity):
    """Say how often the episodes of football data score, as JSON; draw a strip of frames and an animation."""

    dataset: tyro.conf.Positional[str]
    """a built-in dataset, a directory, or an id of the store"""
    root: Path | None = None
    """directory of all stored datasets"""
    out: Path | None = None
    """folder for pictures: strip.png, match.gif"""
    episode: int = -1
    """which episode is shown; -1: the first one that scores"""

    def run(self) -> None:
        """Count, print, draw."""
        from alberdice.datasets import load_dataset

        data = load_dataset(self.dataset, root=self.root)
        scenario = scenario_of_data(data)
        scored = data.returns > 0
        shown = (
            int(scored.argmax()) if self.episode == -1 else whole_number(self.episode, "--episode", high=data.n_episodes - 1)
        )
        print_json(
            {
                "environment": f"football-{scenario.name}",
                "episodes": data.n_episodes,
                "success": float(scored.mean()),
                "success_stderr": float(np.sqrt(scored.mean() * (1 - scored.mean()) / data.n_episodes)),
                "conceded": float((data.returns < 0).mean()),
                "truncated": float(data.truncated.sum() / data.n_episodes),
                "length_mean": float(data.lengths.mean()),
                "length_mean_scored": float(data.lengths[scored].mean()) if scored.any() else None,
                "shown": shown,
            }
        )
        if self.out is not None:
            self._draw(data, scenario, shown, bool(scored[shown]))

    def _draw(self, data: OfflineDataset, scenario: Scenario, shown: int, scored: bool) -> None:
        from alberdice import plotting
        from alberdice.plotting.pitch import pitch_raster

        assert self.out is not None
        self.out.mkdir(parents=True, exist_ok=True)
        images = pitch_raster(scenario, np.asarray(data.get_episode(shown).states))
        steps = np.linspace(0, len(images) - 1, min(_FRAMES, len(images))).astype(int).tolist()
        title = f"football-{scenario.name}, episode {shown}: {'a goal' if scored else 'no goal'}"
        for picture in (
            plotting.save(plotting.draw_strip(images, steps, title=title), self.out / "strip.png"),
            plotting.save_animation(images, self.out / "match.gif", per_second=10.0),
        ):
            tell(f"wrote {picture}")


def scenario_of_data(data: OfflineDataset) -> Scenario:
    """The scenario of football data.

    Raises:
        InvalidArgumentError: data of something else.
    """
    from alberdice.environments.football import SCENARIOS

    name = data.header.environment.removeprefix("football-")
    if not data.header.environment.startswith("football-") or name not in SCENARIOS:
        expected = f"data of football-{', football-'.join(SCENARIOS)}"
        raise InvalidArgumentError(f"dataset {data.name!r}, environment", got=repr(data.header.environment), expected=expected)
    return SCENARIOS[name]
