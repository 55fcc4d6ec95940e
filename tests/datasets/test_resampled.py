"""Returns in reweighted empirical models, against dictionaries and recursion."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from alberdice.datasets import load_dataset
from alberdice.datasets.build import EpisodeArrays, from_episodes
from alberdice.datasets.resampled import ResampledModels, repeated_share


def small(generator, episodes=12, states=4, actions=(2, 3)):
    """Random walks on a few states; some terminate."""
    made = []
    for _ in range(episodes):
        length = int(generator.integers(1, 6))
        path = generator.integers(0, states, length + 1)
        seen = np.eye(states)[path]
        made.append(
            EpisodeArrays(
                states=seen,
                observations=np.repeat(seen[:, None], 2, 1),
                actions=np.stack([generator.integers(0, k, length) for k in actions], 1),
                rewards=generator.normal(size=length),
                terminated=bool(generator.random() < 0.5),
            )
        )
    return from_episodes("small", actions, made)


def slow_return(data, copies, policy, horizon, pooling, best=None):
    """Values by recursion over dictionaries; ``policy(state row) -> list of per-agent probabilities``.

    ``best``: what leaving the data comes to; None: less than the least reward, for all that is left.
    """
    after, pay = defaultdict(Counter), defaultdict(float)
    worst = float(data.rewards.min()) - 0.01 * float(data.rewards.astype(float).std())
    frames = {}
    for e, episode in enumerate(data.episodes):
        states = [tuple(row) for row in episode.states] + [tuple(episode.final_state)]
        for row in states:
            frames.setdefault(row, None)
        for t, action in enumerate(episode.actions):
            if copies[e]:
                key = states[t], tuple(int(a) for a in action)
                ended = episode.terminated[t]
                after[key][None if ended else states[t + 1]] += copies[e]
                pay[key] += copies[e] * float(episode.rewards[t])

    seen = defaultdict(list)
    for s, action in after:
        seen[s].append(action)

    def mean(pairs, left):
        count = sum(sum(after[p].values()) for p in pairs)
        later = sum(n * value(s2, left - 1) for p in pairs for s2, n in after[p].items())
        return count, (sum(pay[p] for p in pairs) + later) / count

    @cache
    def value(state, left):
        if state is None or left == 0:
            return 0.0
        total, outside = 0.0, 1.0
        _, whole = mean([(state, a) for a in seen[state]], left) if seen[state] else (0, 0.0)
        for action in seen[state]:
            chance = float(np.prod([policy(state)[i][a] for i, a in enumerate(action)]))
            count, own = mean([(state, action)], left)
            total += chance * (count * own + pooling * whole) / (count + pooling)
            outside -= chance
        return total + outside * (worst * left if best is None else best)

    starts = [tuple(episode.states[0]) for episode in data.episodes]
    return sum(c * value(s, horizon) for c, s in zip(copies, starts, strict=True)) / len(starts)


@pytest.mark.parametrize("pooling", [0.0, 1.5])
def test_returns_equal_recursion_in_every_model(pooling):
    generator = np.random.default_rng(0)
    data = small(generator, episodes=8)
    models = ResampledModels(data, 5, generator, pooling=pooling)
    tables = [generator.dirichlet(np.ones(k), len(models.rows)) for k in data.n_actions]
    place = {tuple(data.frame_states[row]): k for k, row in enumerate(models.rows)}

    def policy(state):
        return [table[place[state]] for table in tables]

    found = models.estimate(tables)
    wanted = [min(slow_return(data, copies, policy, models.horizon, k) for k in {0.0, pooling}) for copies in models.weights]
    assert found.returns == pytest.approx(wanted, abs=1e-10)
    assert found.score == pytest.approx(np.mean(wanted) - np.std(wanted))
    best = max(sum(map(float, episode.rewards[t:])) for episode in data.episodes for t in range(len(episode.rewards)))
    every = [  # rewards here are drawn anew at every step: they are luck
        [slow_return(data, copies, policy, models.horizon, k, away) for copies in models.weights]
        for k in {0.0, pooling, 3.0}
        for away in (None, best)
    ]
    assert models.luck
    for level in (1.0, 0.5):
        ends = np.quantile(every, [(1 - level) / 2, (1 + level) / 2], axis=1)
        assert found.interval(level) == pytest.approx((ends[0].min(), ends[1].max()), abs=1e-10)
    own = models.data_return.returns
    gains = np.array(every) - own
    assert found.less(own).interval(1.0) == pytest.approx((gains.min(), gains.max()), abs=1e-10)
    assert found.less(own).returns == pytest.approx(found.returns - own)


def test_weights_are_those_of_a_bayesian_bootstrap():
    data = small(np.random.default_rng(1), episodes=5)
    weights = ResampledModels(data, 20_000, np.random.default_rng(2)).weights
    assert weights.sum(axis=1) == pytest.approx(5.0)
    assert weights.min() > 0
    share = weights[:, 0] / 5  # Beta(1, 4)
    assert share.mean() == pytest.approx(1 / 5, abs=0.005)
    assert share.var() == pytest.approx(4 / (25 * 6), rel=0.05)


def test_a_pair_that_was_seen_once_is_never_taken_for_one_outside_the_data():
    seen = np.eye(2)[[0, 1]]
    one = EpisodeArrays(seen, np.repeat(seen[:, None], 2, 1), np.zeros((1, 2), int), np.array([1.0]), terminated=True)
    other = EpisodeArrays(seen, np.repeat(seen[:, None], 2, 1), np.ones((1, 2), int), np.array([-9.0]), terminated=True)
    models = ResampledModels(from_episodes("two", (2, 2), [one] + [other] * 20), 50, np.random.default_rng(0), pooling=0.0)
    table = np.tile([1.0, 0.0], (len(models.rows), 1))
    assert models.estimate([table, table]).returns == pytest.approx(1.0)


def test_pooling_takes_luck_away_and_forgives_nothing():
    """An action that was recorded 20 times, and another one once: that is as bad as it was, and as good as it can be known."""

    def recorded(action, pay):
        seen = np.eye(2)[[0, 1]]
        return EpisodeArrays(seen, np.repeat(seen[:, None], 2, 1), np.full((1, 2), action), np.array([pay]), terminated=True)

    def estimates(once, luck):
        data = from_episodes("two", (2, 2), [recorded(1, once)] + [recorded(0, 1.0 + luck), recorded(0, 1.0 - luck)] * 10)
        models = ResampledModels(data, 50, np.random.default_rng(0))
        table = np.tile([0.0, 1.0], (len(models.rows), 1))
        return models.estimate([table, table]).returns

    for luck in (0.0, 0.5):
        assert estimates(0.0, luck) == pytest.approx(0.0)
    assert np.all(estimates(5.0, 0.5) < 4.9)
    assert estimates(5.0, 0.0) == pytest.approx(5.0)


def test_rewards_scaled_and_the_datas_own_return():
    data = load_dataset("zoo-lock")
    models = ResampledModels(data, 200, np.random.default_rng(0))
    own = models.data_return
    assert own.mean == pytest.approx(data.returns.mean(), abs=0.01)
    assert own.returns.std() == pytest.approx(data.returns.std() / np.sqrt(data.n_episodes), rel=0.2)


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    from alberdice.datasets.zoo import play_zoo
    from alberdice.evaluation import undiscounted_return
    from alberdice.games.zoo import zoo_game
    from alberdice.policy import FactorizedPolicy

    game, inside = zoo_game("wilds"), 0
    table = FactorizedPolicy.deterministic(game.conventions[1], game.mmdp.n_actions)
    truth = undiscounted_return(game.mmdp, table, game.horizon)
    for seed in range(10):
        data = play_zoo(game, np.random.default_rng(seed))
        models = ResampledModels(data, 50, np.random.default_rng(seed))
        states = data.frame_states[models.rows].argmax(1)
        low, high = models.estimate([t[states] for t in table]).interval(0.9)
        inside += low <= truth <= high
    assert 6 <= inside <= 10


def test_share_of_steps_at_repeated_states():
    assert repeated_share(load_dataset("zoo-relay")) == 1.0
    generator = np.random.default_rng(0)
    seen = [generator.normal(size=(4, 2)) for _ in range(5)]
    episodes = [
        EpisodeArrays(s, np.repeat(s[:, None], 2, 1), np.zeros((3, 2), int), np.zeros(3), terminated=False) for s in seen
    ]
    assert repeated_share(from_episodes("continuous", (1, 1), episodes)) == 0.0


@pytest.mark.parametrize(
    ("outcomes", "luck"),
    [
        ([(0, 1.0), (0, 1.0)], False),
        ([(0, 1.0), (0, 1.0 + 1e-9)], False),
        ([(0, 1.0), (0, 1.5)], True),
        ([(0, 1.0), (1, 1.0)], True),
        ([(0, 1.0)], True),
    ],
    ids=["alike", "rounding", "other reward", "other state", "seen once"],
)
def test_luck_is_what_may_differ_the_next_time(outcomes, luck):
    made = [
        EpisodeArrays(np.eye(3)[[2, after]], np.zeros((2, 2, 1)), np.zeros((1, 2), int), np.array([pay]), terminated=False)
        for after, pay in outcomes
    ]
    assert ResampledModels(from_episodes("luck", (1, 1), made), 1, np.random.default_rng(0)).luck is luck


def test_intervals_hold_what_pooling_gets_wrong_and_what_outside_the_data_may_pay():
    """Where nothing is luck unpooled models are right: of the data's clone, whose truth the pooled ones miss by far."""
    from alberdice.evaluation import undiscounted_return
    from alberdice.games.zoo import zoo_game
    from alberdice.policy import FactorizedPolicy

    game, data = zoo_game("stags"), load_dataset("zoo-stags")
    tables = [np.mean([np.eye(k)[c[:, i]] for c in game.conventions], axis=0) for i, k in enumerate(game.mmdp.n_actions)]
    policy = FactorizedPolicy([0.9 * t + 0.1 / t.shape[1] for t in tables])
    truth = undiscounted_return(game.mmdp, policy, game.horizon)
    models = ResampledModels(data, 50, np.random.default_rng(0))
    states = (data.frame_observations[models.rows, 0, None] == game.features).all(axis=-1).argmax(axis=1)
    found = models.estimate([t[states] for t in policy.tables])
    low, high = found.interval()
    assert low <= truth <= high
    assert not np.quantile(found.returns, 0.01) <= truth <= np.quantile(found.returns, 0.99)


@pytest.mark.parametrize("pays", [1.0, 0.0, -2.5, 1e6])
def test_leaving_the_data_is_worse_also_where_all_of_them_pay_the_same(pays: float) -> None:
    """Matrix game (b): AB and BA alone were played, and both pay 1; a product of marginals plays AA and BB half of the time."""
    recorded = load_dataset("matrix-b")
    data = replace(recorded, rewards=np.full_like(recorded.rewards, pays))
    models = ResampledModels(data, 8, np.random.default_rng(0))
    apart = [np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])]
    nearly, clone = ([np.array([[1 - x, x]]), np.array([[x, 1 - x]])] for x in (1e-3, 0.5))
    scores = [models.estimate(tables).score for tables in (apart, nearly, clone)]
    assert scores[0] > scores[1] > scores[2]
    assert scores[0] - scores[2] > 1e-3 * (abs(pays) or 1.0)
