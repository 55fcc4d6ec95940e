"""The model of cost in docs/scaling.md: its fit against models that are known, its tables against what the script writes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import scaling_model


def made_of(c: float, a: float, b: float, least: float, per_step: float) -> dict[str, Any]:
    """A scaling experiment in which the model holds exactly."""

    def point(axis: str, number: float, n: float = 4, rows: float = 256, steps: float = 10_000) -> dict[str, Any]:
        costs = {"update_ms": c + n * (a + b * rows), "memory_mib": (least + per_step * steps) / 2**20}
        return {"axis": axis, "number": number, "missing": "", **costs, "preparing_seconds": 0.5 + 3e-6 * steps}

    points = [point("agents", n, n=n) for n in (2, 8, 64)]
    points += [point("rows", rows, rows=rows) for rows in (64, 4096)]
    points += [point("data", steps, steps=steps) for steps in (1e3, 1e5, 1e6)]
    points += [{"axis": "data", "number": 1e7, "missing": "too large"}]
    base = {"data": {"n_agents": 4}, "settings": {"batch_size": 256, "hidden": [64, 64]}}
    return {"points": points, "base": base}


def test_a_model_that_holds_is_found() -> None:
    memory = {"cases": [{"dataset_bytes": 600.0, "share": 1.5, "steps": 10, "n_agents": 3}]}
    found = scaling_model.model(made_of(2.0, 3.0, 0.01, 5e7, 400.0), memory)
    assert [found["update"][k] for k in "cab"] == pytest.approx([2.0, 3.0, 0.01])
    assert [found["memory"][k] for k in ("least", "per_step")] == pytest.approx([5e7, 400.0])
    assert [found["once"][k] for k in ("least", "per_step")] == pytest.approx([0.5, 3e-6])
    assert max(found[k]["worst"] for k in ("update", "memory", "once")) < 1e-9
    assert found["per_agent_step"] == 30.0
    (small, long, wide, both) = scaling_model.said(found)
    assert wide["update_seconds"] == pytest.approx(1e-3 * (2.0 + 1000 * (3.0 + 0.01 * 256)))
    assert long["memory_gb"] == pytest.approx(400.0 + 0.05)
    assert both["cache_gb"] == pytest.approx(4000.0)
    assert small["gradient_mb"] == pytest.approx(4e-6 * 4 * scaling_model.parameters_of([64, 64], 11, 4))


def test_parameters_are_those_of_the_networks() -> None:
    assert scaling_model.parameters_of([5], 3, 2) == 3 * (4 * 5) + 6 * 2 + 6 * 1 + 6 * 2


def test_the_page_says_what_the_script_says() -> None:
    page = scaling_model.PAGE.read_text(encoding="utf-8")
    content = scaling_model.content_of(scaling_model.read("scale"), scaling_model.read("training_memory"))
    assert page == scaling_model.with_tables(page, content)
