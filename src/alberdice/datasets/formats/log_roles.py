"""What each column of a log stands for: by names that are understood as they are, or by a dictionary, a TOML file.

Names that need no dictionary, AGENT and ACTION being any words:

    wide, a row per step              episode, time, state_*, action_AGENT, observation_AGENT_*, mask_AGENT_ACTION,
                                      reward or reward_AGENT, terminated, truncated
    long, a row per agent and step    episode, time, agent, state_*, action, observation_*, mask_ACTION, reward, terminated,
                                      truncated

A dictionary (:mod:`alberdice.datasets.formats.log_dictionary`) says the same with other names; what it leaves out keeps these.
A column without a role is an error, and so is one with two.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from alberdice.datasets.formats.log_dictionary import AGENTS, OWN, SINGLE
from alberdice.errors import fail
from alberdice.names import nearest

__all__ = ["AgentColumns", "Roles", "find_roles"]


@dataclass(frozen=True)
class AgentColumns:
    """One agent's columns, or all agents' in the long layout; '' and () where there are none.

    Attributes:
        actions: names of the actions in their order, or how many, or None.
    """

    action: str
    observation: tuple[str, ...] = ()
    mask: tuple[str, ...] = ()
    reward: str = ""
    actions: tuple[str, ...] | int | None = None


@dataclass(frozen=True)
class Roles:
    """Which column is what; '' and () where there is none.

    Attributes:
        layout: 'wide' or 'long'.
        agents: wide: by agent; long: under '', for all of them.
        actions: long: names of an agent's actions, or how many, by agent, in the order of the agents.
        ids: columns of identifiers among the features.
        ids_as: 'one-hot' or 'numbers'.
        ignored: columns that are left out.
    """

    layout: str
    episode: str
    time: str
    agent: str
    reward: str
    terminated: str
    truncated: str
    state: tuple[str, ...]
    agents: Mapping[str, AgentColumns]
    actions: Mapping[str, tuple[str, ...] | int | None] = field(default_factory=dict)
    ids: tuple[str, ...] = ()
    ids_as: str = "one-hot"
    ignored: tuple[str, ...] = ()

    def table(self) -> dict[str, str]:
        """Column -> role, in words."""
        found = {getattr(self, name): name for name in SINGLE if getattr(self, name)}
        found |= {column: f"state feature {k}" for k, column in enumerate(self.state)}
        for agent, own in self.agents.items():
            whose = f" of {agent}" if agent else ""
            found |= {own.action: f"action{whose}"} | ({own.reward: f"reward{whose}"} if own.reward else {})
            found |= {column: f"observation feature {k}{whose}" for k, column in enumerate(own.observation)}
            found |= {column: f"availability of action {k}{whose}" for k, column in enumerate(own.mask)}
        found |= {column: f"{found[column]}, an identifier as {self.ids_as}" for column in self.ids}
        return found | dict.fromkeys(self.ignored, "left out, as told")


class _Claims:
    """Columns of the file that have no role yet, and who has the others."""

    def __init__(self, source: str, columns: Sequence[str]) -> None:
        self.source, self.columns = source, tuple(columns)
        self.owner: dict[str, str] = {}

    def take(self, column: str, role: str) -> str:
        """One column, which must be there and free."""
        if column not in self.columns:
            remedy = nearest(column, self.columns)
            raise fail(
                self.source, f"header: {role}", got=f"no column {column!r}", expected="a column of the file", remedy=remedy
            )
        if column in self.owner:
            got = f"{column!r}, which is {self.owner[column]} already"
            raise fail(self.source, f"header: {role}", got=got, expected="another column")
        self.owner[column] = role
        return column

    def take_all(self, names: Sequence[str], role: str) -> tuple[str, ...]:
        """Several columns; NAME* stands for those that begin so and are free."""
        found: list[str] = []
        for name in names:
            if name.endswith("*") and name not in self.columns:
                more = self.free(name[:-1])
                if not more:
                    raise fail(self.source, f"header: {role}", got=f"no column {name}", expected="at least one")
                found += [self.take(each, role) for each in more]
            else:
                found.append(self.take(name, role))
        return tuple(found)

    def free(self, prefix: str) -> tuple[str, ...]:
        return tuple(name for name in self.columns if name.startswith(prefix) and name not in self.owner)


def find_roles(source: str, columns: Sequence[str], given: Mapping[str, Any]) -> Roles:
    """The role of every column.

    Args:
        source: the file, for messages.
        columns: its columns.
        given: a dictionary as in the module; may be empty.

    Raises:
        InvalidDataError: a column without a role or with two, a role without a column that cannot do without.
    """
    claims, agents = _Claims(source, columns), given.get("agents", {})
    ignored = claims.take_all(given.get("ignore", ()), "left out")
    layout = given.get("layout") or _layout(columns, given)
    told = {name: claims.take(given[name], name) for name in SINGLE if name in given}
    state = claims.take_all(given.get("state", ()), "state")
    if layout == "long":
        own = {"": _told_agent(claims, {name: given[name] for name in OWN if name in given}, "")}
    else:
        _refuse(source, given, ("agent", *OWN), "the wide layout; put it under [agents.NAME]")
        own = {name: _told_agent(claims, table, name) for name, table in agents.items()}
    single = {name: told.get(name) or _usual(claims, names, name, layout) for name, names in SINGLE.items()}
    state = state or _begin_with(claims, "state", "state")
    own = _complete_long(claims, own[""], agents, source) if layout == "long" else _complete_wide(claims, own)
    _check_all_known(claims, layout)
    roles = Roles(
        layout=layout,
        **single,
        state=state,
        agents=own,
        actions={name: _actions(table) for name, table in agents.items()} if layout == "long" else {},
        ids=tuple(given.get("ids", ())),
        ids_as=given.get("ids_as", "one-hot"),
        ignored=ignored,
    )
    _check_whole(source, roles)
    return roles


def _refuse(source: str, given: Mapping[str, Any], names: Sequence[str], where: str) -> None:
    for name in names:
        if name in given:
            raise fail(source, f"dictionary: {name}", got=repr(given[name])[:60], expected=f"nothing in {where}")


def _layout(columns: Sequence[str], given: Mapping[str, Any]) -> str:
    """Long where there is a column of agents and nobody says which column holds one agent's actions."""
    apart = any("action" in own for own in given.get("agents", {}).values())
    return "long" if "agent" in given or "action" in given or ("agent" in columns and not apart) else "wide"


def _usual(claims: _Claims, names: Sequence[str], role: str, layout: str) -> str:
    """The column that has one of a role's usual names, if there is one."""
    if role == "agent" and layout == "wide":
        return ""
    free = [name for name in names if name in claims.columns and name not in claims.owner]
    return claims.take(free[0], role) if free else ""


def _begin_with(claims: _Claims, prefix: str, role: str) -> tuple[str, ...]:
    """The column of that name, and those that begin with it and an underscore."""
    found = [name for name in claims.columns if name == prefix and name not in claims.owner]
    return tuple(claims.take(name, role) for name in (*found, *claims.free(f"{prefix}_")))


def _actions(table: Mapping[str, Any]) -> tuple[str, ...] | int | None:
    told = table.get("actions")
    return tuple(told) if isinstance(told, list) else told


def _told_agent(claims: _Claims, table: Mapping[str, Any], agent: str) -> AgentColumns:
    whose = f" of {agent}" if agent else ""
    return AgentColumns(
        action=claims.take(table["action"], f"action{whose}") if "action" in table else "",
        observation=claims.take_all(table.get("observation", ()), f"observation{whose}"),
        mask=claims.take_all(table.get("mask", ()), f"mask{whose}"),
        reward=claims.take(table["reward"], f"reward{whose}") if "reward" in table else "",
        actions=_actions(table),
    )


def _complete_long(claims: _Claims, own: AgentColumns, agents: Mapping[str, Any], source: str) -> dict[str, AgentColumns]:
    for name, table in agents.items():
        _refuse(source, table, tuple(AGENTS), f"the long layout under [agents.{name}]; put it on top")
    action = own.action or _usual(claims, ("action",), "action", "long")
    observation = own.observation or _begin_with(claims, "observation", "observation")
    mask = own.mask or _begin_with(claims, "mask", "mask")
    return {"": AgentColumns(action, observation, mask, "", _named(mask, "mask_") if not own.mask else None)}


def _complete_wide(claims: _Claims, own: Mapping[str, AgentColumns]) -> dict[str, AgentColumns]:
    """What the dictionary leaves out, by usual names; without one, an agent per column ``action_AGENT``."""
    names = list(own) or [name.removeprefix("action_") for name in claims.free("action_")]
    found = {name: own.get(name, AgentColumns("")) for name in names}
    for name in sorted(names, key=len, reverse=True):  # "a_b" before "a", which begins as it does
        told = found[name]
        usual = [f"action_{name}"] if f"action_{name}" in claims.columns else []
        action = told.action or (claims.take(usual[0], f"action of {name}") if usual else "")
        observation = told.observation or _begin_with(claims, f"observation_{name}", f"observation of {name}")
        mask = told.mask or _begin_with(claims, f"mask_{name}", f"mask of {name}")
        free = f"reward_{name}" in claims.columns and f"reward_{name}" not in claims.owner
        reward = told.reward or (claims.take(f"reward_{name}", f"reward of {name}") if free else "")
        named = _named(mask, f"mask_{name}_") if told.actions is None and not told.mask else told.actions
        found[name] = AgentColumns(action, observation, mask, reward, named)
    return {name: found[name] for name in names}


def _named(mask: Sequence[str], prefix: str) -> tuple[str, ...] | None:
    """The actions' names that end the masks' names, if each has one."""
    return tuple(name.removeprefix(prefix) for name in mask) if mask and all(n.startswith(prefix) for n in mask) else None


def _check_all_known(claims: _Claims, layout: str) -> None:
    left = claims.free("")
    if left:
        shown = ", ".join(repr(name) for name in left[:5]) + (", ..." if len(left) > 5 else "")
        expected = f"a role for every column, in the {layout} layout (docs/own-data.md lists the names)"
        dictionary = f"a dictionary (--columns FILE.toml{_guessed(claims, left)})"
        remedy = f"give it a role in {dictionary}, or list it there under ignore = [...]"
        if left[0] in ("", "Unnamed: 0"):
            remedy = "pandas: write with index=False"
        elif left[0].lower() in ("done", "terminal", "over"):
            remedy = f"say whether {left[0]} marks ends (terminated) or time limits (truncated), in a dictionary; {remedy}"
        raise fail(claims.source, "header", got=f"no role for {shown}", expected=expected, remedy=remedy)


def _guessed(claims: _Claims, left: Sequence[str]) -> str:
    """Lines of a dictionary that would be right if columns mean what their words say."""
    lines = []
    for role, names in SINGLE.items():
        if role not in claims.owner.values():
            meant = [
                column for column in left if not {*re.split(r"[^a-z]+", column.lower())}.isdisjoint({*names, f"{names[0]}s"})
            ]
            lines += [f"{role} = {json.dumps(meant[0])}"] if meant else []
    return f", e.g. {', '.join(lines)}" if lines else ""


def _check_whole(source: str, roles: Roles) -> None:
    """Refuse roles that cannot be missing, that exclude each other, or that speak of other columns."""
    remedy = "name it in a dictionary: --columns FILE.toml"
    for name in ("episode", *(("agent", "time") if roles.layout == "long" else ())):
        if not getattr(roles, name):
            raise fail(
                source, "header", got=f"no column {name!r}", expected=f"one, in the {roles.layout} layout", remedy=remedy
            )
    if not roles.agents:
        raise fail(
            source,
            "header",
            got="no column of actions",
            expected="action_AGENT for every agent, or agent and action",
            remedy=remedy,
        )
    for name, own in roles.agents.items():
        if not own.action:
            raise fail(
                source, "header", got=f"no action of {name}" if name else "no column 'action'", expected="one", remedy=remedy
            )
    own_rewards = [name for name, own in roles.agents.items() if own.reward]
    if bool(roles.reward) == bool(own_rewards) or (own_rewards and len(own_rewards) < len(roles.agents)):
        got = f"reward {roles.reward!r}, and rewards of {', '.join(own_rewards) or 'no agent'}"
        raise fail(source, "header", got=got, expected="one column 'reward', or one for each agent", remedy=remedy)
    features = {*roles.state, *(name for own in roles.agents.values() for name in own.observation)}
    if not features:
        expected = "state_* or observation columns; a game without states: datasets import joint-actions"
        raise fail(source, "header", got="neither states nor observations", expected=expected, remedy=remedy)
    for name in roles.ids:
        if name not in features:
            raise fail(source, f"ids: {name}", got="no feature", expected="a column under state or observation")
