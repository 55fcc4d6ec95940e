"""Settings for robotic warehouses: what differs from the algorithms' defaults.  Why: docs/warehouses.md.

--preset rware                  policies with a memory, but OMAR's, whom it cannot help
--preset rware-feed-forward     policies without one, which train five times as fast
--preset rware-conventions      AlberDICE on data of two conventions: decided without a memory, played with one
--preset rware-conventions-anew the same played without one, which trains faster
--preset rware-mixed            AlberDICE on data of mixed quality: decided without a memory, played with one
"""

from __future__ import annotations

from typing import Any

__all__ = ["ANNEALED", "CLONED", "EPISODES", "FEED_FORWARD", "MEMORY", "PLAIN", "REMEMBERING"]

#: of every algorithm: places as indicators, one evaluation at the end, no selection
PLAIN: dict[str, Any] = {
    "levels": 32,
    "updates": 3000,
    "batch_size": 2048,
    "learning_rate": 1e-3,
    "settle_share": 1.0,
    "select": "last",
    "evaluate_every": 10_000,
    "evaluate_episodes": 100,
    "keep_policies": 0,
}
#: of policies that see their present observation
FEED_FORWARD: dict[str, Any] = {**PLAIN, "updates": 4000, "learning_rate": 3e-3}
#: of transformers: shelves are brought back to where they were seen, in a small warehouse more than 20 steps before
MEMORY: dict[str, Any] = {"width": 64, "context": 40, "chunk": 200}
#: of policies over histories
REMEMBERING: dict[str, Any] = {
    **PLAIN,
    "policy": "transformer",
    **MEMORY,
    "updates": 1500,
    "learning_rate": 3e-3,
}
#: of algorithms with weights exp(e / alpha)
ANNEALED: dict[str, Any] = {"units": "rewards", "alpha_start": 0.3, "alpha_end": 0.3, "gradient_penalty": 0.1}
#: of algorithms that clone before their rounds
CLONED: dict[str, Any] = {"pretrain_updates": 750, "pretrain_batch_size": 2048, "pretrain_learning_rate": 3e-3}
#: of weights of whole episodes
EPISODES: dict[str, Any] = {"weights": "episodes", "episode_share": 0.1, "updates": 1200, "turn_updates": 150}
