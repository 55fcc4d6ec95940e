"""Names that people type: the nearest known one, and what ``module:name`` stands for."""

from __future__ import annotations

import difflib
import importlib
import os
import sys
import traceback
from collections.abc import Iterable
from typing import Any

from alberdice.errors import InvalidArgumentError

__all__ = ["check_word", "import_named", "nearest"]


def nearest(name: str, known: Iterable[str]) -> str:
    """``nearest match: xor`` for the known name that is most like this one, whatever its case; '' where none is known."""
    by_folded = {each.casefold(): each for each in known}
    close = difflib.get_close_matches(name.casefold(), by_folded, 1, cutoff=0.0)
    return f"nearest match: {by_folded[close[0]]}" if close else ""


def import_named(text: str, what: str) -> Any:
    """The object that ``module:name`` stands for; ``name`` may have dots.

    The current folder is searched last, so that a file beside the data is found and hides nothing that is installed.  The
    module's own code runs, whatever it does: never call this with a text that a file brought along unasked.

    Args:
        text: ``module:name``.
        what: what is sought, for messages, e.g. ``"environment"``.

    Raises:
        InvalidArgumentError: another form, no such module or name, or a module that fails when it is imported.
    """
    module, colon, attribute = text.partition(":")
    parts = attribute.split(".")
    if not colon or not all(part.isidentifier() for part in (*module.split("."), *parts)):
        raise InvalidArgumentError(what, got=repr(text), expected="module:name, e.g. my_file:make")
    here = os.getcwd()
    if here not in sys.path and "" not in sys.path and not sys.flags.safe_path:
        sys.path.append(here)
        importlib.invalidate_caches()
    expected = "an importable module and a name in it"
    try:
        found: Any = importlib.import_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as problem:  # the module's own code: it may raise or exit as it likes
        got = f"{type(problem).__name__}: {problem}{_place(problem)}"
        remedy = f"it is sought in {here} last" if isinstance(problem, ModuleNotFoundError) else ""
        raise InvalidArgumentError(f"{what} {text!r}", got=got, expected=expected, remedy=remedy) from None
    for part in parts:
        if not hasattr(found, part):
            remedy = nearest(part, [known for known in getattr(found, "__dict__", ()) if not known.startswith("_")])
            raise InvalidArgumentError(f"{what} {text!r}", got=f"no {part!r} there", expected=expected, remedy=remedy)
        found = getattr(found, part)
    return found


def check_word(name: str, source: str, what: str, *, trusted: bool, remedy: str) -> None:
    """Refuse a ``module:name`` that a file brought along unless the user named it, too: to import or to call it runs its code.

    Args:
        name: what the file says; anything after a bracket is arguments.
        source: the file, for the message.
        what: what the name is of, e.g. "environment".
        trusted: whether the user named it, or trusts the file.
        remedy: what to type to name it, e.g. ``"--environment 'my_file:make'"``.

    Raises:
        InvalidArgumentError: as above.
    """
    if ":" in name.partition("(")[0] and not trusted:
        raise InvalidArgumentError(
            f"{source}: {what}",
            got=f"{name!r}, code of whoever made that folder",
            expected=f"your word that it may run; if you trust it, add {remedy or '--trust'}"
            + (", or --trust" if remedy else ""),
        )


def _place(problem: BaseException) -> str:
    """Where the module's own code failed, in a few words."""
    frames = traceback.extract_tb(problem.__traceback__)
    own = [frame for frame in frames if "importlib" not in frame.filename and frame.filename != __file__]
    return f" ({os.path.basename(own[-1].filename)}, line {own[-1].lineno})" if own else ""
