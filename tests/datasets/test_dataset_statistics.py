"""Statistics against sums written out by hand and slow counts."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from dataset_samples import sample_dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from alberdice.datasets import EpisodeArrays, OfflineDataset, concatenate, from_episodes, joint_action_counts, summarise
from alberdice.datasets.statistics import row_keys


def plays(*joint: tuple[int, ...], n_actions: tuple[int, ...] = (2, 2)) -> OfflineDataset:
    rows = np.ones((2, 1))
    episodes = [
        EpisodeArrays(rows, np.ones((2, len(n_actions), 1)), np.array([a]), np.array([float(sum(a))]), terminated=True)
        for a in joint
    ]
    return from_episodes("plays", n_actions, episodes)


def test_the_xor_dataset_by_hand() -> None:
    summary = summarise(plays((0, 0), (0, 1), (1, 0)))
    assert summary.joint_actions == 3
    assert summary.joint_action_space == 4
    assert summary.joint_action_coverage == 0.75
    assert summary.joint_action_entropy == pytest.approx(math.log(3))
    assert summary.action_frequencies == ((2 / 3, 1 / 3), (2 / 3, 1 / 3))
    assert summary.product_outside_support == pytest.approx(1 / 9)
    marginal = -(2 / 3) * math.log(2 / 3) - (1 / 3) * math.log(1 / 3)
    assert summary.total_correlation == pytest.approx(2 * marginal - math.log(3))
    assert summary.returns.mean == pytest.approx(2 / 3)
    assert summary.returns.maximum == 1
    assert summary.most_frequent == (((0, 0), 1), ((0, 1), 1), ((1, 0), 1))
    assert any("11.1% of the time" in warning for warning in summary.warnings)


def test_independent_agents_have_no_correlation() -> None:
    summary = summarise(plays(*itertools.product(range(2), range(3)), n_actions=(2, 3)))
    assert summary.total_correlation == pytest.approx(0, abs=1e-12)
    assert summary.product_outside_support == pytest.approx(0, abs=1e-12)
    assert summary.joint_action_entropy == pytest.approx(math.log(6))


def test_duplicates_are_counted() -> None:
    data = sample_dataset(np.random.default_rng(0))
    twice = concatenate("twice", [data, data])
    summary = summarise(twice)
    assert summary.duplicate_episodes == 4
    assert summary.duplicate_transitions == data.n_steps
    assert summary.distinct_states == data.n_steps
    assert summarise(data).duplicate_episodes == 0
    assert any("4 of 8 episodes repeat" in warning for warning in summary.warnings)


def test_episodes_that_differ_in_order_only_are_no_duplicates() -> None:
    rows, seen = np.ones((4, 1)), np.ones((4, 2, 1))
    forward, backward = (
        EpisodeArrays(rows, seen, np.array(actions), np.zeros(3), terminated=True)
        for actions in ([[0, 1], [1, 0], [0, 0]], [[1, 0], [0, 1], [0, 0]])
    )
    assert summarise(from_episodes("x", (2, 2), [forward, backward])).duplicate_episodes == 0
    assert summarise(from_episodes("x", (2, 2), [forward, forward])).duplicate_episodes == 1


def test_warnings_name_what_is_missing() -> None:
    data = sample_dataset(np.random.default_rng(0), known=False, n_actions=(3, 4, 2), state_size=0, masks=False)
    text = " ".join(summarise(data).warnings)
    assert "steps are no transitions" in text
    assert "no global state" in text
    assert "nothing about available actions" in text
    lazy = plays((0, 0), (0, 0))
    text = " ".join(summarise(lazy).warnings)
    assert "Agent 1 never takes action 1." in text
    assert "Every reward is 0" in text
    fixed = sample_dataset(np.random.default_rng(0), lengths=(5, 5), ends="terminated")
    assert any("time limit may" in warning for warning in summarise(fixed).warnings)


@settings(max_examples=30, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 8), min_size=1, max_size=5),
    n_actions=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    seed=st.integers(0, 999),
)
def test_counts_against_a_dictionary(lengths: list[int], n_actions: list[int], seed: int) -> None:
    data = sample_dataset(np.random.default_rng(seed), lengths=tuple(lengths), n_actions=tuple(n_actions))
    slow: dict[tuple[int, ...], int] = {}
    for row in data.actions.tolist():
        slow[tuple(row)] = slow.get(tuple(row), 0) + 1
    actions, counts = joint_action_counts(data)
    assert {tuple(a): int(c) for a, c in zip(actions.tolist(), counts, strict=True)} == slow
    summary = summarise(data)
    assert summary.joint_action_entropy == pytest.approx(
        -sum(c / data.n_steps * math.log(c / data.n_steps) for c in slow.values())
    )
    assert summary.returns.mean == pytest.approx(np.mean([e.undiscounted_return for e in data.episodes]))
    assert summary.lengths.maximum == max(lengths)
    assert summary.total_correlation is None or summary.total_correlation >= 0
    assert 0 <= summary.product_outside_support < 1


def test_joint_actions_beyond_64_bits() -> None:
    rng = np.random.default_rng(0)
    data = sample_dataset(rng, n_actions=(9,) * 25)
    assert summarise(data).joint_actions == len({tuple(row) for row in data.actions.tolist()})


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.uint8, np.int64, np.bool_])
def test_row_keys_tell_rows_apart(kind: type) -> None:
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 2, (400, 7)).astype(kind)
    keys = row_keys(rows)
    assert len(np.unique(keys, axis=0)) == len(np.unique(rows, axis=0))
    order = np.lexsort(rows.T)
    same = (rows[order][1:] == rows[order][:-1]).all(axis=1)
    np.testing.assert_array_equal((keys[order][1:] == keys[order][:-1]).all(axis=1), same)
    if np.dtype(kind).kind == "f":
        np.testing.assert_array_equal(row_keys(np.array([[0.0]], kind)), row_keys(np.array([[-0.0]], kind)))
