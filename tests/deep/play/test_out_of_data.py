"""Shares of steps outside the data: against enumeration of all episodes, sampling, and the discounted measure in two limits."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from deep_samples import perturbed_policies as policies
from deep_samples import tiny
from play_samples import InTurn
from strategies import random_policy

import alberdice as ad
from alberdice.datasets import EpisodeArrays, OfflineDataset, from_episodes, make_builtin
from alberdice.deep.algorithms.alberdice import AlberDICE
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.play.out_of_data import OutOfData, RandomPrior, expected_visits, visits
from alberdice.deep.training.loop import train
from alberdice.evaluation import out_of_data_probability
from alberdice.games.game import Game


def small_game(horizon: int = 4) -> Game:
    """Three states, two agents with two and three actions; the last state is an end."""
    generator = np.random.default_rng(5)
    transition = generator.dirichlet(np.ones(3), size=(3, 2, 3))
    transition[2] = [0.0, 0.0, 1.0]
    reward = generator.normal(size=(3, 2, 3))
    reward[2] = 0.0
    model = ad.MMDP(transition, reward, [0.7, 0.3, 0.0], 0.9)
    return Game("small", model, (("a", "b"), ("a", "b", "c")), ("0", "1", "end"), horizon=horizon)


def dataset_of(game: Game, pairs: list[tuple[int, int, int]]) -> OfflineDataset:
    """One step per pair (s, a_1, a_2), each an episode of its own."""
    episodes = [
        EpisodeArrays(
            states=np.stack([game.observation(s)] * 2),
            observations=np.stack([np.stack([game.observation(s)] * 2)] * 2),
            actions=np.array([[a, b]]),
            rewards=np.zeros(1),
            terminated=False,
        )
        for s, a, b in pairs
    ]
    return from_episodes("pairs", game.mmdp.n_actions, episodes)


PAIRS = [(0, 0, 0), (0, 0, 1), (0, 1, 2), (1, 1, 1), (1, 1, 1)]


def enumerated_share(game: Game, policy: ad.FactorizedPolicy, seen: set[tuple[int, int, int]], end: int) -> float:
    """Every path of the game, one by one: expected steps outside over expected steps, before the end."""
    model, outside, steps = game.mmdp, 0.0, 0.0
    transition = model.transition.toarray().reshape(*model.reward.shape, model.n_states)
    choices = list(itertools.product(range(2), range(3)))

    def walk(state: int, probability: float, left: int) -> None:
        nonlocal outside, steps
        if left == 0 or state == end or probability == 0:
            return
        for a, b in choices:
            here = probability * policy[0][state, a] * policy[1][state, b]
            steps += here
            outside += here * ((state, a, b) not in seen)
            for after in range(model.n_states):
                walk(after, here * transition[state, a, b, after], left - 1)

    for state in range(model.n_states):
        walk(state, model.initial[state], game.horizon)
    return outside / steps


def test_the_share_is_that_of_all_paths() -> None:
    game = small_game()
    policy = random_policy(np.random.default_rng(0), game.mmdp)
    shown = OutOfData.of(game, dataset_of(game, PAIRS))
    steps = expected_visits(game, policy)
    assert steps[2].sum() == 0
    share = steps[shown.outside].sum() / steps.sum()
    assert share == pytest.approx(enumerated_share(game, policy, set(PAIRS), 2), abs=1e-12)
    assert 0.1 < share < 0.9


def test_one_shot_games_agree_with_the_discounted_measure() -> None:
    shown = OutOfData.of(ad.games.penalty_xor(), make_builtin("matrix-c"))
    assert shown.counts.tolist() == [[[1671.0, 1651.0], [1678.0, 0.0]]]
    found = shown.measured(policies("matrix-c"), 10, 0)
    assert found["share"] == pytest.approx(found["discounted"], abs=1e-12)
    assert found["how"] == "exact: p_0 propagated over 1 steps"


def test_long_episodes_approach_the_discounted_measure_near_one() -> None:
    """Without an end, (1/H) sum_t x_t and (1 - gamma) sum_t gamma^t x_t both tend to the ergodic share."""
    generator = np.random.default_rng(2)
    transition, reward = generator.dirichlet(np.ones(3), size=(3, 2, 3)), generator.normal(size=(3, 2, 3))
    model = ad.MMDP(transition, reward, [1.0, 0.0, 0.0], 1 - 1e-5)
    game = Game("endless", model, (("a", "b"), ("a", "b", "c")), ("0", "1", "2"), horizon=20_000)
    policy, counts = random_policy(generator, model), (generator.random((3, 2, 3)) < 0.5).astype(float)
    steps = expected_visits(game, policy)
    expected = out_of_data_probability(model, policy, ad.DataDistribution.from_counts(counts))
    assert steps[counts == 0].sum() / steps.sum() == pytest.approx(expected, abs=1e-3)


def test_an_end_is_never_outside_the_data() -> None:
    """The dataset of optimal play shows every pair that optimal play comes to, also counted with a discount."""
    game = ad.games.bridge()
    shown = OutOfData.of(game, make_builtin("bridge-optimal"))
    for policy in game.optimal_policies:
        steps = expected_visits(game, policy)
        assert steps.sum() < game.horizon
        assert steps[shown.outside].sum() == 0
        assert shown._discounted(policy) == 0


def test_counts_are_the_datasets() -> None:
    game, data = ad.games.bridge(), make_builtin("bridge-mix")
    shown = OutOfData.of(game, data)
    state = game.state_index((1, 2), (1, 3))
    chosen = (data.states == game.observation(state)).all(axis=1)
    slow = np.zeros((5, 5))
    for a, b in data.actions[chosen]:
        slow[a, b] += 1
    np.testing.assert_array_equal(shown.counts[state], slow)
    assert shown.counts.sum() == data.n_steps


def test_policies_with_a_memory_are_sampled() -> None:
    """The pair plays AA, BB, AA, BB, AA; the data lack BB: two steps of five."""
    game = replace(ad.games.penalty_xor(), horizon=5)
    shown = OutOfData.of(game, make_builtin("matrix-c"))
    found = shown.measured(InTurn((2, 2), 1), 6, 0)
    assert found == {"share": pytest.approx(0.4), "discounted": None, "how": "sampled: 6 episodes"}


def test_sampled_steps_approach_the_exact_ones() -> None:
    class Plain:
        """Policies without a memory that claim one."""

        def __init__(self, inner) -> None:
            self.inner, self.n_actions, self.features, self.has_memory = inner, inner.n_actions, inner.features, True

        def actor(self, episodes: int):
            return self.inner

    game = small_game()
    data = dataset_of(game, PAIRS)
    found = AlberDICE(TrainingData.build(data), tiny(), torch.Generator().manual_seed(0)).policies
    exact = visits(found, game, 1, 0).steps
    sampled = visits(Plain(found), game, 20_000, 0).steps
    np.testing.assert_allclose(sampled, exact, atol=0.02)
    assert sampled[2].sum() == 0 < sampled[1].sum()


def test_no_exact_answer_without_a_game_of_these_states() -> None:
    game, data = ad.games.bridge(), make_builtin("matrix-a")
    assert OutOfData.of(None, data) is None
    assert OutOfData.of(game, data) is None
    strange = dataset_of(small_game(), PAIRS)
    assert OutOfData.of(small_game(), strange) is not None
    assert OutOfData.of(small_game(), replace(strange, frame_observations=strange.frame_observations + 0.5)) is None


def test_the_runs_result_says_how_much(tmp_path) -> None:
    result = train(tiny(dataset="matrix-c"), tmp_path / "run")
    assert 0 < result["out_of_data"]["share"] < 1
    assert result["out_of_data"]["how"].startswith("exact")
    assert "out_of_data" in (tmp_path / "run" / "metrics.csv").read_text().splitlines()[0]
    again = train(tiny(dataset="matrix-c", evaluate_episodes=30), tmp_path / "run", resume=True)
    assert (again["out_of_data"], again["return_mean"]) == (result["out_of_data"], result["return_mean"])
    assert train(tiny(environment="none"), tmp_path / "other")["out_of_data"] is None


def fitted(name: str, seed: int = 0, **options) -> RandomPrior:
    return RandomPrior.fit(make_builtin(name), seed=seed, **{"updates": 400, "hidden": (32,), "batch_size": 64, **options})


def test_the_random_prior_tells_unseen_joint_actions() -> None:
    game, prior = ad.games.penalty_xor(), fitted("matrix-c")
    uncertainty = prior.of_game(game)[0]
    assert uncertainty[1, 1] > 100 * uncertainty.reshape(-1)[:3].max()
    assert (uncertainty > prior.threshold).tolist() == [[False, False], [False, True]]
    everything = fitted("matrix-d")
    assert not (everything.of_game(game) > everything.threshold).any()


def test_uncertainty_is_the_squared_distance_of_the_networks() -> None:
    """By hand: inputs, two layers, and the 99.9% quantile over the data's steps."""
    data, prior = make_builtin("bridge-optimal"), fitted("bridge-optimal", updates=20)
    states = data.states.astype(float)
    spread = states.std(axis=0)
    inputs = [(states - states.mean(axis=0)) / np.where(spread > 0, spread, 1.0)]
    for agent in range(2):
        code = np.zeros((len(states), 5))
        code[np.arange(len(states)), data.actions[:, agent]] = 1.0
        inputs.append(code)
    x = np.concatenate(inputs, axis=1)

    def run(parameters: torch.Tensor) -> np.ndarray:
        flat, first, out = parameters[0].numpy(), x.shape[1] * 32, 8
        weight, bias = flat[:first].reshape(-1, 32), flat[first : first + 32]
        rest = flat[first + 32 :]
        return np.maximum(x @ weight + bias, 0) @ rest[: 32 * out].reshape(32, out) + rest[32 * out :]

    slow = ((run(prior.prior) - run(prior.predictor)) ** 2).sum(axis=1)
    np.testing.assert_allclose(prior.uncertainties(states, data.actions), slow, rtol=1e-9, atol=1e-15)
    assert prior.threshold == pytest.approx(np.quantile(slow, 0.999), rel=1e-5)
    table, counts = prior.of_game(ad.games.bridge()), OutOfData.of(ad.games.bridge(), data).counts
    assert (counts * table).sum() == pytest.approx(slow.sum(), rel=1e-9)


def test_the_random_prior_is_the_seeds() -> None:
    game = ad.games.penalty_xor()
    first, again, other = (fitted("matrix-b", seed, updates=30).of_game(game) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3


def test_data_without_states_use_the_observations() -> None:
    data = dataset_of(small_game(), PAIRS)
    bare = replace(data, frame_states=np.zeros((len(data.frame_states), 0)))
    prior = RandomPrior.fit(bare, updates=5, hidden=(4,))
    assert prior.mean.shape == (6,)
    assert prior.uncertainties(data.frame_observations[:2].reshape(2, -1), data.actions[:2]).shape == (2,)
