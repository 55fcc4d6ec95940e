"""The dictionary of a log's columns: a TOML file, or the same as nested tables.

What it leaves out keeps its usual name.  ``*`` at the end of a name stands for all columns that begin so.

    layout = "wide"                       # or "long"; found by the columns unless told
    episode = "game"
    time = "turn"                         # may be missing where rows are in order
    state = ["x", "load_*"]
    reward = "score"
    terminated = "over"
    truncated = "cut"
    ids = ["room"]                        # features that are identifiers, numbers or words
    ids_as = "one-hot"                    # or "numbers": one number each, in the order of their words
    ignore = ["comment"]                  # columns that are left out

    agent = "who"                         # long: the same columns for all agents, and under [agents.NAME] only `actions`
    action = "move"
    observation = ["x", "y"]
    mask = ["can_*"]

    [agents.north]                        # wide: an agent's columns; the agents are in the order of these tables
    action = "n_move"
    observation = ["n_x", "n_y"]
    mask = ["n_can_0", "n_can_1"]
    reward = "n_score"
    actions = ["stay", "go"]              # names, or how many
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alberdice.errors import InvalidDataError, fail
from alberdice.names import nearest
from alberdice.readers import read_text

__all__ = ["AGENTS", "OWN", "SINGLE", "check_dictionary", "read_dictionary"]

#: roles of one column, with the names that are understood
SINGLE = {
    "episode": ("episode",),
    "time": ("time", "step", "t"),
    "agent": ("agent",),
    "reward": ("reward",),
    "terminated": ("terminated",),
    "truncated": ("truncated",),
}
#: what an agent's columns are, and how their names begin
AGENTS = {"action": "action", "observation": "observation", "mask": "mask", "reward": "reward"}
_LISTS = ("state", "ids", "ignore")
#: those that all agents share in the long layout
OWN = ("action", "observation", "mask")


def read_dictionary(path: Path) -> dict[str, Any]:
    """The TOML file of a dictionary.

    Raises:
        InvalidDataError: not TOML, or a name of another kind.
    """
    try:
        given = tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as problem:
        raise InvalidDataError(str(path), got=str(problem), expected="TOML") from None
    check_dictionary(given, str(path))
    return given


def check_dictionary(given: Mapping[str, Any], source: str) -> None:
    """Refuse names that mean nothing, and values of another kind."""
    known = (*SINGLE, *_LISTS, *OWN, "layout", "ids_as", "agents")
    for name, value in given.items():
        if name not in known:
            raise fail(
                source, name, got="a name that means nothing here", expected=", ".join(known), remedy=nearest(name, known)
            )
        if name == "agents":
            _check_agents(value, source)
        else:
            _check_value(name, value, source)
    for name, choices in {"layout": ("wide", "long"), "ids_as": ("one-hot", "numbers")}.items():
        if given.get(name, choices[0]) not in choices:
            raise fail(source, name, got=repr(given[name]), expected=" or ".join(choices))


def _check_agents(value: Any, source: str) -> None:
    if not isinstance(value, dict) or not all(isinstance(own, dict) for own in value.values()):
        raise fail(source, "agents", got=type(value).__name__, expected="a table per agent: [agents.NAME]")
    known = (*AGENTS, "actions")
    for agent, own in value.items():
        for name, each in own.items():
            if name not in known:
                where = f"agents.{agent}.{name}"
                raise fail(source, where, got="a name that means nothing here", expected=", ".join(known))
            whole = isinstance(each, int) and not isinstance(each, bool) and each > 0
            if name != "actions" or not whole:
                _check_value(name, each, source, f"agents.{agent}.")


def _check_value(name: str, value: Any, source: str, where: str = "") -> None:
    many = name in (*_LISTS, "observation", "mask", "actions")
    fits = isinstance(value, str) if not many else isinstance(value, list) and all(isinstance(each, str) for each in value)
    if not fits:
        expected = "a list of names" if many else "a column's name"
        raise fail(source, where + name, got=repr(value)[:60], expected=expected)
    if many and len(set(value)) < len(value):
        raise fail(source, where + name, got="a name twice", expected="every name once")
