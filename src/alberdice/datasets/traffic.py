"""Which traffic convention is played in a dataset of warehouses, agent by agent and episode by episode.

An agent's moves up and down aisles are each allowed by one convention and forbidden by the other (``rware.roads.aisle_moves``).
Its convention is the one that allows more of them, and its purity the share of them that it allows.  Agents of an episode agree
where all of them have one convention; an episode is pure where all its agents' purity is at least 0.9.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alberdice.datasets.dataset import OfflineDataset
from alberdice.environments.rware import CONVENTIONS, SIZES, Layout
from alberdice.environments.rware.roads import aisle_moves
from alberdice.environments.rware.views import read
from alberdice.errors import InvalidDataError

__all__ = ["Traffic", "layout_of", "traffic_of"]

PURE = 0.9


@dataclass(frozen=True)
class Traffic:
    """What is played.

    Attributes:
        moves: (E, N, 2) moves in aisles that each convention allows.
        returns: (E,).
    """

    moves: NDArray[np.int64]
    returns: NDArray[np.float64]

    @property
    def conventions(self) -> NDArray[np.int64]:
        """(E, N) each agent's convention; the first where it is a tie."""
        likelier: NDArray[np.int64] = self.moves.argmax(axis=2)
        return likelier

    @property
    def purity(self) -> NDArray[np.float64]:
        """(E, N) in [.5, 1]; 1 where an agent did not move in an aisle."""
        total = self.moves.sum(axis=2)
        return np.where(total > 0, self.moves.max(axis=2) / np.maximum(total, 1), 1.0)

    @property
    def agree(self) -> NDArray[np.bool_]:
        """(E,) whether all agents have one convention."""
        same: NDArray[np.bool_] = (self.conventions == self.conventions[:, :1]).all(axis=1)
        return same

    def summary(self) -> dict[str, Any]:
        """Shares of episodes, mean purity, and deliveries by agreement; None where there is no such episode."""
        agree, pure = self.agree, (self.purity >= PURE).all(axis=1)
        first = self.conventions[:, 0]

        def mean(chosen: NDArray[np.bool_]) -> float | None:
            return float(self.returns[chosen].mean()) if chosen.any() else None

        return {
            "episodes": len(self.returns),
            "agree": float(agree.mean()),
            "pure": float(pure.mean()),
            "purity": float(self.purity.mean()),
            "return": float(self.returns.mean()),
            "return_where_agents_agree": mean(agree),
            "return_where_they_do_not": mean(~agree),
            **{f"share_{name}": float((agree & (first == k)).mean()) for k, name in enumerate(CONVENTIONS)},
            **{f"return_{name}": mean(agree & (first == k)) for k, name in enumerate(CONVENTIONS)},
        }


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
