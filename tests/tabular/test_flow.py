import numpy as np
import pytest
from scipy.special import logsumexp
from slow_routes import random_problem

import alberdice as ad
from alberdice.tabular.flow import Status, advantages, feasible_point, flow_residual, primal_value, upper_bound
from alberdice.tabular.reduced import reduce


def flow(seed, alphas=(0.0, 0.1, 1.0)):
    p = random_problem(seed, alphas=alphas, zeros_in_data=False)
    model = ad.MMDP(p.transition, p.reward, p.initial, p.discount)
    return reduce(model, ad.FactorizedPolicy(p.tables), 0, ad.DataDistribution(p.data), p.alpha).flow


@pytest.mark.parametrize("seed", range(15))
def test_weak_duality_for_any_multipliers_and_any_feasible_point(seed):
    problem, rng = flow(seed), np.random.default_rng(seed)
    for size in (0.1, 1.0, 30.0):
        nu = size * rng.normal(size=problem.n_states)
        point = feasible_point(problem, rng.exponential(size=problem.n_rows) ** 3)
        assert upper_bound(problem, nu) >= primal_value(problem, point) - 1e-12 * (1 + size)


@pytest.mark.parametrize("seed", range(15))
def test_upper_bound_does_not_change_with_a_constant(seed):
    problem = flow(seed)
    nu = np.random.default_rng(seed).normal(size=problem.n_states)
    assert upper_bound(problem, nu + 3.0) == pytest.approx(upper_bound(problem, nu), abs=1e-11)


@pytest.mark.parametrize("seed", range(15))
def test_feasible_point_keeps_the_policy_and_solves_the_flow_equations(seed):
    problem, rng = flow(seed), np.random.default_rng(seed)
    weights = rng.exponential(size=problem.n_rows)
    point = feasible_point(problem, weights)
    assert (point >= 0).all()
    assert flow_residual(problem, point) < 1e-14
    assert point.sum() == pytest.approx(1.0, abs=1e-13)
    for s in range(problem.n_states):
        rows = problem.state == s
        if point[rows].sum() > 0:
            np.testing.assert_allclose(point[rows] / point[rows].sum(), weights[rows] / weights[rows].sum(), atol=1e-12)


def test_flow_residual_sees_a_violation():
    problem = flow(3)
    point = feasible_point(problem, np.ones(problem.n_rows))
    point[0] += 0.125
    assert flow_residual(problem, point) > 0.01


def test_values_by_hand_on_one_state():
    # one state, two actions: c.d + alpha H(d); the bound at any nu is alpha log sum exp(c / alpha), the optimum
    game = ad.games.matrix_game([1.0, 3.0])
    policy, data = ad.FactorizedPolicy([[[0.5, 0.5]]]), ad.DataDistribution([[0.25, 0.75]])
    problem = reduce(game.mmdp, policy, 0, data, 2.0).flow
    c = np.array([1 + 2 * np.log(0.25), 3 + 2 * np.log(0.75)])
    np.testing.assert_allclose(problem.reward, c, atol=1e-15)
    d = np.array([0.4, 0.6])
    assert primal_value(problem, d) == pytest.approx(c @ d - 2 * (d @ np.log(d)), abs=1e-15)
    assert primal_value(problem, np.array([0.0, 1.0])) == pytest.approx(c[1], abs=1e-15)
    assert upper_bound(problem, np.array([5.0])) == pytest.approx(2 * logsumexp(c / 2), abs=1e-14)
    np.testing.assert_allclose(advantages(problem, np.array([5.0])), c - 5 + 0.5 * 5, atol=1e-15)


def test_every_status_says_what_to_try_next():
    assert len({status.advice for status in Status}) == len(Status)
    assert "gap proves" in Status.CERTIFIED.advice
