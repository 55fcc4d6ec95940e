"""Games and data from names and files.

Games      a name of the registry, with arguments or without, ``xor-N`` for N agents, or a file:
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

from pathlib import Path

import numpy as np

from alberdice.cli.counts import read_counts
from alberdice.console import tell
from alberdice.data import DataDistribution
from alberdice.environments.registry import ENVIRONMENTS, find_environment, is_game
from alberdice.errors import InvalidArgumentError, InvalidDataError, within
from alberdice.files import is_directory, is_file
from alberdice.games.files import read_game
from alberdice.games.game import Game
from alberdice.names import nearest

__all__ = ["GAMES", "load_data", "load_game"]

GAMES = tuple(name for name, entry in ENVIRONMENTS.items() if entry.game)
"""Names of games."""


def load_game(name: str) -> Game:
    """The game called ``name``, or read from the file of that name.

    Raises:
        InvalidArgumentError: neither a known name nor a file.
        InvalidModelError: a file that does not hold a game.
    """
    if is_game(name):
        game = find_environment(name).game
        assert game is not None, name
        return game
    path = Path(name)
    if not is_file(path):
        known = GAMES
        raise InvalidArgumentError(
            "GAME",
            got=_found(name),
            expected=f"one of {', '.join(known)}, or a .json, .csv or .npz file",
            remedy=nearest(name, known),
        )
    game, notes = read_game(path)
    for note in notes:
        say(note)
    return game


def _found(name: str) -> str:
    """A name that is no file, in words: one that ends as a file's is a file that is not there."""
    if Path(name).suffix.lower() not in (".json", ".csv", ".npz"):
        return repr(name)
    return f"{name!r}, {'a folder' if is_directory(Path(name)) else 'no such file'}"


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
    if not is_file(path):
        names = list(dict.fromkeys([*known, "uniform"]))
        raise InvalidArgumentError(
            "--data",
            got=_found(name),
            expected=f"one of {', '.join(names)}, or a .json, .csv or .npz file",
            remedy=nearest(name, names),
        )
    counts = read_counts(path, game, say)
    if counts.shape != game.mmdp.reward.shape:
        raise InvalidDataError(f"{path}: counts", got=f"shape {counts.shape}", expected=f"shape {game.mmdp.reward.shape}")
    with within(str(path)):
        return path.stem, DataDistribution.from_counts(counts, floor)


def say(note: str) -> None:
    """A sentence for the reader, on standard error."""
    tell(f"note: {note}")
