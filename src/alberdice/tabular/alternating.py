"""The alternating scheme: agents take turns to best-respond under the common objective (section 4 of the paper).

    pi_i^{t+1} = argmax_{pi_i} J(pi_1^{t+1}, ..., pi_{i-1}^{t+1}, pi_i, pi_{i+1}^t, ..., pi_N^t)

J (2) is one value for all agents (Lemma 4.1), so it never falls and converges (Theorem 4.2, values). The limit is a Nash
policy with the reward frozen (see ``certificates``); it can be a saddle of J, which the second-order certificate reports
and ``escape`` leaves. At alpha = 0 exact best responses can cycle among ties; the rule 'stay if already optimal' prevents
that: an agent whose certified gain is within tolerance keeps its policy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from alberdice import _checks
from alberdice._checks import FloatArray
from alberdice.data import DataDistribution
from alberdice.errors import InvalidArgumentError
from alberdice.mmdp import MMDP
from alberdice.policy import FactorizedPolicy
from alberdice.tabular.best_response import BestResponse, best_response
from alberdice.tabular.certificates import (
    NashCertificate,
    SecondOrderCertificate,
    nash_certificate,
    second_order_certificate,
)
from alberdice.tabular.objective import objective

__all__ = ["AlternatingRun", "Saddle", "alternate", "annealing_schedule"]

#: most rounds at a constant alpha unless told
ROUNDS = 1000


@dataclass(frozen=True)
class Saddle:
    """A saddle that the run met.

    Attributes:
        round: after which round.
        value: J there.
        curvature: the largest, in the KL metric.
        gain: what one step along its direction adds to J; saddles at states that are hardly visited are worth nothing.
        escaped: whether the run went on from it.
    """

    round: int
    value: float
    curvature: float
    gain: float
    escaped: bool


@dataclass(frozen=True)
class AlternatingRun:
    """What ``alternate`` returns.

    Attributes:
        policy: the last joint policy.
        values: objective after every update, at the alpha of its round, ``(updates,)``.
        gaps: certified duality gap of every update.
        alphas: alpha of every update.
        rounds: rounds done.
        converged: in the last round no agent could gain more than the tolerance.
        nash: the certificate of ``policy`` at the last alpha.
        second_order: its curvature at the last alpha; None at alpha = 0 or when switched off.
        saddles: every saddle met, in order.
        start_value: objective of the start at the first alpha.
    """

    policy: FactorizedPolicy
    values: FloatArray
    gaps: FloatArray
    alphas: FloatArray
    rounds: int
    converged: bool
    nash: NashCertificate
    second_order: SecondOrderCertificate | None
    saddles: tuple[Saddle, ...]
    start_value: float


def annealing_schedule(high: float, low: float, rounds: int) -> FloatArray:
    """Alpha falling geometrically from ``high`` to ``low``, one per round, ``(rounds,)``."""
    top = _checks.real_number(high, "high", low=0.0, open_ends=True)
    bottom = _checks.real_number(low, "low", low=0.0, high=np.nextafter(top, np.inf), open_ends=True)
    return np.geomspace(top, bottom, _checks.whole_number(rounds, "rounds", low=1))


def alternate(
    model: MMDP,
    data: DataDistribution,
    alpha: float | Sequence[float] | FloatArray,
    start: FactorizedPolicy | None = None,
    order: Sequence[int] | None = None,
    rounds: int | None = None,
    tolerance: float = 1e-9,
    *,
    method: str = "interior-point",
    escape: bool = False,
    second_order: bool = True,
    max_escapes: int = 20,
    progress: Callable[[int, float], None] | None = None,
) -> AlternatingRun:
    """Alternating best responses until no agent gains, or for a schedule of alphas.

    Args:
        model: the MMDP.
        data: d^D.
        alpha: a number (rounds until convergence), or one per round (all of them are carried out).
        start: None: the data's marginals.
        order: agents' order within a round; None: 0 to n - 1. Every agent once.
        rounds: at most so many (again after every escape); None: 1,000 for a number, all of a schedule.
        tolerance: a round in which every agent's certified gain is at most ``tolerance * (1 + |J|)`` ends a constant-alpha run.
        method: of ``best_response``.
        escape: leave a saddle along its direction of largest curvature and go on; deterministic.
        second_order: compute the second-order certificate at the end (alpha > 0).
        max_escapes: saddles to leave at most.
        progress: called after every round with the round's number and the objective.

    Raises:
        InfeasibleError, SolverError: as ``best_response``.
        InvalidArgumentError, InvalidPolicyError, InvalidDataError: arguments out of range, or that do not fit.
    """
    data.check_fits(model)
    policy = data.behaviour_policy() if start is None else start
    policy.check_fits(model, "start")
    tolerance = _checks.real_number(tolerance, "tolerance", low=0.0)
    schedule, constant = _checked_schedule(alpha, rounds)
    last = float(schedule[-1])
    loop = _Loop(model, data, _checked_order(order, model.n_agents), method, tolerance, policy, progress)
    start_value = objective(model, policy, data, float(schedule[0]))
    loop.play(schedule, stop_early=constant)
    curve = second_order_certificate(model, loop.policy, data, last) if second_order and last > 0 else None
    while curve is not None and curve.is_saddle and loop.converged:
        better, gain = loop.beyond_saddle(curve)
        go_on = escape and len(loop.saddles) < max_escapes and gain > loop.threshold()
        loop.saddles.append(Saddle(loop.rounds, loop.values[-1], curve.curvature, gain, go_on))
        if not go_on:
            break
        loop.policy = better
        loop.play(np.full(ROUNDS if rounds is None else rounds, last), stop_early=True)
        curve = second_order_certificate(model, loop.policy, data, last)
    return AlternatingRun(
        policy=loop.policy,
        values=np.array(loop.values),
        gaps=np.array(loop.gaps),
        alphas=np.array(loop.alphas),
        rounds=loop.rounds,
        converged=loop.converged,
        nash=nash_certificate(model, loop.policy, data, last, method=method),
        second_order=curve,
        saddles=tuple(loop.saddles),
        start_value=start_value,
    )


@dataclass
class _Loop:
    """The running state of ``alternate``: the policy, and one entry per update."""

    model: MMDP
    data: DataDistribution
    order: tuple[int, ...]
    method: str
    tolerance: float
    policy: FactorizedPolicy
    progress: Callable[[int, float], None] | None = None
    rounds: int = 0
    converged: bool = False
    values: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    alphas: list[float] = field(default_factory=list)
    saddles: list[Saddle] = field(default_factory=list)
    warm: dict[int, BestResponse] = field(default_factory=dict)

    def play(self, schedule: FloatArray, *, stop_early: bool) -> None:
        """One round per alpha; ``stop_early``: end as soon as a round gains nothing."""
        for alpha in schedule:
            gains = [self.update(agent, float(alpha)) for agent in self.order]
            self.rounds += 1
            self.converged = max(gains) <= self.threshold()
            if self.progress is not None:
                self.progress(self.rounds, self.values[-1])
            if stop_early and self.converged:
                break

    def threshold(self) -> float:
        """The gain that counts as none."""
        return self.tolerance * (1 + abs(self.values[-1]))

    def update(self, agent: int, alpha: float) -> float:
        """One best response; returns the certified gain that it had to offer."""
        before = objective(self.model, self.policy, self.data, alpha)
        br = best_response(self.model, self.policy, agent, self.data, alpha, self.method, start=self.warm.get(agent))
        self.warm[agent] = br
        gain = br.upper_bound - before
        stay = alpha == 0 and gain <= self.tolerance * (1 + abs(before))
        if not stay:
            self.policy = self.policy.replace(agent, br.policy)
        self.values.append(before if stay else br.value)
        self.gaps.append(br.gap)
        self.alphas.append(alpha)
        return gain

    def beyond_saddle(self, curve: SecondOrderCertificate) -> tuple[FactorizedPolicy, float]:
        """The best step along the direction of largest curvature, either way, and its gain; ties go to the plus sign."""
        alpha = self.alphas[-1]
        here = objective(self.model, self.policy, self.data, alpha)
        best, best_value = self.policy, here
        for sign in (1.0, -1.0):
            moves = [sign * d for d in curve.direction]
            # The largest step that keeps every table nonnegative; half of it and less keep the support.
            room = min(
                float(np.min(np.where(m < 0, t / np.where(m < 0, -m, 1.0), np.inf)))
                for m, t in zip(moves, self.policy, strict=True)
            )
            for share in 0.5 ** np.arange(1, 12):
                tables = [np.maximum(t + share * room * m, 0) for m, t in zip(moves, self.policy, strict=True)]
                candidate = FactorizedPolicy([t / t.sum(axis=1, keepdims=True) for t in tables])
                value = objective(self.model, candidate, self.data, alpha)
                if value > best_value + 1e-14 * (1 + abs(value)):
                    best, best_value = candidate, value
        return best, best_value - here


def _checked_order(order: Sequence[int] | None, n_agents: int) -> tuple[int, ...]:
    chosen = range(n_agents) if order is None else order
    whole = np.iterable(chosen) and all(isinstance(i, int | np.integer) and not isinstance(i, bool) for i in chosen)
    if not whole or sorted(chosen) != list(range(n_agents)):
        raise InvalidArgumentError("order", got=chosen, expected=f"every agent from 0 to {n_agents - 1} once")
    return tuple(int(i) for i in chosen)


def _checked_schedule(alpha: object, rounds: int | None) -> tuple[FloatArray, bool]:
    """One alpha per round, and whether it is one constant number."""
    if np.iterable(alpha) and isinstance(alpha, Sequence | np.ndarray) and not isinstance(alpha, str):
        if len(alpha) == 0:
            raise InvalidArgumentError("alpha", got="an empty schedule", expected="one number per round")
        schedule = np.array([_checks.real_number(a, f"alpha[{k}]", low=0.0) for k, a in enumerate(alpha)])
        count = len(schedule) if rounds is None else _checks.whole_number(rounds, "rounds", low=1)
        if count > len(schedule):
            raise InvalidArgumentError("rounds", got=count, expected=f"at most {len(schedule)}, the schedule's length")
        return schedule[:count], False
    count = ROUNDS if rounds is None else _checks.whole_number(rounds, "rounds", low=1)
    return np.full(count, _checks.real_number(alpha, "alpha", low=0.0)), True
