"""Orders of elimination: hubs come last, little fills in, and what is solved in the order is what a dense solve gives."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from alberdice.tabular import chains
from alberdice.tabular.elimination import elimination_order, factor_in_order, hubs
from alberdice.tabular.flow import FlowProblem
from alberdice.tabular.flow_operator import FlowOperator
from alberdice.tabular.linear_solver import choose_linear_solver, envelope
from alberdice.tabular.normal_equations import NormalEquations


def with_a_hub(n: int, hub: int, *, alpha: float = 0.1) -> FlowProblem:
    """Every state goes to its neighbour, or by its second action to the hub."""
    state = np.repeat(np.arange(n), 2)
    columns = np.where(np.arange(2 * n) % 2 == 0, np.minimum(state + 1, n - 1), hub)
    transition = sp.csr_array((np.ones(2 * n), columns, np.arange(2 * n + 1)), shape=(2 * n, n))
    reward = np.random.default_rng(n).normal(size=2 * n)
    return FlowProblem(reward, transition, state, np.full(n, 1 / n), 0.95, alpha)


@pytest.mark.parametrize("hub", [0, 1500, 2999])
def test_the_hub_is_last_and_nothing_fills_in(hub: int) -> None:
    n = 3000
    matrix = FlowOperator(with_a_hub(n, hub)).matrix
    order = elimination_order(matrix)
    assert sorted(order.tolist()) == list(range(n))
    assert order[-1] == hub
    products = sp.csc_array(matrix.T @ matrix + sp.eye_array(n))
    assert hubs(products).sum() == 1
    assert factor_in_order(sp.csc_array(products[order][:, order])).L.nnz <= 5 * n


def test_a_hub_does_not_hide_that_a_graph_can_be_cut_apart() -> None:
    problem = with_a_hub(3000, 7)
    assert envelope(problem) <= 8 * 3000
    assert choose_linear_solver(problem) == "lu"


def test_where_all_are_hubs() -> None:
    matrix = sp.csr_array(np.ones((40, 20)))
    square = sp.csr_array(np.ones((400, 400)))
    assert hubs(square).all()
    assert sorted(elimination_order(matrix).tolist()) == list(range(20))
    assert sorted(elimination_order(square).tolist()) == list(range(400))


@pytest.mark.parametrize("transposed", [False, True])
def test_chains_solved_in_the_order(transposed: bool) -> None:
    problem = with_a_hub(500, 250)
    operator, rng = FlowOperator(problem), np.random.default_rng(3)
    policy = rng.random(1000)
    policy /= np.bincount(problem.state, policy)[problem.state]
    system = operator.flow_system(policy)
    if transposed:
        system = type(system)(system.values, system.columns, system.rows)
    dense = np.zeros((500, 500))
    np.add.at(dense, (system.rows, system.columns), system.values)
    rhs = rng.normal(size=500)
    assert np.allclose(chains.solve_directly(operator, system, rhs, "lu"), np.linalg.solve(dense, rhs), rtol=1e-10, atol=1e-12)


def test_normal_equations_solved_in_the_order() -> None:
    problem = with_a_hub(500, 250)
    operator, rng = FlowOperator(problem), np.random.default_rng(4)
    equations, weights, rhs = NormalEquations(operator, "lu"), rng.random(1000) + 0.01, rng.normal(size=500)
    equations.factorise(weights)
    matrix = operator.matrix.toarray()
    exact = np.linalg.solve(matrix.T @ (weights[:, None] * matrix), rhs)
    assert np.allclose(equations.solve(rhs, 1e-12, 20).x, exact, rtol=1e-7, atol=1e-9)
