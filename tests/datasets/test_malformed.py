"""One table of malformed inputs: each a clear error that names file, field and index; nothing written, nothing executed."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dataset_files import minari_buffers, pymarl_arrays, save_cfcql, save_pymarl
from dataset_samples import sample_dataset

from alberdice.cli.deep import main
from alberdice.datasets import (
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
from alberdice.datasets.formats.vault import kvstore
from alberdice.datasets.store import _seal
from alberdice.errors import AlberDICEError, InvalidArgumentError, InvalidDataError, ResourceError

Spoil = Callable[[Path], None]


def sample() -> OfflineDataset:
    """4 episodes of lengths 7, 1, 9, 3 and 3 agents of 4 actions."""
    return sample_dataset(np.random.default_rng(0), ends="both")


# ---- the in-memory form ----------------------------------------------------------------------------------------------


def _with(field: str, index: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    def spoil(fields: dict[str, Any]) -> None:
        fields[field] = fields[field].copy()
        fields[field][index] = value

    return spoil


def _set(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda fields: fields.update(values)


def _cut(field: str) -> Callable[[dict[str, Any]], None]:
    def spoil(fields: dict[str, Any]) -> None:
        fields[field] = fields[field][:-1]

    return spoil


def _cast(field: str, kind: Any) -> Callable[[dict[str, Any]], None]:
    def spoil(fields: dict[str, Any]) -> None:
        fields[field] = fields[field].astype(kind)

    return spoil


def _forbid(fields: dict[str, Any]) -> None:
    fields["frame_masks"] = fields["frame_masks"].copy()
    fields["frame_masks"][5, 2, fields["actions"][5, 2]] = False


def _agents(fields: dict[str, Any]) -> None:
    fields["frame_observations"] = fields["frame_observations"][:, :2]


FORM: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "action too large": (_with("actions", (5, 1), 4), r"actions \(episode 0, step 5, agent 2\): got 4, expected 0 to 3"),
    "action negative": (_with("actions", (0, 0), -1), r"actions \(episode 0, step 0, agent 1\): got -1"),
    "masked action": (
        _forbid,
        r"actions \(episode 0, step 5, agent 3\): got \d, which the mask forbids, expected one of the available",
    ),
    "no action available": (
        _with("frame_masks", (21, 1), False),
        r"action masks \(episode 1, final frame, agent 2\): got no available action",
    ),
    "NaN reward": (_with("rewards", 3, np.nan), r"rewards \(episode 0, step 3\): got nan, expected a finite number"),
    "infinite state": (_with("frame_states", (2, 4), np.inf), r"states \(episode 0, step 2, feature 4\): got inf"),
    "NaN observation": (
        _with("frame_observations", (21, 2, 5), np.nan),
        r"observations \(episode 1, final frame, agent 3, feature 5\): got nan",
    ),
    "early termination": (_with("terminated", 4, True), r"terminated \(episode 0, step 4 of 7\)"),
    "early truncation": (_with("truncated", 9, True), r"truncated \(episode 2, step 1 of 9\)"),
    "no end": (_with("truncated", 7, False), r"terminated \(episode 1, step 0, the last\): got neither"),
    "empty episode": (_set(lengths=np.array([8, 0, 9, 3])), r"lengths\[1\]: got 0, expected at least one step"),
    "no episode": (_set(lengths=np.zeros(0, np.int64)), r"lengths: got no episode"),
    "lengths disagree": (_set(lengths=np.array([7, 1, 9, 4])), r"actions.shape: got \(20, 3\), expected \(21, 3\)"),
    "rewards too short": (_cut("rewards"), r"rewards.shape: got \(19,\), expected \(20,\)"),
    "states too short": (_cut("frame_states"), r"frame_states.shape: got \(23, 5\), expected \(24, 5\)"),
    "agents disagree": (_agents, r"frame_observations.shape: got \(24, 2, 6\), expected \(24, 3, 6\)"),
    "masks too wide": (
        _set(n_actions=(4, 3, 3)),
        r"actions \(episode \d, step \d, agent [23]\): got 3|action masks \(.*, agent 2, action 3\): got available",
    ),
    "no agent": (_set(n_actions=()), r"n_actions: got \(\), expected one whole number from 1 to 100,000 per agent"),
    "float actions": (_cast("actions", np.float32), r"actions.dtype: got float32, expected int64"),
    "complex rewards": (_cast("rewards", np.complex128), r"rewards.dtype: got complex128, expected a float type"),
    "object observations": (_cast("frame_observations", object), r"frame_observations.dtype: got object"),
    "integer flags": (_cast("terminated", np.int64), r"terminated.dtype: got int64, expected bool"),
    "a list": (_set(rewards=[0.0] * 20), r"rewards: got list, expected a NumPy array"),
    "invented final frame": (
        _set(final_known=np.array([True, True, False, True])),
        r"frame_states: got values in a final frame that is marked unknown",
    ),
}


@pytest.mark.parametrize("case", FORM)
def test_in_memory(case: str) -> None:
    spoil, match = FORM[case]
    data = sample()
    fields = {f.name: getattr(data, f.name) for f in dataclasses.fields(data) if f.init}
    spoil(fields)
    with pytest.raises(InvalidDataError, match=match):
        OfflineDataset(**fields)


# ---- files -----------------------------------------------------------------------------------------------------------


def _truncate(name: str) -> Spoil:
    def spoil(base: Path) -> None:
        path = base / name if name else base
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    return spoil


def _remove(name: str) -> Spoil:
    return lambda base: (base / name).unlink()


def _text(name: str, text: str) -> Spoil:
    def spoil(base: Path) -> None:
        (base / name if name else base).write_text(text)

    return spoil


def _json(name: str, change: Callable[[dict[str, Any]], Any]) -> Spoil:
    def spoil(base: Path) -> None:
        value = json.loads((base / name).read_text())
        change(value)
        (base / name).write_text(json.dumps(value))

    return spoil


def _npy(name: str, change: Callable[[np.ndarray], Any]) -> Spoil:
    def spoil(base: Path) -> None:
        array = np.load(base / f"{name}.npy")
        changed = change(array)
        np.save(base / f"{name}.npy", array if changed is None else changed)

    return spoil


def _put(index: Any, value: Any) -> Callable[[np.ndarray], Any]:
    def change(array: np.ndarray) -> None:
        array[index] = value

    return change


def _h5(change: Callable[[Any], Any], name: str = "") -> Spoil:
    def spoil(base: Path) -> None:
        import h5py

        with h5py.File(base / name if name else base, "r+") as file:
            change(file)

    return spoil


def _leaf(name: str, index: Any, value: Any) -> Spoil:
    def spoil(base: Path) -> None:
        import tensorstore as ts

        ts.open(kvstore(base, name)).result()[index].write(value).result()

    return spoil


def _escape(name: str) -> Spoil:
    """Move a file out of the archive and leave a link to it."""

    def spoil(base: Path) -> None:
        outside = base.parent / f"outside-{name.replace('/', '-')}"
        shutil.move(base / name, outside)
        (base / name).symlink_to(outside)

    return spoil


class _Trap:
    """Writes a file when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def _booby_trap(base: Path) -> None:
    array = np.array([_Trap(base.parent / "EXECUTED")], dtype=object)
    np.save(base / "obs.npy", array, allow_pickle=True)


def _pickle(base: Path) -> None:
    import pickle

    (base / "state.npy").write_bytes(pickle.dumps(_Trap(base.parent / "EXECUTED")))


def _object_h5(file: Any) -> None:
    del file["obs"]
    import h5py

    file.create_dataset("obs", data=["a", "b"], dtype=h5py.string_dtype())


def _reseal(change: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], None]:
    """Change the header and seal it again, as somebody who means harm would."""

    def sealed(metadata: dict[str, Any]) -> None:
        change(metadata["alberdice"])
        metadata["alberdice"]["header_sha256"] = _seal(metadata["alberdice"])

    return sealed


def _replace_h5(key: str, change: Callable[[np.ndarray], Any], name: str = "") -> Spoil:
    def change_file(file: Any) -> None:
        array = file[key][()]
        del file[key]
        changed = change(array)
        file[key] = array if changed is None else changed

    return _h5(change_file, name)


def _external(file: Any) -> None:
    import h5py

    del file["episode_2/observations"]
    file["episode_2/observations"] = h5py.ExternalLink("/etc/passwd", "/")


def _soft(file: Any) -> None:
    import h5py

    del file["episode_2"]
    file["episode_2"] = h5py.SoftLink("/episode_0")


def _raw_outside(file: Any) -> None:
    del file["episode_0/rewards"]
    file.create_dataset("episode_0/rewards", shape=(7,), dtype="f4", external=[("/etc/passwd", 0, 28)])


def _virtual(file: Any) -> None:
    import h5py

    del file["obs"]
    layout = h5py.VirtualLayout(shape=(4, 12, 3, 6), dtype="f4")
    layout[:] = h5py.VirtualSource("elsewhere.h5", "obs", shape=(4, 12, 3, 6))
    file.create_virtual_dataset("obs", layout)


def _hole(base: Path) -> None:
    _npy("filled", _put((2, 4, 0), 0))(base)


def _archive(base: Path) -> None:
    np.savez(base / "x.npz", a=np.zeros(3))
    shutil.move(base / "x.npz", base / "obs.npy")


def _bytes(base: Path) -> None:
    base.write_bytes(b"\xff\xfe\x00agent")


def _empty(base: Path) -> None:
    _npy("filled", _put((1,), 0))(base)
    _npy("terminated", _put((1,), 0))(base)


META, MAIN = "data/metadata.json", "data/main_data.hdf5"

NATIVE: dict[str, tuple[Spoil, str]] = {
    "truncated hdf5": (_truncate(MAIN), r"main_data.hdf5: file: got .*truncated"),
    "no hdf5": (_remove(MAIN), r"main_data.hdf5: file: got nothing"),
    "not hdf5": (_text(MAIN, "hello"), r"main_data.hdf5: file: got"),
    "truncated metadata": (_truncate(META), r"metadata.json: line .*: got no JSON"),
    "metadata is a list": (_text(META, "[1]"), r"metadata.json: got a list, expected a JSON object"),
    "no metadata": (_remove(META), r"metadata.json: file: got nothing"),
    "newer schema": (_json(META, lambda m: m["alberdice"].update(schema=3)), r"alberdice.schema: got 3, expected 1 to 2"),
    "no schema": (_json(META, lambda m: m["alberdice"].pop("schema")), r"alberdice.schema: got None, expected 1 to 2"),
    "no header": (_json(META, lambda m: m.pop("alberdice")), r"alberdice: got no header"),
    "header changed": (_json(META, lambda m: m["alberdice"].update(name="x")), r"alberdice.header_sha256: got another digest"),
    "header key missing": (_json(META, _reseal(lambda h: h.pop("masks"))), r"alberdice.masks: got None, expected bool"),
    "header type": (_json(META, _reseal(lambda h: h.update(state_dtype="object"))), r"alberdice.state_dtype: got object"),
    "header size": (
        _json(META, _reseal(lambda h: h.update(observation_size=7))),
        r"episode_0/observations.shape: got \(8, 3, 6\)",
    ),
    "header size beyond any memory": (
        _json(META, _reseal(lambda h: h.update(observation_size=10**15))),
        r"episode_0/observations.shape: got \(8, 3, 6\), expected \(rows, 3, 1000000000000000\) by the header",
    ),
    "header agents": (
        _json(META, _reseal(lambda h: h.update(n_actions=[4, 4]))),
        r"episode_0/observations.shape: got \(8, 3, 6\), expected \(rows, 2, 6\) by the header",
    ),
    "header n_actions": (_json(META, _reseal(lambda h: h.update(n_actions=[4, "4", 4]))), r"alberdice.n_actions: got"),
    "episodes disagree": (_json(META, lambda m: m.update(total_episodes=5)), r"file: got 4 groups, expected 5 episodes"),
    "steps disagree": (_json(META, lambda m: m.update(total_steps=21)), r"total_steps: got 20, expected 21"),
    "no episodes": (_json(META, lambda m: m.update(total_episodes=0)), r"total_episodes: got 0"),
    "episode missing": (_h5(lambda f: f.move("episode_3", "other"), MAIN), r"episode_3: got no such group"),
    "array missing": (_h5(lambda f: f["episode_1"].pop("rewards"), MAIN), r"/episode_1/rewards: got no such key"),
    "array is a group": (
        _h5(lambda f: (f["episode_1"].pop("rewards"), f.create_group("episode_1/rewards")), MAIN),
        r"/episode_1/rewards: got a group, expected an array",
    ),
    "length attribute": (_h5(lambda f: f["episode_1"].attrs.modify("total_steps", 2), MAIN), r"episode_1/actions: got 1 rows"),
    "wrong dtype": (
        _replace_h5("episode_2/rewards", lambda a: a.astype("f8"), MAIN),
        r"/episode_2/rewards.dtype: got float64, expected float32",
    ),
    "one row less": (
        _replace_h5("episode_2/observations", lambda a: a[1:], MAIN),
        r"/episode_2/observations.shape: got \(9, 3, 6\), expected \(10, 3, 6\)",
    ),
    "reward changed": (
        _replace_h5("episode_2/rewards", _put(3, 9), MAIN),
        r"rewards: got sha256 .*damaged or changed",
    ),
    "final frame changed": (_replace_h5("episode_2/infos/state", _put((9, 0), 9), MAIN), r"frame_states: got sha256"),
    "NaN put in": (_replace_h5("episode_2/rewards", _put(3, np.nan), MAIN), r"rewards \(episode 2, step 3\): got nan"),
    "external link": (_h5(_external, MAIN), r"/episode_2/observations: got a link, expected data stored in this file"),
    "soft link": (_h5(_soft, MAIN), r"episode_2: got SoftLink"),
    "data elsewhere": (_h5(_raw_outside, MAIN), r"/episode_0/rewards: got data stored in another file"),
    "link out of the archive": (_escape(MAIN), r"main_data.hdf5: file: got a link to"),
    "metadata out of the archive": (_escape(META), r"metadata.json: file: got a link to"),
}

PYMARL: dict[str, tuple[Spoil, str]] = {
    "truncated array": (_truncate("obs.npy"), r"obs.npy: file: got"),
    "empty array file": (_text("reward.npy", ""), r"reward.npy: file: got"),
    "array missing": (_remove("state.npy"), r"state.npy: file: got nothing"),
    "no header": (_remove("meta.json"), r"meta.json: file: got nothing"),
    "header key missing": (_json("meta.json", lambda m: m.pop("buffer_size")), r"meta.json: buffer_size: got no such key"),
    "header is text": (_json("meta.json", lambda m: m.update(buffer_size="4")), r"meta.json: buffer_size: got '4'"),
    "episodes disagree": (_json("meta.json", lambda m: m.update(episodes_in_buffer=3)), r"filled.npy: filled\[3\]: got 1"),
    "more episodes than rows": (
        _json("meta.json", lambda m: m.update(episodes_in_buffer=5, buffer_size=9)),
        r"actions.npy: actions.shape: got \(4, 12, 3, 1\), expected 5 episodes",
    ),
    "full beyond size": (
        _json("meta.json", lambda m: m.update(episodes_in_buffer=5)),
        r"episodes_in_buffer: got 5, expected 1 to",
    ),
    "float actions": (_npy("actions", lambda a: a.astype("f4")), r"actions.npy.dtype: got float32, expected an integer type"),
    "integer rewards": (_npy("reward", lambda a: a.astype("i4")), r"reward.npy.dtype: got int32, expected a float type"),
    "agents disagree": (
        _npy("obs", lambda a: a[:, :, :2]),
        r"obs.npy.shape: got \(4, 12, 2, 6\), expected .* 3 agents by `actions`",
    ),
    "rows disagree": (_npy("reward", lambda a: a[:, :-1]), r"reward.npy.shape: got \(4, 11, 1\)"),
    "flat array": (_npy("state", lambda a: a.reshape(-1)), r"state.npy"),
    "hole in filled": (_hole, r"filled.npy\[2, 4\]: got 0 before a later 1, expected ones without holes"),
    "filled is 2": (_npy("filled", _put((0, 0, 0), 2)), r"filled.npy\[0, 0, 0\]: got 2, expected 0 or 1"),
    "mask is 2": (_npy("avail_actions", _put((0, 1, 2, 3), 2)), r"avail_actions.npy\[0, 1, 2, 3\]: got 2, expected 0 or 1"),
    "empty episode": (
        _empty,
        r"filled.npy\[1\]: got 0 rows, expected at least one step",
    ),
    "terminated twice": (
        _npy("terminated", _put((2, 3, 0), 1)),
        r"terminated.npy\[2, 3\]: got 1 before the end of the episode",
    ),
    "terminated early": (
        _npy("terminated", lambda a: np.roll(a, -1, axis=1)),
        r"terminated.npy\[0, 5\]: got 1, expected 0: the episode has 8 filled rows",
    ),
    "reward after the end": (_npy("reward", _put((1, 1, 0), 0.5)), r"reward.npy\[1, 1, 0\]: got 0.5, expected 0 at and after"),
    "one-hot disagrees": (
        _npy("actions_onehot", lambda a: np.roll(a, 1, axis=3)),
        r"actions_onehot.npy: actions_onehot\[0, 0, 0, \d\]: got .*one-hot of actions\[0, 0, 0\]",
    ),
    "action out of range": (
        _npy("actions", _put((2, 1, 1, 0), 9)),
        r"actions \(episode 2, step 1, agent 2\): got 9, expected 0 to 3",
    ),
    "NaN reward": (_npy("reward", _put((2, 1, 0), np.nan)), r"rewards \(episode 2, step 1\): got nan"),
    "infinite observation": (
        _npy("obs", _put((0, 7, 2, 1), np.inf)),
        r"observations \(episode 0, final frame, agent 3, feature 1\): got inf",
    ),
    "pickled objects": (_booby_trap, r"obs.npy: file: got .*without pickled objects"),
    "a pickle by another name": (_pickle, r"state.npy: file: got .*without pickled objects"),
    "an archive by another name": (
        lambda b: np.savez(b / "x.npz", a=np.zeros(3)) or (shutil.move(b / "x.npz", b / "obs.npy") and None),
        r"obs.npy: file: got the magic string is not correct",
    ),
    "link out of the archive": (_escape("reward.npy"), r"reward.npy: file: got a link to"),
    "n_actions disagree": (
        _json("meta.json", lambda m: m.update(n_actions=[4, 4])),
        r"n_actions: got \(4, 4\), expected 3 agents",
    ),
    "n_actions is text": (_json("meta.json", lambda m: m.update(n_actions="444")), r"n_actions: got 444"),
}

CFCQL: dict[str, tuple[Spoil, str]] = {
    "truncated": (_truncate(""), r"x.h5: file: got .*truncated"),
    "not hdf5": (_text("", "state,obs"), r"x.h5: file: got"),
    "key missing": (_h5(lambda f: f.pop("avail_actions")), r"/avail_actions: got no such key"),
    "strings": (_h5(_object_h5), r"x.h5: obs.shape: got \(2,\), expected 4 dimensions"),
    "probs disagree": (_replace_h5("probs", lambda a: a[1:]), r"probs.shape: got \(3, 12, 3, 4\)"),
    "agents disagree": (_replace_h5("obs", lambda a: a[:, :, 1:]), r"obs.shape: got \(4, 12, 2, 6\)"),
    "episodes disagree": (_replace_h5("state", lambda a: a[1:]), r"state.shape: got \(3, 12, 5\), expected 4 episodes"),
    "hole": (_replace_h5("filled", _put((0, 2), 0)), r"filled\[0, 2\]: got 0 before a later 1"),
    "virtual": (_h5(_virtual), r"/obs: got data stored in another file"),
    "a scalar": (_h5(lambda f: (f.pop("reward"), f.create_dataset("reward", data=1.0))), r"reward.shape: got \(\)"),
}

VAULT: dict[str, tuple[Spoil, str]] = {
    "no metadata": (_remove("metadata.json"), r"got 0 vaults in it, expected a vault"),
    "no manifest": (_remove("manifest.ocdbt"), r"manifest.ocdbt: file: got nothing"),
    "truncated manifest": (_truncate("manifest.ocdbt"), r"vault_index: got"),
    "no data": (lambda b: shutil.rmtree(b / "d"), r"(vault_index|observations): got"),
    "version 2": (_json("metadata.json", lambda m: m.update(version=2.0)), r"version: got 2.0, expected 0.x or 1.x"),
    "no version": (_json("metadata.json", lambda m: m.pop("version")), r"version: got None, expected a number"),
    "no structure": (_json("metadata.json", lambda m: m.pop("structure_shape")), r"structure_shape: got no such key"),
    "no dtypes": (_json("metadata.json", lambda m: m.pop("structure_dtype")), r"structure_dtype: got None"),
    "code for a shape": (
        _json("metadata.json", lambda m: m["structure_shape"].update(rewards="__import__('os').getpid()")),
        r"structure of 'rewards': got",
    ),
    "leaf missing": (_json("metadata.json", lambda m: m["structure_shape"].pop("rewards")), r"rewards: got no such leaf"),
    "a path for a leaf": (
        _json("metadata.json", lambda m: m["structure_shape"].update({"../../x": "(1, 2, 3)"})),
        r"structure key '../../x': got a path",
    ),
    "shape disagrees": (
        _json("metadata.json", lambda m: m["structure_shape"].update(observations="(1, 20, 4, 6)")),
        r"observations: got float32 .* expected float32 \(1, 20, 4, 6\)",
    ),
    "dtype disagrees": (
        _json("metadata.json", lambda m: m["structure_dtype"].update(actions="int64")),
        r"actions: got int32",
    ),
    "empty": (_leaf("vault_index", slice(0, 1), 0), r"vault_index: got 0, expected at least one row"),
    "NaN reward": (_leaf("rewards.", (0, 4), np.float32(np.nan)), r"rewards \(episode 0, step 4\): got nan"),
    "action out of range": (_leaf("actions.", (0, 4, 1), np.int32(4)), r"actions \(episode 0, step 4, agent 2\): got 4"),
    "terminal is a half": (_leaf("terminals.", (0, 4, 1), np.float32(0.5)), r"terminals\[0, 4, 1\]: got 0.5, expected 0 or 1"),
    "masked action": (
        _leaf("infos.legals.", (0, 4), False),
        r"action masks \(episode 0, step 4, agent 1\): got no available action",
    ),
    "n_actions disagree": (
        _json("metadata.json", lambda m: m.update(n_actions="4,4")),
        r"n_actions: got \(4, 4\), expected 3 agents",
    ),
    "link out of the archive": (_escape("manifest.ocdbt"), r"manifest.ocdbt: file: got a link to"),
}

MINARI: dict[str, tuple[Spoil, str]] = {
    "truncated": (_truncate(MAIN), r"main_data.hdf5: file: got .*truncated"),
    "no space": (_json(META, lambda m: m.pop("action_space")), r"action_space: got no such key.*would run its code"),
    "continuous": (
        _json(
            META,
            lambda m: m.update(
                action_space='{"type": "Box", "dtype": "float32", "shape": [3], "low": [0,0,0], "high": [1,1,1]}'
            ),
        ),
        r"action_space: got Box.*discrete actions",
    ),
    "actions from 1": (
        _json(META, lambda m: m.update(action_space='{"type": "Discrete", "dtype": "int64", "start": 1, "n": 4}')),
        r"action_space: got actions from 1, expected actions from 0",
    ),
    "unknown storage": (_json(META, lambda m: m.update(data_format="zip")), r"dataset: got"),
    "early end": (_replace_h5("episode_0/terminations", _put(2, True), MAIN), r"episode_0/terminations\[2\]: got True"),
    "rewards per agent": (
        _replace_h5("episode_0/rewards", lambda a: np.stack([a, a + 1, a], axis=1), MAIN),
        r"episode_0/rewards\[0\]: got \[.*\], expected one reward for all agents",
    ),
    "array missing": (_h5(lambda f: f["episode_2"].pop("actions"), MAIN), r"dataset: got KeyError"),
    "flags too short": (
        _replace_h5("episode_2/truncations", lambda a: a[1:], MAIN),
        r"episode_2/truncations.shape: got \(8,\)",
    ),
}

CSV: dict[str, tuple[Spoil, str]] = {
    "no header": (_text("", "0,1,1.0\n"), r"header: got 0,1,1.0, expected agent_1"),
    "empty": (_text("", ""), r"header: got nothing"),
    "no rows": (_text("", "agent_1,agent_2,reward\n"), r"rows: got none, expected at least one"),
    "a column missing": (_text("", "agent_2,agent_3,reward\n0,0,1\n"), r"header: got agent_2,agent_3,reward"),
    "a column twice": (_text("", "agent_1,agent_2,reward,count,count\n0,0,1,1,2\n"), r"header: got the column 'count' twice"),
    "an agent twice": (_text("", "agent_1,agent_1,reward\n0,1,1\n"), r"header: got the column 'agent_1' twice"),
    "pandas' index": (
        _text("", ",agent_1,agent_2,reward\n0,0,1,1\n"),
        r"header: got ,agent_1,.*pandas: write with index=False",
    ),
    "underscores": (_text("", "agent_1,agent_2,reward\n0,1_0,1\n"), r"line 2, agent_2: got '1_0', expected an action"),
    "underscored reward": (_text("", "agent_1,agent_2,reward\n0,1,1_0\n"), r"line 2, reward: got '1_0', expected a finite"),
    "other digits": (_text("", "agent_1,agent_2,reward\n0,\u0661,1\n"), r"line 2, agent_2: got '.', expected an action"),
    "5,000 digits": (_text("", f"agent_1,agent_2,reward\n0,{'9' * 5000},1\n"), r"line 2, agent_2: got .*\(5002 characters\)"),
    "5,000 digits of reward": (_text("", f"agent_1,agent_2,reward\n0,1,{'9' * 5000}\n"), r"line 2, reward: got '9+"),
    "an identifier": (_text("", "agent_1,agent_2,reward\n0,1000000007,1\n"), r"agent_2: got '1000000007', .* below 100,000"),
    "a huge identifier": (_text("", f"agent_1,agent_2,reward\n0,{10**20},1\n"), r"agent_2: got '1000+', .* below 100,000"),
    "a huge count": (
        _text("", f"agent_1,agent_2,reward,count\n0,1,1,{2**63 - 1}\n"),
        r"count: got .*, expected a whole number",
    ),
    "NUL": (_text("", "agent_1,agent_2,reward\n0,1\0,1\n"), r"line 2(, agent_2)?: got .*(NUL|x00)"),
    "an open quote": (_text("", 'agent_1,agent_2,reward\n0,"1,1\n'), r"line 2: got unexpected end of data"),
    "too few cells": (_text("", "agent_1,agent_2,reward\n0,0\n"), r"line 2: got 2 cells, expected 3"),
    "letters": (_text("", "agent_1,agent_2,reward\n0,B,1\n"), r"line 2, agent_2: got 'B', expected an action"),
    "half an action": (_text("", "agent_1,agent_2,reward\n0,0.5,1\n"), r"line 2, agent_2: got '0.5'"),
    "negative action": (_text("", "agent_1,agent_2,reward\n0,0,1\n0,-1,1\n"), r"line 3, agent_2: got '-1'"),
    "NaN reward": (_text("", "agent_1,agent_2,reward\n0,0,nan\n"), r"line 2, reward: got 'nan', expected a finite number"),
    "count of 0": (
        _text("", "agent_1,agent_2,reward,count\n0,0,1,0\n"),
        r"line 2, count: got '0', expected a whole number from 1",
    ),
    "bytes": (_bytes, r"x.csv: got a byte that is not UTF-8, at 0"),
}

TABLE_JSON: dict[str, tuple[Spoil, str]] = {
    "not json": (_text("", "{"), r"x.json: line 1, column 2: got no JSON"),
    "no rows": (_text("", "{}"), r"rows: got NoneType, expected a list"),
    "agents disagree": (
        _text("", '{"rows": [{"actions": [0, 1], "reward": 1}, {"actions": [0], "reward": 1}]}'),
        r"rows\[1\]: got 1 actions, expected 2",
    ),
    "reward missing": (_text("", '{"rows": [{"actions": [0, 1]}]}'), r"rows\[0\], reward: got None"),
    "unknown key": (_text("", '{"rows": [{"actions": [0], "reward": 1, "cuont": 2}]}'), r"rows\[0\]: got the key 'cuont'"),
    "action out of range": (
        _text("", '{"n_actions": [2], "rows": [{"actions": [2], "reward": 1}]}'),
        r"rows\[0\], agent_1: got 2, expected 0 to 1, by n_actions",
    ),
    "true for an action": (_text("", '{"rows": [{"actions": [true], "reward": 1}]}'), r"rows\[0\], agent_1: got True"),
}

TABLES = {
    "native": (NATIVE, open_dataset),
    "pymarl": (PYMARL, read_pymarl),
    "cfcql": (CFCQL, read_cfcql),
    "vault": (VAULT, read_vault),
    "minari": (MINARI, read_minari),
    "csv": (CSV, read_joint_actions),
    "json": (TABLE_JSON, read_joint_actions),
}
CASES = [(kind, case) for kind, (table, _) in TABLES.items() for case in table]


@pytest.fixture(scope="module")
def wholes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One whole input of each kind."""
    base = tmp_path_factory.mktemp("wholes")
    data, rng = sample(), np.random.default_rng(1)
    arrays = pymarl_arrays(data, rng)
    paths = {
        "native": write_dataset(data, "lab/x-v0", root=base),
        "vault": base / "x" / "u",
        "minari": base / "lab" / "theirs-v0",
    }
    paths["pymarl"] = save_pymarl(base / "buffer", arrays)
    paths["cfcql"] = save_cfcql(base / "x.h5", arrays, rng)
    write_vault(data, paths["vault"])
    minari = pytest.importorskip("minari")
    before = os.environ.get("MINARI_DATASETS_PATH")
    os.environ["MINARI_DATASETS_PATH"] = str(base)
    try:
        buffers, observations, actions = minari_buffers(data, "stacked")
        with pytest.warns(UserWarning, match=r"\w"):
            minari.create_dataset_from_buffers("lab/theirs-v0", buffers, observation_space=observations, action_space=actions)
    finally:
        os.environ.pop("MINARI_DATASETS_PATH")
        if before is not None:
            os.environ["MINARI_DATASETS_PATH"] = before
    for kind in ("csv", "json"):
        paths[kind] = base / f"x.{kind}"
        paths[kind].write_text("")
    return paths


def snapshot(base: Path) -> dict[str, str]:
    """Every file below a directory, with its content's digest."""
    files = sorted(p for p in base.rglob("*") if p.is_file())
    return {str(p.relative_to(base)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_there_are_enough_cases() -> None:
    assert len(CASES) + len(FORM) >= 60


@pytest.mark.parametrize(("kind", "case"), CASES, ids=[f"{kind}: {case}" for kind, case in CASES])
def test_malformed(kind: str, case: str, wholes: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, read = TABLES[kind]
    spoil, match = table[case]
    path = tmp_path / "in" / wholes[kind].name
    path.parent.mkdir()
    if wholes[kind].is_dir():
        shutil.copytree(wholes[kind], path)
    else:
        shutil.copy(wholes[kind], path)
    if kind not in ("csv", "json"):
        read(path)  # whole before it is spoilt
    spoil(path)
    before = snapshot(tmp_path)
    with pytest.raises(InvalidDataError, match=match) as caught:
        read(path)
    assert str(path.parent) in str(caught.value)
    assert caught.value.exit_code == 2
    if kind != "native":
        formats = {"csv": "joint-actions", "json": "joint-actions"}
        command = [
            "datasets",
            "import",
            formats.get(kind, kind),
            str(path),
            "--id",
            "lab/new-v0",
            "--root",
            str(tmp_path / "store"),
        ]
        with pytest.raises(SystemExit) as done:
            main(command)
        assert done.value.code == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.count("\n") == 1
        assert said.err.startswith("alberdice-deep: ")
    assert snapshot(tmp_path) == before
    assert not (tmp_path / "store").exists()
    assert not list(tmp_path.rglob("EXECUTED"))


# ---- places ----------------------------------------------------------------------------------------------------------


@contextmanager
def as_nobody() -> Iterator[None]:
    """Give up the rights of root for a while, if we have them."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("kind", ["native", "pymarl", "cfcql", "vault", "minari", "csv"])
def test_unreadable_places(kind: str, wholes: dict[str, Path], tmp_path: Path) -> None:
    _, read = TABLES[kind]
    path = tmp_path / wholes[kind].name
    if wholes[kind].is_dir():
        shutil.copytree(wholes[kind], path)
    else:
        shutil.copy(wholes[kind], path)
    read(wholes[kind]) if kind != "csv" else None
    path.chmod(0)
    try:
        with as_nobody(), pytest.raises(AlberDICEError, match=f"{path.name}.*got"):
            read(path)
    finally:
        path.chmod(0o700)
    with pytest.raises(AlberDICEError, match="not-there"):
        read(tmp_path / "not-there")


def test_unwritable_places(tmp_path: Path) -> None:
    data = sample()
    (tmp_path / "file").write_text("")
    for write in (
        lambda: write_dataset(data, "x-v0", root=tmp_path / "file"),
        lambda: write_pymarl(data, tmp_path / "file" / "buffer"),
        lambda: write_vault(data, tmp_path / "file" / "v"),
    ):
        with pytest.raises(InvalidDataError, match=r"file: got (Not a directory|File exists)"):
            write()
    assert snapshot(tmp_path).keys() == {"file"}


@pytest.mark.parametrize(
    "identity", ["../x-v0", "lab/../../x-v0", "/etc/x-v0", "x", "x-v", "a/x-v0", "", ".x-v0", "lab//x-v0", "x-v0/"]
)
def test_ids_that_leave_the_root_or_are_none(identity: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="dataset id"):
        write_dataset(sample(), identity, root=tmp_path / "root")
    assert not list(tmp_path.iterdir())


def test_nothing_is_replaced_unasked(tmp_path: Path) -> None:
    data, other = sample(), sample_dataset(np.random.default_rng(9))
    (tmp_path / "table.csv").write_text("mine")
    write_dataset(data, "x-v0", root=tmp_path)
    write_pymarl(data, tmp_path / "buffer")
    write_vault(data, tmp_path / "vault")
    before = snapshot(tmp_path)
    for write in (
        lambda: write_dataset(other, "x-v0", root=tmp_path),
        lambda: write_pymarl(other, tmp_path / "buffer"),
        lambda: write_vault(other, tmp_path / "vault"),
        lambda: write_joint_actions(
            sample_dataset(np.random.default_rng(9), lengths=(1,), ends="terminated"), tmp_path / "table.csv"
        ),
    ):
        with pytest.raises(InvalidArgumentError, match="something is there already"):
            write()
    assert snapshot(tmp_path) == before
    write_dataset(other, "x-v0", root=tmp_path, overwrite=True)
    np.testing.assert_array_equal(open_dataset("x-v0", root=tmp_path).rewards, other.rewards)
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


@pytest.mark.parametrize("kind", ["native", "pymarl", "vault", "table"])
def test_a_full_disk_leaves_nothing(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full when the data are flushed."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    one = sample_dataset(np.random.default_rng(9), lengths=(1,), ends="terminated")
    writes = {
        "native": lambda: write_dataset(sample(), "x-v0", root=tmp_path),
        "pymarl": lambda: write_pymarl(sample(), tmp_path / "buffer"),
        "vault": lambda: write_vault(sample(), tmp_path / "vault"),
        "table": lambda: write_joint_actions(one, tmp_path / "x.csv"),
    }
    with pytest.raises(ResourceError, match=r"no room left on the disk.*nothing was written") as caught:
        writes[kind]()
    assert caught.value.exit_code == 1
    assert not list(tmp_path.iterdir())


def test_exports_say_which_datasets_they_cannot_hold(tmp_path: Path) -> None:
    with pytest.raises(InvalidDataError, match="episode 0: got 7 steps, expected one-step episodes"):
        write_joint_actions(sample(), tmp_path / "x.csv")
    cut = sample_dataset(np.random.default_rng(9), lengths=(1, 1), ends="both")
    with pytest.raises(InvalidDataError, match=r"terminated\[1\]: got False"):
        write_joint_actions(cut, tmp_path / "x.csv")
    assert not list(tmp_path.iterdir())


def test_episode_limits_below_an_episode_are_refused(wholes: dict[str, Path]) -> None:
    with pytest.raises(InvalidDataError, match=r"filled.npy\[2\]: got 9 steps, expected at most the episode limit, 8"):
        read_pymarl(wholes["pymarl"], episode_limit=8)


# ---- building from episodes ------------------------------------------------------------------------------------------


def _episode(**changes: Any) -> EpisodeArrays:
    rng = np.random.default_rng(0)
    arrays = {
        "states": rng.normal(size=(4, 5)),
        "observations": rng.normal(size=(4, 2, 6)),
        "actions": rng.integers(0, 3, (3, 2)),
        "rewards": rng.normal(size=3),
        "terminated": True,
    }
    return EpisodeArrays(**{**arrays, **changes})


EPISODES: dict[str, tuple[EpisodeArrays, str]] = {
    "no step": (_episode(actions=np.zeros((0, 2), int)), r"episode 1: actions: got no step"),
    "one agent": (
        _episode(actions=np.zeros((3, 1), int)),
        r"episode 1: actions: got int64 \(3, 1\), expected integers of shape \(3, 2\)",
    ),
    "float actions": (_episode(actions=np.zeros((3, 2))), r"episode 1: actions: got float64"),
    "rewards per agent": (_episode(rewards=np.zeros((3, 2))), r"episode 1: rewards.shape: got \(3, 2\), expected \(3,\)"),
    "too many frames": (_episode(observations=np.zeros((5, 2, 6))), r"episode 1: observations rows: got 5, expected 4, or 3"),
    "states too short": (_episode(states=np.zeros((3, 5))), r"episode 1: states.shape: got \(3, 5\), expected \(4, 5\)"),
    "more features": (_episode(observations=np.zeros((4, 2, 7))), r"episode 1: observations.shape: got \(4, 2, 7\)"),
    "another type": (
        _episode(rewards=np.zeros(3, "f4")),
        r"episode 1: rewards.dtype: got float32, expected float64, as in episode 0",
    ),
    "masks for one": (
        _episode(action_masks=np.ones((4, 2, 3), bool)),
        r"episode 1: action_masks: got given for some episodes only",
    ),
    "a list": (_episode(rewards=[0.0, 0.0, 0.0]), r"episode 1: rewards: got list, expected a NumPy array"),
}


@pytest.mark.parametrize("case", EPISODES)
def test_episodes(case: str) -> None:
    spoilt, match = EPISODES[case]
    assert from_episodes("x", (3, 3), [_episode(), _episode()]).n_steps == 6
    with pytest.raises(InvalidDataError, match=match):
        from_episodes("x", (3, 3), [_episode(), spoilt])
    with pytest.raises(InvalidDataError, match="episodes: got none"):
        from_episodes("x", (3, 3), [])
