"""Runs as jobs of SLURM, by submitit: SLURM places them, and a job that is preempted or out of time is queued again.

    out of time        SLURM warns by SIGUSR2, submitit queues the job again: the run goes on from its last checkpoint
    preempted          where the warning is SIGTERM, the run saves and stops; it is submitted again here, and so is one whose
                       job was lost with its node, ``retries`` times

A run's result is its folder, on a file system that all machines share.  submitit keeps what it hands to jobs, and what they
print, in a folder of logs; its files there are its own pickles, which nobody but the user should be able to write.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alberdice.console import explain
from alberdice.errors import InvalidArgumentError, ResourceError
from alberdice.experiments.executors.folders import Needs, Watch, make_run_elsewhere
from alberdice.experiments.executors.interrupts import PATIENCE, terminated_as_interrupted
from alberdice.experiments.executors.work import Ended, single_threaded
from alberdice.experiments.planned import PlannedRun

__all__ = ["SlurmExecutor"]

#: seconds between looks at the jobs
_LOOK = 1.0
#: how often a job that is out of time is queued again
_TIMES = 10_000
#: states in which SLURM leaves a job that is not to blame
_LOST = ("NODE_FAIL", "BOOT_FAIL", "PREEMPTED", "REVOKED")


@dataclass(frozen=True)
class SlurmExecutor:
    """Every run a job, those that begin together an array; see ``work.Executor``.

    Attributes:
        logs: folder of submitit's files and of what jobs print.
        partition: of SLURM; 'default': SLURM's own choice; 'local': no SLURM, but submitit's processes on this machine.
        jobs: at most so many at a time.
        needs: of one run.
        minutes: after which SLURM ends a job; it is queued again, and its run goes on from its last checkpoint.
        options: further options of sbatch by submitit's names, e.g. ``{"account": "lab"}``.
        retries: how often a run is submitted again whose job was stopped by others, or lost.
    """

    logs: Path
    partition: str = "default"
    jobs: int = 1
    needs: Needs = field(default_factory=Needs)
    minutes: int = 1440
    options: Mapping[str, str] = field(default_factory=dict)
    retries: int = 3

    def execute(self, runs: Sequence[PlannedRun], step: Callable[..., None], share: float = 1.0) -> dict[PlannedRun, Ended]:
        """See ``work.Executor``."""
        submitter, make = self.submitter(), _Make(share, os.getcwd())
        waiting, ended, watch = deque(runs), dict[PlannedRun, Ended](), Watch(runs, step)
        left = dict.fromkeys(runs, self.retries)
        pending: dict[Any, PlannedRun] = {}
        with terminated_as_interrupted():
            try:
                while waiting or pending:
                    batch = [waiting.popleft() for _ in range(min(self.jobs - len(pending), len(waiting)))]
                    if batch:
                        with single_threaded():
                            pending |= dict(zip(submitter.map_array(make, batch), batch, strict=True))
                    time.sleep(_LOOK)
                    for job in [job for job in pending if job.done()]:
                        run = pending.pop(job)
                        how, lost = _outcome(job)
                        if lost and left[run]:
                            left[run] -= 1
                            waiting.append(run)
                            explain(f"{run}: {how.reason or how.status}; submitted again, {left[run]} time(s) left")
                        else:
                            ended[run] = how
                            watch.ended(run, how)
                    watch.look(pending.values())
            finally:
                _stop(list(pending))
        return ended

    def submitter(self) -> Any:
        """The executor of submitit.

        Raises:
            ResourceError: no submitit, or no SLURM.
            InvalidArgumentError: an option that it does not know.
        """
        try:
            import submitit
        except ImportError:
            remedy = "pip install 'alberdice[cluster]'"
            raise ResourceError("submitit", got="not installed", expected="submitit 1.5 or later", remedy=remedy) from None
        local = self.partition == "local"
        try:
            cluster = "local" if local else "slurm"
            found = submitit.AutoExecutor(self.logs.resolve(), cluster=cluster, **{f"{cluster}_max_num_timeout": _TIMES})
        except RuntimeError as problem:
            raise ResourceError("--slurm", got=str(problem), expected="sbatch on this machine") from None
        asked: dict[str, Any] = {
            "name": "alberdice",
            "timeout_min": self.minutes,
            "cpus_per_task": max(1, round(self.needs.cpus)),
            "gpus_per_node": round(self.needs.gpus),
        }
        asked |= {"mem_gb": self.needs.memory} if self.needs.memory else {}
        asked |= {} if self.partition in ("default", "local") else {"slurm_partition": self.partition}
        try:
            found.update_parameters(**asked, **{f"slurm_{name}": value for name, value in self.options.items()})
        except (NameError, TypeError, ValueError, RuntimeError) as problem:
            got, expected = " ".join(str(problem).split())[:300], "options of sbatch by submitit's names"
            raise InvalidArgumentError("--slurm-options", got=got, expected=expected) from None
        return found


@dataclass(frozen=True)
class _Make:
    """What a job does."""

    share: float
    place: str

    def __call__(self, run: PlannedRun) -> tuple[str, str]:
        how = make_run_elsewhere(run, self.share, self.place)
        return how.status, how.reason

    def checkpoint(self, run: PlannedRun) -> Any:
        """What submitit queues where SLURM is about to end a job: the same again."""
        import submitit

        return submitit.helpers.DelayedSubmission(self, run)


def _outcome(job: Any) -> tuple[Ended, bool]:
    """How a job ended, and whether it was stopped by others or lost, and not by what it did."""
    try:
        how = Ended(*job.result())
        return how, how.status == "stopped"
    except Exception as problem:  # whatever a job can die of
        lines = [line for line in str(problem).splitlines() if line.strip()]
        reason = f"job {job.job_id}: {lines[-1].strip() if lines else type(problem).__name__}"[:500]
        return Ended("failed", reason), str(job.state).split()[0].rstrip("+") in _LOST


def _stop(jobs: list[Any]) -> None:
    """Let the runs under way save and stop; those that wait do not begin."""
    for job in jobs:
        job.cancel(check=False)
    begun = time.monotonic()
    while not all(job.done() for job in jobs) and time.monotonic() - begun < PATIENCE:
        time.sleep(_LOOK)
