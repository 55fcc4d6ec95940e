"""Which episodes of its data a run holds out of learning: a function of their number, the share and the seed."""

from __future__ import annotations

import numpy as np

from alberdice.datasets import OfflineDataset
from alberdice.datasets.subset import Split, hold_out

__all__ = ["held_out_note", "split_of"]

#: keeps the draw apart from all others of the same seed
_STREAM = 13


def split_of(dataset: OfflineDataset, share: float, seed: int) -> Split:
    """The split of a run with these settings.

    Raises:
        InvalidArgumentError: as of ``hold_out``.
    """
    return hold_out(dataset, share, np.random.default_rng([seed, _STREAM]))


def held_out_note(split: Split) -> list[str]:
    """What a run says of it at its beginning; nothing where none are held out."""
    found = split.as_json()
    words = "nothing is learned from them, and policies are scored by them alone"
    return [f"{found['episodes']} of {found['of']} episodes are held out ({found['checksum']}): {words}"] if found else []
