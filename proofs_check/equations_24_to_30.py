"""Equations (24)-(30), OptiDICE on joint actions: w* = d*/d^D; and why weighted behaviour cloning of it leaves the data.

For one agent rho = 1 and (7) is (26). For many agents with full support, the per-sample dual (14) is OptiDICE's with (30).
"""

from hypothesis import given
from support import OPTIMISED, Problem, close, one_shot, problems, run_alone

import alberdice as ad

t = ad.tabular


def centralised(p: Problem) -> Problem:
    """All agents as one, who chooses joint actions."""
    shape = (p.model.n_states, p.model.n_joint_actions)
    model = ad.MMDP(p.model.transition, p.model.reward.reshape(shape), p.model.initial, p.model.discount)
    data = ad.DataDistribution(p.data.probabilities.reshape(shape))
    return Problem(model, data, ad.FactorizedPolicy.uniform(model), 0, p.alpha, p.nu)


@given(problems())
def test_ratio_is_one_without_others(p: Problem) -> None:
    one = centralised(p)
    close(t.importance_ratio(one.policy, 0, one.data), 1.0)
    future = (one.model.transition @ one.nu).reshape(one.model.reward.shape)
    close(t.advantage(*one.turn, one.nu), one.model.reward + one.model.discount * future - one.nu[:, None])


@given(problems())
def test_weights_are_the_correction_ratios(p: Problem) -> None:
    one = centralised(p)
    least = t.minimise_dual(t.exact_dual(*one.turn))
    kept, answer = least.problem, t.best_response(*one.turn)
    nu = least.nu + t.optimal_shift(kept, least.nu)
    weights = t.closed_form_weights(kept.advantages(nu), p.alpha)
    close(weights * kept.weight, answer.occupancy[kept.state, kept.action], 1e-7)  # (28)
    close(t.inner_objective(kept, nu, weights), answer.value)  # (26)


@given(problems(policy_zeros=0.0, data_zeros=0.2))
def test_the_per_sample_dual_is_that_of_optidice(p: Problem) -> None:
    one = centralised(p)
    ours, joint = t.sample_dual(*p.turn), t.sample_dual(*one.turn)
    close(t.dual_objective(ours, p.nu), t.dual_objective(joint, p.nu))
    close(t.log_dual_objective(ours, p.nu), t.log_dual_objective(joint, p.nu))


def test_weighted_behaviour_cloning_leaves_the_data() -> None:
    model = one_shot([[0, 1], [1, 0]])
    data = ad.DataDistribution([[[1 / 3, 1 / 3], [1 / 3, 0.0]]])
    policy = ad.FactorizedPolicy(t.ALGORITHMS["OptiDICE"](model, data).tables)
    for table in policy:
        close(table, 0.5, OPTIMISED)
    close(ad.out_of_data_probability(model, policy, data), 0.25, OPTIMISED)
    close(t.objective(model, policy, data, 0.0), 0.5, OPTIMISED)


if __name__ == "__main__":
    run_alone(globals())
