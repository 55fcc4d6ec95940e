"""Scripts that score, on what is seen; whether they do: ``test_football_engine``."""

import numpy as np
import pytest
from test_football import raw

from alberdice.environments import EnvironmentSpec, Frame
from alberdice.environments.football import features
from alberdice.environments.football.match import ACTIONS
from alberdice.environments.football.strikers import WAYS, Strikers, Way, striker
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


#: ways of these tests: alone, along the wing and across by a high pass, inwards and short to the other one
ALONE, CROSS, SHORT = Way(), Way(2, 1, 10, 46.0, -20.0, (46.0, 4.0)), Way(2, 1, 11, 42.0, 0.0, (44.0, 8.0))


def played(way, *given):
    script = Strikers([way])
    return [ACTIONS[a] for a in script.act(frame_of(*given), np.zeros((1, 2)))[0]]


WING = [(0.7, 0.0), (0.7, -0.3)]


@pytest.mark.parametrize(
    ("way", "given", "names"),
    [
        (ALONE, (WING, 2, (0.7, -0.3)), ["right", "bottom_right"]),
        (ALONE, ([(0.7, 0.0), (0.9, 0.05)], 2, (0.9, 0.05)), ["right", "shot"]),
        (ALONE, (WING, -1, (0.7, -0.1)), ["top", "right"]),
        (CROSS, (WING, 2, (0.7, -0.3)), ["bottom_right", "right"]),
        (CROSS, ([(0.85, 0.05), (0.9, -0.3)], 2, (0.9, -0.3)), ["idle", "bottom"]),
        (CROSS, ([(0.85, 0.05), (0.9, -0.3)], 2, (0.9, -0.3), [(1, "bottom")]), ["idle", "high_pass"]),
        (CROSS, ([(0.85, 0.0), (0.9, -0.3)], 1, (0.85, 0.0)), ["shot", "right"]),
        (SHORT, (WING, 2, (0.7, -0.3)), ["bottom_right", "bottom_right"]),
        (SHORT, ([(0.81, 0.095), (0.8, -0.3)], 2, (0.8, -0.3), [(1, "bottom")]), ["idle", "short_pass"]),
        (SHORT, ([(0.81, 0.095), (0.8, -0.3)], 1, (0.81, 0.095)), ["shot", "right"]),
        (SHORT, ([(0.81, 0.095), (0.8, -0.1)], 2, (0.8, -0.1), [(1, "bottom")]), ["idle", "short_pass"]),
        (ALONE, (WING, 2, (0.7, -0.3), [(1, "none")]), ["right", "sprint"]),
    ],
)
def test_each_way_scores_in_its_own_way(way, given, names):
    assert played(way, *given) == names


def test_matches_side_by_side_have_ways_of_their_own():
    one = frame_of(WING, 2, (0.7, -0.3))
    both = Frame(*(np.repeat(part, 2, axis=0) for part in (one.observations, one.masks, one.state, one.alive)))
    actions = Strikers([ALONE, CROSS]).act(both, np.zeros((2, 2)))
    assert [ACTIONS[a] for a in actions[:, 1]] == ["bottom_right", "right"]


def test_a_striker_plays_football_alone_in_a_known_way():
    spec = EnvironmentSpec("football-rps", ("a", "b"), (19, 19), 115)
    assert striker(spec, way="wing")(np.arange(3)).ways == [WAYS["rps"]["wing"]] * 3
    with pytest.raises(InvalidArgumentError, match="way, in football-rps: got 'header', expected one of solo, wing, long"):
        striker(spec, way="header")
    with pytest.raises(InvalidArgumentError, match="football-striker, environment: got bridge"):
        striker(EnvironmentSpec("bridge", ("a", "b"), (5, 5), 6))
