"""The environment samples exactly the model: conformance, seeds, ends of episodes, frequencies, refusals."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from pettingzoo.test import parallel_api_test, parallel_seed_test

import alberdice as ad
from alberdice.games.environment import MMDPEnvironment, terminal_states


def noisy_model():
    """Three agents with unequal action sets, random successors, a state that ends the game and one that only seems to."""
    generator = np.random.default_rng(7)
    transition = generator.dirichlet(np.ones(5), size=(5, 2, 3, 4))
    reward = generator.normal(size=(5, 2, 3, 4))
    for s in (3, 4):
        transition[s] = np.eye(5)[s]
        reward[s] = 0.0
    reward[4, 1, 2, 3] = 0.5
    return ad.MMDP(transition, reward, [0.3, 0.7, 0.0, 0.0, 0.0], 0.9)


GAMES = {
    "bridge": lambda: ad.games.bridge().parallel_env(max_steps=50),
    "penalty-xor": lambda: ad.games.penalty_xor().parallel_env(max_steps=30),
    "xor-3": lambda: ad.games.n_agent_xor(3).parallel_env(),
    "noisy": lambda: MMDPEnvironment(noisy_model(), max_steps=40),
}


@pytest.mark.parametrize("name", GAMES)
def test_pettingzoo_conformance(name):
    parallel_api_test(GAMES[name](), num_cycles=100)
    parallel_seed_test(GAMES[name])


def test_agents_spaces_and_masks():
    env = MMDPEnvironment(noisy_model(), max_steps=5)
    observations, infos = env.reset(seed=0)
    assert env.possible_agents == env.agents == ["agent_1", "agent_2", "agent_3"]
    assert [env.action_space(a).n for a in env.agents] == [2, 3, 4]
    assert [infos[a]["action_mask"].tolist() for a in env.agents] == [[1] * 2, [1] * 3, [1] * 4]
    for agent in env.agents:
        assert env.observation_space(agent).contains(observations[agent])
        np.testing.assert_array_equal(observations[agent], np.eye(5, dtype=np.float32)[env.state_index])
    np.testing.assert_array_equal(env.state(), np.eye(5, dtype=np.float32)[env.state_index])


def play(env, seed, steps=60):
    """A trace of random play, actions drawn from a generator of its own."""
    generator, trace = np.random.default_rng(99), []
    env.reset(seed=seed)
    for _ in range(steps):
        if not env.agents:
            env.reset()
        joint = {a: int(generator.integers(env.action_space(a).n)) for a in env.agents}
        before = env.state_index
        _, rewards, terminations, truncations, _ = env.step(joint)
        trace.append(
            (before, *joint.values(), env.state_index, *rewards.values(), *terminations.values(), *truncations.values())
        )
    return trace


def test_one_seed_one_trace_whatever_else_is_seeded():
    env = MMDPEnvironment(noisy_model(), max_steps=10)
    first = play(env, 5)
    np.random.seed(1)  # noqa: NPY002 - the global generator must not matter
    assert play(MMDPEnvironment(noisy_model(), max_steps=10), 5) == first
    assert play(env, 5) == first
    assert play(env, 6) != first
    state = np.random.get_state()[1].tolist()  # noqa: NPY002
    play(env, 5)
    assert np.random.get_state()[1].tolist() == state  # noqa: NPY002


def test_every_agent_receives_the_models_reward():
    model = noisy_model()
    for before, a, b, c, _, r1, r2, r3, *_ in play(MMDPEnvironment(model, max_steps=10), 3):
        assert r1 == r2 == r3 == model.reward[before, a, b, c]


def test_frequencies_are_the_models_probabilities():
    model, n = noisy_model(), 20_000
    env = MMDPEnvironment(model, max_steps=1)
    starts, after = np.zeros(5), np.zeros(5)
    env.reset(seed=11)
    for _ in range(n):
        env.reset()
        starts[env.state_index] += 1
        env.reset(options={"state": 2})
        env.step({"agent_1": 1, "agent_2": 0, "agent_3": 3})
        after[env.state_index] += 1
    np.testing.assert_allclose(starts / n, model.initial, atol=4 * 0.5 / n**0.5)
    np.testing.assert_allclose(after / n, model.dense_transition()[2, 1, 0, 3], atol=4 * 0.5 / n**0.5)
    assert (starts[2:] == 0).all()


def test_what_has_no_chance_never_comes_up_even_on_the_edge():
    class Edge:
        def __init__(self, number):
            self.number = number

        def random(self):
            return self.number

    env = MMDPEnvironment(ad.MMDP(np.full((4, 1, 4), 0.25), np.zeros((4, 1)), [0.0, 0.3, 0.7, 0.0], 0.9), max_steps=1)
    for number, state in ((0.0, 1), (np.nextafter(1.0, 0.0), 2)):
        env._generator = Edge(number)
        env.reset()
        assert env.state_index == state


def test_only_states_that_repeat_for_nothing_end_an_episode():
    assert terminal_states(noisy_model()).tolist() == [False, False, False, True, False]
    bridge = ad.games.bridge()
    assert np.flatnonzero(terminal_states(bridge.mmdp)).tolist() == [bridge.state_index((2, 5), (0, 0))]
    all_zero = ad.games.matrix_game([[0, 0], [0, 0]])
    assert terminal_states(all_zero.mmdp).tolist() == [False]


def test_matrix_games_are_cut_and_never_end():
    env = ad.games.matrix_game([[0, 0], [0, 0]]).parallel_env(max_steps=3)
    env.reset(seed=0)
    ends = [env.step({"agent_1": 0, "agent_2": 1})[2:4] for _ in range(3)]
    assert [end[0]["agent_1"] for end in ends] == [False] * 3
    assert [end[1]["agent_2"] for end in ends] == [False, False, True]
    assert env.agents == []


def test_the_optimal_policy_walks_bridge_as_computed():
    game = ad.games.bridge()
    policy = game.optimal_policies[1]
    env = game.parallel_env(max_steps=50, render_mode="ansi")
    observations, _ = env.reset(seed=0)
    assert observations["agent_2"].tolist() == [1, 2, 0, 1, 3, 0]
    assert env.render() == "step 0: agent 1 at (1, 2), agent 2 at (1, 3)"
    total, steps = 0.0, 0
    while env.agents:
        joint = {a: int(policy[i][env.state_index].argmax()) for i, a in enumerate(env.agents)}
        observations, rewards, terminations, truncations, _ = env.step(joint)
        total, steps = total + rewards["agent_1"], steps + 1
    assert round(total, 4) == -1.2355
    assert steps == 8
    assert all(terminations.values())
    assert not any(truncations.values())
    assert observations["agent_1"].tolist() == [2, 5, 1, 0, 0, 1]
    assert env.observation_space("agent_1").high.tolist() == [2, 5, 1, 2, 5, 1]


def test_an_episode_is_cut_at_the_games_horizon_unless_told():
    env = ad.games.bridge().parallel_env()
    env.reset(seed=0)
    for step in range(20):
        truncations = env.step({"agent_1": 0, "agent_2": 0})[3]
        assert truncations["agent_1"] == (step == 19)


def test_refusals():
    model = noisy_model()
    env = MMDPEnvironment(model, max_steps=1)
    good = {"agent_1": 0, "agent_2": 0, "agent_3": 0}
    with pytest.raises(ad.InvalidArgumentError, match="step: got no episode under way"):
        env.step(good)
    with pytest.raises(ad.InvalidArgumentError, match="expected a call of reset first"):
        env.state()
    env.reset(seed=0)
    with pytest.raises(ad.InvalidArgumentError, match=r"actions\['agent_2'\]: got 3, expected a whole number from 0 to 2"):
        env.step({**good, "agent_2": 3})
    with pytest.raises(ad.InvalidArgumentError, match="one of each of"):
        env.step({"agent_1": 0, "agent_2": 0})
    with pytest.raises(ad.InvalidArgumentError, match=r"options\['state'\]: got 5"):
        env.reset(options={"state": 5})
    env.step(good)
    with pytest.raises(ad.InvalidArgumentError, match="no episode under way"):
        env.step(good)
    with pytest.raises(ad.InvalidArgumentError, match="max_steps: got 0"):
        MMDPEnvironment(model, max_steps=0)
    with pytest.raises(ad.InvalidArgumentError, match="render_mode: got 'human'"):
        MMDPEnvironment(model, max_steps=1, render_mode="human")
    with pytest.raises(ad.InvalidArgumentError, match=r"observation\(1\): got shape \(2,\), expected a vector, shape \(1,\)"):
        MMDPEnvironment(model, max_steps=1, observation=lambda s: [0.0] * (s + 1))


def test_games_load_no_environment_library():
    code = (
        "import sys, alberdice as ad; ad.games.bridge().optimal_policies; import alberdice.plotting;"
        "print(sorted({'pettingzoo', 'gymnasium', 'matplotlib', 'torch'} & set(sys.modules)));"
        "print(ad.games.MMDPEnvironment.__name__)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split("\n")[:2] == ["[]", "MMDPEnvironment"]
