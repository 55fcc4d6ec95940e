"""Indicators of whole values: which features get them, what networks see, and that policies play what they were trained on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from deep_samples import chain_dataset, equal, tiny, trained
from history_samples import replayed, small

from alberdice.datasets import EpisodeArrays, OfflineDataset, from_episodes
from alberdice.deep.batches.features import Features, levels_of
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.learner import learner_class
from alberdice.deep.policies import load_policies


def grid_dataset() -> OfflineDataset:
    """Places 0 to 4, a flag, a fraction, and a large whole number of 20 values, as agents saw them."""
    generator, episodes = np.random.default_rng(0), []
    for length in (9, 12, 7):
        columns = [
            generator.integers(5, size=(length + 1, 2)),
            generator.integers(2, size=(length + 1, 2)),
            generator.integers(4, size=(length + 1, 2)) / 2,
            generator.permutation(20)[: length + 1, None] + np.zeros((1, 2)),
        ]
        seen, actions = np.stack(columns, axis=2), generator.integers(3, size=(length, 2))
        masks = np.ones((length + 1, 2, 3), np.bool_)
        episodes.append(EpisodeArrays(seen[:, 0], seen, actions, generator.normal(size=length), False, action_masks=masks))
    return from_episodes("grid", (3, 3), episodes)


def test_whole_values_of_three_kinds_or_more_become_indicators() -> None:
    observations = grid_dataset().observations
    found = levels_of(observations, 8)
    assert found is not None
    assert found.tolist() == [[0, v] for v in range(5)]
    assert levels_of(observations, 4) is None
    assert levels_of(observations, 0) is None
    more = levels_of(observations, 20)
    assert more is not None
    assert set(more[:, 0].tolist()) == {0.0, 3.0}


def test_inputs_are_the_features_and_one_indicator_per_value() -> None:
    source = grid_dataset()
    plain, data = TrainingData.build(source), TrainingData.build(source, levels=8)
    assert data.features.size == data.observations.shape[-1] == plain.observations.shape[-1] + 5
    torch.testing.assert_close(data.observations[..., :4], plain.observations)
    places = np.array(source.observations)[..., 0].astype(int)
    np.testing.assert_array_equal(data.observations[data.here, :, 4:].numpy(), np.eye(5)[places])
    seen = torch.from_numpy(np.array(source.observations))
    torch.testing.assert_close(data.features(seen), data.observations[data.here])
    assert data.features(seen[:1] + 100)[..., 4:].sum() == 0  # a value that the data never show


@pytest.mark.parametrize("algorithm", ["bc", "alberdice"])
@pytest.mark.parametrize("memory", [False, True])
def test_policies_see_them_in_play_and_after_saving(algorithm: str, memory: bool) -> None:
    source = grid_dataset()
    config = small(algorithm, levels=8) if memory else tiny(algorithm, levels=8)
    data = TrainingData.of_run(source, config)
    learner = learner_class(algorithm)(data, config, torch.Generator().manual_seed(0))
    learner.update(torch.Generator().manual_seed(1))
    tables = replayed(learner.policies, source)
    again = load_policies(*learner.policies.save())
    torch.testing.assert_close(replayed(again, source), tables, rtol=0, atol=0)
    assert isinstance(again.features, Features)
    other = trained(small(algorithm) if memory else tiny(algorithm), source)
    assert not equal(trained(config, source), other)


def test_data_without_whole_values_are_as_before() -> None:
    assert equal(trained(tiny("bc", levels=16), chain_dataset()), trained(tiny("bc"), chain_dataset()))
