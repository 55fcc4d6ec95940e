"""The local linear rate at a strict maximum, any number of agents and states, and its constants (LocalRate.v, LocalRateMMDP.v).

The metric is that of the Hessian's diagonal blocks, in which a best response gains the square of its step (a = 1) and mu, C are
eigenvalues; on a small ball they hold up to its radius, which is what the tolerances here allow for.
"""

import numpy as np
import pytest
from curvature import Curvature, coordinates, curvature, measure, one_round, policy_at
from hypothesis import assume, given
from hypothesis import strategies as st
from support import below, close, few_examples, generators, one_shot, one_state_policy, problems, run_alone, uniform_data

import alberdice as ad

t = ad.tabular
RADIUS, SLACK = 1e-3, 1.05  # of a ball, and what the third derivatives may change in it
ALPHAS = st.sampled_from([0.1, 0.3, 1.0])


def strict_maximum(
    generator: np.random.Generator, alpha: float
) -> tuple[ad.MMDP, ad.DataDistribution, ad.FactorizedPolicy, Curvature]:
    """A random model with two or three agents and up to three states, and where a run in turns comes to rest."""
    agents, states = int(generator.integers(2, 4)), int(generator.integers(1, 4))
    model = ad.games.garnet(states, (2,) * agents, min(2, states), generator=generator)
    data = ad.games.random_data(model, generator)
    rest = t.alternate(model, data, alpha, rounds=100, tolerance=1e-12, second_order=False, bound=False).policy
    there = curvature(model, rest, data, alpha)
    assume(there.proved_factor() < 1 and there.constants()[0] > 0.02)
    return model, data, rest, there


def nearby(model: ad.MMDP, rest: ad.FactorizedPolicy, generator: np.random.Generator) -> ad.FactorizedPolicy:
    """A policy within RADIUS."""
    point = coordinates(rest)
    return policy_at(point + RADIUS * generator.uniform(-1, 1, point.size), model)


def gains(model: ad.MMDP, policy: ad.FactorizedPolicy, data: ad.DataDistribution, alpha: float) -> list[float]:
    """What each agent can gain alone."""
    answers = [policy.replace(i, t.best_response(model, policy, i, data, alpha).policy) for i in range(model.n_agents)]
    return [t.objective(model, answer, data, alpha) - t.objective(model, policy, data, alpha) for answer in answers]


@given(problems())
def test_a_best_response_gains_its_square(problem) -> None:
    model, data, policy, alpha = problem.model, problem.data, problem.policy, problem.alpha
    visited = ad.occupancy(model, policy).reshape(model.n_states, -1).sum(axis=1).min()
    for agent in range(model.n_agents):
        answer = t.best_response(model, policy, agent, data, alpha).policy
        gain = t.objective(model, policy.replace(agent, answer), data, alpha) - t.objective(model, policy, data, alpha)
        below(alpha * visited**2 / 16 * np.abs(answer - policy[agent]).sum() ** 2, gain, 1e-7)


@given(generators(), ALPHAS)
@few_examples(3)
def test_near_a_strict_maximum_small_gains_mean_a_small_gap(generator: np.random.Generator, alpha: float) -> None:
    model, data, rest, there = strict_maximum(generator, alpha)
    mu, c = there.constants()
    policy = nearby(model, rest, generator)
    gap = t.objective(model, rest, data, alpha) - t.objective(model, policy, data, alpha)
    below(gap, SLACK * 2 * c * model.n_agents / mu * sum(gains(model, policy, data, alpha)), 1e-13)


@given(generators(), ALPHAS)
@few_examples(3)
def test_what_could_be_gained_before_a_round_is_gained_in_it(generator: np.random.Generator, alpha: float) -> None:
    model, data, rest, there = strict_maximum(generator, alpha)
    _, c = there.constants()
    policy = nearby(model, rest, generator)
    after = one_round(model, policy, data, alpha)
    gained = t.objective(model, after, data, alpha) - t.objective(model, policy, data, alpha)
    below(gains(model, policy, data, alpha), SLACK * (2 + c**2 * model.n_agents) * gained, 1e-13)


@given(generators(), ALPHAS)
@few_examples(3)
def test_a_round_closes_the_gap_by_the_proved_factor(generator: np.random.Generator, alpha: float) -> None:
    model, data, rest, there = strict_maximum(generator, alpha)
    policy = nearby(model, rest, generator)
    top = t.objective(model, rest, data, alpha)
    before = top - t.objective(model, policy, data, alpha)
    after = top - t.objective(model, one_round(model, policy, data, alpha), data, alpha)
    mu, c = there.constants()
    closed = 1 - there.proved_factor()
    close(closed, mu / (2 * c * model.n_agents**2 * (2 + c**2 * model.n_agents)))
    below(after, (1 - closed / SLACK) * before, 1e-13)


@pytest.mark.slow
def test_runs_follow_the_block_gauss_seidel_matrix() -> None:
    checked = 0
    for seed in range(8):
        generator = np.random.default_rng(seed)
        model = ad.games.garnet(2, (2, 2, 2)[: 2 + seed % 2], 2, generator=generator)
        data = ad.games.random_data(model, generator)
        for alpha in (0.1, 0.3):
            found = measure(model, data, alpha, 100, data.behaviour_policy())
            if found is None:
                continue
            close(found.factor, found.same_rounds, 2e-3)
            below(found.values, found.proved, 0.0)
            checked += 1
    assert checked >= 8


def test_at_a_degenerate_maximum_no_factor_below_one_holds() -> None:
    model = one_shot([[0, 1], [1, 0]])
    data = uniform_data(
        model
    )  # at alpha = 1/2 the Hessian at the uniform policy is singular; above it the factor is 1/(4 alpha^2)
    for alpha, least, most in ((0.5, 0.9999, 1.0), (1.0, 0.2499, 0.2501)):
        policy = one_state_policy([0.5, 0.5], [0.501, 0.499])
        after = one_round(model, policy, data, alpha)
        factor = (after[1][0, 0] - 0.5) / (policy[1][0, 0] - 0.5)
        assert least < factor < most, factor


if __name__ == "__main__":
    run_alone(globals())
