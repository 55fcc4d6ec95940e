"""The data of scaling experiments, and what is true of them.

A game's data are a recipe's, made anew by every run; a warehouse's are made once and kept in a store of the experiment's own.
What is true of either is found once, and kept in ``OUT/data/NAME.json``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alberdice.console import json_text
from alberdice.datasets import OfflineDataset, make_builtin, write_dataset
from alberdice.datasets.header import DatasetHeader
from alberdice.datasets.passwords import passwords_name
from alberdice.datasets.warehouses import make_warehouse
from alberdice.environments.rware import EPISODE_LIMIT
from alberdice.errors import InvalidArgumentError
from alberdice.files import write_atomically
from alberdice.games.passwords import Passwords, passwords
from alberdice.readers import read_json

__all__ = ["DataSpec", "facts_of", "game_of", "make_data"]

#: of all recipes
SEED = 0


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
        """Of the data: their recipe's, or one of our own."""
        if self.kind == "passwords":
            return passwords_name(self.n_agents, self.steps, self.noises)
        return f"{self.kind}-{self.n_agents}ag-{self.steps}st"

    def dataset(self, root: Path) -> str:
        """By which a run finds them."""
        return self.name if self.kind == "passwords" else str(root / f"{self.name}-v0")

    @property
    def bytes_needed(self) -> int:
        """About what training on them takes: the data as stored, and four bytes a number on the device."""
        seen = game_of(2).n_states if self.kind == "passwords" else 71
        frames, numbers = 1.2 * self.steps, (self.n_agents + 1) * (seen + 1)
        return int(frames * 5 * numbers + self.steps * self.n_agents * 60)


@cache
def game_of(n_agents: int) -> Passwords:
    """The game of so many agents."""
    return passwords(n_agents)


def make_data(spec: DataSpec, root: Path) -> None:
    """Find out what is true of the data, and keep them where they are no recipe's; nothing if that was done.

    Raises:
        InvalidArgumentError: steps that are no whole episodes.
    """
    facts, stored = root / f"{spec.name}.json", root / f"{spec.name}-v0"
    if facts.exists() and (spec.kind == "passwords" or stored.exists()):
        return
    made = make_builtin(spec.name, SEED) if spec.kind == "passwords" else _warehouse(spec)
    if spec.kind != "passwords" and not stored.exists():
        write_dataset(made, stored.name, root=root)
    root.mkdir(parents=True, exist_ok=True)
    write_atomically(facts, (json_text(_facts(made, spec)) + "\n").encode())


def facts_of(spec: DataSpec, root: Path) -> dict[str, Any]:
    """What is true of the data."""
    return dict(read_json(root / f"{spec.name}.json"))


def _warehouse(spec: DataSpec) -> OfflineDataset:
    episodes, rest = divmod(spec.steps, EPISODE_LIMIT)
    if rest or not episodes:
        raise InvalidArgumentError("steps", got=spec.steps, expected=f"a multiple of {EPISODE_LIMIT}")
    made = make_warehouse("tiny", spec.n_agents, "medium-expert", np.random.default_rng(SEED), episodes=episodes)
    agents = tuple(f"agent_{i + 1}" for i in range(spec.n_agents))
    environment = f"rware-tiny-{spec.n_agents}ag"
    return replace(made, header=DatasetHeader(environment=environment, agents=agents, episode_limit=EPISODE_LIMIT))


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
