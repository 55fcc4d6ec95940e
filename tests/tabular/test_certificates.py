import numpy as np
import pytest
from slow_routes import Problem, linear_programme, mirror_ascent, objective_by_loops, random_problem

import alberdice as ad
from alberdice.tabular import alternate, nash_certificate


@pytest.mark.parametrize("seed", range(40))
def test_gains_bound_what_a_slow_route_finds(seed):
    p = random_problem(seed, zeros_in_data=False)
    model = ad.MMDP(p.transition, p.reward, p.initial, p.discount)
    policy, data = ad.FactorizedPolicy(p.tables), ad.DataDistribution(p.data)
    certificate = nash_certificate(model, policy, data, p.alpha)
    value = objective_by_loops(p, p.tables)
    assert certificate.value == pytest.approx(value, abs=1e-12 * (1 + abs(value)))
    assert certificate.epsilon == certificate.gains.max()
    assert certificate.gains.shape == (p.n_agents,)
    for agent, gain in enumerate(certificate.gains):
        best = linear_programme(p, agent) if p.alpha == 0 else mirror_ascent(p, agent)[0]
        assert gain == pytest.approx(max(best - value, 0.0), abs=1e-6)


@pytest.mark.parametrize("method", ["interior-point", "cvxpy"])
def test_gains_by_hand(method):
    """alpha = 0 on the stag hunt: hare against stag gains 4 for either agent; at (stag, stag) nobody gains."""
    game = ad.games.stag_hunt()
    apart, together = (ad.FactorizedPolicy([[a], [[1, 0]]]) for a in ([0, 1], [1, 0]))
    found = nash_certificate(game.mmdp, apart, game.data("uniform"), 0.0, method=method)
    np.testing.assert_allclose(found.gains, [6, 4], atol=1e-6)
    assert found.value == -2.0
    assert nash_certificate(game.mmdp, together, game.data("uniform"), 0.0, method=method).epsilon < 1e-6


def test_gains_are_never_negative():
    game = ad.games.penalty_xor()
    run = alternate(game.mmdp, game.data("d"), 0.2)
    assert (nash_certificate(game.mmdp, run.policy, game.data("d"), 0.2).gains >= 0).all()


def test_problem_helper_is_used_as_the_package_uses_it():
    """The slow route's own objective at a known answer, so that it can be trusted above."""
    uniform = [np.array([[0.5, 0.5]])] * 2
    payoff, data = np.array([[[0.0, 1], [1, 0]]]), np.full((1, 2, 2), 0.25)
    xor = Problem(np.ones((1, 2, 2, 1)), payoff, np.ones(1), 0.5, uniform, data, 0.1)
    assert objective_by_loops(xor, uniform) == pytest.approx(0.5, abs=1e-15)
    value, distance, policy = mirror_ascent(xor, 0)
    assert value == pytest.approx(0.5, abs=1e-12)
    assert distance < 1e-7
    np.testing.assert_allclose(policy, [[0.5, 0.5]])
