"""Tables of one-step joint actions, the smallest datasets there are: a game played once per row.

CSV, with a header line:      agent_1,agent_2,reward          0,1,1.0        one row per play, or
                              agent_1,agent_2,reward,count    0,1,1.0,5000   one row per joint action and reward, and its count
JSON, one object:             {"n_actions": [2, 2], "rows": [{"actions": [0, 1], "reward": 1.0, "count": 5000}, ...]}

Actions are counted from 0.  Each play becomes an episode of one step that terminates.  There is one state; it is the constant
feature 1, as are the observations, so that networks have an input.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from alberdice.datasets.build import Arrays
from alberdice.datasets.dataset import OfflineDataset
from alberdice.errors import InvalidDataError, fail
from alberdice.files import atomic_file, storage_errors
from alberdice.readers import read_json

__all__ = ["read_joint_actions", "write_joint_actions"]

_Row = tuple[tuple[int, ...], float, int]


def _number(source: str, where: str, value: Any, kind: type) -> Any:
    """A finite number of this kind, from text or JSON."""
    try:
        if isinstance(value, bool) or value is None or (kind is int and isinstance(value, float)):
            raise ValueError
        number = kind(value)
        if not math.isfinite(number):
            raise ValueError
    except (ValueError, TypeError, OverflowError):
        words = "a whole number" if kind is int else "a finite number"
        raise fail(source, where, got=repr(value), expected=words) from None
    return number


def _row(source: str, line: str, actions: Sequence[Any], reward: Any, count: Any) -> _Row:
    chosen = tuple(_number(source, f"{line}, agent_{i + 1}", a, int) for i, a in enumerate(actions))
    for i, action in enumerate(chosen):
        if action < 0:
            raise fail(source, f"{line}, agent_{i + 1}", got=action, expected="an action, 0 or more")
    times = _number(source, f"{line}, count", count, int)
    if times < 1:
        raise fail(source, f"{line}, count", got=times, expected="at least 1")
    return chosen, _number(source, f"{line}, reward", reward, float), times


def _from_csv(path: Path) -> list[_Row]:
    source = str(path)
    with storage_errors(path):
        try:
            lines = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines(), strict=True))
        except (UnicodeDecodeError, csv.Error) as problem:
            raise fail(source, "file", got=str(problem), expected="comma-separated text") from None
    head = [name.strip() for name in lines[0]] if lines else []
    agents = sum(name.startswith("agent_") for name in head)
    wanted = [f"agent_{i + 1}" for i in range(agents)] + ["reward"]
    if not agents or head not in (wanted, [*wanted, "count"]):
        raise fail(source, "line 1", got=",".join(head) or "nothing", expected="agent_1,agent_2,...,reward or ...,reward,count")
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        if not line:
            continue
        if len(line) != len(head):
            raise fail(source, f"line {number}", got=f"{len(line)} cells", expected=f"{len(head)}, as in line 1")
        rows.append(
            _row(source, f"line {number}", line[:agents], line[agents], line[agents + 1] if len(head) > agents + 1 else 1)
        )
    return rows


def _from_json(path: Path) -> tuple[list[_Row], Any]:
    source, table = str(path), read_json(path)
    if not isinstance(table.get("rows"), list):
        raise fail(source, "rows", got=type(table.get("rows")).__name__, expected="a list")
    rows = []
    for number, row in enumerate(table["rows"]):
        if not isinstance(row, dict) or not isinstance(row.get("actions"), list):
            raise fail(source, f"rows[{number}]", got=row, expected='{"actions": [...], "reward": ...}')
        unknown = sorted(set(row) - {"actions", "reward", "count"})
        if unknown:
            raise fail(source, f"rows[{number}]", got=f"the key {unknown[0]!r}", expected="actions, reward and count only")
        rows.append(_row(source, f"rows[{number}]", row["actions"], row.get("reward"), row.get("count", 1)))
    return rows, table.get("n_actions")


def _table(path: Path) -> tuple[list[_Row], Any]:
    """Rows and, where the file states them, numbers of actions."""
    return _from_json(path) if path.suffix.lower() == ".json" else (_from_csv(path), None)


def _stranger(path: Path) -> str:
    """What a file is that is no such table, in words."""
    try:
        _table(path)
    except InvalidDataError as problem:
        return f"a file that is no table of joint actions ({problem.where}: got {problem.got})"
    return ""


def read_joint_actions(path: str | Path, *, name: str | None = None, n_actions: Sequence[int] | None = None) -> OfflineDataset:
    """Read a table of one-step joint actions.

    Args:
        path: a .json file, or comma-separated text.
        name: the dataset's name; None is the file's.
        n_actions: actions per agent; None is the file's own, or one more than the largest action of each agent.

    Raises:
        InvalidDataError: a cell that is not what its column says, naming line and column.
    """
    where = Path(path)
    rows, stated = _table(where)
    if not rows:
        raise fail(str(where), "rows", got="none", expected="at least one")
    agents = len(rows[0][0])
    for number, row in enumerate(rows):
        if len(row[0]) != agents or not agents:
            raise fail(
                str(where),
                f"rows[{number}]",
                got=f"{len(row[0])} actions",
                expected=f"{agents or 'one or more'}, one per agent",
            )
    notes = [
        "Each play is an episode of one step that terminates; the one state is the constant feature 1, as are the observations."
    ]
    own = n_actions if n_actions is not None else stated
    if own is None:
        own = [max(row[0][i] for row in rows) + 1 for i in range(agents)]
        notes.append(f"The table does not say how many actions agents have: taken to be {own}, by the largest ones seen.")
    if not isinstance(own, list | tuple) or len(own) != agents or not all(isinstance(n, int) and n > 0 for n in own):
        raise fail(str(where), "n_actions", got=own, expected=f"{agents} positive whole numbers")
    counts = np.array([row[2] for row in rows])
    total = int(counts.sum())
    arrays = Arrays(
        np.ones(total, np.int64), own, state=(1, np.float64), observation=(1, np.float64), reward=np.float64, masks=False
    )
    arrays.frame_states[:total] = 1
    arrays.frame_observations[:total] = 1
    arrays.actions[:] = np.repeat([row[0] for row in rows], counts, axis=0)
    arrays.rewards[:] = np.repeat([row[1] for row in rows], counts)
    arrays.terminated[:] = True
    return arrays.finish(where.stem if name is None else name, notes=notes, source=str(where))


def write_joint_actions(dataset: OfflineDataset, path: str | Path, *, overwrite: bool = False) -> tuple[str, ...]:
    """Write a dataset of one-step episodes as a table with counts: JSON where the name ends so, else CSV.

    Runs of equal plays become one row, so the order is kept.

    Returns:
        What the table could not hold, one sentence each.

    Raises:
        InvalidDataError: an episode of several steps, or one that does not terminate.
    """
    longer = np.flatnonzero(dataset.lengths != 1)
    if len(longer):
        raise fail(
            dataset.name, f"episode {longer[0]}", got=f"{dataset.lengths[longer[0]]} steps", expected="one-step episodes"
        )
    if not dataset.terminated.all():
        where = f"terminated[{int(np.argmin(dataset.terminated))}]"
        raise fail(dataset.name, where, got=False, expected="one-step episodes that terminate")
    key = np.concatenate([dataset.actions, dataset.rewards.astype(np.float64)[:, None].view(np.int64)], axis=1)
    begins = np.flatnonzero(np.concatenate([[True], (key[1:] != key[:-1]).any(axis=1)]))
    counts = np.diff(np.append(begins, len(key)))
    target = Path(path)
    rows = [
        {"actions": dataset.actions[at].tolist(), "reward": float(dataset.rewards[at]), "count": int(count)}
        for at, count in zip(begins, counts, strict=True)
    ]
    losses = []
    if (dataset.frame_states[: dataset.n_steps] != 1).any() or (dataset.observations != 1).any():
        losses.append("States and observations have no place in the table and were left out.")
    if dataset.frame_masks is not None and not dataset.action_masks.all():
        losses.append("Action masks have no place in the table and were left out.")
    with atomic_file(target, "table of joint actions", _stranger, overwrite=overwrite) as partial:
        if target.suffix.lower() == ".json":
            partial.write_text(json.dumps({"n_actions": list(dataset.n_actions), "rows": rows}, indent=1))
        else:
            losses.append("The numbers of actions are not in a CSV table; give them again when reading.")
            head = ",".join([f"agent_{i + 1}" for i in range(dataset.n_agents)] + ["reward", "count"])
            lines = [",".join([*map(str, row["actions"]), repr(row["reward"]), str(row["count"])]) for row in rows]
            partial.write_text("\n".join([head, *lines]) + "\n")
    return tuple(losses)
