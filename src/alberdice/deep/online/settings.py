"""The settings of MAT; free of torch, so that a command line can be read without it."""

from __future__ import annotations

from dataclasses import dataclass

from alberdice.errors import InvalidArgumentError

__all__ = ["MATConfig"]


@dataclass(frozen=True)
class MATConfig:
    """Settings of MAT."""

    iterations: int = 200
    """how often it plays and learns"""
    batch_episodes: int = 8
    """whole episodes played in an iteration, B"""
    epochs: int = 15
    """passes over an iteration's steps"""
    minibatches: int = 1
    """parts of a pass"""
    learning_rate: float = 5e-4
    """of Adam; it falls to 0 in a straight line over the last half of the iterations"""
    clip: float = 0.2
    """c, how far a ratio of probabilities counts"""
    entropy: float = 0.01
    """weight of the policy's mean entropy"""
    discount: float = 0.99
    """gamma"""
    trace: float = 0.95
    """lambda of the advantages"""
    width: int = 64
    """of tokens"""
    heads: int = 1
    """of attention"""
    blocks: int = 1
    """of encoder and decoder each"""
    cloning_updates: int = 0
    """minibatches of a dataset cloned before playing, if one is given"""

    def __post_init__(self) -> None:
        whole = ("iterations", "batch_episodes", "epochs", "minibatches", "width", "heads", "blocks")
        for name, low in (*((name, 1) for name in whole), ("cloning_updates", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < low:
                raise InvalidArgumentError(name, got=repr(value), expected=f"a whole number >= {low}")
        for name, high in (("learning_rate", 1.0), ("clip", 1.0), ("entropy", 10.0), ("discount", 1.0), ("trace", 1.0)):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not 0 <= value <= high:
                raise InvalidArgumentError(name, got=repr(value), expected=f"a number from 0 to {high:g}")
        if self.width % self.heads:
            raise InvalidArgumentError("heads", got=self.heads, expected=f"a divisor of the width, {self.width}")
