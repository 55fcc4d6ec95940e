"""Scripted experts: their roads against a breadth-first search, their play against what conventions promise."""

from collections import deque

import numpy as np
import pytest

from alberdice.environments.rware import CONVENTIONS, SIZES, Experts, Layout, Warehouses
from alberdice.environments.rware.layout import FORWARD
from alberdice.environments.rware.reference import ReferenceWarehouses
from alberdice.environments.rware.roads import FAR, aisle_moves, one_way, roads
from alberdice.errors import InvalidArgumentError

DX = [(0, -1), (0, 1), (-1, 0), (1, 0)]
RIGHT_OF = {0: 3, 3: 1, 1: 2, 2: 0}


def search(layout, allowed, start, target):
    """Steps from (cell, direction) to a cell, by brute force."""
    seen, queue = {start: 0}, deque([start])
    while queue:
        cell, way = pose = queue.popleft()
        if cell == target:
            return seen[pose]
        after = [(cell, RIGHT_OF[way]), (cell, next(a for a, b in RIGHT_OF.items() if b == way))]
        ahead = cell + DX[way][0] + DX[way][1] * (layout.width + 2)
        if allowed[cell, way] and (layout.highway[ahead] or ahead == target):
            after.append((ahead, way))
        for each in after:
            if each not in seen:
                seen[each] = seen[pose] + 1
                queue.append(each)
    return None


@pytest.mark.parametrize("size", list(SIZES))
@pytest.mark.parametrize("convention", [0, 1])
def test_distances_are_shortest_and_actions_follow_them(size, convention):
    layout, rng = Layout(*SIZES[size]), np.random.default_rng(1)
    known, allowed = roads(layout, convention), one_way(layout, convention)
    for _ in range(60):
        (cell, target), way = rng.choice(layout.inside, 2), int(rng.integers(4))
        steps = search(layout, allowed, (int(cell), way), int(target))
        assert known.distance[target, cell, way] == (FAR if steps is None else steps)
        if steps is None or cell == target:
            continue
        action = known.action[target, cell, way]
        after = (cell + DX[way][0] + DX[way][1] * layout.stride, way)
        if action != FORWARD:
            after = (cell, RIGHT_OF[way]) if action == 3 else (cell, next(a for a, b in RIGHT_OF.items() if b == way))
        assert known.distance[target, after[0], after[1]] == steps - 1


@pytest.mark.parametrize("size", list(SIZES))
@pytest.mark.parametrize("convention", [0, 1])
def test_goals_and_slots_can_be_reached_from_everywhere(size, convention):
    layout = Layout(*SIZES[size])
    known = roads(layout, convention)
    ends = np.concatenate([layout.goals, layout.slots])
    assert known.distance[ends][:, layout.inside].max() < FAR


def test_aisles_are_one_way_and_conventions_reverse_them():
    layout = Layout(1, 3)
    for x, up in ((0, 0), (9, 0), (3, 1), (6, 1)):
        for y in range(1, 8):
            for convention in (0, 1):
                ways = one_way(layout, convention)[layout.cell(x, y)]
                assert ways[:2].tolist() == ([True, False] if convention == up else [False, True])


def play(size, conventions, seed=0, steps=500, **how):
    batch, n = conventions.shape
    env, rng = Warehouses(Layout(*SIZES[size]), n, 2 * n), np.random.default_rng(seed)
    experts, frame = Experts(env.layout, conventions, **how), env.reset(np.arange(batch))
    for _ in range(steps):
        frame = env.step(experts.act(frame, rng.random((batch, n)))).frame
    return env.deliveries.mean()


def test_one_convention_delivers_and_two_together_do_not():
    agree = [play("tiny", np.full((12, 2), convention)) for convention in range(len(CONVENTIONS))]
    differ = play("tiny", np.tile([0, 1], (12, 1)))
    assert min(agree) > 15 > 7 > differ
    assert play("tiny", np.zeros((12, 2), np.int64), knowledge="global") > agree[0]
    assert play("small", np.zeros((4, 6), np.int64), yields="lower") > 40


@pytest.mark.parametrize(("size", "agents"), [("tiny", 2), ("small", 4)])
def test_experts_play_rware_itself_as_they_play_ours(size, agents):
    """Scripted steps, bit for bit; a tenth of the actions is random, so that agents meet."""
    batch, rng = 6, np.random.default_rng(4)
    ours = Warehouses(Layout(*SIZES[size]), agents, 2 * agents)
    theirs = ReferenceWarehouses(*SIZES[size], 8, agents, 2 * agents)
    experts = Experts(ours.layout, rng.integers(2, size=(batch, agents)))
    frame, other = ours.reset(np.arange(batch)), theirs.reset(np.arange(batch))
    for _ in range(120):
        np.testing.assert_array_equal(frame.state, other.state)
        np.testing.assert_array_equal(frame.observations, other.observations)
        actions = experts.act(frame, rng.random((batch, agents)))
        noisy = rng.random(actions.shape) < 0.1
        actions[noisy] = rng.integers(5, size=noisy.sum())
        step, reference = ours.step(actions), theirs.step(actions)
        np.testing.assert_array_equal(step.rewards, reference.rewards)
        frame, other = step.frame, reference.frame


@pytest.mark.parametrize("size", list(SIZES))
def test_moves_in_aisles_tell_the_convention(size):
    conventions = np.array([[0, 0], [1, 1], [0, 1]])
    env, rng, cells = Warehouses(Layout(*SIZES[size]), 2, 4), np.random.default_rng(0), []
    experts, frame = Experts(env.layout, conventions), env.reset(np.arange(3))
    for _ in range(150):
        cells.append(env.cells.copy())
        frame = env.step(experts.act(frame, rng.random((3, 2)))).frame
    moves = np.stack([aisle_moves(env.layout, np.stack(cells)[:, slot]) for slot in range(3)])
    share = moves / moves.sum(axis=2, keepdims=True)
    assert share[0, :, 0].min() > 0.9
    assert share[1, :, 1].min() > 0.9
    assert share[2, 0, 0] > 0.5 < share[2, 1, 1]


def test_a_slot_does_not_depend_on_the_others():
    conventions = np.array([[0, 0], [1, 1], [0, 1]])
    u = np.random.default_rng(0).random((80, 3, 2))
    together = Warehouses(Layout(1, 3), 2, 4)
    experts, frame, first = Experts(together.layout, conventions), together.reset(np.arange(3)), []
    for t in range(80):
        first.append(experts.act(frame, u[t]))
        frame = together.step(first[-1]).frame
    alone = Warehouses(Layout(1, 3), 2, 4)
    experts, frame = Experts(alone.layout, conventions[2:]), alone.reset(np.array([2]))
    for t in range(80):
        actions = experts.act(frame, u[t, 2:])
        np.testing.assert_array_equal(actions[0], first[t][2])
        frame = alone.step(actions).frame


def test_a_slot_begins_anew_while_others_remember():
    u, seeds = np.random.default_rng(0).random((60, 2, 2)), np.array([3, 4])
    env = Warehouses(Layout(1, 3), 2, 4)
    experts, frame, whole = Experts(env.layout, np.zeros((2, 2), np.int64)), env.reset(seeds), []
    for t in range(60):
        whole.append(experts.act(frame, u[t]))
        frame = env.step(whole[-1]).frame
    experts.begin(np.arange(2))
    frame = env.reset(seeds)
    for t in range(60):
        if t == 30:  # slot 0 starts again, with the numbers of its first steps
            experts.begin(np.array([0]))
            frame = env.reset(seeds[:1], slots=np.array([0]))
        actions = experts.act(frame, np.stack([u[t % 30, 0], u[t, 1]]))
        np.testing.assert_array_equal(actions, [whole[t % 30][0], whole[t][1]])
        frame = env.step(actions).frame


@pytest.mark.parametrize(("yields", "goes"), [("higher", [1, 0]), ("lower", [0, 1])])
def test_of_two_agents_that_want_one_cell_one_waits(yields, goes):
    """Both unloaded on a tour: one comes up the aisle x = 0 to the corner (0, 0), the other along the top row."""
    env = Warehouses(Layout(1, 3), 2, 1)
    env.reset(np.array([0]))
    env.requested[:] = False  # nothing to fetch
    env.agent_at[0] = -1
    env.cells[0], env.directions[0] = [env.layout.cell(0, 1), env.layout.cell(1, 0)], [0, 2]
    env.agent_at[0, env.cells[0]] = [0, 1]
    frame = env.step(np.zeros((1, 2), np.int64)).frame
    experts = Experts(env.layout, np.array([[0, 1]]), yields=yields)
    experts._tour[:], experts._leg[:] = [[0, 0]], [[0, 1]]
    assert experts.act(frame, np.full((1, 2), 0.9)).tolist() == [goes]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda m: Experts(m, np.full((1, 2), 2)), "outer-up"),
        (lambda m: Experts(m, np.zeros(2, np.int64)), "conventions"),
        (lambda m: Experts(m, np.zeros((1, 2), np.int64), knowledge="all"), "'local' or 'global'"),
        (lambda m: Experts(m, np.zeros((1, 2), np.int64), yields="both"), "'higher' or 'lower'"),
        (lambda m: Experts(Layout(1, 5), np.zeros((1, 2), np.int64)), "columns"),
    ],
)
def test_what_makes_no_expert_is_refused(make, words):
    with pytest.raises(InvalidArgumentError, match=words):
        make(Layout(1, 3))
