"""Where many runs are made: the options that ``reproduce``, ``sweep`` and ``scale`` share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alberdice._checks import real_number, whole_number
from alberdice.cli.common import Verbosity
from alberdice.errors import InvalidArgumentError
from alberdice.machine import cores

if TYPE_CHECKING:
    from alberdice.experiments.executors.work import Executor

__all__ = ["Places"]


@dataclass(frozen=True, kw_only=True)
class Places(Verbosity):
    """Local processes unless told otherwise."""

    jobs: int = cores()
    """runs side by side, one thread each: processes of this machine, CPUs of --ray local, or jobs of SLURM"""
    ray: str = ""
    """make runs on a Ray cluster: its address, auto, or local for one on this machine; runs of a lost node go on elsewhere"""
    slurm: str = ""
    """make runs as SLURM jobs, by submitit: a partition, default, or local for submitit's processes on this machine"""
    slurm_options: tuple[str, ...] = ()
    """further options of sbatch by submitit's names, e.g. account=lab constraint=a100"""
    cpus: float = 1.0
    """with --ray or --slurm: CPUs that one run asks for"""
    gpus: float = 0.0
    """with --ray or --slurm: GPUs that one run asks for; settings decide whether it uses them (device)"""
    memory: float = 0.0
    """with --ray or --slurm: GiB of memory that one run asks for; 0: not said"""
    minutes: int = 1440
    """with --slurm: after which a job is ended and queued again; its run goes on from its last checkpoint"""
    retries: int = 3
    """with --ray or --slurm: how often a run begins again whose node, process or job was lost"""

    def executor(self, logs: Path) -> Executor:
        """What the options ask for; nothing is started yet.

        Args:
            logs: folder for what jobs of SLURM print.

        Raises:
            InvalidArgumentError: both clusters at once, or a number out of range.
        """
        from alberdice.experiments.executors.folders import Needs
        from alberdice.experiments.executors.local import LocalExecutor
        from alberdice.experiments.executors.on_ray import RayExecutor
        from alberdice.experiments.executors.on_slurm import SlurmExecutor

        if self.ray and self.slurm:
            raise InvalidArgumentError("--slurm", got="both --ray and --slurm", expected="one of them")
        jobs = whole_number(self.jobs, "--jobs", low=1)
        needs = Needs(*(real_number(getattr(self, name), f"--{name}", low=0.0) for name in ("cpus", "gpus", "memory")))
        retries = whole_number(self.retries, "--retries")
        if self.ray:
            return RayExecutor(self.ray, jobs, needs, retries)
        if not self.slurm:
            return LocalExecutor(jobs)
        minutes, options = whole_number(self.minutes, "--minutes", low=1), {}
        for text in self.slurm_options:
            name, equals, value = text.partition("=")
            if not (name and equals):
                raise InvalidArgumentError("--slurm-options", got=repr(text), expected="NAME=VALUE, e.g. account=lab")
            options[name] = value
        return SlurmExecutor(logs, self.slurm, jobs, needs, minutes, options, retries)
