"""Features a few rows at a time are those of all rows at once, bit for bit."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from alberdice.datasets import load_dataset
from alberdice.deep.batches import features
from alberdice.deep.batches.features import Features, levels_of, mean_and_scale, standardised


def at_once(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation by NumPy, constants as the definition says."""
    plain = values.astype(np.float64)
    mean, spread, size = plain.mean(axis=0), plain.std(axis=0), np.abs(plain).max(axis=0)
    kind = values.dtype if values.dtype.kind == "f" else np.dtype(np.float64)
    constant = np.ptp(plain, axis=0) <= 8 * np.finfo(kind).eps * size
    alone = np.broadcast_to(constant.all(axis=-1, keepdims=True), constant.shape)
    scale = np.where(constant, np.where(alone & (size > 0), size, 1.0), spread)
    return np.where(alone, 0.0, mean), scale


#: a row at a time, but for the longest
SHAPES = [(1000, 1), (1000, 1, 1), (1000, 2), (1003, 3, 5), (7, 2, 3), (1, 4)]
PIECES = [*itertools.product(SHAPES, [1, 10, 999, 1 << 21]), *itertools.product([(20_001, 6)], [10, 999, 1 << 21])]


@pytest.mark.parametrize(("shape", "piece"), PIECES)
@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int8, np.uint16])
def test_moments(shape: tuple[int, ...], kind: type, piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "PIECE", piece)
    generator = np.random.default_rng(0)
    values = (generator.normal(size=shape) * 50 + 60).astype(kind)
    values[..., 0] = 3
    for mine, theirs in zip(mean_and_scale(values), at_once(values), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    chosen = np.flatnonzero(generator.random(len(values)) < 0.8)
    if len(chosen):
        for mine, theirs in zip(mean_and_scale(values, chosen), at_once(values[chosen]), strict=True):
            np.testing.assert_array_equal(mine, theirs)
        assert str(levels_of(values, 8, chosen)) == str(levels_of(values[chosen], 8))


@pytest.mark.parametrize("standardise", [True, False])
@pytest.mark.parametrize("levels", [0, 8])
def test_frames(standardise: bool, levels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    data = load_dataset("bridge-mix")
    usable, kept = data.usable[3:], np.arange(5, len(data.frame_states), 7)
    mean, scale = at_once(data.states[usable]) if standardise else (np.zeros(data.state_size), np.ones(data.state_size))
    plain = torch.from_numpy((data.frame_states[kept] - mean) / scale).float()
    shown = data.observations[usable]
    centre, spread = at_once(shown) if standardise else (np.zeros(shown.shape[1:]), np.ones(shown.shape[1:]))
    by = Features(torch.from_numpy(centre), torch.from_numpy(spread), levels_of(shown, levels))
    seen = by(torch.from_numpy(data.frame_observations[kept].astype(np.float64)))
    monkeypatch.setattr(features, "PIECE", 64)
    states, inputs, found = standardised(data, usable, kept, standardise, levels)
    assert torch.equal(states[:-1, :-1], plain)
    assert states[-1].tolist() == [0.0] * data.state_size + [1.0]
    assert not states[:-1, -1].any()
    assert torch.equal(inputs[:-1], seen)
    assert not inputs[-1].any()
    assert torch.equal(found.mean, by.mean)
    assert torch.equal(found.scale, by.scale)
