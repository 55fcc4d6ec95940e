"""The data's joint distribution d^D(s, a_1, ..., a_N), the anchor of the regulariser in (2).

    from counts n(s, a) and a floor f:   d^D = (n / sum n + f) / sum(n / sum n + f)

A floor f > 0 keeps the regularised problem feasible for every policy of the others; f = 0 keeps exact zeros. Which joint
actions were truly observed is remembered apart from the floor: ``observed``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alberdice import _checks
from alberdice._checks import FloatArray
from alberdice.errors import InvalidDataError
from alberdice.mmdp import MMDP
from alberdice.policy import FactorizedPolicy

__all__ = ["DataDistribution"]

#: the floor of ``from_counts`` unless told
DEFAULT_FLOOR = 1e-10


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

    def check_fits(self, model: MMDP) -> None:
        """Raise InvalidDataError unless the data have the model's shape."""
        _checks.check_shape(
            self.probabilities,
            model.reward.shape,
            "data",
            InvalidDataError,
            "data must cover the model's (S, A1, ..., An)",
        )

    def __repr__(self) -> str:
        seen = int(self.observed.sum())
        return f"DataDistribution(shape={self.probabilities.shape}, observed={seen} of {self.observed.size})"


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
