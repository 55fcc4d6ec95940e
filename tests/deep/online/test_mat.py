"""MAT: it finds optimal joint actions, goes on bit for bit, and clones."""

import numpy as np
import pytest
import torch

from alberdice.datasets import make_builtin
from alberdice.deep.online.mat import MAT, MATPlayer
from alberdice.deep.online.settings import MATConfig
from alberdice.environments import find_environment
from alberdice.errors import InvalidArgumentError


def trained(name, seed=0, **settings):
    with find_environment(name).open() as env:
        learner = MAT(env.spec, MATConfig(**settings), seed)
        for _ in range(learner.config.iterations):
            learner.learn(learner.play(env))
    return learner


def greedy_return(name, learner, episodes=16):
    with find_environment(name).open() as env:
        frame, total, first = env.reset(np.arange(episodes)), np.zeros(episodes), None
        player = MATPlayer(learner.network, greedy=True)
        for _ in range(env.spec.horizon):
            actions = player.act(frame, np.zeros(frame.alive.shape))
            first = actions[0].tolist() if first is None else first
            step = env.step(actions)
            frame, total = step.frame, total + step.rewards
    return total.mean(), first


def test_the_joint_action_is_one_of_the_optima():
    learner = trained("penalty-xor", iterations=20, batch_episodes=32, epochs=5, learning_rate=4e-3, width=16)
    best, first = greedy_return("penalty-xor", learner)
    assert best == 1.0
    assert first in ([0, 1], [1, 0])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("name", "optimum", "optima"), [("penalty-xor", 1, [[0, 1], [1, 0]]), ("climbing", 11, [[0, 0]])])
def test_games_are_solved_with_every_seed(name, optimum, optima, seed):
    best, first = greedy_return(name, trained(name, seed=seed, iterations=60, batch_episodes=64, epochs=10, width=32))
    assert best == optimum
    assert first in optima


def test_a_stopped_run_goes_on_bit_for_bit():
    with find_environment("bridge").open() as env:
        settings = MATConfig(iterations=4, batch_episodes=3, epochs=1, width=16)
        whole = MAT(env.spec, settings, 2)
        for _ in range(4):
            whole.learn(whole.play(env))
        half = MAT(env.spec, settings, 2)
        for _ in range(2):
            half.learn(half.play(env))
        again = MAT(env.spec, settings, 2)
        again.load({name: t.clone() for name, t in half.state().items()})
        for _ in range(2):
            again.learn(again.play(env))
    for name, tensor in whole.state().items():
        torch.testing.assert_close(again.state()[name], tensor, rtol=0, atol=0)


def test_a_steps_next_value_is_that_of_the_frame_it_led_to():
    """Of the last one, too, after which nothing is played."""
    with find_environment("bridge").open() as env:
        learner, frames, play = MAT(env.spec, MATConfig(batch_episodes=5, width=8), 3), [], env.step

        def step(actions):
            frames.append(np.array((found := play(actions)).frame.observations))
            return found

        env.step = step
        rollout = learner.play(env)
    with torch.no_grad():
        expected = [learner.network.encode(torch.from_numpy(seen))[1] for seen in frames]
    torch.testing.assert_close(rollout.after, torch.stack(expected))
    assert len(frames) > 1


def test_cloning_imitates_joint_actions():
    """Data in which the second agent copies the first: a joint policy can, a factorised one cannot."""
    data = make_builtin("matrix-b", 0)
    with find_environment("penalty-xor").open() as env:
        learner = MAT(env.spec, MATConfig(width=16))
        learner.clone(data, 100, batch=128)
        frame = env.reset(np.arange(2000))
        actions = MATPlayer(learner.network).act(frame, np.random.default_rng(0).random((2000, 2)))
    found = np.bincount(actions @ [2, 1], minlength=4) / 2000
    wanted = np.bincount(data.actions @ [2, 1], minlength=4) / data.n_steps
    np.testing.assert_allclose(found, wanted, atol=0.05)


def test_data_of_another_game_are_refused():
    with find_environment("bridge").open() as env, pytest.raises(InvalidArgumentError, match="as the environment has"):
        MAT(env.spec, MATConfig(width=16)).clone(make_builtin("matrix-b", 0), 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [({"iterations": 0}, "iterations"), ({"clip": 2.0}, "clip"), ({"heads": 3}, "divisor")],
)
def test_settings_out_of_range_are_refused(change, words):
    with pytest.raises(InvalidArgumentError, match=words):
        MATConfig(**change)
