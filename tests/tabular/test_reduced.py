import numpy as np
import pytest
from slow_routes import is_feasible_by_lp, random_problem, reduced

import alberdice as ad
from alberdice.tabular.reduced import reduce


def package_objects(p):
    model = ad.MMDP(p.transition, p.reward, p.initial, p.discount)
    return model, ad.FactorizedPolicy(p.tables), ad.DataDistribution(p.data)


def reachable_by_loops(r, initial):
    reached = initial > 0
    for _ in range(len(initial)):
        for s in np.flatnonzero(reached):
            for a in np.flatnonzero(r.allowed[s]):
                reached = reached | (r.transition[s, a] > 0)
    return reached


@pytest.mark.parametrize("seed", range(60))
def test_agrees_with_loops(seed):
    p = random_problem(seed)
    model, policy, data = package_objects(p)
    for agent in range(p.n_agents):
        slow = reduced(p, agent)
        assert slow.feasible == is_feasible_by_lp(p, agent)
        if not slow.feasible:
            with pytest.raises(ad.InfeasibleError, match=rf"best response of agent {agent + 1} at state \d"):
                reduce(model, policy, agent, data, p.alpha)
            continue
        problem = reduce(model, policy, agent, data, p.alpha)
        states = np.flatnonzero(reachable_by_loops(slow, p.initial))
        kept = [(s, a) for s in states for a in np.flatnonzero(slow.allowed[s])]
        np.testing.assert_array_equal(problem.states, states)
        np.testing.assert_array_equal(problem.rows, [s * p.tables[agent].shape[1] + a for s, a in kept])
        np.testing.assert_array_equal(states[problem.flow.state], [s for s, _ in kept])
        np.testing.assert_allclose(problem.flow.reward, [slow.cost[k] for k in kept], atol=1e-12)
        expected = np.array([slow.transition[k][states] for k in kept])
        np.testing.assert_allclose(problem.flow.transition.toarray(), expected, atol=1e-13)
        np.testing.assert_allclose(problem.flow.transition.sum(axis=1), 1.0, atol=1e-12)
        np.testing.assert_allclose(problem.flow.initial, p.initial[states], atol=1e-15)
        assert (problem.flow.discount, problem.flow.alpha) == (p.discount, p.alpha)


def test_the_seeds_cover_what_they_should():
    problems = [random_problem(seed) for seed in range(60)]
    infeasible = sum(not is_feasible_by_lp(p, i) for p in problems for i in range(p.n_agents))
    unreachable = holes = 0
    for p in problems:
        for i in range(p.n_agents):
            r = reduced(p, i)
            unreachable += r.feasible and not reachable_by_loops(r, p.initial).all()
            holes += r.feasible and not r.allowed.all()
    assert {p.n_agents for p in problems} == {1, 2, 3}
    assert any(len(set(p.reward.shape[1:])) > 1 for p in problems)
    assert any((p.transition == 0).any() for p in problems)
    assert min(infeasible, unreachable, holes) >= 5


def corridor(data):
    """States 0 -> 1 -> 2 (absorbing); one agent with two actions, alike but for the data; discount 0.5."""
    transition = np.zeros((3, 2, 3))
    transition[0, :, 1] = transition[1, :, 2] = transition[2, :, 2] = 1.0
    transition[0, 1] = [0, 0, 1]  # action 1 skips state 1
    model = ad.MMDP(transition, np.zeros((3, 2)), [1, 0, 0], 0.5)
    return model, ad.FactorizedPolicy.uniform(model), ad.DataDistribution(np.asarray(data) / np.sum(data))


def test_dead_ends_are_removed_again_and_again():
    # no data at state 1, so that action 0 at state 0 is out, and with it state 1
    model, policy, data = corridor([[1.0, 1], [0, 0], [1, 0]])
    problem = reduce(model, policy, 0, data, 1.0)
    np.testing.assert_array_equal(problem.rows, [1, 4])
    np.testing.assert_array_equal(problem.states, [0, 2])
    np.testing.assert_array_equal(problem.lift_rows(np.array([7.0, 8.0])), [[0, 7], [0, 0], [8, 0]])
    np.testing.assert_array_equal(problem.lift_states(np.array([7.0, 8.0])), [7, np.nan, 8])
    everything = reduce(model, policy, 0, data, 0.0)
    np.testing.assert_array_equal(everything.rows, range(6))


def test_infeasible_later_on_is_told_from_infeasible_here():
    model, policy, data = corridor([[1.0, 1], [1, 1], [0, 0]])
    with pytest.raises(ad.InfeasibleError, match=r"agent 1 at state 0: .* leads on to states where"):
        reduce(model, policy, 0, data, 1.0)
    model, policy, data = corridor([[0.0, 0], [1, 1], [1, 0]])
    with pytest.raises(ad.InfeasibleError, match=r"agent 1 at state 0: .* without data, e\.g\. a=\(0\)"):
        reduce(model, policy, 0, data, 1.0)


def test_infeasible_names_a_joint_action_without_data():
    game = ad.games.penalty_xor()
    data = game.data("b", 0.0)
    with pytest.raises(ad.InfeasibleError, match=r"agent 2 at state 0: .*e\.g\. a=\(0, 0\).*floor=1e-10"):
        reduce(game.mmdp, data.behaviour_policy(), 1, data, 0.1)
