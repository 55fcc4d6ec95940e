"""Which games are in the zoo, and on which half.

The halves hold the same kinds with other sizes, seeds and numbers of agents, so that a default that fits one game only shows on
the other half.  Defaults were chosen on ``CHOOSING``; ``REPORTING`` was looked at afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from alberdice._checks import FloatArray
from alberdice.errors import InvalidArgumentError
from alberdice.games.matrix import climbing_game, n_agent_xor, penalty_game, stag_hunt
from alberdice.games.zoo import kinds
from alberdice.games.zoo.zoo_game import ZooGame
from alberdice.names import nearest

__all__ = ["CHOOSING", "REPORTING", "ZOO", "zoo_game"]


def _one_of(n_agents: int) -> list[list[int]]:
    """The optimal joint actions of XOR: exactly one agent chooses the second."""
    return [[int(i == j) for i in range(n_agents)] for j in range(n_agents)]


def _with_constants(game: ZooGame, name: str) -> ZooGame:
    """With five more features that say nothing: constants, large, small and not exact in binary."""
    constants = np.array([0.7, -3.1e5, 0.0, 1e-4, 1.0])
    return game.seen_as(np.concatenate([game.features, np.tile(constants, (len(game.features), 1))], axis=1), name)


def _rescaled(game: ZooGame, name: str) -> ZooGame:
    """With features of unequal scales and offsets."""
    width = game.features.shape[1]
    scale: FloatArray = np.asarray(10.0 ** (np.arange(width) % 5 - 2.0), np.float64)
    return game.seen_as(game.features * scale + 3.0, name)


CHOOSING: dict[str, Callable[[], ZooGame]] = {
    "relay": lambda: kinds.relay("relay", 9, (3, 2, 3), 1, masked=(2, 5)),
    "corridor": lambda: kinds.corridor("corridor", 7),
    "corridor-hundredfold": lambda: kinds.corridor("corridor", 7).scaled(100.0, "corridor-hundredfold"),
    "lock": lambda: kinds.lock("lock", 4, 3, 2),
    "lock-sticky": lambda: kinds.lock("lock-sticky", 4, 3, 3, slip=0.2),
    "meeting": lambda: kinds.meeting("meeting", 3, 3, noises=(0.1, 0.3, 1.0)),
    "meeting-slippery": lambda: kinds.meeting("meeting-slippery", 3, 4, slip=0.15, noises=(0.1, 0.3, 1.0)),
    "stags": lambda: kinds.stags("stags", 5, 3, shares=(0.3, 0.7)),
    "ladder": lambda: kinds.ladder("ladder", 3, 4, shares=(0.3, 0.7)),
    "harvest": lambda: kinds.harvest("harvest", 4, 5),
    "harvest-constants": lambda: _with_constants(kinds.harvest("harvest", 4, 5), "harvest-constants"),
    "wilds": lambda: kinds.wilds("wilds", 12, (3, 2), 3, 6),
    "wilds-lowered": lambda: kinds.wilds("wilds", 12, (3, 2), 3, 6).shifted(-5.0, "wilds-lowered"),
    "grid": lambda: kinds.grid("grid", 3, 3, 8, noises=(0.1, 0.3, 1.0)),
    "grid-slippery": lambda: kinds.grid("grid-slippery", 3, 3, 9, slip=0.15, noises=(0.1, 0.3, 1.0)),
    "climbing": lambda: kinds.plays("climbing", climbing_game(), [[0, 0], [1, 1], [2, 2]], noises=(0.7, 1.0), episodes=100),
    "xor-3": lambda: kinds.plays("xor-3", n_agent_xor(3), _one_of(3), noises=(0.0, 0.2)),
    "xor-6": lambda: kinds.plays("xor-6", n_agent_xor(6), _one_of(6), noises=(0.0, 0.2)),
    "xor-7": lambda: kinds.plays("xor-7", n_agent_xor(7), _one_of(7), noises=(0.0, 0.1), episodes=200),
}
"""Games whose results may choose defaults."""

REPORTING: dict[str, Callable[[], ZooGame]] = {
    "relay-4": lambda: kinds.relay("relay-4", 12, (2, 3, 2, 4), 11, masked=(3,), episodes=400),
    "relay-4-hundredth": lambda: REPORTING["relay-4"]().scaled(0.01, "relay-4-hundredth"),
    "corridor-9": lambda: kinds.corridor("corridor-9", 9, episodes=500),
    "corridor-cut": lambda: kinds.corridor("corridor-cut", 5, limit=10, last_step_pays_nothing=True),
    "lock-slippery": lambda: kinds.lock("lock-slippery", 5, 3, 12, slip=0.1, episodes=600),
    "meeting-wide": lambda: kinds.meeting("meeting-wide", 2, 5, slip=0.1, noises=(0.1, 0.4, 1.0)),
    "meeting-rescaled": lambda: _rescaled(REPORTING["meeting-wide"](), "meeting-rescaled"),
    "stags-3": lambda: kinds.stags("stags-3", 4, 13, n_agents=3, shares=(0.4, 0.6)),
    "stags-3-hundredfold": lambda: REPORTING["stags-3"]().scaled(100.0, "stags-3-hundredfold"),
    "ladder-5": lambda: kinds.ladder("ladder-5", 5, 14, shares=(0.25, 0.75), episodes=600),
    "harvest-3": lambda: kinds.harvest("harvest-3", 3, 15, n_agents=3, episodes=400),
    "wilds-20": lambda: kinds.wilds("wilds-20", 20, (2, 2, 2), 2, 16, episodes=200),
    "wilds-raised": lambda: REPORTING["wilds-20"]().shifted(5.0, "wilds-raised"),
    "grid-wide": lambda: kinds.grid("grid-wide", 2, 4, 17, slip=0.1, noises=(0.1, 0.3, 1.0), episodes=200),
    "grid-constants": lambda: _with_constants(REPORTING["grid-wide"](), "grid-constants"),
    "penalty": lambda: kinds.plays("penalty", penalty_game(-30.0), [[0, 0], [1, 1], [2, 2]], noises=(0.7, 1.0), episodes=100),
    "stag-hunt": lambda: kinds.plays("stag-hunt", stag_hunt(), [[0, 0], [1, 1]], noises=(0.5, 1.0), episodes=100),
    "xor-8": lambda: kinds.plays("xor-8", n_agent_xor(8), _one_of(8), noises=(0.0, 0.1)),
}
"""Games that only report."""

ZOO: dict[str, Callable[[], ZooGame]] = {**CHOOSING, **REPORTING}
"""All games by name."""


@cache
def zoo_game(name: str = "relay") -> ZooGame:
    """The game of that name.

    Raises:
        InvalidArgumentError: none of that name, with the nearest one.
    """
    if name not in ZOO:
        raise InvalidArgumentError("game", got=repr(name), expected="a game of the zoo", remedy=nearest(name, ZOO))
    return ZOO[name]()
