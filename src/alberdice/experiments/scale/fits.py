"""Power laws: y = c x^p by least squares of log y in log x."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["PowerLaw", "fit_power_law"]


@dataclass(frozen=True)
class PowerLaw:
    """A fitted power law.

    Attributes:
        exponent: p.
        error: its standard error; NaN of two points.
        factor: c.
        tail: p between the last two points, where what does not grow weighs least.
        points: how many were fitted.
    """

    exponent: float
    error: float
    factor: float
    tail: float
    points: int

    def at(self, x: float) -> float:
        """C x^p."""
        return float(self.factor * x**self.exponent)

    def __str__(self) -> str:
        """For reports."""
        error = "" if math.isnan(self.error) else f" ± {self.error:.2f}"
        return f"{self.exponent:.2f}{error} (last two points: {self.tail:.2f})"


def fit_power_law(x: Sequence[float], y: Sequence[float]) -> PowerLaw | None:
    """Fit; None of fewer than two different positive x with positive y.

    The error is that of the slope, sqrt(sum of squared residuals / (n - 2) / sum of squared deviations of log x).
    """
    pairs = sorted((a, b) for a, b in zip(x, y, strict=True) if a > 0 and b > 0 and math.isfinite(a) and math.isfinite(b))
    if len({a for a, _ in pairs}) < 2:
        return None
    log_x, log_y = np.log(np.array(pairs)).T
    away = log_x - log_x.mean()
    slope = float(away @ log_y / (away @ away))
    rest = log_y - log_y.mean() - slope * away
    error = math.sqrt(float(rest @ rest) / (len(pairs) - 2) / float(away @ away)) if len(pairs) > 2 else math.nan
    before = int(np.flatnonzero(log_x < log_x[-1])[-1])
    tail = float((log_y[-1] - log_y[before]) / (log_x[-1] - log_x[before]))
    return PowerLaw(slope, error, float(math.exp(log_y.mean() - slope * log_x.mean())), tail, len(pairs))
