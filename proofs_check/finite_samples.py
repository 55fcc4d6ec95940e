"""Finite data: the return in an empirical model, its equilibria in the true one, and the error of K draws per (s, a)."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from support import Problem, below, distributions, few_examples, generators, problems, run_alone

import alberdice as ad
from alberdice import datasets

t = ad.tabular


def perturbed(model: ad.MMDP, generator: np.random.Generator, share: float) -> ad.MMDP:
    """The model with ``share`` of every row of P replaced, and noise of that size in r."""
    transition = model.dense_transition()
    other = distributions(generator, transition.shape, 0.5)
    reward = np.clip(model.reward + share * generator.uniform(-1, 1, model.reward.shape), -1, 1)
    return ad.MMDP((1 - share) * transition + share * other, reward, model.initial, model.discount)


def model_error(model: ad.MMDP, other: ad.MMDP) -> np.ndarray:
    """|r' - r| + R gamma/(1-gamma) ||P' - P||_1 at every (s, a), R = max |r'|."""
    gap = np.abs(other.dense_transition() - model.dense_transition()).sum(axis=-1)
    largest = np.abs(other.reward).max()
    return np.abs(other.reward - model.reward) + largest * model.discount / (1 - model.discount) * gap


@given(problems(), generators(), st.sampled_from([0.3, 0.03]))
def test_returns_in_two_models_differ_by_at_most_the_visited_error(
    p: Problem, generator: np.random.Generator, share: float
) -> None:
    other = perturbed(p.model, generator, share)
    returns = [t.objective(model, p.policy, p.data, 0.0) for model in (p.model, other)]
    below(abs(returns[1] - returns[0]), (ad.occupancy(p.model, p.policy) * model_error(p.model, other)).sum())


@given(problems(min_agents=2, max_agents=3), generators(), st.sampled_from([0.1, 0.01]))
@few_examples(15)
def test_an_empirical_equilibrium_is_one_up_to_the_weighted_error(
    p: Problem, generator: np.random.Generator, share: float
) -> None:
    other = perturbed(p.model, generator, share)
    policy = t.alternate(other, p.data, 0.0, start=p.policy).policy
    epsilon = t.nash_certificate(other, policy, p.data, 0.0).epsilon
    error = model_error(p.model, other)
    value = t.objective(p.model, policy, p.data, 0.0)
    for agent in range(p.model.n_agents):
        answer = policy.replace(agent, t.best_response(p.model, policy, agent, p.data, 0.0).policy)
        visits = np.maximum(ad.occupancy(p.model, policy), ad.occupancy(p.model, answer))
        c = (visits / p.data.probabilities).max()
        weighted = (p.data.probabilities * error).sum()
        below(t.objective(p.model, answer, p.data, 0.0) - value, epsilon + 2 * c * weighted, 1e-8)


def frequencies(start: np.ndarray, action: np.ndarray, after: np.ndarray, n_states: int) -> np.ndarray:
    """P^(s'|s, a), ``(S, A, S)``, of the package's empirical model of one-step episodes; of no account for unseen pairs."""
    rows, n_actions = len(start), int(action.max()) + 1
    now, then = (x.astype(np.float32)[:, None] for x in (start, after))
    dataset = datasets.from_transitions(
        "drawn",
        [n_actions],
        states=now,
        observations=now[:, None],
        actions=action[:, None],
        rewards=np.zeros(rows),
        next_states=then,
        next_observations=then[:, None],
        terminated=np.zeros(rows, dtype=bool),
        truncated=np.ones(rows, dtype=bool),
        episode=np.arange(rows),
        time=np.zeros(rows, dtype=np.int64),
    )
    model = datasets.empirical_model(dataset, 0.9)
    place = [model.index_of(np.array([s], dtype=np.float32)) for s in range(n_states)]
    table, whole = np.zeros((n_states, n_actions, n_states)), model.mmdp.dense_transition()
    for (s, i), (k, j) in itertools.product(enumerate(place), repeat=2):
        if i is not None and j is not None:
            table[s, :, k] = whole[i, :, j]
    return table


@given(generators(), st.integers(2, 3), st.integers(1, 3))
@few_examples(6)
def test_the_mean_error_of_k_draws_is_at_most_the_root_of_states_over_k(
    generator: np.random.Generator, states: int, size: int
) -> None:
    """Every batch of next states of one pair (s, a) enumerated."""
    p = distributions(generator, (states,), 0.2)
    mean, here = 0.0, np.zeros(size, dtype=np.int64)
    for batch in itertools.product(range(states), repeat=size):
        frequency = frequencies(here, here, np.array(batch), states)[0, 0]
        assert abs(frequency.sum() - 1) < 1e-9
        mean += p[list(batch)].prod() * np.abs(frequency - p).sum()
    below(mean, np.sqrt(states / size))
    below(mean, np.sqrt(states * (p * (1 - p)).sum() / size))


def test_the_weighted_error_of_n_draws() -> None:
    """Draws in proportion to d^D: the d^D-weighted mean error is at most sqrt(|S| |S x A| / n)."""
    generator = np.random.default_rng(20)
    share = np.array([[0.1, 0.2], [0.25, 0.25], [0.1, 0.1]])
    for n in (100, 1000):
        counts = np.round(share * n).astype(int)
        p = distributions(generator, (3, 2, 3), 0.0)
        start, action = (np.repeat(x.ravel(), counts.ravel()) for x in np.indices(counts.shape))
        errors = []
        for _ in range(20):
            after = np.array([generator.choice(3, p=p[s, a]) for s, a in zip(start, action, strict=True)])
            errors.append((share * np.abs(frequencies(start, action, after, 3) - p).sum(axis=-1)).sum())
        below(np.mean(errors), np.sqrt(3 * 6 / n))
        below(0.1 * np.sqrt(3 * 6 / n), np.mean(errors))  # and of that order


if __name__ == "__main__":
    run_alone(globals())
