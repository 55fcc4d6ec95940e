"""Progress off a terminal, by a clock that the test turns."""

from __future__ import annotations

import pytest

from alberdice.console import progress_bar


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_line_about_every_half_minute(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with progress_bar("bc on bridge-mix", 2000, clock) as step:
        for _ in range(1000):  # 125 seconds
            clock.now += 0.125
            step("return 1.5")
    said = capsys.readouterr()
    assert said.out == ""
    assert [line.replace("bc on bridge-mix: ", "") for line in said.err.splitlines()] == [
        "240/2,000, return 1.5, 4 min left",  # 220 s
        "480/2,000, return 1.5, 3 min left",  # 190 s
        "720/2,000, return 1.5, 3 min left",  # 160 s
        "960/2,000, return 1.5, 2 min left",  # 130 s
    ]


def test_the_time_left_is_in_proportion(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with progress_bar("x", 10, clock) as step:
        for seconds, steps in ((40, 1), (40, 3), (5, 1), (3600, 1), (35, 4)):
            clock.now += seconds
            step(steps=steps)
    said = capsys.readouterr().err.splitlines()
    assert said == ["x: 1/10, 6 min left", "x: 4/10, 2 min left", "x: 6/10, 41 min left", "x: 10/10, 0 s left"]


def test_work_that_turns_out_to_be_less(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with progress_bar("x", 4500, clock) as step:
        step("", 0, 3200)
        clock.now += 40
        step(steps=650)
    assert capsys.readouterr().err == "x: 650/1,300, 40 s left\n"


def test_short_work_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with progress_bar("table", 24, clock) as step:
        for _ in range(24):
            clock.now += 1.24
            step("half")
    assert capsys.readouterr() == ("", "")


def test_a_note_of_outside_origin_stays_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with progress_bar("evil\x1b[2J", 2, clock) as step:
        clock.now += 31
        step("two\nlines")
    assert capsys.readouterr().err == "evil\\x1b[2J: 1/2, two lines, 31 s left\n"
