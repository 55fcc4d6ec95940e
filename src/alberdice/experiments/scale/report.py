"""What a scaling experiment says: a table per axis, the exponents beside their aims, what was not run and why."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from alberdice.experiments.executors.work import Ended
from alberdice.experiments.planned import PlannedRun
from alberdice.experiments.scale.axes import AXES, Base
from alberdice.experiments.scale.data import game_of
from alberdice.experiments.scale.fits import PowerLaw
from alberdice.experiments.scale.measured import AIMS, MEASURES, Point, exponents_of
from alberdice.experiments.words import Section, as_markdown, conditions

__all__ = ["ScaleReport", "as_json", "markdown", "notes", "sections"]

_COLUMNS = ("update, ms", "by the clock", "once, s", "memory, MiB", "return", "clones", "data", "optimum", "seeds")


@dataclass(frozen=True)
class ScaleReport:
    """All that is to be told.

    Attributes:
        load: the machine's load average when the report was made.
        failed: runs that left no result, of those that were tried.
    """

    title: str
    command: str
    algorithm: str
    base: Base
    axes: tuple[str, ...]
    points: Sequence[Point]
    load: float
    failed: dict[PlannedRun, Ended]

    @property
    def exponents(self) -> dict[str, dict[str, PowerLaw]]:
        """Axis -> measure -> law, of the axes that have one."""
        found = {axis: exponents_of(self.points, axis) for axis in self.axes if AXES[axis].abscissa}
        return {axis: laws for axis, laws in found.items() if laws}


def sections(report: ScaleReport) -> list[Section]:
    """One table per axis, and one of exponents."""
    found = []
    for name in report.axes:
        rows = tuple(_row(point) for point in report.points if point.axis == name)
        more = {"coverage": ("shown",), "workers": ("updates a second",)}.get(name, ())
        found.append(Section(AXES[name].title, (name, *more, *_COLUMNS), rows))
    rows = tuple(
        (axis, MEASURES[measure], str(law), str(law.points), _aim(axis, measure, law))
        for axis, laws in report.exponents.items()
        for measure, law in laws.items()
    )
    return [*found, Section("Exponents", ("in", "of", "exponent", "points", "aim"), rows)] if rows else found


def _row(point: Point) -> tuple[str, ...]:
    more = {"coverage": (_short(point.coverage),), "workers": (_short(point.updates_per_second),)}.get(point.axis, ())
    if point.missing:
        return (point.value, *("-" for _ in more), f"not run: {point.missing}", *("" for _ in _COLUMNS[1:]))
    numbers = (point.update_ms, point.update_wall_ms, point.preparing_seconds, point.memory_mib)
    returns = (point.learned, point.clone, point.data_return, point.optimum)
    seeds = f"{point.seeds}" + f" ({point.diverged} diverged)" * bool(point.diverged)
    return (point.value, *more, *map(_short, numbers), *map(_short, returns), seeds)


def _short(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def _aim(axis: str, measure: str, law: PowerLaw) -> str:
    if (axis, measure) not in AIMS:
        return ""
    aim = AIMS[axis, measure]
    return f"at most {aim:g}: {'met' if max(law.exponent, law.tail) <= aim else 'missed'}"


def notes(report: ScaleReport) -> list[str]:
    """What the columns mean, and under which conditions they are true."""
    base, game = report.base, game_of(2)
    common = ", ".join(f"{name} {value}" for name, value in base.common.items())
    lines = [
        f"{report.algorithm}, games of passwords ({game.n_states - 1} states, {game.n_actions} actions, {game.stages} steps). "
        f"The base, from which each axis varies one thing: {base.data.n_agents} agents, {base.data.steps:,} steps, noise "
        f"{' or '.join(f'{x:g}' for x in base.data.noises)}, one thread, {common}. Warehouses: rware-tiny, "
        f"{base.warehouse:,} steps.",
        "Update: processor time of all threads, the median over a run's rounds of all agents; by the clock: the same, which "
        "whatever else the machine does makes longer. Once: making (games) or reading (warehouses) and building the data, and "
        "caches. Memory: the most that the process held, less what it held before the data were made or read.",
        "Return: exact where the optimum is known, the mean of played episodes elsewhere. Clones: each agent's shares of "
        "actions in the data, played apart, exactly. So few updates show costs, not what learning to the end gives.",
        f"Load of the machine at the end: {report.load:.1f} on {conditions()['machine']['cores']} core(s).",
    ]
    if any(point.resumed for point in report.points):
        lines.append("Runs that were stopped and went on count for times of updates, not for memory or what comes once.")
    missed = [f"{point.axis} {point.value}: {point.missing}" for point in report.points if point.missing]
    lines += [f"Not run: {'; '.join(missed)}."] if missed else []
    return [*lines, *(f"Failed: {run}: {ended.reason or ended.status}" for run, ended in report.failed.items())]


def markdown(report: ScaleReport) -> str:
    """The tables, their notes, and how to make them again."""
    return as_markdown(report.title, sections(report), notes(report), report.command)


def as_json(report: ScaleReport) -> dict[str, Any]:
    """Points, exponents with their aims, the base, and the conditions."""
    exponents = {
        axis: {
            measure: {**asdict(law), "error": None if math.isnan(law.error) else law.error, "aim": AIMS.get((axis, measure))}
            for measure, law in laws.items()
        }
        for axis, laws in report.exponents.items()
    }
    base = report.base
    return {
        "title": report.title,
        "command": report.command,
        **conditions(),
        "load": report.load,
        "algorithm": report.algorithm,
        "base": {"data": asdict(base.data), "warehouse_steps": base.warehouse, "settings": base.common},
        "notes": notes(report),
        "points": [point.as_json() for point in report.points],
        "exponents": exponents,
        "failed": [{"run": str(run), "folder": str(run.folder), **vars(how)} for run, how in report.failed.items()],
    }
