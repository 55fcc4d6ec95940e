"""Which equilibrium? Several starts and orders, the distinct ends, and the best of them by the common objective.

The alternating scheme ends in a Nash policy that depends on where it starts and on who moves first; the paper leaves the choice
open. All agents share J (2), so equilibria can be ranked by J itself. Start 0 is the data's marginals with agents in order;
the others draw every row pi_i(.|s) from a Dirichlet around the marginals, and a random order.

Two ends count as one equilibrium if no agent's occupancy d(s) pi_i(a_i|s) differs by more than ``same`` in total variation:
these fix a factorised policy wherever it goes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from alberdice import _checks
from alberdice._checks import FloatArray
from alberdice.data import DataDistribution, SparseDataDistribution
from alberdice.evaluation import state_occupancy
from alberdice.machine import cores
from alberdice.mmdp import MMDP, SparseMMDP
from alberdice.policy import FactorizedPolicy
from alberdice.tabular.alternating import AlternatingRun, alternate

__all__ = ["Equilibrium", "EquilibriumSelection", "select_equilibrium"]

#: remaining work, in seconds, from which worker processes are worth their start
WORTH_PROCESSES = 4.0


@dataclass(frozen=True)
class Equilibrium:
    """One distinct end: its first run, its objective, and which starts reached it."""

    run: AlternatingRun
    value: float
    starts: tuple[int, ...]


@dataclass(frozen=True)
class EquilibriumSelection:
    """All distinct ends, best first; ``best`` is the run to use."""

    equilibria: tuple[Equilibrium, ...]

    @property
    def best(self) -> AlternatingRun:
        """The run with the largest objective."""
        return self.equilibria[0].run


def select_equilibrium(
    model: MMDP | SparseMMDP,
    data: DataDistribution | SparseDataDistribution,
    alpha: float | Sequence[float] | FloatArray,
    starts: int = 10,
    *,
    generator: np.random.Generator,
    processes: int | None = None,
    same: float = 1e-4,
    order: Sequence[int] | None = None,
    progress: Callable[[int, float], None] | None = None,
    **options: Any,
) -> EquilibriumSelection:
    """Run ``alternate`` from ``starts`` starts and orders; the result does not depend on ``processes``.

    Args:
        model: the MMDP.
        data: d^D.
        alpha: as ``alternate``.
        starts: how many, at least 1.
        generator: draws the starts and orders.
        processes: worker processes; None: as many as cores when the first run shows that it pays, 1 otherwise.
        same: see the module.
        order: of the agents in the first run; the other runs draw theirs.
        progress: as ``alternate``, for the first run.
        options: passed to ``alternate``.
    """
    count = _checks.whole_number(starts, "starts", low=1)
    jobs = [(model, data, alpha, *_start(k, data, generator, order), {**options}) for k in range(count)]
    began = time.perf_counter()
    jobs[0][5]["progress"] = progress
    runs = [_run(jobs[0])]
    remaining = (time.perf_counter() - began) * (count - 1)
    workers = processes if processes is not None else (cores() if remaining > WORTH_PROCESSES else 1)
    if workers > 1 and count > 1:
        with ProcessPoolExecutor(min(workers, count - 1)) as pool:
            runs += pool.map(_run, jobs[1:])
    else:
        runs += map(_run, jobs[1:])
    return EquilibriumSelection(_distinct(model, runs, same))


def _start(
    index: int, data: DataDistribution | SparseDataDistribution, generator: np.random.Generator, order: Sequence[int] | None
) -> tuple[FactorizedPolicy, Sequence[int] | None]:
    """Start and order number ``index``; inside the support of the marginals, so that a finite objective stays possible."""
    behaviour = data.behaviour_policy()
    if index == 0:
        return behaviour, order
    tables = []
    for table in behaviour:
        draws = np.where(table > 0, generator.standard_gamma(1.0, table.shape), 0.0)
        tables.append(draws / draws.sum(axis=1, keepdims=True))
    return FactorizedPolicy(tables), tuple(int(i) for i in generator.permutation(data.n_agents))


def _run(job: tuple[Any, ...]) -> AlternatingRun:
    model, data, alpha, start, order, options = job
    return alternate(model, data, alpha, start=start, order=order, **options)


def _distinct(model: MMDP | SparseMMDP, runs: Sequence[AlternatingRun], same: float) -> tuple[Equilibrium, ...]:
    groups: list[tuple[list[FloatArray], list[int]]] = []
    for k, run in enumerate(runs):
        visits = _own_occupancies(model, run.policy)
        for known, members in groups:
            if max(0.5 * np.abs(a - b).sum() for a, b in zip(known, visits, strict=True)) <= same:
                members.append(k)
                break
        else:
            groups.append((visits, [k]))
    found = [Equilibrium(runs[m[0]], runs[m[0]].nash.value, tuple(m)) for _, m in groups]
    return tuple(sorted(found, key=lambda e: (-e.value, e.starts)))


def _own_occupancies(model: MMDP | SparseMMDP, policy: FactorizedPolicy) -> list[FloatArray]:
    mass = state_occupancy(model, policy)
    return [mass[:, None] * table for table in policy]
