"""Settings for robotic warehouses, ``--preset rware``: what differs from the algorithms' defaults.  Why: docs/warehouses.md."""

from __future__ import annotations

from typing import Any

__all__ = ["ANNEALED", "CLONED", "PLAIN", "REMEMBERING"]

#: of every algorithm: places as indicators, one evaluation at the end, no selection
PLAIN: dict[str, Any] = {
    "levels": 32,
    "updates": 3000,
    "batch_size": 2048,
    "learning_rate": 1e-3,
    "settle_share": 1.0,
    "select": "last",
    "evaluate_every": 3000,
    "evaluate_episodes": 100,
    "keep_policies": 0,
}
#: of policies over histories
REMEMBERING: dict[str, Any] = {**PLAIN, "policy": "transformer", "width": 64, "context": 20}
#: of algorithms with weights exp(e / alpha)
ANNEALED: dict[str, Any] = {"units": "rewards", "alpha_start": 0.3, "alpha_end": 0.3, "gradient_penalty": 0.1}
#: of algorithms that clone before their rounds
CLONED: dict[str, Any] = {
    "pretrain_updates": 3000,
    "pretrain_batch_size": 2048,
    "updates": 1000,
    "evaluate_every": 1000,
    "learning_rate": 5e-4,
}
