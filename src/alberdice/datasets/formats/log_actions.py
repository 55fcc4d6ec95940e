"""The agents' actions and what was available to them, of a log.

How many actions an agent has: what is told, the dictionary's names, as many as it has masks, or what occurs.  An action is a
name, or a number from 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from alberdice.datasets.formats.log_cells import Log
from alberdice.datasets.formats.log_roles import AgentColumns, Roles
from alberdice.datasets.formats.log_steps import Frames
from alberdice.datasets.validation import MOST_ACTIONS
from alberdice.errors import fail
from alberdice.readers import decimal_number

__all__ = ["ReadActions", "read_actions"]

_DEAD = "for an agent that has died or left, make action 0 its only available one, and its action there 0"
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class ReadActions:
    """Actions (T, N), masks (F, N, A) or None, how many actions agents have, their names or (), and what was assumed."""

    actions: Rows
    masks: NDArray[np.bool_] | None
    n_actions: tuple[int, ...]
    names: tuple[tuple[str, ...], ...]
    notes: list[str]


def read_actions(
    log: Log, roles: Roles, frames: Frames, terminated: NDArray[np.bool_], told: Sequence[int] | None
) -> ReadActions:
    """All agents' actions and masks.

    Args:
        log: the cells.
        roles: which column is what.
        frames: which row is what.
        terminated: (T,).
        told: actions per agent, where that is told.

    Raises:
        InvalidDataError: a cell that is no action of the agent's, an action that its mask forbids, a mask that is none;
            naming line and column.
    """
    agents = frames.agents
    if told is not None and (len(told) != len(agents) or min(told) < 1 or max(told) > MOST_ACTIONS):
        expected = f"{len(agents)} whole numbers from 1 to {MOST_ACTIONS:,}, for {', '.join(agents)}"
        raise fail(log.source, "n_actions", got=tuple(told), expected=expected)
    # After an episode has terminated nothing is asked of anybody.
    over = np.zeros(len(frames.final), np.bool_)
    over[1:] = frames.final[1:] & terminated[np.cumsum(~frames.final)[:-1] - 1]
    each = [_Agent(log, _own(roles, name), name, frames, k, over) for k, name in enumerate(agents)]
    found = [one.read(None if told is None else told[k]) for k, one in enumerate(each)]
    sizes = tuple(size for _, _, size, _, _ in found)
    masks = None
    if any(mask is not None for _, mask, *_ in found):
        masks = np.zeros((len(frames.rows), len(agents), max(sizes)), np.bool_)
        for k, (_, mask, size, _, _) in enumerate(found):
            masks[:, k, :size] = True if mask is None else mask
    notes = [note for *_, said in found for note in said]
    numbers = tuple(tuple(map(str, range(size))) for size in sizes)
    names = tuple(own + plain[len(own) :] for (*_, own, _), plain in zip(found, numbers, strict=True))
    names = names if names != numbers else ()
    return ReadActions(np.stack([chosen for chosen, *_ in found], axis=1), masks, sizes, names, notes)


def _own(roles: Roles, agent: str) -> AgentColumns:
    """An agent's columns and actions."""
    if roles.layout == "wide":
        return roles.agents[agent]
    told = roles.actions.get(agent)
    return roles.agents[""] if told is None else replace(roles.agents[""], actions=told)


@dataclass(frozen=True)
class _Agent:
    """One agent's part of the log; ``over``: final frames of episodes that terminated."""

    log: Log
    own: AgentColumns
    name: str
    frames: Frames
    place: int
    over: NDArray[np.bool_]

    def read(self, told: int | None) -> tuple[Rows, NDArray[np.bool_] | None, int, tuple[str, ...], list[str]]:
        """Actions (T,), mask (F, A_i) or None, A_i, the actions' names or (), notes."""
        rows = self.frames.rows[:, self.place]
        flags = np.stack([self.log.flags(c)[rows] for c in self.own.mask], axis=1) if self.own.mask else None
        stated, names, notes = self.own.actions, self._names(flags), []
        size = told or (stated if isinstance(stated, int) else 0) or len(names)
        if not size and flags is not None:
            size = self._width(flags)
        texts = self.log.texts(self.own.action)
        steps = rows[~self.frames.final]
        if not names:
            names = self._words(texts, steps, size, flags is not None)
            size = size or len(names)
        chosen = self._chosen(texts, steps, names, size)
        if not size:
            size = int(chosen.max()) + 1
            notes.append(f"The log does not say how many actions {self.name} has: {size}, by the largest one seen.")
            if chosen.min() == 1:
                words = ", ".join(f'"{k}"' for k in range(1, size))
                remedy = f"if the log counts them from 1, a dictionary says so: actions = [{words}] under [agents.{self.name}]"
                notes.append(f"{self.name} never takes action 0; {remedy}.")
        if names:
            notes.append(f"Actions of {self.name}: {', '.join(f'{k} {word}' for k, word in enumerate(names))}.")
        mask = None if flags is None else self._mask(flags, rows, size)
        if mask is not None:
            self._check_available(mask, rows, chosen)
        return chosen, mask, size, names, notes

    def _names(self, flags: NDArray[np.float64] | None) -> tuple[str, ...]:
        """The actions' names, where they are told; those of shared masks up to the agent's own width."""
        names = self.own.actions if isinstance(self.own.actions, tuple) else ()
        shared = flags is not None and len(names) == flags.shape[1]
        return names[: self._width(flags)] if shared and flags is not None else names

    def _width(self, flags: NDArray[np.float64]) -> int:
        """How many of the masks' columns the agent ever fills."""
        used = np.flatnonzero(~np.isnan(flags).all(axis=0))
        return int(used[-1]) + 1 if len(used) else flags.shape[1]

    def _words(self, texts: list[str], steps: Rows, size: int, masked: bool) -> tuple[str, ...]:
        """The words that stand for actions where nobody told their names; () where actions are numbers."""
        words = {texts[row] for row in steps}
        if any(decimal_number(word) is not None for word in words):
            return ()
        if masked or len(words) < size:
            expected = "a number from 0, or names in a dictionary: their order is not known"
            remedy = f'actions = ["...", ...] under [agents.{self.name}]'
            raise self.log.fault(int(steps[0]), self.own.action, got=repr(texts[steps[0]]), expected=expected, remedy=remedy)
        return tuple(sorted(words))

    def _chosen(self, texts: list[str], steps: Rows, names: tuple[str, ...], size: int) -> Rows:
        """Actions (T,) as numbers."""
        known = {word: k for k, word in enumerate(names)}
        for row in steps:
            text = texts[row]
            if text not in known:
                number = decimal_number(text)
                if number is None or number != int(number) or not 0 <= number < (size or MOST_ACTIONS):
                    among = f"one of {', '.join(names)}, or " if names else ""
                    upto = f"from 0 to {size - 1}" if size else f"from 0, below {MOST_ACTIONS:,}"
                    remedy = f"--n-actions, or actions under [agents.{self.name}], says how many there are" if size else ""
                    remedy = _DEAD if number is not None and number < 0 else remedy
                    got, expected = repr(text[:60]), f"{among}a whole number {upto}"
                    raise self.log.fault(int(row), self.own.action, got=got, expected=expected, remedy=remedy)
                known[text] = int(number)
        return np.array([known[texts[row]] for row in steps], np.int64)

    def _mask(self, flags: NDArray[np.float64], rows: Rows, size: int) -> NDArray[np.bool_]:
        """(F, A_i); cells beyond the agent's actions are empty or 0, others empty only where an episode has terminated."""
        if flags.shape[1] < size:
            got = f"{flags.shape[1]} columns of availability of {self.name}"
            raise fail(self.log.source, "header", got=got, expected=f"{size}, one per action")
        beyond = np.argwhere(flags[:, size:] == 1)
        empty = np.argwhere(np.isnan(flags[:, :size]) & ~self.over[:, None])
        for found, offset, got, expected in (
            (beyond, size, "1", f"0 or nothing beyond the {size} actions of {self.name}"),
            (empty, 0, "nothing", "0 or 1: 1 where the action was possible"),
        ):
            if len(found):
                frame, action = int(found[0][0]), int(found[0][1]) + offset
                raise self.log.fault(int(rows[frame]), self.own.mask[action], got=got, expected=expected)
        return np.asarray(flags[:, :size] == 1)

    def _check_available(self, mask: NDArray[np.bool_], rows: Rows, chosen: Rows) -> None:
        """Some action is available wherever one is asked for, and the one that was taken is."""
        stuck = np.flatnonzero(~mask.any(axis=1) & ~self.over)
        if len(stuck):
            got = f"no available action of {self.name}"
            raise self.log.fault(int(rows[stuck[0]]), self.own.mask[0], got=got, expected="at least one", remedy=_DEAD)
        steps = np.flatnonzero(~self.frames.final)
        wrong = np.flatnonzero(~mask[steps, chosen])
        if len(wrong):
            frame, action = int(steps[wrong[0]]), int(chosen[wrong[0]])
            got = f"action {action}, which column {self.own.mask[action]!r} forbids"
            expected = f"one of the available actions {np.flatnonzero(mask[frame]).tolist()}"
            remedy = "mend the mask or the action there"
            raise self.log.fault(int(rows[frame]), self.own.action, got=got, expected=expected, remedy=remedy)
