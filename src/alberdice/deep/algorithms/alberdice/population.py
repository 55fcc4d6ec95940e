"""All distinct steps of the data at once, each with the mean of what followed: Algorithm 1 without the noise of minibatches.

With n(s, a) the steps of the data that took a in s (a frame, see ``data``), the rows are the pairs (s, a), and

    weight    n(s, a) / T
    reward    mean of r over them
    after     E nu(s') = sum over s' of n(s, a, s') / n(s, a) nu(s')

so that e^ (8) is the advantage of the *pair*: exp(e^ / alpha) rewards a good action, not a lucky successor, which the printed
exponential of single transitions does (Corollary B.2 is an equality for these rows).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from alberdice.deep.batches.training_data import Rows, TrainingData

__all__ = ["Population"]


@dataclass(frozen=True)
class Population:
    """The pairs of a dataset.

    Attributes:
        steps: one step of each pair, ``(P,)``.
        pair: the pair of every step, ``(T,)``.
        weight: n / T, ``(P,)``.
        reward: mean rewards, ``(P,)``.
        edge_pair, edge_frame, edge_share: the distinct (s, a, s') and n(s, a, s') / n(s, a), ``(E,)``.
    """

    steps: Tensor
    pair: Tensor
    weight: Tensor
    reward: Tensor
    edge_pair: Tensor
    edge_frame: Tensor
    edge_share: Tensor

    @classmethod
    def of(cls, data: TrainingData, most_frames: int, most_pairs: int) -> Population | None:
        """The pairs, or None where frames do not repeat, or are more than that."""
        if not data.shared or len(data.states) > most_frames:
            return None
        keys = torch.cat([data.here[:, None], data.actions], dim=1)
        pairs, pair = torch.unique(keys, dim=0, return_inverse=True)
        if len(pairs) > most_pairs:
            return None
        count = torch.bincount(pair, minlength=len(pairs))
        steps = torch.empty_like(count).scatter_(0, pair, torch.arange(data.n_steps, device=pair.device))
        total = torch.zeros(len(pairs), dtype=torch.float64, device=pair.device)
        total.index_add_(0, pair, data.rewards.double())
        edges, number = torch.unique(torch.stack([pair, data.after], dim=1), dim=0, return_counts=True)
        return cls(
            steps=steps,
            pair=pair,
            weight=(count.double() / data.n_steps).float(),
            reward=(total / count).float(),
            edge_pair=edges[:, 0],
            edge_frame=edges[:, 1],
            edge_share=(number.double() / count[edges[:, 0]]).float(),
        )

    def rows(self, data: TrainingData, starts: Tensor) -> Rows:
        """All frames, each once."""
        total = len(data.states)
        everything = torch.arange(total, device=starts.device)
        return Rows(everything, total, data.here[self.steps], data.after[self.steps], starts, total - 1)

    def mean_after(self, values: Tensor) -> Tensor:
        """E nu(s') of every pair, ``(N, P)``, for nu at all frames ``(N, U)``."""
        found = values.new_zeros(len(values), len(self.steps))
        return found.index_add(1, self.edge_pair, values.index_select(1, self.edge_frame) * self.edge_share)
