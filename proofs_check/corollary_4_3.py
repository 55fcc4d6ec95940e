"""Corollary 4.3: what AlberDICE keeps and returns is factorised, by construction."""

import numpy as np
from hypothesis import given
from support import Problem, close, few_examples, problems, run_alone

import alberdice as ad

t = ad.tabular


@given(problems(min_agents=2, data_zeros=0.0))
@few_examples(10)
def test_the_returned_policy_is_the_product_of_its_marginals(p: Problem) -> None:
    run = t.alternate(p.model, p.data, p.alpha, start=p.policy, rounds=2, second_order=False)
    joint = run.policy.joint()
    product = np.ones_like(joint)
    for agent, table in enumerate(run.policy):
        close(table.sum(axis=1), 1.0, 1e-12)
        axes = tuple(k + 1 for k in range(p.model.n_agents) if k != agent)
        marginal = joint.sum(axis=axes, keepdims=True)
        close(marginal.reshape(table.shape), table, 1e-12)
        product = product * marginal
    close(product, joint, 1e-12)


if __name__ == "__main__":
    run_alone(globals())
