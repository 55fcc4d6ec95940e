"""Equation (23), last line as printed: with weights pi_-i(a_-i|s) / pi^D(a_-i|s) it is no upper bound of the exact dual."""

import numpy as np
from hypothesis import given
from support import Problem, close, one_shot, one_state_policy, problems, run_alone

import alberdice as ad

t = ad.tabular


@given(problems())
def test_agrees_where_the_others_are_independent_in_the_data(p: Problem) -> None:
    shape = [p.model.n_states] + [1] * p.model.n_agents
    shape[p.agent + 1] = p.model.n_actions[p.agent]
    own = p.data.agent_marginal(p.agent)
    product = own.reshape(shape) * t.data_conditional(p.data, p.agent, given_own_action=False)
    turn = (*p.turn[:3], ad.DataDistribution(product), p.alpha)
    close(t.equation_23_as_printed(*turn, p.nu), t.dual_objective(t.sample_dual(*turn), p.nu))


@given(problems(min_agents=2))
def test_differs_by_the_dependence_in_the_data(p: Problem) -> None:
    sample = t.sample_dual(*p.turn)
    with_own, without = (t.data_conditional(p.data, p.agent, given_own_action=own) for own in (True, False))
    factor = np.repeat((with_own / without).ravel(), np.diff(p.model.transition.indptr))
    played = np.broadcast_to(p.policy.others(p.agent), p.model.reward.shape).ravel() > 0
    factor = factor[np.repeat(played, np.diff(p.model.transition.indptr))]
    linear = sample.initial_term(p.nu)
    weights = t.closed_form_weights(sample.advantages(p.nu), p.alpha)
    close(t.equation_23_as_printed(*p.turn, p.nu) - linear, p.alpha * sample.weight @ (factor * weights))


def test_counterexample_6() -> None:
    model, data = one_shot([[3, 3], [0, 0]]), ad.DataDistribution([[[0.05, 0.45], [0.45, 0.05]]])
    turn = (model, one_state_policy([0.5, 0.5], [1.0, 0.0]), 0, data, 1.0)
    exact, sample = (t.dual_objective(f(*turn), [0.0]) for f in (t.exact_dual, t.sample_dual))
    printed = t.equation_23_as_printed(*turn, [0.0])
    close([exact, sample, printed], [0.5349985535, 0.5349985535, 0.3718729083])
    assert printed < exact


if __name__ == "__main__":
    run_alone(globals())
