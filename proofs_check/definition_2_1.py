"""Definition 2.1 at unreachable states: not guaranteed (counterexample 3).

pi_i = d_i / sum d_i is 0/0 there; the previous policy is kept.
"""

import numpy as np
from hypothesis import given
from support import Problem, close, generators, problems, random_policy, run_alone, two_islands, uniform_data

import alberdice as ad

t = ad.tabular


@given(problems(unreachable=True))
def test_unreachable_states_keep_the_previous_policy(p: Problem) -> None:
    answer = t.best_response(*p.turn)
    reached = t.reached_states(p.model, p.policy.replace(p.agent, answer.policy))
    assert (answer.reachable == reached).all()
    assert not reached.all()
    close(answer.policy[~reached], p.policy[p.agent][~reached], 1e-14)
    assert (answer.occupancy[~reached] == 0).all()
    assert np.isnan(answer.nu[~reached]).all()


@given(problems(unreachable=True), generators())
def test_nothing_at_unreachable_states_changes_the_objective(p: Problem, generator: np.random.Generator) -> None:
    reached = t.reached_states(p.model, p.policy)
    noise = random_policy(generator, p.model)
    other = ad.FactorizedPolicy(
        [np.where(reached[:, None], a, b) for a, b in zip(p.policy, noise, strict=True)],
    )
    close(t.objective(p.model, other, p.data, p.alpha), t.objective(p.model, p.policy, p.data, p.alpha))


def test_counterexample_3_a_best_response_that_is_not_nash_at_every_state() -> None:
    model = two_islands()
    uniform, data = ad.FactorizedPolicy.uniform(model), uniform_data(model)
    answer = t.best_response(model, uniform, 0, data, 0.0)
    policy = uniform.replace(0, answer.policy)
    close(ad.state_occupancy(model, policy), [1.0, 0.0])
    close(t.nash_certificate(model, policy, data, 0.0).epsilon, 0.0)
    close(ad.state_values(model, policy)[1], 1.0)
    close(ad.state_values(model, ad.FactorizedPolicy.deterministic([[0], [1]], (2,)))[1], 2.0)


if __name__ == "__main__":
    run_alone(globals())
