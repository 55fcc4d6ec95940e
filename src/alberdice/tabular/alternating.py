"""The alternating scheme: agents take turns to best-respond under the common objective (section 4 of the paper).

    pi_i^{t+1} = argmax_{pi_i} J(pi_1^{t+1}, ..., pi_{i-1}^{t+1}, pi_i, pi_{i+1}^t, ..., pi_N^t)

J (2) is one value for all agents (Lemma 4.1), so it never falls and converges (Theorem 4.2, values). The limit is a Nash
policy with the reward frozen (see ``certificates``); it can be a saddle of J, which the second-order certificate reports
and ``escape`` leaves. At alpha = 0 exact best responses can cycle among ties; the rule 'stay if already optimal' prevents
that: an agent whose certified gain is within tolerance keeps its policy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from alberdice import _checks, markup
from alberdice._checks import FloatArray
from alberdice.console import explain
from alberdice.data import DataDistribution, SparseDataDistribution
from alberdice.errors import InvalidArgumentError
from alberdice.evaluation import mean_reward, state_occupancy
from alberdice.mmdp import MMDP, SparseMMDP
from alberdice.policy import FactorizedPolicy
from alberdice.tabular.best_response import BestResponse, best_response, reward_centre, reward_unit
from alberdice.tabular.bound import ROWS, JointBound, joint_bound, joint_rows
from alberdice.tabular.certificates import NashCertificate, nash_certificate
from alberdice.tabular.flow import Status
from alberdice.tabular.objective import objective
from alberdice.tabular.second_order import SecondOrderCertificate, VisitedState, second_order_certificate

__all__ = ["AlternatingRun", "Saddle", "alternate", "annealing_schedule"]

#: most rounds at a constant alpha unless told
ROUNDS = 1000
#: relative difference of rewards below which a policy earns what the data do: the regulariser's price of a small alpha
_ALIKE = 1e-3


@dataclass(frozen=True)
class Saddle:
    """A saddle that the run met.

    Attributes:
        round: after which round.
        value: J there.
        curvature: the largest, in the KL metric.
        gain: what one step along its direction adds to J, more than the run's threshold.
        states: where that step changes the policy most, and how often those states are visited.
        escaped: whether the run went on from it.
    """

    round: int
    value: float
    curvature: float
    gain: float
    states: tuple[VisitedState, ...]
    escaped: bool


@dataclass(frozen=True, repr=False)
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
        threshold: the gain that counted as none in the last round, reward per step.
        reward: expected reward per step of ``policy``, without the regulariser.
        data_reward: the data's own, over the pairs that they show.
        bound: what no joint policy can exceed, at the last alpha; None if it was switched off or too large.
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
    threshold: float
    reward: float
    data_reward: float
    bound: JointBound | None

    @property
    def gap(self) -> float | None:
        """How far the objective is from the bound at most; None without a bound."""
        return None if self.bound is None else max(self.bound.objective - self.nash.value, 0.0)

    @property
    def below_data(self) -> bool:
        """Whether the policy earns less per step than the data do, by more than the threshold and a thousandth."""
        return self.reward < self.data_reward - max(self.threshold, _ALIKE * abs(self.data_reward))

    def __repr__(self) -> str:
        state = "converged" if self.converged else "not converged"
        found = f"objective {self.nash.value:.6g}, {state} after {self.rounds} rounds, no agent gains more than"
        saddle = ", a saddle" if self.second_order is not None and self.second_order.is_saddle else ""
        return f"AlternatingRun({found} {self.nash.epsilon:.2g}{saddle})"

    def _repr_html_(self) -> str:
        """For notebooks."""
        rows = [
            ("objective", self.nash.value),
            ("no agent gains more than", self.nash.epsilon),
            ("below what any policy has by at most", self.gap),
            ("reward per step", self.reward),
            ("the data's", self.data_reward),
            ("rounds", self.rounds),
            ("converged", self.converged),
            ("a saddle", None if self.second_order is None else self.second_order.is_saddle),
            ("saddles left on the way", sum(saddle.escaped for saddle in self.saddles)),
            ("alpha", float(self.alphas[-1])),
        ]
        return markup.table(("", ""), rows, caption="Alternating best responses")


def annealing_schedule(high: float, low: float, rounds: int) -> FloatArray:
    """Alpha falling geometrically from ``high`` to ``low``, one per round, ``(rounds,)``."""
    top = _checks.real_number(high, "high", low=0.0, open_ends=True)
    bottom = _checks.real_number(low, "low", low=0.0, high=np.nextafter(top, np.inf), open_ends=True)
    return np.geomspace(top, bottom, _checks.whole_number(rounds, "rounds", low=1))


def alternate(
    model: MMDP | SparseMMDP,
    data: DataDistribution | SparseDataDistribution,
    alpha: float | Sequence[float] | FloatArray,
    start: FactorizedPolicy | None = None,
    order: Sequence[int] | None = None,
    rounds: int | None = None,
    tolerance: float = 1e-9,
    *,
    method: str = "interior-point",
    escape: bool = False,
    second_order: bool | Callable[[FactorizedPolicy], bool] = True,
    max_escapes: int = 20,
    bound: bool | JointBound | None = None,
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
        tolerance: a round in which every agent's certified gain is at most ``tolerance * (range of rewards + alpha)`` ends a
            constant-alpha run; each best response is certified to a tenth of that, or to rounding where that is larger.
        method: of ``best_response``.
        escape: leave a saddle along its direction of largest curvature and go on; deterministic.
        second_order: compute the second-order certificate at the end (alpha > 0), and leave saddles only then; or a function of
            the policy at the end that says whether to.
        max_escapes: saddles to leave at most.
        bound: whether to bound what any joint policy can reach; None: if the joint problem has at most a million rows; or the
            bound, where it is known.
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
    offset = reward_centre(model)
    model = model.shifted(-offset)
    loop = _Loop(model, data, _checked_order(order, model.n_agents), method, tolerance, policy, offset, progress)
    start_value = objective(model, policy, data, float(schedule[0]))
    loop.play(schedule, stop_early=constant)
    curve = None
    if schedule[-1] > 0 and (second_order(loop.policy) if callable(second_order) else second_order):
        curve = loop.leave_saddles(ROUNDS if rounds is None else rounds, max_escapes if escape else 0)
    return _run_of(loop, curve, start_value, bound)


def _run_of(
    loop: _Loop, curve: SecondOrderCertificate | None, start_value: float, bound: bool | JointBound | None
) -> AlternatingRun:
    """What the loop came to, in the rewards as they were given, with its certificates."""
    model, data, last, offset = loop.model, loop.data, loop.alphas[-1], loop.offset
    rest = "converged" if loop.converged else "not converged"
    explain(f"{loop.rounds} round(s), {rest}, objective {loop.values[-1] + offset:.8g}")
    nash = nash_certificate(model, loop.policy, data, last, method=loop.method)
    if bound is None:
        bound = joint_rows(model) <= ROWS
        explain(f"the bound on all joint policies: {'' if bound else 'left out, more than '}{joint_rows(model):,} rows")
    return AlternatingRun(
        policy=loop.policy,
        values=np.array(loop.values) + offset,
        gaps=np.array(loop.gaps),
        alphas=np.array(loop.alphas),
        rounds=loop.rounds,
        converged=loop.converged,
        nash=replace(nash, value=nash.value + offset),
        second_order=curve,
        saddles=tuple(loop.saddles),
        start_value=start_value + offset,
        threshold=loop.threshold(),
        reward=float(state_occupancy(model, loop.policy) @ mean_reward(model, loop.policy)) + offset,
        data_reward=data.mean(model) + offset,
        bound=_moved(joint_bound(model, data, last), offset) if bound is True else bound or None,
    )


def _moved(bound: JointBound, offset: float) -> JointBound:
    return replace(bound, objective=bound.objective + offset, reward=bound.reward + offset)


@dataclass
class _Loop:
    """The running state of ``alternate``: the policy, and one entry per update."""

    model: MMDP | SparseMMDP
    data: DataDistribution | SparseDataDistribution
    order: tuple[int, ...]
    method: str
    tolerance: float
    policy: FactorizedPolicy
    offset: float
    progress: Callable[[int, float], None] | None = None
    rounds: int = 0
    converged: bool = False
    rounding: float = 0.0
    values: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    alphas: list[float] = field(default_factory=list)
    saddles: list[Saddle] = field(default_factory=list)
    warm: dict[int, BestResponse] = field(default_factory=dict)

    def play(self, schedule: FloatArray, *, stop_early: bool) -> None:
        """One round per alpha; ``stop_early``: end as soon as a round gains nothing."""
        for alpha in schedule:
            self.rounding = 0.0
            gains = [self.update(agent, float(alpha)) for agent in self.order]
            self.rounds += 1
            self.converged = max(gains) <= self.threshold()
            if self.progress is not None:
                self.progress(self.rounds, self.values[-1] + self.offset)
            if stop_early and self.converged:
                break

    def leave_saddles(self, rounds: int, most: int) -> SecondOrderCertificate:
        """Leave so many saddles at most, with so many rounds after each; the certificate at the end."""
        curve = self.curvature()
        while curve.is_saddle and curve.better is not None and self.converged:
            go_on = len(self.saddles) < most
            value = self.values[-1] + self.offset
            self.saddles.append(Saddle(self.rounds, value, curve.curvature, curve.gain, curve.states, go_on))
            verdict = "left" if go_on else f"stays, the {most} to be left are"
            explain(f"a saddle after round {self.rounds}: moving together gains {curve.gain:.2g} at least; {verdict}")
            if not go_on:
                break
            self.policy = curve.better
            self.play(np.full(rounds, self.alphas[-1]), stop_early=True)
            curve = self.curvature()
        return curve

    def threshold(self) -> float:
        """The gain that counts as none; no less than what rounding leaves of a certificate."""
        return max(self.tolerance * (reward_unit(self.model) + self.alphas[-1]), 2 * self.rounding)

    def curvature(self) -> SecondOrderCertificate:
        """The second-order certificate at the last alpha, with the run's own threshold."""
        return second_order_certificate(self.model, self.policy, self.data, self.alphas[-1], threshold=self.threshold())

    def update(self, agent: int, alpha: float) -> float:
        """One best response; returns the certified gain that it had to offer."""
        before = objective(self.model, self.policy, self.data, alpha)
        inner = 0.1 * self.tolerance if self.method == "interior-point" else None
        br = best_response(
            self.model, self.policy, agent, self.data, alpha, self.method, tolerance=inner, start=self.warm.get(agent)
        )
        self.warm[agent] = br
        self.alphas.append(alpha)
        if br.status is Status.LIMITED:
            self.rounding = max(self.rounding, br.gap)
        gain = br.upper_bound - before
        stay = alpha == 0 and gain <= self.threshold()
        if not stay:
            self.policy = self.policy.replace(agent, br.policy)
        self.values.append(before if stay else br.value)
        self.gaps.append(br.gap)
        return gain


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
