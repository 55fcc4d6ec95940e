"""``alberdice-deep traffic``: which convention is played in warehouse data, and pictures of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from numpy.typing import NDArray

from alberdice._checks import whole_number
from alberdice.cli.common import Verbosity
from alberdice.console import print_json, tell

__all__ = ["Traffic"]

#: frames of a strip
_FRAMES = 4


@dataclass(frozen=True)
class Traffic(Verbosity):
    """Say which traffic convention warehouse data keep, as JSON; draw maps, a strip of frames and an animation."""

    dataset: tyro.conf.Positional[str]
    """a built-in dataset, a directory, or an id of the store"""
    root: Path | None = None
    """directory of all stored datasets"""
    out: Path | None = None
    """folder for pictures: conventions.png, traffic.png, agreement.png, strip.png, episode.gif"""
    episode: int = 0
    """which episode is shown"""
    steps: int = 250
    """steps of the animation"""

    def run(self) -> None:
        """Count, print, draw."""
        from alberdice.datasets import load_dataset
        from alberdice.datasets.traffic import layout_of, traffic_of

        data = load_dataset(self.dataset, root=self.root)
        shown = data.get_episode(whole_number(self.episode, "--episode", high=data.n_episodes - 1))
        found = traffic_of(data)
        print_json(found.summary())
        if self.out is None:
            return
        from alberdice import plotting
        from alberdice.environments.rware import CONVENTIONS
        from alberdice.environments.rware.views import read
        from alberdice.plotting.warehouse import raster, traffic

        layout = layout_of(data)
        groups: dict[str, tuple[NDArray[np.float64], NDArray[np.float64], int]] = {}
        names = [
            CONVENTIONS[k] if agree else "not agreed" for k, agree in zip(found.conventions[:, 0], found.agree, strict=True)
        ]
        for episode, name in zip(data.episodes, names, strict=True):
            entries, flow = traffic(layout, read(layout, episode.observations, episode.states).cells)
            before = groups.get(name, (np.zeros_like(entries), np.zeros_like(flow), 0))
            groups[name] = (before[0] + entries, before[1] + flow, before[2] + 1)
        self.out.mkdir(parents=True, exist_ok=True)
        delivered = {name: found.returns[np.array(names) == name] for name in sorted(set(names))}
        titled = {f"{name}: {count} episodes": (entries, flow) for name, (entries, flow, count) in sorted(groups.items())}
        length = min(whole_number(self.steps, "--steps", low=1), len(shown.actions))
        images = raster(layout, read(layout, shown.observations[:length], shown.states[:length]))
        heat = plotting.draw_traffic(layout, titled, title=f"{data.name}\ncells entered, mean direction")
        frames = sorted({k * length // _FRAMES for k in range(_FRAMES)})
        strip = plotting.draw_strip(images, frames, title=f"{data.name}, episode {self.episode}")
        drawn = [
            plotting.save(plotting.draw_conventions(layout), self.out / "conventions.png"),
            plotting.save(heat, self.out / "traffic.png"),
            plotting.save(plotting.draw_agreement(delivered, title=data.name), self.out / "agreement.png"),
            plotting.save(strip, self.out / "strip.png"),
            plotting.save_animation(images, self.out / "episode.gif"),
        ]
        for picture in drawn:
            tell(f"wrote {picture}")
