"""The distinct states and pairs (s, a) of a dataset, counted: what both forms of ``empirical`` are made of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from alberdice.datasets.dataset import OfflineDataset
from alberdice.errors import InvalidArgumentError, fail
from alberdice.mmdp import SparseMMDP

__all__ = ["ObservedPairs", "observe"]


@dataclass(frozen=True, eq=False)
class ObservedPairs:
    """Usable steps as indices: the distinct pair (of K) and the successor of each, and what follows from counting them."""

    states: NDArray[Any]
    index: NDArray[np.int64]
    used: NDArray[np.int64]
    state: NDArray[np.intp]
    actions: NDArray[np.intp]
    pair: NDArray[np.intp]
    successor: NDArray[np.int64]
    counts: NDArray[np.int64]
    joint: int
    end: int | None
    unseen: int | None
    notes: tuple[str, ...]

    @property
    def total(self) -> int:
        """How many states the model has, END and UNSEEN included."""
        return len(self.states) + (self.end is not None) + (self.unseen is not None)

    def unseen_reward(self, dataset: OfflineDataset, given: float | None) -> float:
        """The reward per step of leaving the data."""
        return min(float(dataset.rewards[self.used].min()), 0.0) if given is None else float(given)

    def all_notes(self, dataset: OfflineDataset, given: float | None) -> tuple[str, ...]:
        """What was assumed, the pairs that never occur included."""
        if self.unseen is None:
            return self.notes
        whole = len(self.states) * self.joint
        count, worst = whole - len(self.counts), self.unseen_reward(dataset, given)
        share = f"{count:,} of {whole:,}" if whole < 10**12 else f"all but {len(self.counts):,} of {float(whole):.3g}"
        text = f"{share} pairs of state and joint action never occur; they lead to UNSEEN, {worst:g} a step for ever."
        return (*self.notes, text)

    def model(self, dataset: OfflineDataset, discount: float, unseen_reward: float | None) -> SparseMMDP:
        """The maximum-likelihood model at the observed pairs."""
        sums = np.bincount(self.pair, weights=dataset.rewards[self.used].astype(np.float64), minlength=len(self.counts))
        entries = (1.0 / self.counts[self.pair], (self.pair, self.successor))
        rest_reward = np.full(self.total, self.unseen_reward(dataset, unseen_reward))
        onward = np.arange(self.total) if self.unseen is None else np.full(self.total, self.unseen)
        if self.end is not None:
            rest_reward[self.end], onward[self.end] = 0.0, self.end
        rest = sp.csr_array((np.ones(self.total), (np.arange(self.total), onward)), shape=(self.total, self.total))
        return SparseMMDP(
            self.state,
            self.actions,
            dataset.n_actions,
            sums / self.counts,
            sp.csr_array(sp.coo_array(entries, shape=(len(self.counts), self.total))),
            rest_reward,
            rest,
            np.bincount(self.index[dataset.starts], minlength=self.total) / dataset.n_episodes,
            discount,
        )

    def mass(self, dataset: OfflineDataset, discount: float, weighting: str) -> tuple[NDArray[np.float64], float]:
        """Weight of each pair, (K,), and the whole weight of END."""
        weight, end_weight = _weights(dataset, discount, weighting)
        mass = np.bincount(self.pair, weights=weight[self.used], minlength=len(self.counts))
        return mass.astype(np.float64), end_weight


def observe(dataset: OfflineDataset) -> ObservedPairs:
    """Number the states and count the transitions."""
    where = dataset.source or dataset.name
    rows, notes = _state_rows(dataset)
    states, index = _codes(dataset, rows)
    used, joint = dataset.usable, math.prod(dataset.n_actions)
    if not len(used):
        raise fail(where, "transitions", got="none", expected="at least one")
    if len(used) < dataset.n_steps:
        notes.append(f"{dataset.n_steps - len(used)} steps are no transitions (where they led is unknown) and were left out.")
    ended = dataset.terminated[used]
    end = len(states) if ended.any() else None
    steps = np.column_stack([index[used], dataset.actions[used]]).astype(np.intp)
    pairs, pair, counts = np.unique(steps, axis=0, return_inverse=True, return_counts=True)
    complete = len(pairs) == len(states) * joint
    return ObservedPairs(
        states=states,
        index=index,
        used=used,
        state=pairs[:, 0],
        actions=pairs[:, 1:],
        pair=pair.ravel(),
        successor=np.where(ended, -1 if end is None else end, index[dataset.next_row[used]]),
        counts=counts.astype(np.int64),
        joint=joint,
        end=end,
        unseen=None if complete else len(states) + (end is not None),
        notes=tuple(notes),
    )


def _state_rows(dataset: OfflineDataset) -> tuple[NDArray[Any], list[str]]:
    """Frame rows that tell states apart (T + E, S), and what was assumed."""
    if dataset.state_size:
        return dataset.frame_states, []
    joint = dataset.frame_observations.reshape(len(dataset.frame_observations), -1)
    if not joint.shape[1]:
        raise fail(
            dataset.source or dataset.name, "states", got="neither states nor observations", expected="features of states"
        )
    return joint, ["The data hold no state: the agents' observations side by side stand for it."]


def _weights(dataset: OfflineDataset, discount: float, weighting: str) -> tuple[NDArray[Any], float]:
    """Weight of each step (T,), and the whole weight of END."""
    ends = dataset.starts + dataset.lengths - 1
    finished = dataset.terminated[ends]
    if weighting == "counts":
        return np.ones(dataset.n_steps), float(finished.sum())
    if weighting != "discounted":
        raise InvalidArgumentError("weighting", got=repr(weighting), expected="'discounted' or 'counts'")
    return (1.0 - discount) * discount**dataset.time, float((discount ** dataset.lengths[finished]).sum())


def _codes(dataset: OfflineDataset, states: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Distinct state rows (K, S), and the index of each frame row (T + E,), -1 where the final frame is unknown."""
    known = np.concatenate([np.ones(dataset.n_steps, np.bool_), dataset.final_known])
    index = np.full(len(states), -1)
    distinct, inverse = np.unique(states[known], axis=0, return_inverse=True)
    index[known] = inverse.ravel()
    return distinct, index
