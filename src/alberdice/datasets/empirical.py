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
from numpy.typing import ArrayLike, NDArray

from alberdice.data import DEFAULT_FLOOR_MASS, DataDistribution, SparseDataDistribution
from alberdice.datasets.dataset import OfflineDataset
from alberdice.datasets.observed_pairs import observe
from alberdice.errors import InvalidArgumentError, ResourceError
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
    seen = observe(dataset)
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
    seen = observe(dataset)
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
