"""Convergence of the policies: every update pays alpha KL(d_old || d_new) exactly, so that steps vanish and limits are Nash.

Summing, sum_t KL(d^t || d^{t+1}) <= (max J - J(pi^0)) / alpha. Hence every accumulation point is optimal in each block, for any
number of agents; whether the sequence itself converges is open.
"""

import numpy as np
from hypothesis import given
from support import Problem, alphas, below, close, few_examples, problems, run_alone

import alberdice as ad

t = ad.tabular


@given(problems())
def test_an_update_pays_exactly_the_divergence_of_the_step(p: Problem) -> None:
    answer = t.best_response(*p.turn)
    old, new = (ad.occupancy(p.model, x) for x in (p.policy, p.policy.replace(p.agent, answer.policy)))
    gained = answer.value - t.objective(p.model, p.policy, p.data, p.alpha)
    seen = np.where(new > 1e-30, old, 0.0)  # an unreached state's rounding is no occupancy
    close(gained, p.alpha * t.kl_divergence(seen, np.maximum(new, 1e-300)), 1e-6)


@given(problems(min_agents=2, max_states=3), alphas(0.2, 2.0))
@few_examples(10)
def test_steps_are_summable_and_vanish(p: Problem, alpha: float) -> None:
    policy, paid, steps = p.policy, 0.0, []
    start = t.objective(p.model, policy, p.data, alpha)
    for _ in range(40):
        step = 0.0
        for agent in range(p.model.n_agents):
            before = ad.occupancy(p.model, policy)
            policy = policy.replace(agent, t.best_response(p.model, policy, agent, p.data, alpha).policy)
            after = ad.occupancy(p.model, policy)
            step += t.kl_divergence(np.where(after > 1e-30, before, 0.0), np.maximum(after, 1e-300))
        paid += step
        steps.append(step)
        if step < 1e-13:
            break
    below(alpha * paid, p.model.reward.max() - start, 1e-6)
    close(alpha * paid, t.objective(p.model, policy, p.data, alpha) - start, 1e-6)
    below(min(steps), paid / len(steps))
    # a short round cannot hide a large gain: no agent can gain much where the last round moved little
    if steps[-1] < 1e-13:
        below(t.nash_certificate(p.model, policy, p.data, alpha).epsilon, 0.0, 1e-4)


if __name__ == "__main__":
    run_alone(globals())
