"""Certificates of a joint policy: how far from Nash, and whether a saddle.

First order. ``nash_certificate`` solves every agent's best response and reports the certified most that it could gain,

    gain_i <= U_i(nu_i) - J(pi),      epsilon = max_i gain_i.

epsilon = 0 is the corrected reading of Theorem 4.2: pi is optimal in each block, that is, a Nash policy of the MMDP whose
reward r~ is frozen at pi, at the states that pi reaches.

Second order. A Nash policy may be a saddle of J (theory: XOR with uniform data). With g = dF/dd = r - alpha (log(d/d^D) + 1),
F(d) = d.r - alpha KL(d || d^D), the gradient of J(pi) = F(d^pi) is

    dJ/dpi_i(s, a_i) = d(s) sum_{a_-i} pi_{-i}(a_-i|s) Q_g(s, a),     Q_g = g + gamma P V_g,

and the Hessian's product with a direction differentiates each factor once more (two sparse solves).
``second_order_certificate`` finds the largest eigenvalue over directions Delta_i(s,.) that sum to zero and stay inside the
support, in the metric of the KL divergence, |Delta|^2 = sum_i sum_s d(s) sum_a Delta_i(s,a)^2 / pi_i(a|s), in which an
agent's own curvature on one state is -alpha: a saddle of XOR is one whatever its probability. States with d(s) below
``NEGLIGIBLE`` are left out: what agents do there moves J by less than that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse.linalg as spla
from numpy.typing import NDArray

from alberdice import _checks
from alberdice._checks import FloatArray
from alberdice.data import DataDistribution
from alberdice.errors import InvalidArgumentError, SolverError
from alberdice.evaluation import DiscountedChain, averaged_rows, occupancy
from alberdice.mmdp import MMDP
from alberdice.policy import FactorizedPolicy
from alberdice.tabular.best_response import BestResponse, best_response
from alberdice.tabular.objective import objective

__all__ = ["NashCertificate", "SecondOrderCertificate", "nash_certificate", "second_order_certificate"]

#: occupancy below which a state is left out of the second-order certificate
NEGLIGIBLE = 1e-8
#: probability below which an action counts as outside the support
SUPPORT = 1e-16
#: curvature, as a share of the largest advantage, that counts as positive: the accuracy of the eigenvalue
POSITIVE = 1e-6


@dataclass(frozen=True)
class NashCertificate:
    """How much each agent could gain by deviating.

    Attributes:
        value: J(pi).
        gains: ``(n,)`` certified upper bounds on each agent's gain, reward per step.
        epsilon: the largest of them: pi is an epsilon-Nash policy in the sense of the module's docstring.
    """

    value: float
    gains: FloatArray
    epsilon: float


def nash_certificate(
    model: MMDP,
    policy: FactorizedPolicy,
    data: DataDistribution,
    alpha: float,
    *,
    method: str = "interior-point",
    warm: Sequence[BestResponse | None] | None = None,
) -> NashCertificate:
    """The most that any agent gains by deviating from ``policy``, certified by duality.

    Raises:
        InfeasibleError, SolverError: as ``best_response``.
        InvalidArgumentError: the policy's own objective is -infinity, so that gains have no meaning.
    """
    value = _finite_objective(model, policy, data, alpha)
    starts = warm if warm is not None else [None] * model.n_agents
    answers = [best_response(model, policy, i, data, alpha, method, start=starts[i]) for i in range(model.n_agents)]
    gains = np.array([max(br.upper_bound - value, 0.0) for br in answers])
    return NashCertificate(value, gains, float(gains.max()))


def _finite_objective(model: MMDP, policy: FactorizedPolicy, data: DataDistribution, alpha: float) -> float:
    value = objective(model, policy, data, alpha)
    if value == -np.inf:
        raise InvalidArgumentError(
            "policy",
            got="objective -infinity: it plays joint actions that the data never show",
            expected="a policy inside the data's support",
            remedy="floor the data or start from another policy",
        )
    return value


@dataclass(frozen=True)
class SecondOrderCertificate:
    """The most positive curvature of J at a policy.

    Attributes:
        curvature: largest eigenvalue of the Hessian of J in the KL metric; positive: J rises both ways along ``direction``.
        direction: per agent ``(S, A_i)``, of unit length in that metric; every row sums to zero.
        is_saddle: the curvature is positive beyond rounding.
    """

    curvature: float
    direction: tuple[FloatArray, ...]
    is_saddle: bool


def second_order_certificate(
    model: MMDP, policy: FactorizedPolicy, data: DataDistribution, alpha: float, *, seed: int = 0
) -> SecondOrderCertificate:
    """Largest curvature of J along joint directions inside the support; meaningful at a first-order stationary policy.

    Args:
        model: the MMDP.
        policy: a factorised joint policy.
        data: d^D.
        alpha: > 0.
        seed: of the start of the eigenvalue iteration.

    Raises:
        InvalidArgumentError: alpha not positive, or the policy's objective is -infinity.
        InvalidPolicyError, InvalidDataError: shapes that do not fit the model.
    """
    alpha = _checks.real_number(alpha, "alpha", low=0.0, open_ends=True)
    _finite_objective(model, policy, data, alpha)
    curve = _Curvature(model, policy, data, alpha)
    size = curve.size
    if size < 2:
        return SecondOrderCertificate(-alpha, tuple(np.zeros_like(t) for t in policy), False)
    if size <= 64:
        hessian = np.stack([curve.product(e) for e in np.eye(size)])
        eigenvalues, vectors = np.linalg.eigh((hessian + hessian.T) / 2)
        top, vector = float(eigenvalues[-1]), vectors[:, -1]
    else:
        top, vector = _top_eigenpair(curve, seed)
    vector = curve.project(vector)
    direction = curve.tables(vector * _sign(vector))
    # The projection adds zero eigenvalues (directions that do not sum to zero), which are no curvature of J.
    norm = float(np.linalg.norm(vector))
    if norm < 1e-6:
        return SecondOrderCertificate(-alpha, tuple(np.zeros_like(t) for t in policy), False)
    return SecondOrderCertificate(top, direction, top > POSITIVE * curve.scale)


def _top_eigenpair(curve: _Curvature, seed: int) -> tuple[float, FloatArray]:
    """Largest eigenvalue by Lanczos; the shift makes the accuracy absolute."""
    size, shift = curve.size, curve.scale
    operator = spla.LinearOperator((size, size), matvec=lambda v: curve.product(v) + shift * v.reshape(-1), dtype=np.float64)
    first = curve.project(np.random.default_rng(seed).standard_normal(size))
    try:
        found, vectors = spla.eigsh(operator, k=1, which="LA", v0=first, ncv=min(size, 60), tol=POSITIVE / 10, maxiter=500)
    except spla.ArpackNoConvergence as stop:
        raise SolverError(
            "second-order certificate",
            got=f"no convergence of Lanczos in {size} dimensions",
            expected=f"a residual of {POSITIVE / 10:g}",
            remedy="switch it off (second_order=False)",
        ) from stop
    return float(found[0]) - shift, vectors[:, 0]


def _sign(vector: FloatArray) -> float:
    """Makes the first entry of (nearly) largest size positive, so that the direction is one and not two."""
    k = int(np.argmax(np.abs(vector) > 0.999 * np.abs(vector).max()))
    return 1.0 if vector[k] >= 0 else -1.0


class _Curvature:
    """Hessian of J at one policy, in scaled coordinates u with Delta_i = u_i sqrt(pi_i / d) on the support."""

    def __init__(self, model: MMDP, policy: FactorizedPolicy, data: DataDistribution, alpha: float) -> None:
        self.model, self.policy, self.alpha = model, policy, alpha
        joint_occupancy = occupancy(model, policy)
        self.mass = joint_occupancy.reshape(model.n_states, -1).sum(axis=1)
        live = self.mass > NEGLIGIBLE
        self.support: list[NDArray[np.bool_]] = [(t > SUPPORT) & live[:, None] for t in policy]
        self.scales = [
            np.where(m, np.sqrt(np.where(m, t, 1.0) / np.where(live, self.mass, 1.0)[:, None]), 0.0)
            for m, t in zip(self.support, policy, strict=True)
        ]
        self.chain = DiscountedChain(averaged_rows(model, policy.joint().reshape(model.n_states, -1)), model.discount)
        inside = FactorizedPolicy.joint(policy) > 0
        for i, mask in enumerate(self.support):
            inside = inside & _along(mask, i, model.n_agents)
        inside &= (joint_occupancy > 0) & (data.probabilities > 0)
        ratio = np.log(np.where(inside, joint_occupancy, 1.0)) - np.log(np.where(inside, data.probabilities, 1.0))
        self.inside = inside
        marginal = np.where(inside, model.reward - alpha * (ratio + 1.0), 0.0)
        mean = (policy.joint() * marginal).reshape(model.n_states, -1).sum(axis=1)
        values = self.chain.values(mean)
        self.advantage = self._ahead(marginal, values) * inside
        self.scale = max(alpha, float(np.abs(self.advantage).max()))
        self.size = int(sum(m.sum() for m in self.support))

    def _ahead(self, reward: FloatArray, values: FloatArray) -> FloatArray:
        """Reward + gamma P values, ``(S, A1, ..., An)``."""
        future = (self.model.transition @ values).reshape(self.model.reward.shape)
        return np.asarray(reward + self.model.discount * future)

    def tables(self, vector: FloatArray) -> tuple[FloatArray, ...]:
        """Delta_i from the scaled coordinates."""
        tables, position = [], 0
        for mask, scale in zip(self.support, self.scales, strict=True):
            count = int(mask.sum())
            table = np.zeros(mask.shape)
            table[mask] = vector[position : position + count]
            tables.append(table * scale)
            position += count
        return tuple(tables)

    def project(self, vector: FloatArray) -> FloatArray:
        """Orthogonal projection onto directions whose rows sum to zero: sum_a u sqrt(pi) = 0 at each state."""
        parts, position = [], 0
        for mask, table in zip(self.support, self.policy, strict=True):
            count = int(mask.sum())
            u = np.zeros(mask.shape)
            u[mask] = vector[position : position + count]
            normal = np.sqrt(np.where(mask, table, 0.0))
            norm = (normal**2).sum(axis=1, keepdims=True)
            u -= normal * (u * normal).sum(axis=1, keepdims=True) / np.where(norm > 0, norm, 1.0)
            parts.append(u[mask])
            position += count
        return np.concatenate(parts)

    def product(self, vector: FloatArray) -> FloatArray:
        """Projected Hessian times a vector; directions off the tangent space get a large negative eigenvalue instead of 0."""
        vector = np.asarray(vector).reshape(-1)
        tangent = self.project(vector)
        change = self._gradient_change(self.tables(tangent))
        scaled = np.concatenate([(c * s)[m] for c, s, m in zip(change, self.scales, self.support, strict=True)])
        return self.project(scaled) - 10.0 * self.scale * (vector - tangent)

    def _gradient_change(self, delta: tuple[FloatArray, ...]) -> list[FloatArray]:
        """d/dt of the gradient's blocks along ``delta``."""
        n, model, policy = self.model.n_agents, self.model, self.policy
        mass = self.mass.reshape(-1, *(1,) * n)
        joint = policy.joint()
        d_joint = np.zeros(model.reward.shape)
        for i in range(n):
            d_joint = d_joint + _along(delta[i], i, n) * policy.others(i)
        flat = d_joint.reshape(model.n_states, -1)
        d_chain = averaged_rows(model, flat)
        d_mass = self.chain.visits(model.discount * (d_chain.T @ self.mass))
        relative = d_mass / np.where(self.mass > 0, self.mass, np.inf)
        d_log = relative.reshape(-1, *(1,) * n)
        for i in range(n):
            ratio = np.where(self.support[i], delta[i] / np.where(self.support[i], policy[i], 1.0), 0.0)
            d_log = d_log + _along(ratio, i, n)
        d_marginal = np.where(self.inside, -self.alpha * d_log, 0.0)
        mean = (d_joint * self.advantage + joint * d_marginal).reshape(model.n_states, -1).sum(axis=1)
        d_values = self.chain.values(mean)
        d_advantage = self._ahead(d_marginal, d_values) * self.inside
        changes = []
        for i in range(n):
            d_others = self._others_change(delta, i)
            total = (
                d_mass.reshape(mass.shape) * policy.others(i) * self.advantage
                + mass * d_others * self.advantage
                + mass * policy.others(i) * d_advantage
            )
            changes.append(total.sum(axis=tuple(k + 1 for k in range(n) if k != i)))
        return changes

    def _others_change(self, delta: tuple[FloatArray, ...], agent: int) -> FloatArray:
        """d/dt of pi_{-i} along ``delta``, with a broadcasting axis for the agent."""
        n = self.model.n_agents
        total = np.zeros((self.model.n_states, *(1,) * n))
        for j in range(n):
            if j == agent:
                continue
            product = _along(delta[j], j, n)
            for k in range(n):
                if k not in (agent, j):
                    product = product * _along(self.policy[k], k, n)
            total = total + product
        return total


def _along(table: NDArray[Any], agent: int, n_agents: int) -> NDArray[Any]:
    """A table ``(S, A_i)`` with one axis per agent."""
    return table.reshape(len(table), *(table.shape[1] if k == agent else 1 for k in range(n_agents)))
