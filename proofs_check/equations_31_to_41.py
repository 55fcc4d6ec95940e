"""Equations (31)-(41): the weights are proportional to exp(e~/alpha), and their I-projection (15) is the best response."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from support import Problem, below, close, distributions, generators, problems, run_alone

import alberdice as ad

t = ad.tabular


@given(problems(), st.floats(-3, 3))
def test_weights_are_proportional_to_the_exponential(p: Problem, shift: float) -> None:
    for problem in (t.exact_dual(*p.turn), t.sample_dual(*p.turn)):
        weights = t.closed_form_weights(problem.advantages(p.nu), p.alpha)  # (34)
        factor = np.exp((1 - p.model.discount) * shift / p.alpha - 1)
        close(weights, factor * np.exp(problem.advantages(p.nu + shift) / p.alpha))  # (35)


@given(problems())
def test_dual_minimiser_gives_the_best_response(p: Problem) -> None:
    answer, least = t.best_response(*p.turn), t.minimise_dual(t.exact_dual(*p.turn))
    close(least.value, answer.upper_bound)
    # Two answers whose values differ by g may be sqrt(2 g / alpha) apart (the objective is alpha-strongly concave).
    close(t.weighted_occupancy(least.problem, least.nu), answer.occupancy, 1e-6)  # (33), (35)
    projected = t.i_projection(least.problem, least.nu)
    visited = answer.occupancy.sum(axis=1) > 1e-4
    close(projected[visited], answer.policy[visited], 1e-5)
    reached = p.policy.replace(p.agent, np.where(answer.reachable[:, None], projected, answer.policy))
    close(t.objective(p.model, reached, p.data, p.alpha), answer.value)


@given(problems(), generators())
def test_projection_minimises_41(p: Problem, generator: np.random.Generator) -> None:
    problem, advantage = t.exact_dual(*p.turn), t.advantage(*p.turn, p.nu)
    behaviour = p.data.behaviour_policy()[p.agent]

    def loss(table: np.ndarray) -> np.ndarray:
        """(41) at every state: E_{a_i ~ pi_i}[-e/alpha] + KL(pi_i || pi_i^D)."""
        logs = np.log(np.where(table > 0, table, 1.0) / behaviour)
        return (table * (logs - advantage / p.alpha)).sum(axis=1)

    best = t.i_projection(problem, p.nu)
    close(best.sum(axis=1), 1.0)
    close(loss(best), -np.log((behaviour * np.exp(advantage / p.alpha)).sum(axis=1)))
    for zeros in (0.0, 0.5):
        below(loss(best), loss(distributions(generator, best.shape, zeros)))


if __name__ == "__main__":
    run_alone(globals())
