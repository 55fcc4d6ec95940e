"""Recording: one result whatever the batch, noise of the share asked for, episodes cut where they end."""

import numpy as np
import pytest

from alberdice import games
from alberdice.datasets.record import as_bytes, noisy, record
from alberdice.environments.games import GameEnvironment
from alberdice.errors import InvalidArgumentError


class Uniform:
    """Draws its actions from the uniform numbers that it is given, and remembers what was played."""

    def __init__(self, sizes):
        self.sizes, self.heard = np.array(sizes), []

    def act(self, frame, uniforms):
        return (uniforms * self.sizes).astype(np.int64)

    def played(self, actions, rewards):
        self.heard.append((actions, rewards))


def play(numbers, seed=3, **how):
    game = games.bridge()
    return record(GameEnvironment(game, max_steps=12), lambda k: Uniform(game.mmdp.n_actions), numbers, seed, **how)


def same(a, b):
    for name in ("states", "observations", "actions", "rewards", "terminated", "truncated"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


def test_an_episode_is_the_same_in_any_batch():
    half = lambda k: np.full((len(k), 2), 0.5)  # noqa: E731
    together, parts = play(range(6), epsilon=half).episodes, [play([k], epsilon=half).episodes[0] for k in range(6)]
    for a, b in zip(together, parts, strict=True):
        same(a, b)
    assert any((a.actions != b.actions).any() for a, b in zip(together, play(range(6)).episodes, strict=True))


def test_the_numbers_of_an_episode_are_its_own_generators():
    """Written out for episode 2 of seed 3."""
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([3, 2])))
    env = GameEnvironment(games.bridge(), max_steps=12)
    frame, episode = env.reset(np.array([generator.integers(1 << 31)])), play([2]).episodes[0]
    for t, actions in enumerate(episode.actions):
        np.testing.assert_array_equal(episode.observations[t], frame.observations[0])
        np.testing.assert_array_equal(actions, (generator.random(2) * 5).astype(np.int64))
        step = env.step(actions[None])
        assert episode.rewards[t] == step.rewards[0]
        frame = step.frame
    np.testing.assert_array_equal(episode.states[-1], frame.state[0])


def test_episodes_are_cut_where_they_end():
    class Optimal(Uniform):
        def act(self, frame, uniforms):
            policy = game.optimal_policies[0]
            return np.stack([np.asarray(policy[i])[env.states].argmax(axis=1) for i in range(2)], axis=1)

    game = games.bridge()
    env = GameEnvironment(game, max_steps=50)
    done = record(env, lambda k: Optimal((5, 5)), range(4), 0)
    for episode in done.episodes:
        assert len(episode.actions) == 8
        assert len(episode.observations) == 9
        assert episode.terminated
        assert not episode.truncated


def test_a_player_hears_what_was_played_with_its_noise():
    player = Uniform((5, 5))
    game = games.bridge()
    env = GameEnvironment(game, max_steps=5)
    done = record(env, lambda k: player, range(3), 1, epsilon=lambda k: np.ones((3, 2)))
    played, rewards = (np.stack(part) for part in zip(*player.heard, strict=True))
    for at, episode in enumerate(done.episodes):
        np.testing.assert_array_equal(played[: len(episode.actions), at], episode.actions)
        np.testing.assert_array_equal(rewards[: len(episode.actions), at], episode.rewards)


def test_noise_is_uniform_over_what_is_available_and_of_its_share():
    rng = np.random.default_rng(0)
    masks = np.broadcast_to(np.array([[True, False, True, True], [False, True, True, False]]), (20_000, 2, 4))
    actions = np.full((20_000, 2), 2)
    out = noisy(actions, masks, np.array([0.5, 1.0]), rng.random((20_000, 4)))
    for agent, wanted in enumerate(([1 / 6, 0, 4 / 6, 1 / 6], [0, 0.5, 0.5, 0])):
        assert np.bincount(out[:, agent], minlength=4) / 20_000 == pytest.approx(wanted, abs=0.012)
    np.testing.assert_array_equal(noisy(actions, masks, np.zeros(2), rng.random((20_000, 4))), actions)


@pytest.mark.parametrize(
    ("values", "kind"), [([0.0, 255.0], np.uint8), ([0.5], np.float32), ([-1.0], np.float32), ([256.0], np.float32)]
)
def test_bytes_only_where_they_are_exact(values, kind):
    out = as_bytes(np.array(values, np.float32))
    assert out.dtype == kind
    np.testing.assert_array_equal(out, np.array(values, np.float32))


def test_an_environment_that_does_not_end_is_refused():
    import dataclasses

    env = GameEnvironment(games.bridge(), max_steps=50)
    env.spec = dataclasses.replace(env.spec, horizon=3)
    with pytest.raises(InvalidArgumentError, match="give the environment a limit"):
        record(env, lambda k: Uniform((5, 5)), range(2), 0)
