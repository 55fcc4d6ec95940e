"""A process that plays some slots for ``vector.SideBySide``: ``python -m alberdice.environments.worker``.

It is told on its standard input what to do, and answers on what was its standard output; whatever an environment prints goes to
standard error.  It ends when it is told to, or when its parent is gone.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alberdice.environments.channel import receive, send, streams
from alberdice.environments.contract import BatchedEnvironment, Frame, PlayOptions
from alberdice.environments.registry import find_environment
from alberdice.errors import AlberDICEError

__all__ = ["main"]

Arrays = dict[str, NDArray[Any]]
Answer = tuple[dict[str, Any], Arrays]


class _Worker:
    """The environment, once it is open."""

    environment: BatchedEnvironment

    def open(self, header: dict[str, Any], arrays: Arrays) -> Answer:
        """Find it, and answer with its spec."""
        sys.path[:] = header["path"]
        options = {**header["options"]}
        if isinstance(options["agents"], list):
            options["agents"] = tuple(options["agents"])
        self.environment = find_environment(header["name"], header["arguments"]).open(PlayOptions(**options))
        return {"spec": asdict(self.environment.spec)}, {}

    def reset(self, header: dict[str, Any], arrays: Arrays) -> Answer:
        """Begin episodes."""
        return {}, frame_arrays(self.environment.reset(arrays["seeds"], arrays.get("slots")))

    def step(self, header: dict[str, Any], arrays: Arrays) -> Answer:
        """Play actions."""
        step = self.environment.step(arrays["actions"])
        metrics = {f"metric {name}": np.asarray(values) for name, values in step.metrics.items()}
        ends = {"rewards": step.rewards, "terminated": step.terminated, "truncated": step.truncated}
        return {}, {**frame_arrays(step.frame), **ends, **metrics}

    def close(self, header: dict[str, Any], arrays: Arrays) -> Answer:
        """Close it."""
        if hasattr(self, "environment"):
            self.environment.close()
        return {}, {}


def frame_arrays(frame: Frame) -> Arrays:
    """A frame's arrays by name."""
    return {name: getattr(frame, name) for name in ("observations", "masks", "state", "alive")}


def main() -> None:
    """Answer until told to close, or until nobody asks any more."""
    requests, answers = streams()
    worker = _Worker()
    while True:
        try:
            header, arrays = receive(requests)
        except EOFError:
            worker.close({}, {})
            return
        what = header["do"]
        send(answers, *_answered(getattr(worker, what), header, arrays))
        if what == "close":
            return


def _answered(method: Callable[[dict[str, Any], Arrays], Answer], header: dict[str, Any], arrays: Arrays) -> Answer:
    """The answer, or the error in its parts."""
    try:
        return method(header, arrays)
    except AlberDICEError as error:
        parts = {name: str(getattr(error, name)) for name in ("where", "got", "expected", "remedy")}
        return {"error": parts, "kind": type(error).__name__}, {}
    except (Exception, SystemExit) as error:
        got = " ".join(f"{type(error).__name__}: {error}".split())
        parts = {"where": "environment", "got": got, "expected": "no error from its code", "remedy": ""}
        return {"error": parts, "kind": "InvalidArgumentError"}, {}


if __name__ == "__main__":
    main()
