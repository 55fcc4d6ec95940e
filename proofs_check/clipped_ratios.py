"""Clipped ratios and the effective sample size: what a clip cuts off, where it cancels, and that it raises the latter."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import alphas, below, close, generators, run_alone

torch = pytest.importorskip("torch")
from alberdice.deep import losses  # noqa: E402

CLIPS = st.sampled_from([0.1, 0.7, 2.0, 1e3])


def rows(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The logarithms of pi_-i and pi^D and a quantity f, for 2 to 30 rows."""
    count = int(generator.integers(2, 31))
    return -generator.exponential(size=count) * 3, -generator.exponential(size=count), generator.normal(size=count)


def clipped(others: np.ndarray, data: np.ndarray, clip: float) -> np.ndarray:
    return losses.importance_log_ratio(torch.from_numpy(others), torch.from_numpy(data), clip).exp().numpy()


@given(generators(), CLIPS)
def test_clipping_biases_by_exactly_what_it_cuts_off(generator: np.random.Generator, clip: float) -> None:
    others, data, f = rows(generator)
    ratio, cut = clipped(others, data, np.inf), clipped(others, data, clip)
    excess = np.maximum(np.exp(others - data) - clip, 0.0)
    close((ratio * f).sum() - (cut * f).sum(), (excess * f).sum(), 1e-12)
    below(abs((excess * f).sum()), np.abs(f).max() * (ratio - cut).sum(), 1e-12)
    below((cut**2).sum(), (ratio**2).sum())


@given(generators(), CLIPS, alphas(0.1, 3.0))
def test_in_14_and_31_a_clip_of_both_ratios_cancels(generator: np.random.Generator, clip: float, alpha: float) -> None:
    others, data, plain = rows(generator)  # plain: r + gamma nu(s') - nu(s)
    values = []
    for bound in (np.inf, clip):
        price = losses.importance_log_ratio(torch.from_numpy(others), torch.from_numpy(data), bound)
        advantage = losses.sample_advantage(torch.from_numpy(plain), price, torch.tensor(0.0), torch.tensor(0.0), alpha, 0.9)
        values.append(losses.nu_loss(advantage, price - np.log(len(plain)), torch.tensor(0.0), alpha, 0.9).item())
    close(values[1], values[0], 1e-10)


@given(generators(), CLIPS)
def test_clipping_raises_the_effective_sample_size(generator: np.random.Generator, clip: float) -> None:
    others, data, _ = rows(generator)
    ratio, cut = clipped(others, data, np.inf), clipped(others, data, clip)
    sizes = [losses.effective_sample_size(torch.from_numpy(np.log(w))).item() for w in (ratio, cut)]
    below(sizes[0], sizes[1], 1e-12)
    below(1.0, sizes[0], 1e-12)
    below(sizes[1], len(ratio), 1e-12)
    close(sizes[0], len(ratio) / (1 + np.var(ratio / ratio.mean())), 1e-10)
    equal = losses.effective_sample_size(torch.full((7,), float(np.log(clip)))).item()
    close(equal, 7.0, 1e-5)


@given(generators(), st.integers(1, 3))
def test_a_batch_s_numerator_is_too_large_by_the_variance_over_its_size(generator: np.random.Generator, size: int) -> None:
    weight = generator.exponential(size=3) + 0.1
    every = np.array(list(itertools.product(range(3), repeat=size)))
    drawn = weight[every]
    share = np.array([losses.effective_sample_size(torch.from_numpy(np.log(row))).item() / size for row in drawn])
    numerator = share * (drawn**2).mean(axis=1)  # (mean w)^2
    close(numerator.mean(), weight.mean() ** 2 + weight.var() / size)


if __name__ == "__main__":
    run_alone(globals())
