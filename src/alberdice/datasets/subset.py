"""Some episodes of a dataset as a dataset of their own: given ones, the best ones, and those that are held out of learning."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alberdice.datasets.dataset import OfflineDataset
from alberdice.errors import InvalidArgumentError, InvalidDataError

__all__ = ["Split", "best_episodes", "hold_out", "of_episodes"]


def of_episodes(dataset: OfflineDataset, which: NDArray[np.int64]) -> OfflineDataset:
    """These episodes ``(K,)``, in the order of the dataset, each once.

    Raises:
        InvalidArgumentError: no episode, or none of that number.
    """
    chosen = np.unique(np.asarray(which, np.int64))
    if not len(chosen) or chosen[0] < 0 or chosen[-1] >= dataset.n_episodes:
        got = f"episodes {chosen[:3].tolist()}..." if len(chosen) else "none"
        raise InvalidArgumentError("which", got=got, expected=f"numbers of episodes, 0 to {dataset.n_episodes - 1}")
    steps = np.flatnonzero(np.isin(dataset.episode, chosen))
    rows = np.concatenate([steps, dataset.n_steps + chosen])
    note = f"{len(chosen)} of {dataset.n_episodes} episodes."
    return replace(
        dataset,
        frame_states=dataset.frame_states[rows],
        frame_observations=dataset.frame_observations[rows],
        frame_masks=None if dataset.frame_masks is None else dataset.frame_masks[rows],
        actions=dataset.actions[steps],
        rewards=dataset.rewards[steps],
        terminated=dataset.terminated[steps],
        truncated=dataset.truncated[steps],
        lengths=dataset.lengths[chosen],
        final_known=dataset.final_known[chosen],
        notes=(*dataset.notes, note),
    )


def best_episodes(dataset: OfflineDataset, share: float) -> OfflineDataset:
    """The best episodes by return, among those that have a step to learn from; at least one of these.

    Args:
        dataset: E episodes with such a step.
        share: in (0, 1]; share E is rounded to a whole number; of equal returns the earlier one is kept.

    Raises:
        InvalidArgumentError: a share outside (0, 1], or no episode with such a step.
    """
    if not 0.0 < share <= 1.0:
        raise InvalidArgumentError("keep_best", got=share, expected="a share in (0, 1]")
    played = np.unique(dataset.episode[dataset.usable])
    count = max(1, round(share * len(played)))
    order = np.argsort(-dataset.returns[played], kind="stable")
    return of_episodes(dataset, played[order[:count]])


@dataclass(frozen=True, eq=False)
class Split:
    """Data of which some episodes are not learned from.

    Attributes:
        whole: all of them.
        which: numbers of those that are held out, ``(K,)``, ascending; none: all are learned from and all are scored by.
    """

    whole: OfflineDataset
    which: NDArray[np.int64]

    @cached_property
    def learned(self) -> OfflineDataset:
        """What is learned from."""
        if not len(self.which):
            return self.whole
        return of_episodes(self.whole, np.setdiff1d(np.arange(self.whole.n_episodes), self.which))

    @cached_property
    def scored(self) -> OfflineDataset:
        """What policies are scored by: the held out episodes, where there are any."""
        return of_episodes(self.whole, self.which) if len(self.which) else self.whole

    @cached_property
    def checksum(self) -> str:
        """Of which episodes of how many are held out; empty where none are."""
        numbers = np.concatenate([[self.whole.n_episodes], self.which]).astype("<i8")
        return hashlib.sha256(numbers.tobytes()).hexdigest()[:16] if len(self.which) else ""

    def as_json(self) -> dict[str, Any]:
        """For results; empty where none are held out."""
        if not len(self.which):
            return {}
        return {
            "episodes": len(self.which),
            "of": self.whole.n_episodes,
            "which": _ranges(self.which),
            "checksum": self.checksum,
        }

    @classmethod
    def read(cls, dataset: OfflineDataset, saved: Mapping[str, Any]) -> Split:
        """What ``as_json`` gave of the same data.

        Raises:
            InvalidDataError: of other data, or changed.
        """
        try:
            ends = [[int(end) for end in part.split("-")] for part in str(saved["which"]).split(", ")] if saved else []
            inside = all(0 <= each[0] <= each[-1] < dataset.n_episodes for each in ends)
            found = cls(dataset, np.concatenate([np.zeros(0, np.int64), *(np.arange(e[0], e[-1] + 1) for e in ends if inside)]))
        except (KeyError, ValueError):
            found = cls(dataset, np.zeros(0, np.int64))
        if found.as_json() != saved:
            got, remedy = f"{saved.get('episodes')} of {saved.get('of')} episodes that are not of these data", "name the data"
            raise InvalidDataError(
                f"held out of dataset {dataset.name!r}", got=got, expected="episodes of theirs", remedy=remedy
            )
        return found


def hold_out(dataset: OfflineDataset, share: float, generator: np.random.Generator) -> Split:
    """Draw a share of the episodes, whatever they are; 0 holds none out.

    Args:
        dataset: E episodes.
        share: in [0, 1); share E is rounded to a whole number, which leaves at least one episode on either side.
        generator: draws them.

    Raises:
        InvalidArgumentError: nothing would be held out, or nothing learned from.
    """
    total = dataset.n_episodes
    count = round(share * total)
    if share == 0.0:
        return Split(dataset, np.zeros(0, np.int64))
    if not 0 < count < total:
        got = f"{share:g}, which is {count} of {total} episode{'' if total == 1 else 's'}"
        remedy = f"use a share from {1 / total:.2g} to {1 - 1 / total:.2g}, or 0"
        if total == 1:
            remedy = "use 0, as one episode has no two parts"
        raise InvalidArgumentError("held_out", got=got, expected="an episode to score by and one to learn from", remedy=remedy)
    return Split(dataset, np.sort(generator.permutation(total)[:count]).astype(np.int64))


def _ranges(numbers: NDArray[np.int64]) -> str:
    """Ascending numbers as '0, 3-5'."""
    parts = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    return ", ".join(str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts)
