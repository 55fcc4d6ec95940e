"""How raw states and observations become networks' inputs: standardised, a few rows at a time, so that nothing is held twice.

Sums are taken row after row, in the order and with the roundings of ``numpy.mean`` and ``numpy.std`` over the first axis,
whatever the pieces: what a run learns depends on no size of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from alberdice.datasets import OfflineDataset
from alberdice.datasets.memory import release
from alberdice.deep.batches.tables import MappedTable, Table

__all__ = ["Features", "levels_of", "mean_and_scale", "standardised"]

#: a range of so many roundings is none
_ROUNDINGS = 8
#: numbers that are widened to float64 at a time
PIECE = 1 << 21


@dataclass(frozen=True)
class Features:
    """How raw observations become a policy's inputs: (x - mean) / scale, per agent, and an indicator of every level.

    Attributes:
        mean, scale: ``(N, O)``.
        levels: ``(L, 2)``, a feature's number and a value of it; the input is 1 where the feature has that value.
    """

    mean: Tensor
    scale: Tensor
    levels: Tensor | None = None

    def __call__(self, observations: Tensor) -> Tensor:
        """Inputs ``(..., N, O + L)`` for raw observations ``(..., N, O)``."""
        raw = observations.to(self.mean.dtype)
        plain = ((raw - self.mean) / self.scale).float()
        if self.levels is None:
            return plain
        has = raw.index_select(-1, self.levels[:, 0].long()) == self.levels[:, 1]
        return torch.cat([plain, has.float()], -1)

    @property
    def size(self) -> int:
        """Inputs of a policy, O + L."""
        return self.mean.shape[-1] + (0 if self.levels is None else len(self.levels))

    def to(self, device: str) -> Features:
        """The same on a device."""
        return Features(self.mean.to(device), self.scale.to(device), None if self.levels is None else self.levels.to(device))

    def tensors(self) -> dict[str, Tensor]:
        """What a file of policies holds of it."""
        levels = {} if self.levels is None else {"levels": self.levels}
        return {"mean": self.mean, "scale": self.scale, **levels}

    @classmethod
    def of_tensors(cls, tensors: Mapping[str, Tensor]) -> Features:
        """What ``tensors`` gave."""
        return cls(tensors["mean"], tensors["scale"], tensors.get("levels"))


def standardised(
    source: OfflineDataset, usable: NDArray[np.int64], kept: NDArray[np.int64], standardise: bool, levels: int
) -> tuple[Table, Table, Features]:
    """Frames ``kept`` and the absorbing one: states ``(U, S + 1)`` with the flag, inputs ``(U, N, O + L)``; the features.

    Where the data are mapped from a file, so are these.

    Args:
        source: the data.
        usable: the steps by which features are standardised.
        kept: a row of every frame.
        standardise: whether they are at all.
        levels: see ``levels_of``.
    """

    def scales(values: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if standardise:
            return mean_and_scale(values, usable)
        return np.zeros(values.shape[1:]), np.ones(values.shape[1:])

    mean, scale = scales(source.states)
    centre, spread = (torch.from_numpy(x) for x in scales(source.observations))
    features = Features(centre, spread, levels_of(source.observations, levels, usable))

    def flagged(raw: NDArray[np.float64]) -> Tensor:
        return pad(torch.from_numpy((raw - mean) / scale).float(), (0, 1))

    def seen(raw: NDArray[np.float64]) -> Tensor:
        return features(torch.from_numpy(raw))

    at_end = pad(torch.zeros(len(mean)), (0, 1), value=1.0), torch.zeros(source.n_agents, features.size)
    make = MappedTable if source.memory_mapped else _table
    states = make(source.frame_states, kept, flagged, at_end[0])
    return states, make(source.frame_observations, kept, seen, at_end[1]), features


def _table(
    source: NDArray[Any], kept: NDArray[np.int64], inputs: Callable[[NDArray[np.float64]], Tensor], last: Tensor
) -> Tensor:
    """As ``MappedTable``, in memory."""
    found = torch.zeros(len(kept) + 1, *last.shape)
    for rows, piece in _pieces(source, kept):
        found[rows] = inputs(piece)
    found[-1] = last
    return found


def _pieces(values: NDArray[Any], chosen: NDArray[np.int64]) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """These rows as float64, a few at a time, and which of ``chosen`` they are."""
    step = max(1, PIECE // max(1, int(np.prod(values.shape[1:]))))
    for first in range(0, len(chosen), step):
        rows = slice(first, min(first + step, len(chosen)))
        yield rows, values[chosen[rows]].astype(np.float64)
        release(values)


def _sum(total: NDArray[np.float64] | None, piece: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sum over rows so far, and of these."""
    more = piece if total is None else np.concatenate([total[None], piece])
    return np.asarray(more.sum(axis=0))


def mean_and_scale(
    values: NDArray[Any], chosen: NDArray[np.int64] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What standardises features ``(T, ..., F)``: mean and deviation, ``(..., F)`` each.

    A feature whose range is within a few roundings of its type at its size is constant: its deviation is a
    rounding error.  It becomes 0; but where all F features are constant they become 1, -1 or 0 by their sign, so that networks
    have an input.

    Args:
        values: the features.
        chosen: of which rows; None: of all.
    """
    rows = np.arange(len(values)) if chosen is None else chosen
    mean, spread, low, high = _moments(values, rows)
    size = np.maximum(np.maximum(np.abs(low), np.abs(high)), 0.0)
    kind = values.dtype if values.dtype.kind == "f" else np.dtype(np.float64)
    constant = high - low <= _ROUNDINGS * np.finfo(kind).eps * size
    alone = np.broadcast_to(constant.all(axis=-1, keepdims=True), constant.shape)
    scale = np.where(constant, np.where(alone & (size > 0), size, 1.0), spread)
    return np.where(alone, 0.0, mean), scale


def _moments(values: NDArray[Any], rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], ...]:
    """Mean, deviation, least and greatest value of every feature."""
    if np.prod(values.shape[1:]) == 1:  # NumPy sums a single column in pairs, not row after row
        plain = values[rows].astype(np.float64)
        return plain.mean(axis=0), plain.std(axis=0), plain.min(axis=0), plain.max(axis=0)
    total = squares = None
    low, high = np.full(values.shape[1:], np.inf), np.full(values.shape[1:], -np.inf)
    for _, piece in _pieces(values, rows):
        total = _sum(total, piece)
        low, high = np.minimum(low, piece.min(axis=0)), np.maximum(high, piece.max(axis=0))
    mean = np.asarray(total) / len(rows)
    for _, piece in _pieces(values, rows):
        piece -= mean
        piece *= piece
        squares = _sum(squares, piece)
    return mean, np.sqrt(np.asarray(squares) / len(rows)), low, high


def levels_of(observations: NDArray[Any], most: int, chosen: NDArray[np.int64] | None = None) -> Tensor | None:
    """The levels of features ``(T, N, O)`` that take 3 to ``most`` values, whole ones all, see ``Features``; None if none does.

    A network that reads a place as a number has to learn one step function per place; indicators spare it that.  Two values
    are an indicator already.

    Args:
        observations: the features.
        most: values of a feature.
        chosen: of which rows; None: of all.
    """
    found = []
    for feature in range(observations.shape[-1] if most else 0):
        column = observations[..., feature]
        values = np.unique(column if chosen is None else column[chosen])
        if 3 <= len(values) <= most and (values == np.round(values)).all():
            found += [(feature, value) for value in values.tolist()]
    return torch.tensor(found, dtype=torch.float64) if found else None
