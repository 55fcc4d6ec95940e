"""The losses against the tabular layer, on whole populations in float64, with one-hot states and linear heads."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from populations import Population, matrix_problem, minimise, population, table_head, tensor
from strategies import Problem, problems

import alberdice as ad
from alberdice import tabular
from alberdice.deep import losses
from alberdice.tabular import dual
from alberdice.tabular.reduced import averaged_transition

CLOSE = {"rtol": 1e-6, "atol": 1e-6}


def ratio(x: Population) -> torch.Tensor:
    return losses.importance_log_ratio(x.log_others, x.log_data, float("inf"))


def nu_loss_of(problem: Problem, x: Population, nu: torch.Tensor) -> torch.Tensor:
    """J(nu) (31) of a table nu on the whole population, through a linear head."""
    head = table_head(problem.model.n_states, 1)
    values = head(nu[None], x.one_hot)[0, :, 0]
    price = ratio(x)
    e = losses.sample_advantage(x.reward, price, values[x.state], values[x.after], problem.alpha, problem.model.discount)
    return losses.nu_loss(e, x.weights(price), x.initial @ values, problem.alpha, problem.model.discount)


def prices(problem: Problem) -> torch.Tensor:
    """The exact k_i(s, a_i)."""
    tables = [tensor(np.log(np.maximum(t, 1e-300))) for t in problem.policy]
    tables[problem.agent] = torch.zeros(problem.model.n_states, 1, dtype=torch.float64)
    log_given = tensor(np.log(np.maximum(tabular.data_conditional(problem.data, problem.agent), 1e-300)))
    return losses.others_kl(losses.joint_log_probability(tables), log_given, problem.agent, 1e-300)


@given(problems(data_zeros=0.3, unreachable=False))
def test_ratio_is_equation_11(problem: Problem) -> None:
    x = population(problem)
    table = tabular.importance_ratio(problem.policy, problem.agent, problem.data)
    kept = (table[..., None] > 0) & (problem.model.dense_transition() > 0)
    expected = np.broadcast_to(table[..., None], kept.shape)[kept]
    np.testing.assert_allclose(ratio(x).exp(), expected, rtol=1e-12)


def test_ratio_is_clipped() -> None:
    got = losses.importance_log_ratio(torch.tensor([0.0, -1.0]), torch.tensor([-9.0, -2.0]), 100.0)
    np.testing.assert_allclose(got.exp(), [100.0, np.e], rtol=1e-5)


@given(problems(data_zeros=0.0))
def test_nu_loss_and_gradient_are_equation_31(problem: Problem) -> None:
    x, nu = population(problem), tensor(problem.nu).requires_grad_()
    loss = nu_loss_of(problem, x, nu)
    (gradient,) = torch.autograd.grad(loss, nu)
    sampled = tabular.sample_dual(*problem.turn)
    np.testing.assert_allclose(loss.item(), tabular.log_dual_objective(sampled, problem.nu), **CLOSE)
    np.testing.assert_allclose(gradient, flow_gradient(sampled, problem.nu), **CLOSE)


def flow_gradient(terms: dual.DualProblem, nu: np.ndarray) -> np.ndarray:
    """The gradient of L~ at nu: the violation of the flow equations by the weighted terms."""
    share = terms.weight * np.exp(terms.advantages(nu) / terms.alpha)
    share /= share.sum()
    left = np.bincount(terms.state, share, minlength=len(nu))
    return (1 - terms.discount) * terms.initial + terms.discount * (terms.transition.T @ share) - left


@given(problems(data_zeros=0.0, policy_zeros=0.0))
def test_nu_loss_with_the_mean_price_is_the_exact_dual(problem: Problem) -> None:
    """On terms (s, a_i) with E[r + gamma nu(s')] and k_i in e, J(nu) is the exact L~ (7)."""
    model, alpha, nu = problem.model, problem.alpha, tensor(problem.nu)
    reward = tensor(problem.policy.average_over_others(model.reward, problem.agent))
    future = model.dense_transition() @ problem.nu
    after = tensor(problem.policy.average_over_others(future, problem.agent))
    e = losses.sample_advantage(reward, prices(problem), nu[:, None], after, alpha, model.discount)
    np.testing.assert_allclose(e, tabular.advantage(*problem.turn, problem.nu), **CLOSE)
    log_weight = tensor(np.log(problem.data.agent_marginal(problem.agent)))
    loss = losses.nu_loss(e.flatten(), log_weight.flatten(), tensor(model.initial) @ nu, alpha, model.discount)
    expected = tabular.log_dual_objective(tabular.exact_dual(*problem.turn), problem.nu)
    np.testing.assert_allclose(loss.item(), expected, **CLOSE)


@settings(max_examples=10)
@given(problems(data_zeros=0.0, policy_zeros=1.0, deterministic=True, unreachable=False, min_alpha=0.3))
def test_minimiser_of_31_is_exact_where_the_bound_is_tight(problem: Problem) -> None:
    """Others and transitions deterministic (Corollary B.2): value of the best response, and its nu up to a constant."""
    x = population(problem)
    nu = minimise(lambda v: nu_loss_of(problem, x, v), torch.zeros(problem.model.n_states, dtype=torch.float64))
    best = tabular.best_response(*problem.turn)
    assert nu_loss_of(problem, x, nu).item() == pytest.approx(best.value, abs=1e-6)
    np.testing.assert_allclose(nu - nu[0], best.nu - best.nu[0], rtol=1e-4, atol=1e-5)


@settings(max_examples=10)
@given(problems(data_zeros=0.0, policy_zeros=0.0, unreachable=False, min_alpha=0.3))
def test_minimum_of_31_is_an_upper_bound(problem: Problem) -> None:
    x = population(problem)
    nu = minimise(lambda v: nu_loss_of(problem, x, v), torch.zeros(problem.model.n_states, dtype=torch.float64))
    assert nu_loss_of(problem, x, nu).item() >= tabular.best_response(*problem.turn).value - 1e-9


def test_the_bound_is_loose_in_the_known_example() -> None:
    """The numbers of the counterexample to an exact (14): r = [[1, 0], [0, 0]], uniform data and partner, alpha = 1/2."""
    problem = matrix_problem([[1, 0], [0, 0]], np.ones((2, 2)), [np.full((1, 2), 0.5)] * 2, 0, 0.5)
    loss = nu_loss_of(problem, population(problem), torch.zeros(1, dtype=torch.float64))
    assert loss.item() == pytest.approx(0.4772292964, abs=1e-9)
    assert tabular.best_response(*problem.turn).value == pytest.approx(0.3100572535, abs=1e-9)


def e_loss_of(problem: Problem, x: Population, f: torch.Tensor, conservatism: float) -> torch.Tensor:
    """J(e) (43) of a table e on the whole population, the price of the others left out; through a linear head."""
    shape = problem.model.n_states, problem.model.n_actions[problem.agent]
    table = table_head(*shape)(f.reshape(1, -1), x.one_hot)[0]
    nu = tensor(problem.nu)
    target = losses.sample_advantage(x.reward, 0.0, nu[x.state], nu[x.after], problem.alpha, problem.model.discount)
    own = problem.data.behaviour_policy()[problem.agent]
    penalty = losses.conservative_penalty(table, tensor(np.log(own)), torch.ones(shape, dtype=torch.bool))
    weight = torch.softmax(x.weights(ratio(x)), 0)
    return losses.advantage_loss(table[x.state, x.action], target, penalty[x.state], weight, conservatism)


@settings(max_examples=15)
@given(problems(data_zeros=0.0, policy_zeros=0.0))
def test_regression_gives_e_of_equation_5(problem: Problem) -> None:
    shape = problem.model.n_states, problem.model.n_actions[problem.agent]
    x, size = population(problem), shape[0] * shape[1]
    f = minimise(lambda v: e_loss_of(problem, x, v, 0.0), torch.zeros(size, dtype=torch.float64)).reshape(shape)
    e = f - problem.alpha * prices(problem)
    np.testing.assert_allclose(e, tabular.advantage(*problem.turn, problem.nu), rtol=1e-5, atol=1e-5)


@given(problems(data_zeros=0.0, policy_zeros=0.0))
def test_gradient_of_the_regression_with_cql(problem: Problem) -> None:
    """Against its formula: 2 m (e - target) + c m_s (softmax e - pi_i^D)."""
    shape = problem.model.n_states, problem.model.n_actions[problem.agent]
    x, f = population(problem), np.random.default_rng(0).normal(size=shape)
    table = tensor(f).flatten().requires_grad_()
    (gradient,) = torch.autograd.grad(e_loss_of(problem, x, table, 0.1), table)
    mass = tabular.importance_ratio(problem.policy, problem.agent, problem.data) * problem.data.probabilities
    mass = mass[..., None] * problem.model.dense_transition()
    mass /= mass.sum()
    future = problem.model.discount * problem.nu - problem.nu.reshape(-1, *(1,) * mass[0].ndim)
    weighted = mass * (problem.model.reward[..., None] + future)
    axes = tuple(k for k in range(mass.ndim) if k not in (0, problem.agent + 1))
    m, target = mass.sum(axes), weighted.sum(axes)
    soft = np.exp(f) / np.exp(f).sum(1, keepdims=True)
    own = problem.data.behaviour_policy()[problem.agent]
    expected = 2 * (m * f - target) + 0.1 * m.sum(1, keepdims=True) * (soft - own)
    np.testing.assert_allclose(gradient.reshape(shape), expected, **CLOSE)


def projection_loss_of(problem: Problem, logits: torch.Tensor, e: torch.Tensor) -> torch.Tensor:
    """J(pi_i) (48) of a softmax table on the whole population, through a linear head."""
    shape = problem.model.n_states, problem.model.n_actions[problem.agent]
    table = table_head(*shape)(logits.reshape(1, -1), torch.eye(shape[0], dtype=torch.float64))[0]
    log_own = tensor(np.log(problem.data.behaviour_policy()[problem.agent]))
    log_probability = losses.log_policy(table, torch.ones(shape, dtype=torch.bool))
    return losses.i_projection_loss(log_probability, e, log_own, problem.alpha, tensor(problem.data.state_marginal()))


@settings(max_examples=15)
@given(problems(data_zeros=0.0, policy_zeros=0.0))
def test_i_projection_gives_the_data_tilted_by_e(problem: Problem) -> None:
    """The loss at any pi_i exceeds its minimum by alpha KL(pi_i || pi_i^D exp(e / alpha)), and the gradient is zero there."""
    e = tensor(tabular.advantage(*problem.turn, problem.nu))
    best = tabular.i_projection(tabular.exact_dual(*problem.turn), problem.nu)
    logits = tensor(np.log(best)).flatten().requires_grad_()
    minimum = projection_loss_of(problem, logits, e)
    (gradient,) = torch.autograd.grad(minimum, logits)
    np.testing.assert_allclose(gradient, 0.0, atol=1e-9)
    other = torch.log_softmax(tensor(np.random.default_rng(1).normal(size=best.shape)), 1)
    divergence = (other.exp() * (other - tensor(np.log(best)))).sum(1)
    excess = problem.alpha * (tensor(problem.data.state_marginal()) * divergence).sum()
    np.testing.assert_allclose((projection_loss_of(problem, other.flatten(), e) - minimum).item(), excess.item(), **CLOSE)


@given(problems(data_zeros=0.0))
def test_behaviour_loss_is_minimal_at_the_data(problem: Problem) -> None:
    """(44): the entropy of the data at its own marginals, and the gradient d^D(s) (pi - pi_i^D) elsewhere."""
    marginal, own = problem.data.agent_marginal(problem.agent), problem.data.behaviour_policy()[problem.agent]
    state, action = (torch.tensor(k) for k in np.nonzero(marginal))
    weight = tensor(marginal[np.nonzero(marginal)])
    logits = tensor(np.random.default_rng(2).normal(size=own.shape)).requires_grad_()
    loss = losses.behaviour_loss(torch.log_softmax(logits, 1)[state], action, weight)
    (gradient,) = torch.autograd.grad(loss, logits)
    expected = problem.data.state_marginal()[:, None] * (torch.softmax(logits.detach(), 1).numpy() - own)
    np.testing.assert_allclose(gradient, expected, **CLOSE)


def test_resampling_and_its_correction_are_unbiased() -> None:
    """rho-bar times the mean over resampled rows estimates the mean of rho f (12)."""
    generator = torch.Generator().manual_seed(0)
    log_ratio, values = torch.randn(50, generator=generator).double(), torch.rand(50, generator=generator).double()
    picked = losses.resample(log_ratio.expand(400, -1), 500, generator)
    assert picked.shape == (400, 500)
    counts = torch.bincount(picked.flatten(), minlength=50) / picked.numel()
    np.testing.assert_allclose(counts, torch.softmax(log_ratio, 0), atol=2e-3)
    log_weight = losses.resampled_log_weight(log_ratio)
    estimate = (log_weight.exp() * values[picked[:, :50]]).sum(1).mean()
    assert estimate.item() == pytest.approx((log_ratio.exp() * values).mean().item(), rel=0.02)


def test_resampling_never_draws_a_row_of_ratio_zero() -> None:
    log_ratio = torch.tensor([[-1e10, 0.0, -1e10, -3.0], [0.0, -1e10, -1e10, -1e10]])
    picked = losses.resample(log_ratio, 5000, torch.Generator().manual_seed(1))
    assert set(picked[0].tolist()) == {1, 3}
    assert set(picked[1].tolist()) == {0}


def test_effective_sample_size() -> None:
    weights = np.array([[1.0, 1, 1, 1], [1, 0.5, 0.25, 0.25], [1, 1e-9, 1e-9, 1e-9]])
    expected = weights.sum(1) ** 2 / (weights**2).sum(1)
    np.testing.assert_allclose(losses.effective_sample_size(tensor(np.log(weights))), expected, rtol=1e-12)


def test_slope_penalty() -> None:
    slopes = torch.tensor([[3.0, 4.0, 0.0], [6.0, 0.0, 8.0]], dtype=torch.float64)
    assert losses.gradient_penalty(slopes, 5.0).item() == pytest.approx((0 + 25) / 2, abs=1e-9)
    assert losses.gradient_penalty(slopes, 4.0).item() == pytest.approx((1 + 36) / 2, abs=1e-9)


def test_masked_actions_have_no_share_and_no_gradient() -> None:
    logits = torch.tensor([[0.3, -0.2, 5.0]], dtype=torch.float64, requires_grad=True)
    table = losses.log_policy(logits, torch.tensor([[True, True, False]]))
    assert table[0, 2].exp() == 0
    e = torch.tensor([[1.0, 2.0, 9.0]], dtype=torch.float64)
    own = torch.tensor([[np.log(0.5), np.log(0.5), losses.MASKED]], dtype=torch.float64)
    loss = losses.i_projection_loss(table, e, own, 0.5, torch.ones(1, dtype=torch.float64))
    (gradient,) = torch.autograd.grad(loss, logits)
    assert torch.isfinite(gradient).all()
    assert gradient[0, 2] == 0
    penalty = losses.conservative_penalty(e, own, torch.tensor([[True, True, False]]))
    assert penalty.item() == pytest.approx(np.logaddexp(1, 2) - 1.5)


def test_no_gradient_runs_into_targets() -> None:
    """e's loss teaches e and not nu; the policy's loss teaches the policy and not e."""
    chosen, target = torch.zeros(2, requires_grad=True), torch.ones(2, requires_grad=True)
    losses.advantage_loss(chosen, target, torch.zeros(2), torch.full((2,), 0.5), 0.1).backward()
    assert chosen.grad is not None
    assert target.grad is None
    logits, e = torch.zeros(1, 2, requires_grad=True), torch.tensor([[1.0, 2.0]], requires_grad=True)
    losses.i_projection_loss(torch.log_softmax(logits, 1), e, torch.zeros(1, 2), 0.5, torch.ones(1)).backward()
    assert logits.grad is not None
    assert e.grad is None


def test_the_single_sample_estimator_rewards_incoordination() -> None:
    """On D_(b) the printed estimator gives e_1(A) = 1 - alpha log pi_2(B) + const: the less likely the partner, the better.

    The mean over the partner's actions counts its mass outside the data, and turns the order round.
    """
    alpha, likely = 0.5, 0.9
    tables = [np.full((1, 2), 0.5), np.array([[likely, 1 - likely]])]
    problem = matrix_problem([[0, 1], [1, -2]], [[0, 2464], [2536, 0]], tables, 0, alpha)
    bare = problem.data.observed_part()
    x = population(Problem(problem.model, bare, problem.policy, 0, alpha, problem.nu))
    order = torch.argsort(x.action)
    zero = torch.zeros(len(x.action), dtype=torch.float64)
    printed = losses.sample_advantage(x.reward, ratio(x), zero, zero, alpha, 0.5)[order]
    np.testing.assert_allclose(printed, [1 - alpha * np.log(1 - likely), 1 - alpha * np.log(likely)], **CLOSE)
    assert printed[0] > printed[1]  # A looks better, although the partner plays A nine times in ten
    analytic = 1.0 - alpha * prices(problem)[0]
    assert analytic[1] > analytic[0] + 1


@pytest.mark.parametrize("data", ["a", "b", "c", "d"])
@pytest.mark.parametrize("alpha", [1.0, 0.3])
def test_alternating_the_losses_reaches_the_fixed_points_of_alternate(data: str, alpha: float) -> None:
    game = ad.games.penalty_xor()
    distribution = game.data(data, floor=1e-6)
    exact = tabular.alternate(game.mmdp, distribution, alpha, tolerance=1e-13)
    policy = distribution.behaviour_policy()
    for _ in range(exact.rounds + 5):
        for agent in range(2):
            problem = Problem(game.mmdp, distribution, policy, agent, alpha, np.zeros(1))
            policy = policy.replace(agent, deep_turn(problem))
    for i in range(2):
        np.testing.assert_allclose(policy[i], exact.policy[i], atol=2e-6)


def deep_turn(problem: Problem) -> np.ndarray:
    """One best response by the losses alone: fit f, subtract the price, project."""
    x = population(problem)
    f = minimise(lambda v: e_loss_of(problem, x, v, 0.0), torch.zeros(2, dtype=torch.float64))
    e = f[None] - problem.alpha * prices(problem)
    logits = minimise(lambda v: projection_loss_of(problem, v, e), torch.zeros(2, dtype=torch.float64), 200)
    return torch.softmax(logits[None], 1).numpy()


def exact_turn(problem: Problem, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One best response by the losses on the tables (s, a_i) of a whole model: J(nu) minimised by L-BFGS, then projected."""
    model, alpha = problem.model, problem.alpha
    reward = tensor(problem.policy.average_over_others(model.reward, problem.agent))
    chain = tensor(averaged_transition(model, problem.policy, problem.agent).toarray()).view(*reward.shape, -1)
    log_weight = tensor(np.log(problem.data.agent_marginal(problem.agent))).flatten()
    price = prices(problem)

    def advantage(nu: torch.Tensor) -> torch.Tensor:
        return losses.sample_advantage(reward, price, nu[:, None], chain @ nu, alpha, model.discount)

    def loss(nu: torch.Tensor) -> torch.Tensor:
        return losses.nu_loss(advantage(nu).flatten(), log_weight, tensor(model.initial) @ nu, alpha, model.discount)

    nu = minimise(loss, tensor(start), 4000)
    own = tensor(np.log(problem.data.behaviour_policy()[problem.agent]))
    return torch.softmax(own + advantage(nu) / alpha, 1).numpy(), nu.numpy()


@pytest.mark.slow
def test_the_losses_take_the_steps_of_alternate_on_bridge_and_stay_at_its_fixed_point() -> None:
    """Every update from the data's marginals gains what the exact one gains; at the fixed point, nothing moves any more."""
    game, alpha = ad.games.bridge(), 1.0
    data = game.data("mix", floor=1e-6)
    exact = tabular.alternate(game.mmdp, data, alpha, tolerance=1e-13, rounds=200, second_order=False)
    policy, nus = data.behaviour_policy(), [np.zeros(game.mmdp.n_states)] * 2
    for k, agent in enumerate([0, 1] * 3):
        table, nus[agent] = exact_turn(Problem(game.mmdp, data, policy, agent, alpha, nus[agent]), nus[agent])
        policy = policy.replace(agent, table)
        assert tabular.objective(game.mmdp, policy, data, alpha) == pytest.approx(exact.values[k], abs=1e-6)
    visited = ad.evaluation.state_occupancy(game.mmdp, exact.policy) > 1e-5
    assert visited.sum() > 50
    for agent in range(2):
        table, _ = exact_turn(Problem(game.mmdp, data, exact.policy, agent, alpha, nus[agent]), nus[agent])
        np.testing.assert_allclose(table[visited], exact.policy[agent][visited], atol=1e-3)
