"""The six population algorithms: Table 6, the N-agent XOR, and independent oracles written from the definitions.

The oracles are loops, numpy's least squares, scipy.optimize, cvxpy and enumeration; they import nothing from alberdice.
"""

import itertools
import math
from decimal import ROUND_HALF_UP, Decimal

import cvxpy as cp
import numpy as np
import oracles
import pytest
from scipy.optimize import minimize
from slow_routes import random_problem

import alberdice as ad
from alberdice.reference import paper_tables
from alberdice.tabular import ALGORITHMS
from alberdice.tabular.algorithms import icq, madtkd, omar, optidice
from alberdice.tabular.algorithms.icq import additive_critics
from alberdice.tabular.algorithms.madtkd import return_conditioned_teacher
from alberdice.tabular.algorithms.omar import conservative_values, greedy

TABLE = paper_tables()["table6"]
GAME = ad.games.penalty_xor()


def cells(policy):
    """Joint policy at two decimals, half up, by decimal arithmetic on twelve digits."""
    return [[float(Decimal(f"{x:.12f}").quantize(Decimal("0.01"), ROUND_HALF_UP)) for x in row] for row in policy.joint()[0]]


# -- Table 6 -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", "abcd")
@pytest.mark.parametrize("name", ["BC", "ICQ", "OMAR", "MADTKD", "OptiDICE", "AlberDICE"])
def test_table_6_cell_by_cell(name, data):
    policy = ALGORITHMS[name](GAME.mmdp, GAME.data(data, floor=0.0))
    assert cells(policy) == TABLE[name][data]


def test_table_6_has_96_cells_and_every_algorithm():
    assert list(ALGORITHMS) == ["BC", "ICQ", "OMAR", "MADTKD", "OptiDICE", "AlberDICE"]
    assert sum(np.size(TABLE[n][d]) for n in ALGORITHMS for d in "abcd") == 96


@pytest.mark.parametrize("name", ALGORITHMS)
def test_the_floor_does_not_matter(name):
    """Only observed pairs count, and AlberDICE floors by itself: the default floor gives the same cells."""
    for data in "abcd":
        assert cells(ALGORITHMS[name](GAME.mmdp, GAME.data(data))) == TABLE[name][data]


@pytest.mark.parametrize("name", ALGORITHMS)
def test_deterministic(name):
    first, second = (ALGORITHMS[name](GAME.mmdp, GAME.data("c")).joint() for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("c", [0.01, 0.5, 1.0, 1.29])
@pytest.mark.parametrize("data", "abcd")
def test_omar_for_every_conservatism_up_to_1_2998(data, c):
    assert cells(omar(GAME.mmdp, GAME.data(data), conservatism=c)) == TABLE["OMAR"][data]


def test_omar_beyond_1_2998_differs_on_one_data_set():
    different = [d for d in "abcd" if cells(omar(GAME.mmdp, GAME.data(d), conservatism=1.31)) != TABLE["OMAR"][d]]
    assert different


@pytest.mark.parametrize("beta", [0.1, 0.05, 0.01])
@pytest.mark.parametrize("data", "acd")
def test_icq_needs_no_limit_outside_b(data, beta):
    assert cells(icq(GAME.mmdp, GAME.data(data), beta=beta)) == TABLE["ICQ"][data]


def test_icq_on_b_is_a_tie_that_the_lowest_index_decides():
    """Both agents' critics are tied, so 'AA or BB' is all that a symmetric estimator could say; we say AA."""
    critics = additive_critics(GAME.mmdp, GAME.data("b").observed_part())
    for q in critics:
        assert q[0, 0] == pytest.approx(q[0, 1], abs=1e-9)
    assert cells(icq(GAME.mmdp, GAME.data("b"))) == [[1, 0], [0, 0]]
    # at any positive beta the tied critics leave the data's marginals: neither AA nor BB
    soft = icq(GAME.mmdp, GAME.data("b"), beta=0.1)
    np.testing.assert_allclose(soft.joint(), GAME.data("b").observed_part().behaviour_policy().joint(), atol=1e-9)


def test_icq_on_b_with_actions_renamed_is_the_other_of_the_two():
    """Renaming A and B turns AA into BB: the pair {AA, BB} is symmetric, the choice within it is a convention."""
    renamed = ad.games.matrix_game(
        [[-2, 1], [1, 0]], data={"b": {"BA": 2464, "AB": 2536}}
    )  # the same game and data with A and B exchanged
    assert cells(icq(renamed.mmdp, renamed.data("b"))) == [[1, 0], [0, 0]]  # AA again, that is BB in the old names


# -- N-agent XOR -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [3, 4])
def test_alberdice_coordinates_n_agents(n):
    game = ad.games.n_agent_xor(n)
    data = game.data("optimal", 0.0)
    joint = ALGORITHMS["AlberDICE"](game.mmdp, data).joint()[0]
    best = np.unravel_index(int(np.argmax(joint)), joint.shape)
    assert joint[best] > 0.99
    assert game.mmdp.reward[(0, *best)] == 1.0
    assert joint[~data.observed[0]].sum() < 1e-6


@pytest.mark.parametrize("n", [3, 4])
@pytest.mark.parametrize("name", ["BC", "OptiDICE", "MADTKD"])
def test_marginals_of_good_joint_data_leave_the_data_most_of_the_time(name, n):
    game = ad.games.n_agent_xor(n)
    data = game.data("optimal", 0.0)
    outside = ad.out_of_data_probability(game.mmdp, ALGORITHMS[name](game.mmdp, data), data)
    shares = [(1000 + 10 * i) / (1000 * n + 5 * n * (n + 1)) for i in range(1, n + 1)]
    inside = sum(p * math.prod(1 - q for j, q in enumerate(shares) if j != i) for i, p in enumerate(shares))
    assert outside == pytest.approx(1 - inside, abs=1e-6)  # about 1 - (1 - 1/n)^(n-1): 5/9 and 0.578
    assert outside > 0.5


# -- random problems for the oracles -------------------------------------------------------------------------------------


def random_game(seed, holes=0.3):
    """A one-shot game with 1 to 3 agents, unequal action sets and joint actions without data."""
    rng = np.random.default_rng(seed)
    shape = tuple(int(k) for k in rng.integers(2, 5, size=1 + seed % 3))
    counts = rng.integers(1, 50, size=shape) * (rng.random(shape) >= holes)
    counts.flat[int(rng.integers(counts.size))] += 7
    return ad.games.matrix_game(rng.normal(size=shape)), counts / counts.sum()


def random_mmdp(seed, discount=None):
    """A small MMDP with joint actions and states without data, and unreachable states."""
    p = random_problem(seed, alphas=(0.3,), zeros_in_data=False)
    rng = np.random.default_rng(1000 + seed)
    data = p.data * (rng.random(p.data.shape) >= 0.25)
    data[0] += 0.01
    if len(data) > 2:
        data[-1] = 0.0
    return p, data / data.sum(), discount or p.discount


def both_kinds(seed):
    """(transition, reward, initial, discount, data): games for even seeds, MMDPs for odd ones."""
    if seed % 2 == 0:
        game, data = random_game(seed)
        return np.ones((*game.mmdp.reward.shape, 1)), game.mmdp.reward, np.ones(1), 0.5, data[None]
    p, data, discount = random_mmdp(seed)
    return p.transition, p.reward, p.initial, discount, data


def conditional_marginal(data, agent, state):
    """pi_i^D(. | s) by loops; uniform without data."""
    shares = oracles.own_marginal(data, agent)[state]
    return shares / shares.sum() if shares.sum() > 0 else np.full(len(shares), 1 / len(shares))


@pytest.mark.parametrize("seed", range(30))
def test_behaviour_cloning_is_the_likelihood_s_maximiser(seed):
    transition, reward, initial, discount, data = both_kinds(seed)
    model = ad.MMDP(transition, reward, initial, discount)
    policy = ALGORITHMS["BC"](model, ad.DataDistribution(data).floored(1e-6))  # the floor must not count
    floored = (data + 1e-6) * (data > 0)
    for agent in range(model.n_agents):
        for s in range(model.n_states):
            np.testing.assert_allclose(policy[agent][s], conditional_marginal(floored, agent, s), atol=1e-12)


# -- ICQ -----------------------------------------------------------------------------------------------------------------


def icq_oracle(transition, reward, discount, data, temperature, sweeps=20_000):
    """Fixed point of least squares of minimum norm, by np.linalg.lstsq state by state; None if it diverges."""
    n_states, joints, n = len(reward), list(oracles.joint_actions(reward)), reward.ndim - 1
    offsets = np.concatenate([[0], np.cumsum(reward.shape[1:])])
    total = np.zeros((n_states, len(joints)))
    for _ in range(sweeps):
        values, parameters = np.zeros(n_states), np.zeros((n_states, offsets[-1]))
        for s in range(n_states):
            weights = [data[(s, *a)] * math.exp((total[s, k] - max(total[s])) / temperature) for k, a in enumerate(joints)]
            if sum(weights) > 0:
                values[s] = sum(w * q for w, q in zip(weights, total[s], strict=True)) / sum(weights)
        new = np.zeros_like(total)
        for s in range(n_states):
            design, target = [], []
            for a in joints:
                if data[(s, *a)] > 0:
                    row = np.zeros(offsets[-1])
                    for i in range(n):
                        row[offsets[i] + a[i]] = 1 / n
                    root = math.sqrt(data[(s, *a)] / data[s].sum())
                    design.append(root * row)
                    target.append(root * (reward[(s, *a)] + discount * transition[(s, *a)] @ values))
            if design:
                parameters[s] = np.linalg.lstsq(np.array(design), np.array(target), rcond=1e-10)[0]
            for k, a in enumerate(joints):
                new[s, k] = sum(parameters[s, offsets[i] + a[i]] for i in range(n)) / n
        change = max((abs(new[s, k] - total[s, k]) for s in range(n_states) for k, a in enumerate(joints) if data[(s, *a)] > 0))
        total = new
        if change < 1e-12 * (1 + np.abs(total).max()):
            return [parameters[:, offsets[i] : offsets[i + 1]] for i in range(n)]
        if change > 1e8:
            return None
    return None


@pytest.mark.parametrize("seed", range(24))
def test_icq_critic_and_policies(seed):
    transition, reward, initial, discount, data = both_kinds(seed)
    model, given = ad.MMDP(transition, reward, initial, min(discount, 0.7)), ad.DataDistribution(data)
    expected = icq_oracle(transition, reward, min(discount, 0.7), data, 2.0)
    if expected is None:
        with pytest.raises(ad.SolverError, match="ICQ's critic"):
            additive_critics(model, given, 2.0)
        return
    found = additive_critics(model, given, 2.0)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-7)
    beta = 0.3
    policy, hard = icq(model, given, beta, 2.0), icq(model, given, 0.0, 2.0)
    for i, q in enumerate(expected):
        for s in range(model.n_states):
            mu = conditional_marginal(data, i, s)
            weights = [m * math.exp((x - max(q[s])) / beta) for m, x in zip(mu, q[s], strict=True)]
            np.testing.assert_allclose(policy[i][s], np.array(weights) / sum(weights), atol=1e-6)
            values = np.where(mu > 0, q[s], -np.inf)
            order = np.sort(values)
            if len(values) == 1 or order[-1] - order[-2] > 1e-6:  # no tie
                assert hard[i][s, int(np.argmax(values))] == 1.0


# -- OMAR ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(24))
def test_omar_critic_is_the_minimiser_at_its_own_fixed_point(seed):
    transition, reward, initial, discount, data = both_kinds(seed)
    model, given = ad.MMDP(transition, reward, initial, discount), ad.DataDistribution(data)
    c = (0.0, 0.2, 1.0, 3.0)[seed % 4]
    for agent in range(model.n_agents):
        q = conservative_values(model, given, agent, c)
        for s in range(model.n_states):
            mu = oracles.own_marginal(data, agent)[s]
            if mu.sum() == 0:
                np.testing.assert_array_equal(q[s], 0.0)
                continue
            known = np.flatnonzero(mu > 0)
            assert (q[s][mu == 0] == -np.inf).all()
            y = np.zeros(len(mu))
            for a in oracles.joint_actions(reward):
                if data[(s, *a)] > 0:
                    ahead = sum(transition[(s, *a)][t] * max(q[t]) for t in range(model.n_states))
                    y[a[agent]] += data[(s, *a)] / mu[a[agent]] * (reward[(s, *a)] + discount * ahead)
            mu = mu / mu.sum()

            def loss(x, mu=mu, known=known, y=y):
                top = x.max()
                spread = top + math.log(np.exp(x - top).sum())
                return mu[known] @ (x - y[known]) ** 2 + c * (spread - mu[known] @ x)

            found = minimize(loss, np.zeros(len(known)), method="BFGS", options={"gtol": 1e-9})
            assert loss(q[s][known]) <= found.fun + 1e-12
            np.testing.assert_allclose(q[s][known], found.x, atol=2e-6 / mu[known].min() ** 0.5 + 1e-6)
        chosen = omar(model, given, c)[agent]
        for s in range(model.n_states):
            assert chosen[s, int(np.argmax(q[s]))] == 1.0


def test_omar_ties_go_to_the_lowest_index():
    np.testing.assert_array_equal(greedy(np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0 + 1e-12]])), [[1, 0, 0], [0, 1, 0]])
    game = ad.games.matrix_game(np.ones((2, 3)))
    policy = omar(game.mmdp, ad.DataDistribution(np.full((1, 2, 3), 1 / 6)))
    assert policy.joint()[0, 0, 0] == 1.0


# -- OptiDICE ------------------------------------------------------------------------------------------------------------


def optidice_oracle(transition, reward, initial, discount, data, alpha):
    """d* by cvxpy over joint occupancies, the constraints written out state by state."""
    pairs = [index for index in np.ndindex(*reward.shape) if data[index] > 0]
    d = cp.Variable(len(pairs), nonneg=True)
    constraints = []
    for t in range(len(initial)):
        out = sum(d[k] for k, index in enumerate(pairs) if index[0] == t)
        into = sum(discount * transition[index][t] * d[k] for k, index in enumerate(pairs))
        constraints.append(out - into == (1 - discount) * initial[t])
    goal = sum(d[k] * (reward[index] + alpha * math.log(data[index])) + alpha * cp.entr(d[k]) for k, index in enumerate(pairs))
    problem = cp.Problem(cp.Maximize(goal), constraints)
    problem.solve(solver=cp.CLARABEL)
    if problem.status in ("infeasible", "infeasible_inaccurate"):
        return None, None
    occupancy = np.zeros(reward.shape)
    for k, index in enumerate(pairs):
        occupancy[index] = max(float(d.value[k]), 0.0)
    return occupancy, float(problem.value)


@pytest.mark.parametrize("seed", range(20))
def test_optidice_marginals_of_the_joint_problem(seed):
    transition, reward, initial, discount, data = both_kinds(seed)
    model, given = ad.MMDP(transition, reward, initial, discount), ad.DataDistribution(data)
    alpha = (0.1, 0.5, 2.0)[seed % 3]
    occupancy, _ = optidice_oracle(transition, reward, initial, discount, data, alpha)
    if occupancy is None:
        with pytest.raises(ad.InfeasibleError):
            optidice(model, given, alpha)
        return
    policy = optidice(model, given.floored(1e-12), alpha)
    for agent in range(model.n_agents):
        for s in range(model.n_states):
            mass = occupancy[s].sum()
            if mass > 1e-3:
                expected = conditional_marginal(occupancy, agent, s)
                np.testing.assert_allclose(policy[agent][s], expected, atol=2e-4)
            elif mass < 1e-9:
                np.testing.assert_allclose(policy[agent][s], conditional_marginal(data, agent, s), atol=1e-9)


@pytest.mark.parametrize("seed", range(0, 24, 2))
@pytest.mark.parametrize("alpha", [0.001, 0.3])
def test_optidice_closed_form_on_one_shot_games(seed, alpha):
    game, data = random_game(seed)
    weights = data * np.exp((game.mmdp.reward[0] - game.mmdp.reward[0][data > 0].max()) / alpha) * (data > 0)
    policy = optidice(game.mmdp, ad.DataDistribution(data[None]), alpha)
    for agent in range(game.mmdp.n_agents):
        expected = conditional_marginal(weights[None], agent, 0)
        np.testing.assert_allclose(policy[agent][0], expected, atol=1e-5)


def test_optidice_infeasible_data_name_the_state():
    # data stop at state 1: nothing is known of what to do there
    transition = np.zeros((2, 2, 2))
    transition[0, :, 1] = transition[1, :, 1] = 1.0
    model = ad.MMDP(transition, np.zeros((2, 2)), [1, 0], 0.5)
    with pytest.raises(ad.InfeasibleError, match="at state 0"):
        optidice(model, ad.DataDistribution([[0.5, 0.5], [0, 0]]))


# -- MADTKD --------------------------------------------------------------------------------------------------------------


def teacher_by_enumeration(transition, reward, discount, data, state, horizon):
    """P_D(a_0 | the best return) over every trajectory of ``horizon`` steps that data and model can give from ``state``."""
    found = {}

    def walk(s, left, chance, earned, weight, first):
        if left == 0:
            found.setdefault(round(earned, 9), {}).setdefault(first, 0.0)
            found[round(earned, 9)][first] += chance
            return
        mass = data[s].sum()
        for a in oracles.joint_actions(reward):
            if data[(s, *a)] == 0:
                continue
            for t in np.flatnonzero(transition[(s, *a)]):
                walk(
                    int(t), left - 1, chance * data[(s, *a)] / mass * transition[(s, *a)][t],
                    earned + weight * reward[(s, *a)], weight * discount, a if first is None else first,
                )  # fmt: skip

    walk(state, horizon, 1.0, 0.0, 1.0, None)
    best = found[max(found)]
    table = np.zeros(reward.shape[1:])
    for a, chance in best.items():
        table[a] = chance / sum(best.values())
    return table


def episodic(seed, deterministic):
    """Three layers of states, then an absorbing end without reward; rewards are small whole numbers, so that ties occur."""
    rng = np.random.default_rng(seed)
    n_actions = ((2, 3), (2,), (2, 1, 2))[seed % 3]
    layers = [[0], [1, 2], [3, 4], [5]]
    shape = (6, *n_actions)
    transition, reward = np.zeros((*shape, 6)), rng.integers(0, 2, size=shape).astype(float)
    reward[5] = 0.0
    for here, following in itertools.pairwise(layers):
        for s in here:
            for a in itertools.product(*map(range, n_actions)):
                if deterministic or len(following) == 1:
                    transition[(s, *a, int(rng.choice(following)))] = 1.0
                else:
                    transition[(s, *a)][following] = rng.dirichlet(np.ones(len(following)))
    transition[5, ..., 5] = 1.0
    data = rng.integers(1, 9, size=shape) * (rng.random(shape) < 0.8)
    data[:, *(0,) * len(n_actions)] += 1  # every state has data
    return transition, reward, data / data.sum()


@pytest.mark.parametrize("discount", [0.5, 0.9])
@pytest.mark.parametrize("deterministic", [True, False])
@pytest.mark.parametrize("seed", range(9))
def test_madtkd_teacher_by_enumeration_of_trajectories(seed, deterministic, discount):
    transition, reward, data = episodic(seed, deterministic)
    model = ad.MMDP(transition, reward, [1, 0, 0, 0, 0, 0], discount)
    given = ad.DataDistribution(data)
    teacher, policy = return_conditioned_teacher(model, given), madtkd(model, given)
    assert any((teacher[s] == 0).any() and data[s][teacher[s] == 0].any() for s in range(5))  # the return does select
    for s, horizon in ((0, 3), (1, 2), (2, 2), (3, 1), (4, 1)):
        expected = teacher_by_enumeration(transition, reward, discount, data, s, horizon)
        np.testing.assert_allclose(teacher[s], expected, atol=1e-12)
        for i in range(model.n_agents):
            axes = tuple(k for k in range(model.n_agents) if k != i)
            np.testing.assert_allclose(policy[i][s], expected.sum(axis=axes), atol=1e-12)


@pytest.mark.parametrize("seed", range(0, 24, 2))
def test_madtkd_on_one_shot_games_conditions_the_data_on_the_best_reward(seed):
    rng = np.random.default_rng(seed)
    _, data = random_game(seed)
    payoff = rng.integers(0, 3, size=data.shape).astype(float)
    tied = ad.games.matrix_game(payoff)
    best = payoff[data > 0].max()
    kept = data * (payoff == best)
    policy = madtkd(tied.mmdp, ad.DataDistribution(data[None]))
    for agent in range(tied.mmdp.n_agents):
        np.testing.assert_allclose(policy[agent][0], conditional_marginal(kept[None], agent, 0), atol=1e-12)


def test_madtkd_student_minimises_its_loss():
    """argmin over products of CE(data given the best return) + KL(teacher || student) is the teacher's marginals."""
    game, data = random_game(4)
    teacher = data * (game.mmdp.reward[0] >= np.sort(game.mmdp.reward[0][data > 0])[-3])
    teacher /= teacher.sum()
    shape = teacher.shape
    cuts = np.cumsum(shape)[:-1]

    def loss(logits):
        joint = np.ones(shape)
        for i, part in enumerate(np.split(logits, cuts)):
            log_p = part - np.logaddexp.reduce(part)
            joint = joint * np.exp(log_p).reshape([-1 if k == i else 1 for k in range(len(shape))])
        used = teacher > 0
        return -2 * (teacher[used] * np.log(joint[used])).sum()

    found = minimize(loss, np.zeros(sum(shape)), method="BFGS")
    for i, part in enumerate(np.split(found.x, cuts)):
        expected = conditional_marginal(teacher[None], i, 0)
        np.testing.assert_allclose(np.exp(part - np.logaddexp.reduce(part)), expected, atol=1e-3)


def test_madtkd_where_episodes_go_round_in_circles_weighs_by_the_growth_rate():
    """0 leads to 1 (action 0) or 2 (action 1); 1 -> 2 and 2 -> 1; at 1 half of the data earn less than the best.

    T = [[0, 1/2], [1, 0]] on {1, 2} has rho = sqrt(1/2) and h = (1, sqrt 2): a chain of period 2, on which plain power
    iteration never settles.
    """
    transition = np.zeros((3, 2, 3))
    transition[0, 0, 1] = transition[0, 1, 2] = 1.0
    transition[1, :, 2] = transition[2, :, 1] = 1.0
    reward = np.array([[0.0, 0.0], [0.0, -1.0], [0.0, 0.0]])
    model = ad.MMDP(transition, reward, [1, 0, 0], 0.9)
    policy = madtkd(model, ad.DataDistribution(np.full((3, 2), 1 / 6)))
    np.testing.assert_allclose(policy[0][0], np.array([1, math.sqrt(2)]) / (1 + math.sqrt(2)), atol=1e-9)
    np.testing.assert_allclose(policy[0][1], [1, 0], atol=1e-12)


# -- multi-state data sets for AlberDICE -----------------------------------------------------------------------------------


def test_alberdice_on_bridge_coordinates():
    game = ad.games.bridge()
    policy = ALGORITHMS["AlberDICE"](game.mmdp, game.data("optimal"), ad.tabular.annealing_schedule(5, 0.001, 20))
    assert ad.undiscounted_return(game.mmdp, policy, 100) > -1.3


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize("seed", [1, 3, 5])
def test_every_algorithm_runs_on_many_states_and_any_agents(name, seed):
    p = random_problem(seed, zeros_in_data=False)
    model, data = ad.MMDP(p.transition, p.reward, p.initial, 0.5), ad.DataDistribution(p.data)
    policy = ALGORITHMS[name](model, data)
    policy.check_fits(model)
    if name == "AlberDICE":
        value = ad.tabular.objective(model, policy, data, 0.001)
        assert value >= ad.tabular.objective(model, ALGORITHMS["BC"](model, data), data, 0.001)
