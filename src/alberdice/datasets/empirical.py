"""From data to theory: the maximum-likelihood MMDP of a dataset, and its data distribution.

States are the distinct rows of ``states`` (or of the joint observations where there is no state), numbered in lexicographic
order. With n(s, a, s') the number of transitions and n(s, a) their sum,

    P(s' | s, a) = n(s, a, s') / n(s, a)
    r(s, a)      = mean reward over the n(s, a) steps
    p_0(s)       = share of the episodes that begin in s

Two states are added, absorbing under every joint action:

    END     where terminated steps lead; reward 0
    UNSEEN  where every pair (s, a) with n(s, a) = 0 leads; reward r_unseen, in (s, a) itself too

r_unseen is by default the smallest reward in the data or 0, whichever is less, for ever: nobody is tempted to leave the data.
(A 0 would tempt where rewards are negative, and the smallest reward for ever where it is positive and episodes end.) UNSEEN is
left out if every pair was seen, END if nothing terminated. A state that was only ever arrived at (the last frame of a truncated
episode) has no seen pair, hence leads to UNSEEN whatever one does.

The data distribution is by default the discounted occupancy of the E episodes, the kind of distribution that d^pi in (2) is,

    d^D(s, a)   = (1 - gamma) / E * sum over episodes and t of gamma^t 1[s_t = s, a_t = a]
    d^D(END, a) = sum of gamma^L / (E |A|) over the terminated episodes, L being their lengths

spread evenly over a at END, as nothing follows from what one does there; all of it is divided by its sum, which is below 1
where episodes were truncated.  ``weighting="counts"`` takes n(s, a) instead, and the number of terminated episodes for END.
On UNSEEN and on pairs never seen d^D is zero before the floor.

``empirical_model`` writes every pair out; ``sparse_empirical_model`` keeps the observed ones alone, for any number of agents:
the same model, and the same data but for the floor, which is given as its total mass.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from alberdice.data import DEFAULT_FLOOR_MASS, DataDistribution, SparseDataDistribution
from alberdice.datasets.dataset import OfflineDataset
from alberdice.errors import InvalidArgumentError, ResourceError, fail
from alberdice.mmdp import MMDP, SparseMMDP
from alberdice.policy import FactorizedPolicy

__all__ = ["EmpiricalModel", "SparseEmpiricalModel", "empirical_model", "sparse_empirical_model"]

_MOST_PAIRS = 20_000_000


@dataclass(frozen=True, eq=False)
class _OnStates:
    """What both forms say of their states.

    Attributes:
        states: (K, S) feature rows of the states.
        end: index of END, or None.
        unseen: index of UNSEEN, or None.
        notes: what was assumed, one sentence each.
    """

    states: NDArray[Any]
    end: int | None
    unseen: int | None
    notes: tuple[str, ...]

    def index_of(self, state: ArrayLike) -> int | None:
        """Index of a feature row (S,), compared in the data's type, or None if the data hold no such state."""
        row = np.asarray(state)
        if row.shape != self.states.shape[1:]:
            raise InvalidArgumentError("state", got=f"shape {row.shape}", expected=f"shape {self.states.shape[1:]}")
        found = int(self.indices_of(row[None])[0])
        return None if found < 0 else found

    def indices_of(self, features: ArrayLike) -> NDArray[np.intp]:
        """Index of each feature row (S', S), -1 where the data hold no such state; (S',)."""
        rows = np.asarray(features)
        if rows.shape[1:] != self.states.shape[1:]:
            raise InvalidArgumentError(
                "features", got=f"shape {rows.shape}", expected=f"rows of shape {self.states.shape[1:]} as in the data"
            )
        cast = rows.astype(self.states.dtype)  # 0.1 in float64 is 0.1f where the data hold float32
        exact = np.ones(len(rows), np.bool_)
        if self.states.dtype.kind in "iub":  # a cast must not make 0.5 a 0
            exact = (cast == rows).reshape(len(rows), -1).all(axis=1)
        both = np.concatenate([self.states.reshape(len(self.states), -1), cast.reshape(len(cast), -1)])
        code = np.unique(both, axis=0, return_inverse=True)[1].ravel()
        place = np.full(int(code.max(initial=-1)) + 1, -1)
        place[code[: len(self.states)]] = np.arange(len(self.states))
        return np.where(exact, place[code[len(self.states) :]], -1)

    def carried(self, policy: FactorizedPolicy, features: ArrayLike) -> FactorizedPolicy:
        """Tables over the rows of ``features``: the policy's own where the data hold the state, uniform elsewhere."""
        known = self.indices_of(features)
        if not (known >= 0).any():
            raise InvalidArgumentError(
                "features",
                got=f"0 of {len(known)} states in the data",
                expected="at least one state that the data hold",
                remedy="give the states' features as the data hold them (see EmpiricalModel.states)",
            )
        tables = []
        for table in policy:
            rows = np.full((len(known), table.shape[1]), 1.0 / table.shape[1])
            rows[known >= 0] = table[known[known >= 0]]
            tables.append(rows)
        return FactorizedPolicy(tables)


@dataclass(frozen=True, eq=False)
class EmpiricalModel(_OnStates):
    """The maximum-likelihood model of a dataset.

    Attributes:
        states, end, unseen, notes: feature rows (K, S) of the states; END's and UNSEEN's index, or None; what was assumed.
        mmdp: the model, over the K states of ``states``, then END and UNSEEN where they exist.
        data: d^D on the same states.
        counts: (K', A_1, ..., A_N), n(s, a) over all K' states of the model.
    """

    mmdp: MMDP
    data: DataDistribution
    counts: NDArray[np.int64]

    def policy_on(self, policy: FactorizedPolicy, features: ArrayLike) -> FactorizedPolicy:
        """A policy of the empirical model carried to a model whose state k has the features ``features[k]``.

        Args:
            policy: tables over the empirical model's states.
            features: (S', S), one row per state of the other model.

        Returns:
            Tables over the S' states; uniform at states that the data do not hold (``indices_of`` tells which).

        Raises:
            InvalidArgumentError: the data hold none of the states.
        """
        policy.check_fits(self.mmdp)
        return self.carried(policy, features)


@dataclass(frozen=True, eq=False)
class SparseEmpiricalModel(_OnStates):
    """The same, kept at the observed pairs.

    Attributes:
        states, end, unseen, notes: as ``EmpiricalModel``.
        mmdp: the model; its pairs are the observed ones.
        data: d^D on the same pairs; its floor is a total mass.
        counts: n(s, a) of the pairs, (K,).
    """

    mmdp: SparseMMDP
    data: SparseDataDistribution
    counts: NDArray[np.int64]

    def policy_on(self, policy: FactorizedPolicy, features: ArrayLike) -> FactorizedPolicy:
        """As ``EmpiricalModel.policy_on``."""
        policy.check_fits(self.mmdp)
        return self.carried(policy, features)


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
    """The empirical MMDP and data distribution of a dataset with few distinct states and joint actions.

    Args:
        dataset: the data.
        discount: gamma in (0, 1).
        floor: added to every normalised entry of d^D, which is then renormalised; 0 keeps zeros.
        weighting: how d^D weighs steps, see the module.
        unseen_reward: reward per step of leaving the data; None: the smallest reward in the data or 0, whichever is less.

    Raises:
        InvalidDataError: no features to tell states apart, or no transition.
        InvalidArgumentError: an option outside its range.
        ResourceError: more than twenty million pairs of states and joint actions.
    """
    _check_options(discount, unseen_reward)
    seen = _observe(dataset)
    if seen.total * seen.joint > _MOST_PAIRS:
        raise ResourceError(
            dataset.source or dataset.name,
            got=f"{len(seen.states):,} states x {seen.joint:,} joint actions",
            expected=f"at most {_MOST_PAIRS:,} pairs",
            remedy="sparse_empirical_model keeps the observed pairs alone; or train on this dataset",
        )
    model = seen.model(dataset, discount, unseen_reward)
    shape = (seen.total, *dataset.n_actions)
    mass, end_mass = seen.mass(dataset, discount, weighting)
    place = np.ravel_multi_index((seen.state, *seen.actions.T), shape)
    whole, counts = np.zeros(math.prod(shape)), np.zeros(math.prod(shape), np.int64)
    whole[place], counts[place] = mass, seen.counts
    if seen.end is not None:
        whole.reshape(seen.total, -1)[seen.end] = end_mass / seen.joint
    return EmpiricalModel(
        states=seen.states,
        end=seen.end,
        unseen=seen.unseen,
        notes=seen.all_notes(dataset, unseen_reward),
        mmdp=model.dense(),
        data=DataDistribution.from_counts(whole.reshape(shape), floor=floor),
        counts=counts.reshape(shape),
    )


def sparse_empirical_model(
    dataset: OfflineDataset,
    discount: float = 0.99,
    *,
    floor_mass: float = DEFAULT_FLOOR_MASS,
    weighting: Literal["discounted", "counts"] = "discounted",
    unseen_reward: float | None = None,
) -> SparseEmpiricalModel:
    """The same from observed pairs alone: any number of agents, memory in the number of observed pairs.

    Args:
        dataset: the data.
        discount: gamma in (0, 1).
        floor_mass: the share of d^D that is spread evenly over all pairs; 0 keeps zeros.
        weighting, unseen_reward: as ``empirical_model``.

    Raises:
        InvalidDataError, InvalidArgumentError: as ``empirical_model``.
    """
    _check_options(discount, unseen_reward)
    seen = _observe(dataset)
    mass, end_mass = seen.mass(dataset, discount, weighting)
    even = np.zeros(seen.total)
    if seen.end is not None:
        even[seen.end] = end_mass
    kept = mass > 0  # gamma^t may underflow
    return SparseEmpiricalModel(
        states=seen.states,
        end=seen.end,
        unseen=seen.unseen,
        notes=seen.all_notes(dataset, unseen_reward),
        mmdp=seen.model(dataset, discount, unseen_reward),
        data=SparseDataDistribution(
            seen.state[kept], seen.actions[kept], dataset.n_actions, mass[kept], seen.total, floor_mass, even
        ),
        counts=seen.counts,
    )


def _check_options(discount: float, unseen_reward: float | None) -> None:
    if not 0.0 < discount < 1.0:
        raise InvalidArgumentError("discount", got=discount, expected="a number in (0, 1)")
    if unseen_reward is not None and not math.isfinite(unseen_reward):
        raise InvalidArgumentError("unseen_reward", got=unseen_reward, expected="a finite number")


@dataclass(frozen=True, eq=False)
class _Seen:
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
        return len(self.states) + (self.end is not None) + (self.unseen is not None)

    def unseen_reward(self, dataset: OfflineDataset, given: float | None) -> float:
        return min(float(dataset.rewards[self.used].min()), 0.0) if given is None else float(given)

    def all_notes(self, dataset: OfflineDataset, given: float | None) -> tuple[str, ...]:
        if self.unseen is None:
            return self.notes
        whole = len(self.states) * self.joint
        count, worst = whole - len(self.counts), self.unseen_reward(dataset, given)
        share = f"{count:,} of {whole:,}" if whole < 10**12 else f"all but {len(self.counts):,} of {float(whole):.3g}"
        text = f"{share} pairs of state and joint action never occur; they lead to UNSEEN, {worst:g} a step for ever."
        return (*self.notes, text)

    def model(self, dataset: OfflineDataset, discount: float, unseen_reward: float | None) -> SparseMMDP:
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
    ended = dataset.terminated[used]
    end = len(states) if ended.any() else None
    steps = np.column_stack([index[used], dataset.actions[used]]).astype(np.intp)
    pairs, pair, counts = np.unique(steps, axis=0, return_inverse=True, return_counts=True)
    complete = len(pairs) == len(states) * joint
    return _Seen(
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
