import itertools

import numpy as np
import pytest

import alberdice as ad
from alberdice.games.matrix import PAPER_COUNTS, counts_from_joint_actions
from alberdice.reference import paper_tables


def test_matrix_game_of_any_shape():
    payoff = np.arange(24.0).reshape(2, 3, 4)
    game = ad.games.matrix_game(payoff, name="cube")
    assert (game.name, game.mmdp.n_states, game.mmdp.n_actions, game.horizon) == ("cube", 1, (2, 3, 4), 1)
    np.testing.assert_array_equal(game.mmdp.reward[0], payoff)
    np.testing.assert_array_equal(game.mmdp.dense_transition(), np.ones((1, 2, 3, 4, 1)))
    assert game.action_names == (("A", "B"), ("A", "B", "C"), ("A", "B", "C", "D"))
    assert game.describe_joint_action((1, 2, 3)) == "BCD"
    assert game.state_index(game.describe_state(0)) == 0
    np.testing.assert_array_equal(game.observation(0), [1.0])


def test_expected_payoff_is_the_objective_and_the_one_step_return():
    game = ad.games.matrix_game([[1.0, 5.0, -2.0], [0.5, 2.0, 7.0]])
    policy = ad.FactorizedPolicy([[[0.25, 0.75]], [[0.5, 0.3, 0.2]]])
    expected = np.array([0.25, 0.75]) @ game.mmdp.reward[0] @ np.array([0.5, 0.3, 0.2])
    assert ad.undiscounted_return(game.mmdp, policy, game.horizon) == pytest.approx(expected, abs=1e-15)
    data = ad.DataDistribution(np.full((1, 2, 3), 1 / 6))
    assert ad.tabular.objective(game.mmdp, policy, data, 0.0) == pytest.approx(expected, abs=1e-15)


def test_more_actions_than_letters_are_numbered():
    game = ad.games.matrix_game(np.zeros((27, 2)), data={"one": {"26,0": 3}})
    assert game.action_names[0][26] == "26"
    assert game.describe_joint_action((26, 1)) == "(26, 1)"
    assert game.data("one", 0.0).probabilities[0, 26, 0] == 1.0


@pytest.mark.parametrize("key", ["AB", "A,B", "A B", "A, B"])
def test_joint_actions_may_be_split(key):
    counts = counts_from_joint_actions({key: 2, "BA": 1.5}, (("A", "B"), ("A", "B")))
    np.testing.assert_array_equal(counts, [[[0, 2], [1.5, 0]]])


def test_counts_of_one_joint_action_under_two_spellings_add_up():
    counts = counts_from_joint_actions({"AB": 2, "A,B": 3}, (("A", "B"), ("A", "B")))
    assert counts[0, 0, 1] == 5


def test_counts_may_be_numpy_numbers():
    counts = counts_from_joint_actions({"A": np.int64(2), "B": np.float32(0.5)}, (("A", "B"),))
    np.testing.assert_array_equal(counts, [[2, 0.5]])


def test_single_agent_names_may_be_long():
    names = (("left", "right"),)
    np.testing.assert_array_equal(counts_from_joint_actions({"right": 4}, names), [[0, 4]])


def test_paper_s_counts_are_the_published_ones():
    assert paper_tables()["table6"]["published_dataset_counts"] == PAPER_COUNTS
    game = ad.games.penalty_xor()
    np.testing.assert_array_equal(game.mmdp.reward[0], [[0, 1], [1, -2]])
    assert list(game.data_builders) == list("abcd")
    for name, counts in PAPER_COUNTS.items():
        data = game.data(name, floor=0.0)
        for i, j in itertools.product(range(2), range(2)):
            share = counts.get("AB"[i] + "AB"[j], 0) / sum(counts.values())
            assert data.probabilities[0, i, j] == pytest.approx(share, abs=1e-15)


def test_the_floor_of_named_data():
    game = ad.games.penalty_xor()
    assert game.data("a").probabilities[0, 1, 1] == pytest.approx(1e-10, rel=1e-8)
    assert game.data("a", floor=0.0).probabilities[0, 1, 1] == 0.0
    assert game.data("a", floor=0.5).probabilities[0, 1, 1] == pytest.approx(0.5 / 3)
    np.testing.assert_array_equal(game.data("a").observed[0], [[False, True], [False, False]])


def test_xor_and_its_data():
    game = ad.games.xor()
    np.testing.assert_array_equal(game.mmdp.reward[0], [[0, 1], [1, 0]])
    np.testing.assert_allclose(game.data("symmetric", 0.0).probabilities[0], [[0, 0.5], [0.5, 0]])
    np.testing.assert_allclose(game.data("three", 0.0).probabilities[0], [[1 / 3, 1 / 3], [1 / 3, 0]])
    np.testing.assert_allclose(game.data("uniform", 0.0).probabilities[0], np.full((2, 2), 0.25))


@pytest.mark.parametrize("n", [2, 3, 4])
def test_n_agent_xor_pays_when_exactly_one_chooses_b(n):
    game = ad.games.n_agent_xor(n)
    assert game.mmdp.n_actions == (2,) * n
    for joint in itertools.product((0, 1), repeat=n):
        assert game.mmdp.reward[(0, *joint)] == (1.0 if sum(joint) == 1 else 0.0)
    data = game.data("optimal", 0.0).probabilities[0]
    total = sum(1000 + 10 * i for i in range(1, n + 1))
    for i in range(n):
        only_i = tuple(int(j == i) for j in range(n))
        assert data[only_i] == pytest.approx((1000 + 10 * (i + 1)) / total)
    assert (data > 0).sum() == n


@pytest.mark.parametrize(
    ("game", "optima", "best"),
    [
        (ad.games.climbing_game, [(0, 0)], 11),
        (ad.games.penalty_game, [(0, 0), (2, 2)], 10),
        (ad.games.stag_hunt, [(0, 0)], 4),
    ],
)
def test_classics(game, optima, best):
    payoff = game().mmdp.reward[0]
    assert payoff.max() == best
    assert [tuple(map(int, k)) for k in np.argwhere(payoff == best)] == optima
    np.testing.assert_allclose(game().data("uniform", 0.0).probabilities[0], np.full(payoff.shape, 1 / payoff.size))


def test_classic_payoffs_as_published():
    np.testing.assert_array_equal(ad.games.climbing_game().mmdp.reward[0], [[11, -30, 0], [-30, 7, 6], [0, 0, 5]])
    np.testing.assert_array_equal(ad.games.penalty_game(-7).mmdp.reward[0], [[10, 0, -7], [0, 2, 0], [-7, 0, 10]])
