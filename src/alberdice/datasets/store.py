"""The native store: a Minari (HDF5) dataset with a header of its own.

    <root>/<id>/data/metadata.json      Minari's fields, and one object "alberdice": the header below
    <root>/<id>/data/main_data.hdf5     a group episode_0, episode_1, ... per episode, with attributes id, total_steps

    observations         (L + 1, N, O)  stacked; L rows where the final frame is unknown
    actions              (L, N) int64
    rewards              (L,)           the team's
    terminations         (L,) bool
    truncations          (L,) bool
    infos/state          (L + 1, S)     absent where S = 0
    infos/avail_actions  (L + 1, N, A) bool, absent where the source has no masks

Header, schema version 2: ``schema``, ``name``, ``n_actions``, ``state_size``, ``observation_size``, ``state_dtype``,
``observation_dtype``, ``reward_dtype``, ``masks``, ``unknown_finals`` (episodes), ``notes``, ``source``, ``origin`` (the
fields of :class:`alberdice.datasets.header.DatasetHeader`), ``sha256`` (one digest per flat array, over its type, shape and
little-endian bytes) and ``header_sha256`` (over the canonical JSON of the rest).  Version 1, which had no ``origin``, opens.

A dataset is written beside its place and moved there by one rename; opening it checks header, sizes, every digest and every
invariant.  Arrays are contiguous in the file, so opening asks HDF5 only where each lies and reads the bytes straight into the
flat form; any file that is laid out otherwise is read through HDF5.
"""

from __future__ import annotations

import json
import math
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from alberdice.datasets.build import Arrays
from alberdice.datasets.dataset import OfflineDataset
from alberdice.datasets.digests import canonical_digest
from alberdice.datasets.hdf5 import HDF5, EpisodeFile
from alberdice.datasets.header import DatasetHeader
from alberdice.errors import AlberDICEError, InvalidArgumentError, InvalidDataError, fail
from alberdice.files import atomic_directory, inside, is_directory, is_file, reserve, storage_errors, strange_content
from alberdice.readers import library_errors, read_json

__all__ = ["SCHEMA", "dataset_directory", "default_root", "open_dataset", "stored_datasets", "write_dataset"]

SCHEMA = 2
#: schemas that open: 1 has no ``origin``
_READABLE = (1, 2)
_MINARI_VERSION = "0.5.2"
_ID = re.compile(r"(?:[A-Za-z0-9_-]{2,}/(?:[A-Za-z0-9_-]+/)*)?[A-Za-z0-9_-]+-v[0-9]+")
_TYPE_NAME = re.compile(r"bool|float(16|32|64)|u?int(8|16|32|64)")
_HEADER_TYPES: dict[str, type] = {
    "name": str,
    "n_actions": list,
    "state_size": int,
    "observation_size": int,
    "state_dtype": str,
    "observation_dtype": str,
    "reward_dtype": str,
    "masks": bool,
    "unknown_finals": list,
    "notes": list,
    "source": str,
    "sha256": dict,
}


def default_root() -> Path:
    """Minari's own place: ``MINARI_DATASETS_PATH``, or ``~/.minari/datasets``."""
    given = os.environ.get("MINARI_DATASETS_PATH")
    return Path(given) if given else Path.home() / ".minari" / "datasets"


def dataset_directory(dataset_id: str, root: str | Path | None = None) -> Path:
    """Directory of a dataset id.

    Raises:
        InvalidArgumentError: an id that is not ``(namespace/)name-vN``, such as one with ``..``.
    """
    if not _ID.fullmatch(dataset_id):
        expected = "(namespace/)name-vN of letters, digits, _ and -, with two characters or more in the namespace"
        raise InvalidArgumentError("dataset id", got=repr(dataset_id), expected=expected, remedy="e.g. warehouse/tiny-2ag-v0")
    return (default_root() if root is None else Path(root)) / dataset_id


def _seal(header: dict[str, Any]) -> str:
    return canonical_digest({key: value for key, value in header.items() if key != "header_sha256"})


def _header(dataset: OfflineDataset) -> dict[str, Any]:
    header: dict[str, Any] = {
        "schema": SCHEMA,
        "name": dataset.name,
        "n_actions": list(dataset.n_actions),
        "state_size": dataset.state_size,
        "observation_size": dataset.observation_size,
        "state_dtype": dataset.frame_states.dtype.name,
        "observation_dtype": dataset.frame_observations.dtype.name,
        "reward_dtype": dataset.rewards.dtype.name,
        "masks": dataset.frame_masks is not None,
        "unknown_finals": np.flatnonzero(~dataset.final_known).tolist(),
        "notes": list(dataset.notes),
        "source": dataset.source,
        "origin": dataset.header.as_json(),
        "sha256": dataset.array_digests,
    }
    header["header_sha256"] = _seal(header)
    return header


def _box(shape: tuple[int, ...], kind: np.dtype[Any]) -> str:
    """A Gymnasium Box of everything this type holds, as Minari writes spaces."""
    low: float
    high: float
    if kind.kind == "f":
        low, high = -np.inf, np.inf
    elif kind.kind == "b":
        low, high = 0, 1
    else:
        low, high = int(np.iinfo(kind).min), int(np.iinfo(kind).max)
    bounds = [np.full(shape, bound, object if kind.kind != "f" else float).tolist() for bound in (low, high)]
    return json.dumps({"type": "Box", "dtype": kind.name, "shape": list(shape), "low": bounds[0], "high": bounds[1]})


def _metadata(dataset: OfflineDataset, dataset_id: str, size: int) -> dict[str, Any]:
    actions = {"type": "MultiDiscrete", "dtype": "int64", "nvec": list(dataset.n_actions), "start": [0] * dataset.n_agents}
    observations = _box((dataset.n_agents, dataset.observation_size), dataset.frame_observations.dtype)
    return {
        "total_episodes": dataset.n_episodes,
        "total_steps": dataset.n_steps,
        "data_format": "hdf5",
        "jpeg_encoding": False,
        "observation_space": observations,
        "action_space": json.dumps(actions),
        "dataset_id": dataset_id,
        "minari_version": _MINARI_VERSION,
        "dataset_size": round(size / 1e6, 1),
        "description": "; ".join(dataset.notes),
        "alberdice": _header(dataset),
    }


def write_dataset(dataset: OfflineDataset, dataset_id: str, *, root: str | Path | None = None, overwrite: bool = False) -> Path:
    """Store a dataset under an id; it appears whole or not at all.

    Args:
        dataset: what to store.
        dataset_id: ``(namespace/)name-vN``.
        root: directory of all datasets; None is Minari's own.
        overwrite: replace what is stored under this id.

    Returns:
        The dataset's directory.

    Raises:
        InvalidArgumentError: a malformed id, or one that is taken.
        ResourceError: the disk is full.
    """
    target = dataset_directory(dataset_id, root)
    with atomic_directory(target, "dataset of this package", _stranger, overwrite=overwrite) as partial:
        data = partial / "data"
        data.mkdir()
        reserve(data / "main_data.hdf5", dataset.nbytes)
        EpisodeFile.write(data / "main_data.hdf5", dataset)
        size = (data / "main_data.hdf5").stat().st_size
        (data / "metadata.json").write_text(json.dumps(_metadata(dataset, dataset_id, size), indent=1))
    return target


def _stranger(directory: Path) -> str:
    """What a directory holds that is no dataset of this store, in words."""
    names = ("data/metadata.json", "data/main_data.hdf5")
    found = strange_content(directory, names, "|".join(map(re.escape, names)))
    if found or not (directory / names[0]).exists():
        return found
    try:
        return "" if is_native(directory) else "a dataset that Minari or another package wrote"
    except InvalidDataError as problem:
        return f"a dataset that cannot be read ({problem})"


def is_native(directory: Path) -> bool:
    """Whether this directory (or its ``data``) holds a dataset with this package's header."""
    path = _data_directory(directory) / "metadata.json"
    return is_file(path) and "alberdice" in read_json(path)


def _data_directory(directory: Path) -> Path:
    return directory / "data" if is_file(directory / "data" / "metadata.json") else directory


def _read_header(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    metadata = read_json(path)
    header = metadata.get("alberdice")
    source = str(path)
    if not isinstance(header, dict):
        raise fail(source, "alberdice", got="no header", expected="the native store's", remedy="import it as a Minari dataset")
    if header.get("schema") not in _READABLE or isinstance(header["schema"], bool):
        remedy = "a newer release may read it" if isinstance(header.get("schema"), int) else ""
        raise fail(source, "alberdice.schema", got=header.get("schema"), expected=f"1 to {SCHEMA}", remedy=remedy)
    if header.get("header_sha256") != _seal(header):
        raise fail(
            source, "alberdice.header_sha256", got="another digest", expected=_seal(header), remedy="the header was changed"
        )
    for key in ("total_episodes", "total_steps"):
        if not isinstance(metadata.get(key), int) or metadata[key] < 1:
            raise fail(source, key, got=metadata.get(key), expected="a positive integer")
    types = _HEADER_TYPES | ({"origin": dict} if header["schema"] > 1 else {})
    for key, wanted in types.items():
        if not isinstance(header.get(key), wanted):
            raise fail(source, f"alberdice.{key}", got=repr(header.get(key)), expected=wanted.__name__)
    whole = {"n_actions": header["n_actions"], "unknown_finals": header["unknown_finals"]}
    whole["sizes"] = [header["state_size"], header["observation_size"]]
    for key, numbers in whole.items():
        if not all(isinstance(number, int) and number >= 0 for number in numbers):
            raise fail(source, f"alberdice.{key}", got=numbers, expected="whole numbers")
    for key in ("state_dtype", "observation_dtype", "reward_dtype"):
        if not _TYPE_NAME.fullmatch(header[key]):
            raise fail(source, f"alberdice.{key}", got=header[key], expected="a NumPy number type")
    return metadata, header


def _sizes(header: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Shape of each stored array without its first axis, by the header."""
    agents = len(header["n_actions"])
    sizes: dict[str, tuple[int, ...]] = {"observations": (agents, header["observation_size"]), "actions": (agents,)}
    if header["state_size"]:
        sizes["infos/state"] = (header["state_size"],)
    if header["masks"]:
        sizes["infos/avail_actions"] = (agents, max(header["n_actions"], default=0))
    return sizes


def open_dataset(
    dataset: str | Path,
    *,
    root: str | Path | None = None,
    verify: bool = True,
    memory_share: float = 0.5,
    scratch: str | Path | None = None,
) -> OfflineDataset:
    """Open a dataset of the native store.

    Args:
        dataset: its directory, or its id under ``root``.
        root: directory of all datasets; None is Minari's own.
        verify: compare the digests (about half a second per gigabyte).
        memory_share: share of memory beyond which arrays are mapped from scratch files.
        scratch: directory of the scratch files.

    Raises:
        InvalidDataError: no such dataset, another schema, sizes or digests that disagree, or an invariant that fails.
        ResourceError: no room.
    """
    directory = Path(dataset)
    if not is_directory(directory):
        if isinstance(dataset, Path):
            raise fail(str(dataset), "directory", got="nothing that can be opened", expected="a dataset")
        directory = dataset_directory(dataset, root)
    data = _data_directory(directory)
    metadata, header = _read_header(inside(data, "metadata.json"))
    path = inside(data, "main_data.hdf5")
    with library_errors(f"{path}: file", HDF5), EpisodeFile(path) as file:
        lengths, known = file.lengths(metadata["total_episodes"], set(header["unknown_finals"]))
        if int(lengths.sum()) != metadata["total_steps"]:
            raise fail(str(path), "total_steps", got=int(lengths.sum()), expected=f"{metadata['total_steps']} by metadata.json")
        file.check_sizes(_sizes(header))
        arrays = Arrays(
            lengths,
            header["n_actions"],
            state=(header["state_size"], header["state_dtype"]),
            observation=(header["observation_size"], header["observation_dtype"]),
            reward=header["reward_dtype"],
            masks=header["masks"],
            memory_share=memory_share,
            scratch=scratch,
        )
        arrays.final_known[:] = known
        file.fill(arrays)
    origin = DatasetHeader.from_json(header.get("origin", {}), str(data / "metadata.json"))
    loaded = arrays.finish(header["name"], notes=header["notes"], source=str(directory), header=origin)
    if verify:
        _check_digests(path, loaded.array_digests, header["sha256"])
    return loaded


def _check_digests(path: Path, found: dict[str, str], expected: dict[str, Any]) -> None:
    """Whether the arrays of a file are those that its header was written for."""
    for name in sorted(found.keys() | expected.keys()):
        if found.get(name) != expected.get(name):
            got, remedy = f"sha256 {found.get(name)}", "the file was damaged or changed: make it again"
            raise fail(str(path), name, got=got, expected=expected.get(name), remedy=remedy)


def stored_datasets(root: str | Path | None = None) -> list[dict[str, Any]]:
    """What lies under a root, by id: whether native, Minari's sizes, and a problem in words where one cannot be read.

    Hidden folders are passed over; sizes that are no numbers are None.
    """
    base = default_root() if root is None else Path(root)
    with storage_errors(base):
        paths = sorted(base.glob("**/data/metadata.json")) if base.is_dir() else []
    found = []
    for path in paths:
        parts = path.parent.parent.relative_to(base).parts
        if any(part.startswith(".") for part in parts):
            continue
        entry: dict[str, Any] = {"id": "/".join(parts), "native": False, "problem": ""}
        metadata: dict[str, Any] = {}
        try:
            metadata = read_json(path)
        except AlberDICEError as problem:
            entry["problem"] = str(problem)
        entry["native"] = "alberdice" in metadata
        for key in ("total_episodes", "total_steps", "dataset_size"):
            size = metadata.get(key)
            valid = isinstance(size, int | float) and not isinstance(size, bool) and math.isfinite(size)
            entry[key] = size if valid else None
        found.append(entry)
    return found
