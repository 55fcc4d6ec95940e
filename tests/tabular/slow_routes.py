"""Slow, independent routes to the best response on plain arrays, beyond ``oracles``: data with holes, unreachable states.

A ``Problem`` is a small random MMDP with data, a joint policy and alpha. ``reduced`` fixes the other agents and drops what
leaves the data; ``mirror_ascent`` (alpha > 0) climbs in policy space and stops at a Frank-Wolfe gap, which bounds its distance
from the optimum; ``linear_programme`` (alpha = 0) is the LP over occupancies. Nothing is imported from alberdice.
"""

import math
from dataclasses import dataclass

import numpy as np
import oracles
from scipy.optimize import linprog


@dataclass(frozen=True)
class Problem:
    transition: np.ndarray  # (S, A1, ..., An, S)
    reward: np.ndarray  # (S, A1, ..., An)
    initial: np.ndarray  # (S,)
    discount: float
    tables: list[np.ndarray]  # (S, A_i)
    data: np.ndarray  # (S, A1, ..., An)
    alpha: float

    @property
    def n_agents(self) -> int:
        return len(self.tables)


def random_problem(seed: int, *, alphas=(0.0, 0.03, 0.1, 1.0, 10.0), zeros_in_data: bool = True) -> Problem:
    """1 to 3 agents, unequal action sets, zero transitions, unreachable states, deterministic rows, holes in the data."""
    rng = np.random.default_rng(seed)
    n_states = int(rng.integers(1, 5))
    n_actions = tuple(int(k) for k in rng.integers(1, 4, size=int(rng.integers(1, 4))))
    shape = (n_states, *n_actions)
    weights = rng.exponential(size=(*shape, n_states)) * (rng.random((*shape, n_states)) < 0.6)
    weights += np.eye(n_states).reshape(n_states, *(1,) * len(n_actions), n_states) * (weights.sum(-1, keepdims=True) == 0)
    initial = rng.exponential(size=n_states) * (rng.random(n_states) < 0.5)
    initial[0] += 0.5
    if n_states > 1 and seed % 3 == 0:  # the last state cannot be reached
        weights[:-1, ..., -1] = 0.0
        weights[:-1, ..., 0] += 0.1
        initial[-1] = 0.0
    tables = [rng.dirichlet(np.ones(k), size=n_states) for k in n_actions]
    if seed % 4 == 0:  # one agent is deterministic
        i = int(rng.integers(len(n_actions)))
        tables[i] = np.eye(n_actions[i])[rng.integers(n_actions[i], size=n_states)]
    data = rng.exponential(size=shape)
    if zeros_in_data and seed % 3 == 1:
        holes = rng.random(shape) < 0.15
        data = np.where(holes & ~holes.all(), 0.0, data)
    return Problem(
        transition=weights / weights.sum(-1, keepdims=True),
        reward=rng.normal(size=shape) * float(rng.choice([0.3, 1.0, 3.0])),
        initial=initial / initial.sum(),
        discount=float(rng.choice([0.3, 0.7, 0.9])),
        tables=tables,
        data=data / data.sum(),
        alpha=float(alphas[seed % len(alphas)]),
    )


def objective_by_loops(p: Problem, tables) -> float:
    """J(pi) of (2)."""
    return oracles.objective(p.transition, p.reward, p.initial, p.discount, tables, p.data, p.alpha)


def linear_programme(p: Problem, agent: int) -> float:
    """The best value at alpha = 0."""
    return oracles.linear_best_response_value(p.transition, p.reward, p.initial, p.discount, p.tables, agent)


@dataclass(frozen=True)
class Reduced:
    cost: np.ndarray  # c(s, a_i); meaningless where not allowed
    transition: np.ndarray  # (S, A_i, S)
    allowed: np.ndarray  # (S, A_i): can be played for ever without leaving the data
    feasible: bool


def reduced(p: Problem, agent: int) -> Reduced:
    """The other agents averaged out, by loops; unsupported actions and those that lead to dead ends are not allowed."""
    transition, cost = oracles.reduced_mdp(p.transition, p.reward, p.tables, agent)
    allowed = supported(p, agent)
    for index in np.ndindex(*p.reward.shape):
        s, joint = index[0], index[1:]
        weight = oracles.joint_probability(p.tables, s, joint, skip=agent)
        if p.alpha > 0 and weight > 0 and p.data[index] > 0:
            cost[s, joint[agent]] -= p.alpha * weight * math.log(weight / p.data[index])
    while True:
        dead = ~allowed.any(axis=1)
        still = allowed & ~(transition[:, :, dead].sum(axis=2) > 0)
        if (still == allowed).all():
            return Reduced(cost, transition, allowed, not dead[p.initial > 0].any())
        allowed = still


def supported(p: Problem, agent: int) -> np.ndarray:
    """Where no partner's action leaves the data, ``(S, A_i)``; everywhere at alpha = 0."""
    inside = np.ones(p.tables[agent].shape, dtype=bool)
    for index in np.ndindex(*p.reward.shape):
        s, joint = index[0], index[1:]
        if p.alpha > 0 and p.data[index] == 0 and oracles.joint_probability(p.tables, s, joint, skip=agent) > 0:
            inside[s, joint[agent]] = False
    return inside


def is_feasible_by_lp(p: Problem, agent: int) -> bool:
    """Whether any flow stays on the supported actions; HiGHS decides, dead ends are not removed by hand."""
    transition, _ = oracles.reduced_mdp(p.transition, p.reward, p.tables, agent)
    pairs = np.argwhere(supported(p, agent))
    if len(pairs) == 0:
        return False
    balance = np.zeros((len(p.initial), len(pairs)))
    for column, (s, a) in enumerate(pairs):
        balance[s, column] += 1.0
        balance[:, column] -= p.discount * transition[s, a]
    answer = linprog(np.zeros(len(pairs)), A_eq=balance, b_eq=(1 - p.discount) * p.initial, bounds=(0, None), method="highs")
    assert answer.status in (0, 2), answer.message
    return answer.status == 0


def mirror_ascent(p: Problem, agent: int, gap: float = 3e-8, steps: int = 2_000) -> tuple[float, float, np.ndarray]:
    """Value, certified distance from the optimum, and pi_i: natural gradient steps with a line search, alpha > 0.

    f(d) = c.d - alpha sum d log d is concave with gradient g = c - alpha (log d + 1), so that no occupancy is better than
    f(d) by more than max_d' g.(d' - d): the best value in the MDP of reward g, here by policy iteration.
    """
    r = reduced(p, agent)
    assert r.feasible
    assert p.alpha > 0
    allowed = r.allowed & r.allowed.any(axis=1)[:, None]
    log_policy = np.where(allowed, -np.log(np.maximum(allowed.sum(axis=1, keepdims=True), 1)), -np.inf)
    identity = np.eye(len(p.initial))

    def evaluate(log_policy):
        policy = np.exp(log_policy)
        chain = np.einsum("sa,sat->st", policy, r.transition)
        mass = np.linalg.solve(identity - p.discount * chain.T, (1 - p.discount) * p.initial)
        live = mass > 1e-250
        log_d = np.where(live, np.log(np.where(live, mass, 1.0)), 0.0)[:, None] + np.where(allowed, log_policy, 0.0)
        used = allowed & live[:, None]
        visits = np.where(used, mass[:, None] * policy, 0.0)
        value = float((visits * (np.where(used, r.cost, 0.0) - p.alpha * log_d)).sum())
        slope = np.where(used, r.cost - p.alpha * log_d, 0.0)
        return value, chain, slope, policy

    value, chain, slope, policy = evaluate(log_policy)
    distance, rate = math.inf, 1.0
    for step in range(steps):
        v = np.linalg.solve(identity - p.discount * chain, (policy * slope).sum(axis=1))
        advantage = np.where(allowed, slope + p.discount * r.transition @ v - v[:, None], 0.0)
        if step % 5 == 0:
            distance = (1 - p.discount) * float(p.initial @ (_best_values(slope, r.transition, allowed, p.discount) - v))
            if distance <= gap * (1 + abs(value)):
                break
        while True:
            moved = np.where(allowed, log_policy + rate / p.alpha * advantage, -np.inf)
            top = moved.max(axis=1, keepdims=True)
            top = np.where(np.isfinite(top), top, 0.0)
            total = np.exp(moved - top).sum(axis=1, keepdims=True)
            moved = moved - top - np.log(np.where(total > 0, total, 1.0))
            ahead = evaluate(moved)
            if ahead[0] >= value or rate < 1e-8:
                break
            rate /= 2
        log_policy = moved
        value, chain, slope, policy = ahead
        rate = min(rate * 1.3, 1.0)
    return value, distance, policy


def _best_values(reward, transition, allowed, discount) -> np.ndarray:
    """V* by policy iteration."""
    states = np.arange(len(reward))
    masked = np.where(allowed, reward, -np.inf)
    chosen = np.argmax(masked, axis=1)
    while True:
        v = np.linalg.solve(np.eye(len(reward)) - discount * transition[states, chosen], reward[states, chosen])
        q = np.where(allowed, reward + discount * transition @ v, -np.inf)
        better = np.argmax(q, axis=1)
        if (q[states, better] <= q[states, chosen] + 1e-12 * (1 + np.abs(v))).all():
            return v
        chosen = better
