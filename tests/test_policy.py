import itertools

import numpy as np
import pytest

import alberdice as ad

SIZES = [(3,), (2, 4), (3, 1, 2)]


def tables(n_actions, n_states=3, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.dirichlet(np.ones(k), size=n_states) for k in n_actions]


@pytest.mark.parametrize("n_actions", SIZES)
def test_joint_others_and_average_by_loops(n_actions):
    given = tables(n_actions)
    policy = ad.FactorizedPolicy(given)
    values = np.random.default_rng(1).normal(size=(3, *n_actions))
    assert (policy.n_agents, policy.n_states, policy.n_actions) == (len(n_actions), 3, n_actions)
    assert policy.joint().shape == (3, *n_actions)
    averages = [np.zeros((3, k)) for k in n_actions]
    for s in range(3):
        for joint in itertools.product(*map(range, n_actions)):
            each = [given[i][s, a] for i, a in enumerate(joint)]
            assert policy.joint()[(s, *joint)] == pytest.approx(np.prod(each), abs=1e-15)
            for i in range(len(n_actions)):
                rest = np.prod(each[:i] + each[i + 1 :])
                squeezed = tuple(0 if j == i else a for j, a in enumerate(joint))
                assert policy.others(i)[(s, *squeezed)] == pytest.approx(rest, abs=1e-15)
                averages[i][s, joint[i]] += rest * values[(s, *joint)]
    for i, expected in enumerate(averages):
        np.testing.assert_allclose(policy.average_over_others(values, i), expected, atol=1e-13)


def test_uniform_and_deterministic():
    model = ad.games.matrix_game(np.zeros((2, 3))).mmdp
    uniform = ad.FactorizedPolicy.uniform(model)
    np.testing.assert_allclose(uniform.joint()[0], np.full((2, 3), 1 / 6), atol=1e-16)
    fixed = ad.FactorizedPolicy.deterministic([[1, 0], [0, 2]], (2, 3))
    assert fixed.joint()[0, 1, 0] == fixed.joint()[1, 0, 2] == 1.0
    assert fixed.joint().sum() == 2.0


def test_replace_changes_one_agent_only():
    policy = ad.FactorizedPolicy(tables((2, 3)))
    new = np.eye(3)
    changed = policy.replace(1, new)
    np.testing.assert_array_equal(changed[1], new)
    np.testing.assert_array_equal(changed[0], policy[0])
    assert not np.array_equal(policy[1], new)


def test_sequence_protocol_and_repr():
    given = tables((2, 3))
    policy = ad.FactorizedPolicy(given)
    assert len(policy) == len(list(policy)) == 2
    np.testing.assert_allclose(policy[1], given[1])
    assert repr(policy) == "FactorizedPolicy(n_states=3, n_actions=(2, 3))"


def test_tables_are_read_only_copies_and_normalised():
    given = [np.array([[0.5, 0.5 + 5e-10]])]
    policy = ad.FactorizedPolicy(given)
    assert abs(policy[0].sum() - 1) < 1e-15
    given[0][0] = [1, 0]
    assert policy[0][0, 0] == pytest.approx(0.5)
    with pytest.raises(ValueError, match="read-only"):
        policy[0][0, 0] = 1.0


def test_an_array_of_equal_tables_is_one_table_per_agent():
    policy = ad.FactorizedPolicy(np.full((2, 4, 3), 1 / 3))
    assert (policy.n_agents, policy.n_states) == (2, 4)


def test_fits_is_silent_when_it_fits():
    ad.FactorizedPolicy(tables((2, 2), 1)).check_fits(ad.games.xor().mmdp)
