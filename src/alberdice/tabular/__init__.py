"""The tabular layer: the LP (2)-(3) solved exactly, with certificates, and the six algorithms as population versions."""

from alberdice.evaluation import reached_states
from alberdice.tabular.algorithms import ALGORITHMS
from alberdice.tabular.alternating import AlternatingRun, Saddle, alternate, annealing_schedule
from alberdice.tabular.best_response import BestResponse, best_response
from alberdice.tabular.bound import JointBound, joint_bound
from alberdice.tabular.certificates import NashCertificate, nash_certificate
from alberdice.tabular.dual import (
    DualProblem,
    closed_form_weights,
    dual_objective,
    i_projection,
    inner_objective,
    log_dual_objective,
    log_normaliser,
    optimal_shift,
    weighted_occupancy,
)
from alberdice.tabular.dual_minimum import DualSolution, minimise_dual, without_removable_states
from alberdice.tabular.dual_terms import (
    advantage,
    data_conditional,
    equation_23_as_printed,
    exact_dual,
    importance_ratio,
    sample_advantage,
    sample_dual,
)
from alberdice.tabular.modified_reward import (
    agent_objective,
    appendix_modified_reward,
    conditional_entropy,
    frozen_gains,
    modified_reward,
    modified_values,
    occupancy_average,
)
from alberdice.tabular.objective import kl_divergence, objective
from alberdice.tabular.second_order import SecondOrderCertificate, VisitedState, second_order_certificate
from alberdice.tabular.selection import Equilibrium, EquilibriumSelection, select_equilibrium

__all__ = [
    "ALGORITHMS",
    "AlternatingRun",
    "BestResponse",
    "DualProblem",
    "DualSolution",
    "Equilibrium",
    "EquilibriumSelection",
    "JointBound",
    "NashCertificate",
    "Saddle",
    "SecondOrderCertificate",
    "VisitedState",
    "advantage",
    "agent_objective",
    "alternate",
    "annealing_schedule",
    "appendix_modified_reward",
    "best_response",
    "closed_form_weights",
    "conditional_entropy",
    "data_conditional",
    "dual_objective",
    "equation_23_as_printed",
    "exact_dual",
    "frozen_gains",
    "i_projection",
    "importance_ratio",
    "inner_objective",
    "joint_bound",
    "kl_divergence",
    "log_dual_objective",
    "log_normaliser",
    "minimise_dual",
    "modified_reward",
    "modified_values",
    "nash_certificate",
    "objective",
    "occupancy_average",
    "optimal_shift",
    "reached_states",
    "sample_advantage",
    "sample_dual",
    "second_order_certificate",
    "select_equilibrium",
    "weighted_occupancy",
    "without_removable_states",
]
