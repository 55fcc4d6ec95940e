"""Playing: episodes side by side, by whoever acts, and whoever wants to look on; the one loop of evaluation and collection.

    episode k of seed s    Generator(PCG64(SeedSequence([s, k]))) gives the environment's seed, an integer below 2^31, then N
                           uniform numbers a step, one per agent

so that an episode is the same whichever slots are played beside it, in whichever process.  A slot that has ended stands still
until all have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from alberdice.environments.contract import BatchedEnvironment, FloatArray, Frame, Step
from alberdice.errors import InvalidArgumentError

__all__ = ["Episodes", "MakePlayer", "Player", "Uniforms", "Watcher", "generator_of", "play"]

#: steps for which uniform numbers are drawn at a time
_AHEAD = 64


class Player(Protocol):
    """Who acts for all agents of B episodes.

    A player that has a method ``played(actions, rewards)`` is told, after every step, the (B, N) actions that were played,
    noise included, and the team's (B,) rewards.
    """

    def act(self, frame: Frame, uniforms: FloatArray) -> NDArray[np.int64]:
        """(B, N) actions from what is seen and (B, N) uniform numbers; memory of the episodes is the player's own."""


MakePlayer = Callable[[NDArray[np.int64]], Player]
"""Gives a fresh player for the episodes of these numbers, (B,)."""


class Watcher(Protocol):
    """What may look on while episodes are played."""

    def begin(self, numbers: NDArray[np.int64], frame: Frame) -> None:
        """These episodes, one per slot, begin."""

    def step(self, before: Frame, actions: NDArray[np.int64], step: Step, going: NDArray[np.bool_]) -> None:
        """What was seen, done (B, N) and came of it; ``going`` (B,) tells the slots whose episode had not ended."""


@dataclass(frozen=True)
class Episodes:
    """What episodes came to, in the order of their numbers.

    Attributes:
        returns: (E,), plain sums of the team's rewards.
        lengths: (E,), steps.
        terminated, truncated: (E,), how they ended.
        metrics: per name (E,), NaN where an episode did not report it.
    """

    returns: FloatArray
    lengths: NDArray[np.int64]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    metrics: Mapping[str, FloatArray]


def generator_of(*entropy: int) -> np.random.Generator:
    """The generator of one episode, told seed and number, and what else it is for."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy)))


class Uniforms:
    """(B, K) uniform numbers a step, row by row from generators of the episodes' own; drawn for some steps at a time."""

    def __init__(self, generators: Sequence[np.random.Generator], width: int) -> None:
        self.generators, self.moment = generators, 0
        self.ahead = np.zeros((len(generators), _AHEAD, width))

    def next(self, going: NDArray[np.bool_] | None = None) -> FloatArray:
        """Those of the next step; slots that do not go on keep what they had."""
        place = self.moment % _AHEAD
        if place == 0:
            for slot, generator in enumerate(self.generators):
                if going is None or going[slot]:
                    self.ahead[slot] = generator.random(self.ahead.shape[1:])
        self.moment += 1
        row: FloatArray = self.ahead[:, place]
        return row


def play(
    environment: BatchedEnvironment,
    player: Player,
    numbers: NDArray[np.int64],
    seed: int,
    *,
    watcher: Watcher | None = None,
    limit: int | None = None,
) -> Episodes:
    """Play the episodes of these numbers, all side by side, to their ends.

    Args:
        environment: where; its slots are taken over, and it stays open.
        player: who acts.
        numbers: (B,), of the episodes, at least one.
        seed: at least 0.
        watcher: told of all that happens.
        limit: steps after which episodes that go on are an error; None: none.

    Raises:
        InvalidArgumentError: episodes that do not end, or the environment's own error.
    """
    generators = [generator_of(seed, int(k)) for k in numbers]
    uniforms, slots = Uniforms(generators, environment.spec.n_agents), len(numbers)
    frame = environment.reset(np.array([g.integers(1 << 31) for g in generators], np.int64))
    if watcher:
        watcher.begin(numbers, frame)
    heard = getattr(player, "played", None)
    returns, lengths, going = np.zeros(slots), np.zeros(slots, np.int64), np.ones(slots, np.bool_)
    metrics: dict[str, FloatArray] = {}
    moment = 0
    while going.any():
        if moment == limit:
            raise _endless(environment, int(going.sum()), moment)
        actions = player.act(frame, uniforms.next(going))
        step = environment.step(actions)
        if heard is not None:
            heard(actions, step.rewards)
        if watcher:
            watcher.step(frame, actions, step, going)
        returns += step.rewards
        lengths += going
        for name, values in step.metrics.items():
            now = going & step.ended
            metrics.setdefault(name, np.full(slots, np.nan))[now] = values[now]
        frame, going, moment = step.frame, ~step.ended, moment + 1
    return Episodes(returns, lengths, step.terminated, step.truncated, metrics)


def _endless(environment: BatchedEnvironment, going: int, steps: int) -> InvalidArgumentError:
    where, got = f"environment {environment.spec.name!r}", f"{going} episodes that go on after {steps} steps"
    return InvalidArgumentError(where, got=got, expected="episodes that end", remedy="give the environment a limit of steps")
