"""Sweeps by the squares of a map give what one sweep after another gives, and where they settle solves the equations."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.sparse as sp

from alberdice.tabular import chains
from alberdice.tabular.flow import FlowProblem
from alberdice.tabular.flow_operator import FlowOperator
from alberdice.tabular.interior_point_certificate import best_rows
from alberdice.tabular.sweeps import LOOK, Sweeps

GAMMA = 0.97


def corridor(n: int, rng: np.random.Generator, *, shuffled: bool = False) -> FlowProblem:
    """Two actions a state, to neighbours or back to the start: a chain that mixes slowly and whose powers have few entries."""
    state = np.repeat(np.arange(n), 2)
    if shuffled:
        state = rng.permutation(state)
    columns = np.column_stack([np.clip(state + rng.integers(-1, 2, size=2 * n), 0, n - 1), np.zeros(2 * n, dtype=int)])
    chances = np.tile([0.98, 0.02], (2 * n, 1))
    places = (np.repeat(np.arange(2 * n), 2), columns.reshape(-1))
    transition = sp.csr_array((chances.reshape(-1), places), shape=(2 * n, n))
    transition.sum_duplicates()
    return FlowProblem(rng.normal(size=2 * n), transition, state, np.full(n, 1 / n), GAMMA, 0.0)


def dense_chain(problem: FlowProblem, policy: np.ndarray) -> np.ndarray:
    """Gamma P_pi, entry by entry."""
    chain = np.zeros((problem.n_states, problem.n_states))
    for row, (state, share) in enumerate(zip(problem.state, policy, strict=True)):
        chain[state] += GAMMA * share * problem.transition[[row]].toarray()[0]
    return chain


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("deterministic", [False, True])
def test_chain_of_a_policy(shuffled: bool, deterministic: bool) -> None:
    rng = np.random.default_rng(0)
    problem = corridor(12, rng, shuffled=shuffled)
    policy = rng.random(24) + 0.1
    if deterministic:
        policy = np.zeros(24)
        policy[best_rows(problem.reward, problem.state)] = 1.0
    assert np.allclose(FlowOperator(problem).chain(policy).toarray(), dense_chain(problem, policy), rtol=0, atol=1e-16)


def test_squares_sweep_as_the_map_itself() -> None:
    rng = np.random.default_rng(1)
    problem = corridor(40, rng)
    chain = FlowOperator(problem).chain(np.full(80, 0.5))
    constant, x = rng.random(40), rng.random(40)
    hastened = Sweeps(chain, constant)
    change = last = math.inf
    while hastened.done < 600:
        before, x = hastened.look(x)
        last, change = change, float(np.abs(x - before).sum())
        if hastened.hasten(change, last, 1e-14, 600):
            change = math.inf
    assert hastened.stride >= 4  # a small map is squared more than once
    slow = np.random.default_rng(1)
    corridor(40, slow)
    slow.random(40)
    y = slow.random(40)
    for _ in range(hastened.done):
        y = constant + chain @ y
    assert np.allclose(x, y, rtol=1e-13, atol=0)


def test_a_map_whose_square_fills_is_kept() -> None:
    n = 400
    rng = np.random.default_rng(2)
    step = sp.csr_array(sp.random_array((n, n), density=30 / n, rng=rng)) / 40
    sweeps = Sweeps(step, np.ones(n))
    sweeps.look(np.ones(n))
    assert not sweeps.hasten(1.0, 1.01, 1e-14, 10_000)
    assert sweeps.stride == 1


@pytest.mark.parametrize(("change", "last"), [(1e-15, 1.0), (1.0, math.inf)])
def test_nothing_is_squared_at_the_goal_or_before_two_looks(change: float, last: float) -> None:
    sweeps = Sweeps(sp.csr_array(0.9 * sp.eye_array(5)), np.ones(5))
    sweeps.look(np.ones(5))
    assert not sweeps.hasten(change, last, 1e-14, 10_000)
    assert sweeps.done == LOOK


def test_flow_and_values_solve_their_equations() -> None:
    problem = corridor(60, np.random.default_rng(3))
    operator = FlowOperator(problem)
    policy = np.zeros(120)
    policy[best_rows(problem.reward, problem.state)] = 1.0
    chain = dense_chain(problem, policy)
    flow, change = chains.flow_sweeps(operator, policy, np.full(60, 1 / 60), 5000)
    assert change <= chains.SETTLED
    assert np.allclose(flow, np.linalg.solve(np.eye(60) - chain.T, operator.source), rtol=1e-11, atol=0)
    gain = problem.reward[policy > 0]
    values, _ = chains.value_sweeps(operator.chain(policy), gain, np.zeros(60), 1e-13, 5000)
    exact = np.linalg.solve(np.eye(60) - chain, gain)
    assert np.allclose(values - values.mean(), exact - exact.mean(), rtol=0, atol=1e-10)


def test_products_are_the_same_before_and_after_the_matrix_is_put_together() -> None:
    problem = corridor(20, np.random.default_rng(4), shuffled=True)
    operator, rng = FlowOperator(problem), np.random.default_rng(5)
    nu, rows = rng.normal(size=20), rng.random(40)
    before = operator.forward(nu), operator.adjoint(rows)
    matrix = operator.matrix.toarray()
    assert np.allclose(before[0], matrix @ nu, rtol=0, atol=1e-14)
    assert np.allclose(before[1], matrix.T @ rows, rtol=0, atol=1e-14)
    assert np.allclose(operator.forward(nu), before[0], rtol=0, atol=1e-14)
    assert np.allclose(operator.adjoint(rows), before[1], rtol=0, atol=1e-14)


def test_best_rows_of_ties_shuffled_states_and_failed_solves() -> None:
    values = np.array([1.0, 1.0, np.nan, -2.0, np.nan, np.nan])
    assert best_rows(values, np.array([0, 0, 1, 1, 2, 2])).tolist() == [0, 3, 4]
    assert best_rows(values, np.array([1, 0, 0, 1, 2, 2])).tolist() == [1, 0, 4]
