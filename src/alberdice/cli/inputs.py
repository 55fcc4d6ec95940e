"""Games and data from names and files.

Games      a name (``GAMES``), ``xor-N`` for N agents, or a file:
               .json   {"payoff": nested list}  or  {"transition", "reward", "initial", "discount"} as MMDP takes them
               .csv    a payoff matrix of two agents, one row per action of agent 1
               .npz    arrays named as in the JSON file (never unpickled)
Data       a name of the game's, 'uniform', or a file:
               .json   {"AB": 2464, "BA": 2536}  (one-shot games), or {"counts": nested list (S, A1, ..., An)}
               .csv    a header, then one row per joint action:  ``joint_action[,count]``,  or
                       ``[state,]agent_1,...,agent_n[,count]`` with names or numbers (actions and states from 0)
               .npz    an array "counts" of shape (S, A1, ..., An)
"""

from __future__ import annotations

import csv
import difflib
import json
import re
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from alberdice import games
from alberdice._checks import FloatArray
from alberdice.data import DataDistribution
from alberdice.errors import AlberDICEError, InvalidArgumentError, InvalidDataError, InvalidModelError
from alberdice.games.game import Game
from alberdice.mmdp import MMDP

__all__ = ["GAMES", "is_game", "load_data", "load_game"]

GAMES: dict[str, Callable[[], Game]] = {
    "xor": games.xor,
    "penalty-xor": games.penalty_xor,
    "climbing": games.climbing_game,
    "penalty": games.penalty_game,
    "stag-hunt": games.stag_hunt,
    "bridge": games.bridge,
    "bridge-original": lambda: games.bridge(hard=False),
}


def load_game(name: str) -> Game:
    """The game called ``name``, or read from the file of that name.

    Raises:
        InvalidArgumentError: neither a known name nor a file.
        InvalidModelError: a file that does not hold a game.
    """
    if name in GAMES:
        return GAMES[name]()
    if match := re.fullmatch(r"xor-(\d+)", name):
        return games.n_agent_xor(int(match[1]))
    path = Path(name)
    if not path.is_file():
        known = [*GAMES, "xor-N"]
        raise InvalidArgumentError(
            "GAME",
            got=repr(name),
            expected=f"one of {', '.join(known)}, or a .json, .csv or .npz file",
            remedy=nearest(name, known),
        )
    fields = _read_file(path, InvalidModelError, lambda: {"payoff": _read_matrix(path)})
    if set(fields) == {"payoff"}:
        return games.matrix_game(_array(fields["payoff"], f"{path}: payoff", InvalidModelError), name=path.stem)
    wanted = {"transition", "reward", "initial", "discount"}
    if set(fields) != wanted:
        raise InvalidModelError(str(path), got=f"fields {sorted(fields)}", expected=f"'payoff', or {sorted(wanted)}")
    arrays = {k: _array(fields[k], f"{path}: {k}", InvalidModelError) for k in wanted}
    if arrays["discount"].ndim > 0:
        raise InvalidModelError(f"{path}: discount", got=f"shape {arrays['discount'].shape}", expected="one number")
    model = MMDP(arrays["transition"], arrays["reward"], arrays["initial"], float(arrays["discount"]))
    return Game(
        name=path.stem,
        mmdp=model,
        action_names=tuple(tuple(str(a) for a in range(k)) for k in model.n_actions),
        state_names=tuple(f"state {s}" for s in range(model.n_states)),
        horizon=100,
    )


def is_game(name: str) -> bool:
    """Whether ``name`` is a game's, and no file's."""
    return name in GAMES or re.fullmatch(r"xor-\d+", name) is not None


def load_data(name: str | None, game: Game, floor: float) -> tuple[str, DataDistribution]:
    """The data called ``name`` (None: the game's first), or read from the file of that name; and what to call them.

    Raises:
        InvalidArgumentError: neither a name of this game's data nor a file.
        InvalidDataError: a file that does not hold data of this game.
    """
    known = list(game.data_builders)
    if name is None:
        name = known[0] if known else "uniform"
    if name in game.data_builders:
        return name, game.data(name, floor)
    if name == "uniform":
        return name, DataDistribution.from_counts(np.ones(game.mmdp.reward.shape), floor)
    path = Path(name)
    if not path.is_file():
        names = list(dict.fromkeys([*known, "uniform"]))
        raise InvalidArgumentError(
            "--data",
            got=repr(name),
            expected=f"one of {', '.join(names)}, or a .json, .csv or .npz file",
            remedy=nearest(name, names),
        )
    counts = _read_counts(path, game)
    if counts.shape != game.mmdp.reward.shape:
        raise InvalidDataError(f"{path}: counts", got=f"shape {counts.shape}", expected=f"shape {game.mmdp.reward.shape}")
    return path.stem, DataDistribution.from_counts(counts, floor)


def nearest(word: str, known: Sequence[str]) -> str:
    """``did you mean 'xor'?``, or nothing."""
    close = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {close[0]!r}?" if close else ""


def _read_counts(path: Path, game: Game) -> FloatArray:
    fields = _read_file(path, InvalidDataError, lambda: {"counts": _read_count_rows(path, game)})
    if set(fields) == {"counts"}:
        return _array(fields["counts"], f"{path}: counts", InvalidDataError)
    if game.mmdp.n_states > 1:
        raise InvalidDataError(str(path), got=f"fields {sorted(fields)[:5]}", expected="'counts', (S, A1, ..., An)")
    try:
        return games.counts_from_joint_actions(fields, game.action_names)
    except InvalidDataError as error:
        raise InvalidDataError(f"{path}: {error.where}", got=error.got, expected=error.expected) from None


def _read_count_rows(path: Path, game: Game) -> FloatArray:
    """A CSV of joint actions, with or without counts; every row is checked, and none is dropped."""
    counts = np.zeros(game.mmdp.reward.shape)
    agents = [f"agent_{i + 1}" for i in range(game.mmdp.n_agents)]
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file, strict=True, restkey="more", skipinitialspace=True)
        header = rows.fieldnames or []
        needed = ["joint_action"] if "joint_action" in header else agents
        allowed = {*needed, "count", "state"}
        if not set(needed) <= set(header) <= allowed or (game.mmdp.n_states > 1 and "state" not in header):
            raise InvalidDataError(
                f"{path}: header",
                got=",".join(header) or "nothing",
                expected=f"joint_action[,count] or [state,]{','.join(agents)}[,count]",
            )
        for row in rows:
            where = f"{path}: line {rows.line_num}"
            if None in row.values() or "more" in row:
                raise InvalidDataError(where, got="a row of another length", expected=f"{len(header)} fields")
            index = _row_index(row, needed, game, where)
            counts[index] += _count(row.get("count", "1"), where)
    if counts.sum() == 0:
        raise InvalidDataError(str(path), got="no data", expected="at least one row with a positive count")
    return counts


def _row_index(row: dict[str, str], needed: list[str], game: Game, where: str) -> tuple[int, ...]:
    state = _index_of(row["state"], game.state_names, f"{where}: state") if "state" in row else 0
    if needed == ["joint_action"]:
        try:
            one = games.counts_from_joint_actions({row["joint_action"]: 1}, game.action_names)
        except InvalidDataError as error:
            raise InvalidDataError(f"{where}: {error.where}", got=error.got, expected=error.expected) from None
        return (state, *(int(k) for k in np.argwhere(one)[0][1:]))
    return (state, *(_index_of(row[a], names, f"{where}: {a}") for a, names in zip(needed, game.action_names, strict=True)))


def _index_of(text: str, names: tuple[str, ...], where: str) -> int:
    """Position of a name, or a number from 0."""
    word = text.strip()
    if word in names:
        return names.index(word)
    if word.isdecimal() and int(word) < len(names):
        return int(word)
    shown = ", ".join(names) if len(names) <= 8 else f"{names[0]}, {names[1]}, ..."
    raise InvalidDataError(where, got=repr(word), expected=f"one of {shown}, or 0 to {len(names) - 1}")


def _count(text: str, where: str) -> float:
    try:
        count = float(text)
    except ValueError:
        count = np.nan
    if not np.isfinite(count) or count < 0:
        raise InvalidDataError(f"{where}: count", got=repr(text), expected="a finite number >= 0")
    return count


def _read_matrix(path: Path) -> FloatArray:
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = [[cell.strip() for cell in row] for row in csv.reader(file) if row]
    if not rows:
        raise InvalidModelError(str(path), got="an empty file", expected="a payoff matrix")
    table = np.empty((len(rows), len(rows[0])))
    for i, row in enumerate(rows):
        if len(row) != len(rows[0]):
            raise InvalidModelError(f"{path}: row {i + 1}", got=f"{len(row)} numbers", expected=f"{len(rows[0])} as in row 1")
        for j, cell in enumerate(row):
            try:
                table[i, j] = float(cell)
            except ValueError:
                raise InvalidModelError(f"{path}: row {i + 1}, column {j + 1}", got=repr(cell), expected="a number") from None
    return table


def _read_file(path: Path, error: type[AlberDICEError], read_csv: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The named fields of a .json, .csv or .npz file."""
    suffix = path.suffix.lower()
    try:
        if suffix == ".csv":
            return read_csv()
        if suffix == ".json":
            fields = json.loads(
                path.read_text(encoding="utf-8-sig"), object_pairs_hook=lambda pairs: _unique(pairs, path, error)
            )
        elif suffix == ".npz":
            # Opened here: numpy would leave the file open where it is no archive.
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                fields = {key: archive[key] for key in archive.files}
        else:
            raise error(str(path), got=f"a {suffix or 'nameless'} file", expected="a .json, .csv or .npz file")
    except UnicodeDecodeError:
        raise error(str(path), got="bytes that are not UTF-8", expected="a text file in UTF-8") from None
    except json.JSONDecodeError as exc:
        raise error(f"{path}: line {exc.lineno}, column {exc.colno}", got=exc.msg, expected="valid JSON") from None
    except csv.Error as exc:
        raise error(str(path), got=str(exc), expected="valid CSV") from None
    except (zipfile.BadZipFile, ValueError, EOFError) as exc:
        raise error(str(path), got=str(exc), expected="an .npz archive of plain arrays (no pickled objects)") from None
    if not isinstance(fields, dict) or not fields:
        raise error(str(path), got=f"a {type(fields).__name__}", expected="an object with named fields")
    return fields


def _unique(pairs: list[tuple[str, Any]], path: Path, error: type[AlberDICEError]) -> dict[str, Any]:
    """JSON objects must not name a field twice: the first would be lost."""
    fields: dict[str, Any] = {}
    for key, value in pairs:
        if key in fields:
            raise error(f"{path}: {key}", got="the field twice", expected="once")
        fields[key] = value
    return fields


def _array(value: Any, name: str, error: type[AlberDICEError]) -> FloatArray:
    from alberdice._checks import real_array

    return real_array(value, name, error)
