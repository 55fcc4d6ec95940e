"""Every invariant of the in-memory form, checked where a dataset is made.

    shapes      frames (T+E, ...), steps (T, ...), lengths (E,) with L_e >= 1 and sum L_e = T
    types       actions int64; terminated, truncated, masks, final_known bool; rewards float; frames float or integer
    values      0 <= a_i < A_i; a_i available; rewards and frames finite; every agent has an available action wherever it
                must act (nobody acts after an episode has terminated)
    ends        terminated or truncated at the last step of every episode, neither before it

An error names source, field and index, what was got and what was expected.  Large arrays are read in pieces, so that checking
needs no second copy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alberdice.datasets.form import FlatForm
from alberdice.datasets.header import DatasetHeader
from alberdice.datasets.memory import release
from alberdice.errors import InvalidArgumentError, fail

__all__ = ["MOST_ACTIONS", "blocks", "check_index", "first_nonfinite", "place", "validate", "whole_actions"]

MOST_ACTIONS = 100_000
"""Actions of an agent beyond which a number is taken for something else, such as an identifier."""
_BLOCK = 1 << 20
"""Elements that one piece of a check looks at."""


def blocks(array: NDArray[Any]) -> Iterator[tuple[int, NDArray[Any]]]:
    """(first row, rows) pieces of an array, of about a million elements each."""
    rows = max(1, _BLOCK // max(1, int(np.prod(array.shape[1:]))))
    for first in range(0, len(array), rows):
        yield first, array[first : first + rows]
        release(array)


def first_nonfinite(array: NDArray[Any]) -> tuple[int, ...] | None:
    """Index of the first NaN or infinity, or None."""
    if array.dtype.kind != "f":
        return None
    for first, piece in blocks(array):
        finite = np.isfinite(piece)
        if not finite.all():
            at = np.argwhere(~finite)[0]
            return (first + int(at[0]), *(int(i) for i in at[1:]))
    return None


def check_index(index: Any, size: int) -> NDArray[np.int64]:
    """``index`` as (B,) int64 in 0 .. size - 1, or InvalidArgumentError."""
    array = np.asarray(index)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise InvalidArgumentError("index", got=f"{array.dtype} of shape {array.shape}", expected="a vector of integers")
    bad = np.flatnonzero((array < 0) | (array >= size))
    if len(bad):
        raise InvalidArgumentError(f"index[{bad[0]}]", got=int(array[bad[0]]), expected=f"0 to {size - 1}")
    return array.astype(np.int64, copy=False)


def whole_actions(source: str, where: Callable[..., str], values: NDArray[Any]) -> NDArray[np.int64]:
    """Whole numbers of any type as int64; what int64 cannot hold is named as it is, never wrapped to another number.

    Args:
        source: the file, for the message.
        where: the place of an element, told its index.
        values: integers, or floats that are whole.

    Raises:
        InvalidDataError: a number from 2^63 on, or an infinity.
    """
    if values.dtype.kind == "f" or values.dtype == np.uint64:
        wrong = ~(np.abs(values) < 2.0**63)
        if wrong.any():
            at = tuple(int(i) for i in np.argwhere(wrong)[0])
            got = values[at] if values.dtype.kind == "f" else int(values[at])
            raise fail(source, where(*at), got=got, expected=f"an action: a whole number from 0, below {MOST_ACTIONS:,}")
    return values.astype(np.int64)


def validate(data: FlatForm) -> None:
    """Check every invariant of the module's list.

    Raises:
        InvalidDataError: the first violation found.
    """
    _check_sizes(data)
    _check_types(data)
    _check_header(data)
    _check_ends(data)
    _check_finite(data)
    _check_actions(data)


def _check_sizes(data: FlatForm) -> None:
    source = data.source
    n_actions = data.n_actions
    whole = all(isinstance(n, int | np.integer) and not isinstance(n, bool) for n in n_actions)
    if not n_actions or not whole or not all(1 <= n <= MOST_ACTIONS for n in n_actions):
        raise fail(source, "n_actions", got=n_actions, expected=f"one whole number from 1 to {MOST_ACTIONS:,} per agent")
    required = ("frame_states", "frame_observations", "actions", "rewards", "terminated", "truncated", "lengths", "final_known")
    for name in (*required, *(("frame_masks",) if data.frame_masks is not None else ())):
        value = getattr(data, name)
        if not isinstance(value, np.ndarray) or isinstance(value, np.ma.MaskedArray):
            remedy = "fill it, or leave those rows out" if isinstance(value, np.ndarray) else ""
            raise fail(source, name, got=type(value).__name__, expected="a NumPy array", remedy=remedy)
    if data.lengths.ndim != 1 or data.lengths.dtype.kind != "i":
        raise fail(source, "lengths", got=f"{data.lengths.dtype} {data.lengths.shape}", expected="integers of shape (E,)")
    if not len(data.lengths):
        raise fail(source, "lengths", got="no episode", expected="at least one episode")
    short = np.flatnonzero(data.lengths < 1)
    if len(short):
        raise fail(source, f"lengths[{short[0]}]", got=int(data.lengths[short[0]]), expected="at least one step per episode")
    steps, episodes, agents = int(data.lengths.sum()), len(data.lengths), len(n_actions)
    state_size = data.frame_states.shape[-1] if data.frame_states.ndim == 2 else "S"
    size = data.frame_observations.shape[-1] if data.frame_observations.ndim == 3 else "O"
    expected: dict[str, tuple[Any, ...]] = {
        "actions": (steps, agents),
        "rewards": (steps,),
        "terminated": (steps,),
        "truncated": (steps,),
        "frame_states": (steps + episodes, state_size),
        "frame_observations": (steps + episodes, agents, size),
        "final_known": (episodes,),
    }
    if data.frame_masks is not None:
        expected["frame_masks"] = (steps + episodes, agents, max(n_actions))
    for name, shape in expected.items():
        got = getattr(data, name).shape
        if got != shape:
            what = f"{shape}: {episodes} episodes, {steps} steps by `lengths`, {agents} agents by `n_actions`"
            raise fail(source, f"{name}.shape", got=got, expected=what)


def _check_types(data: FlatForm) -> None:
    wanted = {
        "actions": ("i8", "int64"),
        "rewards": ("f2 f4 f8", "a float type"),
        "terminated": ("b1", "bool"),
        "truncated": ("b1", "bool"),
        "lengths": ("i8", "int64"),
        "final_known": ("b1", "bool"),
        "frame_masks": ("b1", "bool"),
        "frame_states": ("f2 f4 f8 b1 i1 i2 i4 i8 u1 u2 u4 u8", "a native float or integer type"),
        "frame_observations": ("f2 f4 f8 b1 i1 i2 i4 i8 u1 u2 u4 u8", "a native float or integer type"),
    }
    for name, (kinds, words) in wanted.items():
        array = getattr(data, name)
        if array is not None and (array.dtype.str[1:] not in kinds.split() or not array.dtype.isnative):
            raise fail(data.source, f"{name}.dtype", got=array.dtype, expected=words, remedy="convert it explicitly")


def _check_header(data: FlatForm) -> None:
    header = data.header
    if not isinstance(header, DatasetHeader):
        raise fail(data.source, "header", got=type(header).__name__, expected="a DatasetHeader")
    if header.agents and len(header.agents) != len(data.n_actions):
        got, expected = f"{len(header.agents)} names", f"{len(data.n_actions)}, one per agent, or none"
        raise fail(data.source, "header.agents", got=got, expected=expected)
    named = tuple(map(len, header.action_names))
    if named and named != tuple(data.n_actions):
        expected = f"{tuple(data.n_actions)}, one per action, or none"
        raise fail(data.source, "header.action_names", got=f"{named} names", expected=expected)
    limit = header.episode_limit
    if limit is not None and data.lengths.max() > limit:
        got, where = f"{data.lengths.max()} steps", f"lengths[{int(np.argmax(data.lengths))}]"
        raise fail(data.source, where, got=got, expected=f"at most the episode limit, {limit}")


def place(data: FlatForm, row: int, agent: int | None = None) -> str:
    """Where a row of the flat arrays lies: its episode and step, counted from 0, and the agent by name, or counted from 1."""
    steps = int(data.lengths.sum())
    if row >= steps:
        words = f"episode {row - steps}, final frame"
    else:
        ends = np.cumsum(data.lengths)
        episode = int(np.searchsorted(ends, row, side="right"))
        words = f"episode {episode}, step {row - int(ends[episode] - data.lengths[episode])}"
    if agent is None:
        return words
    names = data.header.agents if isinstance(data.header, DatasetHeader) else ()
    return f"{words}, {names[agent] if agent < len(names) else f'agent {agent + 1}'}"


def _check_ends(data: FlatForm) -> None:
    ends = np.cumsum(data.lengths) - 1
    ended = data.terminated | data.truncated
    missing = np.flatnonzero(~ended[ends])
    if len(missing):
        where = f"terminated ({place(data, int(ends[missing[0]]))}, the last)"
        raise fail(data.source, where, got="neither terminated nor truncated", expected="one of them at every episode's end")
    inside = ended.copy()
    inside[ends] = False
    early = np.flatnonzero(inside)
    if len(early):
        step = int(early[0])
        length = int(data.lengths[np.searchsorted(ends, step)])
        raise fail(
            data.source,
            f"{'terminated' if data.terminated[step] else 'truncated'} ({place(data, step)} of {length})",
            got=True,
            expected="False before the end of an episode",
            remedy="split the episode there, or mend its length",
        )


def _check_finite(data: FlatForm) -> None:
    for name in ("rewards", "frame_states", "frame_observations"):
        array = getattr(data, name)
        at = first_nonfinite(array)
        if at is not None:
            agent = at[1] if name == "frame_observations" else None
            feature = f", feature {at[-1]}" if len(at) > 1 else ""
            where = f"{name.removeprefix('frame_')} ({place(data, at[0], agent)}{feature})"
            raise fail(data.source, where, got=array[at], expected="a finite number")
    hidden = len(data.actions) + np.flatnonzero(~data.final_known)
    for name in ("frame_states", "frame_observations", "frame_masks"):
        array = getattr(data, name)
        if array is not None and len(hidden) and array[hidden].any():
            raise fail(data.source, name, got="values in a final frame that is marked unknown", expected="zeros")


def _check_actions(data: FlatForm) -> None:
    limit = np.asarray(data.n_actions)
    for first, piece in blocks(data.actions):
        wrong = (piece < 0) | (piece >= limit)
        if wrong.any():
            row, agent = (int(i) for i in np.argwhere(wrong)[0])
            where = f"actions ({place(data, first + row, agent)})"
            raise fail(data.source, where, got=int(piece[row, agent]), expected=f"0 to {limit[agent] - 1}")
    if data.frame_masks is not None:
        _check_masks(data, data.frame_masks)


def _check_masks(data: FlatForm, frame_masks: NDArray[np.bool_]) -> None:
    """Every agent has an available action wherever it must act, and took an available one.

    The final frame of an episode that terminated asks for no action: its mask means nothing, and may be empty.
    """
    steps, limit = len(data.actions), np.asarray(data.n_actions)
    beyond = np.arange(max(data.n_actions))[None, :] >= limit[:, None]
    ends = np.cumsum(data.lengths) - 1
    asked = np.concatenate([np.ones(steps, np.bool_), data.final_known & ~data.terminated[ends]])
    for first, masks in blocks(frame_masks):
        if (masks & beyond).any():
            row, agent, action = (int(i) for i in np.argwhere(masks & beyond)[0])
            where, expected = f"action masks ({place(data, first + row, agent)}, action {action})", f"{limit[agent]} actions"
            raise fail(data.source, where, got="available", expected=f"nothing beyond the agent's {expected}")
        stuck = ~masks.any(axis=2) & asked[first : first + len(masks), None]
        if stuck.any():
            row, agent = (int(i) for i in np.argwhere(stuck)[0])
            where = f"action masks ({place(data, first + row, agent)})"
            remedy = "for an agent that has died or left, make action 0 its only available one, and its action there 0"
            raise fail(data.source, where, got="no available action", expected="at least one per agent", remedy=remedy)
        chosen = data.actions[first : min(first + len(masks), steps)]
        taken = np.take_along_axis(masks[: len(chosen)], chosen[:, :, None], axis=2)[:, :, 0]
        if not taken.all():
            row, agent = (int(i) for i in np.argwhere(~taken)[0])
            got = f"{chosen[row, agent]}, which the mask forbids"
            expected = f"one of the available actions {np.flatnonzero(masks[row, agent]).tolist()}"
            where = f"actions ({place(data, first + row, agent)})"
            raise fail(data.source, where, got=got, expected=expected, remedy="mend the mask or the action there")
