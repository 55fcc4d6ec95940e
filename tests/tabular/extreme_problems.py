"""Seeded extreme flow problems: where discounted problems in float64 are hardest.

    nearly periodic    cycles of several lengths with a small chance to leave: |lambda_2| near 1
    several classes    closed classes that do not meet, reached from the start: I - gamma P nearly singular once per class
    corridors          one way forward, so that occupancies fall by |A|^-S
    sparse, dense      successors drawn from few or all states, chances from 1 down to 1e-12

each with gamma from 0.5 to 0.999999, alpha 0 or from 1e-8 to 1e6, rewards of sizes 1e-6 to 1e6 and data from even to 1e-300.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from alberdice.tabular.flow import FlowProblem

KINDS = ("nearly periodic", "several classes", "corridor", "sparse", "dense")
DISCOUNTS = (0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999)


def extreme_problem(seed: int) -> tuple[str, FlowProblem]:
    """Problem number ``seed`` and its kind."""
    rng = np.random.default_rng(seed)
    kind = KINDS[seed % len(KINDS)]
    n_states, n_actions = int(rng.integers(2, 9)), int(rng.integers(1, 4))
    state = np.repeat(np.arange(n_states), n_actions)
    transition = _transition(kind, rng, n_states, n_actions)
    reward = rng.normal(size=len(state)) * 10.0 ** rng.uniform(-6, 6)
    alpha = 0.0 if rng.random() < 0.15 else float(10.0 ** rng.uniform(-8, 6))
    if rng.random() < 0.5:
        reward = reward + alpha * np.log(10.0 ** -rng.uniform(0, rng.choice([3, 30, 300]), size=len(state)))
    initial = rng.dirichlet(np.ones(n_states)) if rng.random() < 0.5 else np.eye(n_states)[0]
    if kind != "corridor":
        initial = 0.5 * initial + 0.5 / n_states  # every state is reachable
    discount = float(rng.choice(DISCOUNTS))
    return kind, FlowProblem(reward, sp.csr_array(transition), state, initial, discount, alpha)


def _transition(kind: str, rng: np.random.Generator, n_states: int, n_actions: int) -> np.ndarray:
    rows = np.zeros((n_states * n_actions, n_states))
    number = np.arange(len(rows))
    owner = number // n_actions
    if kind == "nearly periodic":
        leave = 10.0 ** -rng.uniform(1, 12)
        rows[number, (owner + 1) % n_states] = 1 - leave
        rows[number, rng.integers(n_states, size=len(rows))] += leave
    elif kind == "several classes":
        label = rng.integers(max(2, n_states // 2), size=n_states)
        for m in number:
            mates = np.flatnonzero(label == label[owner[m]])
            rows[m, mates] = rng.dirichlet(np.full(len(mates), 0.3))
    elif kind == "corridor":
        onward = np.minimum(owner + 1, n_states - 1)
        back = 10.0 ** -rng.uniform(0.5, 8)
        rows[number, onward] = 1 - back
        rows[number, 0] += back
    elif kind == "sparse":
        for m in number:
            found = rng.choice(n_states, size=min(2, n_states), replace=False)
            small = 10.0 ** -rng.uniform(0, 12)
            rows[m, found[0]], rows[m, found[-1]] = 1 - small, rows[m, found[-1]] + small
    else:
        rows[:] = rng.dirichlet(np.full(n_states, 0.5), size=len(rows))
    return rows / rows.sum(axis=1, keepdims=True)
