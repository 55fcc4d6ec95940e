"""The built-in datasets: the published counts, the recipes' numbers, one seed one dataset."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from dataset_samples import assert_same

from alberdice.datasets import joint_action_counts, load_dataset, make_builtin, open_dataset, write_dataset
from alberdice.datasets.builtin import RECIPES
from alberdice.errors import InvalidArgumentError, InvalidDataError

PUBLISHED = {
    "matrix-a": {"AB": 5000},
    "matrix-b": {"AB": 2464, "BA": 2536},
    "matrix-c": {"AA": 1671, "AB": 1651, "BA": 1678},
    "matrix-d": {"AA": 1271, "AB": 1281, "BA": 1210, "BB": 1238},
}
PAYOFF = {"AA": 0, "AB": 1, "BA": 1, "BB": -2}


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("seed", [0, 7])
def test_matrix_datasets_have_the_published_counts(name: str, seed: int) -> None:
    data = make_builtin(name, seed)
    actions, counts = joint_action_counts(data)
    assert {"".join("AB"[a] for a in row): int(n) for row, n in zip(actions, counts, strict=True)} == PUBLISHED[name]
    assert (data.n_episodes, data.n_steps) == (100, 5000)
    assert (data.lengths == 50).all()
    assert not data.terminated.any()
    assert data.truncated.sum() == 100
    np.testing.assert_array_equal(data.next_states, data.states)
    for row, reward in zip(data.actions, data.rewards, strict=True):
        assert reward == PAYOFF["".join("AB"[a] for a in row)]
    assert data.returns.mean() == pytest.approx(RECIPES[name].mean_return)


@pytest.fixture(scope="module")
def optimal() -> object:
    return make_builtin("bridge-optimal")


@pytest.fixture(scope="module")
def mix() -> object:
    return make_builtin("bridge-mix")


def test_bridge_optimal(optimal: object) -> None:
    data = optimal
    assert data.n_episodes == 500  # type: ignore[attr-defined]
    assert data.terminated.sum() == 500  # type: ignore[attr-defined]
    np.testing.assert_allclose(data.returns, -1.2354525995574739, rtol=1e-12)  # type: ignore[attr-defined]
    first = [tuple(row) for row in data.actions[data.starts].tolist()]  # type: ignore[attr-defined]
    assert set(first) == {(3, 3), (4, 4)}
    assert 180 < first.count((3, 3)) < 320


def test_bridge_mix(mix: object) -> None:
    data = mix
    assert data.n_episodes == 1000  # type: ignore[attr-defined]
    np.testing.assert_allclose(data.returns[:500], -1.2354525995574739, rtol=1e-12)  # type: ignore[attr-defined]
    assert (data.lengths[500:] <= 50).all()  # type: ignore[attr-defined]
    assert data.truncated.sum() > 400  # type: ignore[attr-defined]
    late = data.actions[data.starts[500] :]  # type: ignore[attr-defined]
    for agent in range(2):
        np.testing.assert_allclose(np.bincount(late[:, agent], minlength=5) / len(late), 0.2, atol=0.02)


def test_bridge_steps_obey_the_rules(mix: object) -> None:
    """Every recorded step against the game's own transition and reward."""
    from alberdice.games import bridge

    game = bridge()
    index = {tuple(game.observation(k)): k for k in range(196)}
    rows = mix.transitions  # type: ignore[attr-defined]
    cost = game.mmdp.reward
    for k in range(0, len(rows["actions"]), 7):
        state = index[tuple(rows["states"][k].astype(float))]
        joint = tuple(rows["actions"][k])
        successor = index[tuple(rows["next_states"][k].astype(float))]
        row = state * 25 + joint[0] * 5 + joint[1]
        assert game.mmdp.transition[row, successor] == 1
        assert rows["rewards"][k] == cost[(state, *joint)]
        np.testing.assert_array_equal(rows["observations"][k], np.stack([rows["states"][k]] * 2))


@pytest.mark.parametrize("name", [n for n in RECIPES if not n.startswith(("rware", "smax", "football"))])
def test_recipes_state_their_numbers(name: str, optimal: object, mix: object) -> None:
    data = {"bridge-optimal": optimal, "bridge-mix": mix}.get(name) or make_builtin(name)
    recipe = RECIPES[name]
    assert data.n_episodes == recipe.episodes  # type: ignore[attr-defined]
    assert recipe.steps in (None, data.n_steps)  # type: ignore[attr-defined]
    assert data.returns.mean() == pytest.approx(recipe.mean_return, rel=1e-6)  # type: ignore[attr-defined]
    assert data.name == name  # type: ignore[attr-defined]
    assert data.notes[-1] == f"Made by the recipe {name!r} with seed 0."  # type: ignore[attr-defined]


def test_seeds(optimal: object) -> None:
    assert_same(make_builtin("matrix-d", 3), make_builtin("matrix-d", 3))
    assert (make_builtin("matrix-d", 3).actions != make_builtin("matrix-d", 4).actions).any()
    assert_same(make_builtin("bridge-optimal"), optimal)  # type: ignore[arg-type]
    for seed in (-1, 0.5, True):
        with pytest.raises(InvalidArgumentError, match="seed"):
            make_builtin("matrix-a", seed)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="expected one of matrix-a"):
        make_builtin("matrix-e")


def test_one_name_for_every_dataset(tmp_path: Path) -> None:
    data = load_dataset("matrix-c", seed=2)
    assert_same(data, make_builtin("matrix-c", 2))
    place = write_dataset(data, "lab/c-v0", root=tmp_path)
    assert_same(load_dataset("lab/c-v0", root=tmp_path), data)
    assert_same(load_dataset(place), data)
    assert_same(load_dataset(str(place / "data")), data)
    assert_same(open_dataset(place), data)
    path = place / "data" / "metadata.json"
    metadata = json.loads(path.read_text())
    del metadata["alberdice"]
    path.write_text(json.dumps(metadata))
    foreign = load_dataset(place)
    assert_same(foreign, data)
    assert foreign.notes == ("Read from a Minari dataset.",)
    for name in ("nothing", "lab/d-v0", "../c-v0"):
        with pytest.raises(InvalidDataError, match="got nothing of that name, expected one of matrix-a"):
            load_dataset(name, root=tmp_path)
