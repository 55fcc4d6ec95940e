"""Which rows of a log are which frames: sorted into episodes and steps, and for the long layout by agent.

An episode's frames are its rows in the order of their times, which count from 0 or from 1 without a gap; without times, as they
lie in the file.  A last row without any action is the final frame: where the last step led.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alberdice.datasets.formats.log_cells import Log
from alberdice.datasets.formats.log_roles import Roles
from alberdice.errors import fail

__all__ = ["Frames", "find_frames"]

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Frames:
    """Frames in order.

    Attributes:
        agents: names, in the order of the columns of ``rows``.
        rows: (F, N), the row of the log for each frame and agent; in the wide layout all agents' is the same.
        episode: (F,), 0 .. E - 1.
        final: (F,), whether the frame is a final one, after which nothing was done.
    """

    agents: tuple[str, ...]
    rows: Rows
    episode: Rows
    final: NDArray[np.bool_]

    @property
    def lengths(self) -> Rows:
        """(E,) steps."""
        return np.bincount(self.episode[~self.final], minlength=int(self.episode[-1]) + 1)

    @property
    def target(self) -> Rows:
        """(F,) the row of a dataset's frames that each is: steps first, then final frames by episode."""
        steps = int((~self.final).sum())
        return np.where(self.final, steps + self.episode, np.cumsum(~self.final) - 1)


def find_frames(log: Log, roles: Roles) -> Frames:
    """Sort the rows.

    Raises:
        InvalidDataError: an episode or a time that is empty, a time twice or missing, an agent missing, an action missing
            before the end of an episode; naming the line.
    """
    episode, names = _codes(log, roles.episode)
    agent, agents = _codes(log, roles.agent) if roles.layout == "long" else (np.zeros(log.n_rows, np.int64), ("",))
    if roles.actions:
        agent, agents = _in_order(log, roles, agent, agents)
    time = _times(log, roles, episode)
    order = np.lexsort((agent, time, episode))
    rows = _by_agent(log, order, (episode, time, agent), (names, agents))
    first = rows[:, 0]
    _check_times(log, roles, first, episode[first], time[first])
    final = _final(log, roles, rows, episode[first])
    frames = Frames(tuple(roles.agents) if roles.layout == "wide" else agents, rows, episode[first], final)
    empty = np.flatnonzero(frames.lengths == 0)
    if len(empty):
        row = int(first[np.flatnonzero(frames.episode == empty[0])[0]])
        raise log.fault(row, "", got="an episode without an action", expected="at least one step")
    if roles.layout == "wide":
        frames = Frames(frames.agents, np.repeat(rows, len(frames.agents), axis=1), frames.episode, final)
    return frames


def _codes(log: Log, column: str) -> tuple[Rows, tuple[str, ...]]:
    """Words as numbers, in the order in which they first occur."""
    words = log.texts(column)
    known: dict[str, int] = {}
    codes = np.array([known.setdefault(word, len(known)) for word in words], np.int64)
    if "" in known:
        raise log.fault(words.index(""), column, got="nothing", expected="a name or number in every row")
    return codes, tuple(known)


def _in_order(log: Log, roles: Roles, agent: Rows, agents: tuple[str, ...]) -> tuple[Rows, tuple[str, ...]]:
    """The agents in the dictionary's order."""
    told = tuple(roles.actions)
    if set(told) != set(agents):
        got, expected = f"the agents {', '.join(agents)}", f"{', '.join(told)}, as the dictionary says"
        raise fail(log.source, f"column {roles.agent!r}", got=got, expected=expected)
    return np.array([told.index(name) for name in agents], np.int64)[agent], told


def _times(log: Log, roles: Roles, episode: Rows) -> NDArray[np.float64]:
    """The rows' times; without a column, their places in their episodes, whose rows must then lie together."""
    if not roles.time:
        begins = np.flatnonzero(np.append(True, episode[1:] != episode[:-1]))
        again = np.flatnonzero(np.diff(episode[begins]) < 0)
        if len(again):
            row = int(begins[again[0] + 1])
            remedy = "give the log a column of times, or sort it by episode"
            raise log.fault(
                row, roles.episode, got="an episode that had ended before", expected="its rows together", remedy=remedy
            )
        lengths = np.diff(np.append(begins, len(episode)))
        return (np.arange(len(episode)) - np.repeat(begins, lengths)).astype(np.float64)
    remedy = "clocks are no times of steps: leave the column out (ignore) where rows are in order"
    time = log.numbers(roles.time, remedy)
    wrong = np.flatnonzero(~(time == np.floor(time)))  # NaN, too
    if len(wrong):
        row = int(wrong[0])
        got = repr(log.texts(roles.time)[row])
        raise log.fault(row, roles.time, got=got, expected="a whole number: 0, 1, 2, ... in every episode", remedy=remedy)
    return time


def _by_agent(
    log: Log, order: Rows, keys: tuple[Rows, NDArray[np.float64], Rows], names: tuple[tuple[str, ...], tuple[str, ...]]
) -> Rows:
    """Rows in order, (F, N): every agent once at every time of an episode."""
    episode, time, agent = (key[order] for key in keys)
    same = (episode[1:] == episode[:-1]) & (time[1:] == time[:-1])
    twice = np.flatnonzero(same & (agent[1:] == agent[:-1]))
    if len(twice):
        first, second = sorted(int(row) for row in order[twice[0] : twice[0] + 2])
        who = f", agent {names[1][agent[twice[0]]]}" if len(names[1]) > 1 else ""
        got = (
            f"episode {names[0][episode[twice[0]]]}, time {time[twice[0]]:g}{who} again, which is at {log.place(first)} already"
        )
        raise log.fault(second, "", got=got, expected="every step once", remedy="leave one of them out")
    begins = np.flatnonzero(np.append(True, ~same))
    count = np.diff(np.append(begins, len(order)))
    short = np.flatnonzero(count < len(names[1]))
    if len(short):
        at, many = int(begins[short[0]]), int(count[short[0]])
        missing = ", ".join(names[1][k] for k in range(len(names[1])) if k not in agent[at : at + many])
        where = f"episode {names[0][episode[at]]}, time {time[at]:g}"
        remedy = "of an agent that has died or left, write rows with action 0, and action 0 its only available one"
        raise log.fault(int(order[at]), "", got=f"no row of {missing} at {where}", expected="one of every agent", remedy=remedy)
    return order.reshape(-1, len(names[1]))


def _check_times(log: Log, roles: Roles, rows: Rows, episode: Rows, time: NDArray[np.float64]) -> None:
    """Times count from the same number, 0 or 1, without a gap."""
    if not roles.time:
        return
    begins = np.append(True, episode[1:] != episode[:-1])
    base = 1.0 if time[begins].min() == 1 else 0.0
    starts = np.flatnonzero(begins)
    expected = base + np.arange(len(time)) - np.repeat(starts, np.diff(np.append(starts, len(time))))
    wrong = np.flatnonzero(time != expected)
    if len(wrong):
        k = int(wrong[0])
        remedy = "a step is missing, or the episode's beginning: cut the episode, or give its parts names of their own"
        raise log.fault(
            int(rows[k]), roles.time, got=f"{time[k]:g}", expected=f"{expected[k]:g}: steps without a gap", remedy=remedy
        )


def _final(log: Log, roles: Roles, rows: Rows, episode: Rows) -> NDArray[np.bool_]:
    """Which frames hold no action of anybody; only an episode's last may."""
    columns = [own.action for own in roles.agents.values()]
    empty = {column: np.array([text == "" for text in log.texts(column)]) for column in columns}
    absent = np.stack([empty[column][rows] for column in columns], axis=-1).reshape(len(rows), -1)
    names = np.stack([np.full(rows.shape, k) for k in range(len(columns))], axis=-1).reshape(len(rows), -1)
    final = np.asarray(absent.all(axis=1))
    last = np.append(episode[1:] != episode[:-1], True)
    wrong = np.argwhere(absent & ~(final & last)[:, None])
    if len(wrong):
        frame, k = (int(i) for i in wrong[0])
        row = int(np.repeat(rows, len(columns), axis=1)[frame, k])
        remedy = "only the last row of an episode may be without actions, all agents': the final frame"
        raise log.fault(row, columns[names[frame, k]], got="nothing", expected="an action", remedy=remedy)
    return final
