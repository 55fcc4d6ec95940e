"""Counts of joint actions from files, for ``alberdice solve GAME --data FILE``.

.json   {"AB": 2464, "BA": 2536} (one-shot games), {"counts": nested list (S, A1, ..., An)}, or a table of joint actions as
``alberdice-deep datasets export joint-actions`` writes it
.csv    a header, then one row per joint action:  joint_action[,count],  or  [state,]agent_1,...,agent_n[,count]  with names
or numbers (actions and states from 0); a column ``reward`` is passed over, with a note
.npz    an array "counts" of shape (S, A1, ..., An)
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from alberdice import games
from alberdice._checks import FloatArray, real_array
from alberdice.errors import InvalidDataError, within
from alberdice.games.files import read_fields
from alberdice.games.game import Game
from alberdice.readers import decimal_number, read_csv, read_json, whole_number

__all__ = ["read_counts"]

_NO_REWARD = "The column `reward` was passed over: the game has rewards of its own."


def read_counts(path: Path, game: Game, say: Callable[[str], None]) -> FloatArray:
    """The counts of a file, (S, A1, ..., An) of this game where the file names joint actions.

    Args:
        path: the file.
        game: whose states and actions the file speaks of.
        say: takes a sentence for the reader.

    Raises:
        InvalidDataError: a file that does not hold counts of this game, naming file, line and column.
    """
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return _from_csv(path, game, say)
    if suffix != ".json":
        return real_array(read_fields(path, [("counts",)], InvalidDataError)["counts"], f"{path}: counts", InvalidDataError)
    fields = read_json(path)
    if set(fields) == {"counts"}:
        return real_array(fields["counts"], f"{path}: counts", InvalidDataError)
    if "rows" in fields:
        return _from_export(path, game, say)
    if game.mmdp.n_states > 1:
        expected = "'counts', (S, A1, ..., An)"
        raise InvalidDataError(str(path), got=f"fields {sorted(fields)[:5]}", expected=expected)
    with within(str(path)):
        return games.counts_from_joint_actions(fields, game.action_names)


def _from_export(path: Path, game: Game, say: Callable[[str], None]) -> FloatArray:
    """A table of joint actions that this package exported, as JSON."""
    from alberdice.datasets.formats.joint_actions import read_joint_action_table

    table = read_joint_action_table(path)
    counts = np.zeros(game.mmdp.reward.shape)
    _check_one_shot(path, game)
    if table.n_actions not in (None, game.mmdp.n_actions) or len(table.actions[0]) != game.mmdp.n_agents:
        got = table.n_actions or f"{len(table.actions[0])} agents"
        raise InvalidDataError(f"{path}: n_actions", got=got, expected=f"{game.mmdp.n_actions}, as in the game")
    for k, (actions, count) in enumerate(zip(table.actions, table.counts, strict=True)):
        for agent, (action, choices) in enumerate(zip(actions, game.mmdp.n_actions, strict=True)):
            if action >= choices:
                where = f"{path}: rows[{k}], agent_{agent + 1}"
                raise InvalidDataError(where, got=action, expected=f"0 to {choices - 1}, as in the game")
        counts[(0, *actions)] += count
    say(_NO_REWARD)
    return counts


def _check_one_shot(path: Path, game: Game) -> None:
    if game.mmdp.n_states > 1:
        got, expected = "joint actions without states", f"counts of a game of {game.mmdp.n_states} states"
        raise InvalidDataError(str(path), got=got, expected=expected, remedy="solve --dataset reads logged data of such a game")


def _from_csv(path: Path, game: Game, say: Callable[[str], None]) -> FloatArray:
    """A CSV of joint actions, with or without counts; every row is checked, and none is dropped."""
    agents = [f"agent_{i + 1}" for i in range(game.mmdp.n_agents)]
    table = read_csv(path)
    header = set(table.header)
    needed = ["joint_action"] if "joint_action" in header else agents
    if not set(needed) <= header <= {*needed, "count", "state", "reward"} or (game.mmdp.n_states > 1 and "state" not in header):
        got, expected = ",".join(table.header) or "nothing", f"joint_action[,count] or [state,]{','.join(agents)}[,count]"
        remedy = "pandas: write with index=False" if table.header[:1] in (("",), ("Unnamed: 0",)) else ""
        raise InvalidDataError(f"{path}: header", got=got, expected=expected, remedy=remedy)
    if "reward" in header:
        say(_NO_REWARD)
    counts = np.zeros(game.mmdp.reward.shape)
    for line, cells in table.rows:
        row, where = dict(zip(table.header, cells, strict=True)), f"{path}: line {line}"
        counts[_index(row, needed, game, where)] += _count(row.get("count", "1"), where)
    if counts.sum() == 0:
        raise InvalidDataError(str(path), got="no data", expected="at least one row with a positive count")
    return counts


def _index(row: dict[str, str], needed: list[str], game: Game, where: str) -> tuple[int, ...]:
    state = _index_of(row["state"], game.state_names, f"{where}: state") if "state" in row else 0
    if needed == ["joint_action"]:
        with within(where):
            one = games.counts_from_joint_actions({row["joint_action"]: 1}, game.action_names)
        return (state, *(int(k) for k in np.argwhere(one)[0][1:]))
    return (state, *(_index_of(row[a], names, f"{where}: {a}") for a, names in zip(needed, game.action_names, strict=True)))


def _index_of(word: str, names: tuple[str, ...], where: str) -> int:
    """Position of a name, or a number from 0."""
    if word in names:
        return names.index(word)
    number = whole_number(word)
    if number is not None and 0 <= number < len(names):
        return number
    shown = ", ".join(names) if len(names) <= 8 else f"{names[0]}, {names[1]}, ..."
    raise InvalidDataError(where, got=repr(word[:60]), expected=f"one of {shown}, or 0 to {len(names) - 1}")


def _count(text: str, where: str) -> float:
    count = decimal_number(text)
    if count is None or count < 0:
        raise InvalidDataError(f"{where}: count", got=repr(text[:60]), expected="a finite number >= 0")
    return count
