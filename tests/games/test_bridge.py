"""Bridge against a second implementation of its rules, against hand-checked scenes, and against known numbers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import alberdice as ad
from alberdice.games.bridge import resolve_moves, step_reward

STAY, UP, DOWN, RIGHT, LEFT = range(5)
GOALS = ((2, 5), (0, 0))

# --- a second implementation: agents hold claims and are settled one by one, by recursion -------------------------------

FREE = [(r, c) for r in range(3) for c in range(6) if r == 1 or c not in (2, 3)]


class Claims:
    """Where each agent wants to go, and who is settled; any order of settling can be followed by hand."""

    def __init__(self, here, actions):
        self.here = here
        self.done = [cell == goal for cell, goal in zip(here, GOALS, strict=True)]
        self.want = [cell if done else self.target(cell, a) for cell, a, done in zip(here, actions, self.done, strict=True)]
        self.settled = [False, False]

    @staticmethod
    def target(cell, action):
        row, column = cell
        if action == UP:
            row -= 1
        elif action == DOWN:
            row += 1
        elif action == RIGHT:
            column += 1
        elif action == LEFT:
            column -= 1
        return (row, column) if (row, column) in FREE else cell

    def settle(self, me):
        if self.settled[me]:
            return
        other = 1 - me
        stays = self.want[me] == self.here[me]
        if not (self.done[me] or stays or self.want[me] == GOALS[me] or self.done[other]):
            if self.settled[other]:
                if self.want[me] == self.want[other]:
                    self.want[me] = self.here[me]
            else:
                other_stays = self.want[other] == self.here[other]
                if other_stays:
                    if self.want[me] == self.here[other]:
                        self.want[me] = self.here[me]
                elif self.want[other] == self.want[me]:
                    self.want[other] = self.here[other]
                elif self.want[me] == self.here[other]:
                    if self.want[other] == self.here[me]:
                        self.want = list(self.here)
                    else:
                        self.settle(other)
                        return self.settle(me)
        self.settled[me] = True

    def outcome(self):
        for agent in range(2):
            self.settle(agent)
        return tuple(self.want)


def oracle_reward(here, there):
    total = 0.0
    for i in range(2):
        if here[i] != GOALS[i]:
            total += -0.1 * ((there[i][0] - GOALS[i][0]) ** 2 + (there[i][1] - GOALS[i][1]) ** 2) ** 0.5
    return total / 2


ALL_PAIRS = list(itertools.product(FREE, FREE))
ALL_ACTIONS = list(itertools.product(range(5), range(5)))


@pytest.fixture(scope="module")
def hard():
    return ad.games.bridge()


@pytest.fixture(scope="module", params=[True, False], ids=["hard", "original"])
def game(request):
    return ad.games.bridge(hard=request.param)


def test_all_transitions_and_rewards_agree_with_the_second_implementation(game):
    model = game.mmdp
    dense = model.dense_transition()
    assert len(ALL_PAIRS) == model.n_states == 196
    for cells in ALL_PAIRS:
        s = game.state_index(*cells)
        for actions in ALL_ACTIONS:
            expected = Claims(cells, actions).outcome()
            assert resolve_moves(cells, actions) == expected, (cells, actions)
            assert dense[(s, *actions, game.state_index(*expected))] == 1.0
            assert model.reward[(s, *actions)] == pytest.approx(oracle_reward(cells, expected), abs=1e-15)
    assert model.transition.nnz == 196 * 25


SCENES = [
    ("both move freely", ((1, 2), (1, 3)), (LEFT, RIGHT), ((1, 1), (1, 4))),
    ("walls above and below the bridge", ((1, 2), (1, 3)), (UP, DOWN), ((1, 2), (1, 3))),
    ("the map ends", ((0, 4), (2, 0)), (UP, LEFT), ((0, 4), (2, 0))),
    ("a wall beside a corner cell", ((0, 1), (2, 4)), (RIGHT, LEFT), ((0, 1), (2, 4))),
    ("following to the right", ((1, 2), (1, 3)), (RIGHT, RIGHT), ((1, 3), (1, 4))),
    ("following to the left", ((1, 2), (1, 3)), (LEFT, LEFT), ((1, 1), (1, 2))),
    ("following around a corner", ((0, 4), (1, 4)), (DOWN, LEFT), ((1, 4), (1, 3))),
    ("agent 1 against one who stays", ((1, 2), (1, 3)), (RIGHT, STAY), ((1, 2), (1, 3))),
    ("agent 1 against one whom a wall keeps", ((1, 2), (1, 3)), (RIGHT, UP), ((1, 2), (1, 3))),
    ("agent 2 against one who stays", ((1, 2), (1, 3)), (STAY, LEFT), ((1, 2), (1, 3))),
    ("agent 2 against one whom a wall keeps", ((1, 2), (1, 3)), (DOWN, LEFT), ((1, 2), (1, 3))),
    ("a swap on the bridge", ((1, 2), (1, 3)), (RIGHT, LEFT), ((1, 2), (1, 3))),
    ("a swap off the bridge", ((0, 4), (1, 4)), (DOWN, UP), ((0, 4), (1, 4))),
    ("a tie for a free cell: agent 1 wins", ((1, 1), (1, 3)), (RIGHT, LEFT), ((1, 2), (1, 3))),
    ("a tie around a corner", ((0, 4), (1, 3)), (DOWN, RIGHT), ((1, 4), (1, 3))),
    ("a tie for agent 1's goal", ((2, 4), (1, 5)), (RIGHT, DOWN), ((2, 5), (1, 5))),
    ("a tie for agent 2's goal: agent 1 wins it", ((1, 0), (0, 1)), (UP, LEFT), ((0, 0), (0, 1))),
    ("agent 1 walks in on its goal", ((2, 4), (2, 5)), (RIGHT, STAY), ((2, 5), (2, 5))),
    ("agent 1 swaps into its goal", ((2, 4), (2, 5)), (RIGHT, LEFT), ((2, 5), (2, 4))),
    ("agent 2 walks in on its goal", ((0, 0), (0, 1)), (STAY, LEFT), ((0, 0), (0, 0))),
    ("agent 2 may not swap into its goal", ((0, 0), (0, 1)), (RIGHT, LEFT), ((0, 0), (0, 1))),
    ("agent 2 follows into its goal", ((0, 0), (0, 1)), (DOWN, LEFT), ((1, 0), (0, 0))),
    ("done agent 1 stays whatever it plays", ((2, 5), (1, 3)), (LEFT, LEFT), ((2, 5), (1, 2))),
    ("done agent 2 stays whatever it plays", ((1, 2), (0, 0)), (RIGHT, DOWN), ((1, 3), (0, 0))),
    ("done agent 1 blocks nobody", ((2, 5), (2, 4)), (STAY, RIGHT), ((2, 5), (2, 5))),
    ("done agent 1 blocks nobody, nor can it swap", ((2, 5), (1, 5)), (UP, DOWN), ((2, 5), (2, 5))),
    ("done agent 2 blocks nobody", ((0, 1), (0, 0)), (LEFT, STAY), ((0, 0), (0, 0))),
    ("one leaves a done agent's cell", ((2, 5), (2, 5)), (STAY, UP), ((2, 5), (1, 5))),
    ("both done", ((2, 5), (0, 0)), (UP, RIGHT), ((2, 5), (0, 0))),
]


@pytest.mark.parametrize(("cells", "actions", "after"), [s[1:] for s in SCENES], ids=[s[0] for s in SCENES])
def test_scenes_worked_out_by_hand(cells, actions, after):
    assert resolve_moves(cells, actions) == after
    assert Claims(cells, actions).outcome() == after


def test_rewards_worked_out_by_hand():
    assert step_reward(((1, 2), (1, 3)), ((1, 3), (1, 4))) == pytest.approx(-0.05 * (5**0.5 + 17**0.5))
    assert step_reward(((2, 4), (0, 4)), ((2, 5), (0, 4))) == pytest.approx(-0.2)  # reaching the goal costs nothing
    assert step_reward(((2, 5), (0, 4)), ((2, 5), (0, 3))) == pytest.approx(-0.15)
    assert step_reward(((2, 5), (0, 1)), ((2, 5), (0, 0))) == 0.0
    assert step_reward(((2, 5), (0, 0)), ((2, 5), (0, 0))) == 0.0
    assert step_reward(((2, 5), (0, 1)), ((2, 4), (0, 0))) == 0.0  # who was done counts 0, whatever the next cell


def test_two_agents_share_a_cell_only_on_a_goal(game):
    possible = {game.cells(int(i)) for i in np.flatnonzero(game.possible)}
    assert len(possible) == 184
    assert {pair for pair in possible if pair[0] == pair[1]} == {((2, 5), (2, 5)), ((0, 0), (0, 0))}


def test_both_done_is_absorbing_and_free(hard):
    s = hard.state_index((2, 5), (0, 0))
    assert (hard.mmdp.dense_transition()[s, :, :, s] == 1).all()
    assert (hard.mmdp.reward[s] == 0).all()
    assert (np.delete(hard.mmdp.reward, s, axis=0) < 0).any(axis=(1, 2)).all()


def brute_force_values(discount, steps=400):
    """Backward induction over joint actions with the second implementation."""
    index = {pair: k for k, pair in enumerate(ALL_PAIRS)}
    after = np.array([[index[Claims(p, a).outcome()] for a in ALL_ACTIONS] for p in ALL_PAIRS])
    reward = np.array([[oracle_reward(p, Claims(p, a).outcome()) for a in ALL_ACTIONS] for p in ALL_PAIRS])
    values = np.zeros(len(ALL_PAIRS))
    for _ in range(steps):
        gains = reward + discount * values[after]
        values = gains.max(axis=1)
    return gains, after, reward, index


def test_only_left_left_and_right_right_are_optimal_first_moves(hard):
    gains, _, _, index = brute_force_values(0.99)
    at_start = gains[index[(1, 2), (1, 3)]]
    best = {ALL_ACTIONS[k] for k in np.flatnonzero(at_start > at_start.max() - 1e-9)}
    assert best == {(LEFT, LEFT), (RIGHT, RIGHT)}
    assert np.sort(at_start)[-3] < at_start.max() - 0.3
    assert ad.discounted_return(hard.mmdp, hard.optimal_policies[0]) == pytest.approx(at_start.max(), abs=1e-12)


def test_the_optimal_policies_reach_the_known_return(hard):
    _, after, reward, index = brute_force_values(0.99)
    for policy, first in zip(hard.optimal_policies, [(RIGHT, RIGHT), (LEFT, LEFT)], strict=True):
        s, total, moves = index[hard.start], 0.0, []
        for _ in range(20):
            joint = tuple(int(table[s].argmax()) for table in policy)
            moves.append(joint)
            total += reward[s, ALL_ACTIONS.index(joint)]
            s = after[s, ALL_ACTIONS.index(joint)]
        assert moves[0] == first
        assert round(total, 4) == -1.2355
        assert ad.undiscounted_return(hard.mmdp, policy, hard.horizon) == pytest.approx(total, abs=1e-12)
        assert ad.undiscounted_return(hard.mmdp, policy, 50) == pytest.approx(total, abs=1e-12)
        assert all(set(np.unique(table)) == {0.0, 1.0} for table in policy)


def test_the_optimal_policies_are_optimal_from_every_state(game):
    gains, *_ = brute_force_values(0.99)
    for policy in game.optimal_policies:
        np.testing.assert_allclose(ad.state_values(game.mmdp, policy), gains.max(axis=1), atol=1e-10)


def test_in_the_original_game_each_agent_can_cross_first():
    game = ad.games.bridge(hard=False)
    first, second = game.optimal_policies
    for policy, left_behind in ((first, 1), (second, 0)):
        assert ad.undiscounted_return(game.mmdp, policy, 20) == pytest.approx(-1.55168, abs=5e-6)
        s, done_at = game.state_index(*game.start), [None, None]
        for step in range(20):
            row = s * 25 + int(policy[0][s].argmax()) * 5 + int(policy[1][s].argmax())
            s = int(game.mmdp.transition[[row]].indices[0])
            for i in range(2):
                if done_at[i] is None and game.cells(s)[i] == GOALS[i]:
                    done_at[i] = step
        assert done_at[1 - left_behind] < done_at[left_behind]


def test_optimal_data_are_the_two_walks(hard):
    data = hard.data("optimal", 0.0)
    by_hand = np.zeros(hard.mmdp.reward.shape)
    for policy in hard.optimal_policies:
        s, weight = hard.state_index(*hard.start), 0.5
        for t in range(3000):
            joint = tuple(int(table[s].argmax()) for table in policy)
            by_hand[(s, *joint)] += weight * 0.01 * 0.99**t
            s = int(hard.mmdp.transition[[s * 25 + joint[0] * 5 + joint[1]]].indices[0])
    np.testing.assert_allclose(data.probabilities, by_hand, atol=1e-12)
    np.testing.assert_array_equal(data.observed, by_hand > 0)
    assert data.observed.sum() == 17
    assert data.state_marginal()[hard.state_index((2, 5), (0, 0))] == pytest.approx(0.5 * (0.99**8 * 2), abs=1e-12)
    start = data.probabilities[hard.state_index(*hard.start)] / data.state_marginal()[hard.state_index(*hard.start)]
    assert start[RIGHT, RIGHT] == pytest.approx(0.5)
    assert start[LEFT, LEFT] == pytest.approx(0.5)


def test_mix_data_are_half_optimal_half_uniform(hard):
    mix, optimal = hard.data("mix", 0.0), hard.data("optimal", 0.0)
    uniform = ad.occupancy(hard.mmdp, ad.FactorizedPolicy.uniform(hard.mmdp))
    np.testing.assert_allclose(mix.probabilities, (optimal.probabilities + uniform) / 2, atol=1e-14)
    np.testing.assert_array_equal(mix.observed, np.broadcast_to(hard.possible[:, None, None], mix.observed.shape))


@pytest.mark.parametrize("name", ["optimal", "mix"])
def test_the_floor_raises_every_entry_and_keeps_what_was_observed(hard, name):
    bare, floored = hard.data(name, 0.0), hard.data(name, 1e-6)
    assert floored.probabilities.min() == pytest.approx(1e-6, rel=0.01)
    np.testing.assert_allclose(floored.probabilities, (bare.probabilities + 1e-6) / (1 + 4900e-6), rtol=1e-12)
    np.testing.assert_array_equal(floored.observed, bare.observed)
    assert hard.data(name).probabilities.min() == pytest.approx(1e-10, rel=0.01)


def test_states_have_indices_names_and_observations(hard):
    for i in range(196):
        cells = hard.cells(i)
        assert hard.state_index(*cells) == i
        assert hard.state_index(hard.describe_state(i)) == i
    assert hard.state_index((0, 1), (0, 0)) == 14
    assert hard.describe_state(hard.state_index((1, 2), (1, 3))) == "agent 1 at (1, 2), agent 2 at (1, 3)"
    assert hard.describe_joint_action((LEFT, RIGHT)) == "(Left, Right)"
    assert hard.observation(hard.state_index((2, 5), (0, 1))).tolist() == [2, 5, 1, 0, 1, 0]
    assert hard.observation(hard.state_index((1, 2), (0, 0))).tolist() == [1, 2, 0, 0, 0, 1]
    assert hard.observation(hard.state_index((0, 0), (2, 5))).tolist() == [0, 0, 0, 2, 5, 0]
    assert len({tuple(hard.observation(i)) for i in range(196)}) == 196


def test_starts_and_names(hard):
    original = ad.games.bridge(hard=False, discount=0.9)
    assert (hard.name, original.name) == ("bridge", "bridge-original")
    assert hard.mmdp.initial[hard.state_index((1, 2), (1, 3))] == 1
    assert original.mmdp.initial[original.state_index((1, 1), (1, 4))] == 1
    assert (hard.mmdp.discount, original.mmdp.discount) == (0.99, 0.9)
    assert hard.horizon == 20
    assert hard.action_names == (("Stay", "Up", "Down", "Right", "Left"),) * 2


def test_a_wall_is_no_cell(hard):
    with pytest.raises(ad.InvalidArgumentError, match=r"cell1: got \(0, 2\), expected a free cell"):
        hard.state_index((0, 2), (1, 3))
    with pytest.raises(ad.InvalidArgumentError, match="cell2: got None"):
        hard.state_index((1, 2))
    with pytest.raises(ad.InvalidArgumentError, match="state: got 196"):
        hard.cells(196)
    with pytest.raises(ad.InvalidArgumentError, match="one of optimal, mix"):
        hard.data("optima")
