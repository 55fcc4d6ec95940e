"""The dual of agent i's regularised LP (2)-(3), in every form that the paper prints, on the full population.

Section 3 writes the dual twice. Exactly, with one term per (s, a_i), equations (5)-(7), and per sample x = (s, a_i, a_-i, s'),
equations (8)-(14). Both are the same function of nu for another list of terms, so both are one ``DualProblem``:

    e_k(nu) = constant_k + gamma (transition nu)_k - nu[state_k]                                             (5), (8)
    L(nu)   = alpha sum_k m_k exp(e_k(nu) / alpha - 1) + (1-gamma) p_0.nu                                    (7), (14)
    L~(nu)  = alpha log sum_k m_k exp(e_k(nu) / alpha) + (1-gamma) p_0.nu                                    (31)

                     exact                                                  per sample
    term k           (s, a_i) with d^D(s, a_i) > 0                          (s, a, s') with d^D(s, a) P(s'|s, a) > 0
    weight m_k       d^D(s, a_i)                                            d^D(s, a) P(s'|s, a) rho_i(s, a)
    constant_k       E_{pi_-i}[ r - alpha log rho_i ]                       r(s, a) - alpha log rho_i(s, a)
    transition_k     Pbar(.|s, a_i)                                         all on s'

with rho_i(s, a) = pi_-i(a_-i|s) / pi^D(a_-i|s, a_i), equation (11). The exact L~ is the certified upper bound of
``best_response``; the per-sample L is never smaller than the exact L (Corollary B.2) and has another minimiser, unless all is
deterministic. Since rho exp(-log rho) = 1, the per-sample L and L~ depend on pi_-i only through its support: they are those of
OptiDICE, (26)-(30), on the samples that the other agents may produce. Their probabilities enter again in e_nu(s, a_i), the
conditional mean of (8) that (43) regresses on, and so in the extracted policy.

Terms that carry nothing are left out: samples that the others never play (rho = 0), and pairs (s, a_i) from which they may
leave the data (e = -infinity). Tables are ``(S, A_i)`` or ``(S, A1, ..., An)``, nu is ``(S,)``, terms are ``(K,)``.
Proofs: docs/mathematics.md, sections 3 to 7.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp, xlogy

from alberdice import _checks
from alberdice._checks import FloatArray
from alberdice.data import conditional
from alberdice.errors import InvalidArgumentError

__all__ = [
    "DualProblem",
    "checked_nu",
    "closed_form_weights",
    "dual_objective",
    "i_projection",
    "inner_objective",
    "log_dual_objective",
    "log_normaliser",
    "optimal_shift",
    "weighted_occupancy",
]


@dataclass(frozen=True)
class DualProblem:
    """The terms of L(nu) and L~(nu), as in the module's table.

    Attributes:
        weight: m, ``(K,)``, positive.
        constant: what of e_k does not depend on nu, ``(K,)``, finite.
        transition: sparse ``(K, S)``, rows are distributions over s'.
        state: s of each term, ``(K,)`` indices.
        action: a_i of each term, ``(K,)`` indices.
        initial: p_0, ``(S,)``.
        discount: gamma.
        alpha: > 0.
        shape: ``(S, A_i)``.
    """

    weight: FloatArray
    constant: FloatArray
    transition: sp.csr_array
    state: NDArray[np.intp]
    action: NDArray[np.intp]
    initial: FloatArray
    discount: float
    alpha: float
    shape: tuple[int, int]

    def advantages(self, nu: ArrayLike) -> FloatArray:
        """e_k(nu), ``(K,)``: e_nu(s, a_i) of (5) for the exact problem, e^_nu(x) of (8) for the per-sample one."""
        values = checked_nu(nu, self.shape[0])
        return np.asarray(self.constant + self.discount * (self.transition @ values) - values[self.state])

    def initial_term(self, nu: ArrayLike) -> float:
        """(1-gamma) p_0.nu."""
        return float((1 - self.discount) * (self.initial @ checked_nu(nu, self.shape[0])))


def closed_form_weights(advantages: ArrayLike, alpha: float) -> FloatArray:
    """The weights w = exp(e / alpha - 1), equations (13) and (22): the maximiser of w (e - alpha log w); of any shape."""
    alpha = _checks.real_number(alpha, "alpha", low=0.0, high=math.inf, open_ends=True)
    with np.errstate(over="ignore"):
        return np.exp(np.asarray(advantages, dtype=np.float64) / alpha - 1.0)


def inner_objective(problem: DualProblem, nu: ArrayLike, weights: ArrayLike) -> float:
    """L(nu, w) = sum_k m_k w_k (e_k - alpha log w_k) + (1-gamma) p_0.nu, equations (7), (12) and (21).

    Args:
        problem: exact or per sample.
        nu: ``(S,)``.
        weights: w >= 0: one per term, ``(K,)``, or a table ``(S, A_i)`` that terms with one (s, a_i) share, as (12) has it.
    """
    w = np.asarray(weights, dtype=np.float64)
    if w.shape == problem.shape:
        w = w[problem.state, problem.action]
    _checks.check_shape(w, problem.weight.shape, "weights", InvalidArgumentError, f"or a table of shape {problem.shape}")
    inner = w * problem.advantages(nu) - problem.alpha * xlogy(w, w)
    return float(problem.weight @ inner) + problem.initial_term(nu)


def dual_objective(problem: DualProblem, nu: ArrayLike) -> float:
    """L(nu) = alpha sum_k m_k exp(e_k / alpha - 1) + (1-gamma) p_0.nu, equation (14); inf on overflow."""
    with np.errstate(over="ignore"):
        total = np.exp(log_normaliser(problem, nu) - 1.0)
    return float(problem.alpha * total) + problem.initial_term(nu)


def log_dual_objective(problem: DualProblem, nu: ArrayLike) -> float:
    """L~(nu) = alpha log Z(nu) + (1-gamma) p_0.nu, equation (31); unchanged by nu + C (Lemma E.2)."""
    return problem.alpha * log_normaliser(problem, nu) + problem.initial_term(nu)


def log_normaliser(problem: DualProblem, nu: ArrayLike) -> float:
    """The logarithm of Z(nu) = sum_k m_k exp(e_k / alpha) = rho_bar * mean over D_rho of exp(e^ / alpha)."""
    return float(logsumexp(problem.advantages(nu) / problem.alpha, b=problem.weight))


def optimal_shift(problem: DualProblem, nu: ArrayLike, *, as_printed: bool = False) -> float:
    """C* = alpha / (1-gamma) * (log Z(nu) - 1), Lemma E.4 corrected: L(nu + C*) = L~(nu) = min over C of L(nu + C).

    ``as_printed=True``: the paper's alpha / (1-gamma) * log Z(nu), at which L - L~ = alpha / e.
    """
    excess = log_normaliser(problem, nu) - (0.0 if as_printed else 1.0)
    return problem.alpha / (1 - problem.discount) * excess


def weighted_occupancy(problem: DualProblem, nu: ArrayLike) -> FloatArray:
    """d^D(s, a_i) w(s, a_i) by (34)-(35), ``(S, A_i)``, sums to 1.

    The sum of m_k exp(e_k / alpha) / Z over the terms of (s, a_i). At a minimiser of the exact L~ it is
    d_i*(s, a_i), the occupancy of the best response.
    """
    share = np.exp(problem.advantages(nu) / problem.alpha - log_normaliser(problem, nu)) * problem.weight
    table = np.zeros(problem.shape)
    np.add.at(table, (problem.state, problem.action), share)
    return table


def i_projection(problem: DualProblem, nu: ArrayLike) -> FloatArray:
    """pi_i(a_i|s) proportional to pi_i^D(a_i|s) w(s, a_i), ``(S, A_i)``: the minimiser of (15)-(16) and (41).

    Computed state by state in logarithms, so that rarely visited states keep full precision; uniform where no term is.
    """
    logits = np.full(problem.shape, -np.inf)
    terms = problem.advantages(nu) / problem.alpha + np.log(problem.weight)
    np.logaddexp.at(logits, (problem.state, problem.action), terms)
    top = logits.max(axis=1, keepdims=True)
    return conditional(np.exp(logits - np.where(np.isfinite(top), top, 0.0)))


def checked_nu(nu: ArrayLike, n_states: int) -> FloatArray:
    """Nu as an array ``(S,)``; InvalidArgumentError otherwise."""
    values = _checks.real_array(nu, "nu", InvalidArgumentError)
    _checks.check_shape(values, (n_states,), "nu", InvalidArgumentError)
    return values
