"""J(x r + k, x alpha) = x J(r, alpha) + k: statuses, thresholds and policies know neither the unit nor the zero of rewards."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import problems

import alberdice as ad
from alberdice.tabular import alternate, best_response
from alberdice.tabular.flow import Status

SCALES = st.floats(-9, 9).map(lambda x: float(10.0**x))


def moved(model, scale, shift):
    return ad.MMDP(model.transition, scale * model.reward + shift, model.initial, model.discount)


@settings(max_examples=15)
@given(problems(data_zeros=0.0), st.integers(-15, 15))
def test_powers_of_four_change_no_step(p, power):
    """Scaling by a power of four, and its square root, are exact in float64, and so is every step but for the order of sums."""
    scale = 4.0**power
    base = best_response(*p.turn)
    other = best_response(moved(p.model, scale, 0.0), p.policy, p.agent, p.data, scale * p.alpha)
    assert (other.status, other.iterations) == (base.status, base.iterations)
    np.testing.assert_allclose(other.policy, base.policy, atol=1e-11)
    assert other.value / scale == pytest.approx(base.value, abs=1e-13 * (1 + abs(base.value)))


@settings(max_examples=10)
@given(problems(data_zeros=0.0), SCALES, SCALES, st.sampled_from([-1.0, 0.0, 1.0]))
def test_runs_scale_and_shift(p, scale, shift, sign):
    """x and k from 1e-9 to 1e9; k is limited by what float64 keeps of x r + k: 1e-6 of the range of x r."""
    unit = np.ptp(p.model.reward) + p.alpha
    constant = sign * min(shift, 1e9 * scale * unit)
    base = alternate(p.model, p.data, p.alpha, rounds=60)
    other = alternate(moved(p.model, scale, constant), p.data, scale * p.alpha, rounds=60)
    lost = 1e-15 * abs(constant) / (scale * unit)  # of the rewards' digits, relative to the unit
    slack = (2e-9 + 1e3 * lost) * unit
    assert other.threshold == pytest.approx(scale * base.threshold, rel=1e-5)
    if lost < 1e-12:
        assert (other.converged, other.second_order.is_saddle) == (base.converged, base.second_order.is_saddle)
        assert abs(other.rounds - base.rounds) <= 1
    assert (other.nash.value - constant) / scale == pytest.approx(base.nash.value, abs=slack + 1e-15 * abs(constant) / scale)
    assert other.nash.epsilon / scale <= base.nash.epsilon + slack


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
@pytest.mark.parametrize("shift", [0.0, 1.0, 1e6])
def test_xor_from_a_minor_asymmetry_goes_all_the_way(scale, shift):
    game = ad.games.xor()
    start = ad.FactorizedPolicy([[[0.501, 0.499]], [[0.499, 0.501]]])
    run = alternate(moved(game.mmdp, scale, scale * shift), game.data("uniform", 0.0), 0.1 * scale, start=start)
    assert run.converged
    assert run.nash.value / scale - shift == pytest.approx(0.8613796478, abs=2e-9)


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_bridge_in_other_units(scale):
    game = ad.games.bridge()
    run = alternate(moved(game.mmdp, scale, 0.0), game.data("mix"), 0.001 * scale, second_order=False)
    assert run.nash.value / scale == pytest.approx(-0.0127844021, abs=1e-9)


@pytest.mark.parametrize("shift", [1e8, -1e12])
def test_a_shifted_garnet_has_the_same_policies(shift):
    generator = np.random.default_rng(0)
    model = ad.games.garnet(20, (3, 3), 4, generator=generator, discount=0.9)
    data = ad.games.random_data(model, generator)
    base, other = alternate(model, data, 0.1), alternate(moved(model, 1.0, shift), data, 0.1)
    assert other.converged
    for a, b in zip(base.policy, other.policy, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4 * max(1.0, abs(shift) / 1e10))


@pytest.mark.parametrize("alpha", [0.0, 1e-8, 1e6])
@pytest.mark.parametrize("reward", [0.0, 3.0, -1e9])
def test_one_state_and_one_action(alpha, reward):
    model = ad.MMDP(np.ones((1, 1, 1)), [[reward]], [1.0], 0.99)
    found = best_response(model, ad.FactorizedPolicy([[[1.0]]]), 0, ad.DataDistribution([[1.0]]), alpha)
    assert found.status is Status.CERTIFIED
    assert found.value == pytest.approx(reward, abs=1e-9 * alpha)
