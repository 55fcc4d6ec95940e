"""Footnote 6 (Slater's condition): fails with unreachable states (counterexample 3).

The dual infimum is then not attained; remove them first.
"""

import numpy as np
from hypothesis import given
from scipy.optimize import minimize_scalar
from support import Problem, close, problems, run_alone, two_islands, uniform_data

import alberdice as ad

t = ad.tabular


@given(problems(unreachable=True))
def test_the_dual_falls_for_ever_with_unreachable_states(p: Problem) -> None:
    problem = t.exact_dual(*p.turn)
    least = t.minimise_dual(problem)
    outside = ~np.isin(np.arange(p.model.n_states), least.problem.state)
    assert outside.any()
    # nu on the unreachable states at which their largest e equals the reachable states' largest e
    e, rows = problem.advantages(least.nu), outside[problem.state]
    inflow = problem.discount * (problem.transition[rows] @ outside.astype(float))
    level = ((e[rows] - e[~rows].max()) / (1 - inflow)).max()
    scale = p.alpha / (1 - p.model.discount)
    values = [t.log_dual_objective(problem, least.nu + (level + k * scale) * outside) for k in (0, 0.25, 0.5, 200)]
    assert values[0] > values[1] > values[2] > least.value
    close(values[3], least.value)


@given(problems(unreachable=None))
def test_without_them_the_minimum_is_attained_and_equals_the_primal(p: Problem) -> None:
    least = t.minimise_dual(t.exact_dual(*p.turn))
    answer = t.best_response(*p.turn)
    close(t.log_dual_objective(least.problem, least.nu), answer.value)
    kept = np.unique(least.problem.state)
    assert (np.flatnonzero(answer.reachable) == kept).all()


def test_counterexample_3() -> None:
    model = two_islands()
    problem = t.exact_dual(model, ad.FactorizedPolicy.uniform(model), 0, uniform_data(model), 1.0)
    expected = {0: -0.3511773203, 2: -0.5673434995, 10: -0.6908430058, 20: -0.6931316552, 40: -0.6931471799}
    for there, value in expected.items():
        least = minimize_scalar(lambda x, y=there: t.dual_objective(problem, [x, y]), bracket=(-8.0, 0.0), tol=1e-12)
        close(least.fun, value)
    close(t.minimise_dual(problem).value, -np.log(2))


if __name__ == "__main__":
    run_alone(globals())
