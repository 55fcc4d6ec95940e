"""The second-order certificate: whether a point at which no agent gains alone is a saddle of J.

A Nash policy may be one (XOR with uniform data): two agents that move together gain what neither gains alone. With
F(d) = d.r - alpha KL(d || d^D) and g = dF/dd = r - alpha (log(d/d^D) + 1), the gradient of J(pi) = F(d^pi) is

    dJ/dpi_i(s, a_i) = d(s) sum_{a_-i} pi_{-i}(a_-i|s) A(s, a),     A = g + gamma P V - V,   V = the values of g under pi,

and its change along directions Delta_j(s, .) that sum to zero, dw_{-i} the change of pi_{-i}, up to constants per state

    dd(s) A_i(s, a_i) + d(s) [ sum_{a_-i} dw_{-i} A - alpha Delta_i / pi_i + gamma Pbar_i dV ]

(two linear solves: dd and dV). log pi separates over agents, so that sums over joint actions run over listed pairs only.

Two metrics on directions. In that of the KL divergence, |Delta|^2 = sum_i sum_s d(s) sum_a Delta_i^2 / pi_i, an agent's own
curvature on one state is -alpha and a saddle of XOR is one however seldom it is played: ``curvature`` is the largest eigenvalue
there. What a saddle is worth depends on how often its states are visited: without the weight d(s), eigenvalues are in units of
J, and along their directions a step is searched. A SADDLE is said only if the best step gains more than ``threshold``.

States that are visited so seldom that all of them together cannot matter (``NEGLIGIBLE``) have no coordinates; they keep their
place in the values of those before them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import scipy.sparse.linalg as spla
from numpy.typing import NDArray
from scipy.special import entr

from alberdice import _checks
from alberdice._checks import FloatArray
from alberdice.data import DataDistribution, SparseDataDistribution
from alberdice.errors import SolverError
from alberdice.evaluation import DiscountedChain, mean_reward, state_occupancy, state_transition
from alberdice.joint import JointPairs
from alberdice.mmdp import MMDP, SparseMMDP
from alberdice.policy import FactorizedPolicy
from alberdice.tabular.certificates import finite_objective
from alberdice.tabular.objective import mean_log, objective

__all__ = ["SecondOrderCertificate", "VisitedState", "second_order_certificate"]

#: states with d(s) below this share of 1/S have no coordinates: together they move J by less than that share of A's range
NEGLIGIBLE = 1e-12
#: probability below which an action counts as outside the support
SUPPORT = 1e-16
#: curvature, as a share of the largest advantage, that counts as positive: the accuracy of the eigenvalue
POSITIVE = 1e-9
#: up to so many coordinates the Hessian is formed; beyond, Lanczos finds eigenvalues to this accuracy
FORMED, ACCURACY = 64, 1e-7
#: restarts of Lanczos, and up to so many coordinates the Hessian is formed after all where they do not suffice
RESTARTS, CLUSTERED = 20, 4096
#: directions along which a step is searched, halvings of the step, and the largest change of log pi that is tried
DIRECTIONS, HALVINGS, LARGEST = 3, 12, 8.0
#: states that the certificate names
NAMED = 3


@dataclass(frozen=True)
class VisitedState:
    """A state on a saddle's direction: its index, how often it is visited (d(s)), and its share of the direction."""

    state: int
    visits: float
    share: float


@dataclass(frozen=True)
class SecondOrderCertificate:
    """The most positive curvature of J at a policy, and what it is worth.

    Attributes:
        curvature: largest eigenvalue of the Hessian of J in the KL metric; positive: J rises both ways along ``direction``.
        direction: per agent ``(S, A_i)``, of unit length in that metric; every row sums to zero.
        gain: what the best step found adds to J; 0 where the curvature is not positive.
        is_saddle: the curvature is positive beyond rounding, and ``gain`` is more than ``threshold``.
        threshold: the gain that counts as none.
        states: where the best step changes the policy most, largest share first.
        better: the policy after that step; None without one.
    """

    curvature: float
    direction: tuple[FloatArray, ...]
    gain: float
    is_saddle: bool
    threshold: float
    states: tuple[VisitedState, ...] = ()
    better: FactorizedPolicy | None = field(default=None, repr=False)


def second_order_certificate(
    model: MMDP | SparseMMDP,
    policy: FactorizedPolicy,
    data: DataDistribution | SparseDataDistribution,
    alpha: float,
    *,
    threshold: float | None = None,
    seed: int = 0,
) -> SecondOrderCertificate:
    """Largest curvature of J along joint directions inside the support; meaningful at a first-order stationary policy.

    Args:
        model: the MMDP.
        policy: a factorised joint policy.
        data: d^D.
        alpha: > 0.
        threshold: the gain that counts as none, reward per step; None: 1e-9 times the rewards' range plus alpha.
        seed: of the start of the eigenvalue iteration.

    Raises:
        InvalidArgumentError: alpha not positive, or the policy's objective is -infinity.
        InvalidPolicyError, InvalidDataError: shapes that do not fit the model.
        SolverError: the eigenvalue iteration did not converge.
    """
    alpha = _checks.real_number(alpha, "alpha", low=0.0, open_ends=True)
    low, high = model.reward_range()
    limit = 1e-9 * (high - low + alpha) if threshold is None else _checks.real_number(threshold, "threshold", low=0.0)
    centred = model.shifted(-(low + (high - low) / 2))
    finite_objective(centred, policy, data, alpha)
    curve = _Curvature(centred, policy, data, alpha)
    nothing = tuple(np.zeros_like(t) for t in policy)
    if curve.size < 2:
        return SecondOrderCertificate(-alpha, nothing, 0.0, False, limit)
    values, vectors = _top_eigenpairs(curve, np.ones(curve.size), 1, seed)
    vector = curve.project(vectors[:, 0])
    # The projection adds eigenvalues of its own (directions that do not sum to zero), which are no curvature of J.
    if float(np.linalg.norm(vector)) < 1e-6:
        return SecondOrderCertificate(-alpha, nothing, 0.0, False, limit)
    direction = curve.tables(vector * _sign(vector))
    top = float(values[0])
    if top <= POSITIVE * curve.scale:
        return SecondOrderCertificate(top, direction, 0.0, False, limit)
    roots = np.sqrt(curve.visits)
    worth, worthy = _top_eigenpairs(curve, roots, min(DIRECTIONS, curve.size - 1), seed)
    worthy = worthy[:, worth > 0]
    candidates = [direction, *(curve.tables(curve.project(v) * roots * _sign(v)) for v in worthy.T)]
    better, gain, along = _best_step(centred, policy, data, alpha, candidates)
    states = _named(along, policy, curve.mass) if gain > 0 else ()
    return SecondOrderCertificate(top, direction, gain, gain > limit, limit, states, better if gain > 0 else None)


def _top_eigenpairs(curve: _Curvature, roots: FloatArray, count: int, seed: int) -> tuple[FloatArray, FloatArray]:
    """The largest eigenvalues, falling, and vectors of diag(roots) H diag(roots); roots are constant on each state."""
    size, shift = curve.size, curve.scale

    def product(vector: FloatArray) -> FloatArray:
        return roots * curve.product(roots * vector.reshape(-1)) - 10.0 * shift * (
            vector.reshape(-1) - curve.project(vector.reshape(-1))
        )

    def formed() -> tuple[FloatArray, FloatArray]:
        hessian = np.stack([product(e) for e in np.eye(size)])
        values, vectors = np.linalg.eigh((hessian + hessian.T) / 2)
        return values[::-1][:count], vectors[:, ::-1][:, :count]

    if size <= FORMED:
        return formed()
    operator = spla.LinearOperator((size, size), matvec=lambda v: product(v) + shift * v.reshape(-1), dtype=np.float64)
    first = curve.project(np.random.default_rng(seed).standard_normal(size))
    try:
        found, vectors = spla.eigsh(
            operator,
            k=count,
            which="LA",
            v0=first,
            ncv=min(size, 60),
            tol=ACCURACY,
            maxiter=RESTARTS if size <= CLUSTERED else 500,
        )
    except spla.ArpackNoConvergence as stop:
        if size <= CLUSTERED:  # eigenvalues that lie too close for Lanczos
            return formed()
        raise SolverError(
            "second-order certificate",
            got=f"no convergence of Lanczos in {size} dimensions",
            expected=f"a residual of {ACCURACY:g}",
            remedy="switch it off (second_order=False)",
        ) from stop
    order = np.argsort(-found)
    return found[order] - shift, vectors[:, order]


def _sign(vector: FloatArray) -> float:
    """Makes the first entry of (nearly) largest size positive, so that the direction is one and not two."""
    k = int(np.argmax(np.abs(vector) > 0.999 * np.abs(vector).max()))
    return 1.0 if vector[k] >= 0 else -1.0


def _best_step(
    model: MMDP | SparseMMDP,
    policy: FactorizedPolicy,
    data: DataDistribution | SparseDataDistribution,
    alpha: float,
    candidates: list[tuple[FloatArray, ...]],
) -> tuple[FactorizedPolicy, float, tuple[FloatArray, ...]]:
    """The best of pi exp(t Delta / pi), renormalised, over candidates, signs and steps; ties go to the first, the plus sign.

    The exponential keeps every policy inside the simplex, so that one action near 0 does not shorten the step of all others.
    """
    here = objective(model, policy, data, alpha)
    best, best_value, along = policy, here, candidates[0]
    for direction in candidates:
        logs = [np.where(t > SUPPORT, d / np.where(t > SUPPORT, t, 1.0), 0.0) for d, t in zip(direction, policy, strict=True)]
        size = max(float((np.sqrt(t) * np.abs(x)).max()) for x, t in zip(logs, policy, strict=True))
        if size == 0:
            continue
        for sign in (1.0, -1.0):
            for step in LARGEST * 0.5 ** np.arange(HALVINGS):
                moved = [t * np.exp(np.clip(sign * step / size * x, -700, 40)) for t, x in zip(policy, logs, strict=True)]
                candidate = FactorizedPolicy([t / t.sum(axis=1, keepdims=True) for t in moved])
                value = objective(model, candidate, data, alpha)
                if value > best_value:
                    best, best_value, along = candidate, value, direction
    return best, best_value - here, along


def _named(direction: tuple[FloatArray, ...], policy: FactorizedPolicy, mass: FloatArray) -> tuple[VisitedState, ...]:
    """The states on which most of the step lies, in the metric sum_i d(s) sum_a Delta_i^2 / pi_i."""
    parts = [np.where(t > SUPPORT, d**2 / np.where(t > SUPPORT, t, 1.0), 0.0) for d, t in zip(direction, policy, strict=True)]
    length = mass * np.sum([p.sum(axis=1) for p in parts], axis=0)
    order = np.argsort(-length, kind="stable")[:NAMED]
    return tuple(VisitedState(int(s), float(mass[s]), float(length[s] / length.sum())) for s in order if length[s] > 0)


class _Curvature:
    """Hessian of J at one policy, in scaled coordinates u with Delta_i = u_i sqrt(pi_i / d) on the support."""

    def __init__(
        self,
        model: MMDP | SparseMMDP,
        policy: FactorizedPolicy,
        data: DataDistribution | SparseDataDistribution,
        alpha: float,
    ) -> None:
        self.model, self.policy, self.alpha, self.data = model, policy, alpha, data
        self.mass = state_occupancy(model, policy)
        self.reached = self.mass > 0
        live = self.mass * model.n_states > NEGLIGIBLE
        played = [(t > SUPPORT) & live[:, None] for t in policy]
        # An action that is alone cannot change.
        self.support: list[NDArray[np.bool_]] = [m & (m.sum(axis=1, keepdims=True) > 1) for m in played]
        self.inverse = [np.where(m, 1.0 / np.where(m, t, 1.0), 0.0) for m, t in zip(self.support, policy, strict=True)]
        root = np.sqrt(np.where(live, self.mass, 1.0))[:, None]
        self.scales = [np.where(m, np.sqrt(t) / root, 0.0) for m, t in zip(self.support, policy, strict=True)]
        self.visits = np.concatenate([np.broadcast_to(self.mass[:, None], m.shape)[m] for m in self.support])
        self.size = len(self.visits)
        self.chain = DiscountedChain(state_transition(model, policy), model.discount)
        self._take_values()
        self.weights = model.pairs.weights(policy.tables)
        self.data_weights = self.weights if data.pairs is model.pairs else data.pairs.weights(policy.tables)
        self._take_advantages()

    def _take_values(self) -> None:
        """V of g under pi, less its average, so that no constant in the reward costs digits."""
        log_mass = np.log(np.where(self.reached, self.mass, 1.0))
        self.own_log = np.sum([-entr(t).sum(axis=1) for t in self.policy], axis=0)
        log_data = mean_log(self.data, self.policy)[0]
        mean = mean_reward(self.model, self.policy) + self.alpha * (log_data - self.own_log - log_mass - 1.0)
        mean = np.where(self.reached, mean - float(self.mass @ mean), 0.0)
        self.values = np.where(self.reached, self.chain.values(mean), 0.0)

    def _take_advantages(self) -> None:
        """A at listed pairs up to its separable part, relative to the rest or to the state's mean, and A_i."""
        model, data, tables = self.model, self.data, self.policy.tables
        future = model.discount * (model.transition @ self.values)
        ahead = model.listed_reward + future
        rest = model.rest_reward
        if model.rest_transition is not None:
            rest = rest + model.discount * (model.rest_transition @ self.values)
        log_data = np.where(np.isfinite(data.listed_log), data.listed_log, 0.0)
        rest_log = np.where(np.isfinite(data.rest_log), data.rest_log, 0.0)
        self.excess = ahead - (model.pairs.average(tables, ahead, rest) if model.pairs.complete else rest)[model.pairs.state]
        centre = data.pairs.average(tables, log_data, rest_log) if data.pairs.complete else rest_log
        self.log_excess = self.alpha * (log_data - centre[data.pairs.state])
        self.own: list[FloatArray] = []
        for i, table in enumerate(self.policy):
            log_own = np.log(np.where(table > 0, table, 1.0))
            total = model.pairs.average(tables, ahead, rest, i) + self.alpha * (mean_log(data, self.policy, i)[0] - log_own)
            self.own.append(np.where(self.support[i], total - (table * total).sum(axis=1, keepdims=True), 0.0))
        sizes = [float(np.abs(np.sqrt(self.weights) * self.excess).max(initial=0.0))]
        sizes.append(float(np.abs(np.sqrt(self.data_weights) * self.log_excess).max(initial=0.0)))
        sizes += [float(np.abs(np.sqrt(t) * o).max()) for t, o in zip(self.policy, self.own, strict=True)]
        self.scale = max(self.alpha, *sizes)

    def tables(self, vector: FloatArray) -> tuple[FloatArray, ...]:
        """Delta_i from the scaled coordinates."""
        return tuple(u * scale for u, scale in zip(self._unpacked(vector), self.scales, strict=True))

    def _unpacked(self, vector: FloatArray) -> list[FloatArray]:
        parts, position = [], 0
        for mask in self.support:
            count = int(mask.sum())
            table = np.zeros(mask.shape)
            table[mask] = vector[position : position + count]
            parts.append(table)
            position += count
        return parts

    def project(self, vector: FloatArray) -> FloatArray:
        """Orthogonal projection onto directions whose rows sum to zero: sum_a u sqrt(pi) = 0 at each state."""
        parts = []
        for mask, table, u in zip(self.support, self.policy, self._unpacked(vector), strict=True):
            normal = np.sqrt(np.where(mask, table, 0.0))
            norm = (normal**2).sum(axis=1, keepdims=True)
            u -= normal * (u * normal).sum(axis=1, keepdims=True) / np.where(norm > 0, norm, 1.0)
            parts.append(u[mask])
        return np.concatenate(parts)

    def product(self, vector: FloatArray) -> FloatArray:
        """Projected Hessian times a vector; 0 off the tangent space."""
        change = self._gradient_change(self.tables(self.project(vector)))
        return self.project(np.concatenate([(c * s)[m] for c, s, m in zip(change, self.scales, self.support, strict=True)]))

    def _gradient_change(self, delta: tuple[FloatArray, ...]) -> list[FloatArray]:
        """d/dt of the gradient's blocks along ``delta``, up to a constant for each state."""
        model, alpha, gamma = self.model, self.alpha, self.model.discount
        ratios = [d * v for d, v in zip(delta, self.inverse, strict=True)]
        turn = self._per_pair(model.pairs, ratios)
        data_turn = turn if self.data.pairs is model.pairs else self._per_pair(self.data.pairs, ratios)
        flux = self.mass[model.pairs.state] * self.weights * turn
        inflow = model.transition.T @ flux
        if model.rest_transition is not None:
            inflow = inflow - model.rest_transition.T @ model.pairs.sums(flux)
        d_mass = self.chain.visits(gamma * inflow)
        relative = np.where(self.reached, d_mass / np.where(self.reached, self.mass, 1.0), 0.0)
        mean = np.sum([(d * o).sum(axis=1) for d, o in zip(delta, self.own, strict=True)], axis=0)
        d_values = self.chain.values(mean - alpha * relative)
        listed = gamma * (model.transition @ d_values)
        if model.rest_transition is not None:
            listed = listed - (gamma * (model.rest_transition @ d_values))[model.pairs.state]
        worth, data_worth = self.weights * self.excess, self.data_weights * self.log_excess
        ahead = self.weights * listed
        changes = []
        for i, ratio in enumerate(ratios):
            jointly = self._others_change(model.pairs, worth, turn, ratio, i)
            jointly = jointly + self._others_change(self.data.pairs, data_worth, data_turn, ratio, i)
            future = model.pairs.sums(ahead, i) * self.inverse[i]
            changes.append(d_mass[:, None] * self.own[i] + self.mass[:, None] * (jointly - alpha * ratio + future))
        return changes

    def _per_pair(self, pairs: JointPairs, ratios: list[FloatArray]) -> FloatArray:
        """Sum over agents of Delta_j / pi_j at each pair: the relative change of w_k, ``(K,)``."""
        total = np.zeros(len(pairs))
        for j, ratio in enumerate(ratios):
            total += ratio.reshape(-1)[pairs.rows(j)]
        return total

    def _others_change(
        self, pairs: JointPairs, worth: FloatArray, turn: FloatArray, ratio: FloatArray, agent: int
    ) -> FloatArray:
        """The sum over a_-i of dw_-i times the excess, ``(S, A_i)``; ``worth``: w times the excess at the listed pairs."""
        own = turn - ratio.reshape(-1)[pairs.rows(agent)]
        return pairs.sums(worth * own, agent) * self.inverse[agent]
