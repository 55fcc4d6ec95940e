"""Packages that only some formats need, loaded when they are used, with a word on how to get them."""

from __future__ import annotations

import importlib
from typing import Any

from alberdice.errors import InvalidArgumentError

__all__ = ["require"]


def require(name: str, extra: str = "datasets") -> Any:
    """The module of that name.

    Args:
        name: a module, e.g. ``"h5py"``.
        extra: the extra of this package that brings it.

    Raises:
        InvalidArgumentError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as problem:
        raise InvalidArgumentError(
            f"package {name}", got=str(problem), expected="an installed package", remedy=f"pip install 'alberdice[{extra}]'"
        ) from problem
