"""Scores where states repeat: a policy's return in the models of reweighted data, ``datasets.resampled``.

    without a memory    propagated through every model: exact there
    with one            the mean of episodes played in every model; what the policies remember, and the return that they are
                        told to reach, are then what they would be in play

All policies play with the same random numbers.  How many episodes: some 25,000 steps in all models together, half of them with
K = 0, so that a score costs about the same whatever the horizon.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alberdice._checks import FloatArray
from alberdice.datasets import OfflineDataset
from alberdice.datasets.resampled import Estimate, ResampledModels
from alberdice.deep.play.episodes import PolicyPlayer
from alberdice.deep.policies import Policies
from alberdice.environments import BatchedEnvironment, EnvironmentSpec, Frame, Step
from alberdice.environments.play import play

__all__ = ["ModelEnvironment", "ModelScores", "PlayedScores"]

#: what counts as nothing, in units of the data's returns
SLACK = 0.01
#: steps played for a score, and the fewest and most episodes of a model
_STEPS, _FEWEST, _MOST = 25_600, 16, 512


class ModelScores:
    """By reweighted empirical models, for policies without a memory.

    Args:
        dataset: the data.
        seed: of the resamples.
        models: how many.
    """

    comparable, caveat, discount = True, "", 1.0
    method = "return in reweighted empirical models, mean - std"

    def __init__(self, dataset: OfflineDataset, seed: int, models: int) -> None:
        self.models, self.dataset = ResampledModels(dataset, models, np.random.default_rng(seed)), dataset
        rows = self.models.rows
        self._seen = torch.from_numpy(dataset.frame_observations[rows].astype(np.float64))
        self._masks = torch.from_numpy(np.ascontiguousarray(dataset.masks_of(rows)))

    @property
    def data_return(self) -> Estimate:
        """As ``OfflineScores``."""
        return self.models.data_return

    @property
    def episode_weights(self) -> FloatArray:
        """As ``OfflineScores``."""
        weights: FloatArray = self.models.weights
        return weights

    @property
    def horizon(self) -> int | None:
        """As ``OfflineScores``."""
        return self.models.horizon

    @property
    def slack(self) -> float:
        """As ``OfflineScores``."""
        return SLACK * float(np.sqrt(np.mean(self.dataset.returns**2)))

    def state(self) -> dict[str, Tensor]:
        """As ``OfflineScores``: nothing."""
        return {}

    def restore(self, state: dict[str, Tensor]) -> None:
        """As ``OfflineScores``."""

    def estimate(self, policies: Policies) -> Estimate:
        """As ``OfflineScores``."""
        return self.models.estimate(self.tables(policies))

    @torch.no_grad()
    def tables(self, policies: Policies) -> list[FloatArray]:
        """pi_i at every distinct frame, ``(K, A_i)`` per agent."""
        device = policies.features.mean.device
        table = policies.actor(len(self._seen)).log_probabilities(self._seen.to(device), self._masks.to(device))
        chances = table.double().exp().cpu().numpy()
        parts = [chances[:, i, :k] for i, k in enumerate(self.dataset.n_actions)]
        return [part / np.maximum(part.sum(axis=1, keepdims=True), 1e-300) for part in parts]


class PlayedScores(ModelScores):
    """By episodes played in reweighted empirical models, for policies with a memory.

    Args:
        dataset, seed, models: as of ``ModelScores``.
    """

    method = "return of episodes played in reweighted empirical models, mean - std"

    def __init__(self, dataset: OfflineDataset, seed: int, models: int) -> None:
        super().__init__(dataset, seed, models)
        self.seed = seed
        self.episodes = int(np.clip(_STEPS // (2 * models * self.models.horizon), _FEWEST, _MOST))

    def estimate(self, policies: Policies) -> Estimate:
        """As ``OfflineScores``: the lesser of the returns with K and with none, as of ``ResampledModels``."""
        return Estimate(np.minimum.reduce([self.played(policies, pooling) for pooling in self.models.poolings]))

    def played(self, policies: Policies, pooling: float) -> FloatArray:
        """Mean returns of the episodes that are played in each model with K = ``pooling``, ``(B,)``."""
        environment = ModelEnvironment(self.models, self.episodes, pooling)
        slots = len(self.models.begin) * self.episodes
        played = play(environment, PolicyPlayer(policies, policies.actor(slots)), np.arange(slots), self.seed)
        means: FloatArray = played.returns.reshape(-1, self.episodes).mean(axis=1)
        return means


class ModelEnvironment(BatchedEnvironment):
    """Such models as an environment: slots b E to b E + E - 1 play model b.

    A pair that the data do not hold pays less than the data's least reward for every step that is left, and ends the episode.

    Args:
        models: B of them.
        episodes: E.
        pooling: K.
    """

    def __init__(self, models: ResampledModels, episodes: int, pooling: float) -> None:
        data = models.dataset
        self.pooling = pooling
        self.models, self.model = models, np.repeat(np.arange(len(models.begin)), episodes)
        self._flat = tuple(data.n_actions)
        self._keys = self._pair_keys(models.pair_frame, models.pair_actions)
        self._first = np.searchsorted(models.edge_pair, np.arange(len(self._keys) + 1))
        self._pairs = np.searchsorted(models.pair_frame, np.arange(len(models.rows) + 1))  # of each frame, from and to
        self._rewards = models.pooled_rewards(pooling)
        self._observations = data.frame_observations[models.rows].astype(np.float32)
        self._masks = np.ascontiguousarray(data.masks_of(models.rows))
        self._states = data.frame_states[models.rows].reshape(len(models.rows), -1).astype(np.float32)
        size = self._observations.shape[-1]
        self.spec = EnvironmentSpec(
            name=f"models of {data.name}",
            agents=tuple(f"agent_{i + 1}" for i in range(data.n_agents)),
            n_actions=data.n_actions,
            observation_size=size,
            state_size=self._states.shape[1],
            horizon=models.horizon,
            team_reward="common",
            vectorised=True,
        )

    def _pair_keys(self, frames: NDArray[np.int64], actions: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.asarray(frames * int(np.prod(self._flat)) + np.ravel_multi_index(tuple(actions.T), self._flat))

    def reset(self, seeds: NDArray[np.int64], slots: NDArray[np.int64] | None = None) -> Frame:
        """See the contract; all slots at once."""
        uniforms = [np.random.default_rng(int(seed)).random((self.models.horizon + 1, 3)) for seed in seeds]
        self._draws, self._time = np.stack(uniforms), 0
        upto = np.cumsum(self.models.begin, axis=1)[self.model]
        self._frames = np.minimum((self._draws[:, 0, :1] * upto[:, -1:] >= upto).sum(axis=1), upto.shape[1] - 1)
        self._ended = np.zeros(len(seeds), np.bool_)
        return self._frame()

    def step(self, actions: NDArray[np.int64]) -> Step:
        """See the contract."""
        models, going = self.models, np.flatnonzero(~self._ended)
        rewards, left = np.zeros(len(self._ended)), models.horizon - self._time
        keys = self._pair_keys(self._frames[going], np.asarray(actions)[going])
        pair = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        held = self._keys[pair] == keys
        rewards[going[~held]] = models.worst * left
        self._ended[going[~held]] = True
        going, pair = going[held], pair[held]
        rewards[going] = self._rewards[self.model[going], pair]
        self._time += 1
        there = self._drawn(going, self._pooled_pair(going, pair))
        over = there == len(models.rows)
        self._ended[going[over]] = True
        self._frames[going[~over]] = there[~over]
        truncated = ~self._ended & (self._time >= models.horizon)
        return Step(self._frame(), rewards, self._ended.copy(), truncated, {})

    def _pooled_pair(self, slots: NDArray[np.int64], pair: NDArray[np.int64]) -> NDArray[np.int64]:
        """The pair whose outcomes are drawn: itself, or with probability K / (m + K) one of its frame's by their weights."""
        models, draws = self.models, self._draws[slots, self._time]
        weight = models.pair_weight[self.model[slots], pair]
        frame = models.pair_frame[pair]
        other = self._one_of(models.pair_weight, slots, self._pairs[frame], self._pairs[frame + 1], draws[:, 1])
        return np.where(draws[:, 0] * (weight + self.pooling) < weight, pair, other)

    def _drawn(self, slots: NDArray[np.int64], pair: NDArray[np.int64]) -> NDArray[np.int64]:
        """The frames that follow, drawn among the edges of the pairs by their weight in the slots' models."""
        draws = self._draws[slots, self._time, 2]
        edge = self._one_of(self.models.edge_weight, slots, self._first[pair], self._first[pair + 1], draws)
        return np.asarray(self.models.edge_to[edge])

    def _one_of(self, weights: Any, slots: Any, first: Any, end: Any, uniform: FloatArray) -> NDArray[np.int64]:
        """Which of the columns from ``first`` to before ``end`` of the slots' models a uniform number chooses by weight."""
        column = np.arange(int((end - first).max(initial=1)))
        place = np.minimum(first[:, None] + column, weights.shape[1] - 1)
        each = np.where(column < (end - first)[:, None], weights[self.model[slots][:, None], place], 0.0)
        upto = np.cumsum(each, axis=1)
        found = (uniform[:, None] * upto[:, -1:] >= upto).sum(axis=1)
        return np.asarray(first + np.minimum(found, end - first - 1))

    def _frame(self) -> Frame:
        alive = np.broadcast_to(~self._ended[:, None], (len(self._ended), self.spec.n_agents))
        return Frame(self._observations[self._frames], self._masks[self._frames], self._states[self._frames], alive)

    def close(self) -> None:
        """Nothing is held."""
