"""Theorem 4.2, 'Nash policy': true with the reward frozen.

pi is optimal in each block iff every pi_i is a best response in the MMDP whose reward r~ is held fixed at pi, at every state
that pi reaches.
"""

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from support import Problem, alphas, below, close, few_examples, problems, run_alone

import alberdice as ad

t = ad.tabular


def answer_to_full_precision(p: Problem) -> ad.FactorizedPolicy:
    """The best response read off the multipliers (35), exact also for actions of tiny probability."""
    answer = t.best_response(*p.turn)
    least = t.minimise_dual(t.exact_dual(*p.turn))
    table = np.where(answer.reachable[:, None], t.i_projection(least.problem, least.nu), answer.policy)
    return p.policy.replace(p.agent, table)


@given(problems(min_alpha=0.1))
def test_a_best_response_gains_nothing_with_the_reward_frozen(p: Problem) -> None:
    updated = answer_to_full_precision(p)
    gains = t.frozen_gains(p.model, updated, p.agent, p.data, p.alpha)
    reached = t.reached_states(p.model, updated)
    assert (np.isnan(gains) == ~reached).all()
    mass = ad.state_occupancy(p.model, updated)
    close((mass * gains)[reached], 0.0, 1e-6 + gain_hidden_by_the_gap(p, updated))


def gain_hidden_by_the_gap(p: Problem, updated: ad.FactorizedPolicy) -> float:
    """The frozen gain that a policy may leave whose objective is within float64's reach of the optimum.

    A probability whose logarithm is off by x, of occupancy w, costs alpha w x^2 / 2 in the objective, and shows a gain of
    alpha x at its state: the objective is flat at its maximum, the gain is not.
    """
    upper = t.best_response(*p.turn).upper_bound
    shortfall = max(upper - t.objective(p.model, updated, p.data, p.alpha), 0.0) + 1e-15 * abs(upper)
    occupancy = ad.state_occupancy(p.model, updated)[:, None] * updated[p.agent]
    return float(np.sqrt(2 * p.alpha * shortfall / occupancy[occupancy > 0].min()) / (1 - p.model.discount))


@given(problems(policy_zeros=0.0, min_alpha=0.1))
def test_gains_agree_on_who_is_optimal(p: Problem) -> None:
    gain = t.best_response(*p.turn).value - t.objective(p.model, p.policy, p.data, p.alpha)
    frozen = t.frozen_gains(p.model, p.policy, p.agent, p.data, p.alpha)
    reached = t.reached_states(p.model, p.policy)
    below(0.0, frozen[reached])
    start = (1 - p.model.discount) * p.model.initial @ np.where(reached, frozen, 0.0)
    below(gain, start, 1e-8)  # concavity: the frozen game is linear and lies above
    if start > 1e-2:
        assert gain > 1e-8


@given(problems(policy_zeros=0.5, min_alpha=0.1))
def test_leaving_out_an_action_is_never_optimal(p: Problem) -> None:
    table = p.policy[p.agent]
    reached = t.reached_states(p.model, p.policy)
    frozen = t.frozen_gains(p.model, p.policy, p.agent, p.data, p.alpha)
    if (table[reached] == 0).any():
        assert np.isposinf(frozen[reached]).any()
        assert t.best_response(*p.turn).value > t.objective(p.model, p.policy, p.data, p.alpha)
    else:
        assert np.isfinite(frozen[reached]).all()


@given(problems(min_agents=2), alphas(0.2, 2.0))
@few_examples(10)
def test_a_converged_run_is_nash_in_both_senses(p: Problem, alpha: float) -> None:
    run = t.alternate(p.model, p.data, alpha, rounds=200, tolerance=1e-12, second_order=False)
    assume(run.converged)  # a few runs need thousands of rounds
    below(run.nash.gains, 0.0, 1e-8)
    for agent in range(p.model.n_agents):
        frozen = t.frozen_gains(p.model, run.policy, agent, p.data, alpha)
        mass = ad.state_occupancy(p.model, run.policy)
        reached = t.reached_states(p.model, run.policy)
        below((mass * np.where(reached, frozen, 0.0)).max(), 0.0, 1e-4)


@given(problems(min_agents=2), alphas(0.2, 2.0), st.sampled_from([0.3, 0.1, 0.03]))
@few_examples(10)
def test_a_greedy_run_is_epsilon_nash_within_the_budget(p: Problem, alpha: float, epsilon: float) -> None:
    policy, agents = p.policy, range(p.model.n_agents)
    start = value = t.objective(p.model, policy, p.data, alpha)
    budget = (p.model.reward.max() - start) / epsilon
    steps = 0
    while True:
        answers = [t.best_response(p.model, policy, i, p.data, alpha) for i in agents]
        best = max(agents, key=lambda i: answers[i].value)
        if answers[best].value - value <= epsilon:
            break
        policy, value = policy.replace(best, answers[best].policy), answers[best].value
        steps += 1
        assert steps <= budget + 1e-9
    below(t.nash_certificate(p.model, policy, p.data, alpha).epsilon, epsilon)


if __name__ == "__main__":
    run_alone(globals())
