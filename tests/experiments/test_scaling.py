"""Scaling experiments: fits against closed forms, plans, measuring, resuming, reports; a quick one from beginning to end."""

from __future__ import annotations

import json
import math
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from alberdice.cli.deep import main
from alberdice.datasets import load_dataset
from alberdice.errors import InvalidArgumentError
from alberdice.experiments.executors.local import LocalExecutor
from alberdice.experiments.executors.work import make_run
from alberdice.experiments.planned import PlannedRun
from alberdice.experiments.scale import data as scale_data
from alberdice.experiments.scale import plan as scale_plan
from alberdice.experiments.scale.axes import AXES, BASE, QUICK, places_of
from alberdice.experiments.scale.cost import Cost, read_cost
from alberdice.experiments.scale.data import DataSpec, facts_of, game_of, make_data
from alberdice.experiments.scale.fits import fit_power_law
from alberdice.experiments.scale.make import make_scale
from alberdice.experiments.scale.measured import Point, exact_return, exponents_of
from alberdice.experiments.scale.plan import plan_scale
from alberdice.experiments.scale.report import markdown

STUB = "reproduce_stubs:Quick"


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> list[PlannedRun]:
    """Runs in this process, one after another; lists them."""
    made: list[PlannedRun] = []

    def execute(self: Any, runs: Any, step: Any, share: float = 1.0) -> Any:
        made.extend(runs)
        return {run: make_run(run, lambda note: None, share) for run in runs}

    monkeypatch.setattr(LocalExecutor, "execute", execute)
    return made


# ---- fits ------------------------------------------------------------------------------------------------------------


def test_a_power_law_is_found() -> None:
    law = fit_power_law([8.0, 2.0, 32.0], [3 * 8**1.25, 3 * 2**1.25, 3 * 32**1.25])
    assert law is not None
    assert (law.exponent, law.factor, law.tail) == pytest.approx((1.25, 3.0, 1.25))
    assert law.error == pytest.approx(0, abs=1e-7)
    assert law.at(10.0) == pytest.approx(3 * 10**1.25)


def test_the_error_is_that_of_the_textbook() -> None:
    """Against the covariance of numpy's own fit of a line, which scales by the residuals over n - 2."""
    x, noise = np.array([1.0, 2, 4, 8, 16]), np.array([0.1, -0.2, 0.15, 0.05, -0.1])
    y = np.exp(0.7 * np.log(x) + noise)
    (slope, _), covariance = np.polyfit(np.log(x), np.log(y), 1, cov=True)
    law = fit_power_law(x.tolist(), y.tolist())
    assert law is not None
    assert (law.exponent, law.error) == pytest.approx((slope, math.sqrt(covariance[0, 0])))
    assert law.tail == pytest.approx(math.log(y[-1] / y[-2]) / math.log(2))


def test_what_has_no_law() -> None:
    assert fit_power_law([1.0], [1.0]) is None
    assert fit_power_law([2.0, 2.0], [1.0, 3.0]) is None
    assert fit_power_law([1.0, 2.0, 4.0], [0.0, math.nan, 1.0]) is None
    two = fit_power_law([1.0, 2.0], [1.0, 2.0])
    assert two is not None
    assert math.isnan(two.error)


# ---- plans -----------------------------------------------------------------------------------------------------------


def test_each_axis_varies_one_thing() -> None:
    for base in (BASE, QUICK):
        for place in places_of(base, list(AXES)):
            changed = [
                name for name in ("n_agents", "steps", "noises") if getattr(place.data, name) != getattr(base.data, name)
            ]
            if place.axis != "warehouses":
                assert len(changed) + bool(place.varied) + bool(place.beside) <= 1
    with pytest.raises(InvalidArgumentError, match="'agent', expected some of agents, data"):
        places_of(BASE, ["agent"])


def test_the_base_is_made_once(tmp_path: Path) -> None:
    places = places_of(BASE, ["agents", "data", "coverage", "rows", "threads"])
    planned = plan_scale(BASE, places, tmp_path, "alberdice", 2, 10**9)
    runs = [run for each in planned for run in each.runs]
    assert len(runs) - len(set(runs)) == 4 * 2  # the base is on five axes
    assert len({run.folder for run in runs}) == len(set(runs))


def test_points_that_are_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(scale_plan, "cores", lambda: 1)
    monkeypatch.setattr(scale_plan, "available_memory", lambda: 1 << 28)
    planned = plan_scale(BASE, places_of(BASE, ["data", "threads", "workers", "devices"]), tmp_path, "alberdice", 1, 10**6)
    missing = {(each.place.axis, each.place.value): each.missing for each in planned if each.missing}
    assert missing["data", "10,000,000"] == "more than 1,000,000 steps (--most-steps)"
    assert missing["data", "1,000,000"].startswith("about ")
    assert missing["threads", "2"] == missing["workers", "2"] == "1 core(s) on this machine"
    assert missing["devices", "cuda"] == "no CUDA device on this machine"
    elsewhere = plan_scale(BASE, places_of(BASE, ["devices"]), tmp_path, "alberdice", 1, 10**6, False)
    assert not any(each.missing for each in elsewhere)


# ---- data ------------------------------------------------------------------------------------------------------------


def test_facts_of_the_data(tmp_path: Path) -> None:
    """Clones of a noiseless mixture miss as chance has it; coverage counts what is shown; data are made once."""
    spec = DataSpec("passwords", 3, 2_000, (0.0,))
    make_data(spec, tmp_path)
    data = load_dataset(spec.dataset(tmp_path), seed=scale_data.SEED)
    facts, game = facts_of(spec, tmp_path), game_of(3)
    assert facts["pairs"] == 2 * 10
    assert facts["coverage"] == pytest.approx(20 / (10 * 4**3))
    assert facts["optimum"] == game.optimum
    assert facts["data_return"] == pytest.approx(data.returns.mean())
    assert 0 < facts["clone"] < 0.5 * facts["data_return"]  # three agents that mix two passwords meet once in four times
    before = (tmp_path / f"{spec.name}.json").stat().st_mtime_ns
    make_data(spec, tmp_path)
    assert (tmp_path / f"{spec.name}.json").stat().st_mtime_ns == before
    with pytest.raises(InvalidArgumentError, match="a multiple of 5"):
        make_data(replace(spec, steps=2_001), tmp_path)


def test_data_whose_facts_were_not_written(tmp_path: Path) -> None:
    """As after a kill between the two: the same facts, of the same data."""
    spec = DataSpec("rware-tiny", 2, 500)
    make_data(spec, tmp_path)
    facts = tmp_path / f"{spec.name}.json"
    before, stored = facts.read_bytes(), load_dataset(spec.dataset(tmp_path))
    facts.unlink()
    make_data(spec, tmp_path)
    assert facts.read_bytes() == before
    assert json.loads(before)["data_return"] == pytest.approx(stored.returns.mean())
    assert stored.header.environment == "rware-tiny-2ag"
    with pytest.raises(InvalidArgumentError, match="a multiple of 500"):
        make_data(replace(spec, steps=750), tmp_path)


# ---- measuring -------------------------------------------------------------------------------------------------------


def test_what_a_run_costs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a clock of our own: preparing, cloning, the caches of the first round and the rounds are told apart."""
    times = iter([0.0, 5.0, 5.1, 5.2, 8.2, 8.4, 8.6, 8.9])  # begin; 3 updates of cloning; 4 rounds
    monkeypatch.setattr(time, "process_time", lambda: next(times))
    cost = Cost(tmp_path)
    for done in range(1, 8):
        cost.after_update(SimpleNamespace(done=done, total=7, pretraining=3, stopped=""))  # type: ignore[arg-type]
    found = read_cost(tmp_path)
    assert found is not None
    assert found["update_ms"][0] == pytest.approx(200)
    assert found["cloning_ms"][0] == pytest.approx(100)
    assert found["preparing_seconds"] == pytest.approx(5.0 + 3.0)
    assert found["processor_seconds"] == pytest.approx(8.9)
    assert not found["resumed"]
    assert found["peak_bytes"] >= found["held_bytes"] > 0


def test_a_run_that_is_stopped_has_no_cost_yet(tmp_path: Path) -> None:
    cost = Cost(tmp_path)
    cost.after_update(SimpleNamespace(done=3, total=7, pretraining=0, stopped="by a signal"))  # type: ignore[arg-type]
    assert read_cost(tmp_path) is None
    again = Cost(tmp_path)
    for done in range(4, 8):
        again.after_update(SimpleNamespace(done=done, total=7, pretraining=0, stopped=""))  # type: ignore[arg-type]
    found = read_cost(tmp_path)
    assert found is not None
    assert found["resumed"]


def test_exponents_of_points() -> None:
    points = [Point("agents", str(n), float(n), seeds=1, update_ms=5.0 * n, memory_mib=100.0) for n in (2, 4, 8)]
    points.append(Point("agents", "16", 16.0, "not finished"))
    laws = exponents_of(points, "agents")
    assert laws["update_ms"].exponent == pytest.approx(1.0)
    assert laws["memory_mib"].exponent == pytest.approx(0.0, abs=1e-12)
    assert "preparing_seconds" not in laws
    assert laws["update_ms"].points == 3


# ---- from beginning to end -------------------------------------------------------------------------------------------


def test_a_scaling_experiment_is_made_and_resumed(
    here: list[PlannedRun], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = replace(QUICK, data=DataSpec("passwords", 3, 200, (0.0, 0.3)))
    small = replace(small, values={**QUICK.values, "agents": (2, 3, 4), "workers": (1,)})
    monkeypatch.setattr("alberdice.experiments.scale.make.QUICK", small)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    asked: dict[str, Any] = {"axes": ("agents", "workers", "devices"), "quick": True, "algorithm": STUB}
    first = make_scale(tmp_path, LocalExecutor(1), **asked)
    assert len(here) == 4  # three numbers of agents; the base on the axis of devices is one of them; one beside itself
    assert not first.failed
    (tmp_path / "scale.json").unlink()
    again = make_scale(tmp_path, LocalExecutor(1), only_report=True, **asked)
    assert len(here) == 4
    assert [vars(point) for point in again.points] == [vars(point) for point in first.points]
    found = json.loads((tmp_path / "scale.json").read_text())
    assert [point["value"] for point in found["points"]] == ["2", "3", "4", "1", "cpu", "cuda"]
    assert set(found["exponents"]["agents"]) == {"update_ms", "preparing_seconds", "memory_mib"} & set(
        found["exponents"]["agents"]
    )
    assert found["exponents"]["agents"]["update_ms"]["aim"] == 1.1
    for point in found["points"][:3]:
        assert 0 < point["learned"] < point["optimum"]
        assert point["update_ms"] > 0
    more = make_scale(tmp_path, LocalExecutor(1), only_report=True, **{**asked, "seeds": 2})
    assert [point.seeds for point in more.points[:3]] == [1, 1, 1]
    none = make_scale(tmp_path / "none", LocalExecutor(1), only_report=True, **asked)
    assert {point.missing for point in none.points} == {"not finished", "no CUDA device on this machine"}
    make_scale(tmp_path, LocalExecutor(1), **asked)
    assert len(here) == 4
    assert "cuda: no CUDA device on this machine" in markdown(again)
    assert (tmp_path / "scale.png").stat().st_size > 10_000


def test_returns_of_policies_are_those_that_are_played(here: list[PlannedRun], tmp_path: Path) -> None:
    """The exact return of a run's policies against many episodes of the environment that the data name."""
    from alberdice.deep.play.returns import evaluate
    from alberdice.deep.training.saved_run import policies_of_run
    from alberdice.environments import find_environment

    planned = plan_scale(QUICK, places_of(QUICK, ["agents"])[:1], tmp_path, STUB, 1, 10**9)[0]
    make_data(planned.place.data, tmp_path / "data")
    make_run(planned.runs[0], lambda note: None)
    policies = policies_of_run(planned.runs[0].folder, "last", trust=True)
    with find_environment("passwords(n_agents=2)").open() as environment:
        played = evaluate(policies, environment, 20_000, 3)
    assert abs(exact_return(policies, game_of(2)) - played.return_mean) < 4 * played.return_stderr


def test_a_request_that_does_not_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--axes", "agent"], ["--seeds", "0"], ["--algorithm", "alberdise"]):
        with pytest.raises(SystemExit) as stop:
            main(["scale", "--out", str(tmp_path / "out"), *words])
        assert stop.value.code == 2
        assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_quick_one_by_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every axis, a process of its own for every run, the same numbers when it is asked again."""
    command = ["scale", "--quick", "--json", "--out", str(tmp_path), "--jobs", "2"]
    found = []
    for _ in range(2):
        with pytest.raises(SystemExit) as stop:
            main(command)
        assert not stop.value.code, capsys.readouterr().err
        found.append(json.loads(capsys.readouterr().out))
    assert found[0]["points"] == found[1]["points"]
    run = [point for point in found[0]["points"] if point["missing"] is None or not point["missing"]]
    assert {point["axis"] for point in run} == set(AXES)
    assert all(point["seeds"] and point["update_ms"] > 0 for point in run)
    assert all(math.isfinite(law["exponent"]) for laws in found[0]["exponents"].values() for law in laws.values())
    processes = [cost["process"] for path in tmp_path.glob("runs/**/cost.json") if (cost := read_cost(path.parent))]
    assert len(set(processes)) == len(processes) > 15
