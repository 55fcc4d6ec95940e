"""What the spaces of a Minari dataset say of its agents, and an episode's arrays stacked agent by agent.

Agents are paired by their names where the spaces have them.  Where only one of the two spaces names its parts, or the names
differ, nothing says whose observation is whose: goal-conditioned data (``observation``, ``desired_goal``) are one agent's with
two inputs, not two agents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alberdice.errors import fail

__all__ = ["Layout", "numbers", "truth"]

_NESTED = ("observation", "action_mask")


def numbers(source: str, where: str, value: Any, kinds: str = "fiub") -> NDArray[Any]:
    """The value as a plain array of numbers.

    Raises:
        InvalidDataError: objects, text, a dictionary, or rows of several lengths.
    """
    try:
        array = np.asarray(value)
    except ValueError:
        raise fail(source, where, got="rows of several lengths", expected="a rectangular array of numbers") from None
    if array.dtype.kind not in kinds:
        got = type(value).__name__ if array.dtype == object else str(array.dtype)
        raise fail(source, where, got=got, expected="whole numbers" if "f" not in kinds else "numbers")
    return array


def truth(source: str, where: str, value: Any) -> NDArray[np.bool_]:
    """An array of 0 and 1 as booleans, refusing any other value."""
    array = numbers(source, where, value)
    wrong = (array != 0) & (array != 1)
    if wrong.any():
        at = np.argwhere(wrong)[0]
        raise fail(source, f"{where}[{', '.join(map(str, at))}]", got=array[tuple(at)], expected="0 or 1")
    return array.astype(np.bool_)


@dataclass(frozen=True)
class Layout:
    """The agents of a pair of spaces.

    Attributes:
        source: of the data, for messages.
        n_actions: (A_1, ..., A_N).
        agents: their names, () where the spaces name none.
        action_keys: the key of each agent's actions; None where they are stacked.
        observation_keys: likewise of its observations; None where they are stacked or there is one agent.
        nested: whether each agent's observation is a dictionary of ``observation`` and ``action_mask``.
    """

    source: str
    n_actions: tuple[int, ...]
    agents: tuple[str, ...]
    action_keys: tuple[Any, ...] | None
    observation_keys: tuple[Any, ...] | None
    nested: bool

    @classmethod
    def of(cls, source: str, observation: Any, action: Any) -> Layout:
        """The layout of these spaces.

        Raises:
            InvalidDataError: spaces that do not say whose is whose, or actions that are not counted from 0.
        """
        n_actions = _action_counts(source, action)
        named = _keys(action)
        keys = named if named is not None and len(n_actions) > 1 else None
        parts = _keys(observation)
        alone = len(n_actions) == 1
        if alone and _is_nested(observation):
            return cls(source, n_actions, _names(action, named), named, None, True)
        if alone and parts is not None and parts == named:
            return cls(source, n_actions, _names(action, named), named, parts, _all_nested(source, observation, parts))
        if alone and parts is None:
            return cls(source, n_actions, _names(action, named), named, None, False)
        if parts is None and keys is None:
            return cls(source, n_actions, (), None, None, False)
        same = parts is not None and keys is not None and _is_dict(observation) == _is_dict(action)
        if not same or parts is None or keys is None or set(parts) != set(keys):
            raise _apart(source, observation, action, parts, named, len(n_actions))
        return cls(source, n_actions, _names(action, keys), keys, keys, _all_nested(source, observation, keys))

    def observations(self, where: str, value: Any) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        """(rows, N, O) of one episode, and its masks (rows, N, A) where they are nested in the observations."""
        if self.observation_keys is None and self.nested:
            masks = truth(self.source, f"{where}/action_mask", value["action_mask"])[:, None]
            return _flat(self.source, where, [value["observation"]]), masks
        if self.observation_keys is None:
            array = numbers(self.source, where, value)
            array = array[:, None] if array.ndim == 1 else array
            return (array[:, None, :] if len(self.n_actions) == 1 and array.ndim == 2 else array), None
        parts = [value[key] for key in self.observation_keys]
        if not self.nested:
            return _flat(self.source, where, parts), None
        width = max(self.n_actions)
        own = [truth(self.source, f"{where}/{key}", value[key]["action_mask"]) for key in self.observation_keys]
        wide = [np.pad(mask, ((0, 0), (0, max(0, width - mask.shape[1])))) if mask.ndim == 2 else mask for mask in own]
        return _flat(self.source, where, [part["observation"] for part in parts]), _stack(self.source, where, wide)

    def actions(self, where: str, value: Any) -> NDArray[Any]:
        """(rows, N) of one episode."""
        if self.action_keys is None:
            array = numbers(self.source, where, value, "iu")
            return array[:, None] if array.ndim == 1 else array
        columns = [numbers(self.source, f"{where}/{key}", value[key], "iu") for key in self.action_keys]
        return _stack(self.source, where, columns)


def _flat(source: str, where: str, parts: Sequence[Any]) -> NDArray[Any]:
    stacked = _stack(source, where, [numbers(source, where, part) for part in parts])
    return stacked[:, :, None] if stacked.ndim == 2 else stacked


def _stack(source: str, where: str, columns: Sequence[NDArray[Any]]) -> NDArray[Any]:
    shapes = sorted({column.shape for column in columns})
    if len(shapes) != 1:
        remedy = "pad them explicitly before importing"
        raise fail(source, where, got=f"shapes {shapes}", expected="the same shape for all agents", remedy=remedy)
    return np.stack(columns, axis=1)


def _keys(space: Any) -> tuple[Any, ...] | None:
    """Keys of a Tuple's or a Dict's parts, or None."""
    from gymnasium import spaces

    if isinstance(space, spaces.Tuple):
        return tuple(range(len(space.spaces)))
    return tuple(space.spaces) if isinstance(space, spaces.Dict) else None


def _is_dict(space: Any) -> bool:
    from gymnasium import spaces

    return isinstance(space, spaces.Dict)


def _names(space: Any, keys: tuple[Any, ...] | None) -> tuple[str, ...]:
    return tuple(map(str, keys or ())) if _is_dict(space) else ()


def _is_nested(space: Any) -> bool:
    return _is_dict(space) and set(space.spaces) == set(_NESTED)


def _all_nested(source: str, space: Any, keys: Sequence[Any]) -> bool:
    """Whether every part is a dictionary of observation and mask; refuses parts that are other dictionaries or tuples."""
    parts = [space[key] for key in keys]
    if all(map(_is_nested, parts)):
        return True
    for key, part in zip(keys, parts, strict=True):
        if _keys(part) is not None:
            expected, remedy = "a Box, or a Dict of observation and action_mask", "flatten it first"
            raise fail(source, f"observation_space[{key!r}]", got=type(part).__name__, expected=expected, remedy=remedy)
    return False


def _apart(source: str, observation: Any, action: Any, parts: Any, keys: Any, agents: int) -> Exception:
    """The error of spaces whose parts are not the same agents."""
    seen = f"parts {', '.join(map(repr, parts))}" if parts is not None else f"a {type(observation).__name__}"
    acting = f"the action space's agents {', '.join(map(repr, keys))}" if keys is not None else f"{agents} agents without names"
    remedy = "give both spaces the same agents, with one array each; inputs of one agent are to be joined first"
    return fail(source, "observation_space", got=seen, expected=f"{acting}, as in its {type(action).__name__}", remedy=remedy)


def _action_counts(source: str, space: Any) -> tuple[int, ...]:
    from gymnasium import spaces

    def one(part: Any, where: str) -> int:
        if not isinstance(part, spaces.Discrete):
            raise fail(source, where, got=part, expected="discrete actions", remedy="this package learns discrete actions")
        if part.start != 0:
            raise fail(source, where, got=f"actions from {part.start}", expected="actions from 0", remedy="renumber them first")
        return int(part.n)

    keys = _keys(space)
    if keys is not None:
        return tuple(one(space[key], f"action_space[{key!r}]") for key in keys)
    if isinstance(space, spaces.MultiDiscrete):
        if space.nvec.ndim != 1 or np.any(space.start != 0):
            raise fail(source, "action_space", got=space, expected="one row of actions from 0")
        return tuple(int(n) for n in space.nvec)
    return (one(space, "action_space"),)
