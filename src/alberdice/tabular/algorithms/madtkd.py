"""MADTKD (Tseng et al., NeurIPS 2022): a joint teacher conditioned on the best return, distilled into one student per agent.

With R*(s) the best return-to-go that the data's joint actions can give from s, and h(s) the chance (up to a constant)
that the data's policy goes on to earn it,

    R*(s)        = max_{a: d^D(s,a)>0} [ r(s,a) + gamma max_{s': P>0} R*(s') ]
    B(s,a,s')    = 1 if d^D(s,a) > 0 and r(s,a) + gamma R*(s') = R*(s)
    rho h(s)     = sum_a pi^D(a|s) sum_{s'} P(s'|s,a) B(s,a,s') h(s')         (largest rho; 1 where episodes end)
    teacher(a|s) ~ pi^D(a|s) sum_{s'} P(s'|s,a) B(s,a,s') h(s')
    pi_i         = argmin CE(data, pi_i) + KL(teacher || prod_i pi_i), both given the best return  =>  the teacher's marginals.

Where the data cannot earn the best return with positive probability, teacher = pi^D. On one state the teacher is the data
conditioned on the best reward. Students that are not conditioned on the return give other numbers on data set (c).
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from alberdice._checks import FloatArray
from alberdice.data import DataDistribution, conditional
from alberdice.mmdp import MMDP
from alberdice.policy import FactorizedPolicy

#: two returns within this share of the largest count as equal
TIE = 1e-9
#: sweeps of the two fixed-point iterations
SWEEPS = 20_000


def madtkd(model: MMDP, data: DataDistribution) -> FactorizedPolicy:
    """Marginals of the return-conditioned joint teacher."""
    data.check_fits(model)
    teacher = return_conditioned_teacher(model, data.observed_part())
    axes = range(model.n_agents)
    return FactorizedPolicy([conditional(teacher.sum(axis=tuple(k + 1 for k in axes if k != i))) for i in axes])


def return_conditioned_teacher(model: MMDP, data: DataDistribution) -> FloatArray:
    """P_D(a | s, best return), shape ``(S, A1, ..., An)``."""
    policy = data.joint_conditional()
    seen = (data.probabilities > 0).reshape(-1)
    rewards, moves = model.reward.reshape(-1), model.transition
    best = _best_returns(model, seen)
    row = np.repeat(np.arange(moves.shape[0]), np.diff(moves.indptr))
    earned = rewards[row] + model.discount * best[moves.indices]
    state = row // model.n_joint_actions
    is_best = seen[row] & (earned >= best[state] - TIE * np.abs(best).max())
    kept = sp.csr_array((moves.data * is_best, moves.indices, moves.indptr), shape=moves.shape)
    weighted = policy.reshape(-1)
    chance = np.ones(model.n_states)
    for sweep in range(SWEEPS):
        following = (weighted * (kept @ chance)).reshape(model.n_states, -1).sum(axis=1)
        if following.max() == 0:
            break
        following = following / following.max()
        if sweep >= model.n_states:  # not an acyclic episode: half steps have the same limit and settle on periodic chains too
            following = (following + chance) / 2
        converged = np.abs(following - chance).max() < 1e-13
        chance = following
        if converged:
            break
    teacher = (weighted * (kept @ chance)).reshape(model.n_states, -1)
    mass = teacher.sum(axis=1, keepdims=True)
    usable = mass > 1e-280
    flat = np.where(usable, teacher / np.where(usable, mass, 1.0), policy.reshape(model.n_states, -1))
    return np.asarray(flat.reshape(model.reward.shape))


def _best_returns(model: MMDP, seen: NDArray[np.bool_]) -> FloatArray:
    """R*(s) by value iteration over observed joint actions and lucky transitions; 0 at states without data."""
    moves = model.transition
    rewards = np.where(seen, model.reward.reshape(-1), -np.inf)
    has_data = seen.reshape(model.n_states, -1).any(axis=1)
    best = np.zeros(model.n_states)
    for _ in range(SWEEPS):
        lucky = np.maximum.reduceat(best[moves.indices], moves.indptr[:-1])
        update = (rewards + model.discount * lucky).reshape(model.n_states, -1).max(axis=1)
        update = np.where(has_data, update, 0.0)
        converged = np.abs(update - best).max() <= 1e-13 * np.abs(update).max()
        best = update
        if converged:
            break
    return best
