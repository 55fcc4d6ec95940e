"""What goes out comes back bit for bit, on every field that the format can hold; what it cannot hold is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dataset_files import minari_buffers, pymarl_arrays, save_cfcql, save_pymarl
from dataset_samples import assert_same, sample_dataset
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alberdice.datasets import (
    Episode,
    EpisodeArrays,
    OfflineDataset,
    from_episodes,
    open_dataset,
    read_cfcql,
    read_joint_actions,
    read_minari,
    read_pymarl,
    read_vault,
    write_dataset,
    write_joint_actions,
    write_pymarl,
    write_vault,
)
from alberdice.errors import InvalidDataError

VARIANTS = {
    "plain": {},
    "float64": {"kind": np.float64, "reward_kind": np.float64},
    "unequal actions": {"n_actions": (3, 5, 2, 4)},
    "no masks": {"masks": False, "n_actions": (3, 5, 2)},
    "one agent": {"n_actions": (7,), "observation_size": 3},
    "bytes": {"kind": np.uint8},
    "one step": {"lengths": (1, 1, 1), "ends": "terminated"},
    "one long": {"lengths": (31,), "ends": "truncated"},
    "no final frames": {"known": False},
    "no final frames, no masks": {"known": False, "masks": False},
}


def make(name: str) -> OfflineDataset:
    return sample_dataset(np.random.default_rng(17), **VARIANTS[name])  # type: ignore[arg-type]


@pytest.mark.parametrize("variant", VARIANTS)
def test_native_store_holds_everything(variant: str, tmp_path: Path) -> None:
    data = make(variant).with_notes("one note", "another")
    write_dataset(data, "lab/x-v0", root=tmp_path)
    back = open_dataset("lab/x-v0", root=tmp_path)
    assert_same(back, data)
    assert (back.name, back.notes) == (data.name, data.notes)
    assert_same(open_dataset(tmp_path / "lab" / "x-v0"), data)


@pytest.mark.parametrize("variant", VARIANTS)
def test_minari_itself_opens_the_native_store(variant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    minari = pytest.importorskip("minari")
    data = make(variant)
    write_dataset(data, "lab/x-v3", root=tmp_path)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    assert list(minari.list_local_datasets()) == ["lab/x-v3"]
    opened = minari.load_dataset("lab/x-v3")
    assert opened.total_steps == data.n_steps
    assert opened.action_space.nvec.tolist() == list(data.n_actions)
    assert opened.observation_space.shape == (data.n_agents, data.observation_size)
    assert opened.observation_space.dtype == data.observations.dtype
    for ours, theirs in zip(data.episodes, opened.iterate_episodes(), strict=True):
        assert theirs.observations[: len(ours)].tobytes() == ours.observations.tobytes()
        assert len(theirs.observations) == len(ours) + (ours.final_state is not None)
        assert theirs.actions.tolist() == ours.actions.tolist()
        assert theirs.rewards.tobytes() == ours.rewards.tobytes()
        assert theirs.infos["state"][: len(ours)].tobytes() == ours.states.tobytes()
        assert ("avail_actions" in theirs.infos) == (data.frame_masks is not None)
        np.testing.assert_array_equal(theirs.terminations, ours.terminated)
        np.testing.assert_array_equal(theirs.truncations, ours.truncated)
    if "no final" not in variant:
        assert_same(read_minari(tmp_path / "lab" / "x-v3"), data)


@pytest.mark.parametrize("variant", [v for v in VARIANTS if v != "no final frames" and "no final frames, " not in v])
def test_pymarl_without_marked_time_limits_is_exact(variant: str, tmp_path: Path) -> None:
    data = make(variant)
    losses = write_pymarl(data, tmp_path / "buffer", mark_time_limits=False)
    assert_same(read_pymarl(tmp_path / "buffer"), data, masks=False)
    assert bool(losses) == (data.frame_masks is None)


def test_pymarl_with_marked_time_limits_needs_the_limit(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    parts = [sample_dataset(rng, lengths=(4, 9, 1), ends="terminated"), sample_dataset(rng, lengths=(11, 11), ends="truncated")]
    from alberdice.datasets import concatenate

    data = concatenate("both", parts)
    losses = write_pymarl(data, tmp_path / "buffer")
    assert any("episode_limit" in loss for loss in losses)
    limited = read_pymarl(tmp_path / "buffer", episode_limit=11)
    assert_same(limited, data)
    assert any("2 episodes of exactly 11 steps are truncated, 3 shorter ones terminated" in note for note in limited.notes)
    plain = read_pymarl(tmp_path / "buffer")
    assert_same(plain, data, ends=False)
    assert plain.terminated.sum() == 5
    assert any("No episode limit was given" in note for note in plain.notes)


def test_pymarl_without_a_header_is_read_by_what_is_filled(tmp_path: Path) -> None:
    data = make("unequal actions")
    write_pymarl(data, tmp_path / "buffer", mark_time_limits=False)
    (tmp_path / "buffer" / "meta.json").unlink()
    for path in (tmp_path / "buffer").glob("*.npy"):  # a buffer with room for more
        array = np.load(path)
        np.save(path, np.concatenate([array, np.zeros((3, *array.shape[1:]), array.dtype)]))
    read = read_pymarl(tmp_path / "buffer", n_actions=data.n_actions)
    assert_same(read, data, masks=False)
    assert f"by filled.npy {data.n_episodes} of {data.n_episodes + 3} rows of the buffer" in " ".join(read.notes)


def test_pymarl_rows_without_final_frames(tmp_path: Path) -> None:
    data = sample_dataset(np.random.default_rng(3), known=False, ends="terminated")
    write_pymarl(data, tmp_path / "buffer")
    back = read_pymarl(tmp_path / "buffer")
    assert_same(back, data)
    assert any("no final frame" in note for note in back.notes)
    cut = sample_dataset(np.random.default_rng(3), known=False)
    with pytest.raises(InvalidDataError, match="one step shorter"):
        write_pymarl(cut, tmp_path / "other", mark_time_limits=False)
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("variant", ["plain", "float64", "one agent", "one step"])
def test_pymarl_files_from_the_description(variant: str, tmp_path: Path) -> None:
    data = make(variant)
    arrays = pymarl_arrays(data, np.random.default_rng(0), mark_time_limits=False)
    back = read_pymarl(save_pymarl(tmp_path / "buffer", arrays))
    assert_same(back, data)
    assert any("never played" in note for note in back.notes)


def test_pymarl_buffers_larger_than_their_episodes(tmp_path: Path) -> None:
    data = make("plain")
    arrays = pymarl_arrays(data, np.random.default_rng(0), mark_time_limits=False)
    longer = {name: np.concatenate([array, np.zeros_like(array[:2])]) for name, array in arrays.items()}
    directory = save_pymarl(tmp_path / "buffer", longer, episodes_in_buffer=4, buffer_size=6, buffer_index=4)
    assert_same(read_pymarl(directory), data)


def test_big_endian_and_fortran_arrays_are_read_as_what_they_say(tmp_path: Path) -> None:
    data = make("plain")
    arrays = pymarl_arrays(data, np.random.default_rng(0), mark_time_limits=False)
    arrays["obs"] = np.asfortranarray(arrays["obs"].astype(">f4"))
    assert_same(read_pymarl(save_pymarl(tmp_path / "buffer", arrays)), data)


@pytest.mark.parametrize("variant", ["plain", "float64", "one agent", "one step"])
def test_cfcql_files_from_the_description(variant: str, tmp_path: Path) -> None:
    data = make(variant)
    rng = np.random.default_rng(0)
    path = save_cfcql(tmp_path / "3m_expert.h5", pymarl_arrays(data, rng, mark_time_limits=False), rng)
    back = read_cfcql(path)
    assert_same(back, data)
    assert back.name == "3m_expert"
    assert any("probs" in note for note in back.notes)


@pytest.mark.parametrize("variant", VARIANTS)
def test_vault_keeps_every_row(variant: str, tmp_path: Path) -> None:
    data = make(variant)
    losses = write_vault(data, tmp_path / "rware" / "Expert")
    back = read_vault(tmp_path / "rware" / "Expert")
    assert_same(back, data, finals=False)
    assert back.name == "rware/Expert"
    assert not back.final_known.any()
    assert len(back.usable) == data.n_steps - data.truncated.sum()
    assert any("no transition" in note for note in back.notes) == bool(data.truncated.any())
    assert any("final frames" in loss for loss in losses) == bool(data.final_known.any())
    assert_same(read_vault(tmp_path / "rware"), data, finals=False)
    if not data.final_known.any():
        assert_same(back, data)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=6),
    n_actions=st.lists(st.integers(2, 6), min_size=1, max_size=4),
    seed=st.integers(0, 10_000),
    masks=st.booleans(),
)
def test_any_dataset_survives_all_formats(
    lengths: list[int], n_actions: list[int], seed: int, masks: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tmp = tmp_path_factory.mktemp("any")
    data = sample_dataset(np.random.default_rng(seed), lengths=tuple(lengths), n_actions=tuple(n_actions), masks=masks)
    write_dataset(data, "x-v0", root=tmp)
    write_pymarl(open_dataset("x-v0", root=tmp), tmp / "buffer", mark_time_limits=False)
    write_vault(read_pymarl(tmp / "buffer"), tmp / "vault" / "u")
    assert_same(open_dataset("x-v0", root=tmp), data)
    assert_same(read_pymarl(tmp / "buffer"), data, masks=False)
    assert_same(read_vault(tmp / "vault" / "u"), data, finals=False, masks=False)


@pytest.mark.parametrize("shape", ["stacked", "tuple", "dict"])
@pytest.mark.parametrize("variant", ["plain", "float64", "unequal actions", "no masks", "one step"])
def test_minari_datasets_of_others(shape: str, variant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    minari = pytest.importorskip("minari")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    data = make(variant)
    buffers, observation_space, action_space = minari_buffers(data, shape)
    with pytest.warns(UserWarning, match=r"\w"):
        minari.create_dataset_from_buffers(
            "lab/theirs-v0", buffers, observation_space=observation_space, action_space=action_space, data_format="hdf5"
        )
    back = read_minari(tmp_path / "lab" / "theirs-v0")
    expected = data
    if shape == "dict":
        order = range(data.n_agents)[::-1]  # dict spaces sort their keys, and the names run backwards
        expected = from_episodes(
            "reversed",
            [data.n_actions[i] for i in order],
            [_reorder(e, list(order), data.frame_masks is not None) for e in data.episodes],
        )
        assert any("robot_" in note for note in back.notes)
    assert_same(back, expected)


def _reorder(e: Episode, order: list[int], masks: bool) -> EpisodeArrays:
    assert e.final_state is not None
    assert e.final_observation is not None
    assert e.final_action_mask is not None
    return EpisodeArrays(
        states=np.concatenate([e.states, e.final_state[None]]),
        observations=np.concatenate([e.observations, e.final_observation[None]])[:, order],
        actions=e.actions[:, order],
        rewards=e.rewards,
        terminated=bool(e.terminated[-1]),
        action_masks=np.concatenate([e.action_masks, e.final_action_mask[None]])[:, order] if masks else None,
    )


def test_minari_dataset_of_one_agent_without_infos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    minari = pytest.importorskip("minari")
    from gymnasium import spaces
    from minari.data_collector import EpisodeBuffer

    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    rng = np.random.default_rng(0)
    seen = rng.normal(size=(6, 3))
    buffer = EpisodeBuffer(
        observations=seen,
        actions=np.array([0, 1, 1, 0, 2]),
        rewards=np.arange(5.0),
        terminations=np.zeros(5, bool),
        truncations=np.zeros(5, bool),
        infos={"speed": np.arange(6)},
    )
    with pytest.warns(UserWarning, match=r"\w"):
        minari.create_dataset_from_buffers(
            "solo-v0", [buffer], observation_space=spaces.Box(-9, 9, (3,), np.float64), action_space=spaces.Discrete(3)
        )
    back = read_minari(tmp_path / "solo-v0")
    assert back.n_actions == (3,)
    assert back.state_size == 0
    np.testing.assert_array_equal(back.frame_observations[:5, 0], seen[:5])
    np.testing.assert_array_equal(back.next_observations[4, 0], seen[5])
    assert back.truncated.tolist() == [False] * 4 + [True]
    assert any("neither terminated nor truncated" in note for note in back.notes)
    assert any("speed" in note for note in back.notes)


@pytest.mark.parametrize("suffix", ["csv", "json"])
def test_tables_of_joint_actions(suffix: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    plays = rng.integers(0, [3, 2, 4], (200, 3))
    one = np.ones((2, 1))
    episodes = [
        EpisodeArrays(one, np.ones((2, 3, 1)), row[None], np.array([0.1 + row.sum() / 3]), terminated=True) for row in plays
    ]
    data = from_episodes("plays", (3, 2, 5), episodes)
    path = tmp_path / f"plays.{suffix}"
    losses = write_joint_actions(data, path)
    back = read_joint_actions(path, n_actions=(3, 2, 5) if suffix == "csv" else None)
    assert_same(back, data, finals=False)
    assert any("numbers of actions" in loss for loss in losses) == (suffix == "csv")
    again = tmp_path / f"again.{suffix}"
    write_joint_actions(back, again)
    assert again.read_bytes() == path.read_bytes()


def test_counts_are_plays(tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    path.write_text("agent_1,agent_2,reward,count\n0,1,1,3\n1,1,-2,2\n")
    data = read_joint_actions(path)
    assert data.actions.tolist() == [[0, 1]] * 3 + [[1, 1]] * 2
    assert data.rewards.tolist() == [1, 1, 1, -2, -2]
    assert data.n_actions == (2, 2)
    assert data.terminated.all()
    assert any("by the largest ones seen" in note for note in data.notes)
    path.write_text("agent_1,reward\n4,0.5\n")
    assert read_joint_actions(path).n_actions == (5,)
