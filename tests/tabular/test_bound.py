"""What no joint policy can exceed, held against linear programming, closed forms and every policy at hand."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.special import logsumexp
from strategies import problems, random_policy

import alberdice as ad
from alberdice.tabular import alternate, alternating, joint_bound, objective, select_equilibrium, selection


def best_joint_reward(model):
    """The largest reward per step of any joint policy, by HiGHS."""
    rows = model.n_joint_actions
    out = np.kron(np.eye(model.n_states), np.ones(rows))
    flow = out - model.discount * model.transition.toarray().T
    found = linprog(-model.reward.reshape(-1), A_eq=flow, b_eq=(1 - model.discount) * model.initial, method="highs")
    return -found.fun


@settings(max_examples=15)
@given(problems(data_zeros=0.0), st.integers(0, 100))
def test_no_policy_is_above_the_bound(p, seed):
    found = joint_bound(p.model, p.data, p.alpha)
    rng = np.random.default_rng(seed)
    unit = np.ptp(p.model.reward) + p.alpha
    assert found.reward == pytest.approx(best_joint_reward(p.model), abs=2e-6 * unit)
    assert found.reward >= best_joint_reward(p.model) - 1e-12 * unit
    for zeros in (0.0, 0.5, 1.0):
        policy = random_policy(rng, p.model, zeros)
        assert objective(p.model, policy, p.data, p.alpha) <= found.objective
        assert objective(p.model, policy, p.data, 0.0) <= found.reward + 1e-12
    run = alternate(p.model, p.data, p.alpha, rounds=5, second_order=False)
    assert run.nash.value <= run.bound.objective
    assert run.gap >= 0


@pytest.mark.parametrize("alpha", [1e-3, 0.1, 1.0, 100.0])
def test_one_state_in_closed_form(alpha):
    """The largest value is alpha log sum_a d^D(a) exp(r(a)/alpha), and for one agent it is attained."""
    game = ad.games.climbing_game()
    data = game.data("uniform")
    found = joint_bound(game.mmdp, data, alpha)
    exact = alpha * logsumexp(game.mmdp.reward / alpha + np.log(data.probabilities))
    assert exact <= found.objective + 1e-12
    assert found.objective == pytest.approx(exact, abs=1e-4)
    alone = ad.MMDP(game.mmdp.transition, game.mmdp.reward.reshape(1, -1), [1.0], 0.5)
    run = alternate(alone, ad.DataDistribution(data.probabilities.reshape(1, -1)), alpha)
    assert run.gap <= 1e-4


def test_correlated_optima_are_not_attained_and_the_gap_says_so():
    """XOR's joint optimum mixes AB and BA: log 2 better in KL than either alone."""
    game = ad.games.xor()
    run = alternate(game.mmdp, game.data("symmetric"), 0.1, escape=True)
    assert run.gap == pytest.approx(0.1 * np.log(2), rel=1e-2)


def test_a_policy_below_its_data_is_said_to_be():
    """All data at (A, A), worth 1; a Nash policy at the worthless (B, B) is below them."""
    game = ad.games.matrix_game(np.diag([1.0, 0.5]))
    data = ad.DataDistribution.from_counts([[[100.0, 0], [0, 1]]], floor=1e-10)
    both_b = ad.FactorizedPolicy([[[0.0, 1]], [[0.0, 1]]])
    stuck = alternate(game.mmdp, data, 0.0, start=both_b, order=(0, 1))
    assert stuck.data_reward == pytest.approx((100 + 0.5) / 101)
    assert (stuck.reward, stuck.below_data) == (0.5, True)
    assert not alternate(game.mmdp, data, 0.0).below_data
    assert not replace(stuck, reward=stuck.data_reward * (1 - 5e-4)).below_data
    assert replace(stuck, reward=stuck.data_reward * (1 - 5e-3)).below_data


def test_starts_go_on_until_the_bound_is_met():
    game = ad.games.climbing_game()
    found = select_equilibrium(game.mmdp, game.data("uniform"), 0.01, generator=np.random.default_rng(0))
    assert found.best.nash.value == pytest.approx(10.978, abs=1e-3)
    assert found.best.gap < 1e-3
    assert sum(len(e.starts) for e in found.equilibria) == 2  # the second start met it
    met = ad.games.penalty_xor()
    first = select_equilibrium(met.mmdp, met.data("a"), 0.01, generator=np.random.default_rng(0))
    assert [e.starts for e in first.equilibria] == [(0,)]


def test_starts_end_when_they_find_nothing_new(monkeypatch):
    """Coordination on one of three plans, and a gap that never closes; each end's curvature is looked at once."""
    payoff = np.full((3, 3), -1.0)
    payoff[np.arange(3), np.arange(3)] = [1.0, 0.9, 0.8]
    game = ad.games.matrix_game(payoff)
    looked = []
    certificate = alternating.second_order_certificate
    monkeypatch.setattr(selection, "CLOSED", -1.0)  # never met
    monkeypatch.setattr(alternating, "second_order_certificate", lambda *a, **k: looked.append(1) or certificate(*a, **k))
    data = ad.DataDistribution(np.full((1, 3, 3), 1 / 9))
    found = select_equilibrium(game.mmdp, data, 0.01, generator=np.random.default_rng(1))
    reached = sorted(k for e in found.equilibria for k in e.starts)
    news = max(min(e.starts) for e in found.equilibria)
    assert reached == list(range(news + 1 + selection.REPEATED))
    assert len(looked) == len(found.equilibria) > 1
    assert all(e.run.second_order is not None for e in found.equilibria)


def random_team_game(seed, alone=False):
    """A one-shot game of 3 to 8 agents with many equilibria: joint plans that pay, and nothing in between."""
    rng = np.random.default_rng(seed)
    n = 3 + seed % 6
    payoff = np.zeros((2 if n > 5 else 3,) * n)
    plans = [tuple(rng.integers(k) for k in payoff.shape) for _ in range(6)]
    for k, plan in enumerate(plans):
        payoff[plan] = 1.0 + k
    game = ad.games.matrix_game(payoff)
    counts = np.zeros((1, *payoff.shape))
    for plan in plans:
        counts[(0, *plan)] += rng.integers(1, 50)
    return game.mmdp, ad.DataDistribution.from_counts(counts)


@pytest.mark.slow
def test_more_starts_meet_the_bound_more_often():
    """20 random games: ends within 1 % of the bound, from one start and by default."""
    once, default = 0, 0
    for seed in range(20):
        model, data = random_team_game(seed)
        unit = np.ptp(model.reward) + 0.01
        first = alternate(model, data, 0.01)
        best = select_equilibrium(model, data, 0.01, generator=np.random.default_rng(seed)).best
        once += first.gap <= 0.01 * unit
        default += best.gap <= 0.01 * unit
        assert best.nash.value >= first.nash.value
    assert once < default
    assert default >= 18
