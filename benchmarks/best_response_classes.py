"""One best response on six classes of graphs: the package beside L-BFGS on (31), HiGHS at alpha = 0, cvxpy with Clarabel.

    python benchmarks/best_response_classes.py                 # S = 100 and 1,000
    python benchmarks/best_response_classes.py --sizes 100 1000 10000

Every solver gets the same flow problem in turn, and every answer is judged by the same certificate: made exactly feasible, and
bounded by its own multipliers. Seconds are the processor's, one run each; a solver that took more than ``LIMIT`` on a size is
left out of the larger ones. 'ahead': the fastest peer's time, among those within 1e-5, over the package's.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
from best_response import balance, by_cvxpy, interior_point, judged
from machine import conditions, write
from scipy.optimize import linprog, minimize

from alberdice.tabular.flow import FlowProblem

SEED = 0
ALPHAS = (0.0, 1e-3, 0.1, 10.0)
LIMIT = 20.0
ACTIONS = 4


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


SOLVERS: dict[str, tuple[Callable[[FlowProblem], Any], Callable[[float], bool]]] = {
    "alberdice": (interior_point, lambda alpha: True),
    "L-BFGS": (l_bfgs, lambda alpha: alpha > 0),
    "HiGHS": (highs, lambda alpha: alpha == 0),
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
    reward = rng.normal(size=n * ACTIONS) + alpha * np.log(rng.dirichlet(np.ones(n * ACTIONS)) + 1e-10)
    return FlowProblem(reward, transition, np.repeat(np.arange(n), ACTIONS), np.full(n, 1 / n), 0.95, alpha)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1000])
    options = parser.parse_args()
    rows, slow = [], set()
    for size in options.sizes:
        for kind in ("garnet", "dense", "star", "chain", "corridor", "grid pairs"):
            for alpha in ALPHAS:
                if kind == "dense" and size > 3000:
                    continue
                problem = problem_of(kind, size, alpha)
                row: dict[str, Any] = {"class": kind, "states": size, "alpha": alpha}
                for name, (solver, fits) in SOLVERS.items():
                    if not fits(alpha) or (kind, name) in slow:
                        continue
                    began = time.process_time()
                    answer = solver(problem)
                    seconds = time.process_time() - began
                    row[name] = {**judged(problem, answer), "seconds": seconds}
                    if seconds > LIMIT:
                        slow.add((kind, name))
                peers = [
                    v["seconds"]
                    for k, v in row.items()
                    if isinstance(v, dict) and k != "alberdice" and v["relative_gap"] < 1e-5
                ]
                row["ahead"] = min(peers) / row["alberdice"]["seconds"] if peers else None
                rows.append(row)
                shown = {
                    k: (round(v["seconds"], 4), float(f"{v['relative_gap']:.1e}"))
                    for k, v in row.items()
                    if isinstance(v, dict)
                }
                print(kind, size, alpha, json.dumps(shown), file=sys.stderr, flush=True)
    content = conditions(SEED, ("alberdice", "numpy", "scipy", "cvxpy", "clarabel"))
    print(write("best_response_classes", {**content, "rows": rows}), file=sys.stderr)


if __name__ == "__main__":
    main()
