"""``alberdice-deep sweep``: many runs of one's own choice, on this machine or a cluster; the table on stdout."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

import tyro

from alberdice.cli.common import DEEP_PROGRAM, complain
from alberdice.cli.places import Places
from alberdice.cli.tables import print_sections
from alberdice.cli.training import check_torch
from alberdice.console import print_json

__all__ = ["Sweep"]


@dataclass(frozen=True)
class Sweep(Places):
    """Train what a file asks for: algorithms, datasets, settings, seeds; prints a table, and keeps finished runs."""

    file: tyro.conf.Positional[Path]
    """TOML file of algorithms, datasets, seeds, settings, grid, random draws and early stopping, see docs/sweeps.md"""
    out: Path = Path("runs/sweep")
    """where the runs' folders, the table and the pictures go"""
    wandb: str = ""
    """a project of Weights & Biases that the runs are logged to, too (pip install 'alberdice[tracking]'; WANDB_MODE=offline)"""
    json: bool = False
    """print JSON instead of a table"""

    def run(self) -> int:
        """Train, report; 1 if a run failed."""
        check_torch()
        from alberdice.experiments.sweep.make import make_sweep
        from alberdice.experiments.sweep.report import as_json, notes, sections

        command = shlex.join([DEEP_PROGRAM, "sweep", str(self.file), "--out", str(self.out)])
        report = make_sweep(self.file, self.out, self.executor(self.out / "slurm"), command=command, wandb=self.wandb)
        if self.json:
            print_json(as_json(report))
        else:
            print_sections(report.sweep.title, sections(report), notes(report))
        for run, ended in report.failed.items():
            complain(DEEP_PROGRAM, f"{run}: {ended.reason or ended.status}")
        return 1 if report.failed else 0
