"""Linear rates: two agents in one state contract by (K/(4 alpha))^2 a round, XOR by 1/(4 alpha^2).

With any number of agents and states: where values converge geometrically, occupancies do. The local rate at a strict maximum is
the spectral radius of the block Gauss-Seidel matrix of the Hessian (calculus, not in Coq), held here against measured runs.
"""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import below, close, few_examples, generators, one_shot, one_state_policy, run_alone, uniform_data

import alberdice as ad

t = ad.tabular


def interaction(payoff: np.ndarray) -> float:
    """The largest Q(a,b) - Q(a',b) - Q(a,b') + Q(a',b')."""
    rows = payoff[:, None, :] - payoff[None, :, :]
    return float((rows[..., :, None] - rows[..., None, :]).max())


def one_round(model: ad.MMDP, policy: ad.FactorizedPolicy, data: ad.DataDistribution, alpha: float) -> ad.FactorizedPolicy:
    for agent in range(model.n_agents):
        policy = policy.replace(agent, t.best_response(model, policy, agent, data, alpha).policy)
    return policy


@given(generators(), st.integers(2, 3), st.integers(2, 4), st.sampled_from([0.3, 0.6, 0.9]))
@few_examples(5)
def test_two_agents_in_one_state_contract_by_the_proved_factor(
    generator: np.random.Generator, rows: int, columns: int, kappa: float
) -> None:
    reward = generator.uniform(-1, 1, (rows, columns))
    model, data = one_shot(reward), uniform_data(one_shot(reward))
    alpha = interaction(reward) / (4 * kappa)  # uniform data: ln d^D is constant and does not interact
    start = [one_state_policy(generator.dirichlet(np.ones(rows)), generator.dirichlet(np.ones(columns))) for _ in range(2)]
    runs = []
    for policy in start:
        run = [policy]
        for _ in range(int(6 / (1 - kappa))):
            run.append(one_round(model, run[-1], data, alpha))
        runs.append(run)
    nash = runs[0][-1]
    close(runs[1][-1][1], nash[1], 1e-3)  # one Nash policy, from every start
    for run in runs:
        error = np.array([np.abs(policy[1] - nash[1]).sum() for policy in run])
        below(error[1:], kappa**2 * error[:-1], 1e-6)


@given(generators(), st.sampled_from([0.5, 0.9]))
@few_examples(6)
def test_the_data_s_dependence_counts_as_interaction(generator: np.random.Generator, kappa: float) -> None:
    reward, mass = generator.uniform(-1, 1, (2, 3)), generator.dirichlet(np.full(6, 20.0)).reshape(1, 2, 3)
    model, data = one_shot(reward), ad.DataDistribution(mass)
    alpha = 1.0
    for _ in range(100):  # K depends on alpha: alpha = K(alpha) / (4 kappa)
        alpha = interaction(reward + alpha * np.log(mass[0])) / (4 * kappa)
        if alpha > 50:
            return
    runs = [one_state_policy([0.5, 0.5], [0.8, 0.1, 0.1]), one_state_policy([0.1, 0.9], [0.1, 0.1, 0.8])]
    for _ in range(8):
        after = [one_round(model, policy, data, alpha) for policy in runs]
        before, now = (np.abs(a[1] - b[1]).sum() for a, b in (runs, after))
        below(now, kappa**2 * before, 1e-6)
        runs = after


def test_xor_meets_its_factor() -> None:
    model = one_shot([[0, 1], [1, 0]])
    data = uniform_data(model)
    for alpha in (0.6, 1.0, 2.0):
        policy, ratios = one_state_policy([0.5, 0.5], [0.501, 0.499]), []
        for _ in range(3):
            after = one_round(model, policy, data, alpha)
            ratios.append((after[1][0, 0] - 0.5) / (policy[1][0, 0] - 0.5))
            policy = after
        below(ratios, 1 / (4 * alpha**2), 1e-6)
        close(ratios, 1 / (4 * alpha**2), 1e-3)


def gauss_seidel_rate(model: ad.MMDP, policy: ad.FactorizedPolicy, data: ad.DataDistribution, alpha: float) -> float:
    """The spectral radius of (D + L)^-1 L^T for the Hessian D + L + L^T of J in the agents' blocks, by central differences."""
    blocks = [model.n_states * (k - 1) for k in model.n_actions]
    place = np.concatenate([[0], np.cumsum(blocks)])
    size, step = int(place[-1]), 1e-3

    def value(shift: np.ndarray) -> float:
        tables = []
        for agent, k in enumerate(model.n_actions):
            logits = np.log(policy[agent])
            logits[:, 1:] += shift[place[agent] : place[agent + 1]].reshape(model.n_states, k - 1)
            table = np.exp(logits - logits.max(axis=1, keepdims=True))
            tables.append(table / table.sum(axis=1, keepdims=True))
        return t.objective(model, ad.FactorizedPolicy(tables), data, alpha)

    unit = np.eye(size) * step
    hessian = np.empty((size, size))
    for i, j in itertools.product(range(size), repeat=2):
        corners = value(unit[i] + unit[j]) - value(unit[i] - unit[j]) - value(unit[j] - unit[i]) + value(-unit[i] - unit[j])
        hessian[i, j] = corners / (4 * step**2)
    block = np.repeat(np.arange(model.n_agents), blocks)
    lower = block[:, None] >= block[None, :]
    return float(np.abs(np.linalg.eigvals(np.linalg.solve(np.where(lower, hessian, 0.0), np.where(lower, 0.0, hessian)))).max())


def measured_rate(
    model: ad.MMDP, data: ad.DataDistribution, alpha: float, rounds: int, start: np.ndarray | None = None
) -> tuple[ad.FactorizedPolicy, float]:
    """The last policy of a run from the marginals of ``start`` or of the data, and the distance's factor per round."""
    run = [(data if start is None else ad.DataDistribution(start)).behaviour_policy()]
    for _ in range(rounds):
        run.append(one_round(model, run[-1], data, alpha))
        if max(np.abs(a - b).max() for a, b in zip(run[-1], run[-2], strict=True)) < 1e-13:
            break
    error = np.array([max(np.abs(a - b).max() for a, b in zip(policy, run[-1], strict=True)) for policy in run[:-1]])
    usable = np.flatnonzero((error < 1e-2) & (error > 1e-6))
    if usable.size < 3:
        return run[-1], np.nan
    first, last = usable[0], usable[-1]
    return run[-1], float((error[last] / error[first]) ** (1 / (last - first)))


@pytest.mark.slow
def test_the_local_rate_is_that_of_block_gauss_seidel() -> None:
    checked = 0
    for seed in range(6):
        generator = np.random.default_rng(seed)
        model = ad.games.garnet(2, (2, 2, 2)[: 2 + seed % 2], 2, generator=generator)
        data = ad.games.random_data(model, generator)
        for alpha in (0.1, 0.3):
            nash, measured = measured_rate(model, data, alpha, 30)
            if np.isnan(measured) or measured < 0.02:
                continue
            close(measured, gauss_seidel_rate(model, nash, data, alpha), 0.1)
            checked += 1
    assert checked >= 3


@given(generators(), st.sampled_from([0.3, 1.0]))
@few_examples(5)
def test_where_values_converge_geometrically_the_occupancies_do(generator: np.random.Generator, alpha: float) -> None:
    model = ad.games.garnet(2, (2, 2), 2, generator=generator)
    data = ad.games.random_data(model, generator)
    policy = data.behaviour_policy()
    values, visits = [], []
    for update in range(60):
        values.append(t.objective(model, policy, data, alpha))
        visits.append(ad.occupancy(model, policy))
        policy = policy.replace(update % 2, t.best_response(model, policy, update % 2, data, alpha).policy)
    gap = values[-1] - np.array(values)
    shown = int((gap > 1e-8).sum())
    if shown < 3:
        return
    k = max((gap[n] / gap[0]) ** (1 / (2 * n)) for n in range(1, shown))  # gap <= gap_0 k^(2n)
    if k > 0.95:
        return
    error = np.array([np.abs(d - visits[-1]).max() for d in visits[:shown]])
    below(error, 2 * np.sqrt(gap[0] / alpha) / (1 - k) * k ** np.arange(shown), 1e-5)


if __name__ == "__main__":
    run_alone(globals())
