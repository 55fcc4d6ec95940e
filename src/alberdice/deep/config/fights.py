"""Settings for StarCraft-like fights, ``--preset smax``: and why they differ: docs/starcraft.md."""

from __future__ import annotations

from typing import Any

__all__ = ["ANNEALED", "CLONED", "EPISODES", "PLAIN"]

#: of every algorithm: one evaluation of 100 fights at the end, no selection
PLAIN: dict[str, Any] = {
    "updates": 3000,
    "batch_size": 1024,
    "learning_rate": 1e-3,
    "settle_share": 1.0,
    "select": "last",
    "play": "sharp",
    "evaluate_every": 3000,
    "evaluate_episodes": 100,
    "keep_policies": 0,
}
#: of algorithms with weights exp(e / alpha): alpha 1, where the paper's Table 7 has the middle of its plateau
ANNEALED: dict[str, Any] = {"alpha_start": 1.0, "alpha_end": 1.0, "gradient_penalty": 0.1}
#: of algorithms that clone before their rounds; one start: further ones cost as much, and win rates are noisy
CLONED: dict[str, Any] = {
    "starts": 1,
    "pretrain_updates": 2000,
    "pretrain_batch_size": 1024,
    "updates": 1000,
    "evaluate_every": 1000,
    "learning_rate": 5e-4,
}
#: of weights of whole episodes: turns of every agent, six of 150 updates each for eight agents
EPISODES: dict[str, Any] = {
    "weights": "episodes",
    "episode_share": 0.4,
    "units": "rewards",
    "alpha_start": 0.3,
    "alpha_end": 0.3,
    "updates": 7200,
    "evaluate_every": 7200,
    "turn_updates": 150,
    "learning_rate": 1e-3,
    "conservatism": 0.0,
}
