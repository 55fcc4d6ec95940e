"""Text of outside origin (file names, notes, names in files), made safe to print.

Control characters would move the cursor, colour or clear a terminal; half a surrogate cannot be encoded; a line break breaks
the promise of one line.  :func:`printable` writes them as escapes, and shortens what is very long.
"""

from __future__ import annotations

import unicodedata

__all__ = ["one_line", "printable"]

_LONGEST = 2000
#: categories that are not printed: controls, formats (which reverse text), surrogates, private use, unassigned, line ends
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def printable(text: object, longest: int = _LONGEST) -> str:
    """The text with every character that does not print written as an escape, and its middle left out where it is too long."""
    whole = str(text)
    if len(whole) > longest:
        half = (longest - 5) // 2
        whole = f"{whole[:half]} ... {whole[-half:]}"
    if whole.isascii() and whole.isprintable():
        return whole
    return "".join(_escaped(c) if unicodedata.category(c) in _HIDDEN else c for c in whole)


def one_line(text: object, longest: int = _LONGEST) -> str:
    """White space folded to single blanks, then :func:`printable`."""
    return printable(" ".join(str(text).split()), longest)


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
