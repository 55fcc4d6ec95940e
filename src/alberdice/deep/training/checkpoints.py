"""Named tensors and a JSON header in one safetensors file, under one checksum; nothing is ever unpickled.

    sha256    over the header's text and every tensor's name, type, shape and bytes, in the order of names

so that a flipped bit, an edited header or an exchanged tensor is found before anything is computed from it.  Files of format 1,
which have no checksum, are read as they are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from alberdice.errors import InvalidDataError
from alberdice.files import storage_errors, write_atomically

__all__ = ["check_state", "read_checkpoint", "read_tensors", "write_checkpoint"]

FORMAT, OLD_FORMAT = "alberdice-checkpoint-2", "alberdice-checkpoint-1"
_REMEDY = "the file is damaged: take a copy of it, or begin the run again in another folder"


def _sealed(header: str, tensors: Mapping[str, Tensor]) -> str:
    seal = hashlib.sha256(header.encode())
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        seal.update(f"\0{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        seal.update(tensor.reshape(-1).view(torch.uint8).numpy().data if tensor.numel() else b"")
    return seal.hexdigest()


def write_checkpoint(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    """Replace the file as a whole.

    Raises:
        ResourceError: the disk is full.
        InvalidDataError: the place cannot be written.
    """
    plain = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(header)
    content = safetensors.torch.save(plain, {"format": FORMAT, "header": text, "sha256": _sealed(text, plain)})
    write_atomically(path, _metadata_in_order(content))


def _metadata_in_order(content: bytes) -> bytes:
    """The same file with the keys of its metadata sorted: safetensors writes them in another order every time."""
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of eight bytes
    return len(text).to_bytes(8, "little") + text + content[8 + size :]


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of any safetensors file.

    Raises:
        InvalidDataError: another file, or a damaged one.
    """
    try:
        with storage_errors(path), safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, RuntimeError, OverflowError, MemoryError) as error:
        raise InvalidDataError(str(path), got=str(error) or "no room for it", expected="a safetensors file") from None


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and header of a file.

    Raises:
        InvalidDataError: not a checkpoint of this package, or a damaged one.
    """
    tensors, metadata = read_tensors(path)
    if metadata.get("format") not in (FORMAT, OLD_FORMAT):
        raise InvalidDataError(str(path), got=f"format {metadata.get('format')!r}", expected=FORMAT)
    text = metadata.get("header", "")
    if metadata["format"] == FORMAT and _sealed(text, tensors) != metadata.get("sha256"):
        raise InvalidDataError(str(path), got="content that its checksum denies", expected="what was written", remedy=_REMEDY)
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise InvalidDataError(f"{path}: header", got="no JSON object", expected="what was written", remedy=_REMEDY)
    return tensors, header


def check_state(where: str, got: Mapping[str, Tensor], expected: Mapping[str, Tensor], remedy: str = "") -> None:
    """Whether tensors can become a learner's state as they are: nothing is cast, broadcast or left out.

    Args:
        where: for the message.
        got, expected: by name.
        remedy: what to do about a misfit; '': a file that does not fit is damaged.

    Raises:
        InvalidDataError: a tensor that is missing, is not known, or has another type or shape.
    """
    for name in [*expected, *got]:
        theirs, own = got.get(name), expected.get(name)
        if theirs is None or own is None or (theirs.dtype, theirs.shape) != (own.dtype, own.shape):
            words = ["nothing" if t is None else f"{t.dtype} {tuple(t.shape)}" for t in (theirs, own)]
            raise InvalidDataError(f"{where}: {name}", got=words[0], expected=words[1], remedy=remedy or _REMEDY)
