"""``alberdice-deep reproduce``: a table of the paper by training; the table on stdout, words and progress on stderr."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import tyro

from alberdice.cli.common import DEEP_PROGRAM, complain
from alberdice.cli.places import Places
from alberdice.cli.tables import print_sections
from alberdice.cli.training import check_torch
from alberdice.errors import InvalidArgumentError

if TYPE_CHECKING:
    from alberdice.experiments.reproduce.report import Report

__all__ = ["Reproduce"]


@dataclass(frozen=True)
class Reproduce(Places):
    """Train every algorithm on a table's datasets, and set the table beside the paper's; finished runs are kept."""

    table: tyro.conf.Positional[Literal["table1", "table2", "table3", "table4", "table5", "table6", "table7", "figure5", "zoo"]]
    """which table of the paper; table4: RPS alone; table5, table7 and figure5 are of SMAX fights, not of SMAC"""
    out: Path = Path("runs")
    """where the runs' folders, the table and the pictures go, each table in a folder of its own"""
    seeds: int = 5
    """train with the seeds 0 to this number less one"""
    algorithms: tuple[str, ...] = ()
    """train these only (one's own as module:Class); the table shows all that is finished; by default all six"""
    datasets: tuple[str, ...] = ()
    """train on these only; by default on all of the table's"""
    config: Path | None = None
    """TOML file of settings that differ from the algorithms' defaults, for all of them or in tables [icq], [bc], ..."""
    wandb: str = ""
    """a project of Weights & Biases that the runs are logged to, too (pip install 'alberdice[tracking]'; WANDB_MODE=offline)"""
    quick: bool = False
    """table3 to 5, 7, figure5: few updates, one seed, the first dataset unless others are named: to see that all of it works"""

    data: tuple[str, ...] = ()
    """table4, 5, 7, figure5: COLUMN=DATASET of your own in the place of the table's, e.g. 5m_vs_6m=lab/marines-v0"""

    def run(self) -> int:
        """Train, report; 1 if a run failed."""
        check_torch()
        from alberdice._checks import whole_number
        from alberdice.experiments.reproduce.make import make_table

        report = make_table(
            self.table,
            self.out,
            whole_number(self.seeds, "--seeds", low=1),
            self.executor(self.out / "slurm"),
            algorithms=self.algorithms,
            datasets=self.datasets,
            config=self.config,
            quick=self.quick,
            data=_pairs(self.data),
            command=self.command,
            wandb=self.wandb,
        )
        _print(report)
        return 1 if report.failed else 0

    @property
    def command(self) -> str:
        """The command line; where the runs are made changes nothing and is left out."""
        words = [DEEP_PROGRAM, "reproduce", self.table, "--out", str(self.out), "--seeds", str(self.seeds)]
        words += ["--algorithms", *self.algorithms] if self.algorithms else []
        words += ["--datasets", *self.datasets] if self.datasets else []
        words += ["--config", str(self.config)] if self.config else []
        words += ["--quick"] if self.quick else []
        words += ["--data", *self.data] if self.data else []
        return shlex.join(words)


def _pairs(texts: tuple[str, ...]) -> dict[str, str]:
    """Columns and their datasets."""
    pairs = dict(text.partition("=")[::2] for text in texts)
    for column, dataset in pairs.items():
        if not dataset:
            raise InvalidArgumentError("--data", got=repr(column), expected="COLUMN=DATASET, e.g. 5m_vs_6m=lab/marines-v0")
    return pairs


def _print(report: Report) -> None:
    """The table on stdout; what failed on stderr."""
    from alberdice.experiments.reproduce.report import notes, sections

    print_sections(report.table.title, sections(report), notes(report))
    for run, ended in report.failed.items():
        complain(DEEP_PROGRAM, f"{run}: {ended.reason or ended.status}")
