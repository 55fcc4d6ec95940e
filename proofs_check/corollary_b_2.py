"""Corollary B.2: the per-sample dual (14) bounds the exact dual (7) from above; tight if P and pi_-i are deterministic.

The weights are (11), with pi^D(a_-i|s, a_i). The bound is loose in a telling way: rho exp(-log rho) = 1, so that (14) depends
on the other agents only through the support of pi_-i.
"""

import numpy as np
from hypothesis import given
from support import (
    Problem,
    below,
    close,
    generators,
    one_shot,
    one_state_policy,
    problems,
    random_policy,
    run_alone,
    uniform_data,
)

import alberdice as ad

t = ad.tabular


@given(problems(data_zeros=0.2))
def test_exact_dual_is_below(p: Problem) -> None:
    exact, sample = t.exact_dual(*p.turn), t.sample_dual(*p.turn)
    below(t.dual_objective(exact, p.nu), t.dual_objective(sample, p.nu))
    if len(exact.weight):
        below(t.log_dual_objective(exact, p.nu), t.log_dual_objective(sample, p.nu))


@given(problems())
def test_minima_are_ordered_too(p: Problem) -> None:
    exact, sample = t.minimise_dual(t.exact_dual(*p.turn)), t.minimise_dual(t.sample_dual(*p.turn))
    below(exact.value, sample.value)
    close(exact.value, t.best_response(*p.turn).value)


@given(problems(deterministic=True, policy_zeros=1.0))
def test_tight_when_all_is_deterministic(p: Problem) -> None:
    exact, sample = t.exact_dual(*p.turn), t.sample_dual(*p.turn)
    close(t.dual_objective(exact, p.nu), t.dual_objective(sample, p.nu))
    close(t.log_dual_objective(exact, p.nu), t.log_dual_objective(sample, p.nu))


@given(problems(policy_zeros=0.0, data_zeros=0.2), generators())
def test_per_sample_dual_does_not_see_the_others(p: Problem, generator: np.random.Generator) -> None:
    others = random_policy(generator, p.model)
    one, two = t.sample_dual(*p.turn), t.sample_dual(p.model, others, *p.turn[2:])
    close(t.dual_objective(one, p.nu), t.dual_objective(two, p.nu))
    close(t.log_dual_objective(one, p.nu), t.log_dual_objective(two, p.nu))


def test_counterexample_5() -> None:
    model = one_shot([[1, 0], [0, 0]])
    data, policy = uniform_data(model), one_state_policy([0.5, 0.5], [0.5, 0.5])
    exact, sample = t.exact_dual(model, policy, 0, data, 0.5), t.sample_dual(model, policy, 0, data, 0.5)
    close([t.dual_objective(exact, [0.0]), t.dual_objective(sample, [0.0])], [0.3419698603, 0.4777400190])
    least = [t.minimise_dual(exact), t.minimise_dual(sample)]
    close([d.value for d in least], [0.3100572535, 0.4772292964])
    close(t.best_response(model, policy, 0, data, 0.5).value, 0.3100572535)
    close(t.i_projection(exact, least[0].nu), [[0.7310585786, 0.2689414214]])
    close(t.i_projection(sample, least[1].nu), [[0.8074897295, 0.1925102705]])


def test_counterexample_5_with_a_deterministic_partner() -> None:
    model = one_shot([[1, 0], [0, 0]])
    data, policy = uniform_data(model), one_state_policy([0.5, 0.5], [1.0, 0.0])
    for problem in (t.exact_dual(model, policy, 0, data, 0.5), t.sample_dual(model, policy, 0, data, 0.5)):
        close(t.minimise_dual(problem).value, 0.5 * np.log((np.exp(2) + 1) / 4))


if __name__ == "__main__":
    run_alone(globals())
