"""The slots of an environment divided among worker processes: the same contract, and the same numbers bit for bit.

Each worker makes its own instances and plays a part of the slots that stand together; policies are run here, once for all.
Workers are programs of their own that find the environment by its name (``worker``), so that a script needs no guard and what
they are sent is never code.  They are outside the terminal's reach: Ctrl-C comes to this process, which ends them.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from alberdice import _checks, errors
from alberdice.environments.channel import receive, send
from alberdice.environments.contract import BatchedEnvironment, EnvironmentSpec, Frame, PlayOptions, Step
from alberdice.errors import InvalidArgumentError, ResourceError

__all__ = ["SideBySide"]

#: seconds that a worker is given to close its instances before it is ended
_PATIENCE = 10.0
Message = tuple[dict[str, Any], dict[str, NDArray[Any]]]
_FRAME = ("observations", "masks", "state", "alive")


class Named(Protocol):
    """What is asked of a registry's ``Environment``."""

    @property
    def name(self) -> str:
        """As it was asked for."""

    @property
    def make(self) -> Callable[..., Any]:
        """What makes it."""

    @property
    def arguments(self) -> Mapping[str, Any]:
        """What that is called with."""

    @property
    def findable(self) -> bool:
        """Whether another process finds it by its name."""


class SideBySide(BatchedEnvironment):
    """See the module.

    Args:
        environment: what every worker makes; by a name that it can find, too.
        options: as of ``Environment.open``.
        workers: how many processes.

    Raises:
        InvalidArgumentError: an environment without such a name, arguments that are no JSON values, whatever a worker raises.
        ResourceError: a worker that died.
    """

    def __init__(self, environment: Named, options: PlayOptions, workers: int) -> None:
        workers = _checks.whole_number(workers, "workers", low=1)
        request = {
            "do": "open",
            "name": address_of(environment),
            "arguments": _json(environment),
            "options": asdict(options),
            "path": [os.path.abspath(each) for each in sys.path],
        }
        self._processes: list[subprocess.Popen[bytes]] = []
        try:
            for _ in range(workers):
                self._processes.append(_started())
            specs = [header["spec"] for header, _ in self._all(range(workers), [(request, {})] * workers)]
        except BaseException:
            self._end()
            raise
        plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in specs[0].items()}
        self.spec = EnvironmentSpec(**plain)
        if any(each != specs[0] for each in specs):
            self._end()
            got = "workers whose environments differ"
            raise InvalidArgumentError(f"environment {self.spec.name!r}", got=got, expected="the same in every process")
        self._allot(0)

    def _allot(self, slots: int) -> None:
        """Which slots belong to which worker, and what is known of them."""
        self._owner = np.repeat(
            np.arange(len(self._processes)), [len(part) for part in np.array_split(np.arange(slots), len(self._processes))]
        )
        first = np.searchsorted(self._owner, np.arange(len(self._processes)))
        self._local = np.arange(slots) - first[self._owner]
        n, spec = self.spec.n_agents, self.spec
        self._known: dict[str, NDArray[Any]] = {
            "observations": np.zeros((slots, n, spec.observation_size), np.float32),
            "masks": np.zeros((slots, n, max(spec.n_actions)), np.bool_),
            "state": np.zeros((slots, spec.state_size), np.float32),
            "alive": np.zeros((slots, n), np.bool_),
            "terminated": np.ones(slots, np.bool_),
            "truncated": np.zeros(slots, np.bool_),
        }

    def reset(self, seeds: NDArray[np.int64], slots: NDArray[np.int64] | None = None) -> Frame:
        """See the contract."""
        self._check_open()
        asked: dict[int, Message] = {}
        everything = slots is None
        if slots is None:
            self._allot(len(seeds))
            slots = np.arange(len(seeds))
        for worker in np.unique(self._owner[slots]):
            mine = self._owner[slots] == worker
            arrays = {"seeds": np.asarray(seeds, np.int64)[mine]}
            if not everything:
                arrays["slots"] = self._local[slots[mine]]
            asked[int(worker)] = ({"do": "reset"}, arrays)
        for worker, (_, arrays) in zip(asked, self._all(asked, list(asked.values())), strict=True):
            self._note(worker, arrays)
        self._known["terminated"][slots] = self._known["truncated"][slots] = False
        return self._frame()

    def step(self, actions: NDArray[np.int64]) -> Step:
        """See the contract; a worker all of whose episodes have ended is left alone."""
        self._check_open()
        actions = np.asarray(actions, np.int64)
        ended = self._known["terminated"] | self._known["truncated"]
        going = [int(w) for w in np.unique(self._owner[~ended])]
        requests = [({"do": "step"}, {"actions": actions[self._owner == w]}) for w in going]
        rewards = np.zeros(len(self._owner))
        metrics: dict[str, NDArray[np.float64]] = {}
        for worker, (_, arrays) in zip(going, self._all(going, requests), strict=True):
            mine = self._owner == worker
            rewards[mine] = arrays.pop("rewards")
            for key in [key for key in arrays if key.startswith("metric ")]:
                name = key.removeprefix("metric ")
                metrics.setdefault(name, np.full(len(self._owner), np.nan))[mine] = arrays.pop(key)
            self._note(worker, arrays)
        ends = (self._known["terminated"].copy(), self._known["truncated"].copy())
        return Step(self._frame(), rewards, *ends, metrics)

    def _note(self, worker: int, arrays: dict[str, NDArray[Any]]) -> None:
        for name, array in arrays.items():
            self._known[name][self._owner == worker] = array

    def _frame(self) -> Frame:
        return Frame(*(self._known[name].copy() for name in _FRAME))

    def _all(self, workers: Iterable[int], requests: list[Message]) -> list[Message]:
        """Ask these workers at once, then wait for all; after an error of any, every worker is ended."""
        workers = list(workers)
        try:
            for worker, request in zip(workers, requests, strict=True):
                self._send(worker, request)
            return [self._answer(worker) for worker in workers]
        except BaseException:
            self._end()
            raise

    def _send(self, worker: int, request: Message) -> None:
        stream = self._processes[worker].stdin
        assert stream is not None
        try:
            send(stream, *request)
        except OSError:
            raise self._dead(worker) from None

    def _answer(self, worker: int) -> Message:
        stream = self._processes[worker].stdout
        assert stream is not None
        try:
            header, arrays = receive(stream)
        except EOFError:
            raise self._dead(worker) from None
        if "error" in header:
            raise getattr(errors, header["kind"])(header["error"].pop("where"), **header["error"])
        return header, arrays

    def _check_open(self) -> None:
        if not self._processes:
            raise InvalidArgumentError("environment", got="a closed one", expected="one that is open")

    def _dead(self, worker: int) -> ResourceError:
        code = self._processes[worker].wait(_PATIENCE)
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        remedy = "look for its words above; if it was killed for memory, play fewer episodes side by side"
        return ResourceError(f"environment worker {worker + 1}", got=f"its end, {how}", expected="an answer", remedy=remedy)

    def _end(self) -> None:
        """End all processes at once."""
        processes, self._processes = self._processes, []
        for each in processes:
            each.kill()
        for each in processes:
            _reap(each)

    def close(self) -> None:
        """Close the instances of all workers, and end these."""
        processes = self._processes
        try:
            if processes:
                self._all(range(len(processes)), [({"do": "close"}, {})] * len(processes))
        finally:
            self._processes = []
            for each in processes:
                _reap(each)

    def __del__(self) -> None:
        """Leave no process behind, even if nobody closed."""
        if getattr(self, "_processes", None):
            self._end()


def _reap(process: subprocess.Popen[bytes]) -> None:
    """Wait for a process that is about to end, end it if it does not, and close what leads to it."""
    for stream in (process.stdin, process.stdout):
        if stream is not None and not stream.closed:
            with contextlib.suppress(OSError):  # what was left in its buffer has no reader any more
                stream.close()
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _started() -> subprocess.Popen[bytes]:
    """A worker, outside the terminal's reach."""
    package = str(Path(errors.__file__).parents[1])
    path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH", "")]))
    surroundings = {"OMP_NUM_THREADS": "1", **os.environ, "PYTHONPATH": path}
    command = [sys.executable, "-m", "alberdice.environments.worker"]
    pipe = subprocess.PIPE
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, env=surroundings, creationflags=flags)
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, env=surroundings, start_new_session=True)


def address_of(environment: Named) -> str:
    """The name by which another process finds an environment.

    Raises:
        InvalidArgumentError: it has none, like a function of the main script or within another one.
    """
    make = environment.make
    if environment.findable:
        return environment.name
    module, name = getattr(make, "__module__", ""), getattr(make, "__qualname__", "")
    found: Any = None
    if module and module != "__main__" and name.isidentifier():
        found = getattr(sys.modules.get(module), name, None)
    if found is not make:
        remedy = "put the function that makes it into a module, and name it module:function"
        got = f"{module or '?'}:{name or type(make).__name__}"
        raise InvalidArgumentError("workers", got=got, expected="an environment that another process finds", remedy=remedy)
    return f"{module}:{name}"


def _json(environment: Named) -> dict[str, Any]:
    """Its arguments, if another process can be told them."""
    plain = dict(environment.arguments)
    try:
        if json.loads(json.dumps(plain)) == json.loads(json.dumps(plain, default=repr)):
            return plain
    except TypeError:
        pass
    got = repr(plain)[:80]
    raise InvalidArgumentError("workers", got=f"arguments {got}", expected="JSON values, which another process can be told")
