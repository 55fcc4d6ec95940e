"""Settings for football, ``--preset football``: and why they differ: docs/football.md."""

from __future__ import annotations

from typing import Any

__all__ = ["ANNEALED", "EPISODES", "PLAIN"]

#: of every algorithm: one evaluation of 100 episodes at the end, no selection; policies without a memory, as the paper's
PLAIN: dict[str, Any] = {
    "updates": 3000,
    "batch_size": 1024,
    "learning_rate": 1e-3,
    "settle_share": 1.0,
    "select": "last",
    "play": "sharp",
    "evaluate_every": 100_000,
    "evaluate_episodes": 100,
    "keep_policies": 0,
}
#: of algorithms with weights exp(e / alpha): the paper's alpha for football, a goal being worth 1
ANNEALED: dict[str, Any] = {"units": "rewards", "alpha_start": 0.1, "alpha_end": 0.1}
#: of weights of whole episodes
EPISODES: dict[str, Any] = {
    "weights": "episodes",
    "turn_updates": 250,
    "pretrain_updates": 1500,
    "pretrain_batch_size": 1024,
    "starts": 1,
    "conservatism": 0.0,
}
