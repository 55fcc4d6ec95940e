"""The data's joint distribution d^D(s, a_1, ..., a_N), the anchor of the regulariser in (2).

    from counts n(s, a) and a floor f:   d^D = (n / sum n + f) / sum(n / sum n + f)

A floor f > 0 keeps the regularised problem feasible for every policy of the others; f = 0 keeps exact zeros. Which joint
actions were truly observed is remembered apart from the floor: ``observed``.

``SparseDataDistribution`` is the same for any number of agents, kept at the K observed pairs:

    d^D(s, a) = even(s) / |A| + extra_k     where (s, a) is the k-th pair,      even(s) / |A|   elsewhere

even is what is spread over the joint actions of a state: the floor, given as its TOTAL mass, and states (an episode's end) at
which every joint action is data. Only logarithms of densities are formed: at 64 agents 1/|A| is 1e-31.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alberdice import _checks
from alberdice._checks import FloatArray
from alberdice.errors import InvalidDataError
from alberdice.joint import AllPairs, JointPairs, listed_pairs
from alberdice.mmdp import MMDP, SparseMMDP, check_dense_size
from alberdice.policy import FactorizedPolicy

__all__ = ["DataDistribution", "SparseDataDistribution"]

#: the floor of ``from_counts`` unless told
DEFAULT_FLOOR = 1e-10
#: the total mass of the floor of sparse data unless told
DEFAULT_FLOOR_MASS = 1e-3


class DataDistribution:
    """A distribution over states and joint actions; read-only.

    Args:
        probabilities: ``(S, A1, ..., An)``, nonnegative, summing to 1 (1e-9; then divided by the sum).
        observed: ``(S, A1, ..., An)`` booleans, True where the data show the pair; None: where the probability is positive.

    Raises:
        InvalidDataError: not a distribution, wrong shape, with field and index.
    """

    def __init__(self, probabilities: ArrayLike, observed: ArrayLike | None = None) -> None:
        array = _checks.real_array(probabilities, "probabilities", InvalidDataError)
        _check_data_shape(array, "probabilities")
        _checks.check_nonnegative(array, "probabilities", InvalidDataError, label=_checks.state_action)
        flat = _checks.normalised(array.reshape(-1), "probabilities", InvalidDataError)
        self.probabilities: FloatArray = _checks.frozen(flat.reshape(array.shape))
        seen = self.probabilities > 0 if observed is None else _checks.plain_array(observed, "observed", InvalidDataError)
        if seen.dtype != np.bool_:
            raise InvalidDataError("observed", got=f"dtype {seen.dtype}", expected="booleans")
        _checks.check_shape(seen, array.shape, "observed", InvalidDataError)
        self.observed: NDArray[np.bool_] = _checks.frozen(seen.copy())

    @classmethod
    def from_counts(cls, counts: ArrayLike, floor: float = DEFAULT_FLOOR) -> DataDistribution:
        """From counts (or nonnegative weights) ``(S, A1, ..., An)``; ``floor`` is added to each normalised entry.

        Raises:
            InvalidDataError: negative or non-finite counts, no data at all, wrong shape.
            InvalidArgumentError: a floor that is negative or not finite.
        """
        array = _checks.real_array(counts, "counts", InvalidDataError)
        _check_data_shape(array, "counts")
        _checks.check_nonnegative(array, "counts", InvalidDataError, label=_checks.state_action)
        floor = _checks.real_number(floor, "floor", low=0.0, high=1.0)
        observed = array > 0
        if not observed.any():
            raise InvalidDataError("counts", got="no data: every count is 0", expected="at least one positive count")
        array = np.ldexp(array, -np.frexp(array.max())[1])  # by a power of two, exact: the sum of huge counts overflows
        raised = array / array.sum() + floor
        return cls(raised / raised.sum(), observed=observed)

    @classmethod
    def mixture(cls, parts: Sequence[DataDistribution], weights: ArrayLike) -> DataDistribution:
        """sum_k w_k d_k: the distribution of pooled data sets, ``weights`` (K,) summing to 1."""
        shares = _checks.real_array(weights, "weights", InvalidDataError)
        _checks.check_shape(shares, (len(parts),), "weights", InvalidDataError, "one weight per part")
        shares = _checks.normalised(shares, "weights", InvalidDataError)
        for k, part in enumerate(parts):
            _checks.check_shape(part.probabilities, parts[0].probabilities.shape, f"parts[{k}]", InvalidDataError)
        used = [(w, part) for w, part in zip(shares, parts, strict=True) if w > 0]
        total = np.sum([w * part.probabilities for w, part in used], axis=0)
        return cls(total, np.logical_or.reduce([part.observed for _, part in used]))

    def floored(self, floor: float) -> DataDistribution:
        """The same data with ``floor`` added to each entry and renormalised; ``observed`` stays."""
        floor = _checks.real_number(floor, "floor", low=0.0, high=1.0)
        raised = self.probabilities + floor
        return DataDistribution(raised / raised.sum(), self.observed)

    def observed_part(self) -> DataDistribution:
        """What the data show, without the floor: zero at unobserved pairs, renormalised."""
        kept = np.where(self.observed, self.probabilities, 0.0)
        if kept.sum() == 0:
            raise InvalidDataError("observed", got="no observed pair with positive probability", expected="at least one")
        return DataDistribution(kept / kept.sum(), self.observed)

    def joint_conditional(self) -> FloatArray:
        """pi^D(a | s), shape ``(S, A1, ..., An)``, uniform at states without data."""
        flat = self.probabilities.reshape(len(self.probabilities), -1)
        return conditional(flat).reshape(self.probabilities.shape)

    @property
    def n_agents(self) -> int:
        """Number of agents."""
        return self.probabilities.ndim - 1

    def state_marginal(self) -> FloatArray:
        """d^D(s), shape ``(S,)``."""
        return np.asarray(self.probabilities.sum(axis=tuple(range(1, self.probabilities.ndim))))

    def agent_marginal(self, agent: int) -> FloatArray:
        """d^D(s, a_i), shape ``(S, A_i)``."""
        keep = (0, _checks.whole_number(agent, "agent", high=self.n_agents - 1) + 1)
        return np.asarray(self.probabilities.sum(axis=tuple(k for k in range(self.n_agents + 1) if k not in keep)))

    def behaviour_policy(self) -> FactorizedPolicy:
        """The marginals pi_i^D(a_i | s), uniform at states without data: BC's solution and the default start."""
        return FactorizedPolicy([conditional(self.agent_marginal(i)) for i in range(self.n_agents)])

    @cached_property
    def pairs(self) -> AllPairs:
        """The listed pairs: all of them."""
        return AllPairs(len(self.probabilities), self.probabilities.shape[1:])

    @cached_property
    def listed_log(self) -> FloatArray:
        """Logarithms log d^D at the listed pairs, ``(K,)``; -inf where d^D = 0."""
        flat = self.probabilities.reshape(-1)
        return np.where(flat > 0, np.log(np.where(flat > 0, flat, 1.0)), -np.inf)

    @cached_property
    def rest_log(self) -> FloatArray:
        """Logarithms log d^D at all other joint actions of a state, ``(S,)``: there are none."""
        return np.zeros(len(self.probabilities))

    @property
    def listed_observed(self) -> NDArray[np.bool_]:
        """``observed`` at the listed pairs, ``(K,)``."""
        return self.observed.reshape(-1)

    @cached_property
    def rest_observed(self) -> NDArray[np.bool_]:
        """Whether all other joint actions of a state count as observed, ``(S,)``: there are none."""
        return np.ones(len(self.probabilities), dtype=bool)

    def mean(self, model: MMDP | SparseMMDP) -> float:
        """Sum of d^D(s, a) r(s, a) over what was observed, renormalised: the data's own reward per step."""
        self.check_fits(model)
        rewards = (model if isinstance(model, MMDP) else model.dense()).reward
        kept = np.where(self.observed, self.probabilities, 0.0)
        return float((kept * rewards).sum() / kept.sum())

    def check_fits(self, model: MMDP | SparseMMDP) -> None:
        """Raise InvalidDataError unless the data have the model's shape."""
        _checks.check_shape(
            self.probabilities,
            (model.n_states, *model.n_actions),
            "data",
            InvalidDataError,
            "data must cover the model's (S, A1, ..., An)",
        )

    def __repr__(self) -> str:
        seen = int(self.observed.sum())
        return f"DataDistribution(shape={self.probabilities.shape}, observed={seen} of {self.observed.size})"


class SparseDataDistribution:
    """A distribution over states and joint actions that the data show at K pairs; any number of agents; read-only.

    Args:
        state: ``(K,)`` whole numbers, the observed pairs' states.
        actions: ``(K, N)`` whole numbers, their joint actions; no pair twice.
        n_actions: numbers of actions, agent by agent.
        counts: ``(K,)`` positive weights of the pairs.
        n_states: S.
        floor_mass: the share of the whole that is spread evenly over all pairs; 0 keeps zeros.
        even_counts: ``(S,)`` weights of states at which every joint action counts as observed alike; None: none.

    Raises:
        InvalidDataError: pairs or weights that are none, with field and index.
        InvalidArgumentError: a floor outside [0, 1].
    """

    def __init__(
        self,
        state: ArrayLike,
        actions: ArrayLike,
        n_actions: Sequence[int],
        counts: ArrayLike,
        n_states: int,
        floor_mass: float = DEFAULT_FLOOR_MASS,
        even_counts: ArrayLike | None = None,
    ) -> None:
        self.pairs: JointPairs = listed_pairs(n_states, n_actions, state, actions, InvalidDataError)
        weights = _checks.real_array(counts, "counts", InvalidDataError)
        _checks.check_shape(weights, (len(self.pairs),), "counts", InvalidDataError)
        if (weights <= 0).any():
            k = int(np.argmax(weights <= 0))
            raise InvalidDataError(f"counts[{k}]", got=weights[k], expected="a number > 0; leave out pairs without data")
        even = np.zeros(n_states) if even_counts is None else _checks.real_array(even_counts, "even_counts", InvalidDataError)
        _checks.check_shape(even, (n_states,), "even_counts", InvalidDataError)
        _checks.check_nonnegative(even, "even_counts", InvalidDataError)
        floor = _checks.real_number(floor_mass, "floor_mass", low=0.0, high=1.0)
        top = max(float(weights.max(initial=0.0)), float(even.max()))
        if top == 0:
            raise InvalidDataError("counts", got="no data", expected="at least one pair")
        weights, even = np.ldexp(weights, -np.frexp(top)[1]), np.ldexp(even, -np.frexp(top)[1])
        total = weights.sum() + even.sum()
        self.extra: FloatArray = _checks.frozen((1 - floor) * (weights / total))
        self.even: FloatArray = _checks.frozen((1 - floor) * (even / total) + floor / n_states)
        self.rest_observed: NDArray[np.bool_] = _checks.frozen(even > 0)
        self.listed_observed: NDArray[np.bool_] = _checks.frozen(np.ones(len(self.pairs), dtype=bool))
        self._floor = floor

    @property
    def n_agents(self) -> int:
        """Number of agents."""
        return self.pairs.n_agents

    @cached_property
    def rest_log(self) -> FloatArray:
        """Logarithms log d^D at the joint actions that are not listed, ``(S,)``; -inf where it is 0."""
        seen = self.even > 0
        size = sum(math.log(k) for k in self.pairs.n_actions)
        return np.where(seen, np.log(np.where(seen, self.even, 1.0)) - size, -np.inf)

    @cached_property
    def listed_log(self) -> FloatArray:
        """Logarithms log d^D at the listed pairs, ``(K,)``."""
        with np.errstate(divide="ignore"):  # underflown counts
            return np.asarray(np.logaddexp(np.log(self.extra), self.rest_log[self.pairs.state]))

    def state_marginal(self) -> FloatArray:
        """d^D(s), shape ``(S,)``."""
        return np.asarray(self.even + self.pairs.sums(self.extra))

    def agent_marginal(self, agent: int) -> FloatArray:
        """d^D(s, a_i), shape ``(S, A_i)``."""
        agent = _checks.whole_number(agent, "agent", high=self.n_agents - 1)
        return np.asarray(self.even[:, None] / self.pairs.n_actions[agent] + self.pairs.sums(self.extra, agent))

    def behaviour_policy(self) -> FactorizedPolicy:
        """The marginals pi_i^D(a_i | s), uniform at states without data: BC's solution and the default start."""
        return FactorizedPolicy([conditional(self.agent_marginal(i)) for i in range(self.n_agents)])

    def mean(self, model: MMDP | SparseMMDP) -> float:
        """Sum of d^D(s, a) r(s, a) over what was observed, renormalised: the data's own reward per step."""
        self.check_fits(model)
        place = model.pairs.locate(self.pairs)
        listed = np.where(place >= 0, model.listed_reward[place], model.rest_reward[self.pairs.state])
        spread = np.where(self.rest_observed, self.even - self._floor / self.pairs.n_states, 0.0)
        uniform = [np.full((model.n_states, k), 1.0 / k) for k in model.n_actions]
        even = model.pairs.average(uniform, model.listed_reward, model.rest_reward)
        return float((self.extra @ listed + spread @ even) / (self.extra.sum() + spread.sum()))

    def dense(self) -> DataDistribution:
        """The same data with every pair written out.

        Raises:
            ResourceError: too many pairs.
        """
        shape = (self.pairs.n_states, *self.pairs.n_actions)
        check_dense_size(shape)
        joint = math.prod(self.pairs.n_actions)
        row = np.ravel_multi_index((self.pairs.state, *self.pairs.actions.T), shape)
        probabilities, observed = np.repeat(self.even / joint, joint), np.repeat(self.rest_observed, joint)
        probabilities[row] += self.extra
        observed[row] = True
        return DataDistribution((probabilities / probabilities.sum()).reshape(shape), observed.reshape(shape))

    def check_fits(self, model: MMDP | SparseMMDP) -> None:
        """Raise InvalidDataError unless the data have the model's states and actions."""
        mine, theirs = (self.pairs.n_states, *self.pairs.n_actions), (model.n_states, *model.n_actions)
        if mine != theirs:
            raise InvalidDataError("data", got=f"states and actions {mine}", expected=f"{theirs} as in the model")

    def __repr__(self) -> str:
        return (
            f"SparseDataDistribution(n_states={self.pairs.n_states}, n_actions={self.pairs.n_actions}, "
            f"pairs={len(self.pairs)}, floor_mass={self._floor:g})"
        )


def conditional(joint: FloatArray) -> FloatArray:
    """``joint[s, a] / sum_a joint[s, a]``, uniform where a state has no mass."""
    mass = joint.sum(axis=-1, keepdims=True)
    seen = mass > 0
    return np.where(seen, joint / np.where(seen, mass, 1.0), 1.0 / joint.shape[-1])


def _check_data_shape(array: FloatArray, name: str) -> None:
    if array.ndim < 2 or 0 in array.shape:
        raise InvalidDataError(
            name,
            got=f"shape {array.shape}",
            expected="shape (S, A1, ..., An) with at least one state, agent and action",
        )
