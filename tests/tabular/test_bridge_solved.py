"""Bridge, solved exactly: certificates at every alpha and floor, cvxpy's opinion, the optimum by alternating best responses."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import strategies
from hypothesis import given, settings

import alberdice as ad
from alberdice.tabular.best_response import reward_unit

ALPHAS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)


@cache
def bridge() -> ad.games.BridgeGame:
    return ad.games.bridge()


@pytest.mark.parametrize("floor", [1e-10, 1e-6])
@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("name", ["optimal", "mix"])
def test_every_best_response_is_certified(name: str, alpha: float, floor: float) -> None:
    game = bridge()
    data = game.data(name, floor)
    for policy in (data.behaviour_policy(), ad.FactorizedPolicy.uniform(game.mmdp)):
        for agent in range(2):
            br = ad.tabular.best_response(game.mmdp, policy, agent, data, alpha)
            assert br.gap <= 1e-10 * (1 + abs(br.value))
            assert br.flow_residual <= 1e-10
            assert br.iterations <= 60
            joint = policy.replace(agent, br.policy)
            assert ad.tabular.objective(game.mmdp, joint, data, alpha) == pytest.approx(
                br.value, abs=1e-9 * (1 + abs(br.value))
            )


@pytest.mark.parametrize("alpha", ALPHAS)
def test_cvxpy_agrees_within_its_own_certificate(alpha: float) -> None:
    game = bridge()
    data = game.data("mix")
    own = ad.tabular.best_response(game.mmdp, data.behaviour_policy(), 0, data, alpha)
    reference = ad.tabular.best_response(game.mmdp, data.behaviour_policy(), 0, data, alpha, method="cvxpy")
    assert reference.value - own.gap <= own.value + 1e-9
    assert own.value <= reference.upper_bound + 1e-9
    assert abs(own.value - reference.value) <= reference.gap + own.gap + 1e-9


@pytest.mark.parametrize("name", ["optimal", "mix"])
@pytest.mark.parametrize(("alpha", "at_least"), [(1e-3, -1.2356), (1e-2, -1.25)])
def test_alternating_best_responses_reach_the_optimum(name: str, alpha: float, at_least: float) -> None:
    game = bridge()
    run = ad.tabular.alternate(game.mmdp, game.data(name), alpha)
    assert ad.undiscounted_return(game.mmdp, run.policy, game.horizon) >= at_least
    first = np.tensordot(game.mmdp.initial, run.policy.joint(), axes=1)
    left, right = game.action_names[0].index("Left"), game.action_names[0].index("Right")
    assert max(first[left, left], first[right, right]) > 0.99
    assert (np.diff(run.values, prepend=run.start_value) >= -run.gaps - 1e-12).all()
    assert run.converged
    assert run.nash.epsilon <= 1e-8


def certified_or_explained(problem: strategies.Problem) -> None:
    """A best response with its proof, or an error that names the agent and the remedy."""
    try:
        br = ad.tabular.best_response(*problem.turn)
    except ad.InfeasibleError as error:
        assert f"agent {problem.agent + 1}" in str(error)
        assert "floor" in error.remedy
        assert (problem.data.probabilities == 0).any()
        return
    assert br.gap <= 1e-10 * (reward_unit(problem.model) + problem.alpha)
    assert br.flow_residual <= 1e-10
    joint = problem.policy.replace(problem.agent, br.policy)
    value = ad.tabular.objective(problem.model, joint, problem.data, problem.alpha)
    assert value == pytest.approx(br.value, abs=1e-8 * (1 + abs(br.value)))
    assert ad.tabular.objective(problem.model, problem.policy, problem.data, problem.alpha) <= br.upper_bound + 1e-9


@given(strategies.problems(data_zeros=0.3, min_alpha=1e-4))
def test_certified_or_explained(problem: strategies.Problem) -> None:
    certified_or_explained(problem)


@pytest.mark.slow
@settings(max_examples=2000)
@given(strategies.problems(data_zeros=0.3, min_alpha=1e-4))
def test_certified_or_explained_at_length(problem: strategies.Problem) -> None:
    certified_or_explained(problem)
