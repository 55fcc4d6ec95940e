"""The Hessian of J in the agents' blocks at a policy, and what local rates are read from it.

Coordinates: logits, the first action's being 0; J is smooth in them, and at a Nash policy what is read does not depend on the
coordinates within a block.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np

import alberdice as ad

t = ad.tabular
STEP = 1e-3  # of the central differences


def coordinates(policy: ad.FactorizedPolicy) -> np.ndarray:
    """Logits of all agents and states, the first action's being 0 and left out."""
    return np.concatenate([np.log(table[:, 1:] / table[:, :1]).ravel() for table in policy])


def policy_at(point: np.ndarray, model: ad.MMDP) -> ad.FactorizedPolicy:
    """The policy with these coordinates."""
    tables, place = [], 0
    for k in model.n_actions:
        logits = np.zeros((model.n_states, k))
        logits[:, 1:] = point[place : place + model.n_states * (k - 1)].reshape(model.n_states, k - 1)
        table = np.exp(logits - logits.max(axis=1, keepdims=True))
        tables.append(table / table.sum(axis=1, keepdims=True))
        place += model.n_states * (k - 1)
    return ad.FactorizedPolicy(tables)


class Curvature(NamedTuple):
    """The Hessian at a policy and the agent of each of its coordinates."""

    hessian: np.ndarray
    agent: np.ndarray

    def gauss_seidel(self) -> np.ndarray:
        """What a round of exact best responses does to a small error: -(D + L)^-1 L^T for the Hessian D + L + L^T."""
        lower = self.agent[:, None] >= self.agent[None, :]
        return -np.linalg.solve(np.where(lower, self.hessian, 0.0), np.where(lower, 0.0, self.hessian))

    def spectral_radius(self) -> float:
        """The local factor of the error per round, in the limit."""
        return float(np.abs(np.linalg.eigvals(self.gauss_seidel())).max())

    def constants(self) -> tuple[float, float]:
        """Constants mu and C of ``LocalRate.v`` in the metric |x_i|^2 = -x_i H_ii x_i / 2, in which a = 1, on small balls.

        mu: the least eigenvalue of the Hessian with its diagonal blocks made the identity; C: twice the largest norm of its
        other blocks. Raises LinAlgError where a block is not negative definite.
        """
        agents = np.unique(self.agent)
        root = np.zeros_like(self.hessian)
        for i in agents:
            own = np.ix_(self.agent == i, self.agent == i)
            root[own] = np.linalg.inv(np.linalg.cholesky(-self.hessian[own]))
        normal = -root @ self.hessian @ root.T
        others = [normal[np.ix_(self.agent == i, self.agent == j)] for i, j in itertools.combinations(agents, 2)]
        mu = float(np.linalg.eigvalsh(normal).min())
        return mu, max([2 * float(np.linalg.norm(block, 2)) for block in others] + [mu / agents.size])

    def proved_factor(self) -> float:
        """Of J's gap per round, by ``LocalRate.local_linear_rate``; 1, nothing, unless the Hessian is negative definite."""
        if np.linalg.eigvalsh(self.hessian).max() >= 0:
            return 1.0
        n = np.unique(self.agent).size
        mu, c = self.constants()
        return 1 - mu / (2 * c * n * n * (2 + c * c * n))


def curvature(model: ad.MMDP, policy: ad.FactorizedPolicy, data: ad.DataDistribution, alpha: float) -> Curvature:
    """The Hessian of J, by central differences."""
    point = coordinates(policy)
    size = point.size

    def value(shift: np.ndarray) -> float:
        return t.objective(model, policy_at(point + shift, model), data, alpha)

    unit, hessian = np.eye(size) * STEP, np.empty((size, size))
    for i, j in itertools.combinations_with_replacement(range(size), 2):
        corners = value(unit[i] + unit[j]) - value(unit[i] - unit[j]) - value(unit[j] - unit[i]) + value(-unit[i] - unit[j])
        hessian[i, j] = hessian[j, i] = corners / (4 * STEP**2)
    agent = np.repeat(np.arange(model.n_agents), [model.n_states * (k - 1) for k in model.n_actions])
    return Curvature(hessian, agent)


def one_round(model: ad.MMDP, policy: ad.FactorizedPolicy, data: ad.DataDistribution, alpha: float) -> ad.FactorizedPolicy:
    """Every agent in turn answers exactly."""
    for agent in range(model.n_agents):
        policy = policy.replace(agent, t.best_response(model, policy, agent, data, alpha).policy)
    return policy


class Measured(NamedTuple):
    """A run's last policy, the error's factor per round while it is small, and what the Hessian there predicts."""

    nash: ad.FactorizedPolicy
    factor: float  #: of the logits' error, from the first round below 1e-4 to the last above 1e-10
    same_rounds: float  #: of the first of these errors, times the block Gauss-Seidel matrix for as many rounds
    limit: float  #: its spectral radius
    values: float  #: the largest factor per round of J's gap, while that is between 1e-5 and 1e-10
    proved: float  #: of J's gap per round, by LocalRate.v


def measure(
    model: ad.MMDP, data: ad.DataDistribution, alpha: float, rounds: int, start: ad.FactorizedPolicy
) -> Measured | None:
    """Run ``rounds`` rounds at most from ``start``; None if the run is not at rest by then, or too fast for three rounds."""
    run = [start]
    for _ in range(rounds):
        run.append(one_round(model, run[-1], data, alpha))
        if max(np.abs(a - b).max() for a, b in zip(run[-1], run[-2], strict=True)) < 1e-13:
            break
    else:
        return None
    errors = np.array([coordinates(policy) for policy in run[:-1]]) - coordinates(run[-1])
    size = np.linalg.norm(errors, axis=1)
    usable = np.flatnonzero((size < 1e-4) & (size > 1e-10))
    if usable.size < 3:
        return None
    first, last = usable[0], usable[-1]
    there = curvature(model, run[-1], data, alpha)
    after = np.linalg.matrix_power(there.gauss_seidel(), int(last - first)) @ errors[first]
    gap = t.objective(model, run[-1], data, alpha) - np.array([t.objective(model, p, data, alpha) for p in run[:-1]])
    shown = np.flatnonzero((gap[:-1] < 1e-5) & (gap[:-1] > 1e-10))
    return Measured(
        run[-1],
        float((size[last] / size[first]) ** (1 / (last - first))),
        float((np.linalg.norm(after) / size[first]) ** (1 / (last - first))),
        there.spectral_radius(),
        float((gap[shown + 1] / gap[shown]).max(initial=0.0)),
        there.proved_factor(),
    )
