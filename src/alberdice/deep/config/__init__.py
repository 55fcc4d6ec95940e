"""The settings of training runs; ``config.policy`` holds those of policies with or without a memory."""

from alberdice.deep.config.base import (
    CloningConfig,
    ConservativeConfig,
    CriticConfig,
    DiscountedConfig,
    FeedForwardConfig,
    FramesConfig,
    TrainConfig,
    defaults,
    fingerprint_of,
    from_mapping,
    read_toml,
)
from alberdice.deep.config.values import LEAST, MOST, Count, Discount, Play, Rate, Share, Within
from alberdice.deep.config.windows import SequenceConfig, WindowConfig

__all__ = [
    "LEAST",
    "MOST",
    "CloningConfig",
    "ConservativeConfig",
    "Count",
    "CriticConfig",
    "Discount",
    "DiscountedConfig",
    "FeedForwardConfig",
    "FramesConfig",
    "Play",
    "Rate",
    "SequenceConfig",
    "Share",
    "TrainConfig",
    "WindowConfig",
    "Within",
    "defaults",
    "fingerprint_of",
    "from_mapping",
    "read_toml",
]
