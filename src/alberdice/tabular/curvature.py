"""The Hessian of J at one policy, as products with vectors and, batched, as a matrix; ``second_order`` says what it is.

In scaled coordinates u, Delta_i = u_i sqrt(pi_i / d) on the support, the metric of the KL divergence is the Euclidean one. A
product costs two sparse products, two linear solves and sums over listed pairs for each agent; many at once cost little more
than a few one by one.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import entr

from alberdice._checks import FloatArray
from alberdice.data import DataDistribution, SparseDataDistribution
from alberdice.evaluation import DiscountedChain, mean_reward, state_occupancy, state_transition
from alberdice.joint import AllPairs, JointPairs
from alberdice.mmdp import MMDP, SparseMMDP
from alberdice.policy import FactorizedPolicy
from alberdice.tabular.objective import mean_log

__all__ = ["SUPPORT", "Curvature"]

#: states with d(s) below this share of 1/S have no coordinates: together they move J by less than that share of A's range
NEGLIGIBLE = 1e-12
#: probability below which an action counts as outside the support
SUPPORT = 1e-16
#: columns of the Hessian that are formed at once
COLUMNS = 64


class Curvature:
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
        both = isinstance(model.pairs, AllPairs) and isinstance(data.pairs, AllPairs)
        self.data_pairs: JointPairs = model.pairs if both else data.pairs
        self.data_weights = self.weights if self.shared else data.pairs.weights(policy.tables)
        self._take_advantages()
        self._take_sums()
        self._take_normals()

    @property
    def shared(self) -> bool:
        """Whether model and data list the same pairs, in the same order."""
        return self.data_pairs is self.model.pairs

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

    def _take_sums(self) -> None:
        """Sums over the pairs of each (s, a_i), as sparse matrices, and of w times the excess, ``(S, A_i)``."""
        model = self.model
        self.worth, self.data_worth = self.weights * self.excess, self.data_weights * self.log_excess
        self.picks = [_sums(model.pairs, i) for i in range(model.n_agents)]
        self.data_picks = self.picks if self.shared else [_sums(self.data_pairs, i) for i in range(model.n_agents)]
        self.own_worth = [
            (a @ self.worth + b @ self.data_worth).reshape(table.shape)
            for a, b, table in zip(self.picks, self.data_picks, self.policy, strict=True)
        ]
        shape = (model.n_states, len(model.pairs))
        self._by_state = sp.csr_array((np.ones(shape[1]), (model.pairs.state, np.arange(shape[1]))), shape=shape)

    def tables(self, vectors: FloatArray) -> tuple[FloatArray, ...]:
        """Delta_i from the scaled coordinates: ``(S, A_i)``, or ``(S, A_i, k)`` of k columns."""
        parts = []
        for part, scale in zip(self._unpacked(vectors), self.scales, strict=True):
            parts.append(part * (scale if part.ndim == 2 else scale[:, :, None]))
        return tuple(parts)

    def _unpacked(self, vectors: FloatArray) -> list[FloatArray]:
        parts, position = [], 0
        for mask in self.support:
            count = int(mask.sum())
            table = np.zeros((*mask.shape, *vectors.shape[1:]))
            table[mask] = vectors[position : position + count]
            parts.append(table)
            position += count
        return parts

    def project(self, vectors: FloatArray) -> FloatArray:
        """Orthogonal projection onto directions whose rows sum to zero: sum_a u sqrt(pi) = 0 at each state."""
        along = self._normals.T @ vectors
        return np.asarray(vectors - self._normals @ along)

    def product(self, vectors: FloatArray) -> FloatArray:
        """Projected Hessian times a vector ``(size,)`` or k columns ``(size, k)``; 0 off the tangent space."""
        columns = self.project(vectors.reshape(self.size, -1))
        change = self._gradient_change(self.tables(columns))
        scaled = [(c * s[:, :, None])[m] for c, s, m in zip(change, self.scales, self.support, strict=True)]
        return self.project(np.concatenate(scaled)).reshape(vectors.shape)

    def formed(self) -> FloatArray:
        """The projected Hessian as a matrix, symmetric."""
        unit = np.eye(self.size)
        columns = [self.product(unit[:, k : k + COLUMNS]) for k in range(0, self.size, COLUMNS)]
        hessian = np.concatenate(columns, axis=1)
        return np.asarray((hessian + hessian.T) / 2)

    def _take_normals(self) -> None:
        """Unit vectors sqrt(pi_i(.|s)) of each agent and state on its support, sparse ``(size, states with a choice)``."""
        owners, entries, position = [], [], 0
        for mask, table in zip(self.support, self.policy, strict=True):
            state = np.nonzero(mask)[0]
            own = np.where(mask, table, 0.0)
            entries.append(np.sqrt((own / np.maximum(own.sum(axis=1, keepdims=True), SUPPORT))[mask]))
            owners.append(position + state)
            position += len(mask)
        owner, entry = np.concatenate(owners), np.concatenate(entries)
        self._normals = sp.csr_array((entry, (np.arange(self.size), owner)), shape=(self.size, position))

    def _gradient_change(self, delta: tuple[FloatArray, ...]) -> list[FloatArray]:
        """d/dt of the gradient's blocks along ``delta``, ``(S, A_i, k)``, up to a constant for each state."""
        model, alpha, gamma = self.model, self.alpha, self.model.discount
        ratios = [d * v[:, :, None] for d, v in zip(delta, self.inverse, strict=True)]
        turn = self._per_pair(model.pairs, ratios)
        data_turn = turn if self.shared else self._per_pair(self.data_pairs, ratios)
        flux = (self.mass[model.pairs.state] * self.weights)[:, None] * turn
        inflow = model.transition.T @ flux
        if model.rest_transition is not None:
            inflow = inflow - model.rest_transition.T @ (self._by_state @ flux)
        d_mass = self.chain.visits(gamma * inflow)
        relative = np.where(self.reached[:, None], d_mass / np.where(self.reached, self.mass, 1.0)[:, None], 0.0)
        mean = np.sum([(d * o[:, :, None]).sum(axis=1) for d, o in zip(delta, self.own, strict=True)], axis=0)
        d_values = self.chain.values(mean - alpha * relative)
        listed = gamma * (model.transition @ d_values)
        if model.rest_transition is not None:
            listed = listed - (gamma * (model.rest_transition @ d_values))[model.pairs.state]
        at_pairs = self.weights[:, None] * listed + self.worth[:, None] * turn
        at_data = self.data_worth[:, None] * data_turn
        if self.shared:
            at_pairs += at_data
        changes = []
        for i, ratio in enumerate(ratios):
            own = self.picks[i] @ at_pairs
            own = (own if self.shared else own + self.data_picks[i] @ at_data).reshape(ratio.shape)
            # Less the agent's own part of the turn: what is left is the change of the others.
            jointly = own * self.inverse[i][:, :, None] - (self.own_worth[i] * self.inverse[i])[:, :, None] * ratio
            inside = jointly - alpha * ratio
            changes.append(d_mass[:, None] * self.own[i][:, :, None] + self.mass[:, None, None] * inside)
        return changes

    def _per_pair(self, pairs: JointPairs, ratios: list[FloatArray]) -> FloatArray:
        """Sum over agents of Delta_j / pi_j at each pair: the relative change of w_k, ``(K, k)``."""
        total = np.zeros((len(pairs), ratios[0].shape[2]))
        for j, ratio in enumerate(ratios):
            total += ratio.reshape(-1, ratio.shape[2])[pairs.rows(j)]
        return total


def _sums(pairs: JointPairs, agent: int) -> sp.csr_array:
    """The matrix that sums over the pairs of each (s, a_i): ``(S A_i, K)``."""
    shape = (pairs.n_states * pairs.n_actions[agent], len(pairs))
    return sp.csr_array((np.ones(shape[1]), (pairs.rows(agent), np.arange(shape[1]))), shape=shape)
