"""All distinct steps of the data at once, each with the mean of what followed: Algorithm 1 without the noise of minibatches.

With n(s, a) the steps of the data that took a in s (a frame, see ``data``), the rows are the pairs (s, a), and

    weight    n(s, a) / T
    reward    mean of r over them
    after     E nu(s') = sum over s' of n(s, a, s') / n(s, a) nu(s')

so that e^ (8) is the advantage of the *pair*: exp(e^ / alpha) rewards a good action, not a lucky successor, which the printed
exponential of single transitions does (Corollary B.2 is an equality for these rows).

A pair that was seen once is as good as it happened to be.  With ``pooling`` = K, K more steps of every pair are taken to be as
the steps of its frame are in the mean, whatever was done there:

    x(s, a) <- min(x(s, a), (n(s, a) x(s, a) + K x(s)) / (n(s, a) + K)),
    x(s) = sum over a of n(s, a) x(s, a) / sum over a of n(s, a)

for x = reward and after: the mean of a posterior whose prior knows the frame and not the action, where that is less.  It takes
luck away and forgives no mistake that was recorded once.  It leaves alone what was seen often and frames of one pair only.  And
where no pair was seen to have different outcomes, and some were seen twice, nothing is luck: K is 0.

Nor does e need a network there.  What (47) fits is a mean over the others' actions at (s, a_i); with
x = r + gamma E nu(s') - nu(s),

    f_i(s, a_i) = sum over a_-i of n(s, a) rho_i(s, a) x(s, a) / sum over a_-i of n(s, a) rho_i(s, a),

which is added up in full.  Where the others' policies leave no weight it is the data's own mean, and at actions that s never
shows the least of those that it does.

Several devices divide the data's frames: each has the pairs of a stretch of them, with all that pooling and f_i look at, and
runs the policies there; nu it runs at what follows, too.  Where there are fewer frames than devices, some have no pair.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from alberdice.datasets.resampled import may_be_luck
from alberdice.deep import sums
from alberdice.deep.batches.training_data import Rows, TrainingData

__all__ = ["Population"]


#: of n that counts at (s, a_i) whatever rho: so little that it only tells where there is nothing else
_TRACE = 1e-6


@dataclass(frozen=True)
class _Around:
    """Where one of several devices runs its networks.

    Attributes:
        own: its frames among all U.
        known: they, and then what follows its pairs, and the absorbing one.
        place: of every frame among ``known``, ``(U,)``, or -1.
    """

    own: sums.Span
    known: Tensor
    place: Tensor

    @classmethod
    def of(cls, own: sums.Span, following: Tensor, frames: int) -> _Around:
        """With what follows the own frames' pairs."""
        everything = torch.arange(frames, device=following.device)
        others = torch.unique(torch.cat([following, everything[-1:]]))
        known = torch.cat([own.own(everything), others[~own.holds(others)]])
        place = torch.full_like(everything, -1)
        place[known] = everything[: len(known)]
        return cls(own, known, place)

    def rows(self, here: Tensor, after: Tensor, starts: Tensor) -> Rows:
        """The frames for pairs, an example of what followed each, and beginnings, which need not be known."""
        further, place = torch.unique(starts), self.place.clone()
        further = further[place[further] < 0]
        place[further] = len(self.known) + torch.arange(len(further), device=place.device)
        frames = torch.cat([self.known, further])
        return Rows(frames, self.own.size, place[here], place[after], place[starts], int(place[-1]), self.own)


@dataclass(frozen=True)
class Population:
    """The pairs of a dataset.

    Attributes:
        steps: one step of each pair, ``(P,)``.
        pair: the pair of every step, ``(T,)``.
        weight: n / T, ``(P,)``.
        reward: mean rewards, ``(P,)``.
        edge_pair, edge_frame, edge_share: the distinct (s, a, s') and n(s, a, s') / n(s, a), ``(E,)``.
        frame: the number of each pair's frame among those of pairs, ``(P,)``.
        part: n(s, a) / sum over a of n(s, a), ``(P,)``.
        kept: n / (n + K), ``(P,)``; None: K is 0, or nothing is luck.
        frames: how many have pairs.
        pairs: how pairs are divided among several devices.
        around: of one of several devices' pairs, where networks run; None: at all frames.
    """

    steps: Tensor
    pair: Tensor
    weight: Tensor
    reward: Tensor
    edge_pair: Tensor
    edge_frame: Tensor
    edge_share: Tensor
    frame: Tensor
    part: Tensor
    kept: Tensor | None
    frames: int
    pairs: sums.Division = sums.EVENLY
    around: _Around | None = None

    @classmethod
    def of(cls, data: TrainingData, most_frames: int, most_pairs: int, pooling: float = 0.0) -> Population | None:
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
        frames, frame = torch.unique(pairs[:, 0], return_inverse=True)
        here = torch.zeros(len(frames), dtype=torch.float64, device=pair.device).index_add_(0, frame, count.double())
        edges, number = torch.unique(torch.stack([pair, data.after], dim=1), dim=0, return_counts=True)
        luck = may_be_luck(data.rewards.double().cpu().numpy(), pair.cpu().numpy(), len(edges))
        found = cls(
            steps=steps,
            pair=pair,
            weight=(count.double() / data.n_steps).float(),
            reward=(total / count).float(),
            edge_pair=edges[:, 0],
            edge_frame=edges[:, 1],
            edge_share=(number.double() / count[edges[:, 0]]).float(),
            frame=frame,
            part=(count / here[frame]).float(),
            kept=(count / (count + pooling)).float() if pooling > 0 and luck else None,
            frames=len(frames),
        )
        return replace(found, reward=found.pooled(found.reward[None])[0])

    def held(self, data: TrainingData) -> Population:
        """The pairs of this device's frames, of several; they stand side by side, as pairs are in the order of their frames."""
        own, here = sums.span(len(data.states)), data.here[self.steps]
        pairs = sums.Span(len(here), int((here < own.first).sum()), int(own.holds(here).sum()))
        edges = own.holds(here)[self.edge_pair]
        around = _Around.of(own, self.edge_frame[edges], len(data.states))
        return replace(
            self,
            steps=pairs.own(self.steps),
            weight=pairs.own(self.weight),
            reward=pairs.own(self.reward),
            edge_pair=self.edge_pair[edges] - pairs.first,
            edge_frame=around.place[self.edge_frame[edges]],
            edge_share=self.edge_share[edges],
            frame=pairs.own(self.frame),
            part=pairs.own(self.part),
            kept=None if self.kept is None else pairs.own(self.kept),
            pairs=pairs,
            around=around,
        )

    def pooled(self, values: Tensor) -> Tensor:
        """Values ``(N, P)`` of the pairs, those above the mean over their frames' steps drawn to it."""
        if self.kept is None:
            return values
        mean = values.new_zeros(len(values), self.frames).index_add(1, self.frame, values * self.part)
        return torch.minimum(values, self.kept * values + (1 - self.kept) * mean.index_select(1, self.frame))

    def rows(self, data: TrainingData, starts: Tensor) -> Rows:
        """All frames, each once; of one of several devices, its own and what nu is asked for."""
        here, after = data.here[self.steps], data.after[self.steps]
        if self.around is not None:
            return self.around.rows(here, after, starts)
        total = len(data.states)
        everything = torch.arange(total, device=starts.device)
        return Rows(everything, total, here, after, starts, total - 1)

    def mean_after(self, values: Tensor) -> Tensor:
        """E nu(s') of every pair, ``(N, P)``, for nu at all frames ``(N, U)``."""
        found = values.new_zeros(len(values), len(self.steps))
        return self.pooled(found.index_add(1, self.edge_pair, values.index_select(1, self.edge_frame) * self.edge_share))

    def means(self, values: Tensor, log_ratio: Tensor, here: Tensor, own: Tensor, size: torch.Size) -> Tensor:
        """Means of the pairs' ``values`` ``(P,)`` by frame and own action, weighed by n rho: a table ``(R, A)``.

        Args:
            values: x of each pair.
            log_ratio: log rho_i, ``(P,)``.
            here, own: frame and a_i of each pair, ``(P,)``.
            size: R frames, A actions.
        """
        cell, count = here * size[1] + own, size[0] * size[1]
        weight = self.weight * (log_ratio.exp() + _TRACE)
        total, table = (weight.new_zeros(count).index_add(0, cell, part) for part in (weight, weight * values))
        table = table / total.clamp(min=1e-30)
        shown = (total > 0).view(size)
        least = table.view(size).masked_fill(~shown, torch.inf).amin(1, keepdim=True)
        return torch.where(shown, table.view(size), least.nan_to_num(posinf=0.0))
