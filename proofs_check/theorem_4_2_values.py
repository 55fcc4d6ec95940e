"""Theorem 4.2, values: along alternating best responses the common objective (2) never falls, is bounded, and so converges."""

import numpy as np
from hypothesis import given
from support import EXACT, Problem, alphas, below, close, few_examples, problems, run_alone

import alberdice as ad

t = ad.tabular


@given(problems())
def test_one_update_is_optimal_and_never_loses(p: Problem) -> None:
    answer = t.best_response(*p.turn)
    updated = p.policy.replace(p.agent, answer.policy)
    close(t.objective(p.model, updated, p.data, p.alpha), answer.value)
    for agent in range(p.model.n_agents):
        close(t.agent_objective(p.model, updated, agent, p.data, p.alpha), answer.value)
    below(t.objective(p.model, p.policy, p.data, p.alpha), answer.value)
    below(answer.value, answer.upper_bound, 0.0)
    assert answer.gap <= 1e-9 * (1 + abs(answer.value))


@given(problems(min_agents=2), alphas(0.01, 1.0))
@few_examples(15)
def test_values_of_a_run_never_fall_and_are_bounded(p: Problem, alpha: float) -> None:
    run = t.alternate(p.model, p.data, alpha, start=p.policy, rounds=15, second_order=False)
    values = np.concatenate([[run.start_value], run.values])
    below(values[:-1], values[1:])
    close(t.objective(p.model, run.policy, p.data, alpha), run.values[-1])
    below(values, p.model.reward.max(), EXACT)  # KL >= 0


if __name__ == "__main__":
    run_alone(globals())
