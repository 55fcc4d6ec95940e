"""Text of outside origin prints as what it is and does nothing else."""

from __future__ import annotations

import pytest

from alberdice.texts import one_line, printable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain [red]text[/red]", "plain [red]text[/red]"),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("a\tb\nc\x00d\x7f\x9be", r"a\x09b\x0ac\x00d\x7f\x9be"),
        ("half \ud800 surrogate", r"half \ud800 surrogate"),
        ("txt.\u202eexe", r"txt.\u202eexe"),
        ("line\u2028end", r"line\u2028end"),
        ("naïve 数据 ±½", "naïve 数据 ±½"),
        (7, "7"),
    ],
)
def test_printable(text: object, expected: str) -> None:
    assert printable(text) == expected
    printable(text).encode()


def test_long_texts_lose_their_middle() -> None:
    short = printable("a" * 5000 + "z" * 5000)
    assert len(short) <= 2000
    assert short.startswith("aaa")
    assert short.endswith("zzz")
    assert " ... " in short


def test_one_line() -> None:
    assert one_line("a\n  b\t\tc\r\n\x1b]0;title\x07") == r"a b c \x1b]0;title\x07"
