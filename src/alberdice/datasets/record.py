"""Playing an environment and keeping what was seen: episodes side by side, one result whatever the number of them at a time.

Episode k of a recording with seed s has a generator of its own, as ``environments.play`` says, and another one for noise,

    Generator(PCG64(SeedSequence([s, k, 1])))     2 N uniform numbers a step

so that a recording can be cut, resumed, and made in batches of any size without changing a bit.  Numbers that are whole and
between 0 and 255 everywhere are kept in a byte each, which is a quarter of the memory; that is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alberdice.datasets.build import EpisodeArrays
from alberdice.environments.contract import BatchedEnvironment, Frame, Step
from alberdice.environments.play import Episodes, MakePlayer, Player, Uniforms, generator_of, play

__all__ = ["Recorded", "as_bytes", "noisy", "record"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Recorded:
    """Episodes as they were played.

    Attributes:
        episodes: their arrays.
        metrics: per name (E,), what the environment reported at their ends; NaN where it did not.
    """

    episodes: list[EpisodeArrays]
    metrics: dict[str, NDArray[np.float64]]


class _Noisy:
    """A player some of whose actions are replaced, see ``noisy``."""

    def __init__(self, player: Player, share: NDArray[np.float64], uniforms: Uniforms) -> None:
        self.player, self.share, self.uniforms = player, share, uniforms
        self.played = getattr(player, "played", None)

    def act(self, frame: Frame, uniforms: NDArray[np.float64]) -> NDArray[np.int64]:
        return noisy(self.player.act(frame, uniforms), frame.masks, self.share, self.uniforms.next())


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
        InvalidArgumentError: episodes that go on beyond the horizon, or after a million steps where none is known.
    """
    chosen = np.asarray(numbers, np.int64)
    player, tape = make_player(chosen), _Tape()
    if epsilon is not None:
        noise = Uniforms([generator_of(seed, k, 1) for k in chosen.tolist()], 2 * environment.spec.n_agents)
        player = _Noisy(player, epsilon(chosen), noise)
    limit = environment.spec.horizon or 1_000_000
    return tape.finish(play(environment, player, chosen, seed, watcher=tape, limit=limit))


class _Tape:
    """What was seen and done, step by step; see ``environments.play.Watcher``."""

    def __init__(self) -> None:
        self.frames: dict[str, list[Array]] = {"observations": [], "state": [], "masks": []}
        self.actions: list[Array] = []
        self.rewards: list[Array] = []

    def begin(self, numbers: NDArray[np.int64], frame: Frame) -> None:
        self._see(frame)

    def _see(self, frame: Frame) -> None:
        for name, kept in self.frames.items():
            kept.append(as_bytes(getattr(frame, name)))

    def step(self, before: Frame, actions: NDArray[np.int64], step: Step, going: NDArray[np.bool_]) -> None:
        self.actions.append(actions.astype(np.int64))
        self.rewards.append(step.rewards)
        self._see(step.frame)

    def finish(self, played: Episodes) -> Recorded:
        """Cut the tape into episodes."""
        arrays = {name: np.stack(_one_type(kept)) for name, kept in self.frames.items()}
        actions, rewards = np.stack(self.actions), np.stack(self.rewards)
        masked = not bool(arrays["masks"].all())
        episodes = []
        for at, length in enumerate(played.lengths.tolist()):
            episodes.append(
                EpisodeArrays(
                    states=arrays["state"][: length + 1, at].copy(),
                    observations=arrays["observations"][: length + 1, at].copy(),
                    actions=actions[:length, at].copy(),
                    rewards=rewards[:length, at].copy(),
                    terminated=bool(played.terminated[at]),
                    truncated=bool(played.truncated[at]),
                    action_masks=arrays["masks"][: length + 1, at].copy() if masked else None,
                )
            )
        return Recorded(episodes, dict(played.metrics))


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
