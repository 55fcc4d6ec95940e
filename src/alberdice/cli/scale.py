"""``alberdice-deep scale``: how cost and quality grow with agents, data, coverage, rows, threads, workers and devices."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from alberdice._checks import whole_number
from alberdice.cli.common import DEEP_PROGRAM, complain
from alberdice.cli.places import Places
from alberdice.cli.tables import print_sections
from alberdice.cli.training import check_torch
from alberdice.console import print_json

__all__ = ["Scale"]

_MOST = 10_000_000


@dataclass(frozen=True, kw_only=True)
class Scale(Places):
    """Measure cost and quality along one axis at a time, on games whose optimum is known and on warehouses."""

    out: Path = Path("runs/scale")
    """where data, the runs' folders, the tables and the picture go; finished runs are kept, stopped ones go on"""
    axes: tuple[str, ...] = ()
    """of agents, data, coverage, rows, threads, workers, devices, warehouses; by default all"""
    quick: bool = False
    """fewer and smaller points, few updates: to see that all of it works, in five minutes"""
    seeds: int = 1
    """runs of every point, with the seeds 0 to this number less one"""
    algorithm: str = "alberdice"
    """what is trained; or module:Class of one's own"""
    most_steps: int = _MOST
    """points whose data have more steps are listed as not run"""
    only_report: bool = False
    """make nothing: report what is finished, as after a command that was stopped, or while another one is at work"""
    json: bool = False
    """print JSON instead of tables"""
    jobs: int = 1
    """runs side by side, but on the axis of workers, which decides it; more than one share caches and cost more each"""

    def run(self) -> int:
        """Run, report; 1 if a run failed."""
        check_torch()
        from alberdice.experiments.scale.make import make_scale
        from alberdice.experiments.scale.report import as_json, notes, sections

        report = make_scale(
            self.out,
            self.executor(self.out / "slurm"),
            axes=self.axes,
            quick=self.quick,
            seeds=whole_number(self.seeds, "--seeds", low=1),
            algorithm=self.algorithm,
            only_report=self.only_report,
            most_steps=whole_number(self.most_steps, "--most-steps", low=1),
            command=self.command,
        )
        if self.json:
            print_json(as_json(report))
        else:
            print_sections(report.title, sections(report), notes(report))
        for run, ended in report.failed.items():
            complain(DEEP_PROGRAM, f"{run}: {ended.reason or ended.status}")
        return 1 if report.failed else 0

    @property
    def command(self) -> str:
        """The command line, less where the runs are made."""
        words = [DEEP_PROGRAM, "scale", "--out", str(self.out), "--seeds", str(self.seeds)]
        words += ["--axes", *self.axes] if self.axes else []
        words += ["--quick"] if self.quick else []
        words += ["--algorithm", self.algorithm] if self.algorithm != "alberdice" else []
        words += ["--most-steps", str(self.most_steps)] if self.most_steps != _MOST else []
        return shlex.join(words)
