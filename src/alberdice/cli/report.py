"""``alberdice-deep report``: a run, or several beside each other, as one HTML file that opens without a network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro

from alberdice.cli.common import Verbosity
from alberdice.cli.training import check_torch

__all__ = ["Report"]


@dataclass(frozen=True)
class Report(Verbosity):
    """Write one HTML file about a run, or about all runs of a folder: curves, policies, settings, data; prints where."""

    run_dir: tyro.conf.Positional[Path]
    """the run's folder, or one with runs below it, such as compare and reproduce leave"""
    out: Path | None = None
    """NAME.html; by default report.html in the folder, which is replaced"""
    overwrite: bool = False
    """replace a file of the name that --out gives"""
    trust: bool = False
    """import and run what the runs' folders name as module:function or module:Class"""

    def run(self) -> None:
        """Read, draw, write."""
        check_torch()
        from alberdice.experiments.report import write_report

        print(write_report(self.run_dir, self.out, overwrite=self.overwrite, trust=self.trust))
