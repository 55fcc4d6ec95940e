"""What finished runs say: cost and quality of every point, means over its seeds, and the exponents of every axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from alberdice.deep.policies import Policies
from alberdice.deep.training.run_directory import RunDirectory
from alberdice.deep.training.saved_run import policies_of_run
from alberdice.experiments.planned import PlannedRun, is_finished
from alberdice.experiments.scale.axes import AXES
from alberdice.experiments.scale.cost import read_cost
from alberdice.experiments.scale.data import facts_of, game_of
from alberdice.experiments.scale.fits import PowerLaw, fit_power_law
from alberdice.experiments.scale.plan import Planned
from alberdice.games.passwords import Passwords

__all__ = ["AIMS", "MEASURES", "Point", "exact_return", "exponents_of", "measure"]

#: measures whose growth is fitted, and what they are
MEASURES = {
    "update_ms": "processor time of an update",
    "memory_mib": "memory beyond the program's own",
    "preparing_seconds": "processor time of preparing",
}
#: (axis, measure) -> the largest exponent that is aimed at
AIMS = {("agents", "update_ms"): 1.1, ("data", "memory_mib"): 1.0}
NAN = math.nan


@dataclass(frozen=True)
class Point:
    """One point of one axis.

    Attributes:
        axis, value: where.
        number: the value as a number; NaN where it is none.
        missing: why there are no measurements; '' where there are.
        seeds: measured.
        update_ms: processor milliseconds of a round of all agents, all threads', the median.
        update_wall_ms: the same by the clock.
        cloning_ms: processor milliseconds of an update before the rounds.
        preparing_seconds: processor seconds that come once: making or reading and building the data, caches.
        memory_mib: memory at most, less what the program held before the data were read.
        updates_per_second: of all runs side by side, by the clock, from the first one's start to the last one's end.
        steps, coverage: of the data; the share of all joint actions that they show, NaN where nobody can count them.
        optimum: of any joint policy; NaN where it is not known.
        learned: what the learned policies return: exactly of games, the mean of played episodes elsewhere.
        clone: what the agents' own shares of actions in the data, played apart, return exactly.
        data_return: of the data.
        diverged: seeds that did not come to their end.
        resumed: seeds that were stopped on their way.
    """

    axis: str
    value: str
    number: float = NAN
    missing: str = ""
    seeds: int = 0
    update_ms: float = NAN
    update_wall_ms: float = NAN
    cloning_ms: float = NAN
    preparing_seconds: float = NAN
    memory_mib: float = NAN
    updates_per_second: float = NAN
    steps: int = 0
    coverage: float = NAN
    optimum: float = NAN
    learned: float = NAN
    clone: float = NAN
    data_return: float = NAN
    diverged: int = 0
    resumed: int = 0

    def x(self) -> float:
        """Where it is on its axis's x axis."""
        name = AXES[self.axis].abscissa
        return float(getattr(self, name)) if name else NAN

    def as_json(self) -> dict[str, Any]:
        """All of it; null where a number is none."""
        found = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in found.items()}


def measure(planned: Planned, out: Path) -> Point:
    """Read one point back."""
    place = planned.place
    text = place.value.replace(",", "")
    number = float(text) if text.replace(".", "", 1).isdigit() else NAN
    if planned.missing:
        return Point(place.axis, place.value, number, planned.missing)
    costs = [cost for run in planned.runs if is_finished(run) and (cost := read_cost(run.folder)) is not None]
    results = [RunDirectory(run.folder).read_result() for run in planned.runs if is_finished(run)]
    diverged = sum(result["status"] == "diverged" for result in results)
    if not costs:
        why = f"{diverged} of {len(planned.runs)} run(s) diverged" if diverged else "not finished"
        return Point(place.axis, place.value, number, why, diverged=diverged)
    facts = facts_of(place.data, out / "data")
    fresh = [cost for cost in costs if not cost["resumed"]]
    return Point(
        axis=place.axis,
        value=place.value,
        number=number,
        seeds=len(costs),
        update_ms=_mean([_median(cost, "update_ms") for cost in costs]),
        update_wall_ms=_mean([_median(cost, "update_wall_ms") for cost in costs]),
        cloning_ms=_mean([_median(cost, "cloning_ms") for cost in costs]),
        preparing_seconds=_mean([cost["preparing_seconds"] for cost in fresh]),
        memory_mib=_mean([(cost["peak_bytes"] - cost["held_bytes"]) / 2**20 for cost in fresh]),
        updates_per_second=_pace(costs) if len(fresh) == len(planned.runs) and place.beside else NAN,
        steps=int(facts["steps"]),
        coverage=float(facts.get("coverage", NAN)),
        optimum=float(facts.get("optimum", NAN)),
        learned=_mean([_return(run, _game(planned)) for run in planned.runs if is_finished(run)]),
        clone=float(facts.get("clone", NAN)),
        data_return=float(facts["data_return"]),
        diverged=diverged,
        resumed=len(costs) - len(fresh),
    )


def _game(planned: Planned) -> Passwords | None:
    data = planned.place.data
    return game_of(data.n_agents) if data.kind == "passwords" else None


def _median(cost: dict[str, Any], name: str) -> float:
    return NAN if cost[name] is None else float(cost[name][0])


def _mean(values: Sequence[float]) -> float:
    """Of those that are numbers."""
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else NAN


def _pace(costs: Sequence[dict[str, Any]]) -> float:
    """Updates of all runs in a second."""
    passed = max(cost["ended"] for cost in costs) - min(cost["began"] for cost in costs)
    return float(sum(cost["updates"] for cost in costs) / passed)


def _return(run: PlannedRun, game: Passwords | None) -> float:
    """What the last policies of a run return."""
    if game is None:
        found = RunDirectory(run.folder).read_result().get("return_mean")
        return NAN if found is None else float(found)
    if not RunDirectory(run.folder).has_checkpoint:
        return NAN
    return exact_return(policies_of_run(run.folder, "last", trust=True), game)


def exact_return(policies: Policies, game: Passwords) -> float:
    """The exact return of policies without a memory in a game of passwords."""
    seen = torch.from_numpy(game.features).float()[:, None].expand(-1, game.n_agents, -1)
    with torch.no_grad():
        tables = (
            policies.actor(len(seen)).log_probabilities(seen.to(policies.features.mean.device)).double().exp().cpu().numpy()
        )
    return game.exact_return(tables / tables.sum(axis=-1, keepdims=True))


def exponents_of(points: Sequence[Point], axis: str) -> dict[str, PowerLaw]:
    """How each measure grows along an axis whose values are numbers."""
    own = [point for point in points if point.axis == axis and not point.missing]
    found = {}
    for name in MEASURES:
        law = fit_power_law([point.x() for point in own], [getattr(point, name) for point in own])
        if law is not None:
            found[name] = law
    return found
