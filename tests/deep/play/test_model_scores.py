"""Scores by resampled models: episodes played there against exact propagation and against all histories one by one."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pytest
import torch
from deep_samples import table_policies
from history_samples import fresh, perturbed

from alberdice.datasets import EpisodeArrays, OfflineDataset, from_episodes, load_dataset
from alberdice.deep.algorithms.madtkd import MADTKD, MADTKDConfig
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.play.fitted_q import FittedQ
from alberdice.deep.play.model_scores import ModelScores, PlayedScores
from alberdice.deep.training.selection import scores_for
from alberdice.games.zoo import zoo_game


def wandering(episodes: int = 30, length: int = 2) -> OfflineDataset:
    """Two agents with two and three actions on four states, at random, of which the last ends it all."""
    generator, made = np.random.default_rng(3), []
    for _ in range(episodes):
        states = generator.integers(3, size=length + 1)
        ended = bool(generator.random() < 0.5)
        states[-1] = 3 if ended else states[-1]
        seen = np.eye(4)[states]
        made.append(
            EpisodeArrays(
                states=seen,
                observations=np.repeat(seen[:, None], 2, axis=1),
                actions=np.stack([generator.integers(k, size=length) for k in (2, 3)], axis=1),
                rewards=generator.normal(size=length).round(2),
                terminated=ended,
            )
        )
    return from_episodes("wandering", (2, 3), made)


class Histories:
    """The expected return in one model by the tree of all histories, from plain counts; slow."""

    def __init__(self, data: OfflineDataset, weights: Any, policies: Any, pooling: float) -> None:
        self.data, self.policies, self.horizon, self.pooling = data, policies, int(data.lengths.max()), pooling
        self.pairs: Any = defaultdict(list)
        self.begins: list[Any] = []
        self.worst = float(data.rewards.min()) - 0.01 * float(data.rewards.astype(float).std())
        for number, weight in enumerate(weights):
            steps = data.starts[number] + np.arange(data.lengths[number])
            self.begins.append((weight, self._seen(steps[0])))
            for t in steps:
                after = None if data.terminated[t] else self._seen(data.next_row[t])
                key = (self._seen(t), tuple(int(a) for a in data.actions[t]))
                self.pairs[key].append((weight, float(data.rewards[t]), after))

    def _seen(self, row: int) -> tuple[float, ...]:
        return tuple(float(x) for x in self.data.frame_observations[row].ravel())

    def value(self, past: list[Any], frame: Any) -> float:
        if len(past) == self.horizon:
            return 0.0
        found, pooling = 0.0, self.pooling
        here = [outcome for (seen, _), outcomes in self.pairs.items() if seen == frame for outcome in outcomes]
        reward_here = sum(w * r for w, r, _ in here) / sum(w for w, _, _ in here)
        for joint, chance in self._chances(past, frame):
            outcomes = self.pairs.get((frame, joint), [])
            if not outcomes:
                found += chance * self.worst * (self.horizon - len(past))
                continue
            total = sum(w for w, _, _ in outcomes)
            gained = (sum(w * r for w, r, _ in outcomes) + pooling * reward_here) / (total + pooling)
            shares: Any = defaultdict(float)
            for group, part in ((outcomes, total), (here, pooling)):
                for w, _, after in group:
                    shares[after] += w / sum(x for x, _, _ in group) * part / (total + pooling)
            for after, share in shares.items():
                later = 0.0 if after is None else self.value([*past, (frame, joint, gained)], after)
                found += chance * share * later
            found += chance * gained
        return found

    def _chances(self, past: list[Any], frame: Any) -> list[Any]:
        actor = self.policies.actor(1)
        for seen, joint, gained in past:
            actor.log_probabilities(torch.tensor(seen).view(1, 2, -1))
            actor.observe(torch.tensor([joint]), torch.tensor([gained], dtype=torch.float32))
        table = actor.log_probabilities(torch.tensor(frame).view(1, 2, -1))[0].double().exp()
        return [((a, b), float(table[0, a] * table[1, b])) for a in range(2) for b in range(3)]

    @property
    def mean(self) -> float:
        values = {begin: self.value([], begin) for _, begin in self.begins}
        return sum(weight * values[begin] for weight, begin in self.begins) / len(self.begins)


def told(data: OfflineDataset) -> Any:
    """Policies that are told a return."""
    config = MADTKDConfig(algorithm="madtkd", width=8, context=2, updates=1)
    learner: Any = MADTKD(TrainingData.build(data, share=False), config, torch.Generator().manual_seed(0))
    parameters = learner.policies.parameters
    parameters.add_(torch.randn(parameters.shape, generator=torch.Generator().manual_seed(1)), alpha=0.5)
    return learner.policies


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["memory", "returns"])
def test_episodes_played_in_models_come_to_the_mean_over_all_histories(kind: str) -> None:
    data = wandering()
    policies = perturbed(fresh("bc", data)).policies if kind == "memory" else told(data)
    scores = PlayedScores(data, 0, 2)
    assert scores.episodes == 512
    scores.episodes = 2048
    found = scores.estimate(policies).returns
    truth = np.array([[Histories(data, m, policies, k).mean for m in scores.models.weights] for k in (0.0, 1.0)])
    np.testing.assert_allclose([scores.played(policies, k) for k in (0.0, 1.0)], truth, atol=4 * 1.5 / 2048**0.5)
    np.testing.assert_allclose(found, truth.min(axis=0), atol=4 * 1.5 / 2048**0.5)
    assert np.ptp(truth[1]) > 0.1


def test_policies_without_a_memory_have_the_same_score_by_both_ways() -> None:
    game, data = zoo_game("relay"), load_dataset("zoo-relay")
    policies = table_policies(game, torch.randn(3, 9, 3, generator=torch.Generator().manual_seed(0)))
    exact, played = ModelScores(data, 0, 4), PlayedScores(data, 0, 4)
    played.episodes = 2048
    found, truth = (each.estimate(policies).returns for each in (played, exact))
    spread = 4 * data.returns.std() * 3 / 2048**0.5
    np.testing.assert_allclose(found, truth, atol=spread)
    np.testing.assert_array_equal(played.estimate(policies).returns, found)


def test_by_which_way_policies_are_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    data = wandering()
    memory, asked = perturbed(fresh("bc", data)).policies, told(data)
    assert isinstance(scores_for(data, 0, 0.99, memory), PlayedScores)
    assert isinstance(scores_for(data, 0, 0.99, asked), PlayedScores)
    monkeypatch.setattr("alberdice.deep.training.selection._REPEATED", 2.0)
    found = scores_for(data, 0, 0.99, memory)
    assert isinstance(found, FittedQ)
    assert f"along {data.n_episodes} recorded episodes' histories" in found.method
    assert scores_for(data, 0, 0.99, asked) is None
