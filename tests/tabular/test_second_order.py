import itertools

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.linalg import null_space
from slow_routes import random_problem

import alberdice as ad
from alberdice.tabular import alternate, objective, second_order, second_order_certificate
from alberdice.tabular.curvature import Curvature


def interior_case(seed):
    """A small MMDP, data of full support and a policy well inside the simplex."""
    rng = np.random.default_rng(seed)
    n_states = int(rng.integers(1, 4))
    n_actions = tuple(int(k) for k in rng.integers(1 + (n_states == 1), 4, size=int(rng.integers(1, 4))))
    shape = (n_states, *n_actions)
    transition, reward = rng.dirichlet(np.ones(n_states), size=shape), rng.normal(size=shape)
    model = ad.MMDP(transition, reward, 0.7 * rng.dirichlet(np.ones(n_states)) + 0.3 / n_states, 0.8)
    policy = ad.FactorizedPolicy([0.5 * rng.dirichlet(np.ones(k), size=n_states) + 0.5 / k for k in n_actions])
    data = ad.DataDistribution((rng.dirichlet(np.ones(np.prod(shape))) * 0.5 + 0.5 / np.prod(shape)).reshape(shape))
    return model, policy, data, float(rng.choice([0.05, 0.5, 2.0]))


def tangent_basis(model, policy):
    """Directions that sum to zero, orthonormal in the metric sum_s d(s) sum_a Delta(s,a)^2 / pi(a|s)."""
    mass = ad.state_occupancy(model, policy)
    basis = []
    for i, s in itertools.product(range(policy.n_agents), range(policy.n_states)):
        if mass[s] == 0:
            continue
        used = np.flatnonzero(policy[i][s] > 0)
        root = np.sqrt(policy[i][s, used])
        for u in null_space(root[None]).T:
            direction = [np.zeros_like(t) for t in policy]
            direction[i][s, used] = u * root / np.sqrt(mass[s])
            basis.append(direction)
    return basis


def dense_hessian(model, policy, data, alpha, step):
    """Second differences of ``objective`` along the tangent basis, extrapolated once."""

    def value(*moves):
        tables = [t + sum(h * b[i] for h, b in moves) for i, t in enumerate(policy)]
        return objective(model, ad.FactorizedPolicy(tables), data, alpha)

    basis = tangent_basis(model, policy)
    hessian = np.zeros((len(basis), len(basis)))
    for k, m in itertools.combinations_with_replacement(range(len(basis)), 2):
        found = []
        for h in (step, 2 * step):
            signs = ((1, 1), (1, -1), (-1, 1), (-1, -1))
            found.append(sum(a * b * value((a * h, basis[k]), (b * h, basis[m])) for a, b in signs) / (4 * h * h))
        hessian[k, m] = hessian[m, k] = (4 * found[0] - found[1]) / 3
    return hessian, basis


def combination(basis, weights):
    return [sum(w * b[i] for w, b in zip(weights, basis, strict=True)) for i in range(len(basis[0]))]


@pytest.mark.parametrize("seed", range(20))
def test_curvature_and_direction_agree_with_finite_differences(seed):
    model, policy, data, alpha = interior_case(seed)
    found = second_order_certificate(model, policy, data, alpha)
    hessian, basis = dense_hessian(model, policy, data, alpha, 2e-3)
    if not basis:
        assert not found.is_saddle
        return
    values, vectors = np.linalg.eigh(hessian)
    size = np.abs(values).max()
    assert found.curvature == pytest.approx(values[-1], abs=2e-6 * (1 + size))
    assert found.is_saddle == (values[-1] > 1e-5)
    assert found.curvature > 1e-5 or found.curvature < -1e-5  # no seed on the edge
    for table in found.direction:
        np.testing.assert_allclose(table.sum(axis=1), 0, atol=1e-12)
    mass = ad.state_occupancy(model, policy)
    length = sum((mass[:, None] * d**2 / t).sum() for d, t in zip(found.direction, policy, strict=True))
    assert length == pytest.approx(1.0, abs=1e-9)
    if len(values) == 1 or values[-1] - values[-2] > 1e-3 * (1 + size):
        expected = combination(basis, vectors[:, -1])
        sign = np.sign(sum((a * b).sum() for a, b in zip(expected, found.direction, strict=True)))
        for ours, theirs in zip(found.direction, expected, strict=True):
            np.testing.assert_allclose(ours, sign * theirs, atol=1e-3)


def test_both_signs_of_curvature_are_among_the_seeds():
    saddles = [second_order_certificate(*interior_case(seed)).is_saddle for seed in range(20)]
    assert 3 <= sum(saddles) <= 17


def test_iterative_route_for_many_coordinates_agrees_with_finite_differences():
    rng = np.random.default_rng(0)
    shape = (9, 4, 4)  # 72 coordinates: the Lanczos route
    model = ad.MMDP(rng.dirichlet(np.ones(9), size=shape), rng.normal(size=shape), np.full(9, 1 / 9), 0.5)
    policy = ad.FactorizedPolicy([0.3 * rng.dirichlet(np.ones(4), size=9) + 0.175 for _ in range(2)])
    data = ad.DataDistribution(np.full(shape, 1 / 144))
    found = [second_order_certificate(model, policy, data, 0.05, seed=s) for s in (0, 0, 1)]

    # Rayleigh quotient of the direction by second differences of the objective, and no random direction above it
    def curvature(direction, h=1e-3):
        def at(t):
            moved = [table + t * move for table, move in zip(policy, direction, strict=True)]
            return objective(model, ad.FactorizedPolicy(moved), data, 0.05)

        return (at(h) - 2 * at(0.0) + at(-h)) / h**2

    assert curvature(found[0].direction) == pytest.approx(found[0].curvature, rel=1e-3)
    basis = tangent_basis(model, policy)
    for _ in range(200):
        weights = rng.normal(size=len(basis))
        assert curvature(combination(basis, weights / np.linalg.norm(weights))) <= found[0].curvature + 1e-3
    assert found[0].curvature == found[1].curvature
    for a, b in zip(found[0].direction, found[1].direction, strict=True):
        np.testing.assert_array_equal(a, b)
    assert found[2].curvature == pytest.approx(found[0].curvature, rel=1e-6)
    for a, b in zip(found[0].direction, found[2].direction, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


def seldom_case(seed, n_states=25):
    """A policy that visits some states 1e10 times as often as others."""
    rng = np.random.default_rng(seed)
    shape = (n_states, 3, 3)
    often = np.exp(-25 * np.arange(n_states) / n_states)
    transition = np.zeros((*shape, n_states))
    for cell in np.ndindex(*shape):
        transition[cell][rng.choice(n_states, 4, replace=False, p=often / often.sum())] = rng.dirichlet(np.ones(4))
    model = ad.MMDP(
        transition, rng.normal(size=shape), np.full(n_states, 1 / n_states) * 1e-10 + 0.9999999999 * np.eye(n_states)[0], 0.95
    )
    policy = ad.FactorizedPolicy([0.95 * rng.dirichlet(np.full(3, 0.5), size=n_states) + 0.05 / 3 for _ in range(2)])
    return model, policy, ad.DataDistribution(np.full(shape, 1 / np.prod(shape))), 0.1


@pytest.mark.parametrize("seed", range(6))
def test_what_saddles_are_worth_is_found_beside_states_that_are_hardly_visited(seed):
    """The eigenvalues of diag(sqrt(d)) H diag(sqrt(d)), to rounding, by the matrix and without it."""
    curve = Curvature(*seldom_case(seed))
    assert curve.visits.min() < 1e-8 * curve.visits.max()
    roots = np.sqrt(curve.visits)
    hessian = np.stack([roots * curve.product(roots * e) for e in np.eye(curve.size)])
    exact = np.linalg.eigvalsh((hessian + hessian.T) / 2)[::-1]
    exact = exact[exact > 1e-9 * curve.scale][:3]  # below are 0, off the tangent space, and what is worth nothing
    found, vectors = second_order._worthiest(curve, roots, 3, 0)
    np.testing.assert_allclose(found[: len(exact)], exact, rtol=1e-3, atol=1e-8 * curve.scale)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(3), atol=1e-10)


def test_products_of_many_columns_are_those_of_each():
    model, policy, data, alpha = interior_case(4)
    curve = Curvature(model, policy, data, alpha)
    columns = np.random.default_rng(0).normal(size=(curve.size, 5))
    one_by_one = np.stack([curve.product(c) for c in columns.T], axis=1)
    np.testing.assert_allclose(curve.product(columns), one_by_one, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(curve.formed() @ columns, one_by_one, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("alpha", [0.01, 0.1, 0.4, 0.49, 0.499, 0.501, 0.51, 0.6, 1.0, 5.0])
def test_xor_with_uniform_data_is_a_saddle_iff_alpha_is_below_a_half(alpha):
    """Curvature 1/2 - alpha in the KL metric, a quarter of the Euclidean 2 (1 - 2 alpha)."""
    game = ad.games.xor()
    found = second_order_certificate(game.mmdp, ad.FactorizedPolicy.uniform(game.mmdp), game.data("uniform", 0.0), alpha)
    assert found.curvature == pytest.approx(0.5 - alpha, abs=1e-12)
    assert found.is_saddle == (alpha < 0.5)
    first, second = found.direction
    np.testing.assert_allclose(first, -second, atol=1e-12)  # towards AB or BA


def test_xor_at_a_tenth_has_curvature_1_6_in_euclidean_metric():
    game = ad.games.xor()
    found = second_order_certificate(game.mmdp, ad.FactorizedPolicy.uniform(game.mmdp), game.data("uniform", 0.0), 0.1)
    assert found.curvature == pytest.approx(1.6 / 4, abs=1e-12)
    np.testing.assert_allclose(np.abs(found.direction), np.sqrt(2) / 4, atol=1e-12)  # one sign convention, unit length


def test_the_objective_rises_both_ways_along_the_direction_of_a_saddle():
    game = ad.games.xor()
    uniform, data = ad.FactorizedPolicy.uniform(game.mmdp), game.data("uniform", 0.0)
    direction = second_order_certificate(game.mmdp, uniform, data, 0.1).direction
    for step in (0.1, -0.1):
        moved = ad.FactorizedPolicy([t + step * d for t, d in zip(uniform, direction, strict=True)])
        assert objective(game.mmdp, moved, data, 0.1) > objective(game.mmdp, uniform, data, 0.1) + 1e-3


def test_directions_stay_inside_the_support():
    game = ad.games.matrix_game(np.array([[0.0, 1, 3], [1, 0, 3]]))
    policy = ad.FactorizedPolicy([[[0.5, 0.5]], [[0.5, 0.5, 0.0]]])
    data = ad.DataDistribution(np.array([[[0.25, 0.25, 0.0], [0.25, 0.25, 0.0]]]))
    found = second_order_certificate(game.mmdp, policy, data, 0.1)
    assert found.direction[1][0, 2] == 0.0
    assert found.curvature == pytest.approx(0.4, abs=1e-12)


def test_a_deterministic_policy_has_no_direction():
    game = ad.games.xor()
    policy = ad.FactorizedPolicy([[[1, 0]], [[0, 1]]])
    found = second_order_certificate(game.mmdp, policy, game.data("uniform"), 0.1)
    assert not found.is_saddle
    assert all((d == 0).all() for d in found.direction)


@pytest.mark.parametrize("seed", range(0, 20))
def test_a_single_agent_s_optimum_is_no_saddle(seed):
    p = random_problem(seed, alphas=(0.1, 1.0))
    model = ad.MMDP(p.transition, p.reward, p.initial, p.discount)
    joint = ad.MMDP(model.transition, model.reward.reshape(len(p.initial), -1), model.initial, model.discount)
    data = ad.DataDistribution(p.data.reshape(len(p.initial), -1)).floored(1e-6)
    run = alternate(joint, data, p.alpha)
    assert run.converged
    assert not run.second_order.is_saddle
    assert run.second_order.curvature < 0


def test_states_without_occupancy_do_not_matter():
    base = ad.games.xor().mmdp
    transition = np.zeros((2, 2, 2, 2))
    transition[0, ..., 0] = transition[1, ..., 1] = 1.0
    model = ad.MMDP(transition, np.stack([base.reward[0], [[7.0, 1], [2, 3]]]), [1, 0], 0.5)
    data = ad.DataDistribution(np.stack([np.full((2, 2), 0.125)] * 2))
    found = second_order_certificate(model, ad.FactorizedPolicy.uniform(model), data, 0.1)
    assert found.curvature == pytest.approx(0.4, abs=1e-12)
    assert (found.direction[0][1] == 0).all()


# -- what a saddle is worth ----------------------------------------------------------------------------------------------


def contexts(visits, discount=0.5, offset=0.0, alpha=0.1):
    """One XOR per context, absorbing, entered with the chances ``visits``; uniform play is a saddle of each."""
    n = len(visits)
    transition = np.zeros((n, 2, 2, n))
    transition[np.arange(n), :, :, np.arange(n)] = 1.0
    reward = np.broadcast_to(ad.games.xor().mmdp.reward[0], (n, 2, 2)) + offset
    model = ad.MMDP(transition, reward, visits, discount)
    return model, ad.FactorizedPolicy.uniform(model), ad.DataDistribution(np.full((n, 2, 2), 0.25 / n)), alpha


def test_two_thousand_contexts_visited_seldom_are_still_a_saddle():
    """d(s) = 5e-9 in every context at gamma = 0.99999: .4 in all of them, and XOR's .861 against .5."""
    n = 2000
    model, _, _, alpha = contexts(np.full(n, 1 / n))
    onward = sp.lil_array((4 * (n + 1), n + 1))
    onward[:4, 1:] = 1 / n
    onward[4 + np.arange(4 * n), 0] = 1.0
    reward = np.concatenate([np.zeros((1, 2, 2)), model.reward])
    model = ad.MMDP(sp.csr_array(onward), reward, np.eye(n + 1)[0], 0.99999)
    data = ad.DataDistribution(np.full((n + 1, 2, 2), 0.25 / (n + 1)))
    found = second_order_certificate(model, ad.FactorizedPolicy.uniform(model), data, alpha)
    assert found.curvature == pytest.approx(0.4, abs=1e-6)
    assert found.is_saddle
    assert found.gain > found.threshold


@pytest.mark.parametrize("offset", [0.0, 4e5, -1e9, 1e12])
@pytest.mark.parametrize("discount", [0.5, 0.99999])
def test_a_constant_in_the_reward_hides_no_saddle(offset, discount):
    found = second_order_certificate(*contexts([1.0], discount, offset))
    assert found.curvature == pytest.approx(0.4, abs=1e-4 if offset == 1e12 else 1e-6)
    assert found.is_saddle


def test_a_saddle_worth_less_than_the_threshold_is_none():
    case = contexts([1 - 1e-10, 1e-10])
    free = second_order_certificate(*case, threshold=0.0)
    assert free.is_saddle
    seldom = contexts([1e-10, 1 - 1e-10])
    model, policy, data, alpha = seldom
    apart = policy.replace(0, [[0.5, 0.5], [1 - 1e-12, 1e-12]]).replace(1, [[0.5, 0.5], [1e-12, 1 - 1e-12]])
    only_seldom = second_order_certificate(model, apart, data, alpha)
    assert only_seldom.curvature == pytest.approx(0.4, abs=1e-3)
    assert 0 < only_seldom.gain < only_seldom.threshold
    assert not only_seldom.is_saddle
    assert only_seldom.states[0].state == 0
    assert only_seldom.states[0].visits == pytest.approx(1e-10)


def test_a_saddle_that_is_visited_is_found_beside_steeper_ones_that_are_not():
    """In the KL metric the rare state is the steeper one; the step is taken where it pays."""
    model, policy, data, alpha = contexts([1 - 1e-11, 1e-11])
    steeper = ad.MMDP(model.transition, model.reward * np.array([1.0, 50.0])[:, None, None], model.initial, model.discount)
    found = second_order_certificate(steeper, policy, data, alpha)
    assert found.curvature > 10
    assert found.gain > 0.1
    assert found.states[0].state == 0
    assert objective(steeper, found.better, data, alpha) == pytest.approx(
        objective(steeper, policy, data, alpha) + found.gain, abs=1e-12
    )


SEEDS = [pytest.param(seed, marks=[] if seed < 10 else pytest.mark.slow) for seed in range(100)]
ON_BRIDGE = [
    pytest.param(name, alpha, marks=[] if (name, alpha) == ("mix", 1e-2) else pytest.mark.slow)
    for name in ("mix", "optimal")
    for alpha in (1e-3, 1e-2, 0.1, 1.0)
]


@pytest.mark.parametrize("seed", SEEDS)
def test_curvature_at_the_ends_of_runs_agrees_with_finite_differences(seed):
    """100 random models at rest: second differences of the objective along the certificate's own direction."""
    model, policy, data, alpha = interior_case(1000 + seed)
    run = alternate(model, data, alpha, start=policy)
    found = run.second_order
    logs = [np.where(t > 1e-16, d / np.maximum(t, 1e-300), 0.0) for d, t in zip(found.direction, run.policy, strict=True)]
    if not any(np.abs(x).max() > 0 for x in logs):
        return
    size = max(np.abs(x).max() for x in logs)

    def at(h):
        moved = [t * np.exp(h * x) for t, x in zip(run.policy, logs, strict=True)]
        return objective(model, ad.FactorizedPolicy([m / m.sum(axis=1, keepdims=True) for m in moved]), data, alpha)

    h = 1e-2 / size
    estimates = [(at(k * h) - 2 * at(0.0) + at(-k * h)) / (k * h) ** 2 for k in (1, 2)]
    noise = 1e-14 * (1 + abs(run.nash.value)) / h**2  # where the direction is hardly visited, nothing is to be seen
    assert (4 * estimates[0] - estimates[1]) / 3 == pytest.approx(found.curvature, rel=2e-3, abs=1e-4 + 10 * noise)


@pytest.mark.parametrize(("name", "alpha"), ON_BRIDGE)
def test_bridge_is_at_rest_at_every_alpha(name, alpha):
    """No saddle that is worth anything, and no random joint step finds one."""
    game = ad.games.bridge()
    data = game.data(name)
    run = alternate(game.mmdp, data, alpha)
    assert run.saddles == ()
    assert not run.second_order.is_saddle
    rng = np.random.default_rng(0)
    here = objective(game.mmdp, run.policy, data, alpha)
    for size in (1e-3, 1e-2, 0.1):
        for _ in range(10):
            moved = [t * np.exp(size * rng.normal(size=t.shape)) for t in run.policy]
            other = ad.FactorizedPolicy([m / m.sum(axis=1, keepdims=True) for m in moved])
            assert objective(game.mmdp, other, data, alpha) <= here + run.threshold
