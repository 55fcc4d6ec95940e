"""Which equilibrium? Several starts and orders, the distinct ends, and the best of them by the common objective.

The alternating scheme ends in a Nash policy that depends on where it starts and on who moves first; the paper leaves the choice
open. All agents share J (2), so equilibria can be ranked by J itself, and held against the bound on what any joint policy can
reach (``bound``). Start 0 is the data's marginals with agents in order. Start 1 is the best joint policy's most likely joint
action at each state, start 2 its marginals; the others draw every row pi_i(.|s) from a Dirichlet inside the data's marginals,
and a random order. Unless told how many, starts go on while the gap to the bound is open, until ``REPEATED`` of them in a row
have found nothing new, up to ``MOST`` and to a fixed amount of work, counted and not timed: the same starts on every machine.

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

from alberdice import _checks, markup
from alberdice._checks import FloatArray
from alberdice.console import explain
from alberdice.data import DataDistribution, SparseDataDistribution
from alberdice.errors import InfeasibleError
from alberdice.evaluation import state_occupancy
from alberdice.machine import cores
from alberdice.mmdp import MMDP, SparseMMDP
from alberdice.policy import FactorizedPolicy
from alberdice.tabular.alternating import AlternatingRun, alternate
from alberdice.tabular.best_response import reward_unit

__all__ = ["Equilibrium", "EquilibriumSelection", "select_equilibrium"]

#: remaining work, in seconds, from which worker processes are worth their start
WORTH_PROCESSES = 4.0
#: without a number: starts at most and at least while the gap is open, and work (rows times updates) after which none is begun
MOST, LEAST, WORK = 16, 3, 400_000
#: so many starts in a row that end where earlier ones did, or nowhere, are enough
REPEATED = 5
#: a gap of at most this share of the rewards' range plus alpha is closed
CLOSED = 1e-3


@dataclass(frozen=True)
class Equilibrium:
    """One distinct end: its first run, its objective, and which starts reached it."""

    run: AlternatingRun
    value: float
    starts: tuple[int, ...]


@dataclass(frozen=True, repr=False)
class EquilibriumSelection:
    """All distinct ends, best first; ``best`` is the run to use."""

    equilibria: tuple[Equilibrium, ...]

    @property
    def best(self) -> AlternatingRun:
        """The run with the largest objective."""
        return self.equilibria[0].run

    def __repr__(self) -> str:
        return f"EquilibriumSelection({len(self.equilibria)} distinct ends, best objective {self.equilibria[0].value:.6g})"

    def _repr_html_(self) -> str:
        """For notebooks."""
        rows = [
            (number + 1, each.value, len(each.starts), each.run.nash.epsilon, each.run.gap)
            for number, each in enumerate(self.equilibria)
        ]
        heads = ("equilibrium", "objective", "starts that reached it", "no agent gains more than", "to the bound")
        return markup.table(heads, rows, caption="Distinct ends, best first")


def select_equilibrium(
    model: MMDP | SparseMMDP,
    data: DataDistribution | SparseDataDistribution,
    alpha: float | Sequence[float] | FloatArray,
    starts: int | None = None,
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
        starts: how many, at least 1; None: as many as the gap to the bound asks for, see the module.
        generator: draws the starts and orders.
        processes: worker processes; None: as many as cores when the first run shows that it pays, 1 otherwise.
        same: see the module.
        order: of the agents in the first run; the other runs draw theirs.
        progress: as ``alternate``, for the first run.
        options: passed to ``alternate``.
    """
    if starts is None:
        found = _until_closed(model, data, alpha, generator, order, progress, same, options)
        return EquilibriumSelection(_distinct(model, found, same))
    count = _checks.whole_number(starts, "starts", low=1)
    first_options = {**options, "progress": progress}
    began = time.perf_counter()
    first = alternate(model, data, alpha, order=order, **first_options)
    jobs = [(model, data, alpha, *_start(k, data, generator, first), {**options}) for k in range(1, count)]
    remaining = (time.perf_counter() - began) * (count - 1)
    workers = processes if processes is not None else (cores() if remaining > WORTH_PROCESSES else 1)
    if workers > 1 and count > 1:
        with ProcessPoolExecutor(min(workers, count - 1)) as pool:
            others = list(pool.map(_run, jobs))
    else:
        others = [_run(job) for job in jobs]
    return EquilibriumSelection(_distinct(model, [first, *others], same))


def _until_closed(
    model: MMDP | SparseMMDP,
    data: DataDistribution | SparseDataDistribution,
    alpha: float | Sequence[float] | FloatArray,
    generator: np.random.Generator,
    order: Sequence[int] | None,
    progress: Callable[[int, float], None] | None,
    same: float,
    options: dict[str, Any],
) -> list[AlternatingRun | None]:
    """Starts until one closes the gap, or until the work allowed is done; an entry is None where a start is infeasible.

    A run that ends where an earlier one is at rest gets no second-order certificate of its own.
    """
    ends = _Ends(model, same)
    if options.get("second_order", True) is True:
        options = {**options, "second_order": lambda policy: not ends.at_rest(policy)}
    first = alternate(model, data, alpha, order=order, progress=progress, **options)
    ends.add(first)
    runs: list[AlternatingRun | None] = [first]
    closed = CLOSED * (reward_unit(model) + float(first.alphas[-1]))
    rows = sum(table.size for table in first.policy)
    work = len(first.values) * rows
    best, repeated = first.nash.value, 0
    while first.bound is not None and first.bound.objective - best > closed and len(runs) < MOST:
        if repeated == REPEATED or (len(runs) >= LEAST and work > WORK):
            explain(f"no further start: {f'{REPEATED} in a row found nothing new' if repeated == REPEATED else 'work enough'}")
            break
        explain(f"the bound is {first.bound.objective - best:.3g} above, more than {closed:.2g}: start {len(runs) + 1}")
        start, turns = _start(len(runs), data, generator, first)
        run = _run((model, data, alpha, start, turns if order is None else order, {**options, "bound": first.bound}))
        runs.append(run)
        repeated = 0 if run is not None and ends.add(run) else repeated + 1
        if run is not None:
            work += len(run.values) * rows
            best = max(best, run.nash.value)
    return runs


def _start(
    index: int, data: DataDistribution | SparseDataDistribution, generator: np.random.Generator, first: AlternatingRun
) -> tuple[FactorizedPolicy, Sequence[int] | None]:
    """Start and order number ``index`` >= 1; inside the support of the marginals, so that a finite objective stays possible."""
    if first.bound is not None and index <= 2:
        return (first.bound.modes if index == 1 else first.bound.marginals), None
    tables = []
    for table in data.behaviour_policy():
        draws = np.where(table > 0, generator.standard_gamma(1.0, table.shape), 0.0)
        tables.append(draws / draws.sum(axis=1, keepdims=True))
    return FactorizedPolicy(tables), tuple(int(i) for i in generator.permutation(data.n_agents))


def _run(job: tuple[Any, ...]) -> AlternatingRun | None:
    """One further start; None where it leads out of the data's support."""
    model, data, alpha, start, order, options = job
    try:
        return alternate(model, data, alpha, start=start, order=order, **options)
    except InfeasibleError:
        return None


class _Ends:
    """Where runs ended, by the agents' occupancies.

    Args:
        model: the MMDP.
        same: the largest total variation between occupancies of one end.
    """

    def __init__(self, model: MMDP | SparseMMDP, same: float) -> None:
        self.model, self.same = model, same
        self.visits: list[list[FloatArray]] = []
        self.resting: list[bool] = []

    def find(self, policy: FactorizedPolicy) -> int | None:
        """The number of the end at which this policy is; None: of none."""
        visits = self._occupancies(policy)
        for k, known in enumerate(self.visits):
            if max(0.5 * np.abs(a - b).sum() for a, b in zip(known, visits, strict=True)) <= self.same:
                return k
        return None

    def at_rest(self, policy: FactorizedPolicy) -> bool:
        """Whether it is at an end whose second-order certificate found no saddle."""
        place = self.find(policy)
        return place is not None and self.resting[place]

    def add(self, run: AlternatingRun) -> bool:
        """Note where a run ended; returns whether that is a new end."""
        if self.find(run.policy) is not None:
            return False
        self.visits.append(self._occupancies(run.policy))
        self.resting.append(run.converged and run.second_order is not None and not run.second_order.is_saddle)
        return True

    def _occupancies(self, policy: FactorizedPolicy) -> list[FloatArray]:
        mass = state_occupancy(self.model, policy)
        return [mass[:, None] * table for table in policy]


def _distinct(model: MMDP | SparseMMDP, runs: Sequence[AlternatingRun | None], same: float) -> tuple[Equilibrium, ...]:
    ends, members = _Ends(model, same), dict[int | None, list[int]]()
    for k, run in enumerate(runs):
        if run is not None:
            ends.add(run)
            members.setdefault(ends.find(run.policy), []).append(k)
    found = [Equilibrium(run, run.nash.value, tuple(m)) for m in members.values() if (run := runs[m[0]]) is not None]
    return tuple(sorted(found, key=lambda e: (-e.value, e.starts)))
