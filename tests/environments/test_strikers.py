"""Scripts that score, on what is seen; whether they do: ``test_football_engine``."""

import numpy as np
import pytest
from test_football import raw

from alberdice.environments import EnvironmentSpec, Frame
from alberdice.environments.football import features
from alberdice.environments.football.match import ACTIONS
from alberdice.environments.football.strikers import WAYS, Strikers, striker
from alberdice.errors import InvalidArgumentError


def frame_of(places, owner, ball, doing=()):
    """Agents are players 1 to N; owner is a place in the roster, or -1; ``doing``: who goes on with which actions."""
    team = np.array([(-1.0, 0.0), *places])
    sticky = np.zeros((len(places), 10))
    sticky[:, 8] = 1.0  # all sprint
    for agent, action in doing:
        sticky[agent, 8 if action == "none" else ACTIONS.index(action) - 1] = action != "none"
    raws = [
        raw(
            left_team=team,
            active=i + 1,
            ball_owned_team=0 if owner >= 0 else -1,
            ball_owned_player=owner,
            ball=[*ball, 0],
            sticky_actions=sticky[i],
        )
        for i in range(len(places))
    ]
    seen = np.stack([features.features(each) for each in raws])[None]
    return Frame(seen, np.ones((1, len(places), 19), np.bool_), features.state(raws)[None], np.ones((1, len(places)), np.bool_))


def played(way, *given):
    script = Strikers([WAYS["rps"][way]])
    return [ACTIONS[a] for a in script.act(frame_of(*given), np.zeros((1, 2)))[0]]


WING = [(0.7, 0.0), (0.7, -0.3)]


@pytest.mark.parametrize(
    ("way", "given", "names"),
    [
        ("solo", (WING, 2, (0.7, -0.3)), ["right", "bottom_right"]),
        ("solo", ([(0.7, 0.0), (0.9, 0.05)], 2, (0.9, 0.05)), ["right", "shot"]),
        ("solo", (WING, -1, (0.7, -0.1)), ["top", "right"]),
        ("cross", (WING, 2, (0.7, -0.3)), ["bottom_right", "right"]),
        ("cross", ([(0.85, 0.05), (0.9, -0.3)], 2, (0.9, -0.3)), ["idle", "bottom"]),
        ("cross", ([(0.85, 0.05), (0.9, -0.3)], 2, (0.9, -0.3), [(1, "bottom")]), ["idle", "high_pass"]),
        ("cross", ([(0.85, 0.0), (0.9, -0.3)], 1, (0.85, 0.0)), ["shot", "right"]),
        ("pass", (WING, 2, (0.7, -0.3)), ["bottom_right", "bottom_right"]),
        ("pass", ([(0.81, 0.095), (0.8, -0.3)], 2, (0.8, -0.3), [(1, "bottom")]), ["idle", "short_pass"]),
        ("pass", ([(0.81, 0.095), (0.8, -0.3)], 1, (0.81, 0.095)), ["shot", "right"]),
        ("solo", (WING, 2, (0.7, -0.3), [(1, "none")]), ["right", "sprint"]),
    ],
)
def test_each_way_scores_in_its_own_way(way, given, names):
    assert played(way, *given) == names


def test_matches_side_by_side_have_ways_of_their_own():
    one = frame_of(WING, 2, (0.7, -0.3))
    both = Frame(*(np.repeat(part, 2, axis=0) for part in (one.observations, one.masks, one.state, one.alive)))
    actions = Strikers([WAYS["rps"]["solo"], WAYS["rps"]["cross"]]).act(both, np.zeros((2, 2)))
    assert [ACTIONS[a] for a in actions[:, 1]] == ["bottom_right", "right"]


def test_a_striker_plays_football_alone_in_a_known_way():
    spec = EnvironmentSpec("football-rps", ("a", "b"), (19, 19), 115)
    assert striker(spec, way="cross")(np.arange(3)).ways == [WAYS["rps"]["cross"]] * 3
    with pytest.raises(InvalidArgumentError, match="way, in football-rps: got 'header', expected one of solo, pass, cross"):
        striker(spec, way="header")
    with pytest.raises(InvalidArgumentError, match="football-striker, environment: got bridge"):
        striker(EnvironmentSpec("bridge", ("a", "b"), (5, 5), 6))
