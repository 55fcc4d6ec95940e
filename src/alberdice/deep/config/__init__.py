"""The settings of training runs; ``config.policy`` and ``config.annealing`` hold those that some algorithms share."""

from alberdice.deep.config.base import (
    LEAST,
    MOST,
    Count,
    Discount,
    FeedForwardConfig,
    Rate,
    SequenceConfig,
    Share,
    TrainConfig,
    WindowConfig,
    Within,
    from_mapping,
    read_toml,
)

__all__ = [
    "LEAST",
    "MOST",
    "Count",
    "Discount",
    "FeedForwardConfig",
    "Rate",
    "SequenceConfig",
    "Share",
    "TrainConfig",
    "WindowConfig",
    "Within",
    "from_mapping",
    "read_toml",
]
