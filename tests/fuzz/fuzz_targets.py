"""A valid sample of every format that the package reads, and how each is read: to a fingerprint of what came out."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from fuzz_mutations import fresh_copy
from fuzz_runs import RUNS

from alberdice.cli.counts import read_counts
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
    stored_datasets,
    write_dataset,
    write_joint_actions,
    write_pymarl,
    write_vault,
)
from alberdice.games import penalty_xor
from alberdice.games.files import read_game
from alberdice.games.game import Game


@dataclass(frozen=True)
class Target:
    """A format: how a valid sample is made in a folder, how it is read, and whether it carries checksums.

    ``make`` gives the path to read; ``read`` gives a fingerprint, equal for equal content.
    """

    name: str
    make: Callable[[Path], Path]
    read: Callable[[Path], str]
    sealed: bool = False


def _sample(one_step: bool = False) -> OfflineDataset:
    rng = np.random.default_rng(11)
    episodes = []
    for length in (1, 1, 1, 1) if one_step else (5, 1, 7, 3):
        masks = np.ones((length + 1, 2, 3), np.bool_)
        masks[:, 0, 2] = rng.random(length + 1) < 0.5
        episodes.append(
            EpisodeArrays(
                states=np.ones((length + 1, 1)) if one_step else rng.normal(size=(length + 1, 4)).astype(np.float32),
                observations=np.ones((length + 1, 2, 1)) if one_step else rng.normal(size=(length + 1, 2, 3)),
                actions=rng.integers(0, 2, (length, 2)),
                rewards=rng.normal(size=length),
                terminated=one_step or length % 2 == 1,
                action_masks=None if one_step else masks,
            )
        )
    data = from_episodes("sample", (2, 2) if one_step else (3, 3), episodes, notes=("A sample.",))
    return data.with_header(environment="bridge", agents=("a", "b"), episode_limit=9)


def _dataset(data: OfflineDataset) -> str:
    whole = [data.digest, data.name, data.notes, data.header.as_json()]
    return hashlib.sha256(json.dumps(whole).encode()).hexdigest()


def _arrays(*arrays: Any) -> str:
    seal = hashlib.sha256()
    for array in arrays:
        plain = np.asarray(array)
        seal.update(f"{plain.dtype}{plain.shape}".encode() + plain.tobytes())
    return seal.hexdigest()


def _game(path: Path) -> str:
    game: Game = read_game(path)[0]
    return _arrays(game.mmdp.dense_transition(), game.mmdp.reward, game.mmdp.initial, game.mmdp.discount)


def _counts(path: Path) -> str:
    return _arrays(read_counts(path, penalty_xor(), lambda note: None))


def _native(folder: Path) -> Path:
    return write_dataset(_sample(), "lab/x-v0", root=folder)


def _open_native(path: Path) -> str:
    stored_datasets(path.parent.parent)  # the list must stand whatever lies there
    return _dataset(open_dataset(path))


def _pymarl(folder: Path) -> Path:
    write_pymarl(_sample(), folder / "buffer")
    return folder / "buffer"


def _vault(folder: Path) -> Path:
    write_vault(_sample(), folder / "vault" / "x")
    return folder / "vault" / "x"


def _cfcql(folder: Path) -> Path:
    import h5py

    write_pymarl(_sample(), folder / "buffer")
    with h5py.File(folder / "x.h5", "w") as file:
        for name in ("state", "obs", "actions", "avail_actions", "reward", "terminated", "filled"):
            array = np.load(folder / "buffer" / f"{name}.npy")
            packed: dict[str, Any] = {"chunks": True, "compression": "gzip"} if name in ("obs", "filled") else {}
            file.create_dataset(name, data=array, **packed)
    return folder / "x.h5"


def _minari(folder: Path) -> Path:
    from gymnasium import spaces
    from minari import create_dataset_from_buffers
    from minari.data_collector import EpisodeBuffer

    os.environ["MINARI_DATASETS_PATH"] = str(folder)
    data, buffers = _sample(), []
    for episode in data.episodes:
        frames = np.concatenate([episode.observations, episode.final_observation[None]])  # type: ignore[index]
        buffers.append(
            EpisodeBuffer(
                observations={"a": frames[:, 0], "b": frames[:, 1]},
                actions={"a": episode.actions[:, 0], "b": episode.actions[:, 1]},
                rewards=episode.rewards,
                terminations=episode.terminated,
                truncations=episode.truncated,
                infos={"state": np.concatenate([episode.states, episode.final_state[None]])},  # type: ignore[index]
            )
        )
    box = spaces.Box(-np.inf, np.inf, (3,), np.float64)
    create_dataset_from_buffers(
        "x-v0",
        buffers,
        observation_space=spaces.Dict(a=box, b=box),
        action_space=spaces.Dict(a=spaces.Discrete(3), b=spaces.Discrete(3)),
    )
    return folder / "x-v0"


def _file(name: str, content: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).write_text(content)
        return folder / name

    return make


def _table(suffix: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        write_joint_actions(_sample(one_step=True), folder / f"table.{suffix}")
        return folder / f"table.{suffix}"

    return make


def _archive(**arrays: Any) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        np.savez_compressed(folder / "x.npz", **arrays)
        return folder / "x.npz"

    return make


_MODEL = penalty_xor().mmdp
_FIELDS: dict[str, Any] = {
    "transition": _MODEL.dense_transition(),
    "reward": _MODEL.reward,
    "initial": _MODEL.initial,
    "discount": 0.5,
}
_JSON = json.dumps({key: np.asarray(value).tolist() for key, value in _FIELDS.items()}, indent=1)

TARGETS = (
    Target("store", _native, _open_native, sealed=True),
    Target("pymarl", _pymarl, lambda path: _dataset(read_pymarl(path))),
    Target("vault", _vault, lambda path: _dataset(read_vault(path))),
    Target("cfcql", _cfcql, lambda path: _dataset(read_cfcql(path))),
    Target("minari", _minari, lambda path: _dataset(read_minari(path))),
    Target("joint-actions.csv", _table("csv"), lambda path: _dataset(read_joint_actions(path))),
    Target("joint-actions.json", _table("json"), lambda path: _dataset(read_joint_actions(path))),
    Target("game.json", _file("game.json", _JSON), _game),
    Target("game.csv", _file("game.csv", "0,1.5,2\n1,-2,3\n0.25,1e-3,4\n7,8,9\n"), _game),
    Target("game.npz", _archive(**_FIELDS), _game),
    Target("counts.csv", _file("counts.csv", "agent_1,agent_2,count\nA,B,12\nB,A,7\n1,1,3\n"), _counts),
    Target("counts.json", _file("counts.json", '{"AB": 12, "BA": 7, "BB": 3.5}'), _counts),
    Target("counts.npz", _archive(counts=np.arange(4.0).reshape(1, 2, 2)), _counts),
    *(Target(name, make, read, sealed=True) for name, make, read in RUNS),
)


def make_samples(folder: Path, targets: Sequence[Target] = TARGETS) -> dict[str, tuple[Path, Path, str]]:
    """Of these targets: its sample's folder, the path to read, and its fingerprint."""
    made = {}
    for target in targets:
        home = folder / target.name
        home.mkdir(parents=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            path = target.make(home)
            made[target.name] = (home, path, target.read(fresh_copy(home, path, folder / "read")))  # a run goes on when read
    return made
