"""Which traffic convention is played in a dataset of warehouses, see ``environments.rware.traffic``."""

from __future__ import annotations

import numpy as np

from alberdice.datasets.dataset import OfflineDataset
from alberdice.environments.rware import SIZES, Layout
from alberdice.environments.rware.roads import aisle_moves
from alberdice.environments.rware.traffic import Traffic
from alberdice.environments.rware.views import read
from alberdice.errors import InvalidDataError

__all__ = ["Traffic", "layout_of", "traffic_of"]


def layout_of(dataset: OfflineDataset) -> Layout:
    """The map that a dataset was played on, by its header.

    Raises:
        InvalidDataError: not one of the paper's warehouses.
    """
    words = dataset.header.environment.split("-")
    if len(words) != 3 or words[0] != "rware" or words[1] not in SIZES or dataset.observation_size != 71:
        expected = f"data whose header names rware-{{{','.join(SIZES)}}}-Nag"
        raise InvalidDataError(dataset.name, got=repr(dataset.header.environment), expected=expected)
    return Layout(*SIZES[words[1]])


def traffic_of(dataset: OfflineDataset) -> Traffic:
    """How the agents of each episode moved.

    Raises:
        InvalidDataError: not data of one of the paper's warehouses.
    """
    layout = layout_of(dataset)
    moves = [aisle_moves(layout, read(layout, e.observations, e.states).cells) for e in dataset.episodes]
    return Traffic(np.stack(moves), dataset.returns)
