"""Equation (12): drawing in proportion to rho, times the mean ratio, is unbiased for every batch size; (31) is not.

On a minibatch the logarithm is too small in the mean, by at most alpha Var / (K mean min). All batches of a small dataset are
enumerated.
"""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom
from support import alphas, below, close, few_examples, generators, run_alone

torch = pytest.importorskip("torch")
from alberdice.deep import losses  # noqa: E402

SMALL = st.integers(1, 4), st.integers(1, 3)


def dataset(generator: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Ratios rho, some tiny, and advantages e."""
    return generator.exponential(size=rows) ** 2 + 1e-3, generator.normal(size=rows)


def batches(ratio: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Every batch of ``size`` rows and its probability."""
    every = np.array(list(itertools.product(range(ratio.size), repeat=size)))
    return every, (ratio / ratio.sum())[every].prod(axis=1)


@given(generators(), *SMALL)
def test_resampled_sums_are_unbiased_for_every_batch_size(generator: np.random.Generator, rows: int, size: int) -> None:
    ratio, term = dataset(generator, rows)
    every, probability = batches(ratio, size)
    log_ratio = torch.from_numpy(np.log(ratio))[None].expand(len(every), rows)
    # the weight of one row of a batch as long as the dataset; for K rows it is rho-bar / K
    weight = losses.resampled_log_weight(log_ratio).exp().numpy() * rows / size
    close(probability.sum(), 1.0)
    close((probability * weight * term[every].sum(axis=1)).sum(), (ratio * term).mean())


def test_rows_are_drawn_in_proportion_to_the_ratio() -> None:
    ratio = np.array([0.0, 3.0, 1.0, 0.5, 0.0, 1.5])
    draws = 60_000
    drawn = losses.resample(torch.from_numpy(ratio).log(), draws, torch.Generator().manual_seed(12)).numpy()
    share = ratio / ratio.sum()
    seen = np.bincount(drawn, minlength=ratio.size) / draws
    assert (np.abs(seen - share) <= 5 * np.sqrt(share * (1 - share) / draws)).all()


@given(generators(), *SMALL, alphas(0.3, 3.0))
def test_the_logarithm_of_a_batch_is_too_small_and_by_how_much(
    generator: np.random.Generator, rows: int, size: int, alpha: float
) -> None:
    ratio, advantage = dataset(generator, rows)
    every, probability = batches(ratio, size)
    log_mean_ratio = np.log(ratio.mean())
    whole = losses.nu_loss(
        torch.from_numpy(advantage), torch.from_numpy(np.log(ratio / rows)), torch.tensor(0.7), alpha, 0.9
    ).item()
    weight = torch.full((len(every), size), log_mean_ratio - np.log(size), dtype=torch.float64)
    batch = losses.nu_loss(torch.from_numpy(advantage[every]), weight, torch.tensor(0.7), alpha, 0.9).numpy()
    share, f = ratio / ratio.sum(), np.exp(advantage / alpha)
    mean = share @ f
    variance = share @ (f - mean) ** 2
    below((probability * batch).sum(), whole, 1e-12)
    below(whole - alpha * variance / (size * mean * f.min()), (probability * batch).sum(), 1e-12)


@given(generators())
@few_examples(5)
def test_the_bias_falls_like_one_over_the_batch(generator: np.random.Generator) -> None:
    """K times the bias tends to alpha Var / (2 mean^2)."""
    ratio, advantage = dataset(generator, 2)
    share, f, size = ratio / ratio.sum(), np.exp(advantage), 400
    mean = share @ f
    hits = np.arange(size + 1)
    share_of_hits = binom.pmf(hits, size, share[0])
    log_weight = torch.from_numpy(np.stack([hits, size - hits], axis=1) / size).log()
    batch = losses.nu_loss(torch.from_numpy(advantage).expand(size + 1, 2), log_weight, torch.tensor(0.0), 1.0, 0.9).numpy()
    bias = np.log(mean) - share_of_hits @ batch
    close(size * bias, share @ (f - mean) ** 2 / (2 * mean**2), 0.1)


if __name__ == "__main__":
    run_alone(globals())
