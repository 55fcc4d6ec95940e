"""Lemma 4.1: the regularised objective (2) has one value for all agents, the average of the main text's r~.

Appendix D prints d_i(s, a_i) pi(a|s) in r~, which counts pi_i twice: its average is larger by alpha sum_s d(s) H(pi_i(.|s)).
"""

from hypothesis import given
from support import EXACT, Problem, close, one_shot, one_state_policy, problems, run_alone, uniform_data

import alberdice as ad

t = ad.tabular


@given(problems())
def test_every_agent_has_the_common_value(p: Problem) -> None:
    common = t.objective(p.model, p.policy, p.data, p.alpha)
    for agent in range(p.model.n_agents):
        close(t.agent_objective(p.model, p.policy, agent, p.data, p.alpha), common)


@given(problems(data_zeros=0.3))
def test_common_value_with_missing_data(p: Problem) -> None:
    common = t.objective(p.model, p.policy, p.data, p.alpha)
    for agent in range(p.model.n_agents):
        close(t.agent_objective(p.model, p.policy, agent, p.data, p.alpha), common)


@given(problems())
def test_objective_is_the_average_of_the_modified_reward(p: Problem) -> None:
    reward = t.modified_reward(p.model, p.policy, p.data, p.alpha)
    close(t.occupancy_average(p.model, p.policy, reward), t.objective(p.model, p.policy, p.data, p.alpha))


@given(problems())
def test_appendix_reward_misses_by_the_entropy(p: Problem) -> None:
    common = t.objective(p.model, p.policy, p.data, p.alpha)
    for agent in range(p.model.n_agents):
        printed = t.occupancy_average(p.model, p.policy, t.appendix_modified_reward(*p.turn[:2], agent, *p.turn[3:]))
        close(printed - common, p.alpha * t.conditional_entropy(p.model, p.policy, agent))


def test_counterexample_4() -> None:
    model = one_shot([[0, 1], [1, 0]])
    data, policy = uniform_data(model), one_state_policy([0.5, 0.5], [0.9, 0.1])
    true = t.objective(model, policy, data, 1.0)
    printed = [t.occupancy_average(model, policy, t.appendix_modified_reward(model, policy, i, data, 1.0)) for i in (0, 1)]
    close(true, 0.1319357928)
    close(printed, [0.8250829734, 0.4570187662])
    assert abs(printed[0] - printed[1]) > 1000 * EXACT


if __name__ == "__main__":
    run_alone(globals())
