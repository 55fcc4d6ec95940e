"""Lemma E.2: L~(nu + C) = L~(nu), because e_{nu + C} = e_nu - (1-gamma) C, equation (32)."""

from hypothesis import given
from hypothesis import strategies as st
from support import Problem, close, problems, run_alone

import alberdice as ad

t = ad.tabular


@given(problems(data_zeros=0.2), st.floats(-5, 5))
def test_shift_invariance(p: Problem, shift: float) -> None:
    for problem in (t.exact_dual(*p.turn), t.sample_dual(*p.turn)):
        close(problem.advantages(p.nu + shift), problem.advantages(p.nu) - (1 - p.model.discount) * shift)
        if len(problem.weight):
            close(t.log_dual_objective(problem, p.nu + shift), t.log_dual_objective(problem, p.nu))


if __name__ == "__main__":
    run_alone(globals())
