"""Docstrings in which arguments of one kind share a line, as mkdocstrings reads them: one line each."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

_SHARED = re.compile(r"^( +)(\w+(?:, \w+)+): (.*)$", re.MULTILINE)


class SharedLines(Extension):
    """``a, b: words`` becomes ``a: words`` and ``b: words`` where a section of the docstring lists names."""

    def on_object(self, *, obj: Object, **kwargs: Any) -> None:
        """Rewrite the docstring of one object."""
        if obj.docstring is not None:
            obj.docstring.value = _SHARED.sub(_apart, obj.docstring.value)


def _apart(line: re.Match[str]) -> str:
    indent, names, words = line.groups()
    *others, last = names.split(", ")
    return "\n".join([*(f"{indent}{name}: as {last}." for name in others), f"{indent}{last}: {words}"])
