import numpy as np
import pytest
from slow_routes import objective_by_loops, random_problem

import alberdice as ad
from alberdice.tabular import kl_divergence, objective


def xor_value(alpha, first, second):
    game = ad.games.xor()
    return objective(game.mmdp, ad.FactorizedPolicy([[first], [second]]), game.data("uniform", 0.0), alpha)


@pytest.mark.parametrize("seed", range(25))
def test_agrees_with_loops(seed):
    p = random_problem(seed)
    model = ad.MMDP(p.transition, p.reward, p.initial, p.discount)
    found = objective(model, ad.FactorizedPolicy(p.tables), ad.DataDistribution(p.data), p.alpha)
    expected = objective_by_loops(p, p.tables)
    if np.isinf(expected):
        assert found == -np.inf
    else:
        assert found == pytest.approx(expected, abs=1e-12 * (1 + abs(expected)))


def test_numbers_worked_out_by_hand():
    # XOR with uniform data: reward minus alpha times (ln 4 - entropies)
    assert xor_value(0.1, [0.5, 0.5], [0.5, 0.5]) == pytest.approx(0.5, abs=1e-15)
    assert xor_value(0.1, [0.51, 0.49], [0.49, 0.51]) == pytest.approx(0.5001599973, abs=1e-10)
    assert xor_value(0.1, [0.75, 0.25], [0.25, 0.75]) == pytest.approx(0.5988375928, abs=1e-10)
    assert xor_value(0.1, [0.75, 0.25], [0.75, 0.25]) == pytest.approx(0.3488375928, abs=1e-10)
    assert xor_value(1.0, [0.5, 0.5], [0.9, 0.1]) == pytest.approx(0.1319357928, abs=1e-10)


def test_minus_infinity_outside_the_data_only_if_alpha_is_positive():
    game = ad.games.penalty_xor()
    data, uniform = game.data("b", 0.0), ad.FactorizedPolicy.uniform(game.mmdp)
    assert objective(game.mmdp, uniform, data, 1e-3) == -np.inf
    assert objective(game.mmdp, uniform, data, 0.0) == 0.0
    inside = ad.FactorizedPolicy([[[1, 0]], [[0, 1]]])  # AB
    share = 2464 / 5000
    assert objective(game.mmdp, inside, data, 2.0) == pytest.approx(1 + 2 * np.log(share), abs=1e-14)


def test_data_outside_the_support_of_the_policy_cost_nothing():
    # a state without occupancy may have no data at all
    model = ad.MMDP(np.eye(2)[:, None], [[1.0], [5.0]], [1, 0], 0.9)
    data = ad.DataDistribution([[1.0], [0.0]])
    assert objective(model, ad.FactorizedPolicy.uniform(model), data, 1.0) == pytest.approx(1.0, abs=1e-15)


def test_kl_divergence_conventions():
    p, q = np.array([0.5, 0.5, 0.0]), np.array([0.25, 0.5, 0.25])
    assert kl_divergence(p, q) == pytest.approx(0.5 * np.log(2), abs=1e-16)
    assert kl_divergence(q, p) == np.inf
    assert kl_divergence(q, q) == 0.0
    tiny = np.array([1.0, 1e-320])  # the quotient 1 / 1e-320 would overflow
    assert np.isfinite(kl_divergence(np.array([0.5, 0.5]), tiny))
