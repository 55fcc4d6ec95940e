"""Proposition E.1: min L = min L~, and a minimiser of L shifted by any C minimises L~; shifted, it no longer minimises L.

The restatement that closes E.1 ('nu* + C is in V*') is false for every C != 0.
"""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from support import Problem, close, problems, run_alone

import alberdice as ad

t = ad.tabular


@given(problems(), st.floats(-3, 3).filter(lambda c: abs(c) > 1e-2))
def test_minima_agree_and_only_the_logarithmic_form_is_free_to_shift(p: Problem, shift: float) -> None:
    for problem in (t.exact_dual(*p.turn), t.sample_dual(*p.turn)):
        least = t.minimise_dual(problem)
        kept = least.problem
        nu = least.nu + t.optimal_shift(kept, least.nu)  # minimises L
        close(t.dual_objective(kept, nu), t.log_dual_objective(kept, nu))
        close(t.log_dual_objective(kept, nu + shift), least.value)
        x = (1 - p.model.discount) * shift / p.alpha
        close(t.dual_objective(kept, nu + shift) - least.value, p.alpha * (np.exp(-x) - 1 + x), 1e-8)
        assert p.alpha * (np.exp(-x) - 1 + x) > 0


if __name__ == "__main__":
    run_alone(globals())
