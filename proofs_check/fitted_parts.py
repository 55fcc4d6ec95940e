"""(9), (42)-(50): the minimisers of cloning, regression, the conservative term and the projection's loss, on a population."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import Problem, alphas, below, close, distributions, generators, problems, run_alone

import alberdice as ad

torch = pytest.importorskip("torch")
from alberdice.deep import losses  # noqa: E402

t = ad.tabular


def tensor(array: np.ndarray) -> "torch.Tensor":
    return torch.tensor(np.array(array), dtype=torch.float64)


def log_likelihood(mass: np.ndarray, table: np.ndarray) -> float:
    """The sum of m(y, t) log q(t|y), by the loss (44) over every pair (y, t) as a row."""
    y, action = np.nonzero(mass)
    rows = tensor(np.log(table))[torch.from_numpy(y)]
    return -losses.behaviour_loss(rows, torch.from_numpy(action), tensor(mass[y, action])).item()


@given(generators(), st.integers(1, 4), st.integers(1, 4))
def test_cloning_is_best_at_the_conditional_and_misses_by_a_divergence(
    generator: np.random.Generator, keys: int, actions: int
) -> None:
    mass = generator.exponential(size=(keys, actions)) + 0.01
    conditional = mass / mass.sum(axis=1, keepdims=True)
    other = distributions(generator, (keys, actions), 0.0)
    missed = log_likelihood(mass, conditional) - log_likelihood(mass, other)
    below(0.0, missed)
    close(missed, sum(m.sum() * t.kl_divergence(c, q) for m, c, q in zip(mass, conditional, other, strict=True)))


@given(problems(), generators())
def test_the_data_s_conditionals_are_the_clones(p: Problem, generator: np.random.Generator) -> None:
    """(9): the package's pi^D(a_-i|s, a_i) is the maximiser; any other conditional loses its divergence from the data's."""

    def by_own_action(table: np.ndarray) -> np.ndarray:
        return np.moveaxis(table, p.agent + 1, 1).reshape(p.model.n_states * p.model.n_actions[p.agent], -1)

    mass, clone = by_own_action(p.data.probabilities), by_own_action(t.data_conditional(p.data, p.agent))
    other = distributions(generator, mass.shape, 0.0)
    missed = (mass * (np.log(clone) - np.log(other))).sum()
    close(missed, sum(m.sum() * t.kl_divergence(m / m.sum(), q) for m, q in zip(mass, other, strict=True)))


@given(generators(), st.integers(1, 3))
def test_regression_finds_the_conditional_mean(generator: np.random.Generator, keys: int) -> None:
    rows = 4 * keys
    key, target = np.arange(rows) % keys, generator.normal(size=rows)
    weight = generator.exponential(size=rows) + 0.01
    weight /= weight.sum()
    mean = np.bincount(key, weight * target) / np.bincount(key, weight)
    guess = generator.normal(size=keys)

    def error(e: np.ndarray) -> float:
        return losses.advantage_loss(tensor(e[key]), tensor(target), torch.zeros(rows), tensor(weight), 0.0).item()

    close(error(guess), error(mean) + weight @ (guess[key] - mean[key]) ** 2)


@given(generators(), st.integers(1, 5))
def test_the_conservative_term_is_an_entropy_and_a_divergence(generator: np.random.Generator, actions: int) -> None:
    behaviour = distributions(generator, (1, actions), 0.0)
    e = generator.normal(size=(1, actions))
    available = torch.ones(1, actions, dtype=torch.bool)
    penalty = losses.conservative_penalty(tensor(e), tensor(np.log(behaviour)), available).item()
    entropy = -(behaviour * np.log(behaviour)).sum()
    softmax = np.exp(e) / np.exp(e).sum()
    close(penalty, entropy + t.kl_divergence(behaviour, softmax))
    at_data = losses.conservative_penalty(tensor(np.log(behaviour) + 3), tensor(np.log(behaviour)), available).item()
    close(at_data, entropy)


@given(generators(), st.integers(1, 3), st.integers(1, 4), alphas(0.1, 3.0))
def test_the_projection_s_loss_is_a_divergence_from_its_minimiser(
    generator: np.random.Generator, states: int, actions: int, alpha: float
) -> None:
    weight = distributions(generator, (1, states), 0.3)[0]
    behaviour, e = distributions(generator, (states, actions), 0.0), generator.normal(size=(states, actions))
    mass = (behaviour * np.exp(e / alpha)).sum(axis=1, keepdims=True)
    projected = behaviour * np.exp(e / alpha) / mass
    other = distributions(generator, (states, actions), 0.0)
    loss = losses.i_projection_loss(tensor(np.log(other)), tensor(e), tensor(np.log(behaviour)), alpha, tensor(weight)).item()
    divergence = np.array([t.kl_divergence(q, best) for q, best in zip(other, projected, strict=True)])
    close(loss, alpha * (weight @ divergence - weight @ np.log(mass[:, 0])))


@given(generators(), st.integers(1, 3), st.integers(1, 3), alphas(0.1, 3.0))
def test_with_a_memory_the_projection_takes_the_mean_of_e_given_the_history(
    generator: np.random.Generator, states: int, histories: int, alpha: float
) -> None:
    """(50), every pair (s, h) a row."""
    weight = distributions(generator, (1, states * histories), 0.0).reshape(states, histories)
    behaviour, e = distributions(generator, (histories, 3), 0.0), generator.normal(size=(states, 3))
    mean = weight.T @ e / weight.sum(axis=0)[:, None]
    projected = behaviour * np.exp(mean / alpha)
    projected /= projected.sum(axis=1, keepdims=True)
    s, h = np.divmod(np.arange(states * histories), histories)

    def loss(policy: np.ndarray) -> float:
        tables = tensor(np.log(policy)[h]), tensor(e[s]), tensor(np.log(behaviour)[h])
        return losses.i_projection_loss(*tables, alpha, tensor(weight.ravel())).item()

    other = distributions(generator, (histories, 3), 0.0)
    divergence = np.array([t.kl_divergence(q, best) for q, best in zip(other, projected, strict=True)])
    close(loss(other) - loss(projected), alpha * weight.sum(axis=0) @ divergence)


@given(problems())
def test_one_update_of_algorithm_1_solved_exactly_is_a_best_response(p: Problem) -> None:
    """Line 7 with (46) minimised over nu, (47) at its conditional mean and (48) at its minimiser."""
    least = t.minimise_dual(t.exact_dual(*p.turn))
    e = t.advantage(*p.turn, least.nu)
    projected = p.data.behaviour_policy()[p.agent] * np.exp((e - e.max(axis=1, keepdims=True)) / p.alpha)
    projected /= projected.sum(axis=1, keepdims=True)
    answer = t.best_response(*p.turn)
    updated = p.policy.replace(p.agent, np.where(answer.reachable[:, None], projected, answer.policy))
    close(t.objective(p.model, updated, p.data, p.alpha), answer.value, 1e-8)


if __name__ == "__main__":
    run_alone(globals())
