"""(2) with d^D = 0 somewhere: it can be -infinity for every pi_i.

The package says so, with the cause; a floor makes it finite.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import Problem, below, close, generators, one_shot, one_state_policy, problems, random_policy, run_alone

import alberdice as ad

t = ad.tabular


@given(problems(data_zeros=0.4), generators(), st.sampled_from([0.0, 0.5, 1.0]))
def test_infeasible_exactly_when_every_policy_leaves_the_data(p: Problem, generator: np.random.Generator, zeros: float) -> None:
    own = [random_policy(generator, p.model, zeros)[p.agent] for _ in range(20)]
    values = [t.objective(p.model, p.policy.replace(p.agent, table), p.data, p.alpha) for table in own]
    try:
        answer = t.best_response(*p.turn)
    except ad.InfeasibleError:
        assert max(values) == -np.inf
        with pytest.raises(ad.InfeasibleError):
            t.minimise_dual(t.exact_dual(*p.turn))
    else:
        updated = p.policy.replace(p.agent, answer.policy)
        close(t.objective(p.model, updated, p.data, p.alpha), answer.value)
        below(max(values), answer.value)
        close(t.minimise_dual(t.exact_dual(*p.turn)).value, answer.value)


@given(problems(data_zeros=0.6))
def test_a_floor_makes_it_finite(p: Problem) -> None:
    floor = 1e-3
    data = p.data.floored(floor)
    worst = p.model.reward.min() + p.alpha * np.log(data.probabilities.min())
    below(worst, t.best_response(*p.turn[:3], data, p.alpha).value)


def test_two_modes_and_a_mixed_partner() -> None:
    model = one_shot([[0, 1], [1, 0]])
    data = ad.DataDistribution([[[0.0, 0.5], [0.5, 0.0]]])
    mixed = one_state_policy([0.5, 0.5], [0.3, 0.7])
    with pytest.raises(ad.InfeasibleError, match=r"agent 1 .* without data, e\.g\. a=\(0, 0\)"):
        t.best_response(model, mixed, 0, data, 1.0)
    for share in np.linspace(0, 1, 11):
        assert t.objective(model, mixed.replace(0, [[share, 1 - share]]), data, 1.0) == -np.inf
    pure = one_state_policy([0.5, 0.5], [0.0, 1.0])
    close(t.best_response(model, pure, 0, data, 1.0).policy, [[1.0, 0.0]])
    close(t.best_response(model, pure, 0, data, 1.0).value, 1.0 - np.log(2))
    assert np.isfinite(t.best_response(model, mixed, 0, data.floored(1e-10), 1.0).value)


if __name__ == "__main__":
    run_alone(globals())
