"""Lemma E.5: a minimiser of L (14) is a minimiser of L~ (31).

The minimiser of L is found here by a quasi-Newton method on L itself, which knows nothing of L~.
"""

import numpy as np
from hypothesis import given
from scipy.optimize import minimize
from support import OPTIMISED, Problem, close, problems, run_alone

import alberdice as ad

t = ad.tabular


def slope(problem: ad.tabular.DualProblem, nu: np.ndarray) -> np.ndarray:
    """Gradient of L."""
    flow = problem.weight * t.closed_form_weights(problem.advantages(nu), problem.alpha)
    out = np.bincount(problem.state, flow, len(nu))
    return (1 - problem.discount) * problem.initial + problem.discount * (problem.transition.T @ flow) - out


def minimiser_of_l(problem: ad.tabular.DualProblem) -> np.ndarray:
    nu = np.full(problem.shape[0], t.optimal_shift(problem, np.zeros(problem.shape[0])))
    options = {"gtol": 1e-11, "maxiter": 2000}
    for _ in range(3):
        found = minimize(lambda x: t.dual_objective(problem, x), nu, jac=lambda x: slope(problem, x), options=options)
        nu = found.x
    assert np.abs(slope(problem, nu)).max() < OPTIMISED, "the optimiser did not arrive"
    return nu


@given(problems(min_alpha=0.5, unreachable=False, max_states=3))
def test_minimiser_of_l_minimises_the_logarithmic_form(p: Problem) -> None:
    for problem in (t.exact_dual(*p.turn), t.sample_dual(*p.turn)):
        nu = minimiser_of_l(problem)
        close(t.log_dual_objective(problem, nu), t.minimise_dual(problem).value, OPTIMISED)
        close(t.dual_objective(problem, nu), t.log_dual_objective(problem, nu), OPTIMISED)


if __name__ == "__main__":
    run_alone(globals())
