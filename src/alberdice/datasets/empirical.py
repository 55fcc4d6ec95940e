"""From data to theory: the maximum-likelihood MMDP of a dataset, and its data distribution.

States are the distinct rows of ``states`` (or of the joint observations where there is no state), numbered in lexicographic
order. With n(s, a, s') the number of transitions and n(s, a) their sum,

    P(s' | s, a) = n(s, a, s') / n(s, a)
    r(s, a)      = mean reward over the n(s, a) steps
    p_0(s)       = share of the episodes that begin in s

Two states are added, absorbing under every joint action:

    END     where terminated steps lead; reward 0
    UNSEEN  where every pair (s, a) with n(s, a) = 0 leads; reward r_unseen, in (s, a) itself too

r_unseen is by default the smallest reward in the data, for ever: nobody is tempted to leave the data (a 0 would tempt,
where rewards are negative).  UNSEEN is left out if every pair was seen, END if nothing terminated.  A state that was only
ever arrived at (the last frame of a truncated episode) has no seen pair, hence leads to UNSEEN whatever one does.

The data distribution is by default the discounted occupancy of the E episodes, the kind of distribution that d^pi in (2) is,

    d^D(s, a)   = (1 - gamma) / E * sum over episodes and t of gamma^t 1[s_t = s, a_t = a]
    d^D(END, a) = sum of gamma^L / (E |A|) over the terminated episodes, L being their lengths

spread evenly over a at END, as nothing follows from what one does there; all of it is divided by its sum, which is below 1
where episodes were truncated.  ``weighting="counts"`` takes n(s, a) instead, and the number of terminated episodes for END.
On UNSEEN and on pairs never seen d^D is zero before the floor.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from alberdice.data import DataDistribution
from alberdice.datasets.dataset import OfflineDataset
from alberdice.errors import InvalidArgumentError, ResourceError, fail
from alberdice.mmdp import MMDP
from alberdice.policy import FactorizedPolicy

__all__ = ["EmpiricalModel", "empirical_model"]

_MOST_PAIRS = 20_000_000


@dataclass(frozen=True, eq=False)
class EmpiricalModel:
    """The maximum-likelihood model of a dataset.

    Attributes:
        mmdp: the model, over the K states of ``states``, then END and UNSEEN where they exist.
        data: d^D on the same states.
        states: (K, S) feature rows of the states.
        counts: (K', A_1, ..., A_N), n(s, a) over all K' states of the model.
        end: index of END, or None.
        unseen: index of UNSEEN, or None.
        notes: what was assumed, one sentence each.
    """

    mmdp: MMDP
    data: DataDistribution
    states: NDArray[Any]
    counts: NDArray[np.int64]
    end: int | None
    unseen: int | None
    notes: tuple[str, ...]

    def index_of(self, state: ArrayLike) -> int | None:
        """Index of a feature row (S,), or None if the data hold no such state."""
        row = np.asarray(state)
        if row.shape != self.states.shape[1:]:
            raise InvalidArgumentError("state", got=f"shape {row.shape}", expected=f"shape {self.states.shape[1:]}")
        found = np.flatnonzero((self.states == row).all(axis=1))
        return int(found[0]) if len(found) else None

    def policy_on(self, policy: FactorizedPolicy, features: ArrayLike) -> FactorizedPolicy:
        """A policy of the empirical model carried to a model whose state k has the features ``features[k]``.

        Args:
            policy: tables over the empirical model's states.
            features: (S', S), one row per state of the other model.

        Returns:
            Tables over the S' states; uniform at states that the data do not hold.
        """
        policy.check_fits(self.mmdp)
        rows = np.asarray(features)
        known = [self.index_of(row) for row in rows]
        tables = []
        for agent, n in enumerate(self.mmdp.n_actions):
            table = np.full((len(rows), n), 1.0 / n)
            for k, index in enumerate(known):
                if index is not None:
                    table[k] = policy[agent][index]
            tables.append(table)
        return FactorizedPolicy(tables)


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


def empirical_model(
    dataset: OfflineDataset,
    discount: float = 0.99,
    *,
    floor: float = 1e-10,
    weighting: Literal["discounted", "counts"] = "discounted",
    unseen_reward: float | None = None,
) -> EmpiricalModel:
    """The empirical MMDP and data distribution of a dataset with few distinct states.

    Args:
        dataset: the data.
        discount: gamma in (0, 1).
        floor: added to every normalised entry of d^D, which is then renormalised; 0 keeps zeros.
        weighting: how d^D weighs steps, see the module.
        unseen_reward: reward per step of leaving the data; None is the smallest reward in the data.

    Raises:
        InvalidDataError: no features to tell states apart, or no transition.
        InvalidArgumentError: an option outside its range.
        ResourceError: more than twenty million pairs of states and joint actions.
    """
    if not 0.0 < discount < 1.0:
        raise InvalidArgumentError("discount", got=discount, expected="a number in (0, 1)")
    if unseen_reward is not None and not math.isfinite(unseen_reward):
        raise InvalidArgumentError("unseen_reward", got=unseen_reward, expected="a finite number")
    seen = _observe(dataset)
    worst = float(dataset.rewards[seen.used].min()) if unseen_reward is None else float(unseen_reward)
    notes = list(seen.notes)
    if seen.unseen is not None:
        share = f"{int((seen.counts == 0).sum()):,} of {len(seen.counts):,}"
        notes.append(
            f"{share} pairs of state and joint action never occur; they lead to an absorbing state of reward {worst:g} a step."
        )
    shape = (seen.total, *dataset.n_actions)
    data = DataDistribution.from_counts(seen.mass(dataset, discount, weighting).reshape(shape), floor=floor)
    initial = np.bincount(seen.index[dataset.starts], minlength=seen.total) / dataset.n_episodes
    return EmpiricalModel(
        mmdp=MMDP(seen.transition(), seen.reward(dataset, worst).reshape(shape), initial, discount),
        data=data,
        states=seen.states,
        counts=seen.padded(seen.counts).astype(np.int64).reshape(shape),
        end=seen.end,
        unseen=seen.unseen,
        notes=tuple(notes),
    )


@dataclass(frozen=True, eq=False)
class _Seen:
    """Transitions as indices: state-action pair and successor of each usable step, and what follows from counting them."""

    states: NDArray[Any]
    index: NDArray[np.int64]
    used: NDArray[np.int64]
    pair: NDArray[np.int64]
    successor: NDArray[np.int64]
    counts: NDArray[np.int64]
    joint: int
    end: int | None
    unseen: int | None
    notes: tuple[str, ...]

    @property
    def total(self) -> int:
        return len(self.states) + (self.end is not None) + (self.unseen is not None)

    def padded(self, values: NDArray[Any], rest: float = 0.0) -> NDArray[np.float64]:
        """Values per pair of the K states, continued by ``rest`` over the added states."""
        whole = np.full(self.total * self.joint, rest)
        whole[: len(values)] = values
        return whole

    def reward(self, dataset: OfflineDataset, worst: float) -> NDArray[np.float64]:
        sums = np.bincount(self.pair, weights=dataset.rewards[self.used].astype(np.float64), minlength=len(self.counts))
        reward = self.padded(np.where(self.counts > 0, sums / np.maximum(self.counts, 1), worst), worst)
        if self.end is not None:
            reward[self.end * self.joint : (self.end + 1) * self.joint] = 0.0
        return reward

    def mass(self, dataset: OfflineDataset, discount: float, weighting: str) -> NDArray[np.float64]:
        weight, end_weight = _weights(dataset, discount, weighting)
        mass = self.padded(np.bincount(self.pair, weights=weight[self.used], minlength=len(self.counts)))
        if self.end is not None:
            mass[self.end * self.joint : (self.end + 1) * self.joint] = end_weight / self.joint
        return mass

    def transition(self) -> sp.csr_array:
        """n(s, a, s') / n(s, a), unseen pairs to UNSEEN, and loops at END and UNSEEN; sparse (K' |A|, K')."""
        empty = np.flatnonzero(self.counts == 0)
        from_row, value = [self.pair, empty], [1.0 / self.counts[self.pair], np.ones(len(empty))]
        to_state = [self.successor, np.full(len(empty), 0 if self.unseen is None else self.unseen)]
        for state in (self.end, self.unseen):
            if state is not None:
                from_row.append(np.arange(state * self.joint, (state + 1) * self.joint))
                to_state.append(np.full(self.joint, state))
                value.append(np.ones(self.joint))
        entries = (np.concatenate(value), (np.concatenate(from_row), np.concatenate(to_state)))
        return sp.csr_array(sp.coo_array(entries, shape=(self.total * self.joint, self.total)))


def _observe(dataset: OfflineDataset) -> _Seen:
    """Number the states and count the transitions."""
    where = dataset.source or dataset.name
    rows, notes = _state_rows(dataset)
    states, index = _codes(dataset, rows)
    used, joint = dataset.usable, math.prod(dataset.n_actions)
    if not len(used):
        raise fail(where, "transitions", got="none", expected="at least one")
    if len(used) < dataset.n_steps:
        notes.append(f"{dataset.n_steps - len(used)} steps are no transitions (where they led is unknown) and were left out.")
    if (len(states) + 2) * joint > _MOST_PAIRS:
        raise ResourceError(
            where,
            got=f"{len(states):,} states x {joint:,} joint actions",
            expected=f"at most {_MOST_PAIRS:,} pairs",
            remedy="the tabular layer is for few discrete states; train on this dataset instead",
        )
    ended = dataset.terminated[used]
    end = len(states) if ended.any() else None
    pair = index[used] * joint + np.ravel_multi_index(tuple(dataset.actions[used].T), dataset.n_actions)
    counts = np.bincount(pair, minlength=len(states) * joint)
    return _Seen(
        states=states,
        index=index,
        used=used,
        pair=pair,
        successor=np.where(ended, -1 if end is None else end, index[dataset.next_row[used]]),
        counts=counts,
        joint=joint,
        end=end,
        unseen=len(states) + (end is not None) if (counts == 0).any() else None,
        notes=tuple(notes),
    )
