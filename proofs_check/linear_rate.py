"""Linear rates: two agents in one state contract by (K/(4 alpha))^2 a round, XOR by 1/(4 alpha^2).

With any number of agents and states: where values converge geometrically, occupancies do. The local rate: local_rate.py.
"""

import numpy as np
from curvature import one_round
from hypothesis import given
from hypothesis import strategies as st
from support import below, close, few_examples, generators, interaction, one_shot, one_state_policy, run_alone, uniform_data

import alberdice as ad

t = ad.tabular


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


@given(generators(), st.integers(2, 3), st.floats(16.1, 40.0))
@few_examples(5)
def test_any_number_of_agents_in_one_state_from_every_start(generator: np.random.Generator, agents: int, share: float) -> None:
    """With alpha > 16 C N, C half the range of r + alpha ln d^D (here of r); q = 1 - 1/(4 N (2 + (16 C/alpha)^2 N))."""
    model = one_shot(generator.uniform(-1, 1, tuple(generator.integers(2, 4, agents))))
    data, half = uniform_data(model), np.ptp(model.reward) / 2
    alpha = share * half * agents
    factor = 1 - 1 / (4 * agents * (2 + (16 * half / alpha) ** 2 * agents))
    runs = []
    for _ in range(2):
        run = [one_state_policy(*(generator.dirichlet(np.ones(k)) for k in model.n_actions))]
        for _ in range(6):
            run.append(one_round(model, run[-1], data, alpha))
        runs.append(run)
    for one, other in zip(runs[0][-1], runs[1][-1], strict=True):
        close(one, other, 1e-6)
    for run in runs:
        values = np.array([t.objective(model, policy, data, alpha) for policy in run])
        top = values[-1] + 1e-12
        below(top - values[1:], factor * (top - values[:-1]), 1e-11)
        step = np.array([[np.abs(a - b).sum() for a, b in zip(p, run[-1], strict=True)] for p in run])
        below(half * agents / 2 * (step**2).sum(axis=1), top - values, 1e-7)


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
