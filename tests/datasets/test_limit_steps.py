"""The last step before a time limit: seen where its reward is the recorder's, and left out."""

from __future__ import annotations

import numpy as np
import pytest

from alberdice.datasets import make_builtin, summarise
from alberdice.datasets.build import EpisodeArrays, from_episodes
from alberdice.datasets.limit_steps import limit_step_warning, without_limit_steps
from alberdice.errors import InvalidDataError


@pytest.fixture(scope="module")
def recorded() -> object:
    return make_builtin("zoo-corridor-cut")


def test_the_warning_and_its_end(recorded) -> None:
    warning = limit_step_warning(recorded)
    assert "truncated last steps have reward 0, no other step of these episodes does" in warning
    assert warning in summarise(recorded).warnings
    assert limit_step_warning(without_limit_steps(recorded)) == ""
    assert limit_step_warning(make_builtin("zoo-corridor")) == ""
    assert limit_step_warning(make_builtin("matrix-a")) == ""


def test_what_is_left_is_as_it_was(recorded) -> None:
    left = without_limit_steps(recorded)
    cut = recorded.truncated & ~recorded.terminated
    assert left.n_steps == recorded.n_steps - cut.sum()
    np.testing.assert_array_equal(left.actions, recorded.actions[~cut])
    np.testing.assert_array_equal(left.rewards, recorded.rewards[~cut])
    np.testing.assert_array_equal(left.states, recorded.states[~cut])
    np.testing.assert_array_equal(left.next_states, recorded.next_states[~cut])
    assert left.truncated.sum() == cut.sum()
    np.testing.assert_array_equal(left.terminated, recorded.terminated[~cut])


def test_nothing_left_is_an_error() -> None:
    one = EpisodeArrays(np.ones((2, 1)), np.ones((2, 2, 1)), np.zeros((1, 2), int), np.zeros(1), terminated=False)
    with pytest.raises(InvalidDataError, match="a step before it"):
        without_limit_steps(from_episodes("one", (2, 2), [one] * 3))


def test_bridge_as_recorded() -> None:
    data = make_builtin("bridge-optimal-asrecorded")
    assert data.state_size == 8
    assert (np.ptp(data.states, axis=0) == 0).sum() == 4
    pairs = len(np.unique(np.concatenate([data.states, data.actions], axis=1), axis=0))
    assert pairs > 16  # idle agents move at random
    assert np.unique(data.returns.round(9)).tolist() == pytest.approx([-1.2354525996])
