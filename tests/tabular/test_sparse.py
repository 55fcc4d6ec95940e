"""Models and data at observed joint actions: equal to the dense layer where both work, and at work where it cannot."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import generators

import alberdice as ad
from alberdice.tabular import alternate, best_response, joint_bound, nash_certificate, objective, second_order_certificate
from alberdice.tabular.reduced import averaged_transition


def sparse_case(rng, n_agents, n_actions=3, n_states=4, pairs=40, floor_mass=1e-3, even=True):
    """Random pairs, rewards, successors and counts; unlisted joint actions stay where they are and pay -1."""
    drawn = np.column_stack([rng.integers(n_states, size=pairs), rng.integers(n_actions, size=(pairs, n_agents))])
    drawn = np.unique(drawn, axis=0)
    count = len(drawn)
    transition = rng.dirichlet(np.ones(n_states), size=count)
    model = ad.SparseMMDP(
        drawn[:, 0],
        drawn[:, 1:],
        (n_actions,) * n_agents,
        rng.normal(size=count),
        sp.csr_array(transition),
        np.full(n_states, -1.0),
        sp.csr_array(sp.eye_array(n_states)),
        np.full(n_states, 1 / n_states),
        0.9,
    )
    weights = np.eye(n_states)[-1] * 3.0 if even else None
    counts = rng.integers(1, 20, size=count)
    data = ad.SparseDataDistribution(drawn[:, 0], drawn[:, 1:], (n_actions,) * n_agents, counts, n_states, floor_mass, weights)
    policy = ad.FactorizedPolicy([rng.dirichlet(np.ones(n_actions), size=n_states) for _ in range(n_agents)])
    return model, data, policy


@settings(max_examples=10)
@given(generators(), st.integers(1, 4), st.sampled_from([0.0, 0.01, 0.5, 5.0]), st.booleans())
def test_equals_the_dense_layer(rng, n_agents, alpha, even):
    model, data, policy = sparse_case(rng, n_agents, even=even)
    dense, written = model.dense(), data.dense()
    assert objective(model, policy, data, alpha) == pytest.approx(objective(dense, policy, written, alpha), abs=1e-12)
    assert data.mean(model) == pytest.approx(written.mean(dense), abs=5e-3)  # the written floor lies on seen pairs too
    for value in (ad.discounted_return, lambda m, p: ad.undiscounted_return(m, p, 7)):
        assert value(model, policy) == pytest.approx(value(dense, policy), abs=1e-11)
    outside = [ad.out_of_data_probability(m, policy, d) for m, d in ((model, data), (dense, written), (model, written))]
    np.testing.assert_allclose(outside, outside[0], atol=1e-13)
    for a, b in zip(data.behaviour_policy(), written.behaviour_policy(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)
    agent = int(rng.integers(n_agents))
    np.testing.assert_allclose(
        averaged_transition(model, policy, agent).toarray(), averaged_transition(dense, policy, agent).toarray(), atol=1e-13
    )
    ours, theirs = best_response(model, policy, agent, data, alpha), best_response(dense, policy, agent, written, alpha)
    assert ours.value == pytest.approx(theirs.value, abs=1e-9)
    bounds = [joint_bound(model, data, alpha), joint_bound(dense, written, alpha)]
    assert bounds[0].objective == pytest.approx(bounds[1].objective, abs=5e-6)
    assert bounds[0].reward == pytest.approx(bounds[1].reward, abs=5e-6)
    if alpha > 0 and n_agents > 1:
        curves = [second_order_certificate(*m, alpha) for m in ((model, policy, data), (dense, policy, written))]
        assert curves[0].curvature == pytest.approx(curves[1].curvature, abs=1e-7)


@settings(max_examples=5)
@given(generators(), st.booleans())
def test_runs_never_fall_and_end_nash_on_both(rng, dense):
    """Lemma 4.1 and Theorem 4.2: one value for all agents, which never falls, and whose limit no agent can improve."""
    model, data, policy = sparse_case(rng, 3)
    if dense:
        model, data = model.dense(), data.dense()
    run = alternate(model, data, 0.1, start=policy)
    assert np.diff(np.concatenate([[run.start_value], run.values])).min() >= -1e-9
    assert run.converged
    assert run.nash.epsilon <= 10 * run.threshold
    assert run.values[-1] == pytest.approx(objective(model, run.policy, data, 0.1), abs=1e-9)
    for agent in range(3):  # the value of every agent's own problem is the common one
        found = best_response(model, run.policy, agent, data, 0.1)
        assert found.value == pytest.approx(run.nash.value, abs=1e-7)
    assert run.nash.value <= run.bound.objective


@pytest.mark.slow
def test_sixty_four_agents():
    """3^64 joint actions: a run with its certificates, from 300 observed pairs."""
    rng = np.random.default_rng(0)
    model, data, _ = sparse_case(rng, 64, pairs=300)
    with pytest.raises(ad.ResourceError, match="keep the sparse form"):
        model.dense()
    run = alternate(model, data, 0.05, rounds=30)
    assert np.diff(run.values).min() >= -1e-9
    assert run.nash.epsilon < 1e-6
    assert run.nash.value <= run.bound.objective
    guided = alternate(model, data, 0.05, start=run.bound.modes, rounds=30, bound=run.bound)
    assert guided.gap < run.gap + 1e-9
    assert nash_certificate(model, guided.policy, data, 0.05).epsilon < 1e-6
    assert ad.out_of_data_probability(model, guided.policy, data) < 0.2


def test_no_floor_keeps_exact_zeros():
    model, data, policy = sparse_case(np.random.default_rng(1), 3, floor_mass=0.0, even=False)
    assert objective(model, policy, data, 0.1) == -np.inf
    with pytest.raises(ad.InfeasibleError, match="the others reach joint actions without data"):
        best_response(model, policy, 0, data, 0.1)
    with pytest.raises(ad.InfeasibleError, match="the others reach joint actions without data"):
        best_response(model.dense(), policy, 0, data.dense(), 0.1)


def test_bad_pairs_are_refused():
    start = np.array([1.0])
    one = sp.csr_array(np.ones((1, 1)))
    for state, actions, match in (
        ([1], [[0, 0]], r"state\[0\]: got 1, expected 0 to 0"),
        ([0], [[0, 2]], r"actions\[0, 1\]: got 2, expected 0 to 1"),
        ([0], [[0.5, 0]], "actions: got .*whole numbers"),
    ):
        with pytest.raises(ad.InvalidModelError, match=match):
            ad.SparseMMDP(state, actions, (2, 2), [1.0], one, [0.0], one, start, 0.5)
    two = sp.csr_array(np.ones((2, 1)))
    with pytest.raises(ad.InvalidModelError, match=r"pair 1: got \[s=0, a=\(0, 0\)\] a second time"):
        ad.SparseMMDP([0, 0], [[0, 0], [0, 0]], (2, 2), [1.0, 2.0], two, [0.0], one, start, 0.5)
    with pytest.raises(ad.InvalidDataError, match=r"counts\[0\]: got 0"):
        ad.SparseDataDistribution([0], [[0, 0]], (2, 2), [0.0], 1)
