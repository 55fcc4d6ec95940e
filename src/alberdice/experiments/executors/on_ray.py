"""Runs on a Ray cluster: Ray places them, runs those of a lost node again elsewhere, and tells how they ended.

A run's result is its folder, on a file system that all nodes share; through Ray go only the run's settings and how it ended.
Ray's usage statistics are off unless the environment turns them on.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from alberdice.console import warn
from alberdice.errors import InvalidArgumentError, ResourceError
from alberdice.experiments.executors.folders import Needs, Watch, make_run_elsewhere
from alberdice.experiments.executors.interrupts import PATIENCE, terminated_as_interrupted
from alberdice.experiments.executors.work import ONE_THREAD, Ended
from alberdice.experiments.planned import PlannedRun

__all__ = ["RayExecutor"]

#: seconds between looks at the runs' folders
_LOOK = 1.0
#: bytes of the object store of a cluster of our own: nothing large goes through it
_STORE = 100 << 20
#: variables of this process's environment that workers are told: where data are
_HANDED_ON = ("MINARI_DATASETS_PATH",)


@dataclass(frozen=True)
class RayExecutor:
    """Every run a task of a Ray cluster, see ``work.Executor``.

    Attributes:
        address: of the cluster ('auto', HOST:PORT, ray://HOST:PORT); 'local': one of this process's own, on this machine.
        jobs: CPUs of the cluster of this process's own.
        needs: of one run; a node takes as many runs as it has room for.
        retries: how often Ray begins a run again whose node or process was lost.
    """

    address: str = "local"
    jobs: int = 1
    needs: Needs = field(default_factory=Needs)
    retries: int = 3

    def execute(self, runs: Sequence[PlannedRun], step: Callable[..., None], share: float = 1.0) -> dict[PlannedRun, Ended]:
        """See ``work.Executor``."""
        if not runs:
            return {}
        ray = self._connected()
        self._check_room(ray)
        alone = int(any(run.alone for run in runs))  # runs of one process at most; 0: as many as come
        task = ray.remote(max_calls=alone)(_make).options(
            num_cpus=self.needs.cpus,
            num_gpus=self.needs.gpus,
            memory=int(self.needs.memory * 2**30) or None,
            max_retries=self.retries,
            runtime_env={"env_vars": {**ONE_THREAD, **{k: os.environ[k] for k in _HANDED_ON if k in os.environ}}},
        )
        watch, ended = Watch(runs, step), dict[PlannedRun, Ended]()
        with terminated_as_interrupted(), contextlib.redirect_stdout(sys.stderr):  # Ray prints its notices on stdout
            pending = {task.remote(run, share, os.getcwd()): run for run in runs}
            try:
                while pending:
                    for ref in ray.wait(list(pending), num_returns=1, timeout=_LOOK)[0]:
                        run = pending.pop(ref)
                        ended[run] = _outcome(ray, ref)
                        watch.ended(run, ended[run])
                    watch.look(pending.values())
            finally:
                _stop(ray, list(pending))
        return ended

    def _connected(self) -> Any:
        """Ray, connected; a connection that the process has is used."""
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray
        except ImportError:
            remedy = "pip install 'alberdice[cluster]'"
            raise ResourceError("ray", got="not installed", expected="Ray 2.50 or later", remedy=remedy) from None
        if ray.is_initialized():
            return ray
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
        own: dict[str, Any] = {"num_cpus": self.jobs, "include_dashboard": False, "object_store_memory": _STORE}
        try:
            ray.init(self.address, **quiet, **(own if self.address == "local" else {}))
        except (ConnectionError, RuntimeError, ValueError, OSError) as problem:
            remedy = "start one by `ray start --head`, or use --ray local"
            got = f"{self.address}: {' '.join(str(problem).split())[:300]}"
            raise InvalidArgumentError("--ray", got=got, expected="a cluster that answers", remedy=remedy) from None
        return ray

    def _check_room(self, ray: Any) -> None:
        """A run that no node has room for would wait for ever: an error on this machine, a note where nodes may come and go."""
        asked = {"CPU": self.needs.cpus, "GPU": self.needs.gpus, "memory": self.needs.memory * 2**30}
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        if any(all(node.get(name, 0) >= amount for name, amount in asked.items()) for node in nodes):
            return
        wanted = f"{self.needs.cpus:g} CPUs, {self.needs.gpus:g} GPUs, {self.needs.memory:g} GiB for a run"
        if self.address == "local":
            remedy = "ask for less, or raise --jobs"
            raise InvalidArgumentError("--ray", got=wanted, expected="what a node of the cluster has", remedy=remedy)
        warn(f"note: no node of the cluster has {wanted}; waiting for one")


def _make(run: PlannedRun, share: float, place: str) -> tuple[str, str]:
    """The task."""
    how = make_run_elsewhere(run, share, place)
    return how.status, how.reason


def _outcome(ray: Any, ref: Any) -> Ended:
    try:
        return Ended(*ray.get(ref))
    except ray.exceptions.RayError as problem:
        return Ended("failed", " ".join(str(problem).split())[:500])


def _stop(ray: Any, pending: list[Any]) -> None:
    """Let the runs under way save and stop; those that wait do not begin."""
    for ref in pending:
        ray.cancel(ref)
    if pending:
        ray.wait(pending, num_returns=len(pending), timeout=PATIENCE)
