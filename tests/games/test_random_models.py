"""Random models: what they promise, by counting; and that seeds, and nothing else, decide."""

from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import alberdice as ad
from alberdice.games import garnet, gridworld, random_data


def rng(seed=0):
    return np.random.default_rng(seed)


@settings(max_examples=60, deadline=None)
@given(
    n_states=st.integers(1, 12),
    n_actions=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    share=st.floats(0, 1),
    seed=st.integers(0, 2**32),
)
def test_garnet_has_exactly_the_successors_asked_for(n_states, n_actions, share, seed):
    fan = max(1, round(share * n_states))
    model = garnet(n_states, n_actions, fan, generator=rng(seed), discount=0.8)
    assert model.reward.shape == (n_states, *n_actions)
    assert model.discount == 0.8
    counts = (model.dense_transition() > 0).sum(axis=-1)
    assert (counts == fan).all()
    assert ((model.reward >= 0) & (model.reward < 1)).all()


def test_garnet_successors_and_probabilities_are_uniform():
    model = garnet(6, (40, 50), 3, generator=rng(1))
    dense = model.dense_transition().reshape(-1, 6)
    n = len(dense)
    subsets = [tuple(np.flatnonzero(row)) for row in dense]
    frequency = np.array([subsets.count(c) for c in itertools.combinations(range(6), 3)]) / n
    np.testing.assert_allclose(frequency, 1 / 20, atol=5 * (0.05 / n) ** 0.5)
    first = np.array([row[row > 0] for row in dense])
    np.testing.assert_allclose(first.mean(axis=0), 1 / 3, atol=0.01)
    np.testing.assert_allclose((first > 0.5).mean(axis=0), 0.25, atol=0.02)  # Pr(Beta(1, 2) > 1/2)


def test_garnet_initial_distribution():
    assert garnet(5, (2,), 2, generator=rng()).initial.tolist() == [1, 0, 0, 0, 0]
    start = garnet(5, (2,), 2, generator=rng(), n_initial=3).initial
    assert (start[:3] > 0).all()
    assert (start[3:] == 0).all()


@pytest.mark.parametrize(
    ("make", "moves_alike"),
    [
        (lambda g: garnet(30, (2, 3), 4, generator=g, n_initial=4), False),
        (lambda g: gridworld(3, 4, 2, generator=g), True),
    ],
    ids=["garnet", "gridworld"],
)
def test_one_seed_one_model(make, moves_alike):
    def parts(seed):
        model = make(rng(seed))
        return [model.transition.toarray(), model.reward, model.initial]

    assert all(np.array_equal(a, b) for a, b in zip(parts(3), parts(3), strict=True))
    same = [np.array_equal(a, b) for a, b in zip(parts(3), parts(4), strict=True)]
    assert same == [moves_alike, False, False]


def test_garnet_of_a_hundred_thousand_rows_stays_sparse():
    tracemalloc.start()
    model = garnet(4_000, (5, 5), 5, generator=rng())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert model.transition.nnz == 500_000
    assert peak < 60e6  # dense, it would take 3.2e9 bytes


@pytest.mark.slow
def test_garnet_of_the_benchmarks_size():
    model = garnet(100_000, (5, 5), 5, generator=rng())
    assert model.transition.nnz == 12_500_000


def gridworld_by_hand(height, width, n, goals, slip, collision):
    """P and r by looping over everything."""
    cells = list(itertools.product(range(height), range(width)))
    states = list(itertools.product(range(len(cells)), repeat=n))
    transition = np.zeros((len(states), *(5,) * n, len(states)))
    reward = np.zeros((len(states), *(5,) * n))
    steps = [(0, 0), (-1, 0), (1, 0), (0, 1), (0, -1)]
    for s, places in enumerate(states):
        on_goal = sum(c == g for c, g in zip(places, goals, strict=True)) / n
        pairs = [a == b for a, b in itertools.combinations(places, 2)]
        reward[s] = on_goal - collision * (sum(pairs) / len(pairs) if pairs else 0)
        for joint in itertools.product(range(5), repeat=n):
            for moved in itertools.product([True, False], repeat=n):
                chance, after = 1.0, []
                for c, a, ok in zip(places, joint, moved, strict=True):
                    chance *= 1 - slip if ok else slip
                    target = (cells[c][0] + steps[a][0], cells[c][1] + steps[a][1])
                    after.append(cells.index(target) if ok and target in cells else c)
                transition[(s, *joint, states.index(tuple(after)))] += chance
    return transition, reward


@pytest.mark.parametrize(
    ("height", "width", "n", "slip", "collision"), [(2, 3, 2, 0.2, 1.0), (1, 4, 1, 0.0, 1.0), (1, 2, 3, 0.3, 0.4)]
)
def test_gridworld_against_loops(height, width, n, slip, collision):
    model = gridworld(height, width, n, generator=rng(5), slip=slip, collision=collision)
    cells = height * width
    arrived = np.unravel_index(int((model.reward.reshape(cells**n, -1)[:, 0]).argmax()), (cells,) * n)
    replay = rng(5)
    goals = replay.choice(cells, n, replace=n > cells)
    starts = replay.choice(cells, n, replace=n > cells)
    if n <= cells:
        assert arrived == tuple(goals)  # all on their goals, apart: the best there is
    transition, reward = gridworld_by_hand(height, width, n, goals, slip, collision)
    np.testing.assert_allclose(model.dense_transition(), transition, atol=1e-15)
    np.testing.assert_allclose(model.reward, reward, atol=1e-15)
    assert np.unravel_index(int(model.initial.argmax()), (cells,) * n) == tuple(starts)


def test_gridworld_goals_and_starts_differ_between_agents():
    for seed in range(20):
        model = gridworld(2, 2, 4, generator=rng(seed))
        places = np.unravel_index(int(model.initial.argmax()), (4,) * 4)
        assert len(set(places)) == 4
        assert model.reward.max() == 1.0  # everybody on a goal and nobody in the way


def test_random_data():
    model = garnet(40, (3, 4), 2, generator=rng())
    full, half = random_data(model, rng(1)), random_data(model, rng(1), sparsity=0.5)
    assert full.observed.all()
    assert half.observed.mean() == pytest.approx(0.5, abs=0.1)
    np.testing.assert_array_equal(half.observed, half.probabilities > 0)
    assert half.probabilities.sum() == pytest.approx(1)
    assert random_data(model, rng(2), sparsity=1.0).observed.sum() == 1
    half.check_fits(model)
    assert np.array_equal(random_data(model, rng(1), sparsity=0.5).probabilities, half.probabilities)
    assert not np.array_equal(random_data(model, rng(9), sparsity=0.5).probabilities, half.probabilities)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: garnet(0, (2,), 1, generator=rng()), "n_states: got 0"),
        (lambda: garnet(3, 2, 1, generator=rng()), "n_actions: got 2, expected a number of actions per agent"),
        (lambda: garnet(3, (2, 0), 1, generator=rng()), r"n_actions\[1\]: got 0"),
        (lambda: garnet(3, (2,), 4, generator=rng()), "n_successors: got 4, expected a whole number from 1 to 3"),
        (lambda: garnet(3, (2,), 1, generator=rng(), n_initial=4), "n_initial: got 4"),
        (lambda: gridworld(2, 0, 1, generator=rng()), "width: got 0"),
        (lambda: gridworld(2, 2, 1, generator=rng(), slip=1.0), r"slip: got 1.0, expected a number in \[0, 1\)"),
        (lambda: gridworld(2, 2, 1, generator=rng(), collision=-1.0), "collision: got -1.0"),
        (lambda: random_data(garnet(2, (2,), 1, generator=rng()), rng(), sparsity=1.5), "sparsity: got 1.5"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ad.InvalidArgumentError, match=message):
        call()


def test_a_model_that_cannot_fit_is_refused_before_any_work():
    with pytest.raises(ad.ResourceError, match=r"nonzeros, about .* GiB that this process may use"):
        gridworld(100, 100, 4, generator=rng())
    with pytest.raises(ad.ResourceError, match="ask for fewer states"):
        garnet(10**9, (10, 10), 100, generator=rng())
