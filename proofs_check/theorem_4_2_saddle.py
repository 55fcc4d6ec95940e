"""Theorem 4.2's proof, 'local maximum': false. The limit can be a saddle of the joint objective (counterexample 2).

The second-order certificate sees it: in the KL metric the curvature of XOR at uniform is 1/2 - alpha, a saddle iff alpha < 1/2.
"""

import numpy as np
import pytest
from hypothesis import assume, given
from support import OPTIMISED, alphas, close, one_shot, one_state_policy, run_alone, uniform_data

import alberdice as ad

t = ad.tabular
MODEL = one_shot([[0, 1], [1, 0]])
DATA = uniform_data(MODEL)


def moved(first: float, second: float) -> ad.FactorizedPolicy:
    return one_state_policy([0.5 + first, 0.5 - first], [0.5 + second, 0.5 - second])


def value(first: float, second: float, alpha: float = 0.1) -> float:
    return t.objective(MODEL, moved(first, second), DATA, alpha)


def test_counterexample_2_uniform_is_a_fixed_point_and_no_maximum() -> None:
    run = t.alternate(MODEL, DATA, 0.1, start=moved(0, 0))
    assert run.converged
    close(run.values, 0.5)
    close(run.policy.joint(), 0.25)
    assert run.nash.epsilon < 1e-9
    close([value(0.01, -0.01), value(0.25, -0.25)], [0.5001599973, 0.5988375928])
    close([value(0.01, 0.01), value(0.25, 0.25)], [0.4997599973, 0.3488375928])


def test_counterexample_2_hessian() -> None:
    h = 1e-3
    own = (value(h, 0) - 2 * value(0, 0) + value(-h, 0)) / h**2
    mixed = (value(h, h) - value(h, -h) - value(-h, h) + value(-h, -h)) / (4 * h**2)
    close(np.linalg.eigvalsh([[own, mixed], [mixed, own]]), [-2.4, 1.6], OPTIMISED)


@given(alphas(0.02, 5.0))
def test_saddle_iff_alpha_is_below_one_half(alpha: float) -> None:
    assume(abs(alpha - 0.5) > 1e-3)
    found = t.second_order_certificate(MODEL, moved(0, 0), DATA, alpha)
    assert found.is_saddle == (alpha < 0.5)
    close(found.curvature, 0.5 - alpha, 1e-8)


def test_counterexample_2_escape() -> None:
    run = t.alternate(MODEL, DATA, 0.1, start=moved(1e-3, -1e-3), tolerance=1e-13)
    close(run.values[-1], 0.8613796478)
    close(run.policy[0], [[0.9999545609, 0.0000454391]], OPTIMISED)
    close(run.policy[1], [[0.0000454391, 0.9999545609]], OPTIMISED)
    left = t.alternate(MODEL, DATA, 0.1, start=moved(0, 0), escape=True)
    assert len(left.saddles) == 1
    assert left.values[-1] == pytest.approx(0.8613796478, abs=OPTIMISED)


if __name__ == "__main__":
    run_alone(globals())
