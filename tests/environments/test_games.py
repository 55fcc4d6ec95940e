"""Games by array operations against the PettingZoo environment that samples the same model, one episode at a time."""

from __future__ import annotations

import numpy as np
import pytest

import alberdice as ad
from alberdice.environments.games import GameEnvironment
from alberdice.errors import InvalidArgumentError


def random_game() -> ad.games.Game:
    generator = np.random.default_rng(3)
    transition = generator.dirichlet(np.ones(6) * 0.3, size=(6, 2, 3))
    transition[5] = np.eye(6)[5]
    reward = generator.normal(size=(6, 2, 3))
    reward[5] = 0.0
    model = ad.MMDP(transition, reward, generator.dirichlet(np.ones(6)), 0.9)
    return ad.games.Game("any", model, (("a", "b"), ("a", "b", "c")), tuple("012345"), horizon=9)


def played_alone(game, seed, actions):
    """Observations, rewards and ends of one episode, step after step."""
    environment = game.parallel_env()
    seen, _ = environment.reset(seed=seed)
    rows = [(seen["agent_1"], 0.0, False, False)]
    for joint in actions:
        if not environment.agents:
            break
        names = environment.agents
        seen, reward, ended, cut, _ = environment.step(dict(zip(names, joint.tolist(), strict=True)))
        rows.append((seen[names[0]], reward[names[0]], ended[names[0]], cut[names[0]]))
    return rows


@pytest.mark.parametrize("game", [ad.games.bridge(), random_game(), ad.games.penalty_xor()], ids=lambda g: g.name)
def test_slots_play_what_the_pettingzoo_environment_plays(game):
    seeds = np.arange(40) * 7 + 1
    choose = np.random.default_rng(0)
    actions = choose.integers(0, game.mmdp.n_actions, size=(game.horizon, 40, game.mmdp.n_agents))
    environment = GameEnvironment(game)
    frame = environment.reset(seeds)
    shown = [(frame, np.zeros(40), np.zeros(40, bool), np.zeros(40, bool))]
    for joint in actions:
        step = environment.step(joint)
        shown.append((step.frame, step.rewards, step.terminated, step.truncated))
    ends = set()
    for b, seed in enumerate(seeds):
        rows = played_alone(game, int(seed), actions[:, b])
        for t, (seen, reward, ended, cut) in enumerate(rows):
            frame, rewards, terminated, truncated = shown[t]
            np.testing.assert_array_equal(frame.observations[b], np.stack([seen] * game.mmdp.n_agents))
            assert (rewards[b], terminated[b], truncated[b]) == (reward, ended, cut)
            assert frame.alive[b].all() == (not (ended or cut))
        for frame, rewards, terminated, truncated in shown[len(rows) :]:  # stands still
            np.testing.assert_array_equal(frame.observations[b, 0], rows[-1][0])
            assert (rewards[b], terminated[b], truncated[b]) == (0.0, rows[-1][2], rows[-1][3])
        ends.add((rows[-1][2], rows[-1][3]))
    if game.name == "any":
        assert len(ends) > 1


def test_a_slot_begins_again_while_the_others_go_on():
    game = random_game()
    alone, both = GameEnvironment(game), GameEnvironment(game)
    choose = np.random.default_rng(1)
    actions = choose.integers(0, game.mmdp.n_actions, size=(8, 2, 2))
    alone.reset(np.array([5]))
    both.reset(np.array([3, 4]))
    for joint in actions[:3]:
        both.step(joint)
    both.reset(np.array([5]), slots=np.array([1]))
    for joint in actions[3:]:
        first, second = alone.step(joint[1:]), both.step(joint)
        assert first.rewards[0] == second.rewards[1]
        np.testing.assert_array_equal(first.frame.state[0], second.frame.state[1])


def test_the_rule_of_the_teams_reward():
    game = ad.games.climbing_game()
    actions = np.array([[0, 0]])
    for rule, factor in (("mean", 1), ("agent_2", 1), ("sum", 2)):
        with GameEnvironment(game, team_reward=rule) as environment:
            environment.reset(np.array([0]))
            assert environment.step(actions).rewards[0] == factor * game.mmdp.reward[0, 0, 0]
    with pytest.raises(InvalidArgumentError, match="team_reward: got 'best', expected mean, sum or one of agent_1, agent_2"):
        GameEnvironment(game, team_reward="best")


@pytest.mark.parametrize("actions", [[[0, 3]], [[-1, 0]], [[0]]])
def test_actions_that_the_game_has_not(actions):
    environment = GameEnvironment(ad.games.climbing_game())
    environment.reset(np.array([0]))
    with pytest.raises(InvalidArgumentError, match=r"actions: got .*, expected \(B, N\) whole numbers below \(3, 3\)"):
        environment.step(np.array(actions))
