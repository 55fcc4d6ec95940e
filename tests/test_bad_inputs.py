"""One table of what is refused, over the whole public API: each message names field, place, got and expected."""
# ruff: noqa: E501  (one row per line)

import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import scipy.sparse as sp

import alberdice as ad

NAN, INF = float("nan"), float("inf")
GAME = ad.games.penalty_xor()
MODEL = GAME.mmdp
DATA = GAME.data("b")
POLICY = DATA.behaviour_policy()
XOR = ad.games.xor()
TWO_STATES = ad.MMDP(np.full((2, 2, 3, 2), 0.5), np.zeros((2, 2, 3)), [0.5, 0.5], 0.9)
AB_ONLY = {"AB": 1}
A, P, D, M = ad.InvalidArgumentError, ad.InvalidPolicyError, ad.InvalidDataError, ad.InvalidModelError


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


def transition(value: float = 0.5, at: tuple[int, ...] = (1, 0, 2, 1)) -> np.ndarray:
    """(S, A1, A2, S) = (2, 2, 3, 2), uniform but for one entry."""
    array = np.full((2, 2, 3, 2), 0.5)
    array[at] = value
    return array


def model(**changes: object) -> ad.MMDP:
    given = {"transition": transition(), "reward": np.zeros((2, 2, 3)), "initial": (0.5, 0.5), "discount": 0.9}
    return ad.MMDP(**{**given, **changes})


def sparse(value: float) -> sp.csr_array:
    return sp.csr_array(transition(value).reshape(-1, 2))


def with_entry(shape: tuple[int, ...], at: tuple[int, ...], value: float, fill: float = 0.0) -> np.ndarray:
    array = np.full(shape, fill)
    array[at] = value
    return array


def respond(**changes):
    given = {"model": MODEL, "policy": POLICY, "agent": 0, "data": DATA, "alpha": 1.0, **changes}
    return ad.tabular.best_response(**given)


def run(**changes):
    return ad.tabular.alternate(**{"model": MODEL, "data": DATA, "alpha": 1.0, "rounds": 2, **changes})


class Row(NamedTuple):
    name: str
    call: Callable[[], object]
    error: type[ad.AlberDICEError]
    where: str
    got: str
    expected: str


# fmt: off
ROWS = [
    # -- the model ---------------------------------------------------------------------------------------------------------
    Row("reward: NaN", lambda: model(reward=with_entry((2, 2, 3), (1, 0, 2), NAN)), M, r"^reward\[1, 0, 2\]$", "nan", "finite"),
    Row("reward: infinite", lambda: model(reward=with_entry((2, 2, 3), (0, 1, 1), INF)), M, r"^reward\[0, 1, 1\]$", "inf", "finite"),
    Row("reward: a range beyond floats", lambda: model(reward=[[[1e308] * 3, [-1e308] * 3]] * 2), M, "^reward$", "1e.308", "finite floats"),
    Row("reward: sums beyond floats", lambda: model(reward=np.full((2, 2, 3), 1e308)), M, "^reward$", "1e.308", "finite floats"),
    Row("reward: text", lambda: model(reward=[["a"]]), M, "^reward$", "dtype <U1", "real numbers"),
    Row("reward: complex", lambda: model(reward=np.zeros((2, 2, 3)) + 1j), M, "^reward$", "complex128", "real numbers"),
    Row("reward: booleans", lambda: model(reward=np.zeros((2, 2, 3), dtype=bool)), M, "^reward$", "bool", "real numbers"),
    Row("reward: ragged", lambda: model(reward=[[1.0, 2.0], [3.0]]), M, "^reward$", "ragged", "rectangular"),
    Row("reward: no agent axis", lambda: model(reward=[1.0, 2.0]), M, "^reward$", r"\(2,\)", r"\(S, A1, \.\.\., An\)"),
    Row("reward: an agent without actions", lambda: model(reward=np.zeros((2, 2, 0))), M, "^reward$", r"\(2, 2, 0\)", "at least one"),
    Row("reward: nothing", lambda: model(reward=None), M, "^reward$", "dtype object", "real numbers"),
    Row("transition: sum below 1", lambda: model(transition=transition(0.25)), M, r"^transition\[s=1, a=\(0, 2\)\]$", "sum of 0.75", "1 within 1e-09"),
    Row("transition: sum off by 1e-8", lambda: model(transition=transition(0.5 + 1e-8)), M, r"^transition\[s=1, a=\(0, 2\)\]$", "sum of 1.00000001", "1 within 1e-09"),
    Row("transition: negative", lambda: model(transition=transition(-0.5)), M, r"^transition\[1, 0, 2, 1\]$", "-0.5", ">= 0"),
    Row("transition: NaN", lambda: model(transition=transition(NAN)), M, r"^transition\[1, 0, 2, 1\]$", "nan", "finite"),
    Row("transition: infinite", lambda: model(transition=transition(-INF)), M, r"^transition\[1, 0, 2, 1\]$", "-inf", "finite"),
    Row("transition: axes swapped", lambda: model(transition=np.full((2, 3, 2, 2), 0.5)), M, "^transition$", r"\(2, 3, 2, 2\)", r"\(2, 2, 3, 2\)"),
    Row("sparse transition: sum", lambda: model(transition=sparse(0.25)), M, r"^transition\[s=1, a=\(0, 2\)\]$", "sum of 0.75", "1 within"),
    Row("sparse transition: negative", lambda: model(transition=sparse(-0.5)), M, r"^transition\[s=1, a=\(0, 2\)\]\[s'=1\]$", "-0.5", ">= 0"),
    Row("sparse transition: NaN", lambda: model(transition=sparse(NAN)), M, r"^transition\[s=1, a=\(0, 2\)\]\[s'=1\]$", "nan", "finite"),
    Row("sparse transition: shape", lambda: model(transition=sp.eye_array(2)), M, "^transition$", r"\(2, 2\)", r"\(12, 2\)"),
    Row("sparse transition: complex", lambda: model(transition=sparse(0.5) * 1j), M, "^transition$", "complex128", "real numbers"),
    Row("initial: sum", lambda: model(initial=[0.5, 0.6]), M, "^initial$", "sum of 1.1", "1 within"),
    Row("initial: negative", lambda: model(initial=[1.5, -0.5]), M, r"^initial\[1\]$", "-0.5", ">= 0"),
    Row("initial: NaN", lambda: model(initial=[NAN, 1]), M, r"^initial\[0\]$", "nan", "finite"),
    Row("initial: length", lambda: model(initial=[1.0]), M, "^initial$", r"\(1,\)", r"\(2,\)"),
    Row("discount: 1", lambda: model(discount=1.0), M, "^discount$", "1.0", r"\(0, 1\)"),
    Row("discount: 0", lambda: model(discount=0), M, "^discount$", "0", r"\(0, 1\)"),
    Row("discount: NaN", lambda: model(discount=NAN), M, "^discount$", "nan", r"\(0, 1\)"),
    Row("discount: text", lambda: model(discount="0.9"), M, "^discount$", "'0.9'", r"\(0, 1\)"),
    Row("discount: boolean", lambda: model(discount=True), M, "^discount$", "True", r"\(0, 1\)"),
    # -- policies ----------------------------------------------------------------------------------------------------------
    Row("policy: no agent", lambda: ad.FactorizedPolicy([]), P, "^tables$", "no table", "one .* per agent"),
    Row("policy: a number", lambda: ad.FactorizedPolicy(3), P, "^tables$", "int", "one .* per agent"),
    Row("policy: one bare table", lambda: ad.FactorizedPolicy(np.eye(2)), P, "^tables$", r"\(2, 2\)", "one .* per agent"),
    Row("policy: a flat table", lambda: ad.FactorizedPolicy([[0.5, 0.5]]), P, r"^tables\[0\]$", r"\(2,\)", r"\(S, A_i\)"),
    Row("policy: an empty table", lambda: ad.FactorizedPolicy([np.eye(2), np.zeros((2, 0))]), P, r"^tables\[1\]$", r"\(2, 0\)", "not empty"),
    Row("policy: sum", lambda: ad.FactorizedPolicy([np.eye(2), [[1, 0], [0.5, 0.4]]]), P, r"^tables\[1\]\[1\]$", "sum of 0.9", "1 within"),
    Row("policy: negative", lambda: ad.FactorizedPolicy([[[1.5, -0.5]]]), P, r"^tables\[0\]\[0, 1\]$", "-0.5", ">= 0"),
    Row("policy: NaN", lambda: ad.FactorizedPolicy([[[NAN, 1]]]), P, r"^tables\[0\]\[0, 0\]$", "nan", "finite"),
    Row("policy: agents disagree on the states", lambda: ad.FactorizedPolicy([np.eye(2), np.eye(3)]), P, r"^tables\[1\]$", "3 states", "2 states"),
    Row("policy: another number of agents", lambda: ad.occupancy(MODEL, ad.FactorizedPolicy([[[1, 0]]])), P, "^policy$", "1 agents", "2 agents"),
    Row("policy: another number of actions", lambda: ad.occupancy(MODEL, ad.FactorizedPolicy([[[1, 0]], [[1, 0, 0]]])), P, r"^policy\[1\]$", r"\(1, 3\)", r"\(1, 2\)"),
    Row("policy: replaced by no distribution", lambda: POLICY.replace(1, [[0.5, 0.6]]), P, r"^tables\[1\]\[0\]$", "1.1", "1 within"),
    Row("policy: replace an agent that is not there", lambda: POLICY.replace(2, [[1, 0]]), A, "^agent$", "2", "0 to 1"),
    Row("policy: others than a negative agent", lambda: POLICY.others(-1), A, "^agent$", "-1", "0 to 1"),
    Row("deterministic policy: shape", lambda: ad.FactorizedPolicy.deterministic([0, 1], (2, 2)), P, "^actions$", r"\(2,\)", r"\(S, 2\)"),
    Row("deterministic policy: fractions", lambda: ad.FactorizedPolicy.deterministic([[0.5, 1]], (2, 2)), P, "^actions$", "float64", "whole numbers"),
    Row("deterministic policy: ragged", lambda: ad.FactorizedPolicy.deterministic([[0, 1], [0]], (2, 2)), P, "^actions$", "ragged", r"whole numbers of shape \(S, 2\)"),
    Row("deterministic policy: no such action", lambda: ad.FactorizedPolicy.deterministic([[0, 1], [0, 2]], (2, 2)), P, r"^actions\[1, 1\]$", "2", "0 to 1"),
    # -- data --------------------------------------------------------------------------------------------------------------
    Row("data: sum", lambda: ad.DataDistribution([[0.5, 0.4]]), D, "^probabilities$", "sum of 0.9", "1 within"),
    Row("data: negative", lambda: ad.DataDistribution([[[1.5, -0.5]]]), D, r"^probabilities\[s=0, a=\(0, 1\)\]$", "-0.5", ">= 0"),
    Row("data: NaN", lambda: ad.DataDistribution([[NAN, 1]]), D, r"^probabilities\[0, 0\]$", "nan", "finite"),
    Row("data: no agent axis", lambda: ad.DataDistribution([0.5, 0.5]), D, "^probabilities$", r"\(2,\)", "at least one state"),
    Row("data: observed is no mask", lambda: ad.DataDistribution([[1.0]], [[1]]), D, "^observed$", "int64", "booleans"),
    Row("data: observed of another shape", lambda: ad.DataDistribution([[1.0]], [True]), D, "^observed$", r"\(1,\)", r"\(1, 1\)"),
    Row("data: nothing observed", lambda: ad.DataDistribution([[1.0]], [[False]]).observed_part(), D, "^observed$", "no observed", "at least one"),
    Row("data: agent", lambda: DATA.agent_marginal(2), A, "^agent$", "2", "0 to 1"),
    Row("data: negative agent", lambda: DATA.agent_marginal(-1), A, "^agent$", "-1", "0 to 1"),
    Row("data: does not fit the model", lambda: DATA.check_fits(TWO_STATES), D, "^data$", r"\(1, 2, 2\)", r"\(2, 2, 3\)"),
    Row("counts: negative", lambda: ad.DataDistribution.from_counts([[[3, -1]]]), D, r"^counts\[s=0, a=\(0, 1\)\]$", "-1", ">= 0"),
    Row("counts: NaN", lambda: ad.DataDistribution.from_counts([[3, NAN]]), D, r"^counts\[0, 1\]$", "nan", "finite"),
    Row("counts: infinite", lambda: ad.DataDistribution.from_counts([[INF, 1]]), D, r"^counts\[0, 0\]$", "inf", "finite"),
    Row("counts: no data", lambda: ad.DataDistribution.from_counts(np.zeros((1, 2))), D, "^counts$", "no data", "at least one positive count"),
    Row("counts: empty", lambda: ad.DataDistribution.from_counts(np.zeros((0, 2))), D, "^counts$", r"\(0, 2\)", "at least one state"),
    Row("floor: negative", lambda: ad.DataDistribution.from_counts([[1, 1]], floor=-1e-9), A, "^floor$", "-1e-09", r"\[0, 1\]"),
    Row("floor: NaN", lambda: DATA.floored(NAN), A, "^floor$", "nan", r"\[0, 1\]"),
    Row("floor: above 1", lambda: DATA.floored(1.5), A, "^floor$", "1.5", r"\[0, 1\]"),
    Row("floor: text", lambda: GAME.data("a", floor="0.1"), A, "^floor$", "'0.1'", r"\[0, 1\]"),
    Row("mixture: no part", lambda: ad.DataDistribution.mixture([], []), D, "^weights$", "sum of 0", "1 within"),
    Row("mixture: weights of another length", lambda: ad.DataDistribution.mixture([DATA], [0.5, 0.5]), D, "^weights$", r"\(2,\)", r"\(1,\)"),
    Row("mixture: weights that do not sum to 1", lambda: ad.DataDistribution.mixture([DATA, DATA], [0.5, 0.6]), D, "^weights$", "1.1", "1 within"),
    Row("mixture: parts that disagree", lambda: ad.DataDistribution.mixture([DATA, ad.DataDistribution([[1.0]])], [0.5, 0.5]), D, r"^parts\[1\]$", r"\(1, 1\)", r"\(1, 2, 2\)"),
    # -- evaluation --------------------------------------------------------------------------------------------------------
    Row("horizon: 0", lambda: ad.undiscounted_return(MODEL, POLICY, 0), A, "^horizon$", "0", ">= 1"),
    Row("horizon: a fraction", lambda: ad.undiscounted_return(MODEL, POLICY, 1.5), A, "^horizon$", "1.5", "whole number"),
    Row("another reward: shape", lambda: ad.state_values(MODEL, POLICY, np.zeros((2, 2))), A, "^reward$", r"\(2, 2\)", r"\(1, 2, 2\)"),
    Row("out of data: shape", lambda: ad.out_of_data_probability(MODEL, POLICY, ad.DataDistribution([[1.0]])), D, "^data$", r"\(1, 1\)", r"\(1, 2, 2\)"),
    # -- games -------------------------------------------------------------------------------------------------------------
    Row("payoff: NaN", lambda: ad.games.matrix_game([[1, NAN]]), M, r"^payoff\[0, 1\]$", "nan", "finite"),
    Row("payoff: a number", lambda: ad.games.matrix_game(1.0), M, "^payoff$", r"\(\)", "one axis per agent"),
    Row("payoff: empty", lambda: ad.games.matrix_game(np.zeros((2, 0))), M, "^payoff$", r"\(2, 0\)", "none empty"),
    Row("joint action: no such action", lambda: ad.games.matrix_game(np.eye(2), data={"x": {"AC": 1}}), D, "^joint action 'AC', agent 2$", "'C'", "A, B"),
    Row("joint action: too long", lambda: ad.games.matrix_game(np.eye(2), data={"x": {"ABA": 1}}), D, "^joint action 'ABA'$", "3 actions", "2, one per agent"),
    Row("joint action: empty", lambda: ad.games.matrix_game(np.eye(2), data={"x": {"": 1}}), D, "^joint action ''$", "0 actions", "2, one per agent"),
    Row("joint action: a tuple", lambda: ad.games.matrix_game(np.eye(2), data={"x": {("A", "B"): 1}}), D, r"^joint action \('A', 'B'\)$", "tuple", "text"),
    Row("joint action: negative count", lambda: ad.games.counts_from_joint_actions({"AB": -1}, GAME.action_names), D, r"^counts\['AB'\]$", "-1", ">= 0"),
    Row("joint action: NaN count", lambda: ad.games.counts_from_joint_actions({"AB": NAN}, GAME.action_names), D, r"^counts\['AB'\]$", "nan", "finite"),
    Row("joint action: count as text", lambda: ad.games.counts_from_joint_actions({"AB": "3"}, GAME.action_names), D, r"^counts\['AB'\]$", "'3'", "finite number"),
    Row("joint action: no counts at all", lambda: ad.games.counts_from_joint_actions({}, GAME.action_names), D, "^counts$", "no data", "at least one positive count"),
    Row("joint action: every count 0", lambda: ad.games.counts_from_joint_actions({"AB": 0}, GAME.action_names), D, "^counts$", "no data", "at least one positive count"),
    Row("joint action: a list", lambda: ad.games.counts_from_joint_actions([5, 3], GAME.action_names), D, "^counts$", "list", "joint action"),
    Row("data name", lambda: GAME.data("e"), A, "^data$", "'e'", "one of a, b, c, d"),
    Row("data name of a game without data", lambda: ad.games.matrix_game(np.eye(2)).data("a"), A, "^data$", "'a'", "no named data"),
    Row("state name", lambda: GAME.state_index("nowhere"), A, "^state$", "'nowhere'", "name of a state"),
    Row("state number", lambda: GAME.describe_state(1), A, "^state$", "1", "0 to 0"),
    Row("action names", lambda: ad.games.Game("x", MODEL, (("A",), ("A", "B")), ("s",)), M, "^action_names$", r"\(1, 2\)", r"\(2, 2\)"),
    Row("state names", lambda: ad.games.Game("x", MODEL, (("A", "B"), ("A", "B")), ()), M, "^state_names$", "0", "1 names"),
    Row("n-agent xor: one agent", lambda: ad.games.n_agent_xor(1), A, "^n_agents$", "1", "2 to 12"),
    Row("n-agent xor: a fraction", lambda: ad.games.n_agent_xor(2.5), A, "^n_agents$", "2.5", "whole number"),
    Row("penalty game: a bonus", lambda: ad.games.penalty_game(1.0), A, "^penalty$", "1.0", r"\(-inf, 0\]"),
    Row("garnet: no states", lambda: ad.games.garnet(0, (2,), 1, generator=generator()), A, "^n_states$", "0", ">= 1"),
    Row("garnet: no actions", lambda: ad.games.garnet(2, (2, 0), 1, generator=generator()), A, r"^n_actions\[1\]$", "0", ">= 1"),
    Row("garnet: too many successors", lambda: ad.games.garnet(2, (2,), 3, generator=generator()), A, "^n_successors$", "3", "1 to 2"),
    Row("gridworld: slip of 1", lambda: ad.games.gridworld(2, 2, 1, generator=generator(), slip=1.0), A, "^slip$", "1.0", r"\[0, 1\)"),
    Row("random data: sparsity", lambda: ad.games.random_data(MODEL, generator(), 1.5), A, "^sparsity$", "1.5", r"\[0, 1\]"),
    # -- best responses, alternation, certificates -------------------------------------------------------------------------
    Row("alpha: negative", lambda: respond(alpha=-0.1), A, "^alpha$", "-0.1", r"\[0, inf\)"),
    Row("alpha: NaN", lambda: respond(alpha=NAN), A, "^alpha$", "nan", r"\[0, inf\)"),
    Row("alpha: infinite", lambda: ad.tabular.objective(MODEL, POLICY, DATA, INF), A, "^alpha$", "inf", r"\[0, inf\)"),
    Row("alpha: text", lambda: run(alpha="1"), A, "^alpha$", "'1'", r"\[0, inf\)"),
    Row("agent: too large", lambda: respond(agent=2), A, "^agent$", "2", "0 to 1"),
    Row("agent: negative", lambda: respond(agent=-1), A, "^agent$", "-1", "0 to 1"),
    Row("agent: a fraction", lambda: respond(agent=0.0), A, "^agent$", "0.0", "0 to 1"),
    Row("agent: boolean", lambda: respond(agent=True), A, "^agent$", "True", "0 to 1"),
    Row("method: unknown", lambda: respond(method="simplex"), A, "^method$", "'simplex'", "'interior-point', 'cvxpy'"),
    Row("method: no text", lambda: respond(method=["cvxpy"]), A, "^method$", r"\['cvxpy'\]", "'interior-point', 'cvxpy'"),
    Row("tolerance: negative", lambda: respond(tolerance=-1.0), A, "^tolerance$", "-1.0", r"\[0, inf\)"),
    Row("tolerance of alternate: NaN", lambda: run(tolerance=NAN), A, "^tolerance$", "nan", r"\[0, inf\)"),
    Row("best response: policy of another model", lambda: respond(policy=ad.FactorizedPolicy([[[1.0]]])), P, "^policy$", "1 agents", "2 agents"),
    Row("best response: data of another model", lambda: respond(data=ad.DataDistribution([[1.0]])), D, "^data$", r"\(1, 1\)", r"\(1, 2, 2\)"),
    Row("objective: data of another model", lambda: ad.tabular.objective(MODEL, POLICY, ad.DataDistribution([[1.0]]), 1.0), D, "^data$", r"\(1, 1\)", r"\(1, 2, 2\)"),
    Row("start of another model", lambda: run(start=ad.FactorizedPolicy([[[1.0]]])), P, "^start$", "1 agents", "2 agents"),
    Row("order: an agent twice", lambda: run(order=(0, 0)), A, "^order$", r"\(0, 0\)", "every agent from 0 to 1 once"),
    Row("order: an agent missing", lambda: run(order=(1,)), A, "^order$", r"\(1,\)", "every agent from 0 to 1 once"),
    Row("order: a number", lambda: run(order=1), A, "^order$", "1", "every agent from 0 to 1 once"),
    Row("order: text", lambda: run(order=(0, "1")), A, "^order$", r"\(0, '1'\)", "every agent from 0 to 1 once"),
    Row("alpha: an array of no dimension", lambda: run(alpha=np.array(1.0)), A, "^alpha$", "array", r"\[0, inf\)"),
    Row("rounds: 0", lambda: run(rounds=0), A, "^rounds$", "0", ">= 1"),
    Row("rounds: a fraction", lambda: run(rounds=2.0), A, "^rounds$", "2.0", "whole number"),
    Row("schedule: empty", lambda: run(alpha=[], rounds=None), A, "^alpha$", "empty schedule", "one number per round"),
    Row("schedule: a negative entry", lambda: run(alpha=[1.0, -1.0]), A, r"^alpha\[1\]$", "-1.0", r"\[0, inf\)"),
    Row("schedule: a matrix", lambda: run(alpha=np.ones((2, 2))), A, r"^alpha\[0\]$", r"array", r"\[0, inf\)"),
    Row("schedule: shorter than the rounds", lambda: run(alpha=[1.0], rounds=2), A, "^rounds$", "2", "at most 1"),
    Row("annealing: upwards", lambda: ad.tabular.annealing_schedule(0.1, 5.0, 10), A, "^low$", "5.0", r"\(0, 0.1\)|\(0, 0.1\]"),
    Row("annealing: to zero", lambda: ad.tabular.annealing_schedule(5.0, 0.0, 10), A, "^low$", "0.0", r"\(0, 5"),
    Row("annealing: no rounds", lambda: ad.tabular.annealing_schedule(5.0, 0.1, 0), A, "^rounds$", "0", ">= 1"),
    Row("certificate: policy outside the data", lambda: ad.tabular.nash_certificate(MODEL, POLICY, GAME.data("b", 0.0), 1.0), A, "^policy$", "-infinity", "inside the data's support"),
    Row("curvature: alpha 0", lambda: ad.tabular.second_order_certificate(MODEL, POLICY, DATA, 0.0), A, "^alpha$", "0.0", r"\(0, inf\)"),
    Row("curvature: data of another model", lambda: ad.tabular.second_order_certificate(TWO_STATES, ad.FactorizedPolicy.uniform(TWO_STATES), ad.DataDistribution(np.full((1, 2, 3), 1 / 6)), 1.0), D, "^data$", r"\(1, 2, 3\)", r"\(2, 2, 3\)"),
    Row("curvature: policy outside the data", lambda: ad.tabular.second_order_certificate(MODEL, POLICY, GAME.data("b", 0.0), 1.0), A, "^policy$", "-infinity", "inside the data's support"),
    Row("infeasible: D_(b) with a zero floor", lambda: respond(data=GAME.data("b", 0.0)), ad.InfeasibleError, "^best response of agent 1 at state 0$", "objective -infinity .* agent 1 .* without data", "within the data's support"),
    Row("infeasible: the other agent", lambda: run(data=GAME.data("b", 0.0), order=(1, 0)), ad.InfeasibleError, "^best response of agent 2 at state 0$", "agent 2", "alpha = 0"),
    # -- algorithms --------------------------------------------------------------------------------------------------------
    Row("ICQ: negative beta", lambda: ad.tabular.algorithms.icq(MODEL, DATA, beta=-1.0), A, "^beta$", "-1.0", r"\[0, inf\)"),
    Row("ICQ: critic temperature 0", lambda: ad.tabular.algorithms.icq(MODEL, DATA, critic_temperature=0.0), A, "^critic_temperature$", "0.0", r"\(0, inf\)"),
    Row("OMAR: negative conservatism", lambda: ad.tabular.algorithms.omar(MODEL, DATA, conservatism=-0.1), A, "^conservatism$", "-0.1", r"\[0, inf\)"),
    Row("OptiDICE: negative alpha", lambda: ad.tabular.algorithms.optidice(MODEL, DATA, alpha=-0.1), A, "^alpha$", "-0.1", r"\[0, inf\)"),
    *[
        Row(f"{name}: data of another model", lambda f=f: f(TWO_STATES, DATA), D, "^data$", r"\(1, 2, 2\)", r"\(2, 2, 3\)")
        for name, f in ad.tabular.ALGORITHMS.items()
    ],
]
# fmt: on


@pytest.mark.parametrize("row", ROWS, ids=[r.name for r in ROWS])
def test_refused_with_field_place_got_and_expected(row):
    with pytest.raises(ad.AlberDICEError) as caught:
        row.call()
    error = caught.value
    assert type(error) is row.error
    for part, pattern in ((error.where, row.where), (error.got, row.got), (error.expected, row.expected)):
        assert re.search(pattern, str(part)), (str(part), pattern)
        assert str(part) in str(error)
    assert "\n" not in str(error)
    assert error.exit_code == 2


def test_the_table_has_many_different_rows():
    assert len({r.name for r in ROWS}) == len(ROWS) >= 45


def test_infeasible_names_a_floor_that_helps():
    with pytest.raises(ad.InfeasibleError) as caught:
        respond(data=GAME.data("b", 0.0))
    floor = float(re.search(r"floor=([0-9.e+-]+)", caught.value.remedy).group(1))
    assert np.isfinite(respond(data=GAME.data("b", floor)).value)
    assert np.isfinite(respond(data=GAME.data("b", 0.0), alpha=0.0).value)
