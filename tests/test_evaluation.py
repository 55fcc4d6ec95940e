import numpy as np
import oracles
import pytest
import scipy.sparse as sp

import alberdice as ad
from alberdice import evaluation


def drawn(seed, n_states=4, n_actions=(2, 3)):
    rng = np.random.default_rng(seed)
    transition = rng.dirichlet(0.3 * np.ones(n_states), size=(n_states, *n_actions))
    model = ad.MMDP(transition, rng.normal(size=(n_states, *n_actions)), rng.dirichlet(np.ones(n_states)), 0.8)
    return model, ad.FactorizedPolicy([rng.dirichlet(np.ones(k), size=n_states) for k in n_actions])


@pytest.mark.parametrize("n_actions", [(3,), (2, 3), (2, 1, 3)])
def test_occupancy_and_values_are_discounted_sums_over_time(n_actions):
    model, policy = drawn(5, n_actions=n_actions)
    dense, tables = model.dense_transition(), list(policy)
    visits = oracles.state_occupancy_by_series(dense, tables, model.initial, 0.8)
    value = oracles.state_values(dense, model.reward, 0.8, tables)
    np.testing.assert_allclose(ad.state_occupancy(model, policy), visits, atol=1e-13)
    np.testing.assert_allclose(ad.state_values(model, policy), value, atol=1e-12)
    assert ad.discounted_return(model, policy) == pytest.approx(model.initial @ value, abs=1e-12)
    joint = ad.occupancy(model, policy)
    assert joint.shape == model.reward.shape
    assert joint.sum() == pytest.approx(1, abs=1e-14)
    np.testing.assert_allclose(joint, visits.reshape(-1, *(1,) * len(n_actions)) * policy.joint(), atol=1e-13)
    assert (joint * model.reward).sum() == pytest.approx(0.2 * ad.discounted_return(model, policy), abs=1e-13)


def test_values_of_another_reward():
    model, policy = drawn(6)
    other = np.random.default_rng(0).normal(size=model.reward.shape)
    expected = oracles.state_values(model.dense_transition(), other, 0.8, list(policy))
    np.testing.assert_allclose(ad.state_values(model, policy, other), expected, atol=1e-12)


def test_undiscounted_return_by_steps():
    model, policy = drawn(7)
    chain = oracles.state_chain(model.dense_transition(), list(policy))
    reward = (policy.joint() * model.reward).sum(axis=(1, 2))
    expected = sum(model.initial @ np.linalg.matrix_power(chain, t) @ reward for t in range(5))
    assert ad.undiscounted_return(model, policy, 5) == pytest.approx(expected, abs=1e-13)
    assert ad.undiscounted_return(model, policy, 1) == pytest.approx(model.initial @ reward, abs=1e-14)


def test_out_of_data_probability_counts_what_was_not_observed_whatever_the_floor():
    game = ad.games.xor()
    policy = ad.FactorizedPolicy([[[0.7, 0.3]], [[0.6, 0.4]]])
    expected = 0.7 * 0.6 + 0.3 * 0.4  # AA and BB
    for floor in (0.0, 1e-3):
        found = ad.out_of_data_probability(game.mmdp, policy, game.data("symmetric", floor))
        assert found == pytest.approx(expected, abs=1e-15)


def test_unreachable_states_have_no_mass():
    transition = np.zeros((2, 1, 2))
    transition[0, 0, 0] = transition[1, 0, 0] = 1.0
    model = ad.MMDP(transition, [[1.0], [5.0]], [1, 0], 0.9)
    policy = ad.FactorizedPolicy.uniform(model)
    np.testing.assert_allclose(ad.state_occupancy(model, policy), [1, 0], rtol=1e-15, atol=0)
    np.testing.assert_allclose(ad.state_values(model, policy), [10, 14])


@pytest.mark.parametrize("discount", [0.5, 0.999])
def test_iterative_route_for_many_states_agrees_with_the_factorisation(monkeypatch, discount):
    base, policy = drawn(8, n_states=30)
    model = ad.MMDP(base.transition, base.reward, base.initial, discount)
    direct = ad.state_values(model, policy), ad.state_occupancy(model, policy)
    monkeypatch.setattr(evaluation, "DIRECT_STATES", 0)
    np.testing.assert_allclose(ad.state_values(model, policy), direct[0], rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(ad.state_occupancy(model, policy), direct[1], atol=1e-11)


def krylov_fails(matrix, rhs, **_):
    return np.full(len(rhs), np.nan), 1


def test_a_failed_krylov_method_is_made_good(monkeypatch):
    model, policy = drawn(9)
    direct = ad.state_values(model, policy)
    monkeypatch.setattr(evaluation, "DIRECT_STATES", 0)
    monkeypatch.setattr(evaluation.spla, "bicgstab", krylov_fails)
    np.testing.assert_allclose(ad.state_values(model, policy), direct, rtol=1e-10, atol=1e-11)


def test_an_iterative_solve_that_misses_raises(monkeypatch):
    base, policy = drawn(9)
    model = ad.MMDP(base.transition, base.reward, base.initial, 1 - 1e-13)  # a step gains less than it rounds off
    monkeypatch.setattr(evaluation, "DIRECT_STATES", 0)
    monkeypatch.setattr(evaluation.spla, "bicgstab", krylov_fails)
    with pytest.raises(ad.SolverError, match=r"evaluation: got a residual of .*, expected 1e-10 of the right side"):
        ad.state_values(model, policy)


def test_best_undiscounted_return():
    """On Bridge the paper's optimal policies; on a two-step chain, the plan that knows how much time is left."""
    game = ad.games.bridge()
    found = evaluation.best_undiscounted_return(game.mmdp, game.horizon)
    assert found == pytest.approx(evaluation.undiscounted_return(game.mmdp, game.optimal_policies[0], game.horizon), abs=1e-12)
    transition = np.zeros((2, 2, 2))
    transition[0, 0, 0] = transition[0, 1, 1] = transition[1, :, 1] = 1.0  # action 1 leads to state 1
    model = ad.MMDP(transition, np.array([[1.0, 0.0], [5.0, 5.0]]), [1.0, 0.0], 0.9)
    assert [evaluation.best_undiscounted_return(model, h) for h in (1, 2, 3)] == [1.0, 5.0, 10.0]


@pytest.mark.parametrize(("discount", "settles"), [(0.95, True), (0.9999, False)])
def test_a_series_that_settles_equals_a_dense_solution(discount, settles):
    """A ring that nobody leaves but by chance, with one and several right-hand sides."""
    rng, size = np.random.default_rng(0), evaluation.FEW_STATES + 1
    ring = np.roll(np.eye(size), 1, axis=1)
    transition = sp.csr_array(0.999 * ring + 0.001 * np.eye(size)[rng.integers(size, size=size)])
    chain = evaluation.DiscountedChain(transition, discount)
    matrix = np.eye(size) - discount * transition.toarray()
    for rhs in (rng.normal(size=size), rng.normal(size=(size, 3))):
        np.testing.assert_allclose(chain.values(rhs), np.linalg.solve(matrix, rhs), atol=1e-12 / (1 - discount))
        np.testing.assert_allclose(chain.visits(rhs), np.linalg.solve(matrix.T, rhs), atol=1e-12 / (1 - discount))
    assert chain._mixes is settles
