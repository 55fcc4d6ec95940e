"""The maximum-likelihood model: by hand, against the true game, and solved."""

from __future__ import annotations

import numpy as np
import pytest
from dataset_samples import sample_dataset

import alberdice as ad
from alberdice.datasets import (
    EpisodeArrays,
    OfflineDataset,
    empirical_model,
    from_episodes,
    make_builtin,
    sparse_empirical_model,
)
from alberdice.errors import InvalidArgumentError, InvalidDataError, ResourceError


def episode(
    path: list[float], actions: list[list[int]], rewards: list[float], terminated: bool, known: bool = True
) -> EpisodeArrays:
    rows = np.array(path if known else path[:-1])[:, None]
    return EpisodeArrays(rows, np.zeros((len(rows), 2, 1)), np.array(actions), np.array(rewards, float), terminated)


def by_hand() -> OfflineDataset:
    """States 0, 1, 2 on a line; agent 2 has three actions."""
    return from_episodes(
        "hand",
        (2, 3),
        [
            episode([0, 1, 2], [[0, 0], [1, 2]], [1, 2], terminated=True),
            episode([0, 2, 0], [[0, 0], [0, 1]], [3, -4], terminated=False),
            episode([1, 1], [[1, 2]], [5], terminated=False),
        ],
    )


def test_by_hand() -> None:
    model = empirical_model(by_hand(), 0.5, floor=0.0)
    assert model.states[:, 0].tolist() == [0, 1, 2]
    assert (model.end, model.unseen) == (3, 4)
    transition = model.mmdp.dense_transition()
    np.testing.assert_array_equal(transition[0, 0, 0], [0, 0.5, 0.5, 0, 0])
    np.testing.assert_array_equal(transition[1, 1, 2], [0, 0.5, 0, 0.5, 0])
    np.testing.assert_array_equal(transition[2, 0, 1], [1, 0, 0, 0, 0])
    np.testing.assert_array_equal(transition[0, 1, 1], [0, 0, 0, 0, 1])
    for state in (3, 4):
        np.testing.assert_array_equal(transition[state, :, :, state], np.ones((2, 3)))
    reward = model.mmdp.reward
    assert reward[0, 0, 0] == 2
    assert reward[1, 1, 2] == 3.5
    assert reward[2, 0, 1] == -4
    assert reward[0, 1, 1] == -4
    assert (reward[3] == 0).all()
    assert (reward[4] == -4).all()
    np.testing.assert_allclose(model.mmdp.initial, [2 / 3, 1 / 3, 0, 0, 0])
    assert model.counts[0, 0, 0] == 2
    assert model.counts.sum() == 5
    mass = np.zeros((5, 2, 3))
    mass[0, 0, 0] = 0.5 + 0.5
    mass[1, 1, 2] = 0.25 + 0.5
    mass[2, 0, 1] = 0.25
    mass[3] = 0.25 / 6
    np.testing.assert_allclose(model.data.probabilities, mass / mass.sum())
    counted = empirical_model(by_hand(), 0.5, floor=0.0, weighting="counts").data.probabilities
    np.testing.assert_allclose(counted[0, 0, 0], 2 / 6)
    np.testing.assert_allclose(counted[3].sum(), 1 / 6)
    assert empirical_model(by_hand(), 0.5, unseen_reward=-9.0).mmdp.reward[4, 0, 0] == -9
    assert model.index_of([2.0]) == 2
    assert model.index_of([0.5]) is None


def test_steps_with_an_unknown_end_are_left_out_and_said() -> None:
    data = from_episodes("hand", (2, 3), [episode([0, 1, 2], [[0, 0], [1, 2]], [1, 2], terminated=False, known=False)])
    model = empirical_model(data)
    assert model.counts.sum() == 1
    assert model.states[:, 0].tolist() == [0, 1]
    assert any("1 steps are no transitions" in note for note in model.notes)
    assert model.end is None


def test_no_state_means_the_joint_observation() -> None:
    data = sample_dataset(np.random.default_rng(0), state_size=0, n_actions=(2, 2))
    model = empirical_model(data)
    assert model.states.shape[1] == 12
    assert any("observations side by side" in note for note in model.notes)
    with pytest.raises(InvalidDataError, match="neither states nor observations"):
        empirical_model(sample_dataset(np.random.default_rng(0), state_size=0, observation_size=0))


def test_arguments_are_checked() -> None:
    data = by_hand()
    for discount in (0.0, 1.0, -1.0):
        with pytest.raises(InvalidArgumentError, match="discount"):
            empirical_model(data, discount)
    with pytest.raises(InvalidArgumentError, match="weighting"):
        empirical_model(data, weighting="other")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="unseen_reward"):
        empirical_model(data, unseen_reward=float("nan"))
    with pytest.raises(InvalidArgumentError, match="state"):
        empirical_model(data).index_of([0.0, 1.0])
    with pytest.raises(ResourceError, match="20,000,000 pairs"):
        empirical_model(sample_dataset(np.random.default_rng(0), n_actions=(30,) * 5))


def test_the_matrix_game_is_its_own_empirical_model() -> None:
    model = empirical_model(make_builtin("matrix-d"), 0.9, floor=0.0)
    assert (model.end, model.unseen) == (None, None)
    assert model.mmdp.n_states == 1
    np.testing.assert_array_equal(model.mmdp.reward[0], [[0, 1], [1, -2]])
    counts = empirical_model(make_builtin("matrix-d"), 0.9, floor=0.0, weighting="counts").data.probabilities[0]
    np.testing.assert_allclose(counts, np.array([[1271, 1281], [1210, 1238]]) / 5000)


def test_seen_pairs_of_bridge_are_the_true_game() -> None:
    game = ad.games.bridge()
    model = empirical_model(make_builtin("bridge-mix"), 0.99)
    features = np.stack([game.observation(k) for k in range(196)])
    place = {k: model.index_of(features[k]) for k in range(196)}
    true, learned = game.mmdp.dense_transition(), model.mmdp.dense_transition()
    done = game.state_index((2, 5), (0, 0))
    checked = 0
    for k, at in place.items():
        if at is None or k == done:
            continue
        for joint in np.argwhere(model.counts[at] > 0):
            successor = int(true[(k, *joint)].argmax())
            expected = model.end if successor == done else place[successor]
            assert learned[(at, *joint)][expected] == 1
            assert model.mmdp.reward[(at, *joint)] == pytest.approx(game.mmdp.reward[(k, *joint)], abs=1e-12)
            checked += 1
    assert checked == (model.counts > 0).sum() > 2000


def test_policies_are_carried_over() -> None:
    game = ad.games.bridge()
    model = empirical_model(make_builtin("bridge-optimal"), 0.99)
    policy = model.data.behaviour_policy()
    features = np.stack([game.observation(k) for k in range(196)])
    carried = model.policy_on(policy, features)
    start = game.state_index((1, 2), (1, 3))
    np.testing.assert_array_equal(carried[0][start], policy[0][model.index_of(features[start])])
    np.testing.assert_array_equal(carried[1][game.state_index((0, 0), (0, 0))], np.full(5, 0.2))
    assert carried.n_states == 196


def test_bridge_is_solved_from_its_optimal_data() -> None:
    game = ad.games.bridge()
    model = empirical_model(make_builtin("bridge-optimal"), 0.99)
    run = ad.tabular.alternate(model.mmdp, model.data, 0.01)
    carried = model.policy_on(run.policy, np.stack([game.observation(k) for k in range(196)]))
    assert ad.undiscounted_return(game.mmdp, carried, 20) >= -1.25


@pytest.mark.slow
def test_bridge_is_solved_from_its_mixed_data() -> None:
    """The issue's number: alpha = 0.01, exact evaluation in the true game, at least -1.25."""
    game = ad.games.bridge()
    model = empirical_model(make_builtin("bridge-mix"), 0.99)
    run = ad.tabular.alternate(model.mmdp, model.data, 0.01)
    carried = model.policy_on(run.policy, np.stack([game.observation(k) for k in range(196)]))
    assert ad.undiscounted_return(game.mmdp, carried, 20) >= -1.25


# -- leaving the data ----------------------------------------------------------------------------------------------------


def one_shot(rewards: dict[tuple[int, ...], float], counts: dict[tuple[int, ...], int], n: tuple[int, ...]) -> OfflineDataset:
    agents = np.zeros((1, len(n), 1))
    episodes = [
        EpisodeArrays(np.zeros((1, 1)), agents, np.array([joint]), np.array([rewards[joint]]), terminated=True)
        for joint, count in counts.items()
        for _ in range(count)
    ]
    return from_episodes("one-shot", n, episodes)


def test_positive_rewards_do_not_tempt_anybody_off_the_data() -> None:
    """AA pays 10, BB 5; for ever 5 after an episode's end would be worth more than either."""
    data = one_shot({(0, 0): 10.0, (1, 1): 5.0}, {(0, 0): 100, (1, 1): 100}, (2, 2))
    model = empirical_model(data)
    assert model.mmdp.reward[model.unseen, 0, 0] == 0.0
    run = ad.tabular.select_equilibrium(model.mmdp, model.data, 0.01, generator=np.random.default_rng(0)).best
    assert run.policy.joint()[0, 0, 0] > 0.99
    assert ad.out_of_data_probability(model.mmdp, run.policy, model.data) < 1e-3


@pytest.mark.parametrize("seed", [pytest.param(k, marks=[] if k < 2 else pytest.mark.slow) for k in range(10)])
def test_all_algorithms_stay_on_random_data_at_small_alpha(seed: int) -> None:
    """Data of one joint plan and a variation by either agent, rewards of either sign."""
    rng = np.random.default_rng(seed)
    n = (2, 3)
    plan = tuple(int(rng.integers(k)) for k in n)
    low = float(rng.uniform(-3, 3))
    rewards, counts = {plan: low + 2.0}, {plan: 60}
    for agent in range(2):
        other = list(plan)
        other[agent] = (plan[agent] + 1) % n[agent]
        rewards[tuple(other)], counts[tuple(other)] = low + float(rng.uniform(0, 1)), 20
    model = empirical_model(one_shot(rewards, counts, n))
    for name, algorithm in ad.tabular.ALGORITHMS.items():
        outside = ad.out_of_data_probability(model.mmdp, algorithm(model.mmdp, model.data), model.data)
        limit = 0.1 if name == "BC" else 0.02  # BC plays both agents' variations at once now and then
        assert outside <= limit, (name, outside)


def test_observed_pairs_alone_give_the_same_model() -> None:
    dense = empirical_model(by_hand(), 0.5, floor=0.0)
    sparse = sparse_empirical_model(by_hand(), 0.5, floor_mass=0.0)
    written = sparse.mmdp.dense()
    np.testing.assert_array_equal(written.reward, dense.mmdp.reward)
    np.testing.assert_array_equal(written.dense_transition(), dense.mmdp.dense_transition())
    np.testing.assert_allclose(sparse.data.dense().probabilities, dense.data.probabilities, atol=1e-16)
    np.testing.assert_array_equal(sparse.data.dense().observed, dense.data.observed)
    assert (sparse.end, sparse.unseen, sparse.notes) == (dense.end, dense.unseen, dense.notes)


def test_states_are_compared_in_the_data_s_type() -> None:
    path = [np.float32(x) for x in (0.1, 0.2, 0.3)]
    rows = np.array(path, np.float32)[:, None]
    data = from_episodes(
        "float32", (2, 2), [EpisodeArrays(rows, np.zeros((3, 2, 1)), np.array([[0, 0], [0, 1]]), np.zeros(2), terminated=False)]
    )
    model = empirical_model(data)
    assert [model.index_of([x]) for x in (0.1, 0.2, 0.3, 0.4)] == [0, 1, 2, None]
    assert model.indices_of([[0.3], [0.25]]).tolist() == [2, -1]
    policy = model.data.behaviour_policy()
    assert model.policy_on(policy, [[0.1], [9.0]]).n_states == 2
    with pytest.raises(InvalidArgumentError, match="got 0 of 2 states in the data"):
        model.policy_on(policy, [[5.0], [6.0]])
