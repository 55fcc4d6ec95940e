"""What checks, tensors and gathered steps need to know of the in-memory form, so that none imports the class that uses them."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from alberdice.datasets.header import DatasetHeader

__all__ = ["FlatForm", "FrameForm", "StepForm"]


class FlatForm(Protocol):
    """The stored fields of :class:`alberdice.datasets.dataset.OfflineDataset`; see there for their shapes."""

    @property
    def source(self) -> str:
        """File or recipe, for messages."""

    @property
    def n_actions(self) -> tuple[int, ...]:
        """(A_1, ..., A_N)."""

    @property
    def header(self) -> DatasetHeader:
        """Environment, agents, team's reward."""

    @property
    def frame_states(self) -> NDArray[Any]:
        """(T + E, S)."""

    @property
    def frame_observations(self) -> NDArray[Any]:
        """(T + E, N, O)."""

    @property
    def frame_masks(self) -> NDArray[np.bool_] | None:
        """(T + E, N, A)."""

    @property
    def actions(self) -> NDArray[np.int64]:
        """(T, N)."""

    @property
    def rewards(self) -> NDArray[Any]:
        """(T,)."""

    @property
    def terminated(self) -> NDArray[np.bool_]:
        """(T,)."""

    @property
    def truncated(self) -> NDArray[np.bool_]:
        """(T,)."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(E,)."""

    @property
    def final_known(self) -> NDArray[np.bool_]:
        """(E,)."""


class StepForm(FlatForm, Protocol):
    """What is derived from the fields, and tensors are made of."""

    @property
    def episode(self) -> NDArray[np.int64]:
        """(T,)."""

    @property
    def time(self) -> NDArray[np.int64]:
        """(T,)."""

    @property
    def next_row(self) -> NDArray[np.int64]:
        """(T,)."""

    @property
    def usable(self) -> NDArray[np.int64]:
        """(K,)."""


class FrameForm(StepForm, Protocol):
    """And what steps, windows and episodes are gathered by."""

    @property
    def starts(self) -> NDArray[np.int64]:
        """(E,)."""

    def masks_of(self, rows: Any) -> NDArray[np.bool_]:
        """(..., N, A) of these frame rows."""
