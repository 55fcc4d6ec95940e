"""Off-policy evaluation by stationary distribution corrections (DICE), in closed form.

A return is a weighted sum of the data's rewards: w(s, a) is how much more often than the data the policies take the joint
action a at s.  One ratio for all agents together; it is the saddle point of the regularised Lagrangian (Yang, Nachum, Dai, Li
and Schuurmans, 2020; with nu and w in one class minimax weight learning of Uehara, Huang and Jiang, 2020)

    L(nu, w) = E nu(s_0, a_0 ~ pi) + E_D[w (r + gamma E_{a' ~ pi(s')} nu(s', a') - nu(s, a))] - lambda <w, nu>

over w = phi . theta and nu = phi . xi.  What ended is followed by nothing.  Its value is the return, and with

    C = E_D phi phi^T,   M = E_D phi E_pi phi'^T,   b = E phi(s_0, a_0 ~ pi)

    for ever        theta   = (C + lambda I - gamma M)^-T b,                                  R = E_D w r
    H steps         theta_t = (C + lambda I)^-1 mu_t,   mu_0 = b,  mu_{t+1} = M^T theta_t     R = sum_{t < H} gamma^t E_D w_t r

The weights are normalised: they have the mass that they must, E_D[w (1 - gamma [goes on])] = 1, or at step t what had not ended
by then.  Features are those of a kernel at landmarks z_j among the data's steps (Nystroem), drawn by randomly pivoted
Cholesky factorisation (Chen, Epperly, Tropp and Webber, 2025):

    k((s, a), (s', a')) = exp(-|s - s'|^2 / 2 h^2) prod_i (kappa + (1 - kappa) [a_i = a'_i])

and a constant.  h is a share of the median distance of the data's states.  As agents act independently, E_{a ~ pi} k is that
product with pi_i(a'_i|s) in the brackets' place: exact for any number of agents, and nothing is drawn.  With h = kappa = lambda
= 0 and no constant, features are the pairs themselves, and the estimate is the return in the empirical model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from alberdice._checks import FloatArray
from alberdice.datasets.dataset import OfflineDataset
from alberdice.datasets.resampled import Estimate
from alberdice.datasets.statistics import row_keys

__all__ = ["Corrected", "Corrections", "Kernel"]

#: states are told apart by squared distances above this
_SAME = 1e-9
#: states whose distances give their median
_SAMPLE = 1000


@dataclass(frozen=True)
class Kernel:
    """Features and their regulariser; chosen on the zoo's choosing half.

    Attributes:
        width: h as a share of the median distance; 0: states are alike or not.
        agreement: kappa, what an agent's other action leaves of the likeness.
        ridge: lambda.
        constant: whether 1 is a feature, too, so that the constraints hold the weights' mass.
        features: landmarks at most.
        steps: of the data, in whole episodes, at most.
    """

    width: float = 0.5
    agreement: float = 0.1
    ridge: float = 1e-4
    constant: bool = True
    features: int = 200
    steps: int = 20_000


@dataclass(frozen=True)
class Corrected(Estimate):
    """Returns of one policy by corrections; not a number where the weights have no mass that could be normalised.

    Attributes:
        effective: steps on which they rest, (sum w)^2 / sum w^2, of the data as they are.
        negative: sum of -w where w < 0 / sum of |w|: no ratio is negative, so that much of it is error.
    """

    effective: float
    negative: float


@dataclass(frozen=True)
class _Steps:
    """Distinct steps: features there, expected ones after, which are 0 where all ended, and whether it goes on."""

    phi: FloatArray
    onward: FloatArray
    goes_on: FloatArray


class Corrections:
    """Estimates by corrections under weights of the episodes.

    Args:
        dataset: the data.
        states: features of every frame in the data's order, standardised, ``(F, S)``.
        weights: of the episodes in every resample, ``(B, E)``.
        generator: draws landmarks, and episodes where there are too many steps.
        discount: gamma.
        horizon: H; None: for ever, and gamma < 1.
        kernel: the features.
    """

    def __init__(
        self,
        dataset: OfflineDataset,
        states: FloatArray,
        weights: FloatArray,
        generator: np.random.Generator,
        *,
        discount: float,
        horizon: int | None = None,
        kernel: Kernel | None = None,
    ) -> None:
        self.discount, self.horizon, self.kernel = discount, horizon, kernel or Kernel()
        order = generator.permutation(dataset.n_episodes)
        kept = np.sort(order[: max(1, int((np.cumsum(dataset.lengths[order]) <= self.kernel.steps).sum()))])
        used = dataset.usable[np.isin(dataset.episode[dataset.usable], kept)]
        self.starts, self.after = dataset.starts[kept], dataset.next_row[used]
        self.goes_on = (~dataset.terminated[used]).astype(np.float64)
        self.rewards, self.states = dataset.rewards[used].astype(np.float64), np.asarray(states, np.float64)
        everyone = np.concatenate([np.ones((1, dataset.n_episodes)), weights])[:, kept]
        self.of_starts = everyone / everyone.sum(axis=1, keepdims=True)
        held = everyone[:, np.searchsorted(kept, dataset.episode[used])]
        self.of_steps = held / held.sum(axis=1, keepdims=True)
        self.here, self.actions = self.states[used], dataset.actions[used]
        some = generator.integers(len(used), size=min(_SAMPLE, len(used)))
        self.width = self.kernel.width * _median_distance(self.here[some])
        self._factorise(self.here, self.actions, generator)

    def _factorise(self, here: FloatArray, actions: NDArray[np.int64], generator: np.random.Generator) -> None:
        """Draw landmarks, each as likely as what the ones before leave of its likeness to itself."""
        left, columns, chosen = np.ones(len(here)), np.zeros((len(here), min(len(here), self.kernel.features))), []
        for k in range(columns.shape[1]):
            if left.sum() <= 1e-9 * len(here):
                break
            j = int(generator.choice(len(here), p=left / left.sum()))
            alike = self._likeness(here, here[j : j + 1]) * self._same(actions, actions[j : j + 1])
            column = alike[:, 0] - columns[:, :k] @ columns[j, :k]
            columns[:, k] = column / np.sqrt(column[j])
            left = np.maximum(left - columns[:, k] ** 2, 0.0)
            left[j] = 0.0
            chosen.append(j)
        self.places, self.acts = here[chosen], actions[chosen]
        self.root = columns[chosen, : len(chosen)]  # phi = root^-1 k(., z), of the data's steps:
        self.features = self._with_constant(columns[:, : len(chosen)])

    def _with_constant(self, features: FloatArray) -> FloatArray:
        return np.column_stack([features, np.ones(len(features))]) if self.kernel.constant else features

    def _likeness(self, states: FloatArray, places: FloatArray) -> FloatArray:
        """The states' part of k, ``(n, L)``."""
        square = (states**2).sum(axis=1)[:, None] + (places**2).sum(axis=1) - 2.0 * states @ places.T
        if self.width == 0.0:
            return np.asarray(square <= _SAME, np.float64)
        return np.asarray(np.exp(-np.maximum(square, 0.0) / (2.0 * self.width**2)))

    def _same(self, actions: NDArray[np.int64], acts: NDArray[np.int64]) -> FloatArray:
        """The actions' part of k, ``(n, L)``."""
        kappa = self.kernel.agreement
        each = [kappa + (1.0 - kappa) * (actions[:, i, None] == acts[:, i]) for i in range(actions.shape[1])]
        return np.asarray(np.prod(each, axis=0))

    def _expected(self, rows: NDArray[np.int64], chances: FloatArray) -> FloatArray:
        """E_{a ~ pi} phi at these frames, ``(n, L)``."""
        kappa, alike = self.kernel.agreement, self._likeness(self.states[rows], self.places)
        for i in range(self.acts.shape[1]):
            alike *= kappa + (1.0 - kappa) * chances[rows, i][:, self.acts[:, i]]
        return self._with_constant(np.asarray(scipy.linalg.solve_triangular(self.root, alike.T, lower=True).T))

    def estimate(self, chances: FloatArray) -> Corrected:
        """The policy's return in every resample.

        Args:
            chances: pi_i(a_i|s) at every frame of the data, ``(F, N, A)``.
        """
        alike = [self.here, self.actions, self.states[self.after], self.goes_on[:, None], chances[self.after]]
        keys = np.concatenate([row_keys(part.reshape(len(part), -1).astype(np.float64)) for part in alike if part.size], axis=1)
        _, first, which = np.unique(keys, axis=0, return_index=True, return_inverse=True)
        steps = _Steps(
            phi=self.features[first],
            onward=self._expected(self.after[first], chances) * self.goes_on[first, None],
            goes_on=self.goes_on[first],
        )
        begin = self.of_starts @ self._expected(self.starts, chances)
        found = []
        for m, b in zip(self.of_steps, begin, strict=True):
            mass, pay = (np.bincount(which.reshape(-1), x, len(first)).astype(np.float64) for x in (m, m * self.rewards))
            found.append(self._weigh(steps, mass, pay, b))
        weights = self.features @ found[0][1]
        size = float(np.abs(weights).sum()) or float("nan")
        effective = float(weights.sum() ** 2 / (weights**2).sum()) if size > 0 else float("nan")
        negative = float(np.maximum(-weights, 0.0).sum()) / size
        return Corrected(np.array([value for value, _ in found[1:]]), effective, negative)

    def _weigh(self, steps: _Steps, mass: FloatArray, pay: FloatArray, begin: FloatArray) -> tuple[float, FloatArray]:
        """The return in one resample, and theta, over all steps where there is a horizon."""
        phi, gamma = steps.phi, self.discount
        inner = phi.T @ (mass[:, None] * phi) + self.kernel.ridge * np.eye(phi.shape[1])
        moved = phi.T @ (mass[:, None] * steps.onward)
        reward, whole, alive = pay @ phi, mass @ phi, (mass * steps.goes_on) @ phi
        if self.horizon is None:
            theta = np.linalg.solve((inner - gamma * moved).T, begin)
            theta = theta * _scale(1.0, float(theta @ (whole - gamma * alive)))
            return float(theta @ reward), np.asarray(theta)
        factor, left, present = scipy.linalg.cho_factor(inner), 1.0, begin
        value, summed = 0.0, np.zeros_like(begin)
        for t in range(self.horizon):
            theta = scipy.linalg.cho_solve(factor, present)
            theta = theta * _scale(left, float(theta @ whole))
            value, summed = value + gamma**t * float(theta @ reward), summed + gamma**t * theta
            left, present = float(theta @ alive), moved.T @ theta
        return value, summed


def _scale(wanted: float, found: float) -> float:
    """What brings a mass to the one that it must be; none where nothing is left, not a number where that is impossible."""
    if wanted <= 0.0:
        return 0.0
    return wanted / found if found > 0.0 else float("nan")


def _median_distance(states: FloatArray) -> float:
    """The median distance of distinct states; 1 where there is one."""
    square = (states**2).sum(axis=1)
    apart = square[:, None] + square - 2.0 * states @ states.T
    apart = apart[apart > _SAME]
    return float(np.sqrt(np.median(apart))) if len(apart) else 1.0
