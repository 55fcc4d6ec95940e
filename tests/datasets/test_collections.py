"""Collections: mixtures of the shares asked for, resumed bit for bit, whole or not there."""

import json

import numpy as np
import pytest

from alberdice.datasets import open_dataset
from alberdice.datasets.collect import Collection, assigned, collect
from alberdice.environments import find_environment
from alberdice.environments.scripts import find_script
from alberdice.errors import InvalidArgumentError, InvalidDataError, ResourceError

PLAN = Collection("bridge", ("random", "tests:left"), episodes=7, seed=5, mix="agent", epsilon=0.2, part=3)


class Left:
    def act(self, frame, uniforms):
        return np.full(uniforms.shape, 4)


def run(plan, root, *, stop_after=None, name="lab/x-v0", **how):
    told = []

    def progress(done, total, returns):
        told.append(done)
        if stop_after == len(told):
            raise KeyboardInterrupt

    with find_environment(plan.environment).open() as env:
        makers = [find_script("random", env.spec), lambda numbers: Left()][: len(plan.policies)]
        return collect(plan, env, makers, name, root=root, progress=progress, **how), told


def same(a, b):
    for name in (
        "frame_states",
        "frame_observations",
        "frame_masks",
        "actions",
        "rewards",
        "terminated",
        "truncated",
        "lengths",
    ):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


def test_a_stopped_collection_goes_on_and_ends_in_the_same_bits(tmp_path):
    whole, told = run(PLAN, tmp_path / "a")
    assert told == [3, 6, 7]
    with pytest.raises(KeyboardInterrupt):
        run(PLAN, tmp_path / "b", stop_after=2)
    assert not (tmp_path / "b" / "lab" / "x-v0").exists()
    resumed, told = run(PLAN, tmp_path / "b")
    assert told == [7]
    same(open_dataset(whole), open_dataset(resumed))
    assert sorted(p.name for p in (tmp_path / "b" / "lab").iterdir()) == ["x-v0"]
    other, _ = run(Collection(**{**PLAN.__dict__, "part": 7}), tmp_path / "c")
    same(open_dataset(whole), open_dataset(other))


def test_the_dataset_says_where_it_comes_from(tmp_path):
    data = open_dataset(run(PLAN, tmp_path)[0])
    header = data.header
    assert (header.environment, header.team_reward, header.episode_limit) == ("bridge", "mean", 20)
    assert header.agents == ("agent_1", "agent_2")
    assert header.recipe == "collect random + tests:left mix=agent epsilon=0.2 seed=5"
    assert data.n_episodes == 7


def test_another_plan_is_refused_and_nothing_is_lost(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(PLAN, tmp_path, stop_after=1)
    other = Collection(**{**PLAN.__dict__, "epsilon": 0.1})
    with pytest.raises(InvalidArgumentError, match=r"epsilon: got 0\.1, expected 0\.2, with which it was begun"):
        run(other, tmp_path)
    assert run(PLAN, tmp_path)[1] == [6, 7]
    with pytest.raises(InvalidArgumentError, match="an id that is taken"):
        run(PLAN, tmp_path)
    run(other, tmp_path, overwrite=True)


def test_a_damaged_part_is_named(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(PLAN, tmp_path, stop_after=1)
    folder = tmp_path / "lab" / ".x-v0.collecting"
    (folder / "part-000000.npz").write_bytes(b"nothing")
    with pytest.raises(InvalidDataError, match=r"part-000000\.npz"):
        run(PLAN, tmp_path)
    (folder / "part-000000.npz").unlink()
    run(PLAN, tmp_path)


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    folder = tmp_path / "lab" / ".x-v0.collecting"
    folder.mkdir(parents=True)
    (folder / "mine.txt").write_text("mine")
    with pytest.raises(InvalidArgumentError, match="nothing was touched"):
        run(PLAN, tmp_path)
    assert (folder / "mine.txt").read_text() == "mine"
    (folder / "plan.json").write_text(json.dumps({"episodes": 2}))
    with pytest.raises(InvalidArgumentError, match="with which it was begun"):
        run(PLAN, tmp_path)


def test_policies_play_their_shares():
    plan = Collection("bridge", ("a", "b", "c"), episodes=1, seed=1, shares=(1, 2, 1))
    rows = assigned(plan, np.arange(4000), 3)
    assert (rows == rows[:, :1]).all()
    assert np.bincount(rows[:, 0]) / 4000 == pytest.approx([0.25, 0.5, 0.25], abs=0.03)
    rows = assigned(Collection("bridge", ("a", "b"), episodes=1, seed=1, mix="agent"), np.arange(4000), 2)
    assert np.bincount(rows[:, 0] * 2 + rows[:, 1]) / 4000 == pytest.approx([0.25] * 4, abs=0.03)
    np.testing.assert_array_equal(assigned(plan, np.array([17]), 3)[0], assigned(plan, np.arange(20), 3)[17])


def test_left_plays_where_it_is_assigned(tmp_path):
    plan = Collection(**{**PLAN.__dict__, "epsilon": 0.0, "episodes": 12})
    data = open_dataset(run(plan, tmp_path)[0])
    rows = assigned(plan, np.arange(12), 2)
    for episode in data.episodes:
        for agent in range(2):
            only_left = bool((episode.actions[:, agent] == 4).all())
            assert only_left == bool(rows[episode.index, agent] == 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"episodes": 0}, "episodes"),
        ({"epsilon": 1.5}, "epsilon"),
        ({"policies": ()}, "at least one"),
        ({"shares": (1.0,)}, "one per policy"),
        ({"shares": (1.0, 0.0)}, "one per policy"),
        ({"mix": "step"}, "'episode' or 'agent'"),
        ({"seed": -1}, "seed"),
    ],
)
def test_plans_out_of_range_are_refused(change, words):
    with pytest.raises(InvalidArgumentError, match=words):
        Collection(**{**PLAN.__dict__, **change})


@pytest.mark.parametrize("episodes", [10**10, 2**63, 10**20])
def test_more_episodes_than_memory_holds_are_refused_before_one_is_played(episodes):
    with pytest.raises(ResourceError, match=f"episodes: got {episodes:,} steps .* expected at most the memory"):
        Collection(**{**PLAN.__dict__, "episodes": episodes})
