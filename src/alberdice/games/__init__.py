"""Games: rules once, the exact MMDP and the environment derived from them; and random models for tests and benchmarks.

``MMDPEnvironment`` is loaded when first asked for, because it needs PettingZoo.
"""

from typing import TYPE_CHECKING

from alberdice._lazy import lazily
from alberdice.games.bridge import BridgeGame, bridge
from alberdice.games.game import Game
from alberdice.games.matrix import (
    PAPER_COUNTS,
    climbing_game,
    counts_from_joint_actions,
    matrix_game,
    n_agent_xor,
    penalty_game,
    penalty_xor,
    stag_hunt,
    xor,
)
from alberdice.games.random_models import garnet, gridworld, random_data

if TYPE_CHECKING:
    from alberdice.games.environment import MMDPEnvironment

__all__ = [
    "PAPER_COUNTS",
    "BridgeGame",
    "Game",
    "MMDPEnvironment",
    "bridge",
    "climbing_game",
    "counts_from_joint_actions",
    "garnet",
    "gridworld",
    "matrix_game",
    "n_agent_xor",
    "penalty_game",
    "penalty_xor",
    "random_data",
    "stag_hunt",
    "xor",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazily(__name__, {"environment": ("MMDPEnvironment",)})
