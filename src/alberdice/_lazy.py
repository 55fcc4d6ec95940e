"""Names of a package that are loaded when first asked for (PEP 562): one mechanism for every package here.

if TYPE_CHECKING:                       what mypy and editors read
    from package.module import Name
else:
    __getattr__, __dir__ = lazily(__name__, {"module": ("Name",)})
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["lazily"]


def lazily(
    package: str, homes: Mapping[str, tuple[str, ...]], modules: tuple[str, ...] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """A package's ``__getattr__`` and ``__dir__``.

    Args:
        package: its name.
        homes: names by the module that has them, of the package, or another package's where it begins with ``alberdice.``.
        modules: of the package, which are names themselves.
    """
    home_of = {name: home if home.startswith("alberdice.") else f"{package}.{home}" for home in homes for name in homes[home]}

    def get(name: str) -> Any:
        if name in modules:
            return import_module(f"{package}.{name}")
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(home_of[name]), name)
        setattr(sys.modules[package], name, value)  # so that it is asked for once
        return value

    def listed() -> list[str]:
        return sorted({*vars(sys.modules[package]), *home_of, *modules})

    return get, listed
