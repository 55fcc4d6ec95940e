"""Alpha to 0: an eps-Nash policy at alpha is (eps + alpha ln(1/min d^D))-Nash for the plain return.

With holes in the data that holds inside the data only. The best response tends to the optimal one of least divergence from the
data.
"""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from support import Problem, alphas, below, close, few_examples, one_shot, one_state_policy, problems, run_alone

import alberdice as ad

t = ad.tabular


@given(problems(min_agents=2), alphas(0.005, 2.0), st.integers(1, 5))
@few_examples(15)
def test_an_alpha_nash_policy_is_nearly_nash_for_the_plain_return(p: Problem, alpha: float, rounds: int) -> None:
    run = t.alternate(p.model, p.data, alpha, start=p.policy, rounds=rounds, second_order=False)
    least = p.data.probabilities.min()
    for policy in (p.policy, run.policy):
        regularised = t.nash_certificate(p.model, policy, p.data, alpha).epsilon
        plain = t.nash_certificate(p.model, policy, p.data, 0.0).epsilon
        below(plain, regularised + alpha * np.log(1 / least), 1e-8)


@given(problems(), st.sampled_from([0.3, 0.03, 0.003]))
def test_a_small_alpha_loses_at_most_alpha_times_the_divergence_and_stays_closer(p: Problem, alpha: float) -> None:
    plain = t.best_response(*p.turn[:4], 0.0)
    soft = t.best_response(*p.turn[:4], alpha)

    def divergence(answer: t.BestResponse) -> float:
        return float(t.kl_divergence(ad.occupancy(p.model, p.policy.replace(p.agent, answer.policy)), p.data.probabilities))

    near, far = divergence(soft), divergence(plain)
    below(near, far, 1e-7)
    returned = t.objective(p.model, p.policy.replace(p.agent, soft.policy), p.data, 0.0)
    below(plain.value - alpha * (far - near), returned, 1e-7)


def test_of_two_optimal_answers_the_one_in_the_data_s_proportions_is_the_limit() -> None:
    model = one_shot([[1.0, 1.0], [1.0, 1.0], [0.0, 0.0]])  # agent 1's first two actions are tied
    data = ad.DataDistribution([[[0.3, 0.3], [0.1, 0.1], [0.1, 0.1]]])
    start = one_state_policy([0.2, 0.3, 0.5], [0.5, 0.5])
    for alpha, error in ((0.1, 1e-3), (0.03, 1e-9)):
        close(t.best_response(model, start, 0, data, alpha).policy, [[0.75, 0.25, 0.0]], error)


@given(problems(data_zeros=0.4, policy_zeros=1.0), st.sampled_from([1.0, 0.1, 0.01]))
def test_with_holes_the_bound_holds_for_answers_inside_the_data(p: Problem, alpha: float) -> None:
    least = p.data.probabilities[p.data.probabilities > 0].min()
    try:
        soft = t.best_response(*p.turn[:4], alpha)
    except ad.InfeasibleError:
        return
    returned = t.objective(p.model, p.policy.replace(p.agent, soft.policy), p.data, 0.0)
    inside = t.best_response(*p.turn[:4], 1e-7)  # alpha -> 0 inside the data
    below(inside.value, returned + alpha * np.log(1 / least) + 1e-6)


def test_nothing_bounds_what_a_deviation_off_the_data_gains() -> None:
    for gain in (1.0, 1e6):
        model = one_shot([0.0, gain])
        data = ad.DataDistribution([[1.0, 0.0]])
        inside = ad.FactorizedPolicy([[[1.0, 0.0]]])
        for alpha in (1.0, 1e-3):
            close(t.best_response(model, inside, 0, data, alpha).policy, [[1.0, 0.0]])
        close(t.best_response(model, inside, 0, data.floored(1e-9), 0.0).value, gain, 1e-8)


if __name__ == "__main__":
    run_alone(globals())
