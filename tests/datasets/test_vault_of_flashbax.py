"""Two small vaults that Flashbax wrote (fixtures/make_vault.py) read exactly, in both metadata forms."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from dataset_samples import assert_same

from alberdice.datasets import read_vault
from alberdice.datasets.formats.vault import kvstore
from alberdice.errors import InvalidDataError

HERE = Path(__file__).parent / "fixtures"
_spec = importlib.util.spec_from_file_location("make_vault", HERE / "make_vault.py")
assert _spec is not None
assert _spec.loader is not None
make_vault = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make_vault)


@pytest.mark.parametrize("trailing", [False, True])
def test_reads_exactly(trailing: bool) -> None:
    data = read_vault(HERE / "vaults" / ("trailing" if trailing else "flat") / "Expert")
    rows = make_vault.rows(trailing)
    assert data.observations.tobytes() == rows["observations"].tobytes()
    assert data.states.tobytes() == rows["infos"]["state"].tobytes()
    assert data.actions.tolist() == rows["actions"].reshape(23, 3).tolist()
    assert data.rewards.tobytes() == rows["rewards"][:, 0].tobytes()
    np.testing.assert_array_equal(data.action_masks, rows["infos"]["legals"] == 1)
    assert data.lengths.tolist() == [5, 1, 7, 10]
    assert np.flatnonzero(data.terminated).tolist() == [4, 5]
    assert np.flatnonzero(data.truncated).tolist() == [12, 22]
    assert data.usable.tolist() == [*range(12), *range(13, 22)]
    assert data.n_actions == (5, 5, 5)
    form = json.loads((HERE / "vaults" / ("trailing" if trailing else "flat") / "Expert" / "metadata.json").read_text())
    assert ("structure" in form) == trailing


def test_options_for_agents_that_disagree(tmp_path: Path) -> None:
    """Per-agent rewards and ends: refused as they are, combined on request."""
    import tensorstore as ts

    vault = tmp_path / "v" / "u"
    shutil.copytree(HERE / "vaults" / "flat" / "Expert", vault)
    rows = make_vault.rows(False)
    rewards, ends = rows["rewards"].copy(), rows["terminals"].copy()
    rewards[3] = [1, 2, 6]
    ends[2] = [1, 0, 1]
    ts.open(kvstore(vault, "rewards.")).result()[0, 0:23].write(rewards).result()
    with pytest.raises(InvalidDataError, match=r"rewards\[0, 3\]: got \[1.0, 2.0, 6.0\]"):
        read_vault(vault)
    assert read_vault(vault, team_reward="mean").rewards[3] == 3
    assert read_vault(vault, team_reward="sum").rewards[3] == 9
    ts.open(kvstore(vault, "terminals.")).result()[0, 0:23].write(ends).result()
    with pytest.raises(InvalidDataError, match=r"terminals\[0, 2\]: got \[1.0, 0.0, 1.0\]"):
        read_vault(vault, team_reward="mean")
    assert read_vault(vault, team_reward="mean", ends="all").lengths.tolist() == [5, 1, 7, 10]


def test_a_stream_that_stops_inside_an_episode_is_kept_and_said(tmp_path: Path) -> None:
    import tensorstore as ts

    vault = tmp_path / "v" / "u"
    shutil.copytree(HERE / "vaults" / "flat" / "Expert", vault)
    ts.open(kvstore(vault, "vault_index")).result().write(np.array([20], np.int32)).result()
    data = read_vault(vault)
    assert data.lengths.tolist() == [5, 1, 7, 7]
    assert data.truncated[-1]
    assert any("stop inside an episode" in note for note in data.notes)


def test_leaves_that_are_not_read_are_named(tmp_path: Path) -> None:
    vault = tmp_path / "v" / "u"
    shutil.copytree(HERE / "vaults" / "flat" / "Expert", vault)
    path = vault / "metadata.json"
    metadata = json.loads(path.read_text())
    for key in ("structure_shape", "structure_dtype"):
        metadata[key]["values"] = metadata[key]["rewards"]
    path.write_text(json.dumps(metadata))
    assert any("not read: values" in note for note in read_vault(vault).notes)


def test_the_oldest_vaults_name_their_leaves_as_expressions(tmp_path: Path) -> None:
    """Keys such as ['infos']['state'] instead of infos.state., and leaves [shape, dtype] in the metadata."""
    import tensorstore as ts

    vault = tmp_path / "v" / "u"
    vault.mkdir(parents=True)
    rows = make_vault.rows(False)
    leaves = {f"['{key}']": value for key, value in rows.items() if key != "infos"}
    leaves |= {f"['infos']['{key}']": value for key, value in rows["infos"].items()}
    structure: dict[str, object] = {"infos": {}}
    for key, value in leaves.items():
        store = ts.open(
            kvstore(vault, key), shape=(1, 10**13, *value.shape[1:]), dtype=ts.dtype(value.dtype), create=True
        ).result()
        store[0, : len(value)].write(value).result()
        parts = key.strip("[']").split("']['")
        where = structure["infos"] if len(parts) == 2 else structure
        where[parts[-1]] = [str((1, *value.shape)), value.dtype.name]  # type: ignore[index]
    index = ts.open(kvstore(vault, "vault_index"), shape=(1,), dtype=ts.int32, create=True).result()
    index.write(np.array([23], np.int32)).result()
    (vault / "metadata.json").write_text(json.dumps({"version": 0.1, "structure": structure}))
    assert_same(read_vault(vault), read_vault(HERE / "vaults" / "flat" / "Expert"))


def test_several_streams_follow_each_other(tmp_path: Path) -> None:
    """B = 2: the second stream is the first one backwards in its rewards, and all else equal."""
    import tensorstore as ts

    vault = tmp_path / "v" / "u"
    vault.mkdir(parents=True)
    rows = make_vault.rows(False)
    leaves = {f"{key}.": value for key, value in rows.items() if key != "infos"}
    leaves |= {f"infos.{key}.": value for key, value in rows["infos"].items()}
    shapes: dict[str, object] = {"infos": {}}
    kinds: dict[str, object] = {"infos": {}}
    for key, value in leaves.items():
        store = ts.open(
            kvstore(vault, key), shape=(2, 10**13, *value.shape[1:]), dtype=ts.dtype(value.dtype), create=True
        ).result()
        store[0, : len(value)].write(value).result()
        store[1, : len(value)].write(value[::-1] if key == "rewards." else value).result()
        *head, tail = key.strip(".").split(".")
        for tree, entry in ((shapes, str((2, *value.shape))), (kinds, value.dtype.name)):
            (tree["infos"] if head else tree)[tail] = entry  # type: ignore[index]
    ts.open(kvstore(vault, "vault_index"), shape=(1,), dtype=ts.int32, create=True).result().write(
        np.array([23], np.int32)
    ).result()
    (vault / "metadata.json").write_text(json.dumps({"version": 1.2, "structure_shape": shapes, "structure_dtype": kinds}))
    data, one = read_vault(vault), read_vault(HERE / "vaults" / "flat" / "Expert")
    assert data.lengths.tolist() == [5, 1, 7, 10] * 2
    np.testing.assert_array_equal(data.rewards, np.concatenate([one.rewards, one.rewards[::-1]]))
    for half in (slice(0, 23), slice(23, 46)):
        np.testing.assert_array_equal(data.observations[half], one.observations)
        np.testing.assert_array_equal(data.states[half], one.states)
        np.testing.assert_array_equal(data.action_masks[half], one.action_masks)
        np.testing.assert_array_equal(data.terminated[half], one.terminated)
