"""The losses of Algorithm 1 as pure functions of tensors: no networks, no sampling, no state.

Each is the mean over rows of what the paper prints, with the rows' weights as an argument, so that one function serves a
minibatch (equal weights) and a whole population (its probabilities; that is how the tests hold it against the tabular layer):

    log rho_i(x) = sum_{j != i} log pi_j(a_j|s) - log pi^D(a_-i|s, a_i)                              (11)
    e^(x)        = r - alpha k + gamma nu(s') - nu(s)                                                 (8)
    J(nu)        = alpha log sum_x m_x exp(e^(x) / alpha) + (1-gamma) E nu(s_0)                       (31), (46)
    J(e)         = sum_x m_x (e(s, a_i) - e^(x))^2 + c (logsumexp_a e(s, a) - E_{a ~ pi_i^D} e(s, a)) (43), (47)
    J(pi_i)      = sum_s m_s sum_a pi_i(a|s) (-e(s, a) + alpha log(pi_i(a|s) / pi_i^D(a|s)))          (48)

where k, the price of the others' choices, is log rho_i(x) as printed (one sample), or its mean over a_-i ~ pi_-i(s)

    k_i(s, a_i) = sum_{a_-i} pi_-i(a_-i|s) log(pi_-i(a_-i|s) / pi^D(a_-i|s, a_i))                     (5)

which also counts what pi_-i does outside the data (``others_kl``).

Shapes: rows last, ``(..., B)``; tables over actions ``(..., B, A)``; an axis of agents may lead.  Masked actions carry the log
probability ``MASKED``, finite, so that 0 * log 0 is 0 and no gradient is NaN.  All sums over rows go through ``sums``.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from alberdice.deep import sums

__all__ = [
    "MASKED",
    "advantage_loss",
    "behaviour_loss",
    "conservative_penalty",
    "effective_sample_size",
    "gradient_penalty",
    "i_projection_loss",
    "importance_log_ratio",
    "joint_log_probability",
    "log_policy",
    "nu_loss",
    "others_kl",
    "resample",
    "resampled_log_weight",
    "sample_advantage",
    "scaled_penalty",
    "with_absorbing",
]

#: the logit of an unavailable action
MASKED = -1e10


def log_policy(logits: Tensor, available: Tensor) -> Tensor:
    """Log probabilities of the available actions, ``MASKED`` for the others; ``(..., A)``."""
    return torch.where(available, torch.log_softmax(torch.where(available, logits, MASKED), -1), MASKED)


def importance_log_ratio(log_others: Tensor, log_data: Tensor, clip: float) -> Tensor:
    """The logarithm of rho_i (11), at most log(clip).

    Args:
        log_others: log pi_-i(a_-i|s), ``(..., B)``.
        log_data: log pi^D(a_-i|s, a_i), ``(..., B)``.
        clip: the largest ratio; ``inf`` for none.
    """
    return (log_others - log_data).clamp(max=math.log(clip))


def resample(log_ratio: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """``size`` row numbers drawn with probability proportional to rho, with replacement (line 6 of Algorithm 1)."""
    upto = (log_ratio - log_ratio.amax(-1, keepdim=True)).double().exp().cumsum(-1)
    shape = (*log_ratio.shape[:-1], size)
    drawn = torch.rand(shape, generator=generator, dtype=upto.dtype, device=upto.device) * upto[..., -1:]
    return torch.searchsorted(upto, drawn, right=True).clamp(max=log_ratio.shape[-1] - 1)


def resampled_log_weight(log_ratio: Tensor, count: int | None = None) -> Tensor:
    """The logarithm of rho-bar / B, of each of B (``count``) resampled rows: it undoes the draw's normalisation (12)."""
    return sums.log_total(log_ratio) - 2 * math.log(count or sums.rows(log_ratio.shape[-1]))


def effective_sample_size(log_weight: Tensor, log_count: Tensor | float = 0.0) -> Tensor:
    """(sum w)^2 / sum (w^2 / n): how many equally weighted rows the weights are worth, ``(...,)``; each is of n alike."""
    return (2 * sums.log_total(log_weight) - sums.log_total(2 * log_weight - log_count)).exp()


def sample_advantage(
    reward: Tensor, price: Tensor | float, nu: Tensor, next_nu: Tensor, alpha: Tensor | float, discount: float
) -> Tensor:
    """The advantage e^(x) of (8), ``(..., B)``; ``price`` is log rho_i(x) as printed, or k_i(s, a_i)."""
    return reward - alpha * price + discount * next_nu - nu


def nu_loss(advantage: Tensor, log_weight: Tensor, initial_nu: Tensor, alpha: Tensor | float, discount: float) -> Tensor:
    """J(nu) of (31) and (46), ``(...,)``.

    Args:
        advantage: e^(x), ``(..., B)``.
        log_weight: log m_x, ``(..., B)``: log(rho-bar / B) for resampled rows, log(d^D rho) for a population.
        initial_nu: E nu(s_0), ``(...,)``.
        alpha: > 0.
        discount: gamma.
    """
    return alpha * sums.log_total(advantage / alpha + log_weight) + (1 - discount) * initial_nu


def with_absorbing(
    advantage: Tensor, log_weight: Tensor, absorbing_nu: Tensor, discount: float, share: float
) -> tuple[Tensor, Tensor]:
    """Advantages and log weights ``(..., B + 1)`` with the absorbing transition as one more row, of weight ``share`` among all.

    Args:
        advantage, log_weight: of the sampled rows, ``(..., B)``.
        absorbing_nu: nu at the absorbing state, ``(...,)``; its transition has no reward and leads to itself.
        discount: gamma.
        share: in [0, 1).
    """
    at_end = ((discount - 1) * absorbing_nu)[..., None]
    # every part of the rows has a part of the absorbing one
    end_weight = at_end.new_full(at_end.shape, math.log(share / sums.rows(1)) if share > 0 else MASKED)
    return torch.cat([advantage, at_end], -1), torch.cat([log_weight + math.log1p(-share), end_weight], -1)


def gradient_penalty(slopes: Tensor, limit: float, count: int | None = None) -> Tensor:
    """Mean of max(|d nu / d s| - limit, 0)^2 over slopes ``(..., B, S)``; not in the paper, used by the published runs."""
    norm = slopes.square().sum(-1).add(1e-12).sqrt()
    return sums.mean((norm - limit).clamp(min=0).square(), count=count)


def joint_log_probability(log_tables: list[Tensor]) -> Tensor:
    """Log probabilities of joint actions from one log table ``(..., A_j)`` per agent: ``(..., A_1, ..., A_N)``."""
    joint, agents = log_tables[0].new_zeros(()), len(log_tables)
    for j, table in enumerate(log_tables):
        joint = joint + table.reshape(*table.shape[:-1], *(table.shape[-1] if k == j else 1 for k in range(agents)))
    return joint


def others_kl(log_others: Tensor, log_data: Tensor, agent: int, floor: float) -> Tensor:
    """The others' price k_i(s, a_i), exactly, ``(B, A_i)``: the divergence of pi_-i(s) from the data's choice given a_i.

    Args:
        log_others: log pi_-i(a_-i|s), ``(B, A_1, ..., 1, ..., A_N)`` with axis ``agent + 1`` of length 1.
        log_data: log pi^D(a_-i|s, a_i), ``(B, A_1, ..., A_N)``.
        agent: i, from 0.
        floor: pi^D is at least this.
    """
    others = tuple(axis for axis in range(1, log_data.ndim) if axis != agent + 1)
    floored = log_data.clamp(min=math.log(floor))
    terms = log_others.exp() * (log_others - floored)
    return terms.sum(others) if others else terms


def conservative_penalty(e: Tensor, log_behaviour: Tensor, available: Tensor) -> Tensor:
    """CQL's term of (43), logsumexp_a e(s, a) - E_{a ~ pi_i^D} e(s, a), ``(..., B)``; all tables ``(..., B, A)``."""
    expected = (log_behaviour.exp() * e).sum(-1)
    return torch.logsumexp(e.masked_fill(~available, MASKED), -1) - expected


def scaled_penalty(e: Tensor, available: Tensor, alpha: Tensor | float) -> Tensor:
    """The first part of CQL's term in units of alpha, alpha^2 logsumexp_a e(s, a) / alpha, ``(..., B)``.

    Less alpha e(s, a_i) at the rows' own actions it presses down what those do not show, by an amount that follows alpha.
    """
    return alpha * alpha * torch.logsumexp(e.masked_fill(~available, MASKED) / alpha, -1)


def advantage_loss(chosen: Tensor, target: Tensor, penalty: Tensor, weight: Tensor, conservatism: float) -> Tensor:
    """J(e) of (43) and (47), ``(...,)``.

    Args:
        chosen: e(s, a_i) at the rows' own actions, ``(..., B)``.
        target: e^(x), ``(..., B)``; no gradient runs into it.
        penalty: ``conservative_penalty``, ``(..., B)``.
        weight: m_x, ``(..., B)``, summing to 1.
        conservatism: c, the paper's alpha_CQL.
    """
    return sums.total(weight * ((chosen - target.detach()).square() + conservatism * penalty))


def i_projection_loss(
    log_probability: Tensor, e: Tensor, log_behaviour: Tensor, alpha: Tensor | float, weight: Tensor
) -> Tensor:
    """J(pi_i) of (48), (16), ``(...,)``; its minimiser is pi_i proportional to pi_i^D exp(e / alpha).

    Args:
        log_probability: log pi_i(a|s), ``(..., B, A)``.
        e: e(s, a), ``(..., B, A)``; no gradient runs into it.
        log_behaviour: log pi_i^D(a|s), ``(..., B, A)``.
        alpha: > 0.
        weight: m_s, ``(..., B)``, summing to 1.
    """
    cost = alpha * (log_probability - log_behaviour) - e.detach()
    return sums.total(weight * (log_probability.exp() * cost).sum(-1))


def behaviour_loss(log_probability: Tensor, actions: Tensor, weight: Tensor) -> Tensor:
    """Behaviour cloning (44), or one factor of (9) and (45): -sum_x m_x log pi(a_x|.); tables ``(..., B, A)``, ``(...,)``."""
    return -sums.total(weight * log_probability.gather(-1, actions[..., None])[..., 0])
