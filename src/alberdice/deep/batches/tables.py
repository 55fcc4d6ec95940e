"""Networks' inputs at frames, row by row: tensors, or rows of a mapped file that become inputs when they are asked for.

    table[frames] -> Tensor      table.index_select(0, frames) -> Tensor      table.expect(frames): they will be asked for

A mapped table holds nothing: it reads raw features, and standardises them as they would have been beforehand, number by
number, so that both kinds give the same bits.  A thread reads; what is expected it reads while something else is computed.
Whether that was expected rightly changes nothing but the time.  Pages that were read are given back at once
(``datasets.memory.release``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache, partial
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alberdice.datasets.memory import release

__all__ = ["MappedTable", "Table"]


class Table(Protocol):
    """What ``Tensor`` and ``MappedTable`` have in common; rows along the first axis."""

    @property
    def shape(self) -> torch.Size:
        """As a tensor's."""

    @property
    def device(self) -> torch.device:
        """Where rows come to be."""

    def __len__(self) -> int:
        """Rows."""

    def __getitem__(self, rows: Any, /) -> Tensor:
        """These rows, ``(*rows.shape, ...)``."""

    def index_select(self, axis: int, rows: Tensor, /) -> Tensor:
        """The same for rows ``(R,)``; the axis is 0."""

    def to(self, device: str, /) -> Table:
        """The same, for a device."""


#: rows that are read before their pages are given back: a system may map 2 MiB for each
_TOUCHED = 64


@cache
def _reader() -> ThreadPoolExecutor:
    """One thread for all tables; denormal numbers are features like others, whatever the training does with them."""
    return ThreadPoolExecutor(1, "alberdice-reader", partial(torch.set_flush_denormal, False))


class MappedTable:
    """Inputs at U frames and the absorbing one, see the module.

    Args:
        source: raw features, ``(F, ...)``, mapped from a file.
        kept: the row of each frame there, ``(U,)``.
        inputs: inputs ``(R, ...)`` of raw features as float64.
        absorbing: those of the absorbing frame, ``(...)``.
        device: where rows come to be.
    """

    def __init__(
        self,
        source: NDArray[Any],
        kept: NDArray[np.int64],
        inputs: Callable[[NDArray[np.float64]], Tensor],
        absorbing: Tensor,
        device: str | torch.device = "cpu",
    ) -> None:
        self.source, self.kept, self.inputs, self.absorbing = source, kept, inputs, absorbing
        self.device = torch.device(device)
        self.shape = torch.Size((len(kept) + 1, *absorbing.shape))
        self._expected: deque[tuple[Tensor, Future[Tensor]]] = deque(maxlen=2)  # this update's and the next one's

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Tensor) -> Tensor:
        """As ``Table``."""
        found = next((read for wanted, read in self._expected if torch.equal(wanted, rows)), None)
        return (found or _reader().submit(self._read, rows)).result()

    def index_select(self, axis: int, rows: Tensor) -> Tensor:
        """As ``Table``."""
        return self[rows]

    def expect(self, rows: Tensor) -> None:
        """Read these rows now, while something else is computed, and keep them until others are expected twice."""
        self._expected.append((rows, _reader().submit(self._read, rows)))

    def to(self, device: str) -> MappedTable:
        """The same, for a device."""
        return MappedTable(self.source, self.kept, self.inputs, self.absorbing, device)

    def _read(self, rows: Tensor) -> Tensor:
        places = rows.reshape(-1).cpu().numpy()
        beyond = places == len(self.kept)
        chosen, held = self.kept[np.where(beyond, 0, places)], np.asarray(self.source)
        raw = np.empty((len(chosen), *held.shape[1:]), held.dtype)
        for first in range(0, len(chosen), _TOUCHED):
            part = slice(first, first + _TOUCHED)
            np.take(held, chosen[part], axis=0, out=raw[part], mode="clip")  # lets other threads go on
            release(self.source)
        found = self.inputs(raw.astype(np.float64))
        found[torch.from_numpy(beyond)] = self.absorbing
        return found.view(*rows.shape, *self.absorbing.shape).to(self.device)
