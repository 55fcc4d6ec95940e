"""An interrupt asks all runs to save and stop: SIGINT and SIGTERM alike."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from typing import Any

from alberdice.console import tell

__all__ = ["PATIENCE", "terminated_as_interrupted"]

#: seconds that a run gets to save and stop
PATIENCE = 60.0


@contextlib.contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM raises KeyboardInterrupt, too."""

    def interrupt(number: int, frame: Any) -> None:
        tell("stopping: runs under way save what they have; the same command goes on from there")
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
