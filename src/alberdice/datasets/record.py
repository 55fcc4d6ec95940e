"""Playing an environment and keeping what was seen: episodes side by side, one result whatever the number of them at a time.

Episode k of a recording with seed s has generators of its own,

    Generator(PCG64(SeedSequence([s, k])))        the environment's seed, an integer in [0, 2^31); then N uniform numbers a step
    Generator(PCG64(SeedSequence([s, k, 1])))     2 N uniform numbers a step, for noise

so that a recording can be cut, resumed, and made in batches of any size without changing a bit.  Numbers that are whole and
between 0 and 255 everywhere are kept in a byte each, which is a quarter of the memory; that is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from alberdice.datasets.build import EpisodeArrays
from alberdice.environments.contract import BatchedEnvironment, Frame, Step
from alberdice.errors import InvalidArgumentError

__all__ = ["Player", "Recorded", "as_bytes", "noisy", "record"]

Array = NDArray[Any]


class Player(Protocol):
    """Who acts for all agents of B episodes.

    A player that has a method ``played(actions, rewards)`` is told, after every step, the (B, N) actions that were played,
    noise included, and the team's (B,) rewards.
    """

    def act(self, frame: Frame, uniforms: NDArray[np.float64]) -> NDArray[np.int64]:
        """(B, N) actions from what is seen and (B, N) uniform numbers; memory of the episodes is the player's own."""


MakePlayer = Callable[[NDArray[np.int64]], Player]
"""Gives a fresh player for the episodes of these numbers, (B,)."""


@dataclass(frozen=True)
class Recorded:
    """Episodes as they were played.

    Attributes:
        episodes: their arrays.
        metrics: per name (E,), what the environment reported at their ends; NaN where it did not.
    """

    episodes: list[EpisodeArrays]
    metrics: dict[str, NDArray[np.float64]]


class _Uniforms:
    """(B, K) uniform numbers a step, row by row from generators of the episodes' own; drawn a block of steps at a time."""

    def __init__(self, generators: Sequence[np.random.Generator], width: int, block: int = 64) -> None:
        self.generators, self.width, self.block, self.at = generators, width, block, block

    def next(self) -> NDArray[np.float64]:
        if self.at == self.block:
            self.drawn = np.stack([g.random((self.block, self.width)) for g in self.generators], axis=1)
            self.at = 0
        self.at += 1
        row: NDArray[np.float64] = self.drawn[self.at - 1]
        return row


def noisy(
    actions: NDArray[np.int64], masks: NDArray[np.bool_], epsilon: NDArray[np.float64], uniforms: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Replace each agent's action by a uniformly random available one with probability epsilon.

    Args:
        actions: (B, N).
        masks: (B, N, A), what is available.
        epsilon: (B, N) or anything that broadcasts to it.
        uniforms: (B, 2 N): whether, then which.

    Returns:
        (B, N) actions.
    """
    n = actions.shape[1]
    rank = np.floor(uniforms[:, n:] * masks.sum(axis=2)).astype(np.int64)
    other = (masks.cumsum(axis=2) > rank[..., None]).argmax(axis=2)
    return np.where(uniforms[:, :n] < epsilon, other, actions)


def record(
    environment: BatchedEnvironment,
    make_player: MakePlayer,
    numbers: Sequence[int],
    seed: int,
    *,
    epsilon: Callable[[NDArray[np.int64]], NDArray[np.float64]] | None = None,
) -> Recorded:
    """Play the episodes of these numbers, all side by side.

    Args:
        environment: where; its slots are taken over.
        make_player: gives the player.
        numbers: (B,) which episodes of the recording.
        seed: of the recording.
        epsilon: gives, for episode numbers (B,), each agent's share of random actions, (B, N); None: no noise.

    Raises:
        InvalidArgumentError: an environment without a known horizon that has not ended after a million steps.
    """
    chosen = np.asarray(numbers, np.int64)
    batch, n = len(chosen), environment.spec.n_agents
    generators = [_generator(seed, k) for k in chosen.tolist()]
    seeds = np.array([int(g.integers(1 << 31)) for g in generators], np.int64)
    uniforms = _Uniforms(generators, n)
    noise = _Uniforms(
        [np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, k, 1]))) for k in chosen.tolist()], 2 * n
    )
    share = None if epsilon is None else epsilon(chosen)
    player, frame, tape = make_player(chosen), environment.reset(seeds), _Tape(batch)
    heard = getattr(player, "played", None)
    tape.add_frame(frame)
    for _ in range(environment.spec.horizon or 1_000_000):
        actions = player.act(frame, uniforms.next())
        if share is not None:
            actions = noisy(actions, frame.masks, share, noise.next())
        step = environment.step(actions)
        if heard is not None:
            heard(actions, step.rewards)
        frame = step.frame
        tape.add_step(actions, step)
        if step.ended.all():
            return tape.finish()
    raise InvalidArgumentError(
        f"environment {environment.spec.name!r}",
        got=f"{int((~step.ended).sum())} episodes that go on after {environment.spec.horizon or 1_000_000} steps",
        expected="episodes that end",
        remedy="give the environment a limit of steps",
    )


def _generator(*entropy: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy)))


class _Tape:
    """What was seen and done, step by step."""

    def __init__(self, batch: int) -> None:
        self.frames: dict[str, list[Array]] = {"observations": [], "state": [], "masks": []}
        self.actions: list[Array] = []
        self.rewards: list[Array] = []
        self.lengths = np.zeros(batch, np.int64)
        self.going = np.ones(batch, np.bool_)
        self.metrics: dict[str, NDArray[np.float64]] = {}

    def add_frame(self, frame: Frame) -> None:
        for name, kept in self.frames.items():
            kept.append(as_bytes(getattr(frame, name)))

    def add_step(self, actions: NDArray[np.int64], step: Step) -> None:
        self.actions.append(actions.astype(np.int64))
        self.rewards.append(step.rewards)
        self.lengths += self.going
        for name, values in step.metrics.items():
            told = self.metrics.setdefault(name, np.full(len(values), np.nan))
            np.copyto(told, values, where=self.going & ~np.isnan(values))
        self.going = ~step.ended
        self.last = step
        self.add_frame(step.frame)

    def finish(self) -> Recorded:
        """Cut the tape into episodes."""
        arrays = {name: np.stack(_one_type(kept)) for name, kept in self.frames.items()}
        actions, rewards = np.stack(self.actions), np.stack(self.rewards)
        masked = not bool(arrays["masks"].all())
        episodes = []
        for at, length in enumerate(self.lengths.tolist()):
            episodes.append(
                EpisodeArrays(
                    states=arrays["state"][: length + 1, at].copy(),
                    observations=arrays["observations"][: length + 1, at].copy(),
                    actions=actions[:length, at].copy(),
                    rewards=rewards[:length, at].copy(),
                    terminated=bool(self.last.terminated[at]),
                    truncated=bool(self.last.truncated[at]),
                    action_masks=arrays["masks"][: length + 1, at].copy() if masked else None,
                )
            )
        return Recorded(episodes, self.metrics)


def as_bytes(values: Array) -> Array:
    """The same numbers as uint8 where that is exact; booleans and everything else as they are."""
    if values.dtype.kind != "f" or not values.size or not (values.min() >= 0 and values.max() <= 255):
        return values
    small: Array = values.astype(np.uint8)
    return small if (small == values).all() else values


def _one_type(parts: list[Array]) -> list[Array]:
    """One type for all parts: the bytes of some give way to the numbers of others."""
    kinds = {part.dtype for part in parts}
    if len(kinds) == 1:
        return parts
    wide = np.result_type(*(kind for kind in kinds if kind != np.uint8))
    return [part.astype(wide, copy=False) for part in parts]
