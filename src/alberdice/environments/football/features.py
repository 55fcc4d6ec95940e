"""What gfootball tells of a game, as numbers: its 115 features per agent ("simple115v2"), and a global state.

    at      count   what
    0       22      own team, (x, y) of 11 players
    22      22      own team, directions
    44      22      other team, (x, y)
    66      22      other team, directions
    88      3       ball, (x, y, z)
    91      3       ball, direction
    94      3       nobody, own team or the other one owns the ball
    97      11      which player the agent is
    108     7       mode: play, kick-off, goal kick, free kick, corner, throw-in, penalty

A team of fewer than 11 is filled with -1.  The pitch is [-1, 1] x [-0.42, 0.42], a unit being longer across it than along it
(``METRES``); one's own team plays to the right; directions are distances per step.  The state has the features that are
nobody's own, then

    104     11      which player of the owning team has the ball; zeros where nobody does
    115     1       the time left, as a share of the episode
    116     10 N    per agent, what it goes on doing: eight directions, sprinting, dribbling
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alberdice.environments.football.scenarios import STEPS
from alberdice.errors import InvalidArgumentError

__all__ = [
    *("BALL", "BALL_DIRECTION", "DOING", "METRES", "MODE", "N_FEATURES", "OTHERS", "OWN", "OWNER", "SELF", "STATE_OWNER"),
    *("STICKY", "TEAM", "features", "state", "state_size"),
]

TEAM, KINDS, STICKY = 11, 7, 10
OWN, OWN_DIRECTION, OTHERS, OTHERS_DIRECTION = slice(0, 22), slice(22, 44), slice(44, 66), slice(66, 88)
BALL, BALL_DIRECTION, OWNER, SELF, MODE = slice(88, 91), slice(91, 94), slice(94, 97), slice(97, 108), slice(108, 115)
STATE_OWNER, DOING = slice(104, 115), 116
N_FEATURES = 115
METRES = (54.4, 83.6)
"""Of a unit along the pitch, and of one across it."""
_PARTS = (
    ("left_team", OWN),
    ("left_team_direction", OWN_DIRECTION),
    ("right_team", OTHERS),
    ("right_team_direction", OTHERS_DIRECTION),
)
Raw = Mapping[str, Any]


def features(raw: Raw) -> NDArray[np.float32]:
    """(115,), of one agent's raw observation.

    Raises:
        InvalidArgumentError: an observation that is not gfootball's.
    """
    found = np.zeros(N_FEATURES, np.float32)
    for name, place in _PARTS:
        numbers = np.asarray(raw[name], np.float32).reshape(-1)
        if len(numbers) > 2 * TEAM:
            raise InvalidArgumentError(f"football {name}", got=f"{len(numbers)} numbers", expected=f"at most {2 * TEAM}")
        found[place] = -1.0
        found[place.start : place.start + len(numbers)] = numbers
    found[BALL], found[BALL_DIRECTION] = raw["ball"], raw["ball_direction"]
    found[OWNER.start + 1 + raw["ball_owned_team"]] = 1.0
    if raw["active"] >= 0:
        found[SELF.start + raw["active"]] = 1.0
    found[MODE.start + raw["game_mode"]] = 1.0
    return found


def state_size(n_agents: int) -> int:
    """S."""
    return N_FEATURES + 1 + STICKY * n_agents


def state(raws: Sequence[Raw]) -> NDArray[np.float32]:
    """(S,), of all agents' raw observations."""
    first = raws[0]
    common = features(first)
    owner = np.zeros(TEAM, np.float32)
    if first["ball_owned_team"] >= 0:
        owner[first["ball_owned_player"]] = 1.0
    left = np.float32(first["steps_left"] / (STEPS - 1))
    doing = [np.asarray(raw["sticky_actions"], np.float32) for raw in raws]
    return np.concatenate([common[: SELF.start], common[MODE], owner, [left], *doing], dtype=np.float32)
