"""One best response: the package's interior-point method beside cvxpy with Clarabel, and Clarabel called directly.

    python benchmarks/best_response.py            # Bridge at every alpha, then S = 100 to 100,000
    python benchmarks/best_response.py --bridge   # the first part only
    python benchmarks/best_response.py --others   # Bridge with other data and policies, to a file of its own

Bridge: agent 1 against the marginals of 'mix', floor 1e-10; the others: either agent against random policies, with random
data, at alpha = .1. Every solver gets the same flow problem, every answer is judged by the same certificate; medians of
processor seconds over repetitions, all in one run. For cvxpy the time to compile the problem is counted, and also given
apart. Scale: garnet models, two agents with five actions each, five successors per joint action; each case in a process of
its own, with its peak memory, under a time limit at which a solver counts as having given up.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import clarabel
import cvxpy as cp
import numpy as np
import scipy.sparse as sp
from machine import conditions, write

import alberdice as ad
from alberdice.tabular.flow import FlowProblem, feasible_point, flow_residual, primal_value, upper_bound
from alberdice.tabular.interior_point import solve_flow
from alberdice.tabular.reduced import reduce

SEED = 0
ALPHAS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)
SIZES = (100, 1_000, 10_000, 100_000)
REPETITIONS = 7
TIME_LIMIT = 120.0

Answer = tuple[np.ndarray | None, np.ndarray | None, dict[str, float]]


def balance(problem: FlowProblem) -> sp.csc_array:
    rows = np.arange(problem.n_rows)
    out = sp.csr_array((np.ones(problem.n_rows), (problem.state, rows)), shape=(problem.n_states, problem.n_rows))
    return sp.csc_array(out - problem.discount * problem.transition.T)


def interior_point(problem: FlowProblem) -> Answer:
    solution = solve_flow(problem)
    return solution.occupancy, solution.nu, {"iterations": solution.iterations}


def by_cvxpy(problem: FlowProblem) -> Answer:
    d = cp.Variable(problem.n_rows, nonneg=True)
    flow = balance(problem) @ d == (1 - problem.discount) * problem.initial
    programme = cp.Problem(cp.Maximize(problem.reward @ d + problem.alpha * cp.sum(cp.entr(d))), [flow])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        began = time.perf_counter()
        programme.get_problem_data(cp.CLARABEL)
        compiling = time.perf_counter() - began
        try:
            programme.solve(solver=cp.CLARABEL)
        except cp.error.SolverError:
            return None, None, {"compile_seconds": compiling}
    return d.value, flow.dual_value, {"compile_seconds": compiling}


def by_clarabel(problem: FlowProblem) -> Answer:
    """Variables (d, t): max c.d + alpha sum t, (t_m, d_m, 1) in the exponential cone, so that t_m <= -d_m log d_m."""
    m, s = problem.n_rows, problem.n_states
    cones = sp.lil_array((3 * m, 2 * m))
    rows = 3 * np.arange(m)
    cones[rows, m + np.arange(m)] = -1.0
    cones[rows + 1, np.arange(m)] = -1.0
    offset = np.zeros(3 * m)
    offset[rows + 2] = 1.0
    matrix = sp.csc_matrix(sp.vstack([sp.hstack([balance(problem), sp.csc_array((s, m))]), cones]))
    rhs = np.concatenate([(1 - problem.discount) * problem.initial, offset])
    goal = -np.concatenate([problem.reward, np.full(m, problem.alpha)])
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    solver = clarabel.DefaultSolver(
        sp.csc_matrix((2 * m, 2 * m)), goal, matrix, rhs, [clarabel.ZeroConeT(s), *[clarabel.ExponentialConeT()] * m], settings
    )
    answer = solver.solve()
    return np.asarray(answer.x[:m]), np.asarray(answer.z[:s]), {"iterations": answer.iterations}


SOLVERS: dict[str, Callable[[FlowProblem], Answer]] = {
    "interior-point": interior_point,
    "cvxpy + Clarabel": by_cvxpy,
    "Clarabel": by_clarabel,
}


def judged(problem: FlowProblem, answer: Answer) -> dict[str, float]:
    """The certificate of an answer: made exactly feasible, bounded by its own multipliers."""
    point, nu, extra = answer
    if point is None or nu is None or not np.isfinite(point).all():
        return {"gap": float("inf"), "relative_gap": float("inf"), **extra}
    feasible = feasible_point(problem, np.maximum(point, 0.0))
    value = primal_value(problem, feasible)
    gap = upper_bound(problem, np.asarray(nu)) - value
    relative = gap / (1 + abs(value))
    return {"value": value, "gap": gap, "relative_gap": relative, "residual": flow_residual(problem, feasible), **extra}


def problem_of(model: ad.MMDP, data: ad.DataDistribution, alpha: float) -> FlowProblem:
    return reduce(model, data.behaviour_policy(), 0, data, alpha).flow


def bridge_part() -> list[dict[str, Any]]:
    game = ad.games.bridge()
    policy = game.data("mix").behaviour_policy()
    return [raced({"alpha": alpha}, reduce(game.mmdp, policy, 0, game.data("mix"), alpha).flow) for alpha in ALPHAS]


def other_bridge_part() -> list[dict[str, Any]]:
    """Data and policies at random, for either agent: no constant was picked on these."""
    model, rows = ad.games.bridge().mmdp, []
    for draw in range(4):
        generator = np.random.default_rng([SEED, draw])
        policy = ad.FactorizedPolicy([generator.dirichlet(np.ones(n), size=model.n_states) for n in model.n_actions])
        data = ad.games.random_data(model, generator)
        rows += [
            raced({"alpha": 0.1, "draw": draw, "agent": agent + 1}, reduce(model, policy, agent, data, 0.1).flow)
            for agent in range(model.n_agents)
        ]
    return rows


def raced(case: dict[str, Any], problem: FlowProblem) -> dict[str, Any]:
    """Every solver's answer judged, and the median of its seconds: in turn, so that a slow spell of the machine hits all."""
    row, times = dict(case), {name: list[float]() for name in SOLVERS}
    for _ in range(REPETITIONS):
        for name, solver in SOLVERS.items():
            began = time.process_time()
            answer = solver(problem)
            times[name].append(time.process_time() - began)
            row[name] = judged(problem, answer)
    for name, seconds in times.items():
        row[name]["seconds"] = statistics.median(seconds)
    for name in SOLVERS:
        row[name]["times_slower"] = row[name]["seconds"] / row["interior-point"]["seconds"]
    shown = ", ".join(f"{n} {row[n]['seconds'] * 1e3:.1f} ms gap {row[n]['gap']:.1e}" for n in SOLVERS)
    print(f"Bridge, {case}: {shown}", file=sys.stderr)
    return row


def _scale_case(name: str, size: int, alpha: float, pipe: Any) -> None:
    generator = np.random.default_rng(SEED)
    model = ad.games.garnet(size, (5, 5), 5, generator=generator, discount=0.95)
    data = ad.games.random_data(model, generator)
    problem = problem_of(model, data, alpha)
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pipe.send("ready")
    began = time.perf_counter()
    answer = SOLVERS[name](problem)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pipe.send({**judged(problem, answer), "seconds": seconds, "peak_gib": peak / 2**20, "model_gib": base / 2**20})


def scale_part(alpha: float) -> list[dict[str, Any]]:
    context = multiprocessing.get_context("spawn")
    rows, gave_up = [], set()
    for size in SIZES:
        for name in SOLVERS:
            if name in gave_up:
                continue
            receiver, sender = context.Pipe(duplex=False)
            process = context.Process(target=_scale_case, args=(name, size, alpha, sender))
            process.start()
            sender.close()
            result: dict[str, Any] = {"gave_up": f"no answer within {TIME_LIMIT:g} s"}
            try:
                receiver.recv()  # the model is built; the time limit is the solver's
                if receiver.poll(TIME_LIMIT):
                    result = receiver.recv()
            except EOFError:
                result = {"gave_up": "the process died"}
            process.kill()
            process.join()
            if "gave_up" in result or not np.isfinite(result.get("gap", np.inf)):
                gave_up.add(name)
            rows.append({"states": size, "alpha": alpha, "solver": name, **result})
            print(json.dumps(rows[-1]), file=sys.stderr)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bridge", action="store_true", help="the first part only")
    parser.add_argument("--others", action="store_true", help="Bridge with other data and policies, and no more")
    parser.add_argument("--alpha", type=float, default=0.1, help="of the second part")
    options = parser.parse_args()
    content: dict[str, Any] = conditions(SEED, ("alberdice", "numpy", "scipy", "cvxpy", "clarabel"))
    if options.others:
        write("best_response_others", {**content, "bridge_others": other_bridge_part()})
        return
    content["bridge"] = bridge_part()
    if not options.bridge:
        content["scale"] = scale_part(options.alpha)
    print(write("best_response", content), file=sys.stderr)


if __name__ == "__main__":
    main()
