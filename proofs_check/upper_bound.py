"""How far from the best: the joint dual at any nu bounds every joint policy, and its gap is alpha times a divergence.

At the minimiser the gap of a factorised policy is alpha KL(d_pi || d_joint): the price of factorisation. On XOR it has a
closed form. The joint problem is the same model with one agent who picks joint actions.
"""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from support import (
    Problem,
    below,
    close,
    few_examples,
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
Joint = tuple[ad.MMDP, ad.FactorizedPolicy, int, ad.DataDistribution, float]


def joint_turn(p: Problem) -> Joint:
    """Arguments of the joint problem's dual."""
    n_states, n_joint = p.model.n_states, p.model.n_joint_actions
    flat = ad.MMDP(p.model.transition, p.model.reward.reshape(n_states, n_joint), p.model.initial, p.model.discount)
    data = ad.DataDistribution(p.data.probabilities.reshape(n_states, n_joint))
    return flat, ad.FactorizedPolicy.uniform(flat), 0, data, p.alpha


def generalised_divergence(visits: np.ndarray, weights: np.ndarray) -> float:
    """The sum of d ln(d/w) - d + w."""
    used = visits > 0
    return float((visits[used] * np.log(visits[used] / weights[used])).sum() - visits.sum() + weights.sum())


@given(problems(), generators(), st.sampled_from([0.0, 1.0]))
def test_the_joint_dual_at_any_nu_bounds_every_policy_correlated_or_not(
    p: Problem, generator: np.random.Generator, zeros: float
) -> None:
    flat, _, _, data, alpha = turn = joint_turn(p)
    bound = t.dual_objective(t.exact_dual(*turn), p.nu)
    below(t.objective(p.model, p.policy, p.data, alpha), bound)
    for _ in range(5):
        below(t.objective(flat, random_policy(generator, flat, zeros), data, alpha), bound)


@given(problems())
def test_the_gap_is_a_divergence_at_any_nu(p: Problem) -> None:
    turn = joint_turn(p)
    problem = t.exact_dual(*turn)
    gap = t.dual_objective(problem, p.nu) - t.objective(p.model, p.policy, p.data, p.alpha)
    weights = turn[3].probabilities * t.closed_form_weights(t.advantage(*turn, p.nu), p.alpha)
    close(gap, p.alpha * generalised_divergence(ad.occupancy(p.model, p.policy).reshape(weights.shape), weights), 1e-8)


@given(problems(min_alpha=0.1))
def test_the_price_of_factorisation_is_the_divergence_from_the_joint_optimum(p: Problem) -> None:
    flat, start, _, data, alpha = joint_turn(p)
    best = t.best_response(flat, start, 0, data, alpha)
    gap = best.value - t.objective(p.model, p.policy, p.data, alpha)
    joint = ad.occupancy(flat, start.replace(0, best.policy))
    visits = ad.occupancy(p.model, p.policy).reshape(joint.shape)
    seen = np.where(joint > 1e-30, visits, 0.0)
    close(gap, alpha * t.kl_divergence(seen, np.maximum(joint, 1e-300)), 1e-5)
    below(0.0, gap)


@given(problems())
@few_examples(15)
def test_the_plain_return_is_bounded_by_any_excessive_value(p: Problem) -> None:
    """At alpha = 0: (1-gamma) p_0 V with V >= r + gamma P V, here the optimal V and V + 1."""
    flat, start, _, data, alpha = joint_turn(p)
    best = t.best_response(flat, start, 0, data, 0.0)
    plain = t.objective(p.model, p.policy, p.data, 0.0)
    below(plain, best.upper_bound)
    least = p.data.probabilities.min()
    below(plain, t.dual_objective(t.exact_dual(flat, start, 0, data, alpha), p.nu) + alpha * np.log(1 / least))


def xor_turn(alpha: float) -> tuple[Problem, float]:
    model = one_shot([[0, 1], [1, 0]])
    policy = one_state_policy([0.5, 0.5], [0.5, 0.5])
    p = Problem(model, uniform_data(model), policy, 0, alpha, np.zeros(1))
    return p, t.best_response(*joint_turn(p)).value


def test_price_on_xor() -> None:
    for alpha in (0.6, 1.0, 3.0):
        p, optimum = xor_turn(alpha)
        close(optimum, alpha * np.log((1 + np.exp(1 / alpha)) / 2))
        found = t.alternate(p.model, p.data, alpha, start=one_state_policy([0.9, 0.1], [0.3, 0.7]), escape=True)
        below(found.values[-1], 0.5)
        close(optimum - t.objective(p.model, p.policy, p.data, alpha), alpha * np.log(np.cosh(1 / (2 * alpha))))
    p, optimum = xor_turn(0.1)
    close(optimum, 0.9306898215)
    found = t.alternate(p.model, p.data, 0.1, start=one_state_policy([0.6, 0.4], [0.4, 0.6]))
    close(optimum - found.values[-1], 0.9306898215 - 0.8613796478)


if __name__ == "__main__":
    run_alone(globals())
