"""Games from files.

.json   {"payoff": nested list}  or  {"transition", "reward", "initial", "discount"} as MMDP takes them
.csv    a payoff matrix of two agents: one row per action of agent 1, numbers only
.npz    arrays named as in the JSON file (never unpickled)
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from alberdice._checks import FloatArray, real_array
from alberdice.errors import AlberDICEError, InvalidModelError, within
from alberdice.games.game import Game
from alberdice.games.matrix import matrix_game
from alberdice.mmdp import MMDP
from alberdice.readers import decimal_number, read_csv, read_json, read_npz

__all__ = ["read_fields", "read_game"]

_MODEL = ("discount", "initial", "reward", "transition")
_PAYOFF = ("payoff",)


def read_game(path: Path) -> tuple[Game, tuple[str, ...]]:
    """The game that a file holds, and what a reader should know of how it was taken, one sentence each.

    Raises:
        InvalidModelError: a file that does not hold a game, naming file and field.
    """
    suffix = path.suffix.lower()
    if suffix == ".csv":
        payoff, notes = _payoff_matrix(path)
        with within(str(path)):
            return matrix_game(payoff, name=path.stem), notes
    fields = read_fields(path, (_PAYOFF, _MODEL), InvalidModelError)
    with within(str(path)):
        arrays = {name: real_array(value, name, InvalidModelError) for name, value in fields.items()}
        if "payoff" in arrays:
            return matrix_game(arrays["payoff"], name=path.stem), ()
        if arrays["discount"].ndim > 0:
            raise InvalidModelError("discount", got=f"shape {arrays['discount'].shape}", expected="one number")
        model = MMDP(arrays["transition"], arrays["reward"], arrays["initial"], float(arrays["discount"]))
    game = Game(
        name=path.stem,
        mmdp=model,
        action_names=tuple(tuple(str(a) for a in range(k)) for k in model.n_actions),
        state_names=tuple(f"state {s}" for s in range(model.n_states)),
        horizon=100,
    )
    return game, ()


def read_fields(path: Path, forms: Collection[tuple[str, ...]], error: type[AlberDICEError]) -> dict[str, Any]:
    """The named fields of a .json or .npz file, which must be those of one of the ``forms``.

    Raises:
        AlberDICEError: of the given kind: another kind of file, other fields, or one that cannot be read.
    """

    def check(names: list[str]) -> None:
        if not any(sorted(names) == sorted(form) for form in forms):
            expected = ", or ".join(" ".join(map(repr, form)) for form in forms)
            raise error(str(path), got=f"fields {sorted(names)[:8]}", expected=expected)

    suffix = path.suffix.lower()
    if suffix == ".npz":
        return read_npz(path, error, check)
    if suffix == ".json":
        fields = read_json(path, error)
        check(list(fields))
        return fields
    raise error(str(path), got=f"a {suffix or 'nameless'} file", expected="a .json, .csv or .npz file")


def _payoff_matrix(path: Path) -> tuple[FloatArray, tuple[str, ...]]:
    """The numbers of a .csv file, and a warning where a row or a column of them could be labels."""
    rows = read_csv(path, InvalidModelError, header=False).rows
    if not rows:
        raise InvalidModelError(str(path), got="an empty file", expected="a payoff matrix")
    table = np.empty((len(rows), len(rows[0][1])))
    for i, (line, cells) in enumerate(rows):
        for j, cell in enumerate(cells):
            number = decimal_number(cell)
            if number is None:
                labels = i == 0 or j == 0
                remedy = "give numbers only (pandas: header=False, index=False)" if labels else ""
                where = f"{path}: line {line}, column {j + 1}"
                raise InvalidModelError(where, got=repr(cell[:60]), expected="a number", remedy=remedy)
            table[i, j] = number
    return table, _labels(path, table)


def _labels(path: Path, table: FloatArray) -> tuple[str, ...]:
    """Refuse a first row or column 0, 1, 2, ... that makes a square game of what is left; warn of any other.

    That is what pandas writes as names of columns, and as its index.
    """
    notes = []
    for what, line, others in (("row", table[0], len(table)), ("column", table[:, 0], table.shape[1])):
        if len(line) < 2 or not np.array_equal(line, np.arange(len(line))):
            continue
        numbers = ", ".join(str(k) for k in range(min(3, len(line)))) + (", ..." if len(line) > 3 else "")
        if others == len(line) + 1:
            option = "header=False" if what == "row" else "index=False"
            remedy = f'leave it out (pandas: {option}); if these are payoffs, give the game as JSON: {{"payoff": [...]}}'
            expected = "payoffs: these look like labels, as pandas writes them"
            raise InvalidModelError(f"{path}: first {what}", got=numbers, expected=expected, remedy=remedy)
        if others != len(line):
            notes.append(f"The first {what} of {path.name} reads {numbers}, as labels would: it was taken as payoffs.")
    return tuple(notes)
