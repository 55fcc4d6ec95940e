"""Proposition 3.1: w = exp(e / alpha - 1) maximises the inner problem, sample by sample.

(12) shares one w(s, a_i) among samples with the same (s, a_i); its maximum is then the exact dual, and (13) only bounds it.
"""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from support import Problem, below, close, generators, one_shot, one_state_policy, problems, run_alone

import alberdice as ad

t = ad.tabular


def both_duals(p: Problem) -> tuple[ad.tabular.DualProblem, ad.tabular.DualProblem]:
    return t.exact_dual(*p.turn), t.sample_dual(*p.turn)


@given(problems())
def test_closed_form_attains_the_dual(p: Problem) -> None:
    for problem in both_duals(p):
        weights = t.closed_form_weights(problem.advantages(p.nu), p.alpha)
        close(t.inner_objective(problem, p.nu, weights), t.dual_objective(problem, p.nu))


@given(problems(), generators(), st.sampled_from([1e-3, 1.0, 5.0]))
def test_every_other_weight_is_worse_by_a_divergence(p: Problem, generator: np.random.Generator, size: float) -> None:
    for problem in both_duals(p):
        best = t.closed_form_weights(problem.advantages(p.nu), p.alpha)
        other = best * np.exp(size * generator.choice([-1, 1], best.shape) * generator.uniform(0.5, 1.5, best.shape))
        other[generator.random(best.shape) < 0.1] = 0.0
        ratio = np.where(other > 0, other, 1.0) / best
        loss = p.alpha * problem.weight @ (other * np.log(ratio) - other + best)
        assert loss > 0
        close(t.inner_objective(problem, p.nu, other) + loss, t.dual_objective(problem, p.nu))


@given(problems(), generators())
def test_shared_weights_have_the_exact_dual_as_maximum(p: Problem, generator: np.random.Generator) -> None:
    exact, sample = both_duals(p)
    table = t.closed_form_weights(t.advantage(*p.turn, p.nu), p.alpha)
    close(t.inner_objective(sample, p.nu, table), t.dual_objective(exact, p.nu))
    below(
        t.inner_objective(sample, p.nu, table * np.exp(generator.standard_normal(table.shape))), t.dual_objective(exact, p.nu)
    )
    below(t.dual_objective(exact, p.nu), t.dual_objective(sample, p.nu))


def test_counterexample_7() -> None:
    model, data = one_shot([[0, 1]]), ad.DataDistribution([[[0.5, 0.5]]])
    policy = one_state_policy([1.0], [0.5, 0.5])
    sample, nu = t.sample_dual(model, policy, 0, data, 1.0), [0.0]  # two samples of weight 1/2: the sums are twice these
    shared = t.closed_form_weights(t.advantage(model, policy, 0, data, 1.0, nu), 1.0)
    close(shared, [[0.6065306597]])
    close(2 * t.inner_objective(sample, nu, shared), 1.2130613194)
    close(2 * t.dual_objective(sample, nu), 1.3678794412)
    grid = [2 * t.inner_objective(sample, nu, np.array([[w]])) for w in np.linspace(0, 3, 301)]
    assert max(grid) <= 1.2130613194 + 1e-9


if __name__ == "__main__":
    run_alone(globals())
