"""The reference of all training settings, from the dataclasses that declare them."""

from __future__ import annotations

import ast
import inspect
import textwrap
from dataclasses import fields
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from alberdice.deep.config import TrainConfig
from alberdice.deep.learner import ALGORITHMS, learner_class

INTRODUCTION = """# Settings

Every setting of `alberdice-deep train`, `alberdice.deep.train(...)` and a settings file, by algorithm: on the command line with
dashes (`--batch-size 256`), elsewhere with underscores (`batch_size=256`). This page is made from the dataclasses that declare
them. A value outside its range is refused, and so is a setting that the algorithm does not read.
"""


def settings_page() -> str:
    """The page as Markdown."""
    parts = [INTRODUCTION, "## Every algorithm\n", _table(TrainConfig, TrainConfig(), ())]
    for name in sorted(ALGORITHMS):
        settings = learner_class(name).settings
        own = settings(algorithm=name)
        shared = [f.name for f in fields(TrainConfig)]
        differs = {f: getattr(own, f) for f in shared if getattr(own, f) != getattr(TrainConfig(), f) and f != "algorithm"}
        parts.append(f"## {name}\n\n{(inspect.getdoc(settings) or '').splitlines()[0]}\n")
        if differs:
            parts.append(
                "Defaults that differ: " + ", ".join(f"`{f}` = {_shown(value)}" for f, value in differs.items()) + ".\n"
            )
        if presets := getattr(settings, "presets", {}):
            parts += [
                f"`--preset {key}`: " + ", ".join(f"`{f}` = {_shown(v)}" for f, v in value.items()) + ".\n"
                for key, value in presets.items()
            ]
        parts.append(_table(settings, own, shared))
    return "\n".join(parts)


def _table(settings: type, values: Any, known: Any) -> str:
    words, kinds = _docs(settings), get_type_hints(settings, include_extras=True)
    rows = [
        f"| `{f.name}` | {_shown(getattr(values, f.name))} | {_kind(kinds[f.name])} | {words.get(f.name, '')} |"
        for f in fields(settings)
        if f.name not in known
    ]
    return "\n".join(["| setting | default | value | what it does |", "|---|---|---|---|", *rows, ""]) if rows else ""


def _docs(settings: type) -> dict[str, str]:
    """What stands below each field, in the class and its bases."""
    found: dict[str, str] = {}
    for owner in reversed(settings.__mro__):
        if owner is object or not owner.__module__.startswith("alberdice"):
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(owner))).body[0]
        assert isinstance(body, ast.ClassDef)
        for field, below in zip(body.body, body.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
                name = field.target.id  # type: ignore[union-attr]
                found[name] = " ".join(str(below.value.value).split()).replace("``", "`").replace("|", r"\|")
    return found


def _kind(kind: Any) -> str:
    if get_origin(kind) is Annotated:
        return next((str(note) for note in get_args(kind)[1:] if str(note).startswith("a number")), _kind(get_args(kind)[0]))
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(map(str, get_args(kind)))
    if get_origin(kind) is tuple:
        return "words" if get_args(kind)[0] is str else "whole numbers"
    return {"bool": "yes or no", "str": "text", "int": "a whole number", "float": "a number"}.get(
        getattr(kind, "__name__", ""), str(kind).replace("|", "or")
    )


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return f"`{value}`" if value else "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value == () else f"{value:,}" if isinstance(value, int) else str(value)
