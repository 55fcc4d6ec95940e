"""Proposition B.1: L(nu) is convex, exact and per sample; so is L~ (31).

The printed proof drops 1/alpha and -1; the statement holds with them.
"""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from support import Problem, below, close, generators, problems, run_alone

import alberdice as ad

t = ad.tabular


@given(problems(data_zeros=0.2), generators(), st.floats(0, 1))
def test_convex_along_segments(p: Problem, generator: np.random.Generator, share: float) -> None:
    other = generator.uniform(-2, 2, p.nu.shape)
    between = share * p.nu + (1 - share) * other
    for problem in (t.exact_dual(*p.turn), t.sample_dual(*p.turn)):
        if len(problem.weight) == 0:
            continue
        for form in (t.dual_objective, t.log_dual_objective):
            below(form(problem, between), share * form(problem, p.nu) + (1 - share) * form(problem, other))


@given(problems(min_alpha=0.3), generators())
def test_curvature_has_the_factor_one_over_alpha(p: Problem, generator: np.random.Generator) -> None:
    direction, step = generator.uniform(-1, 1, p.nu.shape), 1e-3
    for problem in (t.exact_dual(*p.turn), t.sample_dual(*p.turn)):
        e = problem.advantages(p.nu)
        slope = problem.advantages(p.nu + direction) - e
        expected = problem.weight @ (t.closed_form_weights(e, p.alpha) * slope**2) / p.alpha
        at = [t.dual_objective(problem, p.nu + k * step * direction) for k in (-1, 0, 1)]
        close((at[0] - 2 * at[1] + at[2]) / step**2, expected, 1e-4)


if __name__ == "__main__":
    run_alone(globals())
