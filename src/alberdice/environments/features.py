"""Gymnasium spaces as a policy sees them: observations as vectors of features, actions as whole numbers from 0.

Box             its numbers in C order; images (three dimensions, or bytes in two) only on request
Discrete        a one-hot code
MultiDiscrete   one-hot codes side by side
MultiBinary     its zeros and ones
Dict            what it holds under 'observation', beside an 'action_mask' or nothing
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from alberdice.errors import InvalidArgumentError

__all__ = ["Actions", "Features", "actions_of", "features_of"]

_IMAGE = "ask for it with flatten=True or --flatten (a pixel each), or wrap the environment in one that has features"
_KNOWN = "Box, Discrete, MultiDiscrete, MultiBinary, or a Dict of observation and action_mask"


@dataclass(frozen=True)
class Features:
    """How one agent's observations become features.

    Attributes:
        size: how many.
        code: gives them from an observation; raises TypeError or ValueError, with what was got, if it is none of the space's.
    """

    size: int
    code: Callable[[Any], NDArray[Any]]


@dataclass(frozen=True)
class Actions:
    """One agent's actions: 0 .. count - 1 for us, ``first`` more for the environment."""

    count: int
    first: int


def actions_of(space: Any, where: str) -> Actions:
    """The actions of a space.

    Raises:
        InvalidArgumentError: they are not numbered.
    """
    if isinstance(space, spaces.Discrete):
        return Actions(int(space.n), int(space.start))
    remedy = "wrap the environment in one whose actions are numbered"
    if isinstance(space, spaces.Box):
        remedy = (
            "actions are continuous there: choose some of them and number these, or ask for the discrete form if it has one"
        )
    raise InvalidArgumentError(f"{where}, action space", got=_short(space), expected="Discrete", remedy=remedy)


def features_of(space: Any, where: str, *, flatten: bool = False) -> Features:
    """How observations of a space become features.

    Raises:
        InvalidArgumentError: of this kind of space none are made.
    """
    where = where if where.endswith("observation space") else f"{where}, observation space"
    match space:
        case spaces.Box():
            if not flatten and _is_image(space):
                raise InvalidArgumentError(where, got=f"images, {_short(space)}", expected="features", remedy=_IMAGE)
            return _numbers(space.shape)
        case spaces.Discrete():
            return _one_hot(np.array([space.n]), np.array([space.start]), ())
        case spaces.MultiDiscrete() if space.nvec.ndim == 1:
            return _one_hot(space.nvec, space.start, space.shape)
        case spaces.MultiBinary():
            return _numbers(space.shape)
        case spaces.Dict() if "observation" in space.spaces and set(space.spaces) <= {"observation", "action_mask"}:
            return features_of(space["observation"], where, flatten=flatten)
    remedy = "wrap the environment in one that gives one vector per agent (gymnasium.spaces.flatten helps)"
    raise InvalidArgumentError(where, got=_short(space), expected=_KNOWN, remedy=remedy)


def _is_image(space: spaces.Box) -> bool:
    return len(space.shape) >= 3 or (len(space.shape) == 2 and space.dtype == np.uint8)


def _numbers(shape: tuple[int, ...]) -> Features:
    size = int(np.prod(shape))

    def code(value: Any) -> NDArray[Any]:
        array = np.asarray(value)
        if array.shape != shape:
            raise ValueError(f"shape {array.shape} where the space says {shape}")
        if array.dtype.kind not in "fiub":
            raise TypeError(f"dtype {array.dtype} where numbers belong")
        return array.reshape(size)

    return Features(size, code)


def _one_hot(sizes: NDArray[Any], starts: NDArray[Any], shape: tuple[int, ...]) -> Features:
    offsets = np.concatenate([[0], np.cumsum(sizes)[:-1]]) - starts
    size = int(np.sum(sizes))

    def code(value: Any) -> NDArray[Any]:
        array = np.asarray(value)
        if array.shape != shape or array.dtype.kind not in "iu":
            raise ValueError(f"{array.dtype} of shape {array.shape} where whole numbers of shape {shape} belong")
        ids = np.atleast_1d(array)
        if ((ids < starts) | (ids >= starts + sizes)).any():
            raise ValueError(f"{ids.tolist()} outside {starts.tolist()} to {(starts + sizes - 1).tolist()}")
        features = np.zeros(size, np.float32)
        features[offsets + ids] = 1.0
        return features

    return Features(size, code)


def _short(space: Any) -> str:
    """A space in one short line."""
    text = " ".join(str(space).split())
    return text if len(text) <= 80 else f"{text[:77]}..."
