"""Where a dataset comes from, in words that a program can act on: its environment, its agents, its team's reward, its limit.

    environment            name of a game or environment, or ``module:function``; '' where none is known
    environment_arguments  what the environment is made with, JSON values by name
    environment_options    how the environment is read where that is not as it is: agents, flatten, max_steps, as
                           ``PlayOptions.of`` takes them
    agents                 the agents' names in the order of the arrays; () where the source names none
    team_reward            how the team's reward came from the agents': 'mean', 'sum', an agent's name, or 'common' where the
                           source holds one reward for all
    episode_limit          steps at which the source cuts an episode; None where it is not known (an environment's own horizon
                           for play may be another)
    recipe                 what made the data, '' where they were recorded
    action_names           each agent's actions' names in their order; () where the source has numbers alone

Agents of an environment are matched with the data's by these names, never by position where both have names; and evaluation
adds up rewards by the same rule.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from alberdice.errors import InvalidDataError

__all__ = ["TEAM_REWARDS", "DatasetHeader"]

#: rules of the team's reward that are no agent's name
TEAM_REWARDS = ("common", "mean", "sum")


@dataclass(frozen=True)
class DatasetHeader:
    """The fields of the module.

    Raises:
        InvalidDataError: a field of another type; a name twice; a rule of the team's reward that is neither known nor an agent.
    """

    environment: str = ""
    environment_arguments: Mapping[str, Any] = field(default_factory=dict)
    agents: tuple[str, ...] = ()
    team_reward: str = "common"
    episode_limit: int | None = None
    recipe: str = ""
    environment_options: Mapping[str, Any] = field(default_factory=dict)
    action_names: tuple[tuple[str, ...], ...] = ()

    def __post_init__(self) -> None:
        for name in ("environment", "team_reward", "recipe"):
            if not isinstance(getattr(self, name), str):
                raise InvalidDataError(f"header.{name}", got=repr(getattr(self, name)), expected="text")
        for name in ("environment_arguments", "environment_options"):
            object.__setattr__(self, name, _json_object(getattr(self, name), name))
        self._check_options()
        object.__setattr__(self, "agents", _checked_names(self.agents, "agents"))
        self._check_agents()
        object.__setattr__(self, "action_names", self._checked_actions())
        if self.environment_arguments and not self.environment:
            raise InvalidDataError("header.environment", got="arguments without a name", expected="the environment's name")
        if self.team_reward not in (*TEAM_REWARDS, *self.agents):
            expected = f"one of {', '.join((*TEAM_REWARDS, *self.agents))}"
            raise InvalidDataError("header.team_reward", got=repr(self.team_reward), expected=expected)
        limit = self.episode_limit
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
            raise InvalidDataError("header.episode_limit", got=repr(limit), expected="a whole number, at least 1, or None")

    def _check_options(self) -> None:
        kinds = {"agents": list, "flatten": bool, "max_steps": int}
        for name, value in self.environment_options.items():
            fits = name in kinds and type(value) is kinds[name]
            if not fits or (name == "agents" and not all(isinstance(each, str) for each in value)):
                expected = "agents (names), flatten (true or false) and max_steps (a whole number)"
                raise InvalidDataError("header.environment_options", got=f"{name} = {value!r}", expected=expected)

    def _check_agents(self) -> None:
        reserved = sorted(set(self.agents) & set(TEAM_REWARDS))
        if reserved:
            expected = "another name: this one is a rule of the team's reward"
            raise InvalidDataError("header.agents", got=repr(reserved[0]), expected=expected)

    def _checked_actions(self) -> tuple[tuple[str, ...], ...]:
        names = self.action_names
        if not isinstance(names, list | tuple) or (names and self.agents and len(names) != len(self.agents)):
            raise InvalidDataError("header.action_names", got=repr(names)[:200], expected="names for each agent, or none")
        return tuple(_checked_names(own, f"action_names, agent {k + 1}") for k, own in enumerate(names))

    def names_of_actions(self, n_actions: Sequence[int]) -> tuple[tuple[str, ...], ...]:
        """A name for each of ``n_actions`` per agent: the header's, or the numbers."""
        return self.action_names or tuple(tuple(map(str, range(count))) for count in n_actions)

    def as_json(self) -> dict[str, Any]:
        """The fields in the types that JSON knows, options and actions' names only if there are some, for ``from_json``."""
        found = {**asdict(self), "environment_arguments": dict(self.environment_arguments), "agents": list(self.agents)}
        options, actions = dict(found.pop("environment_options")), [list(own) for own in found.pop("action_names")]
        found |= {"environment_options": options} if options else {}
        return found | ({"action_names": actions} if actions else {})

    @classmethod
    def from_json(cls, value: object, source: str) -> DatasetHeader:
        """The header that :meth:`as_json` gave; keys that are missing take their defaults.

        Raises:
            InvalidDataError: not an object, an unknown key, or a field that does not fit.
        """
        if not isinstance(value, dict):
            raise InvalidDataError(f"{source}: header", got=type(value).__name__, expected="an object")
        unknown = sorted(map(str, set(value) - set(cls.__dataclass_fields__)))
        if unknown:
            raise InvalidDataError(f"{source}: header", got=f"the key {unknown[0]!r}", expected="known keys only")
        try:
            return cls(**value)
        except InvalidDataError as problem:
            raise InvalidDataError(f"{source}: {problem.where}", got=problem.got, expected=problem.expected) from None


def _checked_names(names: object, what: str) -> tuple[str, ...]:
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) and name for name in names):
        raise InvalidDataError(f"header.{what}", got=repr(names)[:200], expected="names, or none")
    if len(set(names)) != len(names):
        twice = next(name for k, name in enumerate(names) if name in names[:k])
        raise InvalidDataError(f"header.{what}", got=f"{twice!r} twice", expected="every name once")
    return tuple(names)


def _json_object(value: object, name: str) -> dict[str, Any]:
    """A copy of a JSON object, so that nobody else can change it."""
    try:
        copy = json.loads(json.dumps(dict(value), allow_nan=False))  # type: ignore[call-overload]
    except (TypeError, ValueError, RecursionError) as problem:
        got = f"{type(value).__name__} ({problem})"
        raise InvalidDataError(f"header.{name}", got=got, expected="JSON values by name") from None
    if not all(isinstance(key, str) for key in dict(value)):  # type: ignore[call-overload]
        raise InvalidDataError(f"header.{name}", got="a key that is no text", expected="JSON values by name")
    plain: dict[str, Any] = copy
    return plain
