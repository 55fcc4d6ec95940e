"""Who plays beside whom in benchmarks/handed_on.py."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import handed_on


class Team:
    """Plays its own number and the agent's, and keeps the draws that it is given."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.seen: Any = None

    def act(self, frame: Any, uniforms: Any) -> Any:
        self.seen = uniforms
        return np.full(uniforms.shape, 10 * self.number) + np.arange(2)


def test_crossed_agents_draw_apart() -> None:
    """Agent i does what team i says by its own draw; a team of one transformer would know what was drawn before."""
    teams: Any = [Team(1), Team(2)]
    given = np.random.default_rng(0).random((3, 2))
    frame: Any = None
    played = handed_on.Crossed(teams, np.random.default_rng(1)).act(frame, given)
    np.testing.assert_array_equal(played, [[10, 21]] * 3)
    assert len({float(x) for draws in (given, *(team.seen for team in teams)) for x in draws.ravel()}) == 18
