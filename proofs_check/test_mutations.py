"""Properties that cannot fail prove nothing: each is seen to fail when one named function of the package is wrong."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, settings

import alberdice as ad
from alberdice import datasets, tabular

losses = pytest.importorskip("alberdice.deep.losses")

Wrong = Callable[[Any], Any]
QUICK = (Phase.explicit, Phase.generate)


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


#: property, the module of the function that is made wrong, its name, how
MUTATIONS: list[tuple[str, Any, str, Wrong]] = [
    ("equation_12::test_resampled_sums_are_unbiased_for_every_batch_size", losses, "resampled_log_weight", shifted(0.01)),
    ("equation_12::test_rows_are_drawn_in_proportion_to_the_ratio", losses, "resample", unweighted),
    ("equation_12::test_the_logarithm_of_a_batch_is_too_small_and_by_how_much", losses, "nu_loss", scaled(-1.0)),
    ("equation_12::test_the_bias_falls_like_one_over_the_batch", losses, "nu_loss", scaled(0.5)),
    ("clipped_ratios::test_clipping_biases_by_exactly_what_it_cuts_off", losses, "importance_log_ratio", no_clip),
    ("clipped_ratios::test_in_14_and_31_a_clip_of_both_ratios_cancels", losses, "sample_advantage", scaled(0.9)),
    ("clipped_ratios::test_clipping_raises_the_effective_sample_size", losses, "effective_sample_size", scaled(1.001)),
    (
        "clipped_ratios::test_a_batch_s_numerator_is_too_large_by_the_variance_over_its_size",
        losses,
        "effective_sample_size",
        scaled(0.999),
    ),
    ("rates_in_turns::test_two_agents_in_turns_are_epsilon_nash_within_the_budget", tabular, "best_response", lazy),
    (
        "rates_in_turns::test_agents_that_move_only_for_more_than_epsilon_are_done_within_the_budget",
        tabular,
        "best_response",
        lazy,
    ),
    ("rates_in_turns::test_the_budget_of_two_agents_is_met_with_room_for_one_gain", tabular, "best_response", lazy),
    (
        "alpha_to_zero::test_an_alpha_nash_policy_is_nearly_nash_for_the_plain_return",
        tabular,
        "nash_certificate",
        all_nash,
    ),
    (
        "alpha_to_zero::test_a_small_alpha_loses_at_most_alpha_times_the_divergence_and_stays_closer",
        tabular,
        "best_response",
        alpha_times(3.0),
    ),
    (
        "alpha_to_zero::test_of_two_optimal_answers_the_one_in_the_data_s_proportions_is_the_limit",
        tabular,
        "best_response",
        other_alpha(0.0),
    ),
    (
        "alpha_to_zero::test_with_holes_the_bound_holds_for_answers_inside_the_data",
        tabular,
        "best_response",
        alpha_times(200.0),
    ),
    (
        "upper_bound::test_the_joint_dual_at_any_nu_bounds_every_policy_correlated_or_not",
        tabular,
        "dual_objective",
        scaled(0.5),
    ),
    ("upper_bound::test_the_gap_is_a_divergence_at_any_nu", tabular, "dual_objective", shifted(1e-6)),
    (
        "upper_bound::test_the_price_of_factorisation_is_the_divergence_from_the_joint_optimum",
        tabular,
        "best_response",
        alpha_times(1.1),
    ),
    ("upper_bound::test_the_plain_return_is_bounded_by_any_excessive_value", tabular, "dual_objective", shifted(-1e3)),
    ("upper_bound::test_price_on_xor", tabular, "best_response", alpha_times(1.001)),
    (
        "fitted_parts::test_cloning_is_best_at_the_conditional_and_misses_by_a_divergence",
        losses,
        "behaviour_loss",
        scaled(1.01),
    ),
    ("fitted_parts::test_the_data_s_conditionals_are_the_clones", tabular, "data_conditional", smoothed),
    ("fitted_parts::test_regression_finds_the_conditional_mean", losses, "advantage_loss", scaled(1.1)),
    ("fitted_parts::test_the_conservative_term_is_an_entropy_and_a_divergence", losses, "conservative_penalty", shifted(0.1)),
    ("fitted_parts::test_the_projection_s_loss_is_a_divergence_from_its_minimiser", losses, "i_projection_loss", scaled(0.9)),
    ("fitted_parts::test_one_update_of_algorithm_1_solved_exactly_is_a_best_response", tabular, "advantage", scaled(0.7)),
    (
        "linear_rate::test_two_agents_in_one_state_contract_by_the_proved_factor",
        tabular,
        "best_response",
        alpha_times(0.5),
    ),
    ("linear_rate::test_the_data_s_dependence_counts_as_interaction", tabular, "best_response", alpha_times(0.2)),
    ("linear_rate::test_xor_meets_its_factor", tabular, "best_response", alpha_times(1.01)),
    ("linear_rate::test_the_local_rate_is_that_of_block_gauss_seidel", tabular, "objective", at_alpha(2.0)),
    ("linear_rate::test_where_values_converge_geometrically_the_occupancies_do", tabular, "objective", scaled(1e-4)),
    ("finite_samples::test_returns_in_two_models_differ_by_at_most_the_visited_error", tabular, "objective", scaled(100.0)),
    ("finite_samples::test_an_empirical_equilibrium_is_one_up_to_the_weighted_error", tabular, "nash_certificate", negative),
    (
        "finite_samples::test_the_mean_error_of_k_draws_is_at_most_the_root_of_states_over_k",
        datasets,
        "empirical_model",
        one_more_visit,
    ),
    ("finite_samples::test_the_weighted_error_of_n_draws", datasets, "empirical_model", one_more_visit),
    ("alpha_to_zero::test_nothing_bounds_what_a_deviation_off_the_data_gains", tabular, "best_response", other_alpha(1e3)),
]


@pytest.mark.slow
@pytest.mark.parametrize(("prop", "home", "name", "wrong"), MUTATIONS, ids=[m[0] for m in MUTATIONS])
def test_the_property_fails_under_its_mutation(
    prop: str, home: Any, name: str, wrong: Wrong, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, _, test = prop.partition("::")
    check = getattr(importlib.import_module(file), test)
    if hasattr(check, "hypothesis"):  # the failure is what counts, not the smallest example of it
        quick = settings(getattr(check, "_hypothesis_internal_use_settings", None), phases=QUICK, report_multiple_bugs=False)
        monkeypatch.setattr(check, "_hypothesis_internal_use_settings", quick, raising=False)
    monkeypatch.setattr(home, name, wrong(getattr(home, name)))
    with pytest.raises((AssertionError, ad.AlberDICEError)):
        check()
