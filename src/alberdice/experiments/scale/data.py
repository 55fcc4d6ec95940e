"""The data of scaling experiments, made once and kept in a store of their own, with what is true of them beside them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alberdice.console import json_text
from alberdice.datasets import OfflineDataset, write_dataset
from alberdice.datasets.header import DatasetHeader
from alberdice.datasets.passwords import play_passwords
from alberdice.datasets.warehouses import make_warehouse
from alberdice.errors import InvalidArgumentError
from alberdice.files import write_atomically
from alberdice.games.passwords import Passwords, passwords
from alberdice.readers import read_json

__all__ = ["DataSpec", "game_of", "make_data"]

#: of all data
SEED = 0
_WAREHOUSE_STEPS = 500


@dataclass(frozen=True)
class DataSpec:
    """Data that a point learns from.

    Attributes:
        kind: 'passwords', or 'rware-tiny': experts of two conventions, noiseless and with three actions of ten random.
        n_agents: N.
        steps: T.
        noises: of games: an episode's share of random actions is one of these.
    """

    kind: str
    n_agents: int
    steps: int
    noises: tuple[float, ...] = ()

    @property
    def name(self) -> str:
        """Of the dataset in the store."""
        noises = "".join(f"-{round(1000 * noise)}" for noise in self.noises)
        return f"scale/{self.kind}-{self.n_agents}ag-{self.steps}st{noises}-v0"

    @property
    def bytes_needed(self) -> int:
        """About what training on them takes: the data as stored, and four bytes a number on the device."""
        seen = game_of(2).n_states if self.kind == "passwords" else 71
        frames, numbers = 1.2 * self.steps, (self.n_agents + 1) * (seen + 1)
        return int(frames * 5 * numbers + self.steps * self.n_agents * 60)


@cache
def game_of(n_agents: int) -> Passwords:
    """The game of so many agents."""
    return passwords(n_agents, seed=SEED)


def make_data(spec: DataSpec, root: Path) -> Path:
    """The dataset's directory under ``root``; made if it is not there.

    Raises:
        InvalidArgumentError: steps that are no whole episodes.
    """
    place = root / spec.name
    if (place / "facts.json").exists():
        return place
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([SEED, spec.n_agents, spec.steps])))
    length = game_of(2).stages if spec.kind == "passwords" else _WAREHOUSE_STEPS
    episodes, rest = divmod(spec.steps, length)
    if rest or not episodes:
        raise InvalidArgumentError("steps", got=spec.steps, expected=f"a multiple of {length}")
    if spec.kind == "passwords":
        made = play_passwords(game_of(spec.n_agents), episodes, spec.noises, generator)
    else:
        made = _warehouse(spec.n_agents, episodes, generator)
    facts = json_text(_facts(made, spec)) + "\n"
    if not (place / "data").exists():
        write_dataset(made, spec.name, root=root)
    write_atomically(place / "facts.json", facts.encode())
    return place


def facts_of(spec: DataSpec, root: Path) -> dict[str, Any]:
    """What is true of the data that were made."""
    return dict(read_json(root / spec.name / "facts.json"))


def _warehouse(n_agents: int, episodes: int, generator: np.random.Generator) -> OfflineDataset:
    made = make_warehouse("tiny", n_agents, "medium-expert", generator, episodes=episodes)
    agents = tuple(f"agent_{i + 1}" for i in range(n_agents))
    limit = _WAREHOUSE_STEPS
    return replace(made, header=DatasetHeader(environment=f"rware-tiny-{n_agents}ag", agents=agents, episode_limit=limit))


def _facts(data: OfflineDataset, spec: DataSpec) -> dict[str, Any]:
    """Mean return; of games, the optimum, what clones of each agent return exactly, and which joint actions are shown."""
    found: dict[str, Any] = {"steps": data.n_steps, "bytes": data.nbytes, "data_return": float(data.returns.mean())}
    if spec.kind != "passwords":
        return found
    game = game_of(spec.n_agents)
    states: NDArray[np.int64] = data.frame_states[: data.n_steps].argmax(axis=1)
    counts = np.zeros((game.n_states, game.n_agents, game.n_actions))
    for agent in range(game.n_agents):
        np.add.at(counts[:, agent], (states, data.actions[:, agent]), 1.0)
    counts[counts.sum(axis=-1) == 0] = 1.0
    pairs = np.unique(np.concatenate([states[:, None], data.actions], axis=1).astype(np.uint8), axis=0)
    log_all = math.log(game.n_states - 1) + game.n_agents * math.log(game.n_actions)
    return found | {
        "optimum": game.optimum,
        "clone": game.exact_return(counts / counts.sum(axis=-1, keepdims=True)),
        "pairs": len(pairs),
        "coverage": math.exp(math.log(len(pairs)) - log_all),
    }
