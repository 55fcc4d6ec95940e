"""One best response on six classes of graphs and for 2 to 64 agents, beside every solver that applies.

    python benchmarks/best_response_classes.py                       # S = 100 to 100,000, then the agents
    python benchmarks/best_response_classes.py --sizes 100 1000 --budget 600

Peers: L-BFGS on (31); at alpha = 0 HiGHS, and the modified policy iterations of QuantEcon and mdpsolver (``pip install
alberdice[bench]``); cvxpy with Clarabel. Every solver gets the same flow problem in turn, and every answer is judged by the
same certificate: made exactly feasible, and bounded by its own multipliers. Each runs in a process of its own, forked when
everything is loaded and compiled: seconds are that process's processor seconds, and peak_mib is what it took
beyond the problem. A peer's own form of the problem is built outside the time where that is possible (``build_seconds``). A
peer that needs more than ``PATIENCE``, or the package more than ``LIMIT``, judging included, is stopped, and left out of the
larger sizes of that class.

'ahead': the fastest peer's seconds, among those within 1e-5, over the package's. Every case is saved as it is done, and cases
that are saved are not made again; ``--budget`` begins none after so many processor seconds.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mdpsolver
import numpy as np
import scipy.sparse as sp
from best_response import balance, by_cvxpy, interior_point, judged
from machine import RESULTS, conditions, write
from quantecon.markov import DiscreteDP
from scipy.optimize import linprog, minimize

import alberdice as ad
from alberdice.tabular.flow import FlowProblem

NAME = "best_response_classes"
PACKAGES = ("alberdice", "numpy", "scipy", "cvxpy", "clarabel", "quantecon", "mdpsolver")
SEED = 0
KINDS = ("garnet", "dense", "star", "chain", "corridor", "grid pairs")
SIZES = (100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)
ALPHAS = (0.0, 1e-3, 0.1, 10.0)
#: processor seconds of the package, and of a peer, on one case
LIMIT, PATIENCE = 120, 40
#: classes whose transitions are not sparse end here
DENSE = 3_000
ACTIONS = 4
AGENTS = (2, 4, 8, 16, 32, 64)
#: a measurement is repeated up to so many seconds, and times
ENOUGH, REPETITIONS = 0.3, 20
#: largest error of a value by the modified policy iterations
VALUE_ERROR = 1e-6


def l_bfgs(problem: FlowProblem) -> tuple[Any, Any, dict[str, float]]:
    """SciPy's L-BFGS on (31); the point is the dual's own w."""
    matrix = sp.csr_array(balance(problem).T)
    source = (1 - problem.discount) * problem.initial

    def weights(nu: np.ndarray) -> tuple[np.ndarray, float]:
        e = (problem.reward - matrix @ nu) / problem.alpha
        w = np.exp(e - e.max())
        return w / w.sum(), problem.alpha * float(e.max() + np.log(w.sum()))

    def dual(nu: np.ndarray) -> tuple[float, np.ndarray]:
        w, rest = weights(nu)
        return float(source @ nu) + rest, source - matrix.T @ w

    options = {"maxiter": 5000, "maxfun": 10_000, "ftol": 0.0, "gtol": 1e-6 / problem.n_states, "maxcor": 20}
    found = minimize(dual, np.zeros(problem.n_states), jac=True, method="L-BFGS-B", options=options)
    return weights(found.x)[0], found.x, {"iterations": int(found.nit)}


def highs(problem: FlowProblem) -> tuple[Any, Any, dict[str, float]]:
    """HiGHS on the linear programme, alpha = 0."""
    flow = balance(problem)
    found = linprog(-problem.reward, A_eq=flow, b_eq=(1 - problem.discount) * problem.initial, method="highs")
    return found.x, -np.asarray(found.eqlin.marginals), {"iterations": int(found.nit)}


def quantecon(problem: FlowProblem) -> tuple[Any, Any, dict[str, float]]:
    """QuantEcon's modified policy iteration, alpha = 0; compiled before."""
    began = time.process_time()
    own = np.arange(problem.n_rows) - ACTIONS * problem.state
    model = DiscreteDP(problem.reward, sp.csr_matrix(problem.transition), problem.discount, problem.state, own)
    built = time.process_time() - began
    found = model.solve(method="modified_policy_iteration", epsilon=VALUE_ERROR, max_iter=100_000)
    return greedy(problem, found.sigma), found.v, {"iterations": int(found.num_iter), "build_seconds": built}


def by_mdpsolver(problem: FlowProblem) -> tuple[Any, Any, dict[str, float]]:
    """The package mdpsolver's modified policy iteration, alpha = 0, on one core."""
    began = time.process_time()
    rows, table = sp.csr_array(problem.transition), (problem.n_states, ACTIONS)
    chances, columns = (np.split(x, rows.indptr[1:-1]) for x in (rows.data, rows.indices))
    lists = [[[list(map(kind, x[s * ACTIONS + a])) for a in range(ACTIONS)] for s in range(table[0])]
             for x, kind in ((chances, float), (columns, int))]  # fmt: skip
    model = mdpsolver.model()
    model.mdp(
        discount=problem.discount,
        rewards=problem.reward.reshape(table).tolist(),
        tranMatProbs=lists[0],
        tranMatColumns=lists[1],
    )
    built = time.process_time() - began
    model.solve(algorithm="mpi", tolerance=VALUE_ERROR, parallel=False)
    return greedy(problem, np.array(model.getPolicy())), np.array(model.getValueVector()), {"build_seconds": built}


def greedy(problem: FlowProblem, chosen: np.ndarray) -> np.ndarray:
    """The rows that a deterministic policy takes."""
    rows = np.zeros((problem.n_states, ACTIONS))
    rows[np.arange(problem.n_states), chosen] = 1.0
    return rows.reshape(-1)


SOLVERS: dict[str, tuple[Callable[[FlowProblem], Any], Callable[[float], bool]]] = {
    "alberdice": (interior_point, lambda alpha: True),
    "L-BFGS": (l_bfgs, lambda alpha: alpha > 0),
    "HiGHS": (highs, lambda alpha: alpha == 0),
    "QuantEcon": (quantecon, lambda alpha: alpha == 0),
    "mdpsolver": (by_mdpsolver, lambda alpha: alpha == 0),
    "cvxpy + Clarabel": (by_cvxpy, lambda alpha: True),
}


def successors(kind: str, rng: np.random.Generator, n: int) -> np.ndarray:
    """Where each of ``ACTIONS`` actions may lead, ``(S, A, k)``."""
    state = np.arange(n)[:, None, None]
    if kind == "garnet":
        return rng.integers(n, size=(n, ACTIONS, 5))
    if kind == "dense":
        return rng.integers(n, size=(n, ACTIONS, n // 2))
    if kind == "star":
        return np.where(state == 0, rng.integers(n, size=(n, ACTIONS, 5)), 0)
    if kind == "chain":
        return np.clip(state + rng.integers(-1, 2, size=(n, ACTIONS, 2)), 0, n - 1)
    if kind == "corridor":
        return np.where(rng.random((n, ACTIONS, 2)) < 0.02, 0, np.minimum(state + 1, n - 1))
    side = round(n**0.25) or 1  # two agents on a square grid
    step = np.array([1, side, side * side, side**3])[None, :, None] * rng.choice([-1, 1], size=(n, ACTIONS, 2))
    return np.clip(state + step, 0, n - 1)


def problem_of(kind: str, n: int, alpha: float) -> FlowProblem:
    rng = np.random.default_rng([SEED, n])
    targets = successors(kind, rng, n)
    chances = rng.dirichlet(np.ones(targets.shape[2]), size=targets.shape[:2])
    rows = np.repeat(np.arange(n * ACTIONS), targets.shape[2])
    transition = sp.csr_array((chances.reshape(-1), (rows, targets.reshape(-1))), shape=(n * ACTIONS, n))
    transition.sum_duplicates()
    reward = rng.normal(size=n * ACTIONS) + alpha * np.log(rng.dirichlet(np.ones(n * ACTIONS)) + 1e-10)
    return FlowProblem(reward, transition, np.repeat(np.arange(n), ACTIONS), np.full(n, 1 / n), 0.95, alpha)


def of_agents(n_agents: int, n_states: int = 100, pairs: int = 5_000) -> tuple[Any, Any, Any]:
    """A model, data and policy of agents with 3 actions each, known at random joint actions of random states."""
    rng = np.random.default_rng([SEED, n_agents])
    drawn = np.column_stack([rng.integers(n_states, size=pairs), rng.integers(3, size=(pairs, n_agents))])
    drawn, counts = np.unique(drawn, axis=0, return_counts=True)
    state, actions, sizes = drawn[:, 0], drawn[:, 1:], (3,) * n_agents
    rows = np.repeat(np.arange(len(drawn)), 5)
    chances = rng.dirichlet(np.ones(5), size=len(drawn)).reshape(-1)
    transition = sp.csr_array((chances, (rows, rng.integers(n_states, size=len(rows)))), shape=(len(drawn), n_states))
    stay = sp.csr_array(sp.eye_array(n_states))
    reward, start = rng.normal(size=len(drawn)), np.full(n_states, 1 / n_states)
    model = ad.SparseMMDP(state, actions, sizes, reward, transition, np.full(n_states, -3.0), stay, start, 0.95)
    data = ad.SparseDataDistribution(state, actions, sizes, counts, n_states, 1e-3)
    return model, data, data.behaviour_policy()


def measured(work: Callable[[], dict[str, Any]], limit: int = LIMIT) -> dict[str, Any]:
    """What the work returns, done by a forked process, with its processor seconds and peak memory; or why there is nothing."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)

    def child() -> None:
        base = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
        answer = work()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
        sender.send({**answer, "peak_mib": round(max(peak - base, 0.0), 1)})

    process = context.Process(target=child)
    process.start()
    sender.close()
    try:
        return dict(receiver.recv())
    except EOFError:
        return {"gave_up": f"ended by itself or after {limit} processor seconds"}
    finally:
        process.join()


def repeated(work: Callable[[], Any]) -> tuple[Any, float]:
    """The answer and its processor seconds, the mean of so many that the clock's ticks do not count; less what was building."""
    seconds, times = 0.0, 0
    while times == 0 or (seconds < ENOUGH and times < REPETITIONS):
        began = time.process_time()
        answer = work()
        spent = time.process_time() - began
        seconds += spent - (answer[2].get("build_seconds", 0.0) if isinstance(answer, tuple) else 0.0)
        times += 1
    return answer, seconds / times


def one_solver(solver: Callable[[FlowProblem], Any], problem: FlowProblem) -> dict[str, Any]:
    answer, seconds = repeated(lambda: solver(problem))
    return {**judged(problem, answer), "seconds": seconds}


def one_response(model: Any, policy: Any, data: Any, alpha: float) -> dict[str, Any]:
    found, seconds = repeated(lambda: ad.tabular.best_response(model, policy, 0, data, alpha))
    return {"value": found.value, "gap": found.gap, "relative_gap": found.gap / (1 + abs(found.value)), "seconds": seconds}


def cases(sizes: list[int]) -> Iterator[dict[str, Any]]:
    """Small ones first."""
    for size in sizes:
        for kind in KINDS:
            if kind != "dense" or size <= DENSE:
                yield from ({"class": kind, "states": size, "alpha": alpha} for alpha in ALPHAS)
        if size == sizes[0]:
            yield from ({"class": "agents", "agents": n, "alpha": alpha} for n in AGENTS for alpha in ALPHAS)


def made(case: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The row of a case."""
    alpha, row = case["alpha"], dict(case)
    if case["class"] == "agents":
        model, data, policy = of_agents(case["agents"])
        row["alberdice"] = measured(lambda: one_response(model, policy, data, alpha))
        if case["agents"] <= 8:
            dense = (model.dense(), policy, data.dense(), alpha)
            row["alberdice, all joint actions"] = measured(lambda: one_response(*dense))
        return row
    problem = problem_of(case["class"], case["states"], alpha)
    for name, (solver, fits) in SOLVERS.items():
        smaller = [r.get(name, {}) for r in rows if r["class"] == case["class"] and r["states"] < case["states"]]
        if fits(alpha) and not any("gave_up" in r for r in smaller):
            row[name] = measured(lambda solver=solver: one_solver(solver, problem), LIMIT if name == "alberdice" else PATIENCE)
    peers = [v["seconds"] for k, v in row.items() if k != "alberdice" and good(v)]
    row["ahead"] = min(peers) / row["alberdice"]["seconds"] if peers and good(row["alberdice"]) else None
    return row


def good(found: Any) -> bool:
    return isinstance(found, dict) and "gave_up" not in found and bool(found["relative_gap"] < 1e-5)


def spent() -> float:
    mine, children = (resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return mine.ru_utime + mine.ru_stime + children.ru_utime + children.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--budget", type=float, default=np.inf, help="processor seconds after which no case is begun")
    parser.add_argument("--anew", action="store_true", help="make every case again")
    options = parser.parse_args()
    content: dict[str, Any] = {
        **conditions(SEED, PACKAGES),
        "limit_seconds": LIMIT,
        "peers_limit_seconds": PATIENCE,
        "rows": [],
    }
    saved = RESULTS / f"{NAME}.json"
    if saved.exists() and not options.anew:
        old = json.loads(saved.read_text())
        if old.get("versions") != content["versions"] or old.get("limit_seconds") != LIMIT:
            sys.exit(f"{saved} is of other versions or another limit; --anew makes every case again")
        content = old
    rows = content["rows"]
    for solver, fits in SOLVERS.values():  # what is compiled or loaded at the first call
        solver(problem_of("garnet", 20, 0.0 if fits(0.0) else 0.1))
    for case in cases(options.sizes):
        if any(case.items() <= r.items() for r in rows):
            continue
        if spent() > options.budget:
            print("the budget is spent; the same command goes on from here", file=sys.stderr)
            break
        rows.append(made(case, rows))
        write(NAME, content)
        shown = {k: (round(v["seconds"], 3), f"{v['relative_gap']:.0e}") for k, v in rows[-1].items() if good(v)}
        print(*case.values(), json.dumps(shown), file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
