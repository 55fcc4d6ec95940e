"""Theorem 4.2 at alpha = 0: false with ties (counterexample 8).

Exact best responses can cycle; the rule 'stay if already optimal' prevents it.
"""

import numpy as np
from hypothesis import given
from support import Problem, below, close, few_examples, one_shot, one_state_policy, problems, run_alone, uniform_data

import alberdice as ad

t = ad.tabular


def tied_game() -> ad.MMDP:
    """R = 0 if a_2 = 0, else +1 if a_1 = a_3, else -1."""
    payoff = np.zeros((2, 2, 2))
    payoff[:, 1, :] = [[1, -1], [-1, 1]]
    return one_shot(payoff)


def plays(*actions: int) -> ad.FactorizedPolicy:
    return one_state_policy(*(np.eye(2)[a] for a in actions))


def test_counterexample_8_exact_best_responses_cycle() -> None:
    model = tied_game()
    data = uniform_data(model)
    cycle = [(0, (1, 0, 0)), (1, (1, 0, 0)), (2, (1, 0, 1)), (0, (0, 0, 1)), (1, (0, 0, 1)), (2, (0, 0, 0))]
    now = (0, 0, 0)
    for agent, following in cycle:
        best = t.best_response(model, plays(*now), agent, data, 0.0).value
        assert [a for k, a in enumerate(now) if k != agent] == [a for k, a in enumerate(following) if k != agent]
        close(t.objective(model, plays(*following), data, 0.0), best)  # a best response, tied with the old policy
        close(best, 0.0)
        now = following
    assert now == (0, 0, 0)
    for end in ((0, 0, 0), (1, 0, 1)):
        close(t.nash_certificate(model, plays(*end), data, 0.0).gains, [0.0, 1.0, 0.0])


def test_counterexample_8_staying_when_optimal_reaches_nash() -> None:
    model = tied_game()
    for start in (plays(0, 0, 0), plays(1, 0, 1)):
        run = t.alternate(model, uniform_data(model), 0.0, start=start)
        assert run.converged
        close(run.values[-1], 1.0)
        below(run.nash.epsilon, 0.0)
        close(run.policy[0], start[0], 0.0)


@given(problems(min_agents=2))
@few_examples(15)
def test_with_the_stay_rule_runs_stop_at_nash_policies(p: Problem) -> None:
    run = t.alternate(p.model, p.data, 0.0, start=p.policy)
    assert run.converged
    values = np.concatenate([[run.start_value], run.values])
    below(values[:-1], values[1:])
    below(run.nash.epsilon, 0.0, 1e-7)
    close(t.objective(p.model, run.policy, p.data, 0.0), run.values[-1])


if __name__ == "__main__":
    run_alone(globals())
