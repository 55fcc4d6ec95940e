"""Rates: two agents in turns are eps-Nash within (B - J_1)/eps updates.

N agents that move only for more than eps are so within (B - J_0)/eps rounds; in plain turns of one state
with alpha > 0 it takes of the order of 1/(alpha eps^2). Without the rule three agents can cycle for ever at
alpha = 0 (counterexample 8).
"""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from support import (
    Problem,
    alphas,
    below,
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
EPSILONS = st.sampled_from([0.3, 0.1, 0.05])


def gains_of(model: ad.MMDP, policy: ad.FactorizedPolicy, data: ad.DataDistribution, alpha: float) -> list[float]:
    now = t.objective(model, policy, data, alpha)
    return [t.best_response(model, policy, i, data, alpha).value - now for i in range(model.n_agents)]


def gains(p: Problem, policy: ad.FactorizedPolicy, alpha: float) -> list[float]:
    return gains_of(p.model, policy, p.data, alpha)


@given(problems(min_agents=2, max_agents=2), alphas(0.05, 2.0) | st.just(0.0), EPSILONS)
@few_examples(10)
def test_two_agents_in_turns_are_epsilon_nash_within_the_budget(p: Problem, alpha: float, epsilon: float) -> None:
    policy = p.policy.replace(0, t.best_response(p.model, p.policy, 0, p.data, alpha).policy)
    first = t.objective(p.model, policy, p.data, alpha)
    budget = (p.model.reward.max() - first) / epsilon
    for update in itertools.count():
        assert update <= budget + 1e-9
        if max(gains(p, policy, alpha)) <= epsilon:
            break
        mover = (update + 1) % 2
        policy = policy.replace(mover, t.best_response(p.model, policy, mover, p.data, alpha).policy)


@given(problems(min_agents=2), alphas(0.05, 2.0) | st.just(0.0), EPSILONS)
@few_examples(10)
def test_agents_that_move_only_for_more_than_epsilon_are_done_within_the_budget(
    p: Problem, alpha: float, epsilon: float
) -> None:
    policy, rounds, moved = p.policy, 0, True
    budget = (p.model.reward.max() - t.objective(p.model, policy, p.data, alpha)) / epsilon
    while moved:
        assert rounds <= budget + 1 + 1e-9  # the last round is the quiet one
        moved = False
        for agent in range(p.model.n_agents):
            now = t.objective(p.model, policy, p.data, alpha)
            answer = t.best_response(p.model, policy, agent, p.data, alpha)
            if answer.value > now + epsilon:
                policy, moved = policy.replace(agent, answer.policy), True
        rounds += 1
    below(t.nash_certificate(p.model, policy, p.data, alpha).epsilon, epsilon)


def test_the_budget_of_two_agents_is_met_with_room_for_one_gain() -> None:
    """XOR at alpha = 0: agent 1 gains 1 at once, and then nobody gains: (B - J_1)/eps = 0 updates."""
    model = one_shot([[0, 1], [1, 0]])
    data = uniform_data(model)
    policy = one_state_policy([1.0, 0.0], [1.0, 0.0])
    policy = policy.replace(0, t.best_response(model, policy, 0, data, 0.0).policy)
    assert t.objective(model, policy, data, 0.0) == model.reward.max()
    below(t.nash_certificate(model, policy, data, 0.0).epsilon, 0.0)


def pairwise_interaction(payoff: np.ndarray) -> float:
    """The largest interaction of any two agents, the others' actions fixed."""
    found = 0.0
    for i, j in itertools.combinations(range(payoff.ndim), 2):
        for table in np.moveaxis(payoff, (i, j), (-2, -1)).reshape(-1, payoff.shape[i], payoff.shape[j]):
            rows = table[:, None, :] - table[None, :, :]
            found = max(found, float((rows[..., :, None] - rows[..., None, :]).max()))
    return found


@given(generators(), st.sampled_from([0.05, 0.2, 1.0]), st.integers(3, 4))
@few_examples(8)
def test_in_one_state_plain_turns_of_any_number_are_epsilon_nash_in_time(
    generator: np.random.Generator, alpha: float, agents: int
) -> None:
    """A move that gains g changes another's possible gain by at most L sqrt g, L = K / sqrt(2 alpha) (Pinsker)."""
    model = one_shot(generator.uniform(-1, 1, (2,) * agents))
    data = ad.games.random_data(model, generator)
    root = pairwise_interaction(model.reward[0] + alpha * np.log(data.probabilities[0])) / np.sqrt(2 * alpha)
    policy = data.behaviour_policy()
    bound, start, worst = model.reward.max(), t.objective(model, policy, data, alpha), []
    now = gains_of(model, policy, data, alpha)
    for n in range(1, 6):
        worst.append(max(now))
        for mover in range(agents):
            before = now
            policy = policy.replace(mover, t.best_response(model, policy, mover, data, alpha).policy)
            now = gains_of(model, policy, data, alpha)
            others = np.arange(agents) != mover
            below(np.array(before)[others], np.array(now)[others] + root * np.sqrt(max(before[mover], 0.0)), 1e-6)
        delta = (bound - start) / n
        below(min(worst), delta + root * np.sqrt(agents * delta))


@given(generators(), alphas(0.05, 2.0), st.integers(2, 4))
def test_in_one_state_mixed_differences_are_at_most_half_the_payoff_s_range(
    generator: np.random.Generator, alpha: float, agents: int
) -> None:
    """C = half the range of r + alpha ln d^D, and distances in the 1-norm."""
    model = one_shot(generator.uniform(-1, 1, tuple(generator.integers(1, 4, agents))))
    data = ad.games.random_data(model, generator)
    half = np.ptp(model.reward[0] + alpha * np.log(data.probabilities[0])) / 2
    policy, other = random_policy(generator, model), random_policy(generator, model)
    i, j = generator.permutation(agents)[:2]
    one, two = policy.replace(i, other[i]), policy.replace(j, other[j])
    both, neither, alone_i, alone_j = (t.objective(model, p, data, alpha) for p in (one.replace(j, other[j]), policy, one, two))
    moved = np.abs(other[i] - policy[i]).sum() * np.abs(other[j] - policy[j]).sum()
    below(abs(both - alone_i - alone_j + neither), half * moved)


if __name__ == "__main__":
    run_alone(globals())
