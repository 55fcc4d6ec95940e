"""Messages between processes: a JSON header, and arrays as they lie in memory.  Nothing that is received is ever executed.

length of the header, 4 bytes │ header │ array │ array │ ...
"""

from __future__ import annotations

import json
import math
import os
import struct
import sys
from collections.abc import Mapping
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["receive", "send", "streams"]

_LENGTH = struct.Struct("<I")


def send(stream: IO[bytes], header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]] | None = None) -> None:
    """Write one message."""
    plain = {name: np.ascontiguousarray(array) for name, array in (arrays or {}).items()}
    kinds = [(name, array.dtype.str, array.shape) for name, array in plain.items()]
    head = json.dumps({"header": dict(header), "arrays": kinds}).encode()
    stream.write(b"".join([_LENGTH.pack(len(head)), head, *(array.tobytes() for array in plain.values())]))
    stream.flush()


def receive(stream: IO[bytes]) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Read one message.

    Raises:
        EOFError: the other side is gone.
    """
    (length,) = _LENGTH.unpack(_exactly(stream, _LENGTH.size))
    message = json.loads(_exactly(stream, length))
    arrays = {}
    for name, kind, shape in message["arrays"]:
        dtype = np.dtype(kind)
        arrays[name] = np.frombuffer(_exactly(stream, dtype.itemsize * math.prod(shape)), dtype).reshape(shape)
    return message["header"], arrays


def streams() -> tuple[IO[bytes], IO[bytes]]:
    """Requests and answers of this process, which were its standard streams: out of reach of whoever prints or reads."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return requests, answers


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data
