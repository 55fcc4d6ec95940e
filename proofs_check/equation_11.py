"""Equation (11): rho_i with pi^D(a_-i|s, a_i) turns averages over d^D into averages over d^D(s, a_i) pi_-i(a_-i|s)."""

import numpy as np
from hypothesis import given
from support import Problem, close, problems, run_alone

import alberdice as ad

t = ad.tabular


@given(problems())
def test_ratio_has_mean_one_at_every_own_action(p: Problem) -> None:
    given_own = t.data_conditional(p.data, p.agent)
    axes = tuple(k + 1 for k in range(p.model.n_agents) if k != p.agent)
    close(given_own.sum(axis=axes), 1.0)
    close((given_own * t.importance_ratio(p.policy, p.agent, p.data)).sum(axis=axes), 1.0)


@given(problems())
def test_advantage_is_the_weighted_mean_of_the_samples(p: Problem) -> None:
    weight = p.data.probabilities * t.importance_ratio(p.policy, p.agent, p.data)
    sample = np.where(weight[..., None] > 0, t.sample_advantage(*p.turn, p.nu), 0.0)
    mean = (p.model.dense_transition() * sample).sum(axis=-1) * weight
    axes = tuple(k + 1 for k in range(p.model.n_agents) if k != p.agent)
    close(mean.sum(axis=axes) / p.data.agent_marginal(p.agent), t.advantage(*p.turn, p.nu))


@given(problems(data_zeros=0.2))
def test_terms_of_both_duals_are_the_tables(p: Problem) -> None:
    exact, table = t.exact_dual(*p.turn), t.advantage(*p.turn, p.nu)
    close(exact.advantages(p.nu), table[exact.state, exact.action])
    close(exact.weight, p.data.agent_marginal(p.agent)[exact.state, exact.action])
    sample, full = t.sample_dual(*p.turn), t.sample_advantage(*p.turn, p.nu)
    weight = p.data.probabilities * t.importance_ratio(p.policy, p.agent, p.data)
    dense = weight[..., None] * p.model.dense_transition()
    close(sample.weight, dense[dense > 0])
    close(sample.advantages(p.nu), full[dense > 0])
    assert np.isnan(full[(weight == 0)]).all()


if __name__ == "__main__":
    run_alone(globals())
