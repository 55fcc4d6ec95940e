"""Policies where they act: read from a file, or from a run, with the names of their agents and actions.

    policies = alberdice.deep.Policies.load("mine.safetensors")
    actor = policies.actor(episodes=1)
    while playing:
        actions = actor.act(observations, masks, generator)         # (1, N); what happens next gives
        actor.observe(actions, rewards)                             # the team's rewards (1,): the memory of those that have one

A file is read without the packages that made it: no dataset, no environment, no game, nothing of a run is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from alberdice.deep.config import Play
from alberdice.deep.policies import Actor
from alberdice.deep.policies import Policies as Saved
from alberdice.deep.policies.agents import Agent, agent_of
from alberdice.deep.training.export import Origins, read_export
from alberdice.errors import InvalidArgumentError
from alberdice.files import is_file
from alberdice.names import nearest

__all__ = ["Playing", "Policies"]


@dataclass(frozen=True)
class Policies:
    """All agents' policies, ready to act.

    Attributes:
        learned: what training made.
        agents: the agents' names, in the order of every array's axis N.
        action_names: per agent, one name per action.
        about: where they come from: algorithm, dataset, environment, updates, how evaluations played, versions.
    """

    learned: Saved
    agents: tuple[str, ...]
    action_names: tuple[tuple[str, ...], ...]
    about: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, path: str | Path, update: str | int = "selected", *, trust: bool = False) -> Policies:
        """Those of NAME.safetensors, or of a run's folder.

        Args:
            path: what ``export`` wrote, or the folder.
            update: of a folder: 'selected', 'last', or a kept evaluation's.
            trust: import and run what only the file or the folder names, an algorithm or networks of somebody's own.

        Raises:
            InvalidArgumentError, InvalidDataError: nothing of this package there, or damaged.
        """
        if is_file(Path(path)):
            learned, about = read_export(Path(path), update, trust=trust)
        else:
            from alberdice.deep.training.saved_run import origins_of_run, policies_of_run

            learned = policies_of_run(Path(path), str(update), trust=trust)
            about = origins_of_run(Path(path), str(update)).of(learned.n_actions)
        names = {key: value for key, value in about.items() if key in ("agents", "action_names")}
        if not names:  # a file of an earlier release
            names = Origins().of(learned.n_actions)
        actions = tuple(tuple(map(str, own)) for own in names["action_names"])
        return cls(learned, tuple(map(str, names["agents"])), actions, about)

    @property
    def n_actions(self) -> tuple[int, ...]:
        """Per agent."""
        return self.learned.n_actions

    @property
    def observation_size(self) -> int:
        """O, the widest agent's number of features."""
        return int(self.learned.features.mean.shape[-1])

    @property
    def has_memory(self) -> bool:
        """Whether what came before matters."""
        return self.learned.has_memory

    def actor(self, episodes: int = 1) -> Playing:
        """A player of so many episodes side by side, each at its beginning."""
        return Playing(self.learned.actor(episodes), self.learned.features.mean.device, self.about.get("play", "sample"))

    def agent(self, agent: str | int) -> Agent:
        """One agent's policy as a ``torch.nn.Module`` that knows nothing of the others; by name or number.

        Raises:
            InvalidArgumentError: no such agent.
        """
        if isinstance(agent, str) and agent in self.agents:
            return agent_of(self.learned, self.agents.index(agent))
        if isinstance(agent, int) and not isinstance(agent, bool) and 0 <= agent < len(self.agents):
            return agent_of(self.learned, agent)
        raise InvalidArgumentError(
            "agent", got=repr(agent), expected=f"one of {', '.join(self.agents)}", remedy=nearest(str(agent), self.agents)
        )

    def __repr__(self) -> str:
        actions = ", ".join(f"{name}: {count}" for name, count in zip(self.agents, self.n_actions, strict=True))
        memory = "with a memory" if self.has_memory else "without a memory"
        return f"Policies({memory}, {self.observation_size} features; actions of {actions})"


class Playing:
    """An actor told and asked in NumPy; see ``policies.base.Actor``."""

    def __init__(self, actor: Actor, device: torch.device, play: Play = "sample") -> None:
        self._actor, self._device, self._play = actor, device, play

    def act(
        self, observations: ArrayLike, masks: ArrayLike | None, generator: np.random.Generator, *, play: Play | None = None
    ) -> NDArray[np.int64]:
        """Joint actions ``(B, N)`` at raw observations ``(B, N, O)`` with masks ``(B, N, A)``; None: all that an agent has.

        ``play`` is 'sample', 'sharp' or 'greedy' (``policies.acting``); None: as the run's evaluations played.
        """
        return self._actor.act(observations, masks, generator, play=self._play if play is None else play)

    def probabilities(self, observations: ArrayLike, masks: ArrayLike | None = None) -> NDArray[np.float64]:
        """The tables pi_i(a|o_i, what came before), ``(B, N, A)``."""
        seen = torch.from_numpy(np.array(observations, np.float64)).to(self._device)
        available = None if masks is None else torch.from_numpy(np.array(masks, np.bool_)).to(self._device)
        return np.asarray(self._actor.log_probabilities(seen, available).double().exp().cpu().numpy())

    def observe(self, actions: ArrayLike, rewards: ArrayLike) -> None:
        """Take note of the joint actions ``(B, N)`` that were played, and of the team's rewards ``(B,)``."""
        played, gained = torch.from_numpy(np.array(actions, np.int64)), torch.from_numpy(np.array(rewards, np.float32))
        self._actor.observe(played.to(self._device), gained.to(self._device))
