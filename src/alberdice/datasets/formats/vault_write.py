"""Writing Flashbax Vaults (see :mod:`alberdice.datasets.formats.vault` for the layout) through tensorstore alone.

Actions are int32, terminals and truncations float32, infos.legals bool; rewards, terminals and truncations are repeated for
every agent; states, observations and rewards keep their types.  metadata.json is version 1.2, with ``n_actions``, ``notes`` and
``alberdice_header``.
Final frames have no place in a vault.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alberdice.datasets.dataset import OfflineDataset
from alberdice.datasets.formats.vault import TIME_AXIS, kvstore
from alberdice.datasets.packages import require
from alberdice.files import atomic_directory, strange_content

__all__ = ["write_vault"]

_VERSION = 1.2


def write_vault(dataset: OfflineDataset, directory: str | Path, *, overwrite: bool = False) -> tuple[str, ...]:
    """Write a vault that Flashbax and OG-MARL read.

    Args:
        dataset: what to write.
        directory: ``<rel_dir>/<vault_name>/<vault_uid>``, new.
        overwrite: replace what is there.

    Returns:
        What the format could not hold, one sentence each.

    Raises:
        ResourceError: the disk is full.
    """
    losses = [f"The final frames of {int(dataset.final_known.sum())} episodes have no place in a vault and were left out."]
    if not dataset.final_known.any():
        losses = []
    doubles = [k for k in ("states", "observations", "rewards") if getattr(dataset, k).dtype.itemsize == 8]
    if doubles:
        losses.append(f"64-bit {', '.join(doubles)} are kept, but JAX reads them as 32 bits unless told otherwise.")
    agents, steps = dataset.n_agents, dataset.n_steps
    leaves: dict[str, tuple[NDArray[Any], Any]] = {
        "observations": (dataset.observations, dataset.observations.dtype),
        "actions": (dataset.actions, np.int32),
        "rewards": (np.broadcast_to(dataset.rewards[:, None], (steps, agents)), dataset.rewards.dtype),
        "terminals": (np.broadcast_to(dataset.terminated[:, None], (steps, agents)), np.float32),
        "truncations": (np.broadcast_to(dataset.truncated[:, None], (steps, agents)), np.float32),
    }
    if dataset.frame_masks is not None:
        leaves["infos.legals"] = (dataset.action_masks, np.bool_)
    if dataset.state_size:
        leaves["infos.state"] = (dataset.states, dataset.states.dtype)
    metadata: dict[str, Any] = {"version": _VERSION, "structure_shape": {}, "structure_dtype": {}}
    for name, (array, kind) in leaves.items():
        shape = str((1, *array.shape))
        for key, value in (("structure_shape", shape), ("structure_dtype", np.dtype(kind).name)):
            head, _, tail = name.rpartition(".")
            (metadata[key].setdefault(head, {}) if head else metadata[key])[tail] = value
    metadata |= {"n_actions": ",".join(map(str, dataset.n_actions)), "notes": " ".join((*dataset.notes, *losses))}
    metadata["alberdice_header"] = json.dumps(dataset.header.as_json())
    with atomic_directory(Path(directory), "vault", _stranger, overwrite=overwrite) as partial:
        (partial / "metadata.json").write_text(json.dumps(metadata, indent=1))
        for name, (array, kind) in leaves.items():
            _write_leaf(partial, name, array, np.dtype(kind))
        _write_index(partial, steps)
    return tuple(losses)


def _stranger(directory: Path) -> str:
    """What a directory holds that is no vault, in words."""
    return strange_content(directory, ("metadata.json", "manifest.ocdbt"), r"metadata\.json|manifest\.ocdbt|d/[0-9a-f]+")


def _write_leaf(base: Path, name: str, array: NDArray[Any], kind: np.dtype[Any]) -> None:
    ts = require("tensorstore")

    spec = kvstore(base, "".join(f"{part}." for part in name.split(".")))
    spec["metadata"] = {"compressor": {"id": "gzip", "level": 5}}
    shape = (1, TIME_AXIS, *array.shape[1:])
    _try(base, name, lambda: ts.open(spec, shape=shape, dtype=ts.dtype(kind), create=True).result())
    store = _try(base, name, lambda: ts.open(kvstore(base, spec["kvstore"]["path"])).result())
    chunk = max(1, int(store.chunk_layout.write_chunk.shape[1] or 1))
    step = max(chunk, (1 << 22) // max(1, int(np.prod(array.shape[1:]))) // chunk * chunk)
    for start in range(0, len(array), step):
        piece = np.ascontiguousarray(array[start : start + step], kind)
        _try(base, name, lambda piece=piece, start=start: store[0, start : start + len(piece)].write(piece).result())


def _write_index(base: Path, steps: int) -> None:
    ts = require("tensorstore")

    spec = kvstore(base, "vault_index")
    store = _try(base, "vault_index", lambda: ts.open(spec, shape=(1,), dtype=ts.int32, create=True).result())
    _try(base, "vault_index", lambda: store.write(np.array([steps], np.int32)).result())


def _try(base: Path, name: str, action: Any) -> Any:
    """Run a tensorstore operation, turning its failures into OSErrors that :func:`atomic_directory` explains."""
    try:
        return action()
    except ValueError as problem:
        raise OSError(f"{name}: {problem}") from problem
