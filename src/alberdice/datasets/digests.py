"""SHA-256 of what a dataset holds: one digest per flat array, and one of all of them.

An array's digest covers its type, shape and little-endian bytes.  A dataset's covers the arrays' digests and the numbers of
actions, so that it depends on what training reads and on nothing else: not on name, notes, place or schema.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alberdice.datasets.memory import release

__all__ = ["ARRAYS", "array_digest", "canonical_digest", "content_digest"]

#: the flat arrays of a dataset
ARRAYS = (
    "frame_states",
    "frame_observations",
    "frame_masks",
    "actions",
    "rewards",
    "terminated",
    "truncated",
    "lengths",
    "final_known",
)


#: bytes that are looked at in one piece
_PIECE = 1 << 24


def array_digest(array: NDArray[Any]) -> str:
    """SHA-256 of an array's type, shape and little-endian bytes."""
    kind = array.dtype.newbyteorder("<")
    seal = hashlib.sha256(f"{kind.str}{array.shape}".encode())
    rows = max(1, _PIECE // max(1, array[:1].nbytes))
    for first in range(0, len(array) if array.size else 0, rows):
        seal.update(np.ascontiguousarray(array[first : first + rows], kind).reshape(-1).view(np.uint8).data)
        release(array)
    return seal.hexdigest()


def canonical_digest(value: Mapping[str, Any]) -> str:
    """SHA-256 of a JSON object's canonical text."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def content_digest(n_actions: Sequence[int], arrays: Mapping[str, str]) -> str:
    """One digest of a dataset's numbers of actions and the digests of its arrays."""
    return canonical_digest({"n_actions": list(n_actions), "arrays": dict(arrays)})
