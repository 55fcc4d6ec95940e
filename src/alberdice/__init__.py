"""alberdice: offline multi-agent reinforcement learning that stays on the data's joint actions.

The shared model (``MMDP``, ``FactorizedPolicy``, ``DataDistribution``, exact evaluation), ``alberdice.games`` (matrix games,
Bridge, random models) and ``alberdice.tabular`` (certified best responses, the alternating loop, the six algorithms).
Importing this package loads no torch, cvxpy or matplotlib.
"""

from importlib import import_module
from typing import Any

from alberdice import games, tabular
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
    "discounted_return",
    "games",
    "occupancy",
    "out_of_data_probability",
    "state_occupancy",
    "state_values",
    "tabular",
    "undiscounted_return",
]


def __getattr__(name: str) -> Any:
    """``alberdice.datasets``, ``alberdice.environments`` and ``alberdice.deep`` are loaded when first asked for."""
    if name in ("datasets", "deep", "environments"):
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
