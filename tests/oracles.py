"""Slow, independent routes to the package's numbers, written from the paper's formulas with explicit loops.

Imports nothing from alberdice: every function takes arrays (and the agents' tables as a list), so that an oracle never
shares code with what it judges. Conventions: ``transition[s, a_1, ..., a_n, s']``, ``reward[s, a_1, ..., a_n]``,
``tables[i][s, a_i]``, ``data[s, a_1, ..., a_n]``; 0 log 0 = 0.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np
from scipy.optimize import linprog, minimize

Tables = Sequence[np.ndarray]


def joint_actions(reward: np.ndarray) -> Iterator[tuple[int, ...]]:
    """Every joint action."""
    return itertools.product(*(range(k) for k in reward.shape[1:]))


def joint_probability(tables: Tables, s: int, a: tuple[int, ...], skip: int | None = None) -> float:
    """prod_j pi_j(a_j|s), without agent ``skip``."""
    product = 1.0
    for j, table in enumerate(tables):
        if j != skip:
            product *= float(table[s, a[j]])
    return product


def state_chain(transition: np.ndarray, tables: Tables) -> np.ndarray:
    """P_pi[s, s'] = sum_a pi(a|s) P(s'|s, a)."""
    n = transition.shape[0]
    chain = np.zeros((n, n))
    for s in range(n):
        for a in joint_actions(transition[..., 0]):
            for t in range(n):
                chain[s, t] += joint_probability(tables, s, a) * transition[(s, *a, t)]
    return chain


def state_occupancy_by_series(transition: np.ndarray, tables: Tables, initial: np.ndarray, discount: float) -> np.ndarray:
    """d(s) = (1-gamma) sum_t gamma^t Pr(s_t = s), summed until gamma^t < 1e-16."""
    chain = state_chain(transition, tables)
    mass, total, factor = np.array(initial, dtype=float), np.zeros(len(initial)), 1.0
    while factor > 1e-16:
        total += (1 - discount) * factor * mass
        mass = mass @ chain
        factor *= discount
    return total


def state_occupancy_by_solve(transition: np.ndarray, tables: Tables, initial: np.ndarray, discount: float) -> np.ndarray:
    """The same from the flow equations d = (1-gamma) p_0 + gamma P_pi^T d."""
    chain = state_chain(transition, tables)
    return np.linalg.solve(np.eye(len(initial)) - discount * chain.T, (1 - discount) * np.asarray(initial))


def occupancy(transition: np.ndarray, tables: Tables, initial: np.ndarray, discount: float) -> np.ndarray:
    """d(s, a) = d(s) pi(a|s)."""
    mass = state_occupancy_by_series(transition, tables, initial, discount)
    visits = np.zeros(transition.shape[:-1])
    for s in range(len(mass)):
        for a in joint_actions(visits):
            visits[(s, *a)] = mass[s] * joint_probability(tables, s, a)
    return visits


def kl(p: np.ndarray, q: np.ndarray) -> float:
    """KL(p || q) over all entries, +inf where p > 0 = q."""
    total = 0.0
    for x, y in zip(np.ravel(p), np.ravel(q), strict=True):
        if x > 0:
            total += math.inf if y == 0 else float(x) * math.log(float(x) / float(y))
    return total


def objective(
    transition: np.ndarray,
    reward: np.ndarray,
    initial: np.ndarray,
    discount: float,
    tables: Tables,
    data: np.ndarray,
    alpha: float,
) -> float:
    """(2): sum d(s, a) r(s, a) - alpha KL(d || d^D)."""
    visits = occupancy(transition, tables, initial, discount)
    total = 0.0
    for s in range(reward.shape[0]):
        for a in joint_actions(reward):
            total += visits[(s, *a)] * reward[(s, *a)]
    return total if alpha == 0 else total - alpha * kl(visits, data)


def state_values(transition: np.ndarray, reward: np.ndarray, discount: float, tables: Tables) -> np.ndarray:
    """V^pi(s), unnormalised, by iterating the Bellman equation until gamma^t < 1e-16."""
    n = reward.shape[0]
    chain, mean = state_chain(transition, tables), np.zeros(n)
    for s in range(n):
        for a in joint_actions(reward):
            mean[s] += joint_probability(tables, s, a) * reward[(s, *a)]
    values, factor = np.zeros(n), 1.0
    while factor > 1e-16:
        values = mean + discount * chain @ values
        factor *= discount
    return values


def reduced_mdp(transition: np.ndarray, reward: np.ndarray, tables: Tables, agent: int) -> tuple[np.ndarray, np.ndarray]:
    """Pbar(s'|s, a_i) and rbar(s, a_i) of section 3: ``(S, A_i, S)`` and ``(S, A_i)``."""
    n, k = reward.shape[0], reward.shape[agent + 1]
    chain, mean = np.zeros((n, k, n)), np.zeros((n, k))
    for s in range(n):
        for a in joint_actions(reward):
            p = joint_probability(tables, s, a, skip=agent)
            mean[s, a[agent]] += p * reward[(s, *a)]
            for t in range(n):
                chain[s, a[agent], t] += p * transition[(s, *a, t)]
    return chain, mean


def own_marginal(data: np.ndarray, agent: int) -> np.ndarray:
    """d^D(s, a_i)."""
    table = np.zeros((data.shape[0], data.shape[agent + 1]))
    for s in range(data.shape[0]):
        for a in joint_actions(data):
            table[s, a[agent]] += data[(s, *a)]
    return table


def conditional(data: np.ndarray, agent: int, s: int, a: tuple[int, ...]) -> float:
    """pi^D(a_-i | s, a_i)."""
    below = sum(data[(s, *b)] for b in joint_actions(data) if b[agent] == a[agent])
    return 0.0 if below == 0 else float(data[(s, *a)] / below)


def conditional_without_own_action(data: np.ndarray, agent: int, s: int, a: tuple[int, ...]) -> float:
    """pi^D(a_-i | s)."""
    same = [b for b in joint_actions(data) if all(b[j] == a[j] for j in range(len(a)) if j != agent)]
    above = sum(data[(s, *b)] for b in same)
    below = sum(data[(s, *b)] for b in joint_actions(data))
    return 0.0 if below == 0 else float(above / below)


def samples(
    transition: np.ndarray,
    reward: np.ndarray,
    discount: float,
    tables: Tables,
    agent: int,
    data: np.ndarray,
    alpha: float,
    nu: np.ndarray,
) -> Iterator[tuple[int, tuple[int, ...], int, float, float, float]]:
    """Every sample with d^D P rho > 0: s, a, s', d^D(s, a) P(s'|s, a), rho_i (11) and e^ (8)."""
    for s in range(reward.shape[0]):
        for a in joint_actions(reward):
            for t in range(reward.shape[0]):
                probability = float(data[(s, *a)] * transition[(s, *a, t)])
                others = joint_probability(tables, s, a, skip=agent)
                if probability > 0 and others > 0:
                    ratio = others / conditional(data, agent, s, a)
                    e = float(reward[(s, *a)]) - alpha * math.log(ratio) + discount * float(nu[t]) - float(nu[s])
                    yield s, a, t, probability, ratio, e


def advantage(
    transition: np.ndarray,
    reward: np.ndarray,
    discount: float,
    tables: Tables,
    agent: int,
    data: np.ndarray,
    alpha: float,
    nu: np.ndarray,
) -> np.ndarray:
    """e_nu(s, a_i) of (5); -inf where the others leave the data."""
    table = np.zeros((reward.shape[0], reward.shape[agent + 1]))
    for s in range(reward.shape[0]):
        for a in joint_actions(reward):
            p = joint_probability(tables, s, a, skip=agent)
            if p == 0:
                continue
            given = conditional(data, agent, s, a)
            if given == 0:
                table[s, a[agent]] = -math.inf
                continue
            future = sum(transition[(s, *a, t)] * nu[t] for t in range(len(nu)))
            e = reward[(s, *a)] - alpha * math.log(p / given) + discount * future - nu[s]
            table[s, a[agent]] += p * e
    return table


def exact_dual(
    transition: np.ndarray,
    reward: np.ndarray,
    initial: np.ndarray,
    discount: float,
    tables: Tables,
    agent: int,
    data: np.ndarray,
    alpha: float,
    nu: np.ndarray,
    *,
    logarithm: bool = False,
) -> float:
    """(7) with (22) inside: (1-gamma) p_0.nu + alpha sum d^D(s, a_i) exp(e/alpha - 1); or the log form (31)."""
    e = advantage(transition, reward, discount, tables, agent, data, alpha, nu)
    mass = own_marginal(data, agent)
    linear = (1 - discount) * float(np.dot(initial, nu))
    terms = [
        float(mass[s, b]) * math.exp(e[s, b] / alpha - (0 if logarithm else 1))
        for s in range(e.shape[0])
        for b in range(e.shape[1])
        if mass[s, b] > 0
    ]
    return linear + alpha * (math.log(math.fsum(terms)) if logarithm else math.fsum(terms))


def sample_dual(
    transition: np.ndarray,
    reward: np.ndarray,
    initial: np.ndarray,
    discount: float,
    tables: Tables,
    agent: int,
    data: np.ndarray,
    alpha: float,
    nu: np.ndarray,
    *,
    logarithm: bool = False,
    printed_23: bool = False,
) -> float:
    """(14) on the full population, its log form (31), or the last line of (23) as printed."""
    total = []
    for s, a, _, probability, ratio, e in samples(transition, reward, discount, tables, agent, data, alpha, nu):
        others = joint_probability(tables, s, a, skip=agent)
        used = others / conditional_without_own_action(data, agent, s, a) if printed_23 else ratio
        total.append(probability * used * math.exp(e / alpha - (0 if logarithm else 1)))
    linear = (1 - discount) * float(np.dot(initial, nu))
    return linear + alpha * (math.log(math.fsum(total)) if logarithm else math.fsum(total))


def regularised_best_response_value(
    transition: np.ndarray,
    reward: np.ndarray,
    initial: np.ndarray,
    discount: float,
    tables: Tables,
    agent: int,
    data: np.ndarray,
    alpha: float,
) -> float:
    """max of (2) over one agent's policies as the minimum of its dual (31), by a quasi-Newton method from nu = 0.

    For d^D > 0 and every state reachable, where the minimum is attained.
    """
    chain, _ = reduced_mdp(transition, reward, tables, agent)
    constant = advantage(transition, reward, 0.0, tables, agent, data, alpha, np.zeros(len(initial)))
    mass = own_marginal(data, agent)

    def value_and_slope(nu: np.ndarray) -> tuple[float, np.ndarray]:
        e = constant + discount * chain @ nu - nu[:, None]
        top = float(e.max())
        share = mass * np.exp((e - top) / alpha)
        total = float(share.sum())
        share = share / total
        slope = (1 - discount) * np.asarray(initial) + discount * np.einsum("sb,sbt->t", share, chain) - share.sum(axis=1)
        return (1 - discount) * float(initial @ nu) + top + alpha * math.log(total), slope

    start = np.zeros(len(initial))
    for _ in range(5):
        start = minimize(value_and_slope, start, jac=True, method="BFGS", options={"gtol": 1e-12, "maxiter": 5000}).x
    return value_and_slope(start)[0]


def linear_best_response_value(
    transition: np.ndarray, reward: np.ndarray, initial: np.ndarray, discount: float, tables: Tables, agent: int
) -> float:
    """max of (2) at alpha = 0 over one agent's policies, by the LP over its occupancies."""
    chain, mean = reduced_mdp(transition, reward, tables, agent)
    n, k = mean.shape
    balance = np.zeros((n, n * k))
    for s in range(n):
        for b in range(k):
            balance[s, s * k + b] += 1.0
            balance[:, s * k + b] -= discount * chain[s, b]
    answer = linprog(-mean.ravel(), A_eq=balance, b_eq=(1 - discount) * np.asarray(initial), bounds=(0, None), method="highs")
    assert answer.status == 0, answer.message
    return -float(answer.fun)


def optimal_values(transition: np.ndarray, reward: np.ndarray, discount: float, tables: Tables, agent: int) -> np.ndarray:
    """max over pi_i of V(s) for a fixed reward, by value iteration until gamma^t < 1e-16."""
    chain, mean = reduced_mdp(transition, reward, tables, agent)
    values, factor = np.zeros(len(mean)), 1.0
    while factor > 1e-16:
        values = (mean + discount * chain @ values).max(axis=1)
        factor *= discount
    return values
