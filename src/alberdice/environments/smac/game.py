"""A process with one game of SMAC: asked and answered, and ended with all that it started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alberdice.environments.channel import receive, send
from alberdice.errors import InvalidArgumentError, ResourceError

__all__ = ["GameProcess"]

#: seconds that a game is given to close before it is ended
_PATIENCE = 10.0
Arrays = dict[str, NDArray[Any]]
_SMAC = "its README says how: StarCraft II with its maps at SC2PATH, and the package of oxwhirl/smac in a Python of its own"


class GameProcess:
    """See the module.

    Args:
        python: the interpreter that has smac.
        label: for messages.

    Raises:
        ResourceError: no such interpreter, or a process that died.
    """

    def __init__(self, python: str, label: str) -> None:
        self.label = label
        command, pipe = [python, str(Path(__file__).with_name("host.py"))], subprocess.PIPE
        try:
            # A session of its own: Ctrl-C comes to this process, and the game it starts is ended with it.
            self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, start_new_session=True)
        except OSError as problem:
            remedy = "name the Python that has smac: ALBERDICE_SMAC_PYTHON, or python='...' in brackets behind the name"
            raise ResourceError(label, got=f"{python}: {problem}", expected="a Python", remedy=remedy) from None

    def ask(self, what: str, arrays: Arrays | None = None, **header: Any) -> tuple[dict[str, Any], Arrays]:
        """The answer.

        Raises:
            InvalidArgumentError: smac's own error.
            ResourceError: smac is missing, or the process died.
        """
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            send(stdin, {"do": what, **header}, arrays)
            answer, seen = receive(stdout)
        except (OSError, EOFError):
            got = "the end of the game's process"
            raise ResourceError(self.label, got=got, expected="an answer", remedy="look for its words above") from None
        if "missing" in answer:
            raise ResourceError(self.label, got=answer["missing"], expected="smac.env.StarCraft2Env", remedy=_SMAC)
        if "failed" in answer:
            raise InvalidArgumentError(self.label, got=answer["failed"], expected="no error from smac")
        return answer, seen

    def close(self) -> None:
        """Close the game and end its process, and whatever that left behind; may be called again."""
        process = self._process
        if process.poll() is None:
            with contextlib.suppress(ResourceError, InvalidArgumentError):
                self.ask("close")
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_PATIENCE)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if sys.platform == "win32":  # no groups there
                process.kill()
            else:
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None and not stream.closed:
                with contextlib.suppress(OSError):
                    stream.close()


def same(one: Arrays, other: Arrays) -> bool:
    """Whether two frames are the same, bit for bit."""
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)
