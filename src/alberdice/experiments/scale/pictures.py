"""The picture of a scaling experiment: a row per axis, log-log, with the fitted lines."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from alberdice.experiments.scale.axes import AXES
from alberdice.experiments.scale.measured import MEASURES, Point
from alberdice.experiments.scale.report import ScaleReport
from alberdice.plotting import Curve, Panel, draw_panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["picture"]

_UNITS = {"update_ms": "update, ms", "memory_mib": "memory, MiB", "preparing_seconds": "once, s"}


def picture(report: ScaleReport) -> Figure | None:
    """None where no axis has two points that are numbers."""
    rows = []
    for name in report.axes:
        own = [point for point in report.points if point.axis == name and not point.missing and point.x() > 0]
        if len({point.x() for point in own}) > 1:
            rows.append([*_costs(report, name, own), _quality(name, own)])
    return draw_panels(rows, title=report.title) if rows else None


def _costs(report: ScaleReport, name: str, points: list[Point]) -> list[Panel]:
    """A panel per measure, with its law."""
    found = []
    for measure in MEASURES:
        law = report.exponents.get(name, {}).get(measure)
        line = None if law is None else (law.factor, law.exponent)
        label = "" if law is None else f"exponent {law.exponent:.2f}" + ("" if math.isnan(law.error) else f" ± {law.error:.2f}")
        curve = Curve("", [point.x() for point in points], [getattr(point, measure) for point in points], line)
        found.append(Panel(label, AXES[name].title, _UNITS[measure], [curve], log=True))
    return found


def _quality(name: str, points: list[Point]) -> Panel:
    """Returns in the optimum where it is known, in the data's return elsewhere."""
    known = [point for point in points if not math.isnan(point.optimum)]
    x = [point.x() for point in points]
    if len(known) < len(points):
        curves = [Curve("learned", x, [point.learned / point.data_return for point in points])]
        return Panel("", AXES[name].title, "return / the data's", curves)
    parts = {"learned": "learned", "clones": "clone", "data": "data_return"}
    curves = [Curve(label, x, [getattr(p, field) / p.optimum for p in points]) for label, field in parts.items()]
    return Panel("", AXES[name].title, "return / optimum", curves)
