"""alberdice: offline multi-agent reinforcement learning that stays on the data's joint actions.

The shared model (``MMDP``, ``FactorizedPolicy``, ``DataDistribution``, exact evaluation), ``alberdice.games`` (matrix games,
Bridge, random models) and ``alberdice.tabular`` (certified best responses, the alternating loop, the six algorithms).
Everything is loaded when first asked for: importing this package loads nothing else, not even NumPy.
"""

from typing import TYPE_CHECKING

from alberdice._lazy import lazily

if TYPE_CHECKING:
    from alberdice import datasets, deep, environments, games, plotting, tabular
    from alberdice.data import DataDistribution, SparseDataDistribution
    from alberdice.errors import (
        AlberDICEError,
        InfeasibleError,
        InvalidArgumentError,
        InvalidDataError,
        InvalidModelError,
        InvalidPolicyError,
        ResourceError,
        RoundingWarning,
        SolverError,
    )
    from alberdice.evaluation import (
        discounted_return,
        occupancy,
        out_of_data_probability,
        state_occupancy,
        state_values,
        undiscounted_return,
    )
    from alberdice.mmdp import MMDP, SparseMMDP
    from alberdice.policy import FactorizedPolicy

__version__ = "0.1.0"

__all__ = [
    "MMDP",
    "AlberDICEError",
    "DataDistribution",
    "FactorizedPolicy",
    "InfeasibleError",
    "InvalidArgumentError",
    "InvalidDataError",
    "InvalidModelError",
    "InvalidPolicyError",
    "ResourceError",
    "RoundingWarning",
    "SolverError",
    "SparseDataDistribution",
    "SparseMMDP",
    "datasets",
    "deep",
    "discounted_return",
    "environments",
    "games",
    "occupancy",
    "out_of_data_probability",
    "plotting",
    "state_occupancy",
    "state_values",
    "tabular",
    "undiscounted_return",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "data": ("DataDistribution", "SparseDataDistribution"),
            "errors": (
                "AlberDICEError",
                "InfeasibleError",
                "InvalidArgumentError",
                "InvalidDataError",
                "InvalidModelError",
                "InvalidPolicyError",
                "ResourceError",
                "RoundingWarning",
                "SolverError",
            ),
            "evaluation": (
                "discounted_return",
                "occupancy",
                "out_of_data_probability",
                "state_occupancy",
                "state_values",
                "undiscounted_return",
            ),
            "mmdp": ("MMDP", "SparseMMDP"),
            "policy": ("FactorizedPolicy",),
        },
        modules=(
            *("data", "datasets", "deep", "environments", "errors", "evaluation", "games", "mmdp", "plotting", "policy"),
            "tabular",
        ),
    )
