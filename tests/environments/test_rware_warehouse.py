"""Warehouses against rware itself, bit for bit."""

import numpy as np
import pytest

from alberdice.environments import check_environment, find_environment
from alberdice.environments.rware import SIZES, Experts, Layout, Warehouses, warehouse
from alberdice.environments.rware.reference import ReferenceWarehouses
from alberdice.environments.rware.roads import aisle_moves
from alberdice.errors import InvalidArgumentError

#: mostly forward, so that agents meet; the second kind hardly turns, and piles up
HABITS = np.array([[0.02, 0.60, 0.14, 0.14, 0.10], [0.02, 0.86, 0.04, 0.03, 0.05], [0.2, 0.2, 0.2, 0.2, 0.2]])


def pair(rows, columns, height, agents, requests, limit=500):
    mine = Warehouses(Layout(rows, columns, height), agents, requests, episode_limit=limit)
    return mine, ReferenceWarehouses(rows, columns, height, agents, requests, episode_limit=limit)


def same_frame(a, b):
    for name in ("observations", "masks", "state", "alive"):
        assert getattr(a, name).dtype == getattr(b, name).dtype
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


def same_step(a, b):
    same_frame(a.frame, b.frame)
    for name in ("rewards", "terminated", "truncated"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
    np.testing.assert_array_equal(a.metrics["deliveries"], b.metrics["deliveries"])


def compare(mine, reference, steps, batch, seed):
    rng = np.random.default_rng(seed)
    seeds = rng.integers(1 << 31, size=batch)
    same_frame(mine.reset(seeds), reference.reset(seeds))
    n, total = mine.spec.n_agents, 0.0
    for _ in range(steps):
        habits = HABITS[np.arange(batch) % len(HABITS)].cumsum(axis=1)
        actions = (rng.random((batch, n, 1)) > habits[:, None]).sum(axis=2).clip(max=4)
        step = mine.step(actions)
        same_step(step, reference.step(actions))
        total += step.rewards.sum()
    return total


@pytest.mark.parametrize(
    ("rows", "columns", "height", "agents", "requests"),
    [(1, 3, 8, 2, 4), (1, 3, 8, 6, 12), (2, 3, 8, 4, 8), (1, 3, 2, 9, 3), (1, 5, 3, 5, 2)],
)
def test_it_is_rware_bit_for_bit(rows, columns, height, agents, requests):
    compare(*pair(rows, columns, height, agents, requests, limit=70), steps=75, batch=6, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize(("size", "agents"), [("tiny", 2), ("tiny", 4), ("tiny", 6), ("small", 6)])
def test_it_is_rware_over_many_random_steps(size, agents):
    compare(*pair(*SIZES[size], 8, agents, 2 * agents), steps=500, batch=30, seed=agents)


@pytest.mark.slow
def test_crowds_are_settled_as_in_rware():
    """Nine agents on 60 cells: queues, swaps, cycles and ties in most steps."""
    compare(*pair(1, 3, 2, 9, 3), steps=500, batch=12, seed=3)


def test_an_episode_depends_on_its_seed_and_actions_alone():
    layout, rng = Layout(1, 3), np.random.default_rng(0)
    actions = rng.integers(5, size=(40, 6, 4))
    together = Warehouses(layout, 4, 8)
    frames = [together.reset(np.arange(6)).observations, *(together.step(a).frame.observations for a in actions)]
    alone = Warehouses(layout, 4, 8)
    again = [alone.reset(np.array([4])).observations, *(alone.step(a[4:5]).frame.observations for a in actions)]
    np.testing.assert_array_equal([f[4] for f in frames], [f[0] for f in again])


def test_slots_begin_anew_while_others_go_on():
    env = Warehouses(Layout(1, 3), 2, 4, episode_limit=3)
    first = env.reset(np.array([5, 6]))
    env.step(np.ones((2, 2), np.int64))
    frame = env.reset(np.array([6]), slots=np.array([0]))
    np.testing.assert_array_equal(frame.observations[0], first.observations[1])
    steps = [env.step(np.ones((2, 2), np.int64)) for _ in range(4)]
    assert [s.truncated.tolist() for s in steps] == [[False, False], [False, True], [True, True], [True, True]]
    assert [np.isnan(s.metrics["deliveries"]).tolist() for s in steps] == [
        [True, True],
        [True, False],
        [False, True],
        [True, True],
    ]
    assert not steps[3].terminated.any()
    assert steps[2].frame.alive.tolist() == [[False] * 2] * 2
    np.testing.assert_array_equal(steps[1].frame.observations[1], steps[3].frame.observations[1])


def test_a_delivery_pays_the_team_once_and_counts():
    """An agent put on the goal's left with a requested shelf."""
    env = Warehouses(Layout(1, 3), 2, 4)
    env.reset(np.array([0]))
    shelf = int(np.flatnonzero(env.requested[0])[0])
    goal = env.layout.goals[0]
    env.agent_at[0], env.shelf_at[0, env.layout.slots[shelf]] = -1, -1
    env.cells[0], env.directions[0], env.carried[0] = [goal - 1, env.layout.cell(0, 0)], [3, 0], [shelf, -1]
    env.agent_at[0, env.cells[0]], env.shelf_at[0, goal - 1] = [0, 1], shelf
    step = env.step(np.array([[1, 0]]))
    assert step.rewards.tolist() == [1.0]
    assert env.deliveries.tolist() == [1.0]
    assert not env.requested[0, shelf]
    assert env.requested[0].sum() == 4
    assert env.step(np.array([[0, 0]])).rewards.tolist() == [0.0]


def test_episodes_report_which_convention_was_kept():
    """Experts that agree, that do not, and half of them: against the counts of recorded positions."""
    layout = Layout(1, 3)
    env, kept = Warehouses(layout, 2, 4, episode_limit=150), np.array([[0, 0], [1, 1], [0, 1]])
    frame, rng, cells = env.reset(np.arange(3)), np.random.default_rng(0), []
    experts = Experts(layout, kept)
    cells.append(env.cells.copy())
    for _ in range(150):
        step = env.step(experts.act(frame, rng.random((3, 2))))
        frame = step.frame
        cells.append(env.cells.copy())
    counted = np.stack([aisle_moves(layout, np.stack(cells)[:, e]) for e in range(3)])
    np.testing.assert_array_equal(env.moves, counted)
    assert step.metrics.keys() == set(env.spec.metrics)
    assert step.metrics["agree"].tolist() == [1, 1, 0]
    np.testing.assert_array_equal(step.metrics["outer_up_where_agreed"], [1, 0, np.nan])
    np.testing.assert_array_equal(np.isnan(step.metrics["deliveries_where_not_agreed"]), [True, True, False])
    assert step.metrics["deliveries_where_agreed"][:2].tolist() == env.deliveries[:2].tolist()
    again = env.step(np.ones((3, 2), np.int64))
    assert all(np.isnan(values).all() for values in again.metrics.values())
    np.testing.assert_array_equal(env.moves, counted)
    env.reset(np.array([3]), slots=np.array([1]))
    assert env.moves[1].sum() == 0
    assert Warehouses(Layout(1, 5), 2, 2).spec.metrics == ("deliveries",)


def test_the_papers_warehouses_have_names():
    for name, size in (("rware-tiny-2ag", 322), ("rware-small-6ag", 874)):
        with find_environment(name).open() as env:
            check_environment(env)
            assert (env.spec.name, env.spec.state_size, env.spec.horizon) == (name, size, 500)
    with find_environment("rware-small-4ag(episode_limit=20)").open(workers=2) as env, warehouse("small", 4) as alone:
        np.testing.assert_array_equal(env.reset(np.arange(3)).state, alone.reset(np.arange(3)).state)
    with pytest.raises(InvalidArgumentError, match="rware-tiny-2ag"):
        find_environment("rware-tiny-3ag")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Layout(0, 3), "rows"),
        (lambda: Layout(1, 2), "an odd number"),
        (lambda: Layout(1, 1, 2), "no slot"),
        (lambda: Warehouses(Layout(1, 3), 0, 1), "n_agents"),
        (lambda: Warehouses(Layout(1, 3), 2, 32), "n_requests"),
        (lambda: Warehouses(Layout(1, 3), 2, 4).step(np.zeros((1, 2), np.int64)), "a step before a reset"),
    ],
)
def test_what_makes_no_warehouse_is_refused(make, words):
    with pytest.raises(InvalidArgumentError, match=words):
        make()


@pytest.mark.parametrize("actions", [np.zeros((1, 3), np.int64), np.zeros((1, 2)), np.array([[0, 5]]), np.array([[-1, 0]])])
def test_other_actions_are_refused(actions):
    env = Warehouses(Layout(1, 3), 2, 4)
    env.reset(np.array([0]))
    with pytest.raises(InvalidArgumentError, match="actions"):
        env.step(actions)
