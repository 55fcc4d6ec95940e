import numpy as np
import pytest

import alberdice as ad


def test_from_counts_adds_the_floor_to_each_normalised_entry():
    counts = np.array([[[3.0, 0.0], [2.0, 0.0]]])
    data = ad.DataDistribution.from_counts(counts, floor=0.1)
    np.testing.assert_allclose(data.probabilities[0], np.array([[0.7, 0.1], [0.5, 0.1]]) / 1.4, atol=1e-15)
    np.testing.assert_array_equal(data.observed, counts > 0)
    assert data.probabilities.shape == (1, 2, 2)
    assert data.n_agents == 2


def test_default_floor_is_1e_10_and_zero_keeps_zeros():
    counts = [[[1, 0], [0, 1]]]
    floored = ad.DataDistribution.from_counts(counts)
    assert floored.probabilities[0, 0, 1] == pytest.approx(1e-10 / (1 + 4e-10), rel=1e-12)
    exact = ad.DataDistribution.from_counts(counts, floor=0)
    assert exact.probabilities[0, 0, 1] == 0.0
    np.testing.assert_array_equal(exact.observed, floored.observed)
    np.testing.assert_allclose(exact.floored(1e-10).probabilities, floored.probabilities, atol=1e-16)


@pytest.mark.parametrize("scale", [1e-300, 1.0, 5e307])
def test_counts_of_any_size_give_the_same_distribution(scale):
    data = ad.DataDistribution.from_counts(np.array([[[1.0, 2.0], [3.0, 2.0]]]) * scale, floor=0)
    np.testing.assert_allclose(data.probabilities[0], np.array([[1, 2], [3, 2]]) / 8, rtol=1e-14)


def test_observed_part_undoes_the_floor():
    counts = np.array([[[3.0, 0.0], [1.0, 0.0]]])
    back = ad.DataDistribution.from_counts(counts, floor=1e-3).observed_part()
    # The floor moved the observed entries too: (3/4 + f) and (1/4 + f).
    np.testing.assert_allclose(back.probabilities[0], np.array([[0.751, 0], [0.251, 0]]) / 1.002, atol=1e-15)
    np.testing.assert_array_equal(back.observed, counts > 0)


def test_marginals_and_behaviour_by_hand_with_a_state_without_data():
    # states 0 and 1, agents with 2 and 3 actions; state 1 has no data
    joint = np.zeros((2, 2, 3))
    joint[0] = [[0.1, 0.0, 0.2], [0.3, 0.4, 0.0]]
    data = ad.DataDistribution(joint)
    np.testing.assert_allclose(data.state_marginal(), [1, 0])
    np.testing.assert_allclose(data.agent_marginal(0), [[0.3, 0.7], [0, 0]])
    np.testing.assert_allclose(data.agent_marginal(1), [[0.4, 0.4, 0.2], [0, 0, 0]])
    behaviour = data.behaviour_policy()
    np.testing.assert_allclose(behaviour[0], [[0.3, 0.7], [0.5, 0.5]])
    np.testing.assert_allclose(behaviour[1], [[0.4, 0.4, 0.2], [1 / 3] * 3])
    np.testing.assert_allclose(data.joint_conditional()[1], np.full((2, 3), 1 / 6))
    np.testing.assert_allclose(data.joint_conditional()[0], joint[0])


def test_conditionals_divide_by_the_state_s_mass():
    joint = np.zeros((2, 2, 2))
    joint[0], joint[1] = [[0.1, 0.1], [0.0, 0.2]], [[0.6, 0.0], [0.0, 0.0]]
    data = ad.DataDistribution(joint)
    np.testing.assert_allclose(data.behaviour_policy()[0], [[0.5, 0.5], [1, 0]])
    np.testing.assert_allclose(data.behaviour_policy()[1], [[0.25, 0.75], [1, 0]])
    np.testing.assert_allclose(data.joint_conditional()[0], [[0.25, 0.25], [0, 0.5]])


def test_mixture_pools_distributions_and_what_was_seen():
    first = ad.DataDistribution.from_counts([[1, 0, 0]], floor=0)
    second = ad.DataDistribution.from_counts([[0, 1, 1]], floor=0)
    mixed = ad.DataDistribution.mixture([first, second], [0.25, 0.75])
    np.testing.assert_allclose(mixed.probabilities, [[0.25, 0.375, 0.375]])
    assert mixed.observed.all()
    alone = ad.DataDistribution.mixture([first, second], [1.0, 0.0])
    np.testing.assert_array_equal(alone.observed, first.observed)


def test_observed_can_be_given_and_defaults_to_the_support():
    probabilities = [[0.5, 0.5, 0.0]]
    np.testing.assert_array_equal(ad.DataDistribution(probabilities).observed, [[True, True, False]])
    given = ad.DataDistribution(probabilities, [[True, False, False]])
    np.testing.assert_array_equal(given.observed, [[True, False, False]])
    assert repr(given) == "DataDistribution(shape=(1, 3), observed=1 of 3)"


def test_data_are_read_only_copies():
    raw = np.array([[0.5, 0.5]])
    data = ad.DataDistribution(raw)
    raw[0] = [1, 0]
    assert data.probabilities[0, 0] == 0.5
    for array in (data.probabilities, data.observed):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 0
