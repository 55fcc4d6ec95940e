"""Statistics over seeds: mean and standard error, as the paper prints them; interquartile means and bootstrap intervals.

The interquartile mean (the mean of the middle half) with a stratified bootstrap, resampling the seeds of each dataset apart, is
what Agarwal et al. (NeurIPS 2021) recommend for few seeds.  Their package rliable would bring nine others with it (pandas,
statsmodels, arch, seaborn, ...) for these two functions, so they are written with SciPy here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import bootstrap, trim_mean

from alberdice._checks import FloatArray

__all__ = ["interquartile_mean", "interval", "mean_and_error"]

#: share cut off at either end of the sorted values
_CUT = 0.25
_DRAWS = 5000


def mean_and_error(values: ArrayLike) -> tuple[float, float]:
    """The mean and its standard error; NaN where there are too few values."""
    sample = np.asarray(values, dtype=np.float64)
    mean = float(sample.mean()) if len(sample) else math.nan
    return mean, float(sample.std(ddof=1) / math.sqrt(len(sample))) if len(sample) > 1 else math.nan


def interquartile_mean(*strata: ArrayLike) -> float:
    """The mean of the middle half of all values; of fewer than four, the mean."""
    pooled = np.concatenate([np.asarray(stratum, dtype=np.float64) for stratum in strata])
    return float(trim_mean(pooled, _CUT)) if len(pooled) else math.nan


def interval(strata: Sequence[ArrayLike], *, seed: int = 0) -> tuple[float, float]:
    """The 95% percentile interval of the interquartile mean, strata resampled apart; NaN if one has fewer than two values."""
    samples = tuple(np.asarray(stratum, dtype=np.float64) for stratum in strata)
    if not samples or min(map(len, samples)) < 2:
        return math.nan, math.nan

    def statistic(*drawn: FloatArray, axis: int) -> FloatArray:
        return np.asarray(trim_mean(np.concatenate(drawn, axis=axis), _CUT, axis=axis))

    generator = np.random.default_rng(seed)
    found = bootstrap(samples, statistic, n_resamples=_DRAWS, vectorized=True, method="percentile", random_state=generator)
    return float(found.confidence_interval.low), float(found.confidence_interval.high)
