import numpy as np
import pytest

import alberdice as ad
from alberdice.tabular import alternate
from alberdice.tabular.selection import select_equilibrium


def climbing(starts=12, seed=0, **options):
    game = ad.games.climbing_game()
    generator = np.random.default_rng(seed)
    return game, select_equilibrium(game.mmdp, game.data("uniform"), 0.5, starts, generator=generator, **options)


def test_distinct_ends_best_first_and_every_start_counted_once():
    game, found = climbing()
    values = [e.value for e in found.equilibria]
    assert len(values) >= 2
    assert values == sorted(values, reverse=True)
    assert found.best is found.equilibria[0].run
    assert sorted(k for e in found.equilibria for k in e.starts) == list(range(12))
    visits = [ad.occupancy(game.mmdp, e.run.policy) for e in found.equilibria]
    for i, first in enumerate(visits):
        for second in visits[i + 1 :]:
            assert 0.5 * np.abs(first - second).sum() > 1e-4
    for e in found.equilibria:
        assert e.value == e.run.nash.value
        assert e.run.nash.epsilon < 1e-7


def test_more_starts_find_the_shielded_optimum():
    game, found = climbing()
    alone = alternate(game.mmdp, game.data("uniform"), 0.5)
    assert found.best.nash.value >= alone.nash.value
    assert found.best.policy.joint()[0, 0, 0] > 0.99  # 11, behind losses of 30


def test_the_first_start_is_the_data_s_marginals_in_order():
    game, found = climbing(starts=1)
    expected = alternate(game.mmdp, game.data("uniform"), 0.5)
    np.testing.assert_array_equal(found.best.policy.joint(), expected.policy.joint())


def test_one_seed_one_answer_whatever_the_processes():
    _, first = climbing(starts=5, processes=1)
    _, second = climbing(starts=5, processes=2)
    assert [(e.value, e.starts) for e in first.equilibria] == [(e.value, e.starts) for e in second.equilibria]
    for a, b in zip(first.equilibria, second.equilibria, strict=True):
        np.testing.assert_array_equal(a.run.policy.joint(), b.run.policy.joint())


def test_starts_stay_inside_the_data_s_marginals():
    game = ad.games.matrix_game(np.eye(3))
    counts = np.array([[[4, 0, 2], [0, 0, 0], [1, 0, 3.0]]])  # neither agent ever plays B
    data = ad.DataDistribution.from_counts(counts, floor=0.0)
    found = select_equilibrium(game.mmdp, data, 0.5, 6, generator=np.random.default_rng(1))
    for e in found.equilibria:
        assert np.isfinite(e.value)
        assert e.run.policy[0][0, 1] == e.run.policy[1][0, 1] == 0.0


def test_an_error_in_a_worker_arrives_as_it_is(monkeypatch):
    """Errors cross the process boundary with their parts."""
    from alberdice.tabular import selection

    monkeypatch.setattr(selection, "_run", _fails_elsewhere)
    with pytest.raises(ad.SolverError, match="best response of agent 1: got stalled, expected a gap; try"):
        climbing(starts=3, processes=2)


def _fails_elsewhere(job):
    import multiprocessing

    if multiprocessing.parent_process() is None:
        return alternate(*job[:3], start=job[3])
    raise ad.SolverError("best response of agent 1", got="stalled", expected="a gap", remedy="try another method")


def test_at_least_one_start():
    with pytest.raises(ad.InvalidArgumentError, match="starts: got 0, expected a whole number >= 1"):
        climbing(starts=0)
