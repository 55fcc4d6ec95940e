"""What a learner trains on: a dataset as tensors, every distinct frame once, and one absorbing frame.

    frames   u = 0 .. U-1     distinct (state, observations, available actions); the last one is absorbing
    steps    x = 0 .. T-1     here[x] -> actions[x], rewards[x] -> after[x]

Networks see standardised features and a last state feature that is 1 at the absorbing frame only.  A step that terminates leads
to it.  It repeats for ever with reward 0, so one absorbing transition stands for all that follows an episode's end: for
1 / (1 - gamma) steps ('discounted', the discounted length of eternity) or for one ('single'), see ``absorbing_share``.

Where a game has few distinct frames (Bridge: 184 in 28,812 steps), a network is run once per frame and not once per row
(``Rows``): the same losses and gradients, a hundred times less work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alberdice.datasets import OfflineDataset
from alberdice.datasets.subset import best_episodes
from alberdice.deep import sums
from alberdice.deep.batches.features import Features, standardised
from alberdice.deep.batches.tables import MappedTable, Table
from alberdice.deep.config import TrainConfig
from alberdice.errors import InvalidDataError

__all__ = ["Rows", "TrainingData", "at", "indicators"]

#: distinct frames are looked for in arrays of at most this many numbers
_SEARCH_LIMIT = 30_000_000


@dataclass(frozen=True)
class Rows:
    """The frames that one update runs networks on, and where each sampled step finds its own among them.

    Attributes:
        frames: ``(R,)``; the first ``n_here`` of them are all that the steps start from.
        n_here: as said.
        here, after: ``(B,)`` positions in ``frames``.
        start: ``(K,)`` positions of the initial frames.
        absorbing: position of the absorbing frame.
        divided: how the first R are divided among several devices.
    """

    frames: Tensor
    n_here: int
    here: Tensor
    after: Tensor
    start: Tensor
    absorbing: int
    divided: sums.Division = sums.EVENLY


@dataclass(frozen=True)
class TrainingData:
    """A dataset as one device holds it.

    Attributes:
        states: ``(U, S + 1)``; of data that are mapped from a file, read when they are asked for.
        observations: ``(U, N, O)``, likewise.
        available: ``(U, N, A)`` booleans.
        here, after, rewards: ``(T,)``.
        actions: ``(T, N)``.
        starts: ``(E,)`` frames in which episodes begin.
        lengths: ``(E,)`` usable steps of each episode, which stand one after another.
        returns_to_go: ``(T,)`` sums of rewards from each step to its episode's end, unusable steps included.
        endings: number of episodes that terminated.
        n_actions: per agent.
        features: of observations.
        shared: whether equal frames were merged.
        breaks: ``(T,)`` booleans, where step x + 1 is not what followed step x: steps are in the order of time in between.
    """

    states: Table
    observations: Table
    available: Tensor
    here: Tensor
    after: Tensor
    rewards: Tensor
    actions: Tensor
    starts: Tensor
    lengths: Tensor
    returns_to_go: Tensor
    endings: int
    n_actions: tuple[int, ...]
    features: Features
    shared: bool
    breaks: Tensor

    @classmethod
    def build(
        cls, dataset: OfflineDataset, *, standardise: bool = True, share: bool = True, device: str = "cpu", levels: int = 0
    ) -> TrainingData:
        """From a dataset; without states, the agents' observations side by side are the state.

        Args:
            dataset: the data.
            standardise: whether features get mean 0 and deviation 1.
            share: whether equal frames are merged.
            device: where the tensors are.
            levels: observed features of 3 to so many whole values get an indicator per value; 0: none does.

        Raises:
            InvalidDataError: no usable transition.
        """
        source = dataset if dataset.state_size else dataset.with_joint_observation_as_state()
        usable = source.usable
        if not len(usable):
            raise InvalidDataError(source.name, got="no transition", expected="a step whose next frame is known")
        ended = source.terminated[usable]
        masks = source.masks_of(np.arange(len(source.frame_states)))
        frame, kept = _distinct(source, masks, share)
        states, observations, features = standardised(source, usable, kept, standardise, levels)
        return cls(
            states=states.to(device),
            observations=observations.to(device),
            available=_with_absorbing(torch.from_numpy(masks[kept]), True).to(device),
            here=torch.from_numpy(frame[usable]).to(device),
            after=torch.from_numpy(np.where(ended, len(kept), frame[source.next_row[usable]])).to(device),
            rewards=torch.from_numpy(source.rewards[usable].astype(np.float32)).to(device),
            actions=torch.from_numpy(source.actions[usable].astype(np.int64)).to(device),
            starts=torch.from_numpy(frame[source.starts]).to(device),
            lengths=torch.from_numpy(np.bincount(source.episode[usable], minlength=source.n_episodes)).to(device),
            returns_to_go=torch.from_numpy(_returns_to_go(source)[usable].astype(np.float32)).to(device),
            endings=int(ended.sum()),
            n_actions=source.n_actions,
            features=features.to(device),
            shared=len(kept) < len(frame),
            breaks=torch.from_numpy(np.append(source.next_row[usable[:-1]] != usable[1:], True)).to(device),
        )

    @classmethod
    def of_run(cls, dataset: OfflineDataset, config: TrainConfig, device: str = "cpu") -> TrainingData:
        """As a run's settings ask for them: the best episodes alone, if they say so, before anything is made of the others."""
        source = dataset if config.keep_best == 1.0 else best_episodes(dataset, config.keep_best)
        return cls.build(
            source, standardise=config.standardise, share=config.merges_frames, device=device, levels=config.levels
        )

    @property
    def n_steps(self) -> int:
        """Usable steps T."""
        return len(self.here)

    @property
    def terminated(self) -> Tensor:
        """``(T,)`` booleans, after which steps the process ended; a time limit does not end it."""
        return self.after == len(self.states) - 1

    @property
    def n_agents(self) -> int:
        """Agents N."""
        return len(self.n_actions)

    def absorbing_share(self, stands_for: float) -> float:
        """The weight of the absorbing transition among all, if each ending stands for so many steps."""
        return self.endings * stands_for / (self.n_steps + self.endings * stands_for)

    def draw(self, config: TrainConfig, generator: torch.Generator, among: Tensor | None = None) -> Tensor:
        """A minibatch of the size that the settings say, see ``draw_steps``."""
        return self.draw_steps(config.batch_size, generator, among)

    def draw_steps(self, size: int, generator: torch.Generator, among: Tensor | None = None) -> Tensor:
        """Steps ``(size,)``, each as likely as another, with repetitions; of several devices, its part.

        ``among``: the steps ``(L,)`` to draw from; None: all.
        """
        count = self.n_steps if among is None else len(among)
        drawn = torch.randint(count, (size,), generator=generator, device=self.here.device)
        return sums.own(drawn if among is None else among[drawn])

    @property
    def mapped(self) -> bool:
        """Whether states and observations are read from a file when they are asked for."""
        return isinstance(self.observations, MappedTable)

    def ahead(self, generator: torch.Generator, looked_at: Callable[[torch.Generator], Sequence[tuple[Table, Tensor]]]) -> None:
        """Read in the background what the next update looks at, if it draws as this says; nothing where all is in memory.

        Args:
            generator: from which the next update draws, once this one draws no more; it stays as it is.
            looked_at: draws from a copy, and gives tables and which of their rows.
        """
        if not self.mapped:
            return
        copy = torch.Generator(generator.device)
        copy.set_state(generator.get_state())
        for table, rows in looked_at(copy):
            if isinstance(table, MappedTable):
                table.expect(rows)

    def rows(self, steps: Tensor, starts: Tensor) -> Rows:
        """The frames to evaluate for these steps and initial frames: all of them once if that is less, or row by row."""
        batch, total = len(steps), len(self.states)
        here, after = self.here[steps], self.after[steps]
        if self.shared and total <= sums.rows(2 * batch + len(starts)):
            everything = torch.arange(total, device=here.device)
            return Rows(everything, total, here, after, starts, total - 1, divided=sums.ALIKE)
        last = torch.full((1,), total - 1, device=here.device)  # filled there: a copy would wait for the device
        places = torch.arange(2 * batch + len(starts), device=here.device)
        return Rows(
            frames=torch.cat([here, after, starts, last]),
            n_here=batch,
            here=places[:batch],
            after=places[batch : 2 * batch],
            start=places[2 * batch :],
            absorbing=len(places),
        )


def indicators(actions: Tensor, choices: int) -> Tensor:
    """1 at each action and 0 at the other choices, ``(..., A)`` floats; unlike ``one_hot``, a GPU is not waited for."""
    return (actions[..., None] == torch.arange(choices, device=actions.device)).float()


def at(table: Tensor, rows: Tensor, actions: Tensor) -> Tensor:
    """``table[n, rows[n, b], actions[n, b]]``, ``(N, B)``, of a table ``(N, R, A)``."""
    choices = table.shape[-1]
    return table.flatten(1).gather(1, rows * choices + actions)


def _distinct(source: OfflineDataset, masks: NDArray[np.bool_], share: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Frame number of every row, and one row of every frame."""
    count = len(source.frame_states)
    columns = [source.frame_states, source.frame_observations.reshape(count, -1), masks.reshape(count, -1)]
    if not share or sum(c.size for c in columns) > _SEARCH_LIMIT:
        return np.arange(count), np.arange(count)
    table = np.concatenate([c.astype(np.float64) for c in columns], axis=1)
    _, kept, frame = np.unique(table, axis=0, return_index=True, return_inverse=True)
    return frame.reshape(-1).astype(np.int64), kept.astype(np.int64)


def _returns_to_go(source: OfflineDataset) -> NDArray[np.float64]:
    """Sums of rewards from every step to its episode's end, ``(T,)``."""
    rewards = source.rewards.astype(np.float64)
    earned = np.cumsum(rewards)
    before = earned - rewards
    return source.returns[source.episode] - (before - before[source.starts][source.episode])


def _with_absorbing(table: Tensor, value: float | bool) -> Tensor:
    return torch.cat([table, torch.full_like(table[:1], value)])
