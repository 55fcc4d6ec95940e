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

States that are visited so seldom that all of them together cannot matter (``curvature.NEGLIGIBLE``) have no coordinates; they
keep their place in the values of those before them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import scipy.linalg
import scipy.sparse.linalg as spla

from alberdice import _checks
from alberdice._checks import FloatArray
from alberdice.data import DataDistribution, SparseDataDistribution
from alberdice.errors import SolverError
from alberdice.mmdp import MMDP, SparseMMDP
from alberdice.policy import FactorizedPolicy
from alberdice.tabular.certificates import finite_objective
from alberdice.tabular.curvature import SUPPORT, Curvature
from alberdice.tabular.objective import objective

__all__ = ["SecondOrderCertificate", "VisitedState", "second_order_certificate"]

#: curvature, as a share of the largest advantage, that counts as positive: the accuracy of the eigenvalue
POSITIVE = 1e-9
#: up to so many coordinates the Hessian is formed; beyond, Lanczos finds eigenvalues to this accuracy
FORMED, ACCURACY = 64, 1e-7
#: bytes that the vectors of Lanczos or Davidson may take, and the fewest of the former
ROOM, VECTORS = 2**30, 12
#: restarts of Lanczos, and up to so many coordinates the Hessian is formed after all where they do not suffice
RESTARTS, CLUSTERED = 20, 4096
#: where directions do not sum to zero, H is this many times the largest advantage below 0
OUTSIDE = 10.0
#: steps of the search for what saddles are worth
STEPS = 40
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
    curve = Curvature(centred, policy, data, alpha)
    nothing = tuple(np.zeros_like(t) for t in policy)
    if curve.size < 2:
        return SecondOrderCertificate(-alpha, nothing, 0.0, False, limit)
    small = curve.size <= FORMED
    top, steepest = _of_matrix(curve, np.ones(curve.size), 1) if small else _steepest(curve, seed)
    vector = curve.project(steepest[:, 0])
    # The projection adds eigenvalues of its own (directions that do not sum to zero), which are no curvature of J.
    if float(np.linalg.norm(vector)) < 1e-6:
        return SecondOrderCertificate(-alpha, nothing, 0.0, False, limit)
    direction = curve.tables(vector * _sign(vector))
    curvature = float(top[0])
    if curvature <= POSITIVE * curve.scale:
        return SecondOrderCertificate(curvature, direction, 0.0, False, limit)
    roots = np.sqrt(curve.visits)
    count = min(DIRECTIONS, curve.size - 1)
    worth, worthy = _of_matrix(curve, roots, count) if small else _worthiest(curve, roots, count, seed)
    worthy = worthy[:, worth > 0]
    candidates = [direction, *(curve.tables(curve.project(v) * roots * _sign(v)) for v in worthy.T)]
    better, gain, along = _best_step(centred, policy, data, alpha, candidates)
    states = _named(along, policy, curve.mass) if gain > 0 else ()
    return SecondOrderCertificate(curvature, direction, gain, gain > limit, limit, states, better if gain > 0 else None)


def _steepest(curve: Curvature, seed: int) -> tuple[FloatArray, FloatArray]:
    """The largest eigenvalue of H, ``(1,)``, and its vector, ``(size, 1)``.

    Raises:
        SolverError: no convergence, in too many dimensions to form H.
    """
    size, shift = curve.size, curve.scale

    def product(vector: FloatArray) -> FloatArray:
        column = vector.reshape(-1)
        return np.asarray(curve.product(column) - OUTSIDE * shift * (column - curve.project(column)) + shift * column)

    first = curve.project(np.random.default_rng(seed).standard_normal(size))
    operator = spla.LinearOperator((size, size), matvec=product, dtype=np.float64)
    vectors = min(size, 60, max(VECTORS, ROOM // (16 * size)))
    options = {"ncv": vectors, "tol": ACCURACY, "maxiter": RESTARTS if size <= CLUSTERED else 500}
    try:
        found, steepest = spla.eigsh(operator, k=1, which="LA", v0=first, **options)
    except spla.ArpackNoConvergence as stop:
        if size <= CLUSTERED:  # eigenvalues that lie too close for Lanczos
            return _of_matrix(curve, np.ones(size), 1)
        raise SolverError(
            "second-order certificate",
            got=f"no convergence of Lanczos in {size} dimensions",
            expected=f"a residual of {ACCURACY:g}",
            remedy="switch it off (second_order=False)",
        ) from stop
    return found - shift, steepest


def _worthiest(curve: Curvature, roots: FloatArray, count: int, seed: int) -> tuple[FloatArray, FloatArray]:
    """Large eigenvalues of diag(roots) H diag(roots), falling, and vectors: candidates, which the search of a step judges.

    States that are hardly visited crowd this spectrum at 0, where Lanczos does not tell them apart. So Davidson's method: Ritz
    vectors in a space that residuals over (visits + sigma) extend, with a sigma that falls from the largest advantage to the
    largest eigenvalue found, or to rounding.
    """
    shift = curve.scale

    def product(columns: FloatArray) -> FloatArray:
        outside = OUTSIDE * shift * (columns - curve.project(columns))
        return np.asarray(roots[:, None] * curve.product(roots[:, None] * columns) - outside)

    steps, room = min(STEPS, curve.size // count), max(3 * count, ROOM // (16 * curve.size))
    basis, images = np.zeros((curve.size, 0)), np.zeros((curve.size, 0))
    new = curve.project(np.random.default_rng(seed).standard_normal((curve.size, count)))
    values, vectors = np.zeros(count), new
    for sigma in np.geomspace(1.0, POSITIVE, steps):
        for _ in range(2):  # the second time for the digits that the first one lost
            new = np.linalg.qr(new - basis @ (basis.T @ new))[0]
        basis, images = np.hstack([basis, new]), np.hstack([images, product(new)])
        ritz, mix = np.linalg.eigh(basis.T @ images)
        mix, values = mix[:, ::-1][:, :count], ritz[::-1][:count]
        vectors, moved = basis @ mix, images @ mix
        residual = moved - vectors * values
        if basis.shape[1] + count > room:  # begin again from what was found
            basis, images = vectors, moved
        new = residual / (roots**2 + max(sigma, values[0] / shift))[:, None]
        new = new / np.maximum(np.linalg.norm(new, axis=0), np.finfo(float).tiny)
    return values, vectors


def _of_matrix(curve: Curvature, roots: FloatArray, count: int) -> tuple[FloatArray, FloatArray]:
    """As ``_worthiest``, exactly, of the matrix."""
    unit = np.eye(curve.size)
    matrix = roots[:, None] * curve.formed() * roots - OUTSIDE * curve.scale * (unit - curve.project(unit))
    values, vectors = scipy.linalg.eigh(matrix, subset_by_index=[curve.size - count, curve.size - 1])
    return values[::-1], vectors[:, ::-1]


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
