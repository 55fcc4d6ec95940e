import copy
import pickle

import numpy as np
import pytest
import scipy.sparse as sp

import alberdice as ad


def arrays(seed: int, n_states: int = 3, n_actions: tuple[int, ...] = (2, 4)):
    rng = np.random.default_rng(seed)
    transition = rng.dirichlet(np.ones(n_states), size=(n_states, *n_actions))
    return transition, rng.normal(size=(n_states, *n_actions)), rng.dirichlet(np.ones(n_states))


@pytest.mark.parametrize("n_actions", [(3,), (2, 4), (3, 1, 2), (2, 2, 2, 2)])
def test_sizes_of_any_number_of_agents_and_unequal_actions(n_actions):
    transition, reward, initial = arrays(0, 5, n_actions)
    model = ad.MMDP(transition, reward, initial, 0.9)
    assert (model.n_states, model.n_agents, model.n_actions) == (5, len(n_actions), n_actions)
    assert model.n_joint_actions == np.prod(n_actions)
    assert model.transition.shape == (5 * np.prod(n_actions), 5)
    np.testing.assert_allclose(model.dense_transition(), transition, rtol=0, atol=1e-15)
    assert model.reward.dtype == model.initial.dtype == model.transition.dtype == np.float64


def test_row_of_a_joint_action_is_in_c_order():
    transition, reward, initial = arrays(1, 4, (2, 3))
    model = ad.MMDP(transition, reward, initial, 0.9)
    row = 2 * 6 + 1 * 3 + 2  # state 2, joint action (1, 2)
    np.testing.assert_allclose(model.transition.toarray()[row], transition[2, 1, 2], atol=1e-15)


@pytest.mark.parametrize("kind", [sp.csr_array, sp.csc_matrix, sp.coo_array, sp.lil_array])
def test_sparse_transition_is_the_same_model(kind):
    transition, reward, initial = arrays(2)
    dense = ad.MMDP(transition, reward, initial, 0.5)
    sparse = ad.MMDP(kind(transition.reshape(-1, 3)), reward, initial, 0.5)
    np.testing.assert_allclose(dense.dense_transition(), sparse.dense_transition(), rtol=1e-15, atol=0)


def test_duplicate_and_explicit_zero_entries_of_a_sparse_transition():
    rows, columns, values = [0, 0, 0, 1, 1], [0, 0, 1, 1, 0], [0.25, 0.25, 0.5, 1.0, 0.0]
    model = ad.MMDP(sp.coo_array((values, (rows, columns)), shape=(2, 2)), np.zeros((2, 1)), [1, 0], 0.5)
    np.testing.assert_array_equal(model.dense_transition()[:, 0], [[0.5, 0.5], [0, 1]])
    assert model.transition.nnz == 3


def test_sums_off_by_rounding_are_divided_out():
    transition = np.array([[[1 / 3 + 3e-10, 2 / 3]], [[0.0, 1.0]]])
    for given in (transition, sp.csr_array(transition.reshape(2, 2))):
        model = ad.MMDP(given, np.zeros((2, 1)), [0.5, 0.5 - 5e-10], 0.5)
        assert abs(model.dense_transition()[0, 0].sum() - 1) < 1e-15
        assert abs(model.initial.sum() - 1) < 1e-15


def test_whole_numbers_and_lists_are_accepted_and_become_float64():
    model = ad.MMDP([[[1]]], [[3]], [1], 0.5)
    assert model.reward.dtype == np.float64
    assert model.reward[0, 0] == 3.0


def test_the_model_is_a_read_only_copy():
    transition, reward, initial = arrays(3)
    sparse = sp.csr_array(transition.reshape(-1, 3))
    model, other = ad.MMDP(transition, reward, initial, 0.5), ad.MMDP(sparse, reward, initial, 0.5)
    before = model.reward[0, 0, 0], model.initial[0], model.transition.data[0], other.transition.data[0]
    for array in (transition, reward, initial, sparse.data):
        array[:] = 7.0
    assert (model.reward[0, 0, 0], model.initial[0], model.transition.data[0], other.transition.data[0]) == before
    for array in (model.reward, model.initial, model.transition.data, other.transition.indices):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_repr_names_the_sizes():
    assert repr(ad.games.xor().mmdp) == "MMDP(n_states=1, n_actions=(2, 2), discount=0.5, nonzeros=4)"


@pytest.mark.parametrize("through", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_model_survives_copies_and_pickles(through):
    model = ad.MMDP(*arrays(4), 0.5)
    again = through(model)
    np.testing.assert_array_equal(again.dense_transition(), model.dense_transition())
    assert (again.discount, again.n_actions) == (model.discount, model.n_actions)
