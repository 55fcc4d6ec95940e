"""How a log's episodes end, and what their steps pay."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alberdice._checks import FloatArray
from alberdice.datasets.formats.log_cells import Log
from alberdice.datasets.formats.log_roles import Roles
from alberdice.datasets.formats.log_steps import Frames
from alberdice.datasets.formats.rewards import check_rule, combined, header_rule, reward_note
from alberdice.errors import fail

__all__ = ["ReadRewards", "read_ends", "read_rewards"]

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class ReadRewards:
    """The team's rewards (T,), the rule by which they came, as the header says it, and notes."""

    values: FloatArray
    rule: str
    notes: list[str]


def _shared(log: Log, frames: Frames, column: str, values: FloatArray) -> FloatArray:
    """A column's values by frame (F,), which all agents' rows of a step agree on."""
    found = values[frames.rows]
    wrong = np.argwhere((found != found[:, :1]) & ~(np.isnan(found) & np.isnan(found[:, :1])))
    if len(wrong):
        frame, agent = (int(i) for i in wrong[0])
        first, other = (int(frames.rows[frame, k]) for k in (0, agent))
        words = log.texts(column)
        expected = f"{words[first]!r}, as in {log.place(first)} of the same step"
        remedy = "agents end together: of one that has died or left, go on with rows of action 0, its only available one"
        raise log.fault(other, column, got=repr(words[other]), expected=expected, remedy=remedy)
    return np.asarray(found[:, 0])


def read_ends(log: Log, roles: Roles, frames: Frames, limit: int | None) -> tuple[Flags, Flags, list[str]]:
    """Terminated (T,), truncated (T,), and what was assumed.

    Args:
        log: the cells.
        roles: which column is what.
        frames: which row is what.
        limit: steps at which a time limit cut episodes.

    Raises:
        InvalidDataError: an end within an episode, an episode without an end, nothing that says how episodes end.
    """
    steps = np.flatnonzero(~frames.final)
    lengths = frames.lengths
    last = np.cumsum(lengths) - 1
    long = np.flatnonzero(lengths > (limit or lengths.max()))
    if len(long):
        row = int(frames.rows[steps[last[long[0]]], 0])
        raise log.fault(row, "", got=f"an episode of {lengths[long[0]]} steps", expected=f"at most the limit, {limit}")
    marks = {name: _marks(log, frames, getattr(roles, name), steps, last) for name in ("terminated", "truncated")}
    terminated, truncated = marks["terminated"], marks["truncated"]
    at_limit = lengths == limit if limit is not None else np.zeros(len(lengths), np.bool_)
    notes = []
    if terminated is None and truncated is None:
        if limit is None:
            expected = "a column `terminated` or `truncated`, or an episode limit"
            remedy = "--episode-limit L: episodes of L steps were cut, shorter ones ended by themselves"
            raise fail(log.source, "ends", got="nothing that says how episodes end", expected=expected, remedy=remedy)
        truncated, terminated = at_limit, ~at_limit
        words = f"{int(at_limit.sum())} episodes of exactly {limit} steps are truncated, the others terminated"
        notes.append(f"The log marks no ends: {words}.")
    elif truncated is None and terminated is not None:
        truncated = ~terminated
        if truncated.any():
            notes.append(f"{int(truncated.sum())} episodes are not marked terminated, and are taken as cut by a time limit.")
    elif terminated is None and truncated is not None:
        terminated = ~truncated
        if terminated.any():
            notes.append(f"{int(terminated.sum())} episodes are not marked truncated, and are taken as terminated.")
    assert terminated is not None
    assert truncated is not None
    open_ends = np.flatnonzero(~(terminated | truncated))
    if len(open_ends):
        row = int(frames.rows[steps[last[open_ends[0]]], 0])
        remedy = "mark it truncated where the record stops and the process went on"
        got = "0, and the episode's last step is not terminated either"
        raise log.fault(row, roles.truncated, got=got, expected="1 in one of the two columns", remedy=remedy)
    full = np.zeros((2, len(steps)), np.bool_)
    full[0, last], full[1, last] = terminated, truncated
    return full[0], full[1], notes


def _marks(log: Log, frames: Frames, column: str, steps: NDArray[np.int64], last: NDArray[np.int64]) -> Flags | None:
    """Which episodes a column marks, (E,); None without one."""
    if not column:
        return None
    values = _shared(log, frames, column, log.flags(column))
    first = frames.rows[:, 0]
    absent = np.flatnonzero(np.isnan(values) & ~frames.final)
    if len(absent):
        raise log.fault(int(first[absent[0]]), column, got="nothing", expected="0 or 1 for every step")
    told = np.flatnonzero((values == 1) & frames.final)
    if len(told):
        remedy = "mark the step before it, which led there"
        raise log.fault(int(first[told[0]]), column, got="1 in a final frame", expected="0 or nothing", remedy=remedy)
    marked = values[steps] == 1
    inside = marked.copy()
    inside[last] = False
    early = np.flatnonzero(inside)
    if len(early):
        remedy = "give what follows the name of another episode"
        raise log.fault(int(first[steps[early[0]]]), column, got="1", expected="0 before an episode's last step", remedy=remedy)
    return np.asarray(marked[last])


def read_rewards(log: Log, roles: Roles, frames: Frames, rule: str) -> ReadRewards:
    """The team's rewards.

    Args:
        log: the cells.
        roles: which column is what.
        frames: which row is what.
        rule: how agents' rewards become the team's: 'equal', 'mean', 'sum' or an agent's name.

    Raises:
        InvalidDataError: a step without a reward, a final frame with one, agents that differ where the rule is 'equal'.
    """
    check_rule(log.source, rule, frames.agents)
    columns = [roles.reward] if roles.reward else [own.reward for own in roles.agents.values()]
    values = np.stack([log.numbers(column, "mend the cell, or leave the episode out") for column in columns], axis=1)
    own = np.stack([values[frames.rows[:, k], k if len(columns) > 1 else 0] for k in range(len(frames.agents))], axis=1)
    for wrong, got, expected in (
        (np.isnan(own) & ~frames.final[:, None], "nothing", "a reward for every step"),
        ((np.nan_to_num(own) != 0) & frames.final[:, None], "a reward in a final frame", "nothing, or 0"),
    ):
        found = np.argwhere(wrong)
        if len(found):
            frame, agent = (int(i) for i in found[0])
            column = columns[agent if len(columns) > 1 else 0]
            raise log.fault(int(frames.rows[frame, agent]), column, got=got, expected=expected)
    paid, rows = own[~frames.final], frames.rows[~frames.final]
    apart = np.argwhere(paid != paid[:, :1])
    if rule == "equal" and len(apart):
        step, agent = (int(i) for i in apart[0])
        remedy = f"say how they combine: --team-reward mean, sum, or one of {', '.join(frames.agents)}"
        got, expected = f"{paid[step, agent]:g}", f"{paid[step, 0]:g}, {frames.agents[0]}'s: one reward for all agents"
        column = columns[agent if len(columns) > 1 else 0]
        raise log.fault(int(rows[step, agent]), column, got=got, expected=expected, remedy=remedy)
    if roles.reward and roles.layout == "wide":
        return ReadRewards(paid[:, 0], "common", [])
    team = combined(log.source, "step {}", paid, rule, frames.agents)
    return ReadRewards(team, header_rule(rule), [] if rule == "equal" else [reward_note(rule)])
