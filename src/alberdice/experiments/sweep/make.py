"""A sweep from beginning to end: plan, train what is missing, stop losers, read everything back, write the report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from alberdice.console import json_text, progress_bar
from alberdice.experiments.executors.work import Ended, Executor
from alberdice.experiments.planned import PlannedRun, check_settings, is_finished
from alberdice.experiments.report.run import read_run
from alberdice.experiments.report.sweep import curves
from alberdice.experiments.sweep.file import SweepFile, read_sweep
from alberdice.experiments.sweep.plan import plan_sweep
from alberdice.experiments.sweep.report import SweepReport, as_json, cells_of, markdown
from alberdice.experiments.sweep.search import studies_of
from alberdice.experiments.sweep.stopping import Stopped, losers, reached
from alberdice.files import write_atomically
from alberdice.plotting import Mark, draw_returns, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["make_sweep"]

#: rows of a picture; of more settings the best are drawn
_DRAWN = 40


def make_sweep(file: Path, out: Path, executor: Executor, *, command: str = "", wandb: str = "") -> SweepReport:
    """Train the runs that the file asks for and that are not finished, and report on all of them.

    Args:
        file: what to make, see ``sweep.file``.
        out: where the runs' folders and the report go.
        executor: where runs are made; it changes nothing about them.
        command: the command line, for the report.
        wandb: the project of Weights & Biases that runs are logged to, too.

    Raises:
        InvalidArgumentError: a file that does not fit, or a folder holding a run with other settings; nothing has run then.
        KeyboardInterrupt: stopped; what was under way is saved, and no report is written.
    """
    sweep = read_sweep(file)
    if sweep.optuna is not None:
        return _search(sweep, out, executor, command, wandb)
    runs = [replace(run, wandb=wandb) for run in plan_sweep(sweep, out)]
    for run in runs:
        check_settings(run)
    going, ended, stopped = list(runs), dict[PlannedRun, Ended](), list[Stopped]()
    for share in (*(sweep.stop.after if sweep.stop else ()), 1.0):
        ended |= _train([run for run in going if run not in _failed(ended)], executor, share, sweep.title)
        if sweep.stop and share < 1:
            lost = losers(going, sweep.stop, share)
            stopped += lost
            gone = {run for each in lost for run in each.runs}
            going = [run for run in going if run not in gone]
    report = SweepReport(sweep, command, runs, cells_of(going), stopped, _failed(ended))
    _write(report, out)
    return report


def _search(sweep: SweepFile, out: Path, executor: Executor, command: str, wandb: str) -> SweepReport:
    """The same where Optuna chooses settings, some at a time, by what the earlier ones came to."""
    studies, runs, ended = studies_of(sweep, out), list[PlannedRun](), dict[PlannedRun, Ended]()
    while asked := [replace(run, wandb=wandb) for study in studies for run in study.ask()]:
        fresh = [run for run in dict.fromkeys(asked) if run not in runs]
        for run in fresh:
            check_settings(run)
        runs += fresh
        ended |= _train(fresh, executor, 1.0, sweep.title)
        for study in studies:
            study.tell()
    report = SweepReport(sweep, command, runs, cells_of(runs), [], _failed(ended))
    _write(report, out)
    return report


def _failed(ended: dict[PlannedRun, Ended]) -> dict[PlannedRun, Ended]:
    return {run: how for run, how in ended.items() if how.status in ("failed", "stopped")}


def _train(runs: Sequence[PlannedRun], executor: Executor, share: float, title: str) -> dict[PlannedRun, Ended]:
    """Bring all of them so far."""
    missing = [run for run in runs if not (is_finished(run) if share == 1 else reached(run, share))]
    with progress_bar(title, sum(run.config.total for run in missing)) as step:
        return executor.execute(missing, step, share)


def _write(report: SweepReport, out: Path) -> None:
    """``sweep.md``, ``sweep.json``, ``sweep.png`` and the curves of each dataset."""
    out.mkdir(parents=True, exist_ok=True)
    write_atomically(out / "sweep.md", markdown(report).encode())
    write_atomically(out / "sweep.json", (json_text(as_json(report)) + "\n").encode())
    for name, figure in _pictures(report):
        save(figure, out / f"{name}.png")


def _pictures(report: SweepReport) -> Iterator[tuple[str, Figure]]:
    marks: dict[str, dict[str, Mark]] = {}
    for cell in report.cells:
        panel = marks.setdefault(cell.dataset, {})
        if cell.values and len(panel) < _DRAWN:
            panel[cell.name] = Mark(cell.values, cell.mean, cell.stderr, None, bool(cell.diverged))
    if any(marks.values()):
        yield "sweep", draw_returns(marks, title=report.sweep.title)
    names = {run.folder: run.algorithm for run in report.runs}
    for dataset in report.sweep.datasets:
        own = [run for run in report.runs if run.dataset == dataset and (run.folder / "metrics.csv").exists()]
        figure = curves([read_run(run.folder) for run in own], dataset, lambda run: names[run.path])
        if figure is not None:
            yield f"curves-{own[0].folder.parts[-4]}", figure
