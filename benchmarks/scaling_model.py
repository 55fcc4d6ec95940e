"""A model of what training costs, fitted to what was measured, and what it says of sizes that were not.

    python benchmarks/scaling_model.py            # results/scaling_model.json, and the tables in docs/scaling.md

It reads ``results/scale.json`` and ``results/training_memory.json``.

    update, processor ms     u(N, B) = c + N (a + b B)       axes agents and rows
    memory, bytes            m(T)    = M + d T               axis data, N of its base
    once, processor s        o(T)    = O + f T               the same

N agents, B rows of an update, T steps of data. All constants are nonnegative, and least squares are of relative errors, so that
small points count as much as large ones; ``worst`` is the largest relative error of a fitted point. d and f grow with N as the
sizes of what is kept do; ``per_agent_step`` is the built data's size, from the other measurement. What is beyond the points
is an extrapolation, no measurement.
"""

from __future__ import annotations

import json
import math
from itertools import pairwise
from typing import Any

import numpy as np
from machine import RESULTS, write
from pages import DOCS, with_table
from scipy.optimize import nnls

PAGE = DOCS / "scaling.md"
MARKS = ("<!-- written by benchmarks/scaling_model.py -->", "<!-- end -->")
#: what is asked: (agents, steps)
ASKED = ((4, 10**6), (4, 10**9), (1_000, 10**6), (1_000, 10**9))
#: bytes a second and seconds of one message: assumed, not measured
LINKS = {"10 Gbit/s Ethernet": (1.25e9, 50e-6), "within a machine of GPUs": (4e11, 10e-6)}
FLOAT = 4


def fitted(columns: list[list[float]], values: list[float]) -> tuple[list[float], float]:
    """Nonnegative coefficients of least relative squares, and the worst relative error."""
    y = np.asarray(values)
    matrix = np.asarray(columns).T / y[:, None]
    scale = matrix.max(axis=0)
    found = nnls(matrix / scale, np.ones(len(y)))[0] / scale
    return found.tolist(), float(np.abs(matrix @ found - 1).max())


def points_of(scale: dict[str, Any], *axes: str) -> list[dict[str, Any]]:
    return [point for point in scale["points"] if point["axis"] in axes and not point["missing"]]


def model(scale: dict[str, Any], memory: dict[str, Any]) -> dict[str, Any]:
    """The constants."""
    base = scale["base"]
    agents, rows = base["data"]["n_agents"], base["settings"]["batch_size"]
    of_updates = points_of(scale, "agents", "rows")
    n = [point["number"] if point["axis"] == "agents" else agents for point in of_updates]
    b = [rows if point["axis"] == "agents" else point["number"] for point in of_updates]
    each = [x * y for x, y in zip(n, b, strict=True)]
    (c, a, per_row), worst = fitted([[1.0] * len(n), n, each], [point["update_ms"] for point in of_updates])
    found: dict[str, Any] = {"update": {"c": c, "a": a, "b": per_row, "worst": worst, "points": len(n)}}
    data = points_of(scale, "data")
    steps = [point["number"] for point in data]
    for name, field, unit in (("memory", "memory_mib", 2.0**20), ("once", "preparing_seconds", 1.0)):
        (least, per_step), worst = fitted([[1.0] * len(data), steps], [unit * point[field] for point in data])
        found[name] = {"least": least, "per_step": per_step, "worst": worst, "points": len(data)}
    cases = memory["cases"]
    found["per_agent_step"] = max(case["dataset_bytes"] * case["share"] / case["steps"] / case["n_agents"] for case in cases)
    return found | {"base": {"agents": agents, "rows": rows, "hidden": base["settings"]["hidden"]}}


def parameters_of(hidden: list[int], features: int, actions: int) -> int:
    """Of one agent's policy, nu and e."""
    sizes = [features, *hidden]
    body = sum((a + 1) * b for a, b in pairwise(sizes))
    return 3 * body + (hidden[-1] + 1) * (2 * actions + 1)


def said(found: dict[str, Any], features: int = 11, actions: int = 4) -> list[dict[str, Any]]:
    """What the model says of each size that is asked for, on one core."""
    rows, agents = found["base"]["rows"], found["base"]["agents"]
    update, memory, once = found["update"], found["memory"], found["once"]
    answers = []
    for n, steps in ASKED:
        gradients = FLOAT * n * parameters_of(found["base"]["hidden"], features, actions)
        answers.append(
            {
                "agents": n,
                "steps": steps,
                "update_seconds": 1e-3 * (update["c"] + n * (update["a"] + update["b"] * rows)),
                "memory_gb": 1e-9 * (memory["least"] + memory["per_step"] * steps * n / agents),
                "large_memory_gb": 1e-9 * found["per_agent_step"] * steps * n,
                "cache_gb": 1e-9 * FLOAT * steps * n,
                "once_hours": (once["least"] + once["per_step"] * steps * n / agents) / 3600,
                "gradient_mb": 1e-6 * gradients,
                "exchange_seconds": {k: 2 * gradients / speed + n * wait for k, (speed, wait) in LINKS.items()},
            }
        )
    return answers


def short(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{max(0, 1 - math.floor(math.log10(value)))}f}" if value > 0 else "0"


def tables(content: dict[str, Any]) -> str:
    """The page's tables."""
    found = content["model"]
    update, memory, once = found["update"], found["memory"], found["once"]
    at = f"at N = {found['base']['agents']}"
    rows = (
        ("update, ms", f"{short(update['c'])} + N ({short(update['a'])} + {short(1e3 * update['b'])} B / 1,000)", update),
        (f"memory, MB, {at}", f"{short(1e-6 * memory['least'])} + {short(memory['per_step'])} T / 10⁶", memory),
        (f"once, s, {at}", f"{short(once['least'])} + {short(1e6 * once['per_step'])} T / 10⁶", once),
    )
    lines = ["| | fitted | worst error | points |", "|---|---|---|---|"]
    lines += [f"| {name} | {law} | {100 * part['worst']:.0f}% | {part['points']} |" for name, law, part in rows]
    lines += [
        "",
        "| exponent | measured | last two points | aim |",
        "|---|---|---|---|",
    ]
    for axis, measure, words in (
        ("agents", "update_ms", "time of an update in N"),
        ("agents", "memory_mib", "memory in N"),
        ("data", "memory_mib", "memory in T"),
        ("data", "preparing_seconds", "time that comes once in T"),
        ("rows", "update_ms", "time of an update in B"),
    ):
        law = content["exponents"].get(axis, {}).get(measure)
        if law:
            error = "" if law["error"] is None else f" ± {law['error']:.2f}"
            aim = "" if law["aim"] is None else f"at most {law['aim']:g}"
            lines.append(f"| {words} | {law['exponent']:.2f}{error} | {law['tail']:.2f} | {aim} |")
    lines += [
        "",
        f"| N, T | update, s | memory as here, GB | as warehouses, GB | cache, GB | once, h | gradients, MB | "
        f"{' | '.join(f'exchange, s: {link}' for link in LINKS)} |",
        "|---|" + "---|" * (6 + len(LINKS)),
    ]
    for answer in content["said"]:
        names = ("update_seconds", "memory_gb", "large_memory_gb", "cache_gb", "once_hours", "gradient_mb")
        numbers = [answer[name] for name in names] + list(answer["exchange_seconds"].values())
        lines.append(f"| {answer['agents']:,}, {answer['steps']:.0e} | {' | '.join(map(short, numbers))} |".replace("e+0", "e"))
    return "\n".join(lines)


def with_tables(page: str, content: dict[str, Any]) -> str:
    """The page with the tables in their place."""
    return with_table(page, tables(content), *MARKS)


def read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def content_of(scale: dict[str, Any], memory: dict[str, Any]) -> dict[str, Any]:
    found = model(scale, memory)
    made = {name: scale[name] for name in ("date", "versions", "machine", "load")}
    return {"from": made, "model": found, "exponents": scale["exponents"], "said": said(found)}


def main() -> None:
    content = content_of(read("scale"), read("training_memory"))
    write("scaling_model", content)
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8"), content), encoding="utf-8")


if __name__ == "__main__":
    main()
