"""Off-policy evaluation where states repeat: a policy's return in the models of reweighted data.

Model b is the empirical MMDP of the episodes with weights m_b of a Bayesian bootstrap (Rubin, 1981): m_b / E is drawn from the
Dirichlet distribution whose parameters are 1.  With m_b(x) the weight of step x's episode,

    P_b(s'|s, a) = sum of m_b over the steps (s, a, s') / sum of m_b over the steps (s, a),      r_b(s, a) likewise

so that every model holds every pair of the data.  Drawing episodes with replacement would lose pairs that were seen once in a
third of the models, which says nothing of the policies that play them.  And since a pair that was seen once is as good as it
happened to be, K more steps of every pair are taken to be as those of its frame are in the mean, whatever was done there:

    x_b(s, a) <- (m_b(s, a) x_b(s, a) + K x_b(s)) / (m_b(s, a) + K)      for x = P and r, K = ``pooling``

Pooling is to take luck away, not to forgive: a mistake that was recorded once would be half as bad as it is.  So a policy's
return in model b is the lesser of those with K and with none, and K is 0 where nothing is luck (``ResampledModels.luck``).

A pair that the data do not hold pays less than any reward of theirs at every step that is left, by 1 % of the rewards' spread:
leaving the data is never worth it, nor as good as staying, also where all that was recorded pays the same.  What terminates
earns nothing more.  The return is the plain sum over a horizon, by default the longest episode's steps, so that it
compares with the data's own returns.

    R_b = min over {0, K} of sum_{t < H} d_{b,t} . r_b^pi,    score = mean over b - std over b

The mean over b of many models is the estimate; the score of a few is what ranks policies.  The quantiles over b say what other
episodes would have said, and nothing of what these conventions get wrong, which is the greater part where data are plenty: a
pooled pair is not what it is, and nobody knows what lies outside the data.  So an interval is from the least of the lower
quantiles to the greatest of the upper ones under what the data cannot tell apart:

    K                   0, ``pooling`` and, where a pair was seen to have different outcomes or none was seen twice, ``LUCK``
    outside the data    as above, at every step that is left; and the most that any recorded step went on to earn
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from alberdice import _checks
from alberdice._checks import FloatArray
from alberdice.datasets.dataset import OfflineDataset
from alberdice.datasets.statistics import row_keys
from alberdice.errors import InvalidDataError

__all__ = ["Estimate", "ResampledModels", "may_be_luck", "repeated_share"]

#: what the intervals allow for where outcomes are luck: the learner's own K
LUCK = 3.0
#: by how much less than the data's least reward a pair pays that they do not hold, in the spread of their rewards
_MARGIN = 0.01
#: rewards of one pair differ by more than this share of the largest
_ROUNDING = 1e-6
#: K: of 0, .3, 1, 3 and 10 the one whose estimates were nearest to the truth on the zoo's choosing half when it was chosen
POOLING = 1.0


@dataclass(frozen=True)
class Estimate:
    """Returns of one policy, estimated from data alone.

    Attributes:
        returns: one per resampled model or network, ``(B,)``, in the units of the data's episode returns.
    """

    returns: FloatArray

    @property
    def mean(self) -> float:
        """Their mean."""
        return float(self.returns.mean())

    @property
    def score(self) -> float:
        """Mean less standard deviation: what ranks policies."""
        return float(self.returns.mean() - self.returns.std())

    def interval(self, level: float = 0.9) -> tuple[float, float]:
        """The quantiles that leave (1 - level) / 2 out at either end."""
        low, high = np.quantile(self.returns, [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)

    def less(self, returns: FloatArray) -> Estimate:
        """By how much the policy's returns exceed others, resample by resample."""
        return Estimate(self.returns - returns)


@dataclass(frozen=True)
class Bounded(Estimate):
    """Returns under conventions, and what they would be under others that the data do not tell from them.

    Attributes:
        others: ``(V, B)``.
    """

    others: FloatArray

    def interval(self, level: float = 0.9) -> tuple[float, float]:
        """From the least of the lower quantiles to the greatest of the upper ones."""
        every = np.concatenate([self.returns[None], self.others])
        low, high = np.quantile(every, [(1 - level) / 2, (1 + level) / 2], axis=1)
        return float(low.min()), float(high.max())

    def less(self, returns: FloatArray) -> Bounded:
        """As of ``Estimate``, under all conventions."""
        return Bounded(self.returns - returns, self.others - returns)


class ResampledModels:
    """Empirical models of a dataset whose episodes are weighted at random.

    Args:
        dataset: the data; with states or, where there are none, joint observations to tell states apart.
        models: B.
        generator: draws the weights.
        horizon: steps of the returns; None: the longest episode's.
        pooling: K.

    Attributes:
        rows: a frame row of the dataset for every distinct frame, ``(K,)``: where policies are to be known.
        weights: m_b of every episode, ``(B, E)``, E in sum.
        luck: whether outcomes may be luck, see ``may_be_luck``.

    Raises:
        InvalidDataError: no transition.
    """

    def __init__(
        self,
        dataset: OfflineDataset,
        models: int,
        generator: np.random.Generator,
        horizon: int | None = None,
        *,
        pooling: float = POOLING,
    ) -> None:
        self.pooling = pooling
        count = _checks.whole_number(models, "models", low=1)
        longest = int(dataset.lengths.max())
        self.dataset, self.horizon = dataset, longest if horizon is None else _checks.whole_number(horizon, "horizon", low=1)
        used = dataset.usable
        if not len(used):
            raise InvalidDataError(dataset.name, got="no transition", expected="a step whose next frame is known")
        frame, self.rows = distinct_frames(dataset)
        self.starts, self.worst = frame[dataset.starts], _outside(dataset.rewards[used].astype(np.float64))
        size, joint = len(self.rows), dataset.actions[used]
        ended = dataset.terminated[used]
        successor = np.where(ended, size, frame[dataset.next_row[used]])
        keys = np.column_stack([frame[used], joint])
        pairs, pair = np.unique(keys, axis=0, return_inverse=True)
        self.pair_frame, self.pair_actions, pair = pairs[:, 0], pairs[:, 1:], pair.reshape(-1)
        each, edge = np.unique(pair * (size + 1) + successor, return_inverse=True)
        self.edge_pair, self.edge_to, edge = each // (size + 1), each % (size + 1), edge.reshape(-1)
        episodes = dataset.n_episodes
        drawn = generator.exponential(size=(count, episodes))
        self.weights = drawn * (episodes / drawn.sum(axis=1, keepdims=True))
        held = self.weights[:, dataset.episode[used]]
        reward = dataset.rewards[used].astype(np.float64)
        self.edge_weight = np.stack([np.bincount(edge, m, len(each)) for m in held])
        self.pair_weight = np.stack([np.bincount(pair, m, len(pairs)) for m in held])
        self.pair_reward = np.stack([np.bincount(pair, m * reward, len(pairs)) for m in held])
        self.begin = np.stack([np.bincount(self.starts, m, size) for m in self.weights]) / episodes
        self.luck = may_be_luck(reward, pair, len(each))
        self.best = _most_to_go(dataset)

    def estimate(self, tables: Sequence[FloatArray]) -> Estimate:
        """The policy's return in every model, with an interval that allows for other conventions (``Bounded``).

        Args:
            tables: per agent pi_i(a_i|s) at the frames ``rows``, ``(K, A_i)``.
        """
        ends = {pooling: self._returns(tables, pooling) for pooling in {self.pooling, 0.0, LUCK if self.luck else 0.0}}
        found = [ends[pooling][0] for pooling in self.poolings]
        return Bounded(np.minimum.reduce(found), np.concatenate([*ends.values()]))

    @property
    def poolings(self) -> tuple[float, ...]:
        """With which K the score is the lesser return."""
        return (self.pooling, 0.0) if self.luck and self.pooling else (0.0,)

    def _returns(self, tables: Sequence[FloatArray], pooling: float) -> FloatArray:
        """In every model, with K = ``pooling``: what lies outside the data at its worst and at its best, ``(2, B)``."""
        models, size = self.begin.shape
        chance = np.prod([t[self.pair_frame, self.pair_actions[:, i]] for i, t in enumerate(tables)], axis=0)
        own = chance / (self.pair_weight + pooling)
        pooled = self._by_frame(own * pooling) / self._frame_weight  # what the frame's steps as a whole stand for
        gained = self._by_frame(chance * self.pooled_rewards(pooling))
        outside = np.maximum(1.0 - np.bincount(self.pair_frame, chance, size), 0.0)
        chain = self._chain(own + pooled[:, self.pair_frame])
        mass, total = self.begin.ravel(), np.zeros((2, models))
        for left in range(self.horizon, 0, -1):
            here = mass.reshape(models, size)
            away = here @ outside
            total += (here * gained).sum(axis=1) + np.stack([away * self.worst * left, away * self.best])
            mass = chain @ mass
        return total

    def pooled_rewards(self, pooling: float) -> FloatArray:
        """r_b of every pair, drawn to its frame's mean with K = ``pooling``, ``(B, P)``."""
        mean = (self._by_frame(self.pair_reward) / self._frame_weight)[:, self.pair_frame]
        return np.asarray((self.pair_reward + pooling * mean) / (self.pair_weight + pooling))

    @cached_property
    def _frame_weight(self) -> FloatArray:
        return np.asarray(np.maximum(self._by_frame(self.pair_weight), 1e-300))

    def _by_frame(self, values: Any) -> Any:
        """Sums over the pairs of each frame, ``(B, K)``."""
        return np.stack([np.bincount(self.pair_frame, row, self.begin.shape[1]) for row in values])

    def _chain(self, per_weight: FloatArray) -> Any:
        """All models' transposed transitions between frames, block by block; what ends or leaves the data is dropped."""
        models, size = self.begin.shape
        value = per_weight[:, self.edge_pair] * self.edge_weight
        inner = self.edge_to < size
        block = np.arange(models)[:, None] * size
        to = (block + self.edge_to[inner]).ravel()
        at = (block + self.pair_frame[self.edge_pair[inner]]).ravel()
        shape = (models * size, models * size)
        return sp.csr_array(sp.coo_array((value[:, inner].ravel(), (to, at)), shape=shape))

    @cached_property
    def data_return(self) -> Estimate:
        """The data's own mean return with the same weights."""
        return Estimate(self.weights @ self.dataset.returns / self.dataset.n_episodes)


def may_be_luck(rewards: FloatArray, pair: NDArray[np.int64], edges: int) -> bool:
    """Whether a pair was seen to have different outcomes, or none was seen twice.

    Args:
        rewards: of the steps, ``(T,)``.
        pair: the number of each step's (s, a), ``(T,)``; every number up to the largest occurs.
        edges: how many different (s, a, s') there are.
    """
    pairs = int(pair.max()) + 1
    highest, lowest = np.full(pairs, -np.inf), np.full(pairs, np.inf)
    np.maximum.at(highest, pair, rewards)
    np.minimum.at(lowest, pair, rewards)
    apart = (highest - lowest).max() > _ROUNDING * np.abs(rewards).max()
    return bool(apart or edges > pairs or pairs == len(pair))


def _outside(rewards: FloatArray) -> float:
    """What a step pays that is not in the data."""
    size, spread = float(np.abs(rewards).max()), float(rewards.std())
    return float(rewards.min()) - _MARGIN * (spread if spread > _ROUNDING * size else size or 1.0)


def _most_to_go(dataset: OfflineDataset) -> float:
    """The most that any step's rewards and those after it in its episode come to."""
    before = np.cumsum(dataset.rewards.astype(np.float64)) - dataset.rewards
    return float((dataset.returns[dataset.episode] - (before - before[dataset.starts][dataset.episode])).max())


def distinct_frames(dataset: OfflineDataset) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The number of every frame row's distinct (state, observations, masks), ``(T + E,)``, and one row of each, ``(K,)``."""
    parts = [row_keys(dataset.frame_states), row_keys(dataset.frame_observations)]
    if dataset.frame_masks is not None:
        parts.append(row_keys(dataset.frame_masks))
    keys = np.concatenate([part for part in parts if part.size], axis=1)
    _, kept, frame = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    return frame.reshape(-1).astype(np.int64), kept.astype(np.int64)


def repeated_share(dataset: OfflineDataset) -> float:
    """Share of the steps whose frame also occurs in another episode; near 1 where an empirical model means something."""
    frame, rows = distinct_frames(dataset)
    seen = frame[: dataset.n_steps]
    each = np.unique(seen * dataset.n_episodes + dataset.episode)
    episodes = np.bincount(each // dataset.n_episodes, minlength=len(rows))
    return float((episodes[seen] > 1).mean())
