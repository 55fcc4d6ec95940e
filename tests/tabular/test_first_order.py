"""First-order methods on graphs that mix: near the answer that the interior-point method proves, and proven alike."""

import dataclasses

import flow_oracles as oracle
import numpy as np
import pytest
import scipy.sparse as sp

from alberdice.tabular.first_order import SMOOTH, first_multipliers
from alberdice.tabular.flow import FlowProblem, Status
from alberdice.tabular.flow_operator import FlowOperator
from alberdice.tabular.interior_point import solve_flow


@pytest.mark.parametrize("alpha", [0.0, 0.1, 10.0])
@pytest.mark.parametrize("seed", range(3))
def test_the_same_certified_answer_without_an_interior_point_step(alpha, seed):
    problem = oracle.garnet(60, 4, 4, seed, alpha, 0.95)
    direct, mixed = solve_flow(problem, linear_solver="cholesky"), solve_flow(problem, linear_solver="iterative")
    assert mixed.status.proven
    assert mixed.value == pytest.approx(direct.value, abs=2e-10 * direct.unit)
    np.testing.assert_allclose(mixed.occupancy, direct.occupancy, atol=1e-4)
    if alpha != 0.1:
        assert mixed.iterations == 0
    if alpha == 0:
        assert mixed.value == pytest.approx(oracle.linear_program(problem), abs=1e-9)


def test_a_small_alpha_is_left_to_the_interior_point_method():
    problem = oracle.garnet(20, 3, 3, 0, 1e-4)
    reward = problem.reward - problem.reward.max()
    assert -reward.min() > SMOOTH * problem.alpha
    assert first_multipliers(problem, FlowOperator(problem), reward, 0.0) is None


@pytest.mark.parametrize("discount", [0.95, 0.9999])
def test_policy_iteration_proves_linear_programmes_on_graphs_that_do_not_mix(discount):
    """Sweeps settle by themselves at 0.95; at 0.9999 direct solutions finish."""
    problem = oracle.corridor(500, 0.0, discount)
    problem = dataclasses.replace(problem, reward=np.random.default_rng(0).normal(size=problem.n_rows))
    found = solve_flow(problem)
    assert found.status.proven
    assert found.iterations == 0
    assert found.value == pytest.approx(solve_flow(problem, linear_solver="lu").value, abs=2e-10 * found.unit)


def test_fast_methods_are_left_where_the_graph_does_not_mix():
    problem = oracle.corridor(500, 10.0, 0.95)
    reward = problem.reward - problem.reward.max()
    assert -reward.min() < SMOOTH * problem.alpha
    assert first_multipliers(problem, FlowOperator(problem), reward, 0.0) is None


def test_dense_problems_are_tried_beside_a_dense_factor_and_small_ones_are_not():
    mixing = oracle.garnet(220, 3, 110, 0, 10.0, 0.95)
    assert solve_flow(mixing).iterations == 0
    assert solve_flow(mixing).value == pytest.approx(
        solve_flow(mixing, linear_solver="cholesky").value, abs=2e-10 * mixing.unit
    )
    assert solve_flow(oracle.garnet(100, 3, 50, 0, 10.0, 0.95)).iterations > 0


@pytest.mark.parametrize(("actions_lead", "kind"), [("anywhere", "iterative"), ("to neighbours", "cholesky")])
def test_small_problems_at_alpha_0_are_swept_where_they_mix(actions_lead, kind):
    n, rng = 200, np.random.default_rng(5)
    state = np.repeat(np.arange(n), 2)
    near = np.clip(state[:, None] + np.arange(-1, 3), 0, n - 1)
    columns = rng.integers(n, size=(2 * n, 4)) if actions_lead == "anywhere" else near
    chances = rng.dirichlet(np.ones(4), size=2 * n).reshape(-1)
    transition = sp.csr_array((chances, (np.repeat(np.arange(2 * n), 4), columns.reshape(-1))), shape=(2 * n, n))
    transition.sum_duplicates()
    problem = FlowProblem(rng.normal(size=2 * n), transition, state, np.full(n, 1 / n), 0.95, 0.0)
    found, direct = solve_flow(problem), solve_flow(problem, linear_solver="cholesky")
    assert found.linear_solver == kind
    assert found.status is direct.status is Status.CERTIFIED
    assert found.value == pytest.approx(direct.value, abs=1e-9)
