"""Lemma E.4: nu~ + C* minimises L, with C* = alpha / (1-gamma) (log Z - 1); the printed C* misses by alpha / e."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from support import Problem, below, close, generators, problems, run_alone

import alberdice as ad

t = ad.tabular


@given(problems(), st.floats(-3, 3))
def test_right_constant_is_the_best_shift(p: Problem, off: float) -> None:
    for problem in (t.exact_dual(*p.turn), t.sample_dual(*p.turn)):
        shift = t.optimal_shift(problem, p.nu)
        close(t.dual_objective(problem, p.nu + shift), t.log_dual_objective(problem, p.nu))
        below(t.dual_objective(problem, p.nu + shift), t.dual_objective(problem, p.nu + shift + off))


@given(problems())
def test_printed_constant_misses(p: Problem) -> None:
    for problem in (t.exact_dual(*p.turn), t.sample_dual(*p.turn)):
        shifted = p.nu + t.optimal_shift(problem, p.nu, as_printed=True)
        close(t.dual_objective(problem, shifted) - t.log_dual_objective(problem, shifted), p.alpha / np.e)


@given(problems(), generators())
def test_shifted_minimiser_minimises(p: Problem, generator: np.random.Generator) -> None:
    for problem in (t.exact_dual(*p.turn), t.sample_dual(*p.turn)):
        least = t.minimise_dual(problem)
        shifted = least.nu + t.optimal_shift(least.problem, least.nu)
        value = t.dual_objective(least.problem, shifted)
        close(value, least.value)
        for size in (1e-2, 1.0):
            below(value, t.dual_objective(least.problem, shifted + size * generator.standard_normal(p.nu.shape)))


if __name__ == "__main__":
    run_alone(globals())
