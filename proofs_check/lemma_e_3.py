"""Lemma E.3: L >= L~, with equality iff sum_k m_k exp(e_k / alpha - 1) = 1; the printed condition leaves a gap of alpha / e."""

import numpy as np
from hypothesis import given
from support import Problem, below, close, problems, run_alone

import alberdice as ad

t = ad.tabular


@given(problems())
def test_inequality(p: Problem) -> None:
    for problem in (t.exact_dual(*p.turn), t.sample_dual(*p.turn)):
        below(t.log_dual_objective(problem, p.nu), t.dual_objective(problem, p.nu))


@given(problems())
def test_gap_measures_the_equality_condition(p: Problem) -> None:
    for problem in (t.exact_dual(*p.turn), t.sample_dual(*p.turn)):
        total = problem.weight @ t.closed_form_weights(problem.advantages(p.nu), p.alpha)
        gap = t.dual_objective(problem, p.nu) - t.log_dual_objective(problem, p.nu)
        close(gap, p.alpha * (total - 1 - np.log(total)))  # 0 iff total = 1
        level = p.alpha / (1 - p.model.discount)
        equal, printed = p.nu + level * np.log(total), p.nu + level * (np.log(total) + 1)
        close(t.dual_objective(problem, equal), t.log_dual_objective(problem, equal))
        close(t.log_normaliser(problem, printed), 0.0)  # the paper's condition: Z = 1
        close(t.dual_objective(problem, printed) - t.log_dual_objective(problem, printed), p.alpha / np.e)


if __name__ == "__main__":
    run_alone(globals())
