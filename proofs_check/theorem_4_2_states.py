"""Theorem 4.2's proof, 'for each state s': false. V~(s) can fall at a state while the objective rises (counterexample 1)."""

import numpy as np
from hypothesis import given
from support import Problem, below, close, one_way_door, problems, run_alone, uniform_data

import alberdice as ad

t = ad.tabular


@given(problems())
def test_values_of_the_modified_reward_average_to_the_objective(p: Problem) -> None:
    values = t.modified_values(p.model, p.policy, p.data, p.alpha)
    reached = t.reached_states(p.model, p.policy)
    assert (np.isnan(values) == ~reached).all()
    start = p.model.initial @ np.where(reached, values, 0.0)
    close((1 - p.model.discount) * start, t.objective(p.model, p.policy, p.data, p.alpha))


def test_counterexample_1() -> None:
    model = one_way_door()
    data, before = uniform_data(model), ad.FactorizedPolicy.uniform(model)
    answer = t.best_response(model, before, 0, data, 0.5)
    after = before.replace(0, answer.policy)
    close(t.objective(model, before, data, 0.5), 0.3050168272)
    close(t.objective(model, after, data, 0.5), 0.3878507920)
    close(answer.policy[0, 1], 0.7935688876)
    old, new = (t.modified_values(model, x, data, 0.5) for x in (before, after))
    close(old, [0.6100336544, 2.4054651081])
    close(new, [0.7757015839, 2.1222751742])
    assert new[1] < old[1] - 0.28
    assert t.nash_certificate(model, after, data, 0.5).epsilon < 1e-9
    for agent in (0, 1):
        below(t.frozen_gains(model, after, agent, data, 0.5), 0.0)


if __name__ == "__main__":
    run_alone(globals())
