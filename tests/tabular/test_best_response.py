"""Best responses against slow routes (200 random MMDPs), closed forms, and their own certificates; both methods."""

import warnings

import cvxpy as cp
import numpy as np
import oracles
import pytest
import strategies
from hypothesis import given
from slow_routes import is_feasible_by_lp, linear_programme, mirror_ascent, objective_by_loops, random_problem

import alberdice as ad
from alberdice.tabular import best_response, objective
from alberdice.tabular import interior_point as own
from alberdice.tabular.flow import Status

#: method -> agreement with the slow route, largest relative gap that a default call may leave
METHODS = {"interior-point": (1e-6, 1e-10), "cvxpy": (1e-6, 1e-4)}
both_methods = pytest.mark.parametrize("method", METHODS)


def package_objects(p):
    model = ad.MMDP(p.transition, p.reward, p.initial, p.discount)
    return model, ad.FactorizedPolicy(p.tables), ad.DataDistribution(p.data)


def slow_value(p, agent):
    """The best value, and how far from it the slow route may still be."""
    if p.alpha == 0:
        return linear_programme(p, agent), 1e-9
    value, distance, _ = mirror_ascent(p, agent)
    return value, max(distance, 0.0)


@pytest.mark.parametrize("seed", range(200))
def test_agrees_with_a_slow_route(seed):
    p = random_problem(seed)
    agent = seed % p.n_agents
    model, policy, data = package_objects(p)
    if not is_feasible_by_lp(p, agent):
        for method in METHODS:
            with pytest.raises(ad.InfeasibleError):
                best_response(model, policy, agent, data, p.alpha, method=method)
        return
    expected, distance = slow_value(p, agent)
    assert distance < 5e-7
    for method, (agreement, gap) in METHODS.items():
        br = best_response(model, policy, agent, data, p.alpha, method=method)
        assert br.value == pytest.approx(expected, abs=agreement)
        assert br.upper_bound >= expected - 1e-12 * (1 + abs(expected))
        assert br.gap == pytest.approx(br.upper_bound - br.value, abs=1e-14 * (1 + abs(br.value)))
        assert -1e-12 <= br.gap <= gap * (1 + abs(br.value))
        assert br.status is Status.CERTIFIED
        assert br.flow_residual < 1e-9
        tables = [br.policy if i == agent else t for i, t in enumerate(p.tables)]
        assert br.value == pytest.approx(objective_by_loops(p, tables), abs=1e-9 * (1 + abs(expected)))
        assert objective(model, policy.replace(agent, br.policy), data, p.alpha) == pytest.approx(br.value, abs=1e-9)


@both_methods
@pytest.mark.parametrize("alpha", [1e-3, 0.1, 1.0, 10.0])
def test_closed_form_on_one_state(method, alpha):
    """pi_1(a) ~ exp(c(a) / alpha), value alpha log sum exp(c / alpha)."""
    rng = np.random.default_rng(0)
    payoff, data, other = rng.normal(size=(3, 4)), rng.dirichlet(np.ones(12)).reshape(3, 4), rng.dirichlet(np.ones(4))
    game = ad.games.matrix_game(payoff)
    policy = ad.FactorizedPolicy([[[1 / 3] * 3], [other]])
    br = best_response(game.mmdp, policy, 0, ad.DataDistribution(data[None]), alpha, method=method)
    c = payoff @ other - alpha * (np.log(other / data) @ other)
    weights = np.exp((c - c.max()) / alpha)
    value = c.max() + alpha * np.log(weights.sum())
    tolerance = {"interior-point": 1e-9, "cvxpy": 1e-6}[method]
    assert br.value == pytest.approx(value, abs=tolerance * (1 + abs(value)))
    np.testing.assert_allclose(br.policy[0], weights / weights.sum(), atol=2e-4)


def three_states(gain=1.0):
    """State 0 leads to 1 by action 0, to 2 by action 1; 1 and 2 absorb; reward at 1 only."""
    transition = np.zeros((3, 2, 3))
    transition[0] = [[0, 1, 0], [0, 0, 1]]
    transition[1, :, 1] = transition[2, :, 2] = 1.0
    return ad.MMDP(transition, [[0, 0], [gain, 0], [0, 0]], [1, 0, 0], 0.5)


@both_methods
def test_states_that_the_answer_does_not_reach_keep_the_previous_policy(method):
    model = three_states()
    before = ad.FactorizedPolicy([[[0.3, 0.7], [0.2, 0.8], [0.9, 0.1]]])
    hole = ad.DataDistribution(np.array([[0.25, 0.25], [0.25, 0.25], [0.0, 0.0]]))
    br = best_response(model, before, 0, hole, 0.5, method=method)  # state 2 has no data: it is removed
    np.testing.assert_array_equal(br.reachable, [True, True, False])
    np.testing.assert_allclose(br.policy[0], [1, 0], atol=1e-12)
    np.testing.assert_allclose(br.policy[2], [0.9, 0.1], atol=1e-15)
    assert np.isnan(br.nu[2])
    assert np.isfinite(br.nu[:2]).all()
    np.testing.assert_array_equal(br.occupancy[2], 0.0)
    assert br.occupancy.sum() == pytest.approx(1.0, abs=1e-12)


@both_methods
def test_linear_case_picks_the_best_action(method):
    br = best_response(three_states(), ad.FactorizedPolicy.uniform(three_states()), 0,
                       ad.DataDistribution(np.full((3, 2), 1 / 6)), 0.0, method=method)  # fmt: skip
    assert br.value == pytest.approx(0.5, abs=1e-7)
    np.testing.assert_allclose(br.policy[:2], [[1, 0], [1, 0]], atol=1e-6)


@both_methods
def test_multipliers_prove_the_bound_by_hand(method):
    """U(nu) of (31), recomputed from br.nu with loops over the reduced problem."""
    p = random_problem(12)
    agent, (model, policy, data) = 0, package_objects(random_problem(12))
    br = best_response(model, policy, agent, data, 1.0, method=method)
    n_states, own_actions = p.tables[agent].shape
    e = np.zeros((n_states, own_actions))
    for index in np.ndindex(*p.reward.shape):
        s, a = index[0], index[1 + agent]
        weight = float(np.prod([p.tables[j][s, index[1 + j]] for j in range(p.n_agents) if j != agent]))
        if weight > 0:
            ahead = p.discount * p.transition[index] @ np.nan_to_num(br.nu)
            e[s, a] += weight * (p.reward[index] - np.log(weight / p.data[index]) + ahead)
    e -= br.nu[:, None]
    rows = e[~np.isnan(br.nu)]
    bound = (1 - p.discount) * p.initial @ np.nan_to_num(br.nu) + np.log(np.exp(rows - rows.max()).sum()) + rows.max()
    assert br.upper_bound == pytest.approx(bound, abs=1e-9 * (1 + abs(bound)))


def test_methods_agree_on_bridge():
    game = ad.games.bridge()
    data = game.data("mix")
    policy = data.behaviour_policy()
    for alpha in (1.0, 0.01):
        ours = best_response(game.mmdp, policy, 0, data, alpha)
        reference = best_response(game.mmdp, policy, 0, data, alpha, method="cvxpy")
        assert ours.gap <= 1e-10 * (1 + abs(ours.value))
        assert reference.value <= ours.upper_bound + 1e-12
        assert reference.value == pytest.approx(ours.value, abs=1e-5 * (1 + abs(ours.value)))


def test_a_warm_start_changes_the_work_and_not_the_answer():
    p = random_problem(8)
    model, policy, data = package_objects(p)
    cold = best_response(model, policy, 0, data, 1.0)
    warm = best_response(model, policy, 0, data, 0.95, start=cold)
    again = best_response(model, policy, 0, data, 0.95)
    assert warm.value == pytest.approx(again.value, abs=1e-9)
    assert warm.gap <= 1e-10 * (1 + abs(warm.value))
    np.testing.assert_allclose(warm.policy, again.policy, atol=1e-4)


def test_a_start_from_another_problem_does_no_harm():
    p, other = random_problem(8), random_problem(3)
    foreign = best_response(*package_objects(other)[:2], 0, package_objects(other)[2], 1.0)
    model, policy, data = package_objects(p)
    assert best_response(model, policy, 0, data, 1.0, start=foreign).value == pytest.approx(
        best_response(model, policy, 0, data, 1.0).value, abs=1e-9
    )


@both_methods
def test_deterministic(method):
    model, policy, data = package_objects(random_problem(7))
    first, second = (best_response(model, policy, 0, data, 0.3, method=method) for _ in range(2))
    np.testing.assert_array_equal(first.policy, second.policy)
    assert first.value == second.value


# -- a status that is not optimal never passes silently ----------------------------------------------------------------


def ordinary():
    game = ad.games.penalty_xor()
    data = game.data("c")
    return game.mmdp, data.behaviour_policy(), 0, data, 0.1


def test_a_tolerance_out_of_reach_raises():
    with pytest.raises(ad.SolverError, match=r"best response of agent 1 \(alpha=0.1, method=cvxpy\): got status "):
        best_response(*ordinary(), method="cvxpy", tolerance=0.0)


def test_a_tolerance_below_rounding_is_met_as_far_as_float64_goes():
    found = best_response(*ordinary(), tolerance=0.0)
    assert found.status is Status.LIMITED
    assert 0 < found.gap < 1e-12


@pytest.mark.parametrize("status", [Status.STALLED, Status.ITERATION_LIMIT, Status.FAILED])
def test_no_status_but_certified_passes(monkeypatch, status):
    solve = own.solve_flow

    def pretended(*args, **options):
        answer = solve(*args, **options)
        return type(answer)(**{**vars(answer), "status": status})

    monkeypatch.setattr(own, "solve_flow", pretended)
    with pytest.raises(ad.SolverError, match=f"got status '{status}'") as caught:
        best_response(*ordinary())
    assert caught.value.remedy == status.advice
    assert caught.value.exit_code == 1


def test_too_few_iterations_of_the_own_method_raise(monkeypatch):
    solve = own.solve_flow
    monkeypatch.setattr(own, "solve_flow", lambda problem, **o: solve(problem, **o, max_iterations=2))
    model, policy, data = package_objects(random_problem(8))
    with pytest.raises(ad.SolverError, match=r"got status 'iteration limit'.* after 2 iterations"):
        best_response(model, policy, 0, data, 0.1)


def test_cvxpy_s_own_failure_raises(monkeypatch):
    def fails(self, **_):
        raise cp.error.SolverError("numerical trouble")

    monkeypatch.setattr(cp.Problem, "solve", fails)
    with pytest.raises(ad.SolverError, match=r"method=cvxpy.*got status 'failed'"):
        best_response(*ordinary(), method="cvxpy")


def test_cvxpy_without_a_solution_raises(monkeypatch):
    monkeypatch.setattr(cp.Problem, "solve", lambda self, **_: None)  # as for 'infeasible' and 'unbounded'
    with pytest.raises(ad.SolverError, match="got status 'failed'"):
        best_response(*ordinary(), method="cvxpy")


def test_an_inaccurate_answer_of_cvxpy_raises(monkeypatch):
    solve = cp.Problem.solve

    def inaccurate(self, **options):
        result = solve(self, **options)
        warnings.warn("Solution may be inaccurate.", UserWarning, stacklevel=2)
        for variable in self.variables():
            variable.save_value(np.full(variable.shape, 1.0 / variable.size))
        return result

    monkeypatch.setattr(cp.Problem, "solve", inaccurate)
    with pytest.raises(ad.SolverError, match="got status 'stalled' with a gap of"):
        best_response(*ordinary(), method="cvxpy")


def test_an_answer_off_the_flow_polytope_is_made_feasible_first(monkeypatch):
    """The occupancy of the solver's policy is computed anew, so that a scaled answer is judged by what it achieves."""
    solve = cp.Problem.solve

    def scaled(self, **options):
        result = solve(self, **options)
        for variable in self.variables():
            variable.save_value(2.0 * variable.value)
        return result

    expected = best_response(*ordinary(), method="cvxpy").value
    monkeypatch.setattr(cp.Problem, "solve", scaled)
    br = best_response(*ordinary(), method="cvxpy")
    assert br.occupancy.sum() == pytest.approx(1.0, abs=1e-12)
    assert br.value == pytest.approx(expected, abs=1e-9)


# -- properties --------------------------------------------------------------------------------------------------------


@given(strategies.problems(data_zeros=0.2), strategies.generators())
def test_no_other_policy_beats_the_upper_bound(problem, generator):
    model, policy, agent, data, alpha = problem.turn
    try:
        br = best_response(*problem.turn)
    except ad.InfeasibleError:
        br = None
    for zeros in (0.0, 0.5, 1.0):
        table = strategies.random_policy(generator, model, zeros)[agent]
        value = objective(model, policy.replace(agent, table), data, alpha)
        if br is None:
            assert value == -np.inf
        else:
            assert value <= br.upper_bound + 1e-12 * (1 + abs(br.upper_bound))


@given(strategies.problems(unreachable=False, policy_zeros=0.0))
def test_agrees_with_the_dual_minimised_by_a_quasi_newton_method(problem):
    m = problem.model
    expected = oracles.regularised_best_response_value(
        m.dense_transition(), m.reward, m.initial, m.discount, list(problem.policy), problem.agent,
        problem.data.probabilities, problem.alpha,
    )  # fmt: skip
    assert best_response(*problem.turn).value == pytest.approx(expected, abs=1e-6 * (1 + abs(expected)))
