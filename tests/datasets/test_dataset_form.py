"""The in-memory form: indices, views, windows, torch, memory mapping, and building."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from dataset_samples import assert_same, sample_dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from alberdice.datasets import (
    EpisodeArrays,
    OfflineDataset,
    concatenate,
    from_episodes,
    from_transitions,
    open_dataset,
    write_dataset,
    write_vault,
)
from alberdice.datasets import memory as memory_module
from alberdice.errors import InvalidArgumentError, InvalidDataError, ResourceError
from alberdice.files import claim


@pytest.fixture
def data() -> OfflineDataset:
    return sample_dataset(np.random.default_rng(1), n_actions=(3, 4, 2))


def test_layout_by_hand() -> None:
    """Two episodes of lengths 2 and 1, every number written out."""
    episodes = [
        EpisodeArrays(
            states=np.array([[0.0], [1.0], [2.0]]),
            observations=np.array([[[0.0], [10.0]], [[1.0], [11.0]], [[2.0], [12.0]]]),
            actions=np.array([[0, 1], [1, 0]]),
            rewards=np.array([5.0, 6.0]),
            terminated=False,
        ),
        EpisodeArrays(
            states=np.array([[3.0], [4.0]]),
            observations=np.array([[[3.0], [13.0]], [[4.0], [14.0]]]),
            actions=np.array([[1, 1]]),
            rewards=np.array([7.0]),
            terminated=True,
        ),
    ]
    data = from_episodes("hand", (2, 2), episodes)
    assert data.states[:, 0].tolist() == [0, 1, 3]
    assert data.next_states[:, 0].tolist() == [1, 2, 4]
    assert data.next_observations[:, 1, 0].tolist() == [11, 12, 14]
    assert data.next_row.tolist() == [1, 3, 4]
    assert data.episode.tolist() == [0, 0, 1]
    assert data.time.tolist() == [0, 1, 0]
    assert data.terminated.tolist() == [False, False, True]
    assert data.truncated.tolist() == [False, True, False]
    assert data.returns.tolist() == [11, 7]
    assert data.usable.tolist() == [0, 1, 2]
    assert data.frame_masks is None
    assert data.action_masks.shape == (3, 2, 2)
    assert data.action_masks.all()


def test_transitions_agree_with_episodes(data: OfflineDataset) -> None:
    rows = data.transitions
    for episode in data.episodes:
        for t in range(len(episode)):
            k = episode.start + t
            after = episode.observations[t + 1] if t + 1 < len(episode) else episode.final_observation
            np.testing.assert_array_equal(rows["next_observations"][k], after)
            np.testing.assert_array_equal(rows["observations"][k], episode.observations[t])
            assert rows["time"][k] == t
            assert rows["episode"][k] == episode.index
    assert rows["next_known"].all()


def test_unknown_finals_are_flagged_and_never_invented() -> None:
    data = sample_dataset(np.random.default_rng(2), known=False)
    cut = data.truncated
    assert cut.any()
    np.testing.assert_array_equal(data.usable, np.flatnonzero(~cut))
    rows = data.transitions
    assert len(rows["actions"]) == data.n_steps - cut.sum()
    unknown = ~rows["next_known"]
    np.testing.assert_array_equal(unknown, rows["terminated"])
    assert not rows["next_observations"][unknown].any()
    assert not rows["next_action_masks"][unknown].any()
    assert data.get_episode(0).final_state is None
    bare = sample_dataset(np.random.default_rng(2), known=False, masks=False)
    assert not bare.next_action_masks[~bare.next_known].any()
    assert bare.next_action_masks[bare.next_known].all()


def test_views_share_memory_and_are_read_only(data: OfflineDataset) -> None:
    assert np.shares_memory(data.states, data.frame_states)
    episode = data.get_episode(2)
    assert np.shares_memory(episode.observations, data.frame_observations)
    with pytest.raises(ValueError, match="read-only"):
        data.rewards[0] = 1.0
    assert episode.undiscounted_return == pytest.approx(float(data.returns[2]))


def test_windows_against_a_loop(data: OfflineDataset) -> None:
    index, k = np.array([0, 6, 7, 8, 12, 19]), 4
    windows = data.windows(index, k)
    for row, last in enumerate(index):
        for back in range(k):
            step = last - (k - 1 - back)
            inside = step >= 0 and data.episode[step] == data.episode[last]
            assert windows["valid"][row, back] == inside
            for key in ("states", "observations", "actions", "rewards", "action_masks", "terminated"):
                expected = getattr(data, key)[step] if inside else np.zeros_like(getattr(data, key)[0])
                np.testing.assert_array_equal(windows[key][row, back], expected)


@pytest.mark.parametrize("bad", [[-1], [20], [0.5], 3, [[1]]])
def test_indices_out_of_range_are_refused(data: OfflineDataset, bad: object) -> None:
    with pytest.raises(InvalidArgumentError, match="index"):
        data.batch(bad)
    with pytest.raises(InvalidArgumentError, match="index"):
        data.windows(bad, 2)


@pytest.mark.parametrize("bad", [0, -2, 1.5, True])
def test_window_lengths_are_checked(data: OfflineDataset, bad: object) -> None:
    with pytest.raises(InvalidArgumentError, match="length"):
        data.windows([0], bad)  # type: ignore[arg-type]


def test_samples_follow_the_generator(data: OfflineDataset) -> None:
    first, again, other = (data.sample(50, np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first["observations"], again["observations"])
    assert (first["observations"] != other["observations"]).any()
    with pytest.raises(InvalidArgumentError, match="size"):
        data.sample(0, np.random.default_rng(0))


@pytest.mark.parametrize(("masks", "known"), [(True, True), (False, True), (True, False), (False, False)])
def test_torch_batches_equal_numpy_batches(masks: bool, known: bool) -> None:
    torch = pytest.importorskip("torch")
    data = sample_dataset(np.random.default_rng(5), n_actions=(3, 4, 2), masks=masks, known=known)
    tensors = data.to_torch("cpu")
    assert tensors.tensors["frame_observations"].data_ptr() == data.frame_observations.ctypes.data
    assert len(tensors) == len(data.usable)
    index = np.arange(data.n_steps)
    ours, theirs = data.batch(index), tensors.batch(torch.from_numpy(index))
    assert ours.keys() == theirs.keys()
    for key, array in ours.items():
        np.testing.assert_array_equal(theirs[key].numpy(), array, err_msg=key)
        assert str(theirs[key].numpy().dtype) == str(array.dtype)
    draws = [tensors.sample(9, torch.Generator().manual_seed(s))["rewards"] for s in (0, 0, 1)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    with pytest.raises(InvalidArgumentError, match="size"):
        tensors.sample(0, torch.Generator())


def test_memory_share_maps_and_keeps_the_bits(tmp_path: object, data: OfflineDataset) -> None:
    write_dataset(data, "lab/x-v0", root=str(tmp_path))
    plain = open_dataset("lab/x-v0", root=str(tmp_path))
    mapped = open_dataset("lab/x-v0", root=str(tmp_path), memory_share=0.0, scratch=str(tmp_path))
    assert mapped.memory_mapped
    assert not plain.memory_mapped
    assert_same(mapped, data)
    assert [p.name for p in Path(str(tmp_path)).iterdir()] == ["lab"]
    for share in (-0.1, 1.5):
        with pytest.raises(InvalidArgumentError, match="memory_share"):
            open_dataset("lab/x-v0", root=str(tmp_path), memory_share=share)
    with pytest.raises(InvalidArgumentError, match="scratch"):
        open_dataset("lab/x-v0", root=str(tmp_path), scratch="/nowhere/at/all")


def test_the_plan_maps_exactly_beyond_the_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_module, "memory_limit", lambda: 1000)
    assert not memory_module.MemoryPlan(500, memory_share=0.5).mapped
    assert memory_module.MemoryPlan(501, memory_share=0.5).mapped


def test_a_full_scratch_directory_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(ResourceError, match="no room for 80 bytes"):
        memory_module.MemoryPlan(80, memory_share=0.0).zeros((10,), np.float64)


def _flat(data: OfflineDataset) -> dict[str, object]:
    keys = ("states", "observations", "actions", "rewards", "next_states", "next_observations", "terminated", "truncated")
    return {key: getattr(data, key).copy() for key in (*keys, "episode", "time", "action_masks", "next_action_masks")}


def test_from_transitions_is_the_inverse_of_transitions(data: OfflineDataset) -> None:
    assert_same(from_transitions("t", data.n_actions, **_flat(data)), data)  # type: ignore[arg-type]


def test_from_transitions_takes_episodes_of_one_step(data: OfflineDataset) -> None:
    flat = _flat(data)
    rows = len(data.rewards)
    flat.update(episode=np.arange(rows), time=np.zeros(rows, np.int64))
    flat.update(terminated=np.zeros(rows, bool), truncated=np.ones(rows, bool))
    built = from_transitions("t", data.n_actions, **flat)  # type: ignore[arg-type]
    np.testing.assert_array_equal(built.rewards, data.rewards)
    np.testing.assert_array_equal(built.next_observations, data.next_observations)
    assert built.truncated.all()


def _gap(flat: dict[str, object]) -> None:
    flat["time"][3] += 1  # type: ignore[index]


def _jump(flat: dict[str, object]) -> None:
    flat["episode"][7:] += 1  # type: ignore[index]


def _broken(flat: dict[str, object]) -> None:
    flat["next_observations"][2, 1, 0] += 1  # type: ignore[index]


def _short(flat: dict[str, object]) -> None:
    flat["time"] = flat["time"][:-1]  # type: ignore[index]


def _half(flat: dict[str, object]) -> None:
    flat["next_action_masks"] = None


def _narrow(flat: dict[str, object]) -> None:
    flat["next_states"] = flat["next_states"][:, 1:]  # type: ignore[index]


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (_gap, r"time\[3\] \(episode 0\): got 4, expected 3"),
        (_jump, r"episode\[7\]: got 2, expected 1"),
        (_broken, r"next_observations\[2\].*expected observations\[3\]"),
        (_short, r"time: got 19 rows, expected 20"),
        (_half, "next_action_masks"),
        (_narrow, r"states, next_states.*\(20, 4\)"),
    ],
)
def test_from_transitions_refuses(data: OfflineDataset, spoil: object, match: str) -> None:
    flat = _flat(data)
    spoil(flat)  # type: ignore[operator]
    with pytest.raises(InvalidDataError, match=match):
        from_transitions("t", data.n_actions, **flat)  # type: ignore[arg-type]


def test_concatenate_keeps_every_episode(data: OfflineDataset) -> None:
    other = sample_dataset(np.random.default_rng(8), n_actions=(3, 4, 2), lengths=(2, 4), known=False)
    both = concatenate("both", [data, other], notes=("joined",))
    assert both.n_episodes == 6
    assert both.notes == ("joined",)
    for at, episode in enumerate([*data.episodes, *other.episodes]):
        got = both.get_episode(at)
        for key in ("states", "observations", "actions", "rewards", "action_masks", "final_state", "final_action_mask"):
            np.testing.assert_array_equal(getattr(got, key), getattr(episode, key))
    with pytest.raises(InvalidDataError, match=r"parts\[1\]"):
        concatenate("both", [data, sample_dataset(np.random.default_rng(8), n_actions=(3, 4, 3))])


def test_joint_observation_as_state(data: OfflineDataset) -> None:
    joint = data.with_joint_observation_as_state()
    assert joint.state_size == 18
    np.testing.assert_array_equal(joint.states[4].reshape(3, 6), data.observations[4])
    assert "side by side" in joint.notes[-1]


@settings(max_examples=40, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 6), min_size=1, max_size=5),
    n_actions=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    seed=st.integers(0, 1000),
    masks=st.booleans(),
    known=st.booleans(),
    k=st.integers(1, 5),
)
def test_every_window_of_length_one_is_the_step(
    lengths: list[int], n_actions: list[int], seed: int, masks: bool, known: bool, k: int
) -> None:
    data = sample_dataset(
        np.random.default_rng(seed), lengths=tuple(lengths), n_actions=tuple(n_actions), masks=masks, known=known
    )
    steps = np.arange(data.n_steps)
    windows, rows = data.windows(steps, k), data.batch(steps)
    for key in ("states", "observations", "actions", "rewards", "action_masks"):
        np.testing.assert_array_equal(windows[key][:, -1], rows[key])
    np.testing.assert_array_equal(windows["valid"].sum(axis=1), np.minimum(data.time + 1, k))
    inner = data.next_row < data.n_steps
    np.testing.assert_array_equal(data.next_states[inner], data.states[data.next_row[inner]])
    assert int(data.lengths.sum()) == data.n_steps


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = (
        "import sys, alberdice.datasets, alberdice.datasets.load, alberdice.cli.datasets, alberdice.cli.deep;"
        "print([m for m in ('torch', 'h5py', 'minari', 'tensorstore', 'matplotlib', 'gymnasium', 'jax') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_missing_packages_are_named_with_their_extra(
    monkeypatch: pytest.MonkeyPatch, data: OfflineDataset, tmp_path: Path
) -> None:
    for name in ("h5py", "tensorstore", "minari", "torch"):
        monkeypatch.setitem(sys.modules, name, None)
    uses = {
        "h5py.*alberdice\\[datasets\\]": lambda: write_dataset(data, "x-v0", root=tmp_path),
        "tensorstore.*alberdice\\[datasets\\]": lambda: write_vault(data, tmp_path / "v"),
        "torch.*alberdice\\[deep\\]": lambda: data.to_torch(),
    }
    for match, use in uses.items():
        with pytest.raises(InvalidArgumentError, match=match):
            use()
    assert not list(tmp_path.iterdir())


def test_systems_without_reservation_compare_with_the_free_space(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    with (tmp_path / "a").open("xb") as file:
        claim(file, 1000)
        assert (tmp_path / "a").stat().st_size == 1000
        with pytest.raises(OSError, match="No space"):
            claim(file, 1 << 60)


@pytest.mark.gpu
def test_torch_batches_on_a_gpu(data: OfflineDataset) -> None:
    torch = pytest.importorskip("torch")
    tensors = data.to_torch("cuda")
    drawn = tensors.sample(64, torch.Generator("cuda").manual_seed(0))
    assert all(array.is_cuda for array in drawn.values())
    index = torch.arange(data.n_steps, device="cuda")
    for key, array in data.batch(np.arange(data.n_steps)).items():
        np.testing.assert_array_equal(tensors.batch(index)[key].cpu().numpy(), array)
