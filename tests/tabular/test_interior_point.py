"""The interior-point method against closed forms, HiGHS, Clarabel, first-order descent, and its own certificate recomputed."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import tracemalloc

import flow_oracles as oracle
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from alberdice.errors import InvalidArgumentError, ResourceError
from alberdice.tabular import linear_solver
from alberdice.tabular.flow import FlowProblem
from alberdice.tabular.flow_operator import FlowOperator
from alberdice.tabular.interior_point import FlowSolution, InteriorPointSolution, Status, estimate_memory, solve_flow
from alberdice.tabular.interior_point_certificate import Judge
from alberdice.tabular.interior_point_iteration import Iteration
from alberdice.tabular.interior_point_starts import cold_point
from alberdice.tabular.normal_equations import NormalEquations

ALPHAS = [1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0]
KINDS = ["cholesky", "lu", "iterative"]


def check_certificate(problem: FlowProblem, solution: FlowSolution, tolerance: float = 1e-10) -> None:
    """Everything that a certified solution claims, recomputed by the oracles."""
    assert solution.status is Status.CERTIFIED, (solution.status, solution.gap, solution.value)
    goal = tolerance * (np.ptp(problem.reward) + problem.alpha)
    rounding = 1e-12 * (1 + np.abs(problem.reward).max() + np.abs(solution.nu).max())
    a, b = oracle.constraint(problem)
    assert (solution.occupancy >= 0).all()
    assert np.abs(a @ solution.occupancy - b).max() <= 1e-10
    assert solution.occupancy.sum() == pytest.approx(1.0, abs=1e-12)
    assert solution.value == pytest.approx(oracle.objective(problem, solution.occupancy), abs=rounding)
    assert solution.upper_bound == pytest.approx(oracle.dual_value(problem, solution.nu), abs=rounding)
    assert solution.gap == pytest.approx(solution.upper_bound - solution.value, abs=1e-15 * np.abs(solution.value) + rounding)
    assert -rounding <= solution.gap <= goal
    assert solution.flow_residual <= 1e-10


def solved(problem: FlowProblem, **options: object) -> InteriorPointSolution:
    solution = solve_flow(problem, **options)  # type: ignore[arg-type]
    check_certificate(problem, solution)
    return solution


# -- closed forms ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", ALPHAS)
def test_one_state_is_a_softmax(alpha: float) -> None:
    reward = np.array([0.3, -1.0, 0.29, 0.0]) + alpha * np.log([0.5, 1e-10, 0.3, 0.2])
    problem = oracle.flow_problem(reward, np.ones((4, 1)), np.zeros(4, int), np.ones(1), 0.9, alpha)
    solution = solved(problem)
    top = reward.max()
    weights = np.exp((reward - top) / alpha)
    np.testing.assert_allclose(solution.occupancy, weights / weights.sum(), rtol=1e-6, atol=1e-300)
    assert solution.value == pytest.approx(top + alpha * np.log(weights.sum()), rel=1e-12)


def test_one_action_per_state_leaves_no_choice() -> None:
    rng = np.random.default_rng(3)
    rows, initial, reward = rng.dirichlet(np.ones(6), 6), rng.dirichlet(np.ones(6)), rng.normal(size=6)
    visits = np.linalg.solve(np.eye(6) - 0.9 * rows.T, 0.1 * initial)
    for alpha in (0.0, 1e-4, 1.0, 100.0):
        problem = oracle.flow_problem(reward, rows, np.arange(6), initial, 0.9, alpha)
        np.testing.assert_allclose(solved(problem).occupancy, visits, rtol=1e-12)


def test_large_alpha_tends_to_the_occupancy_of_largest_entropy() -> None:
    """With c = 0 the answer does not depend on alpha, and two symmetric states with symmetric moves share evenly."""
    rows = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    for alpha in (1.0, 1e6):
        problem = oracle.flow_problem(np.zeros(4), rows, np.array([0, 0, 1, 1]), np.full(2, 0.5), 0.9, alpha)
        solution = solved(problem)
        np.testing.assert_allclose(solution.occupancy, 0.25, rtol=1e-9)
        assert solution.value == pytest.approx(alpha * np.log(4), rel=1e-12)


def test_at_alpha_0_the_multipliers_are_the_optimal_values() -> None:
    problem = oracle.walk(4, 0.0, 0.9)
    nu = solved(problem).nu
    backup = np.full(problem.n_states, -np.inf)
    np.maximum.at(backup, problem.state, problem.reward + 0.9 * problem.transition @ nu)
    np.testing.assert_allclose(nu, backup, atol=1e-9)


@pytest.mark.parametrize("alpha", [1e-3, 0.1, 10.0])
def test_the_multipliers_reproduce_the_occupancy(alpha: float) -> None:
    """d = exp(e/alpha - 1), equation (13) with the scaling of (14); its error is about the root of gap / alpha."""
    problem = oracle.garnet(8, 3, 3, 1, alpha)
    solution = solved(problem, tolerance=1e-13)
    e = problem.reward - solution.nu[problem.state] + problem.discount * (problem.transition @ solution.nu)
    np.testing.assert_allclose(np.exp(e / alpha - 1), solution.occupancy, rtol=1e-5, atol=1e-12)


# -- independent solvers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(12))
def test_alpha_0_agrees_with_highs(seed: int) -> None:
    discount = [0.5, 0.9, 0.95, 0.99][seed % 4]
    for problem in (
        oracle.ragged(8, seed, 0.0, discount),
        oracle.garnet(10, 3, 2, seed, 0.0, discount),
        oracle.walk(4, 0.0, discount, slip=0.0),
    ):
        solution = solved(problem)
        assert solution.value == pytest.approx(oracle.linear_program(problem), rel=1e-8, abs=1e-8)


@pytest.mark.parametrize("alpha", [0.1, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_clarabel(alpha: float, seed: int) -> None:
    problem = dataclasses.replace(oracle.garnet(6, 3, 3, seed, alpha), discount=0.9)
    assert solved(problem).value == pytest.approx(oracle.conic_program(problem), abs=2e-5)


@pytest.mark.parametrize("alpha", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_first_order_descent_on_the_dual(alpha: float, seed: int) -> None:
    problem = oracle.garnet(6, 3, 4, seed, alpha, discount=0.8)
    solution = solved(problem)
    least, occupancy = oracle.dual_descent(problem)
    assert solution.value == pytest.approx(least, abs=1e-7 * (1 + abs(least)))
    np.testing.assert_allclose(solution.occupancy, occupancy, atol=2e-4)


# -- weak duality and the certificate ----------------------------------------------------------------------------------


@given(seed=st.integers(0, 2**32 - 1), alpha=st.sampled_from([0.0, *ALPHAS]), size=st.floats(-3, 3))
@settings(max_examples=60, deadline=None)
def test_no_feasible_point_beats_the_bound_of_any_nu(seed: int, alpha: float, size: float) -> None:
    rng = np.random.default_rng(seed)
    problem = oracle.ragged(int(rng.integers(1, 9)), seed, alpha, 0.9)
    solution = solved(problem)
    nu = solution.nu + 10**size * rng.normal(size=problem.n_states)
    slack = 1e-11 * (1 + np.abs(problem.reward).max() + np.abs(nu).max())
    assert oracle.dual_value(problem, nu) >= solution.value - slack
    assert oracle.objective(problem, oracle.some_occupancy(problem, rng)) <= solution.upper_bound + slack


def random_problem(seed: int, alpha: float, discount: float) -> FlowProblem:
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 16))
    return [
        lambda: oracle.ragged(size, seed, alpha, discount),
        lambda: oracle.garnet(size, int(rng.integers(1, 5)), int(rng.integers(1, 4)), seed, alpha, discount),
        lambda: oracle.corridor(2 * size, alpha, discount, seed),
        lambda: oracle.lock(2 * size, alpha, discount, 10 ** rng.uniform(-2, 4), seed),
        lambda: oracle.walk(2 + size % 4, alpha, discount, float(rng.choice([0.0, 1e-6, 0.1])), seed),
    ][int(rng.integers(5))]()


any_problem = st.builds(
    random_problem,
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.0, *ALPHAS]),
    st.sampled_from([0.1, 0.5, 0.9, 0.95, 0.99, 0.999]),
)


@given(problem=any_problem)
@settings(max_examples=100, deadline=None)
def test_every_problem_is_certified(problem: FlowProblem) -> None:
    assert solved(problem).iterations <= 60


@pytest.mark.slow
@given(problem=any_problem)
@settings(max_examples=2000, deadline=None)
def test_every_problem_is_certified_at_length(problem: FlowProblem) -> None:
    assert solved(problem).iterations <= 60


@given(problem=any_problem, kind=st.sampled_from(["lu", "iterative"]))
@settings(max_examples=50, deadline=None)
def test_linear_solvers_agree(problem: FlowProblem, kind: str) -> None:
    direct, other = solved(problem, linear_solver="cholesky"), solved(problem, linear_solver=kind)
    assert (direct.linear_solver, other.linear_solver) == ("cholesky", kind)
    assert other.value == pytest.approx(direct.value, abs=2e-10 * direct.unit)
    if problem.alpha >= 1:  # strongly concave: values this close leave little room for d
        np.testing.assert_allclose(other.occupancy, direct.occupancy, atol=3e-5 * direct.unit**0.5)


# -- hard cases --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [0.0, *ALPHAS])
@pytest.mark.parametrize("discount", [0.99, 0.999])
def test_long_horizons(alpha: float, discount: float) -> None:
    for problem in (
        oracle.garnet(40, 4, 3, 0, alpha, discount),
        oracle.corridor(60, alpha, discount),
        oracle.lock(150, alpha, discount),
        oracle.walk(7, alpha, discount, slip=0.0),
    ):
        assert solved(problem).iterations <= 60


@pytest.mark.parametrize("alpha", [0.0, 1e-4, 1.0, 100.0])
def test_occupancies_too_small_for_floats(alpha: float) -> None:
    """At the corridor's end d is at most gamma^length; under the uniform policy it would be about 1e-300."""
    problem = oracle.corridor(2500, alpha, 0.99)
    solution = solve_flow(problem)
    assert solution.status is Status.CERTIFIED
    assert solution.iterations <= 40
    assert solution.linear_solver == "lu"


def test_underflow_to_exact_zero() -> None:
    """An action that is 1e6 alpha worse has d = 0 exactly, and its neighbour's value is not harmed."""
    problem = oracle.flow_problem(np.array([0.0, -100.0, 0.0]), np.ones((3, 1)), np.zeros(3, int), np.ones(1), 0.9, 1e-4)
    solution = solved(problem)
    assert solution.occupancy[1] == 0.0
    assert solution.value == pytest.approx(1e-4 * np.log(2), rel=1e-9)


@pytest.mark.parametrize("alpha", [1e-4, 0.1, 100.0])
@pytest.mark.parametrize("shift", [0.0, 1e4, -1e6, 1e12])
def test_constants_in_the_reward_only_move_the_value(alpha: float, shift: float) -> None:
    problem = oracle.garnet(12, 3, 3, 5, alpha, 0.99)
    moved = dataclasses.replace(problem, reward=problem.reward + shift)
    base, other = solved(problem), solved(moved)
    assert other.value - shift == pytest.approx(base.value, abs=2e-10 * base.unit + 1e-15 * abs(shift))


@pytest.mark.parametrize("scale", [1e-8, 1e8])
@pytest.mark.parametrize("alpha", [0.0, 1e-2, 1.0])
def test_units_of_the_reward_do_not_matter(scale: float, alpha: float) -> None:
    """c and alpha in other units: the same steps to the same occupancy."""
    problem = oracle.garnet(12, 3, 3, 6, alpha, 0.9)
    other = dataclasses.replace(problem, reward=problem.reward * scale, alpha=alpha * scale)
    base, scaled = solved(problem), solve_flow(other)
    assert scaled.status is Status.CERTIFIED
    assert scaled.iterations == base.iterations
    assert scaled.value == pytest.approx(scale * base.value, abs=2e-10 * scaled.unit)


def test_the_order_of_rows_and_duplicate_entries_do_not_matter() -> None:
    problem = oracle.garnet(9, 3, 3, 7, 0.1)
    order = np.random.default_rng(0).permutation(problem.n_rows)
    rows = problem.transition[order]
    halves = sp.csr_array((np.repeat(rows.data / 2, 2), np.repeat(rows.indices, 2), 2 * rows.indptr), shape=rows.shape)
    shuffled = dataclasses.replace(problem, reward=problem.reward[order], state=problem.state[order], transition=halves)
    base = solved(problem)
    for kind in KINDS:
        solution = solved(shuffled, linear_solver=kind)
        np.testing.assert_allclose(solution.occupancy, base.occupancy[order], rtol=1e-4)


def test_a_face_of_optimal_points() -> None:
    """At alpha = 0 with ties any optimal point will do, but the value and the bound are exact."""
    problem = oracle.flow_problem(
        np.zeros(6), np.repeat(np.eye(3), 2, axis=0), np.array([0, 0, 1, 1, 2, 2]), np.array([0.2, 0.3, 0.5]), 0.9, 0.0
    )
    solution = solved(problem)
    assert solution.value == pytest.approx(0.0, abs=1e-14)
    np.testing.assert_allclose(np.bincount(problem.state, solution.occupancy), [0.2, 0.3, 0.5], rtol=1e-12)


# -- honesty -----------------------------------------------------------------------------------------------------------


def test_running_out_of_iterations_is_said() -> None:
    solution = solve_flow(oracle.garnet(20, 4, 3, 0, 0.01), max_iterations=2)
    assert solution.status is Status.ITERATION_LIMIT
    assert solution.iterations == 2
    assert solution.gap > 1e-6
    assert "max_iterations" in solution.status.advice


def test_a_tolerance_below_rounding_is_said_to_be() -> None:
    solution = solve_flow(oracle.garnet(20, 4, 3, 0, 100.0), tolerance=1e-17)
    assert solution.status is Status.LIMITED
    assert 0 < solution.gap <= 5 * solution.rounding < 1e-8
    assert 10 < solution.digits < 17


@pytest.mark.parametrize("kind", KINDS)
def test_even_an_unfinished_answer_is_feasible_and_bounded(kind: str) -> None:
    problem = oracle.garnet(15, 3, 3, 2, 0.1)
    optimum = solved(problem).value
    for limit in (1, 2, 4):
        solution = solve_flow(problem, max_iterations=limit, linear_solver=kind)
        a, b = oracle.constraint(problem)
        assert np.abs(a @ solution.occupancy - b).max() <= 1e-10
        assert solution.value <= optimum + 1e-9 <= solution.upper_bound + 2e-9


def test_the_answer_is_reproducible() -> None:
    problem = oracle.ragged(12, 3, 0.01, 0.95)
    first, second = solve_flow(problem), solve_flow(problem)
    assert np.array_equal(first.occupancy, second.occupancy)
    assert np.array_equal(first.nu, second.nu)
    assert (first.value, first.iterations) == (second.value, second.iterations)


def test_the_problem_is_left_alone() -> None:
    problem = oracle.garnet(6, 3, 3, 1, 0.1)
    before = [x.copy() for x in (problem.reward, problem.transition.data, problem.state, problem.initial)]
    solve_flow(problem, start=solve_flow(problem))
    after = (problem.reward, problem.transition.data, problem.state, problem.initial)
    assert all(np.array_equal(x, y) for x, y in zip(before, after, strict=True))


@pytest.mark.parametrize(
    "options", [{"tolerance": -1.0}, {"max_iterations": 0}, {"linear_solver": "qr"}, {"tolerance": float("nan")}]
)
def test_options_out_of_range_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(InvalidArgumentError, match=next(iter(options))):
        solve_flow(oracle.garnet(3, 2, 2, 0, 0.1), **options)  # type: ignore[arg-type]


# -- warm starts -------------------------------------------------------------------------------------------------------


def perturbed(problem: FlowProblem, size: float, seed: int) -> FlowProblem:
    """Other agents moved a little: P and c change by a relative ``size``."""
    rng = np.random.default_rng(seed)
    rows = problem.transition.copy()
    rows.data = rows.data * np.exp(size * rng.normal(size=rows.nnz))
    rows = sp.csr_array(rows.multiply(1 / rows.sum(axis=1)[:, None]))
    return dataclasses.replace(problem, transition=rows, reward=problem.reward + size * rng.normal(size=problem.n_rows))


@pytest.mark.parametrize("alpha", [0.0, 1e-3, 0.1, 10.0])
def test_starting_from_the_answer_takes_no_step(alpha: float) -> None:
    for problem in (oracle.garnet(20, 3, 3, 0, alpha), oracle.lock(60, alpha, 0.99), oracle.walk(5, alpha, 0.99)):
        solution = solved(problem, start=solved(problem))
        assert solution.iterations <= 1
        assert solution.warm_started


@pytest.mark.parametrize("alpha", [1e-3, 0.1, 10.0])
def test_a_warm_start_saves_iterations_along_alternating_updates(alpha: float) -> None:
    problem = oracle.garnet(30, 4, 3, 0, alpha)
    previous = solved(problem)
    cold = warm = 0
    for step in range(1, 7):
        problem = perturbed(problem, 10.0**-step, step)
        cold += solved(problem).iterations
        previous = solved(problem, start=previous)
        warm += previous.iterations
        assert previous.warm_started
    assert warm <= 0.6 * cold


def test_a_warm_start_saves_iterations_along_annealing() -> None:
    cold = warm = 0
    for make in (lambda alpha: oracle.garnet(30, 4, 3, 0, alpha), lambda alpha: oracle.ragged(20, 3, alpha, 0.95)):
        previous = solved(make(10.0))
        for alpha in 10.0 ** (1 - np.arange(1, 13) / 3):
            problem = make(alpha)
            cold += solved(problem).iterations
            previous = solved(problem, start=previous)
            warm += previous.iterations
    assert warm < 0.8 * cold


@pytest.mark.parametrize("alpha", [0.0, 1e-3, 1.0])
def test_a_misleading_start_does_no_harm(alpha: float) -> None:
    """Occupancies with zeros, of another problem, or multipliers that mean nothing."""
    problem = oracle.garnet(20, 3, 3, 0, alpha)
    good = solved(problem)
    rng = np.random.default_rng(0)
    corner = np.zeros(problem.n_rows)
    corner[rng.integers(problem.n_rows)] = 1.0
    for start in (
        dataclasses.replace(good, occupancy=corner),
        dataclasses.replace(good, nu=1e9 * rng.normal(size=problem.n_states)),
        solved(oracle.garnet(20, 3, 3, 99, 100.0)),
    ):
        solution = solved(problem, start=start)
        assert solution.iterations <= 60
        assert solution.value == pytest.approx(good.value, abs=2e-10 * (1 + abs(good.value)))


def test_a_start_that_does_not_fit_is_passed_over() -> None:
    problem, other = oracle.garnet(10, 3, 3, 0, 0.1), oracle.garnet(11, 3, 3, 0, 0.1)
    good = solved(problem)
    empty = dataclasses.replace(good, occupancy=np.zeros(problem.n_rows))
    unknown = dataclasses.replace(good, nu=np.full(problem.n_states, np.nan))
    for start in (solved(other), empty, unknown):
        solution = solved(problem, start=start)
        assert not solution.warm_started
        assert solution.iterations == good.iterations


# -- pieces -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [0.0, 0.1, 100.0])
def test_the_cold_start_is_interior_and_dual_feasible(alpha: float) -> None:
    problem = oracle.lock(20, alpha, 0.99)
    run = Iteration(problem, "cholesky", 1e-10)
    point = cold_point(run)
    assert point.d.min() > 0
    assert point.z.min() > 0
    assert point.d.sum() == pytest.approx(1.0)
    a, _ = oracle.constraint(problem)
    gradient = alpha * (np.log(point.d) + 1) - (problem.reward - problem.reward.max())
    np.testing.assert_allclose(gradient + a.T @ point.nu, point.z, atol=1e-12 * np.abs(point.nu).max())


def test_policy_iteration_repairs_a_bad_vertex() -> None:
    """From actions that lead away from the goal, not only from the ones that the interior point has found."""
    problem = oracle.walk(5, 0.0, 0.95)
    optimum = solved(problem).value
    judge = Judge(problem, FlowOperator(problem), "cholesky")
    worst = np.where(np.arange(problem.n_rows) % 5 == 2, 1.0, 0.1)  # up
    judged = judge.vertex(worst / worst.sum(), np.zeros(problem.n_states))
    assert judged.certified(1e-10)
    assert judged.value == pytest.approx(optimum, abs=1e-10)


def test_the_diagonal_of_the_normal_equations() -> None:
    problem = oracle.ragged(9, 4, 0.1, 0.9)
    weights = np.random.default_rng(0).exponential(size=problem.n_rows)
    a, _ = oracle.constraint(problem)
    diagonal = FlowOperator(problem).diagonal(weights)
    np.testing.assert_allclose(diagonal, np.diag(a * weights @ a.T), rtol=1e-12)


# -- linear systems and resources --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_normal_equations_against_a_dense_solve(kind: linear_solver.LinearSolver) -> None:
    """Weights over sixteen orders of magnitude that follow the flow: d(s') >= gamma P(s,s') d(s)."""
    problem = oracle.corridor(30, 0.1, 0.9)
    equations = NormalEquations(FlowOperator(problem), kind)
    weights = 10.0 ** (-problem.state / 2.0) * np.random.default_rng(0).uniform(0.5, 2, problem.n_rows)
    equations.factorise(weights)
    a, _ = oracle.constraint(problem)
    solution = np.random.default_rng(1).normal(size=problem.n_states)
    result = equations.solve(a @ (weights * (a.T @ solution)), 1e-13, 500)
    assert result.residual <= 1e-12
    np.testing.assert_allclose(result.x, solution, rtol=1e-8, atol=1e-8)


def test_dense_rows_take_the_dense_product() -> None:
    rng = np.random.default_rng(0)
    rows = rng.dirichlet(np.ones(50), 150)
    reward = oracle.with_prior(rng.normal(size=150), 0.1, rng)
    problem = oracle.flow_problem(reward, rows, np.arange(150) % 50, np.full(50, 0.02), 0.95, 0.1)
    assert solved(problem).value == pytest.approx(solved(problem, linear_solver="iterative").value, rel=1e-9)


def test_the_choice_of_linear_solver_follows_the_graph() -> None:
    assert linear_solver.choose_linear_solver(oracle.garnet(50, 3, 3, 0, 0.1)) == "cholesky"
    assert linear_solver.choose_linear_solver(oracle.corridor(3000, 0.1, 0.99)) == "lu"
    assert linear_solver.choose_linear_solver(oracle.garnet(1000, 2, 10, 0, 0.1)) == "cholesky"
    assert linear_solver.choose_linear_solver(oracle.garnet(5000, 2, 10, 0, 0.1)) == "iterative"


def test_a_problem_beyond_the_memory_is_refused_before_any_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = oracle.garnet(300, 3, 3, 0, 0.1)
    needed = estimate_memory(problem.n_rows, problem.n_states, problem.transition.nnz, "cholesky")
    monkeypatch.setattr(linear_solver, "available_memory", lambda: needed - 1)
    with pytest.raises(ResourceError, match=r"900 rows and 300 states.*GiB of free memory.*iterative"):
        solve_flow(problem, linear_solver="cholesky")
    monkeypatch.setattr(linear_solver, "available_memory", lambda: needed)
    assert solve_flow(problem, linear_solver="cholesky").status is Status.CERTIFIED
    monkeypatch.setattr(linear_solver, "available_memory", lambda: None)
    assert solve_flow(problem, linear_solver="cholesky").status is Status.CERTIFIED


@pytest.mark.parametrize(("kind", "n_states"), [("cholesky", 500), ("iterative", 4000)])
def test_the_memory_estimate_covers_the_peak(kind: linear_solver.LinearSolver, n_states: int) -> None:
    problem = oracle.garnet(n_states, 4, 20, 0, 0.1)
    tracemalloc.start()
    solve_flow(problem, linear_solver=kind)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    predicted = estimate_memory(problem.n_rows, problem.n_states, problem.transition.nnz, kind)
    assert peak <= predicted <= 3 * peak


def test_memory_of_a_sparse_factor_grows_with_its_fill() -> None:
    sizes = [estimate_memory(1000, 500, 3000, "lu", fill) for fill in (1e3, 1e5, None)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[2]


def test_importing_the_solver_loads_no_heavy_package() -> None:
    code = (
        "import sys, alberdice.tabular.normal_equations, alberdice.tabular.interior_point as i; "
        "print([m for m in ('cvxpy', 'torch', 'matplotlib') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
