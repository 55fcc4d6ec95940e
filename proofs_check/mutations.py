"""Mutations: for every property, a function of the package made wrong so that the property must fail.

Each entry: the property's file, its name, where the function is looked up, the function's name, and how it goes wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

import alberdice as ad
from alberdice import datasets, tabular
from alberdice.deep import losses

Wrong = Callable[[Any], Any]


def scaled(factor: float) -> Wrong:
    """The function's value times ``factor``."""
    return lambda right: lambda *args, **kwargs: right(*args, **kwargs) * factor


def shifted(amount: float) -> Wrong:
    """The function's value plus ``amount``."""
    return lambda right: lambda *args, **kwargs: right(*args, **kwargs) + amount


def lazy(right: Any) -> Any:
    """A best response that is the policy as it was, called a solution."""

    def wrong(model: ad.MMDP, policy: ad.FactorizedPolicy, agent: int, data: ad.DataDistribution, alpha: float) -> Any:
        answer = right(model, policy, agent, data, alpha)
        return replace(answer, policy=policy[agent], value=answer.value)

    return wrong


def all_nash(right: Any) -> Any:
    """A certificate that finds no gain at any alpha > 0."""
    return lambda m, p, d, alpha: replace(right(m, p, d, alpha), epsilon=0.0) if alpha > 0 else right(m, p, d, alpha)


def alpha_times(factor: float) -> Wrong:
    """A best response at another alpha."""
    return lambda right: lambda m, p, i, d, alpha: right(m, p, i, d, factor * alpha)


def other_alpha(value: float) -> Wrong:
    """A best response at this alpha, whatever was asked for."""
    return lambda right: lambda m, p, i, d, alpha: right(m, p, i, d, value)


def smoothed(right: Any) -> Any:
    """A conditional with half of its mass spread evenly."""
    return lambda data, agent: 0.5 * right(data, agent) + 0.5 * right(data, agent).mean()


def at_alpha(factor: float) -> Wrong:
    """The objective at another alpha."""
    return lambda right: lambda m, p, d, alpha: right(m, p, d, factor * alpha)


def negative(right: Any) -> Any:
    """A certificate that promises a loss of 10 to every deviation."""
    return lambda m, p, d, alpha: replace(right(m, p, d, alpha), epsilon=-10.0)


def one_more_visit(right: Any) -> Any:
    """An empirical model whose every row is half the last state's."""

    def wrong(*args: Any, **kwargs: Any) -> Any:
        model = right(*args, **kwargs)
        mmdp = model.mmdp
        table = 0.1 * mmdp.dense_transition()
        table[..., -1] += 0.9
        return replace(model, mmdp=ad.MMDP(table, mmdp.reward, mmdp.initial, mmdp.discount))

    return wrong


def unweighted(right: Any) -> Any:
    """Rows drawn evenly instead of in proportion to the ratio."""
    return lambda log_ratio, size, generator: right(0 * log_ratio.clamp(min=-1.0), size, generator)


def no_clip(right: Any) -> Any:
    """The clip forgotten."""
    return lambda others, data, clip: right(others, data, np.inf)


def changed(field: str, change: Callable[[Any], Any]) -> Wrong:
    """An answer with one field changed."""

    def wrong(right: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            answer = right(*args, **kwargs)
            return replace(answer, **{field: change(getattr(answer, field))})

        return call

    return wrong


def worth_more(amount: float) -> Wrong:
    """A solution that promises more value."""
    return changed("value", lambda value: value + amount)


def values_more(amount: float) -> Wrong:
    """A run whose values are all larger."""
    return changed("values", lambda values: values + amount)


#: a certificate that never finds a saddle, one that finds more to gain, a response that swaps actions, a dual of other weights
straight = changed("curvature", lambda _: -1.0)
worse = changed("epsilon", lambda epsilon: epsilon + 1.0)
backwards = changed("policy", lambda policy: policy[:, ::-1])
reweighted = changed("weight", lambda weight: weight**1.1)


def forgetful(right: Any) -> Any:
    """A best response that is uniform at states that nothing reaches."""

    def wrong(*turn: Any) -> Any:
        answer = right(*turn)
        even = np.full_like(answer.policy, 1 / answer.policy.shape[1])
        return replace(answer, policy=np.where(answer.reachable[:, None], answer.policy, even))

    return wrong


def sees_unreached(right: Any) -> Any:
    """An objective that reads the tables at every state."""
    return lambda m, p, d, alpha: right(m, p, d, alpha) + 0.01 * sum(float((table**2).sum()) for table in p)


def exact_instead(right: Any) -> Any:
    """The exact dual where the per-sample one is asked for."""
    return lambda *turn: tabular.exact_dual(*turn)


def dual_instead(right: Any) -> Any:
    """L where L~ is asked for."""
    return tabular.dual_objective


#: file, property, home, name, how
MUTATIONS: list[tuple[str, str, Any, str, Wrong]] = [
    ("alpha_to_zero", "test_an_alpha_nash_policy_is_nearly_nash_for_the_plain_return", tabular, "nash_certificate", all_nash),
    (
        "alpha_to_zero",
        "test_a_small_alpha_loses_at_most_alpha_times_the_divergence_and_stays_closer",
        tabular,
        "best_response",
        alpha_times(3.0),
    ),
    (
        "alpha_to_zero",
        "test_of_two_optimal_answers_the_one_in_the_data_s_proportions_is_the_limit",
        tabular,
        "best_response",
        other_alpha(0.0),
    ),
    (
        "alpha_to_zero",
        "test_with_holes_the_bound_holds_for_answers_inside_the_data",
        tabular,
        "best_response",
        alpha_times(200.0),
    ),
    ("alpha_to_zero", "test_nothing_bounds_what_a_deviation_off_the_data_gains", tabular, "best_response", other_alpha(1e3)),
    ("clipped_ratios", "test_clipping_biases_by_exactly_what_it_cuts_off", losses, "importance_log_ratio", no_clip),
    ("clipped_ratios", "test_in_14_and_31_a_clip_of_both_ratios_cancels", losses, "sample_advantage", scaled(0.9)),
    ("clipped_ratios", "test_clipping_raises_the_effective_sample_size", losses, "effective_sample_size", scaled(1.001)),
    (
        "clipped_ratios",
        "test_a_batch_s_numerator_is_too_large_by_the_variance_over_its_size",
        losses,
        "effective_sample_size",
        scaled(0.999),
    ),
    (
        "convergence_of_policies",
        "test_an_update_pays_exactly_the_divergence_of_the_step",
        tabular,
        "kl_divergence",
        scaled(1.1),
    ),
    ("convergence_of_policies", "test_steps_are_summable_and_vanish", tabular, "kl_divergence", scaled(1.1)),
    ("corollary_4_3", "test_the_returned_policy_is_the_product_of_its_marginals", ad.FactorizedPolicy, "joint", scaled(1.1)),
    ("corollary_b_2", "test_minima_are_ordered_too", tabular, "best_response", worth_more(0.1)),
    ("corollary_b_2", "test_counterexample_5", tabular, "best_response", worth_more(0.1)),
    ("corollary_b_2", "test_counterexample_5_with_a_deterministic_partner", tabular, "minimise_dual", worth_more(0.1)),
    ("corollary_b_2", "test_tight_when_all_is_deterministic", tabular, "sample_dual", reweighted),
    ("corollary_b_2", "test_per_sample_dual_does_not_see_the_others", tabular, "sample_dual", exact_instead),
    ("corollary_b_2", "test_exact_dual_is_below", tabular, "dual_objective", scaled(-1.0)),
    (
        "definition_2_1",
        "test_counterexample_3_a_best_response_that_is_not_nash_at_every_state",
        tabular,
        "nash_certificate",
        negative,
    ),
    ("definition_2_1", "test_unreachable_states_keep_the_previous_policy", tabular, "best_response", forgetful),
    ("definition_2_1", "test_nothing_at_unreachable_states_changes_the_objective", tabular, "objective", sees_unreached),
    ("equation_11", "test_ratio_has_mean_one_at_every_own_action", tabular, "importance_ratio", scaled(1.1)),
    ("equation_11", "test_advantage_is_the_weighted_mean_of_the_samples", tabular, "advantage", scaled(1.1)),
    ("equation_11", "test_terms_of_both_duals_are_the_tables", tabular, "advantage", scaled(1.1)),
    ("equation_12", "test_resampled_sums_are_unbiased_for_every_batch_size", losses, "resampled_log_weight", shifted(0.01)),
    ("equation_12", "test_rows_are_drawn_in_proportion_to_the_ratio", losses, "resample", unweighted),
    ("equation_12", "test_the_logarithm_of_a_batch_is_too_small_and_by_how_much", losses, "nu_loss", scaled(-1.0)),
    ("equation_12", "test_the_bias_falls_like_one_over_the_batch", losses, "nu_loss", scaled(0.5)),
    ("equation_23", "test_agrees_where_the_others_are_independent_in_the_data", tabular, "dual_objective", shifted(0.1)),
    ("equation_23", "test_differs_by_the_dependence_in_the_data", tabular, "closed_form_weights", scaled(1.1)),
    ("equation_23", "test_counterexample_6", tabular, "dual_objective", shifted(0.1)),
    ("equations_24_to_30", "test_ratio_is_one_without_others", tabular, "advantage", scaled(1.1)),
    ("equations_24_to_30", "test_weights_are_the_correction_ratios", tabular, "best_response", worth_more(0.1)),
    ("equations_24_to_30", "test_weighted_behaviour_cloning_leaves_the_data", tabular, "objective", shifted(0.1)),
    ("equations_24_to_30", "test_the_per_sample_dual_is_that_of_optidice", tabular, "sample_dual", exact_instead),
    ("equations_31_to_41", "test_dual_minimiser_gives_the_best_response", tabular, "best_response", worth_more(0.1)),
    ("equations_31_to_41", "test_weights_are_proportional_to_the_exponential", tabular, "closed_form_weights", scaled(1.1)),
    ("equations_31_to_41", "test_projection_minimises_41", tabular, "advantage", scaled(1.1)),
    ("finite_samples", "test_returns_in_two_models_differ_by_at_most_the_visited_error", tabular, "objective", scaled(100.0)),
    ("finite_samples", "test_an_empirical_equilibrium_is_one_up_to_the_weighted_error", tabular, "nash_certificate", negative),
    (
        "finite_samples",
        "test_the_mean_error_of_k_draws_is_at_most_the_root_of_states_over_k",
        datasets,
        "empirical_model",
        one_more_visit,
    ),
    ("finite_samples", "test_the_weighted_error_of_n_draws", datasets, "empirical_model", one_more_visit),
    (
        "fitted_parts",
        "test_cloning_is_best_at_the_conditional_and_misses_by_a_divergence",
        losses,
        "behaviour_loss",
        scaled(1.01),
    ),
    ("fitted_parts", "test_the_data_s_conditionals_are_the_clones", tabular, "data_conditional", smoothed),
    ("fitted_parts", "test_regression_finds_the_conditional_mean", losses, "advantage_loss", scaled(1.1)),
    ("fitted_parts", "test_the_conservative_term_is_an_entropy_and_a_divergence", losses, "conservative_penalty", shifted(0.1)),
    ("fitted_parts", "test_the_projection_s_loss_is_a_divergence_from_its_minimiser", losses, "i_projection_loss", scaled(0.9)),
    (
        "fitted_parts",
        "test_with_a_memory_the_projection_takes_the_mean_of_e_given_the_history",
        losses,
        "i_projection_loss",
        scaled(0.9),
    ),
    ("fitted_parts", "test_one_update_of_algorithm_1_solved_exactly_is_a_best_response", tabular, "advantage", scaled(0.7)),
    ("footnote_6", "test_the_dual_falls_for_ever_with_unreachable_states", tabular, "log_dual_objective", shifted(0.1)),
    (
        "footnote_6",
        "test_without_them_the_minimum_is_attained_and_equals_the_primal",
        tabular,
        "best_response",
        worth_more(0.1),
    ),
    ("footnote_6", "test_counterexample_3", tabular, "dual_objective", shifted(0.1)),
    ("formulas_against_oracles", "test_occupancy_and_objective", tabular, "objective", shifted(0.1)),
    ("formulas_against_oracles", "test_best_responses", tabular, "best_response", worth_more(0.1)),
    ("formulas_against_oracles", "test_ratios_and_advantages", tabular, "advantage", scaled(1.1)),
    ("formulas_against_oracles", "test_dual_values", tabular, "dual_objective", shifted(0.1)),
    ("formulas_against_oracles", "test_frozen_gains", tabular, "frozen_gains", shifted(0.1)),
    ("infeasible_data", "test_infeasible_exactly_when_every_policy_leaves_the_data", tabular, "best_response", worth_more(0.1)),
    ("infeasible_data", "test_a_floor_makes_it_finite", tabular, "best_response", alpha_times(2.0)),
    ("infeasible_data", "test_two_modes_and_a_mixed_partner", tabular, "best_response", worth_more(0.1)),
    ("lemma_4_1", "test_every_agent_has_the_common_value", tabular, "agent_objective", shifted(0.1)),
    ("lemma_4_1", "test_common_value_with_missing_data", tabular, "agent_objective", shifted(0.1)),
    ("lemma_4_1", "test_objective_is_the_average_of_the_modified_reward", tabular, "objective", shifted(0.1)),
    ("lemma_4_1", "test_appendix_reward_misses_by_the_entropy", tabular, "appendix_modified_reward", shifted(0.1)),
    ("lemma_4_1", "test_counterexample_4", tabular, "objective", shifted(0.1)),
    ("lemma_e_2", "test_shift_invariance", tabular, "log_dual_objective", dual_instead),
    ("lemma_e_3", "test_inequality", tabular, "log_dual_objective", shifted(0.1)),
    ("lemma_e_3", "test_gap_measures_the_equality_condition", tabular, "dual_objective", shifted(0.1)),
    ("lemma_e_4", "test_right_constant_is_the_best_shift", tabular, "dual_objective", shifted(0.1)),
    ("lemma_e_4", "test_printed_constant_misses", tabular, "dual_objective", shifted(0.1)),
    ("lemma_e_4", "test_shifted_minimiser_minimises", tabular, "dual_objective", shifted(0.1)),
    ("lemma_e_5", "test_minimiser_of_l_minimises_the_logarithmic_form", tabular, "dual_objective", shifted(0.1)),
    ("linear_rate", "test_two_agents_in_one_state_contract_by_the_proved_factor", tabular, "best_response", alpha_times(0.5)),
    ("linear_rate", "test_the_data_s_dependence_counts_as_interaction", tabular, "best_response", alpha_times(0.2)),
    ("linear_rate", "test_any_number_of_agents_in_one_state_from_every_start", tabular, "best_response", lazy),
    ("linear_rate", "test_xor_meets_its_factor", tabular, "best_response", alpha_times(1.01)),
    ("linear_rate", "test_where_values_converge_geometrically_the_occupancies_do", tabular, "objective", scaled(1e-4)),
    ("local_rate", "test_a_best_response_gains_its_square", tabular, "objective", scaled(-1.0)),
    ("local_rate", "test_near_a_strict_maximum_small_gains_mean_a_small_gap", tabular, "best_response", lazy),
    ("local_rate", "test_what_could_be_gained_before_a_round_is_gained_in_it", tabular, "best_response", alpha_times(0.5)),
    ("local_rate", "test_a_round_closes_the_gap_by_the_proved_factor", tabular, "best_response", lazy),
    ("local_rate", "test_runs_follow_the_block_gauss_seidel_matrix", tabular, "objective", at_alpha(2.0)),
    ("local_rate", "test_at_a_degenerate_maximum_no_factor_below_one_holds", tabular, "best_response", alpha_times(1.01)),
    ("proposition_3_1", "test_closed_form_attains_the_dual", tabular, "dual_objective", shifted(0.1)),
    ("proposition_3_1", "test_every_other_weight_is_worse_by_a_divergence", tabular, "dual_objective", shifted(0.1)),
    ("proposition_3_1", "test_shared_weights_have_the_exact_dual_as_maximum", tabular, "dual_objective", shifted(0.1)),
    ("proposition_3_1", "test_counterexample_7", tabular, "dual_objective", shifted(0.1)),
    ("proposition_b_1", "test_curvature_has_the_factor_one_over_alpha", tabular, "closed_form_weights", scaled(1.1)),
    ("proposition_b_1", "test_convex_along_segments", tabular, "dual_objective", scaled(-1.0)),
    (
        "proposition_e_1",
        "test_minima_agree_and_only_the_logarithmic_form_is_free_to_shift",
        tabular,
        "dual_objective",
        shifted(0.1),
    ),
    ("rates_in_turns", "test_two_agents_in_turns_are_epsilon_nash_within_the_budget", tabular, "best_response", lazy),
    (
        "rates_in_turns",
        "test_agents_that_move_only_for_more_than_epsilon_are_done_within_the_budget",
        tabular,
        "best_response",
        lazy,
    ),
    ("rates_in_turns", "test_the_budget_of_two_agents_is_met_with_room_for_one_gain", tabular, "best_response", lazy),
    (
        "rates_in_turns",
        "test_in_one_state_mixed_differences_are_at_most_half_the_payoff_s_range",
        tabular,
        "objective",
        scaled(1e4),
    ),
    (
        "rates_in_turns",
        "test_in_one_state_plain_turns_of_any_number_are_epsilon_nash_in_time",
        tabular,
        "best_response",
        backwards,
    ),
    ("theorem_4_2_alpha_zero", "test_counterexample_8_exact_best_responses_cycle", tabular, "objective", shifted(0.1)),
    (
        "theorem_4_2_alpha_zero",
        "test_counterexample_8_staying_when_optimal_reaches_nash",
        tabular,
        "alternate",
        values_more(0.1),
    ),
    ("theorem_4_2_alpha_zero", "test_with_the_stay_rule_runs_stop_at_nash_policies", tabular, "alternate", values_more(0.1)),
    ("theorem_4_2_nash", "test_a_best_response_gains_nothing_with_the_reward_frozen", tabular, "frozen_gains", shifted(0.1)),
    ("theorem_4_2_nash", "test_gains_agree_on_who_is_optimal", tabular, "frozen_gains", scaled(-1.0)),
    ("theorem_4_2_nash", "test_leaving_out_an_action_is_never_optimal", tabular, "frozen_gains", scaled(-1.0)),
    ("theorem_4_2_nash", "test_a_converged_run_is_nash_in_both_senses", tabular, "frozen_gains", shifted(0.1)),
    ("theorem_4_2_nash", "test_a_greedy_run_is_epsilon_nash_within_the_budget", tabular, "nash_certificate", worse),
    ("theorem_4_2_saddle", "test_counterexample_2_uniform_is_a_fixed_point_and_no_maximum", tabular, "objective", shifted(0.1)),
    ("theorem_4_2_saddle", "test_counterexample_2_hessian", tabular, "objective", scaled(1.1)),
    ("theorem_4_2_saddle", "test_saddle_iff_alpha_is_below_one_half", tabular, "second_order_certificate", straight),
    ("theorem_4_2_saddle", "test_counterexample_2_escape", tabular, "alternate", values_more(0.1)),
    (
        "theorem_4_2_states",
        "test_values_of_the_modified_reward_average_to_the_objective",
        tabular,
        "modified_values",
        shifted(0.1),
    ),
    ("theorem_4_2_states", "test_counterexample_1", tabular, "modified_values", shifted(0.1)),
    ("theorem_4_2_values", "test_one_update_is_optimal_and_never_loses", tabular, "best_response", worth_more(-0.1)),
    ("theorem_4_2_values", "test_values_of_a_run_never_fall_and_are_bounded", tabular, "alternate", values_more(10.0)),
    (
        "upper_bound",
        "test_the_joint_dual_at_any_nu_bounds_every_policy_correlated_or_not",
        tabular,
        "dual_objective",
        scaled(0.5),
    ),
    ("upper_bound", "test_the_gap_is_a_divergence_at_any_nu", tabular, "dual_objective", shifted(1e-6)),
    (
        "upper_bound",
        "test_the_price_of_factorisation_is_the_divergence_from_the_joint_optimum",
        tabular,
        "best_response",
        alpha_times(1.1),
    ),
    ("upper_bound", "test_the_plain_return_is_bounded_by_any_excessive_value", tabular, "dual_objective", shifted(-1e3)),
    ("upper_bound", "test_price_on_xor", tabular, "best_response", alpha_times(1.001)),
]
