"""Extreme problems: every one is certified, or certified to rounding with its digits; every certificate is recomputed."""

from collections import Counter

import flow_oracles as oracle
import numpy as np
import pytest
from extreme_problems import KINDS, extreme_problem

from alberdice.tabular.flow import FlowProblem, FlowSolution, Status
from alberdice.tabular.interior_point import solve_flow


def check(problem: FlowProblem, found: FlowSolution) -> None:
    """The point is feasible, the value its own, the bound valid at nu, and the gap within what the status says."""
    unit = np.ptp(problem.reward) + problem.alpha
    size = 1e-12 * (unit + np.abs(problem.reward).max() + np.ptp(found.nu))
    a, b = oracle.constraint(problem)
    assert found.status.proven, (found.status, found.gap / unit, found.rounding / unit)
    assert found.unit == pytest.approx(unit)
    assert (found.occupancy >= 0).all()
    assert np.abs(a @ found.occupancy - b).max() <= 1e-10
    assert found.value == pytest.approx(oracle.objective(problem, found.occupancy), abs=size)
    assert found.gap >= -size
    if found.status is Status.CERTIFIED:
        assert found.gap <= 1e-10 * unit
    else:
        assert found.gap <= 1e-10 * unit + 5 * found.rounding
        assert found.digits > 6


@pytest.mark.parametrize("seed", [458, 654, 952, 1800, 3063, *range(40)])
def test_extreme_problems_are_proven(seed: int) -> None:
    """The first five stalled before a stalled point was made better by mirror ascent."""
    _, problem = extreme_problem(seed)
    check(problem, solve_flow(problem))


@pytest.mark.slow
def test_five_thousand_extreme_problems() -> None:
    statuses: Counter[tuple[str, Status]] = Counter()
    for seed in range(5000):
        kind, problem = extreme_problem(seed)
        found = solve_flow(problem)
        check(problem, found)
        statuses[kind, found.status] += 1
    assert sum(statuses.values()) == 5000
    assert {kind for kind, _ in statuses} == set(KINDS)
    limited = sum(count for (_, status), count in statuses.items() if status is Status.LIMITED)
    print({f"{kind}, {status}": count for (kind, status), count in sorted(statuses.items())})
    assert limited <= 250  # float64 ends where several classes meet gamma = 0.999999


def test_a_single_policy_is_its_own_proof_however_long_the_horizon() -> None:
    problem = oracle.flow_problem(
        np.array([1.0, -1.0]), np.array([[0.0, 1], [1, 0]]), np.array([0, 1]), np.array([0.5, 0.5]), 0.999999, 0.0
    )
    found = solve_flow(problem)
    assert found.status is Status.CERTIFIED
    assert found.value == pytest.approx(0.0, abs=1e-12)
