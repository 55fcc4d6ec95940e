"""A scaling experiment from beginning to end: plan, make the data, run what is missing, read everything back, report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from alberdice.console import explain, json_text, progress_bar
from alberdice.experiments.executors.local import LocalExecutor
from alberdice.experiments.executors.work import Ended, Executor
from alberdice.experiments.planned import PlannedRun, check_settings, is_finished
from alberdice.experiments.scale.axes import AXES, BASE, QUICK, places_of
from alberdice.experiments.scale.data import make_data
from alberdice.experiments.scale.measured import measure
from alberdice.experiments.scale.pictures import picture
from alberdice.experiments.scale.plan import Planned, plan_scale
from alberdice.experiments.scale.report import ScaleReport, as_json, markdown
from alberdice.files import write_atomically
from alberdice.machine import load
from alberdice.plotting import save

__all__ = ["make_scale"]


def make_scale(
    out: Path,
    executor: Executor,
    *,
    axes: Sequence[str] = (),
    quick: bool = False,
    seeds: int = 1,
    algorithm: str = "alberdice",
    most_steps: int = 1 << 40,
    only_report: bool = False,
    command: str = "",
) -> ScaleReport:
    """Run the points that are asked for and not finished, and report on all of them.

    Args:
        out: where data, runs' folders and the report go.
        executor: where runs are made.
        axes: what to vary; (): everything.
        quick: fewer and smaller points.
        seeds: runs of every point.
        algorithm: what is trained.
        most_steps: data of more are not made.
        only_report: make nothing, and report what is finished.
        command: the command line, for the report.

    Raises:
        InvalidArgumentError: an unknown axis or algorithm, or a folder holding a run with other settings; nothing has run then.
        KeyboardInterrupt: stopped; what was under way is saved, and no report is written.
    """
    base, names = QUICK if quick else BASE, tuple(dict.fromkeys(axes)) or tuple(AXES)
    here = isinstance(executor, LocalExecutor)
    planned = plan_scale(base, places_of(base, names), out, algorithm, seeds, most_steps, here)
    for run in {run for each in planned for run in each.runs}:
        check_settings(run)
    failed = dict[PlannedRun, Ended]()
    if not only_report:
        _make_data(planned, out)
        failed = {run: how for run, how in _execute(planned, executor).items() if how.status in ("failed", "stopped")}
    title = f"Scaling of {algorithm}{': a quick look' if quick else ''}"
    points = [measure(each, out) for each in planned]
    report = ScaleReport(title, command, algorithm, base, names, points, round(load(), 2), failed)
    out.mkdir(parents=True, exist_ok=True)
    write_atomically(out / "scale.md", markdown(report).encode())
    write_atomically(out / "scale.json", (json_text(as_json(report)) + "\n").encode())
    figure = picture(report)
    if figure is not None:
        save(figure, out / "scale.png")
    return report


def _waiting(planned: Planned) -> list[PlannedRun]:
    return [] if planned.missing else [run for run in planned.runs if not is_finished(run)]


def _make_data(planned: Sequence[Planned], out: Path) -> None:
    specs = list(dict.fromkeys(each.place.data for each in planned if not each.missing))
    with progress_bar("data", len(specs)) as step:
        for spec in specs:
            make_data(spec, out / "data")
            step(spec.name)


def _execute(planned: Sequence[Planned], executor: Executor) -> dict[PlannedRun, Ended]:
    """Make the runs: those to be measured side by side in batches of their own, and last."""
    plain = list(dict.fromkeys(run for each in planned if not each.place.beside for run in _waiting(each)))
    batches = [(executor, plain)]
    for each in planned:
        if each.place.beside and _waiting(each):
            wide: Any = executor  # executors are dataclasses of their own number of jobs
            batches.append((replace(wide, jobs=each.place.beside), _waiting(each)))
    ended = dict[PlannedRun, Ended]()
    explain(f"{sum(len(runs) for _, runs in batches)} runs to make by {executor}")
    with progress_bar("scale", sum(run.config.total for _, runs in batches for run in runs)) as step:
        for place, runs in batches:
            if runs:
                ended |= place.execute(runs, step)
    return ended
