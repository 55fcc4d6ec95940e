"""The settings of training runs; ``config.policy`` holds those of policies with or without a memory."""

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
