"""Play side by side against episodes played one at a time by hand, and against exact expectations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from play_samples import InTurn, Tabular
from strategies import random_policy

import alberdice as ad
from alberdice.deep.play.episodes import chosen, distributions, play_episodes
from alberdice.deep.play.trajectories import trajectories
from alberdice.environments import Environment, find_environment
from alberdice.environments.games import GameEnvironment
from alberdice.errors import InvalidArgumentError
from alberdice.evaluation import undiscounted_return


def stochastic_game() -> ad.games.Game:
    generator = np.random.default_rng(1)
    transition = generator.dirichlet(np.ones(5) * 0.3, size=(5, 2, 3))
    reward = generator.normal(size=(5, 2, 3))
    transition[4], reward[4] = np.eye(5)[4], 0.0
    model = ad.MMDP(transition, reward, generator.dirichlet(np.ones(5)), 0.9)
    return ad.games.Game("any", model, (("a", "b"), ("a", "b", "c")), tuple("01234"), horizon=70)


def long_game() -> ad.games.Game:
    """Longer than uniform numbers are drawn ahead."""
    xor = ad.games.penalty_xor()
    return ad.games.Game("long", xor.mmdp, xor.action_names, xor.state_names, horizon=130)


def by_hand(game: ad.games.Game, policy: ad.FactorizedPolicy, seed: int, episode: int) -> tuple[float, int, bool]:
    """Return, steps and end of one episode: the equations of the module, one number at a time."""
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, episode])))
    environment = game.parallel_env()
    environment.reset(seed=int(generator.integers(1 << 31)))
    total, steps, ended = 0.0, 0, False
    while environment.agents:
        tables = [table[environment.state_index] for table in policy]
        actions = {}
        for name, table in zip(environment.agents, tables, strict=True):
            number, upto, action = generator.random(), 0.0, 0
            while number >= upto + table[action]:
                upto, action = upto + table[action], action + 1
            actions[name] = action
        _, reward, terminations, _, _ = environment.step(actions)
        total, steps, ended = total + reward["agent_1"], steps + 1, terminations["agent_1"]
    return total, steps, ended


@pytest.mark.parametrize("slots", [1, 4, 30])
@pytest.mark.parametrize("game", [stochastic_game(), ad.games.bridge(), long_game()], ids=lambda g: g.name)
def test_episodes_are_those_played_one_at_a_time(game, slots):
    policy = random_policy(np.random.default_rng(0), game.mmdp, 0.5)
    expected = [by_hand(game, policy, 7, k) for k in range(30)]
    for source in (Environment("one", game.parallel_env), Environment("arrays", lambda: game)):
        with source.open() as environment:
            played = play_episodes(Tabular(game, policy), environment, 30, 7, slots=slots)
        found = list(zip(played.returns, played.lengths, played.terminated, strict=True))
        np.testing.assert_allclose([f[0] for f in found], [e[0] for e in expected], rtol=0, atol=1e-12)
        assert [f[1:] for f in found] == [e[1:] for e in expected]
    assert len(set(played.lengths)) > 1 or game.name != "any"


@pytest.mark.parametrize("game", [ad.games.bridge(), ad.games.climbing_game(), stochastic_game()], ids=lambda g: g.name)
def test_sampled_returns_have_the_exact_mean(game):
    policy = random_policy(np.random.default_rng(0), game.mmdp)
    returns = play_episodes(Tabular(game, policy), GameEnvironment(game), 4000, 0).returns
    exact = undiscounted_return(game.mmdp, policy, game.horizon)
    assert abs(returns.mean() - exact) < 4 * returns.std() / 4000**0.5


def test_policies_without_a_memory_are_asked_about_what_goes_on():
    game = stochastic_game()
    policy = random_policy(np.random.default_rng(0), game.mmdp, 0.5)
    found = Tabular(game, policy)
    with Environment("one", game.parallel_env).open() as environment:
        played = play_episodes(found, environment, 20, 0)
    assert sum(found.asked) == played.lengths.sum()
    found.asked.clear()
    play_episodes(found, GameEnvironment(game), 20, 0)
    assert found.asked == [5]  # in a game, once about every state


def test_policies_with_a_memory_are_run_once_per_step_for_all():
    """In a repeated game of five plays the pair plays AA, BB, AA, BB, AA."""
    xor = ad.games.penalty_xor()
    game = ad.games.Game("five", xor.mmdp, xor.action_names, xor.state_names, horizon=5)
    for source in (Environment("arrays", lambda: game), Environment("one", game.parallel_env)):
        found = InTurn((2, 2), 1)
        with source.open() as environment:
            played = play_episodes(found, environment, 7, 0, slots=4)
        assert played.returns.tolist() == [-4.0] * 7
        assert [len(actions) for actions, _ in found.seen] == [4] * 5 + [3] * 5
        assert [rewards[0] for _, rewards in found.seen] == 2 * [0.0, -2.0, 0.0, -2.0, 0.0]
        assert found.seen[1][0] == [[1, 1]] * 4


def test_one_seed_one_result():
    game = stochastic_game()
    found = Tabular(game, random_policy(np.random.default_rng(0), game.mmdp, 0.5))
    first, again, other, fewer = (
        play_episodes(found, GameEnvironment(game), n, seed).returns for n, seed in ((9, 3), (9, 3), (9, 4), (5, 3))
    )
    assert first.tolist() == again.tolist()
    assert first[:5].tolist() == fewer.tolist()
    assert first.tolist() != other.tolist()


def test_actions_are_chosen_by_cumulative_probability():
    tables = np.array([[[0.25, 0.0, 0.75, 0.0]]])
    for number, action in ((0.0, 0), (0.2499, 0), (0.25, 2), (0.9999, 2), (1 - 2**-53, 2)):
        assert chosen(tables * (1 + 1e-7), np.array([[number]])).tolist() == [[action]]
    assert chosen(np.array([[[0.0, 1.0]]]), np.array([[0.0]])).tolist() == [[1]]


def test_three_ways_to_play_one_table():
    """Sharply: as four draws where they agree; what is not open remains closed."""
    table = np.array([[[0.2, 0.5, 0.3, 0.0]]])
    logs = torch.from_numpy(table).log()
    assert distributions(logs, "greedy").tolist() == [[[0.0, 1.0, 0.0, 0.0]]]
    np.testing.assert_allclose(distributions(logs, "sample"), table, atol=1e-12)
    np.testing.assert_allclose(distributions(logs, "sharp"), table**4 / (table**4).sum(), atol=1e-12)
    four = np.random.default_rng(0).choice(4, size=(100_000, 4), p=table[0, 0])
    agreed = four[(four == four[:, :1]).all(axis=1), 0]
    np.testing.assert_allclose(distributions(logs, "sharp")[0, 0], np.bincount(agreed, minlength=4) / len(agreed), atol=0.02)


def test_what_episodes_report_and_how_they_end():
    with find_environment("odd_environments:Leaves").open() as environment:
        played = play_episodes(InTurn((3, 3), 2), environment, 5, 0, slots=2)
    assert played.truncated.all()
    assert not played.terminated.any()
    assert {name: values.tolist() for name, values in played.metrics.items()} == {"total": [3.0] * 5, "won": [1.0] * 5}


def test_reports_of_episodes_that_end_apart():
    """Four episodes side by side, of 2 to 4 steps; each keeps what it reported when it ended."""
    with find_environment("odd_environments:Varied").open() as environment:
        played = play_episodes(InTurn((3, 3), 2), environment, 12, 0, slots=4)
    assert set(played.lengths) == {2, 3, 4}
    assert played.metrics["total"].tolist() == [float(2 * (steps // 2)) for steps in played.lengths]


def test_policies_that_do_not_fit_are_refused():
    with pytest.raises(
        InvalidArgumentError, match=r"environment: got bridge with actions \(5, 5\) and 6 features, expected actions \(2"
    ):
        play_episodes(InTurn((2, 2), 1), GameEnvironment(ad.games.bridge()), 2, 0)


def test_trajectories_tell_where_episodes_lead():
    game = stochastic_game()
    policy = random_policy(np.random.default_rng(0), game.mmdp, 0.5)
    found = trajectories(Tabular(game, policy), game, 12, 5)
    played = play_episodes(Tabular(game, policy), GameEnvironment(game), 12, 5)
    np.testing.assert_array_equal(found.rewards.sum(axis=0), played.returns)
    np.testing.assert_array_equal(found.going.sum(axis=0), played.lengths)
    index = (found.states, *np.moveaxis(found.actions, -1, 0))
    np.testing.assert_array_equal(game.mmdp.reward[index][found.going], found.rewards[found.going])
    ended = ~found.going
    assert (found.states[ended] == 4).all()
    assert ended.any()
