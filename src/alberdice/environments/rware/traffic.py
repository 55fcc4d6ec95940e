"""Which traffic convention is played, agent by agent and episode by episode, from moves up and down the aisles.

An agent's moves up and down aisles are each allowed by one convention and forbidden by the other (``roads.moves_kept``).  Its
convention is the one that allows more of them, if any does, and its purity the share of them that it allows.  Agents of an
episode agree where all of them have one convention; an episode is pure where all its agents' purity is at least 0.9: all stay
on one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alberdice.environments.rware.roads import CONVENTIONS

__all__ = ["TRAFFIC_METRICS", "Traffic"]

PURE = 0.9

TRAFFIC_METRICS = ("agree", "pure", "purity", "outer_up_where_agreed", "deliveries_where_agreed", "deliveries_where_not_agreed")
"""What ``Traffic.metrics`` reports."""


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
        """(E, N) each agent's convention; -1 where it has none: as many moves of the one as of the other, or none at all."""
        tied = self.moves.max(axis=2) == self.moves.min(axis=2)
        return np.where(tied, -1, self.moves.argmax(axis=2))

    @property
    def purity(self) -> NDArray[np.float64]:
        """(E, N) in [.5, 1]; .5 where an agent did not move in an aisle, which keeps to nothing."""
        total = self.moves.sum(axis=2)
        return np.where(total > 0, self.moves.max(axis=2) / np.maximum(total, 1), 0.5)

    @property
    def agree(self) -> NDArray[np.bool_]:
        """(E,) whether all agents have one convention; agents that have none do not agree."""
        first = self.conventions[:, :1]
        same: NDArray[np.bool_] = ((self.conventions == first) & (first >= 0)).all(axis=1)
        return same

    @property
    def pure(self) -> NDArray[np.bool_]:
        """(E,) whether every agent keeps to its convention in at least 9 of 10 moves."""
        kept: NDArray[np.bool_] = self.purity.min(axis=1) >= PURE
        return kept

    def metrics(self) -> dict[str, NDArray[np.float64]]:
        """(E,) numbers of each episode, NaN where one says nothing: what an evaluation averages."""
        agree = self.agree
        values = (
            agree.astype(np.float64),
            self.pure.astype(np.float64),
            self.purity.mean(axis=1),
            np.where(agree, self.conventions[:, 0] == 0, np.nan),
            np.where(agree, self.returns, np.nan),
            np.where(agree, np.nan, self.returns),
        )
        return dict(zip(TRAFFIC_METRICS, values, strict=True))

    def summary(self) -> dict[str, Any]:
        """Shares of episodes, mean purity, and deliveries by agreement; None where there is no such episode."""
        agree, first = self.agree, self.conventions[:, 0]

        def mean(chosen: NDArray[np.bool_]) -> float | None:
            return float(self.returns[chosen].mean()) if chosen.any() else None

        return {
            "episodes": len(self.returns),
            "agree": float(agree.mean()),
            "pure": float(self.pure.mean()),
            "purity": float(self.purity.mean()),
            "return": float(self.returns.mean()),
            "return_where_agents_agree": mean(agree),
            "return_where_they_do_not": mean(~agree),
            **{f"share_{name}": float((agree & (first == k)).mean()) for k, name in enumerate(CONVENTIONS)},
            **{f"return_{name}": mean(agree & (first == k)) for k, name in enumerate(CONVENTIONS)},
        }
