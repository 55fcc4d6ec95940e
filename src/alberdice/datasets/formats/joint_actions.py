"""Tables of one-step joint actions, the smallest datasets there are: a game played once per row.

CSV, with a header line:      agent_1,agent_2,reward          0,1,1.0        one row per play, or
                              agent_1,agent_2,reward,count    0,1,1.0,5000   one row per joint action and reward, and its count
JSON, one object:             {"n_actions": [2, 2], "rows": [{"actions": [0, 1], "reward": 1.0, "count": 5000}, ...]}

Actions are counted from 0.  Each play becomes an episode of one step that terminates.  There is one state; it is the constant
feature 1, as are the observations, so that networks have an input.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alberdice.datasets.build import Arrays
from alberdice.datasets.dataset import OfflineDataset
from alberdice.datasets.memory import check_rows
from alberdice.datasets.validation import MOST_ACTIONS
from alberdice.errors import InvalidDataError, fail
from alberdice.files import atomic_file
from alberdice.readers import decimal_number, read_csv, read_json, whole_number

__all__ = ["JointActionTable", "read_joint_action_table", "read_joint_actions", "write_joint_actions"]

_MOST_PLAYS = 1 << 40


@dataclass(frozen=True)
class JointActionTable:
    """The rows of a table: actions (K, N), rewards (K,), counts (K,), and the numbers of actions where they are stated."""

    actions: tuple[tuple[int, ...], ...]
    rewards: tuple[float, ...]
    counts: tuple[int, ...]
    n_actions: tuple[int, ...] | None


def _whole(source: str, where: str, value: Any, low: int, high: int, words: str) -> int:
    """A whole number within bounds, from text or JSON."""
    number = whole_number(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int) or not low <= number <= high:
        shown = repr(value)
        got = shown if len(shown) < 60 else f"{shown[:50]}... ({len(shown)} characters)"
        raise fail(source, where, got=got, expected=words)
    return number


def _real(source: str, where: str, value: Any) -> float:
    number = decimal_number(value) if isinstance(value, str) else value
    if isinstance(number, int) and not isinstance(number, bool) and abs(number) < 1 << 1023:
        number = float(number)
    if not isinstance(number, float) or not math.isfinite(number):
        raise fail(source, where, got=repr(value)[:60], expected="a finite number")
    return number


def _row(source: str, line: str, actions: Sequence[Any], reward: Any, count: Any) -> tuple[tuple[int, ...], float, int]:
    action_words = f"an action, counted from 0 and below {MOST_ACTIONS:,}"
    chosen = tuple(
        _whole(source, f"{line}, agent_{i + 1}", a, 0, MOST_ACTIONS - 1, action_words) for i, a in enumerate(actions)
    )
    count_words = f"a whole number from 1 to {_MOST_PLAYS:,}"
    return (
        chosen,
        _real(source, f"{line}, reward", reward),
        _whole(source, f"{line}, count", count, 1, _MOST_PLAYS, count_words),
    )


def _from_csv(path: Path) -> tuple[list[tuple[tuple[int, ...], float, int]], None]:
    source = str(path)
    table = read_csv(path)
    head = table.header
    agents = sum(name.startswith("agent_") for name in head)
    wanted = {f"agent_{i + 1}" for i in range(agents)} | {"reward"}
    if not agents or not wanted <= set(head) <= wanted | {"count"}:
        expected = "agent_1,agent_2,...,reward or agent_1,agent_2,...,reward,count"
        remedy = "pandas: write with index=False" if head[:1] in (("",), ("Unnamed: 0",)) else ""
        raise fail(source, "header", got=",".join(head) or "nothing", expected=expected, remedy=remedy)
    rows = []
    for line, cells in table.rows:
        named = dict(zip(head, cells, strict=True))
        actions = [named[f"agent_{i + 1}"] for i in range(agents)]
        rows.append(_row(source, f"line {line}", actions, named["reward"], named.get("count", 1)))
    return rows, None


def _from_json(path: Path) -> tuple[list[tuple[tuple[int, ...], float, int]], Any]:
    source, table = str(path), read_json(path)
    _only(source, "", table, ("n_actions", "rows", "notes"))
    if not isinstance(table.get("rows"), list):
        raise fail(source, "rows", got=type(table.get("rows")).__name__, expected="a list")
    rows = []
    for number, row in enumerate(table["rows"]):
        if not isinstance(row, dict) or not isinstance(row.get("actions"), list):
            raise fail(source, f"rows[{number}]", got=repr(row)[:60], expected='{"actions": [...], "reward": ...}')
        _only(source, f"rows[{number}]", row, ("actions", "reward", "count"))
        rows.append(_row(source, f"rows[{number}]", row["actions"], row.get("reward"), row.get("count", 1)))
    return rows, table.get("n_actions")


def _only(source: str, where: str, value: dict[str, Any], known: Sequence[str]) -> None:
    unknown = sorted(set(value) - set(known))
    if unknown:
        expected = f"{', '.join(known[:-1])} and {known[-1]} only"
        raise fail(source, where or "fields", got=f"the key {unknown[0]!r}", expected=expected)


def read_joint_action_table(path: Path, n_actions: Sequence[int] | None = None) -> JointActionTable:
    """The rows of a .json file, or of comma-separated text.

    Args:
        path: the file.
        n_actions: actions per agent; None is what the file states, if it does.

    Raises:
        InvalidDataError: a cell that is not what its column says, naming line and column; an action that an agent has not.
    """
    source = str(path)
    rows, stated = _from_json(path) if path.suffix.lower() == ".json" else _from_csv(path)
    if not rows:
        raise fail(source, "rows", got="none", expected="at least one")
    agents = len(rows[0][0])
    for number, row in enumerate(rows):
        if len(row[0]) != agents or not agents:
            expected = f"{agents or 'one or more'}, one per agent"
            raise fail(source, f"rows[{number}]", got=f"{len(row[0])} actions", expected=expected)
    own = n_actions if n_actions is not None else stated
    if own is not None:
        valid = isinstance(own, list | tuple) and len(own) == agents
        if not valid or not all(isinstance(n, int) and not isinstance(n, bool) and 0 < n <= MOST_ACTIONS for n in own):
            expected = f"{agents} whole numbers from 1 to {MOST_ACTIONS:,}"
            raise fail(source, "n_actions", got=repr(own)[:60], expected=expected)
        for number, row in enumerate(rows):
            for agent, (action, choices) in enumerate(zip(row[0], own, strict=True)):
                if action >= choices:
                    where = f"rows[{number}], agent_{agent + 1}"
                    raise fail(source, where, got=action, expected=f"0 to {choices - 1}, by n_actions")
    actions, rewards, counts = zip(*rows, strict=True)
    return JointActionTable(actions, rewards, counts, None if own is None else tuple(own))


def _stranger(path: Path) -> str:
    """What a file is that is no such table, in words."""
    try:
        read_joint_action_table(path)
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
        ResourceError: more plays than fit in memory and on the disk for scratch files.
    """
    where = Path(path)
    table = read_joint_action_table(where, n_actions)
    notes = [
        "Each play is an episode of one step that terminates; the one state is the constant feature 1, as are the observations."
    ]
    own = table.n_actions
    if own is None:
        own = tuple(max(column) + 1 for column in zip(*table.actions, strict=True))
        notes.append(f"The table does not say how many actions agents have: taken to be {list(own)}, by the largest ones seen.")
    total = sum(table.counts)
    check_rows(str(where), total, total)
    lengths = np.ones(total, np.int64)
    arrays = Arrays(lengths, own, state=(1, np.float64), observation=(1, np.float64), reward=np.float64, masks=False)
    arrays.frame_states[:total] = 1
    arrays.frame_observations[:total] = 1
    first = 0
    for actions, reward, count in zip(table.actions, table.rewards, table.counts, strict=True):
        arrays.actions[first : first + count] = actions
        arrays.rewards[first : first + count] = reward
        first += count
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
