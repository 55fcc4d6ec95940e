"""The small warehouse: its model against rware itself, its conventions, its data."""

import numpy as np
import pytest

from alberdice.environments import find_environment
from alberdice.environments.rware.exact import RingLayout, ring_warehouse
from alberdice.environments.rware.layout import FORWARD
from alberdice.evaluation import undiscounted_return
from alberdice.policy import FactorizedPolicy


@pytest.fixture(scope="module")
def game():
    return ring_warehouse()


@pytest.fixture(scope="module")
def conventions(game):
    return game.conventions


def of_rware(warehouse, layout):
    """(2, 2) poses and (2,) places of a warehouse of rware."""
    poses = [[layout.cell(agent.x, agent.y), int(agent.dir.value)] for agent in warehouse.agents]
    carried = {agent.carrying_shelf.id: k for k, agent in enumerate(warehouse.agents) if agent.carrying_shelf}
    (wanted,) = warehouse.request_queue
    (other,) = [shelf for shelf in warehouse.shelfs if shelf.id != wanted.id]
    return np.array(poses), [2 + carried[s.id] if s.id in carried else s.y - 1 for s in (wanted, other)]


def test_every_step_is_rwares(game):
    """On rware's own map of the same letters; agents start anywhere and drive at random."""
    rware = pytest.importorskip("rware.warehouse")
    kinds = {"reward_type": rware.RewardType.GLOBAL, "layout": "...\n.x.\n.x.\n.g."}
    warehouse = rware.Warehouse(3, 8, 1, 2, 0, 1, 1, None, None, **kinds)
    number = {(p.tobytes(), tuple(q)): k for k, (p, q) in enumerate(zip(game.poses, game.places.tolist(), strict=True))}
    rng, paid, model = np.random.default_rng(0), 0.0, game.mmdp
    for seed in range(6):
        warehouse.reset(seed=seed)
        poses, places = of_rware(warehouse, game.layout)
        state = number[poses.tobytes(), tuple(places)]
        for _ in range(300):
            actions = rng.choice(5, size=2, p=[0.05, 0.45, 0.15, 0.15, 0.2])
            reward = warehouse.step(actions.tolist())[1][0]
            row = state * 25 + actions[0] * 5 + actions[1]
            assert model.reward[(state, *actions)] == reward
            paid += reward
            poses, places = of_rware(warehouse, game.layout)
            after = number[poses.tobytes(), tuple(places)]
            assert model.transition.indices[model.transition.indptr[row] : model.transition.indptr[row + 1]].tolist() == [after]
            state = after
    assert paid > 0


def test_the_ways_round_are_equally_good_and_bad_together(game, conventions):
    first, second = (undiscounted_return(game.mmdp, policy, game.horizon) for policy in conventions)
    assert first == second == 14.0
    crossed = FactorizedPolicy([conventions[0].tables[0], conventions[1].tables[1]])
    assert undiscounted_return(game.mmdp, crossed, game.horizon) < 7


@pytest.mark.parametrize("way", [0, 1])
def test_nobody_drives_against_its_way(game, conventions, way):
    layout = game.layout
    for agent, table in enumerate(conventions[way].tables):
        cells, directions = game.poses[:, agent].T
        ring = layout.highway[cells]
        onto_slot = layout.is_inside[cells + layout.steps[directions]] & ~layout.highway[cells + layout.steps[directions]]
        wrong = ring & ~onto_slot & (directions != [layout.way(cell, way) if layout.highway[cell] else -1 for cell in cells])
        assert wrong.sum() > 1000
        assert table[wrong, FORWARD].max() == 0


def test_a_round_of_the_ring_visits_it_all():
    layout = RingLayout()
    for way in (0, 1):
        cell, seen = layout.cell(0, 0), []
        for _ in range(10):
            seen.append(cell)
            cell += layout.steps[layout.way(cell, way)]
        assert cell == layout.cell(0, 0)
        assert sorted(seen) == sorted(layout.inside[layout.highway[layout.inside]].tolist())


def test_its_data_are_the_occupancies_of_both_ways(game, conventions):
    data = game.data("conventions", 0.0)
    assert data.probabilities.sum() == pytest.approx(1)
    shown = data.observed.reshape(len(data.observed), -1)
    assert shown.sum(axis=1).max() <= 2  # one joint action per way
    start = data.probabilities.reshape(len(shown), -1).sum(axis=1)[:2]
    np.testing.assert_allclose(start, 0.05 * 0.5, atol=1e-9)  # (1 - gamma) p_0, as no state of the start is seen again
    with find_environment("rware-ring").open() as env:
        assert (env.spec.n_actions, env.spec.horizon) == ((5, 5), 60)
