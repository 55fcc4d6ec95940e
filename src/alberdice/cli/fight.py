"""``alberdice-deep fight``: how often fights in data of SMAX maps are won, and pictures of one of them."""

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
    from alberdice.environments.smax import BattleMap

__all__ = ["Fight"]

#: frames of the strip
_FRAMES = 5


@dataclass(frozen=True)
class Fight(Verbosity):
    """Say how often the fights of SMAX data (not SMAC's) are won, as JSON; draw a strip of frames and an animation."""

    dataset: tyro.conf.Positional[str]
    """a built-in dataset, a directory, or an id of the store"""
    root: Path | None = None
    """directory of all stored datasets"""
    out: Path | None = None
    """folder for pictures: strip.png, fight.gif"""
    episode: int = 0
    """which episode is shown"""

    def run(self) -> None:
        """Count, print, draw."""
        from alberdice.datasets import load_dataset
        from alberdice.environments.smax.maps import read_units

        data = load_dataset(self.dataset, root=self.root)
        battle = map_of(data)
        shown = data.get_episode(whole_number(self.episode, "--episode", high=data.n_episodes - 1))
        last = read_units(battle, np.asarray(data.frame_states[data.n_steps :])).alive
        n = battle.n_allies
        won = np.any(last[:, :n], axis=1) & ~np.any(last[:, n:], axis=1)
        print_json(
            {
                "environment": f"smax-{battle.name} (SMAX, not SMAC)",
                "episodes": data.n_episodes,
                "battle_won": float(won.mean()),
                "truncated": float(data.truncated.sum() / data.n_episodes),
                "length_mean": float(data.lengths.mean()),
                "allies_left_mean": float(last[:, :n].sum(axis=1).mean()),
                "enemies_left_mean": float(last[:, n:].sum(axis=1).mean()),
            }
        )
        if self.out is None:
            return
        from alberdice import plotting
        from alberdice.plotting.fights import fight_raster

        self.out.mkdir(parents=True, exist_ok=True)
        images = fight_raster(battle, np.asarray(shown.states), np.asarray(shown.actions))
        steps = np.linspace(0, len(images) - 1, min(_FRAMES, len(images))).astype(int).tolist()
        ends = "won" if won[self.episode] else "not won"
        strip = plotting.draw_strip(images, steps, title=f"SMAX {battle.name}, episode {self.episode}: {ends}")
        for picture in (
            plotting.save(strip, self.out / "strip.png"),
            plotting.save_animation(images, self.out / "fight.gif", per_second=8.0),
        ):
            tell(f"wrote {picture}")


def map_of(data: OfflineDataset) -> BattleMap:
    """The map of SMAX data.

    Raises:
        InvalidArgumentError: data of something else, or whose last frames are not known.
    """
    from alberdice.environments.smax import MAPS

    name = data.header.environment
    if not name.startswith("smax-") or name.removeprefix("smax-") not in MAPS:
        expected = f"data of smax-{', smax-'.join(MAPS)}"
        raise InvalidArgumentError(f"dataset {data.name!r}, environment", got=repr(name), expected=expected)
    if not data.final_known.all():
        raise InvalidArgumentError(f"dataset {data.name!r}", got="episodes without a last frame", expected="whole ones")
    return MAPS[name.removeprefix("smax-")]
