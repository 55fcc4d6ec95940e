"""Datasets as the learners hold them: frames, the absorbing transition, masks, and one evaluation per distinct frame."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from deep_samples import chain_dataset

from alberdice.datasets import make_builtin
from alberdice.deep.batches.features import mean_and_scale
from alberdice.deep.batches.training_data import TrainingData


def test_shapes_with_different_numbers_of_everything() -> None:
    dataset = chain_dataset(masks=True)
    data = TrainingData.build(dataset)
    frames = len(data.states)
    assert data.states.shape == (frames, 8)
    assert data.observations.shape == (frames, 3, 5)
    assert data.available.shape == (frames, 3, 4)
    np.testing.assert_array_equal(data.available[data.here].numpy(), dataset.action_masks)
    assert data.available[-1].all()


def test_standardised_features_and_the_flag() -> None:
    data = TrainingData.build(chain_dataset())
    here = data.states[data.here]
    np.testing.assert_allclose(here[:, :-1].mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(here[:, :-1].std(0, unbiased=False), 1, atol=1e-5)
    assert data.states[:-1, -1].abs().max() == 0
    assert data.states[-1, -1] == 1


def test_raw_features_without_standardisation() -> None:
    dataset = chain_dataset()
    data = TrainingData.build(dataset, standardise=False)
    np.testing.assert_allclose(data.states[data.here][:, :-1], dataset.states, rtol=1e-6)
    np.testing.assert_allclose(data.observations[data.here], dataset.observations, rtol=1e-6)


def test_terminated_steps_lead_to_the_absorbing_frame_and_others_do_not() -> None:
    dataset = chain_dataset()
    data = TrainingData.build(dataset)
    np.testing.assert_array_equal((data.after == len(data.states) - 1).numpy(), dataset.terminated)
    assert data.endings == dataset.terminated.sum()


def test_steps_follow_each_other_except_where_an_episode_breaks_off() -> None:
    """Episodes of 4, 1, 6 and 3 steps; where a final frame is not known, the last step of a cut episode is no transition."""
    data = TrainingData.build(chain_dataset())
    assert (torch.nonzero(data.breaks)[:, 0] + 1).tolist() == [4, 5, 11, 14]
    inside = ~data.breaks[:-1]
    assert torch.equal(data.after[:-1][inside], data.here[1:][inside])
    whole = chain_dataset()
    zeroed = [np.concatenate([a[:14], 0 * a[14:]]) for a in (whole.frame_states, whole.frame_observations)]
    hidden = dataclasses.replace(whole, frame_states=zeroed[0], frame_observations=zeroed[1], final_known=np.zeros(4, bool))
    assert (torch.nonzero(TrainingData.build(hidden).breaks)[:, 0] + 1).tolist() == [4, 10, 12]


def test_absorbing_share() -> None:
    data = TrainingData.build(chain_dataset())
    assert data.absorbing_share(1.0) == pytest.approx(data.endings / (data.n_steps + data.endings))
    assert data.absorbing_share(100.0) == pytest.approx(100 * data.endings / (data.n_steps + 100 * data.endings))
    assert TrainingData.build(make_builtin("matrix-a")).absorbing_share(100.0) == 0


@pytest.mark.parametrize("share", [True, False])
def test_rows_lead_back_to_the_steps(share: bool) -> None:
    data = TrainingData.build(make_builtin("matrix-d"), share=share)
    generator = torch.Generator().manual_seed(0)
    steps, starts = torch.randint(data.n_steps, (9,), generator=generator), data.starts[:4]
    rows = data.rows(steps, starts)
    assert torch.equal(rows.frames[rows.here], data.here[steps])
    assert torch.equal(rows.frames[rows.after], data.after[steps])
    assert torch.equal(rows.frames[rows.start], starts)
    assert rows.frames[rows.absorbing] == len(data.states) - 1
    assert rows.here.max() < rows.n_here
    assert len(rows.frames) == (2 if share else 2 * 9 + 4 + 1)


def test_policy_inputs_are_prepared_as_in_training() -> None:
    dataset = chain_dataset()
    data = TrainingData.build(dataset)
    prepared = data.features(torch.from_numpy(np.array(dataset.observations)))
    np.testing.assert_allclose(prepared, data.observations[data.here], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_constant_features_are_not_standardised_by_their_rounding(kind: type) -> None:
    varied = np.random.default_rng(0).normal(size=(1000, 2)) * 1e-3 + 5.0
    constants = np.tile([0.7, -3.1e5, 0.0], (1000, 1))
    mean, scale = mean_and_scale(np.concatenate([varied, constants], axis=1).astype(kind))
    np.testing.assert_allclose(scale, [*varied.std(axis=0), 1, 1, 1], rtol=1e-3)
    seen = (np.array([5.0, 5.0, 0.7, -3.1e5, 0.0], np.float32) - mean) / scale
    assert np.abs(seen[2:]).max() < 0.1


def test_features_that_are_all_constant_stay_an_input() -> None:
    mean, scale = mean_and_scale(np.tile([2.0, 0.0, -4.0], (10, 1)))
    np.testing.assert_array_equal((np.array([2.0, 0.0, -4.0]) - mean) / scale, [1, 0, -1])
