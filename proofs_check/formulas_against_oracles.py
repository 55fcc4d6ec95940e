"""Every formula of the package against slow, independent code (tests/oracles.py) that shares nothing with it."""

import numpy as np
from hypothesis import given
from support import Problem, below, close, oracles, problems, run_alone

import alberdice as ad

t = ad.tabular


def game(p: Problem) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    return p.model.dense_transition(), p.model.reward, p.model.initial, p.model.discount


@given(problems(data_zeros=0.2))
def test_occupancy_and_objective(p: Problem) -> None:
    transition, reward, initial, discount = game(p)
    close(ad.occupancy(p.model, p.policy), oracles.occupancy(transition, p.policy, initial, discount))
    mass = ad.state_occupancy(p.model, p.policy)
    close(mass, oracles.state_occupancy_by_solve(transition, p.policy, initial, discount))
    value = oracles.objective(transition, reward, initial, discount, p.policy, p.data.probabilities, p.alpha)
    close(t.objective(p.model, p.policy, p.data, p.alpha), value)
    close(ad.state_values(p.model, p.policy), oracles.state_values(transition, reward, discount, p.policy))


@given(problems(data_zeros=0.2))
def test_ratios_and_advantages(p: Problem) -> None:
    transition, reward, _, discount = game(p)
    data = p.data.probabilities
    setting = (transition, reward, discount, p.policy, p.agent, data, p.alpha, p.nu)
    close(t.advantage(*p.turn, p.nu), oracles.advantage(*setting))
    close(p.data.agent_marginal(p.agent), oracles.own_marginal(data, p.agent))
    ratio, sample = t.importance_ratio(p.policy, p.agent, p.data), t.sample_advantage(*p.turn, p.nu)
    terms = list(oracles.samples(*setting))
    for s, a, following, _, rho, e in terms:
        close([ratio[(s, *a)], sample[(s, *a, following)]], [rho, e])
    for s in range(p.model.n_states):
        for a in oracles.joint_actions(reward):
            given_own, printed = (t.data_conditional(p.data, p.agent, given_own_action=x)[(s, *a)] for x in (True, False))
            close(given_own, oracles.conditional(data, p.agent, s, a))
            close(printed, oracles.conditional_without_own_action(data, p.agent, s, a))
    problem = t.sample_dual(*p.turn)
    close(problem.weight, [probability * rho for _, _, _, probability, rho, _ in terms])
    close(problem.advantages(p.nu), [e for *_, e in terms])
    close(problem.action, [a[p.agent] for _, a, *_ in terms])


@given(problems())
def test_dual_values(p: Problem) -> None:
    transition, reward, initial, discount = game(p)
    setting = (transition, reward, initial, discount, p.policy, p.agent, p.data.probabilities, p.alpha, p.nu)
    exact, sample = t.exact_dual(*p.turn), t.sample_dual(*p.turn)
    close(t.dual_objective(exact, p.nu), oracles.exact_dual(*setting))
    close(t.log_dual_objective(exact, p.nu), oracles.exact_dual(*setting, logarithm=True))
    close(t.dual_objective(sample, p.nu), oracles.sample_dual(*setting))
    close(t.log_dual_objective(sample, p.nu), oracles.sample_dual(*setting, logarithm=True))
    close(t.equation_23_as_printed(*p.turn, p.nu), oracles.sample_dual(*setting, printed_23=True))


@given(problems(unreachable=False, min_alpha=0.3))
def test_best_responses(p: Problem) -> None:
    transition, reward, initial, discount = game(p)
    data = p.data.probabilities
    setting = (transition, reward, initial, discount, p.policy, p.agent)
    answer = t.best_response(*p.turn).value
    close(answer, oracles.regularised_best_response_value(*setting, data, p.alpha), 1e-8)
    close(t.best_response(*p.turn[:4], 0.0).value, oracles.linear_best_response_value(*setting), 1e-8)


@given(problems(unreachable=False, policy_zeros=0.0))
def test_frozen_gains(p: Problem) -> None:
    transition, _, _, discount = game(p)
    frozen = t.modified_reward(p.model, p.policy, p.data, p.alpha)
    values = oracles.state_values(transition, frozen, discount, p.policy)
    close(t.modified_values(p.model, p.policy, p.data, p.alpha), values)
    best = oracles.optimal_values(transition, frozen, discount, p.policy, p.agent)
    close(t.frozen_gains(p.model, p.policy, p.agent, p.data, p.alpha), best - values)
    below(0.0, best - values)


if __name__ == "__main__":
    run_alone(globals())
