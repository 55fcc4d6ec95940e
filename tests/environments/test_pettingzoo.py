"""PettingZoo environments behind the contract, against the same environments played by hand."""

from __future__ import annotations

import numpy as np
import odd_environments as odd
import pytest

import alberdice as ad
from alberdice.environments import parallel
from alberdice.environments.fit import check_environment
from alberdice.environments.games import GameEnvironment
from alberdice.environments.pettingzoo import PettingZooEnvironment
from alberdice.errors import InvalidArgumentError


def by_hand(environment, seed, actions, names):
    """Rewards by agent (an absent one's is 0), and who is there before each step."""
    environment.reset(seed=seed)
    paid, there = [], []
    for joint in actions:
        live = list(environment.agents)
        if not live:
            break
        there.append([name in live for name in names])
        _, reward, *_ = environment.step({name: int(joint[names.index(name)]) for name in live})
        paid.append([float(reward[name]) if name in live else 0.0 for name in names])
    return np.array(paid), np.array(there)


@pytest.mark.parametrize("kind", [odd.Plain, odd.Leaves])
@pytest.mark.parametrize("rule", ["mean", "sum", "agent_1"])
def test_rewards_and_leaving_as_by_hand(kind, rule):
    actions = np.random.default_rng(0).integers(0, 3, size=(6, 4, 2))
    weigh = {"mean": lambda r: r.mean(1), "sum": lambda r: r.sum(1), "agent_1": lambda r: r[:, 1]}[rule]
    with PettingZooEnvironment(kind, team_reward=rule) as environment:
        frame = environment.reset(np.arange(4))
        gained, alive = [], [frame.alive]
        for joint in actions:
            step = environment.step(joint)
            gained.append(step.rewards)
            alive.append(step.frame.alive)
        for b in range(4):
            paid, there = by_hand(kind(), b, actions[:, b], ["agent_0", "agent_1"])
            np.testing.assert_array_equal(np.array(gained)[: len(paid), b], weigh(paid))
            np.testing.assert_array_equal(np.array(alive)[: len(there), b], there)
            assert np.array(gained)[len(paid) :, b].sum() == 0
        assert step.truncated.all()
        assert not step.terminated.any()
        assert environment.spec.team_reward == rule


def test_an_agent_that_left_shows_nothing_and_may_only_do_nothing():
    with PettingZooEnvironment(odd.Leaves) as environment:
        environment.reset(np.array([0]))
        for _ in range(3):
            frame = environment.step(np.array([[1, 2]])).frame
    assert frame.alive.tolist() == [[True, False]]
    assert frame.observations[0, 1].tolist() == [0.0, 0.0]
    assert frame.masks.tolist() == [[[True, True, True], [True, False, False]]]


def test_without_flags_and_with_agents_that_stay_listed():
    for kind, terminated, paid in ((odd.Vanishes, False, 1.0), (odd.Forgets, False, 2.0), (odd.Ends, True, 2.0)):
        with PettingZooEnvironment(kind, team_reward="sum") as environment:
            environment.reset(np.array([0]))
            steps = [environment.step(np.array([[1, 1]])) for _ in range(7)]
        assert [step.ended[0] for step in steps] == [False] * 4 + [True] * 3, kind
        assert (steps[-1].terminated[0], steps[-1].truncated[0]) == (terminated, not terminated)
        assert [step.rewards[0] for step in steps] == [2.0, 2.0, paid, paid, paid, 0.0, 0.0]


def test_what_is_reported_at_the_end():
    with PettingZooEnvironment(odd.Plain) as environment:
        environment.reset(np.array([0, 1]))
        for t in range(6):
            step = environment.step(np.array([[1, 1], [2, 2]]))
            if t == 4:
                assert {k: v.tolist() for k, v in step.metrics.items()} == {"total": [10.0, 20.0], "won": [1.0, 1.0]}
            else:
                assert step.metrics == {}


@pytest.mark.parametrize("kind", [odd.InDictionaries, odd.DictionariesUnsaid])
def test_observation_and_mask_in_a_dictionary(kind):
    with PettingZooEnvironment(kind) as environment:
        frame = environment.reset(np.array([3]))
    assert environment.spec.observation_size == 2
    assert frame.masks.tolist() == [[[True, True, False]] * 2]


def test_masks_in_infos():
    with PettingZooEnvironment(odd.MaskInInfo) as environment:
        assert environment.reset(np.array([3])).masks.all()
        assert environment.step(np.array([[1, 1]])).frame.masks.tolist() == [[[False, True, True]] * 2]


def test_ids_become_one_hot_and_actions_begin_at_the_first():
    with PettingZooEnvironment(odd.Ids) as environment:
        assert environment.reset(np.array([0])).observations.tolist() == [[[1, 0, 0, 0, 0, 0, 0]] * 2]
        step = environment.step(np.array([[0, 2]]))
        assert step.frame.observations.tolist() == [[[0, 1, 0, 0, 0, 0, 0]] * 2]
        assert step.rewards.tolist() == [2.0]
    with PettingZooEnvironment(odd.Several) as environment:
        environment.reset(np.array([0]))
        assert environment.step(np.array([[0, 2]])).frame.observations[0, 0].tolist() == [0, 1, 0, 0, 0, 0, 0, 1]


def test_narrower_agents_are_padded():
    with PettingZooEnvironment(odd.Unequal) as environment:
        frame = environment.reset(np.array([0]))
    assert (environment.spec.n_actions, environment.spec.observation_sizes) == ((3, 4), (2, 1))
    assert frame.observations[0, 1, 1] == 0
    assert frame.masks.tolist() == [[[True, True, True, False], [True] * 4]]


def test_the_state():
    with PettingZooEnvironment(odd.WithState) as environment:
        assert environment.reset(np.array([0, 0])).state.tolist() == [[0, 1, 2, 3]] * 2
        assert environment.step(np.zeros((2, 2), int)).frame.state.tolist() == [[1, 2, 3, 4]] * 2
    with PettingZooEnvironment(odd.Plain) as environment:
        assert environment.reset(np.array([0, 0])).state.shape == (2, 0)


def test_images_only_on_request():
    with pytest.raises(
        InvalidArgumentError, match=r"images, Box\(0, 255, \(4, 4, 3\), uint8\), expected features; .*flatten=True"
    ):
        PettingZooEnvironment(odd.Picture)
    with PettingZooEnvironment(odd.Picture, flatten=True) as environment:
        assert (environment.spec.observation_size, environment.spec.state_size) == (48, 192)


def test_agents_by_name():
    order = sorted(f"agent_{i}" for i in range(12))
    assert order[2] == "agent_10"
    with PettingZooEnvironment(odd.Twelve, agents=order) as environment:
        seen = environment.reset(np.array([0])).observations[0, :, 0]
        assert seen.tolist() == [0, 1, 10, 11, 2, 3, 4, 5, 6, 7, 8, 9]
        assert environment.step(seen[None].astype(int)).rewards[0] == 1.0
        assert environment.spec.agents == tuple(order)
    with pytest.raises(
        InvalidArgumentError, match=r"agents: got red, blue, expected the agents agent_0, agent_1; say which is"
    ):
        PettingZooEnvironment(odd.OtherNames, agents=("agent_0", "agent_1"))
    with PettingZooEnvironment(
        odd.OtherNames, agents={"agent_0": "blue", "agent_1": "red"}, team_reward="agent_0"
    ) as environment:
        environment.reset(np.array([0]))
        assert environment.step(np.array([[1, 2]])).rewards[0] == 1.0
        assert environment.spec.agents == ("agent_0", "agent_1")


def test_a_limit_of_ones_own_and_episodes_without_end(monkeypatch):
    with PettingZooEnvironment(odd.Endless, max_steps=3) as environment:
        environment.reset(np.array([0]))
        ends = [environment.step(np.array([[0, 0]])) for _ in range(4)]
        assert [step.truncated[0] for step in ends] == [False, False, True, True]
        assert environment.spec.horizon == 3
    monkeypatch.setattr("alberdice.environments.pettingzoo.ENDLESS", 20)
    with PettingZooEnvironment(odd.Endless) as environment:
        environment.reset(np.array([0]))
        with pytest.raises(
            InvalidArgumentError, match=r"episode: got no end after 20 steps, expected one that ends; give .*max_steps"
        ):
            [environment.step(np.array([[0, 0]])) for _ in range(20)]


def test_every_instance_is_closed_even_if_one_cannot_be():
    odd.Plain.opened.clear()
    with PettingZooEnvironment(odd.Plain) as environment:
        environment.reset(np.arange(3))
    environment.close()
    assert [each.closed for each in odd.Plain.opened] == [True] * 3
    odd.Plain.opened.clear()
    with pytest.raises(InvalidArgumentError, match="close: got RuntimeError: cannot be closed"):
        PettingZooEnvironment(odd.Unclosable).close()
    odd.Plain.opened.clear()
    with pytest.raises(InvalidArgumentError, match="reset: got KeyError: 'map'"):
        PettingZooEnvironment(odd.CrashAtReset)
    assert [each.closed for each in odd.Plain.opened] == [True]


def test_games_as_pettingzoo_environments_play_the_same():
    """The wrapper around a game's own PettingZoo environment, against the game by array operations."""
    game = ad.games.bridge()
    actions = np.random.default_rng(0).integers(0, 5, size=(50, 6, 2))
    with PettingZooEnvironment(game.parallel_env) as wrapped, GameEnvironment(game) as own:
        frames = [each.reset(np.arange(6)) for each in (wrapped, own)]
        np.testing.assert_array_equal(frames[0].observations, frames[1].observations)
        for joint in actions:
            first, second = wrapped.step(joint), own.step(joint)
            for part in ("observations", "masks", "state", "alive"):
                np.testing.assert_array_equal(getattr(first.frame, part), getattr(second.frame, part))
            for part in ("rewards", "terminated", "truncated"):
                np.testing.assert_array_equal(getattr(first, part), getattr(second, part))


@pytest.mark.parametrize("kind", [odd.Plain, odd.Leaves, odd.Unequal, odd.Ids, odd.InDictionaries, odd.WithState])
def test_the_contract_is_kept(kind):
    with PettingZooEnvironment(kind) as environment:
        assert check_environment(environment) == []


def test_the_usual_names_of_a_limit():
    class Limited(odd.Plain):
        max_cycles = 25

    assert parallel.known_horizon(Limited()) == 25
    assert parallel.known_horizon(odd.Plain()) is None
