"""The settings of algorithms that run transformers on windows of episodes, and how long these are (``batches.sequences``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from alberdice.deep.config.base import FramesConfig, TrainConfig
from alberdice.deep.config.values import MOST, Count, Within
from alberdice.errors import InvalidArgumentError

__all__ = ["Cut", "SequenceConfig", "WindowConfig", "kept"]


def kept(steps: int, blocks: int = 0) -> int:
    """How many steps of a full window of ``steps`` go on into the next one; of a banded network's, with so many blocks."""
    return steps * -(-blocks // 2) if blocks else steps // 2


@dataclass(frozen=True)
class Cut:
    """How long windows are.

    Attributes:
        context: K.
        chunk: steps of a chunk, more than are known of a later one; 0: windows of K steps.
        blocks: of attention, of networks that run on chunks; 0 without.
    """

    context: int
    chunk: int = 0
    blocks: int = 0

    @property
    def steps(self) -> int:
        """Of the longest window."""
        return self.chunk or self.context

    @property
    def known(self) -> int:
        """How many steps of a later window are known only."""
        return kept(self.context, self.blocks)


@dataclass(frozen=True)
class WindowConfig(TrainConfig):
    """What algorithms are told that may run transformers on windows of episodes."""

    width: Annotated[int, Within(1, 1 << 16)] = 32
    """width of every transformer's tokens"""
    blocks: Annotated[int, Within(1, 1024)] = 2
    """of attention and inner layer, in every transformer"""
    heads: Annotated[int, Within(1, 1024)] = 1
    """of attention; a divisor of the width"""
    context: Count = 20
    """steps that a window holds at most; when it is full, the older half of it is forgotten"""
    chunk: Annotated[int, Within(0, MOST)] = 0
    """steps of an episode that transformers are trained on at a time, a multiple of ``context``; a step then sees its own half
    of ``context`` steps and the half before.  0: windows of ``context`` steps, in which half of the steps are known only"""
    episode_steps: Annotated[int, Within(0, MOST)] = 0
    """the data's episodes are cut into pieces of so many steps; 0: into single steps where the game of the evaluation lasts one
    step (the built-in matrix data repeat such a game 50 times per episode), otherwise, or without a game, not at all"""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width % self.heads:
            raise InvalidArgumentError("heads", got=self.heads, expected=f"a divisor of the width, {self.width}")
        if self.chunk and self.reads_windows:
            self._check_chunk()

    def _check_chunk(self) -> None:
        """Blocks are halves of the context, and chunks score something.

        Raises:
            InvalidArgumentError: they are not, or do not.
        """
        if self.context % 2:
            raise InvalidArgumentError("context", got=self.context, expected="an even number, as chunk is set")
        known = kept(self.context, self.blocks)
        if self.chunk % self.context or self.chunk <= known:
            expected = (
                f"a multiple of context = {self.context}, and more than the {known} steps that a later chunk does not score"
            )
            remedy = f"take chunk = {known + 4 * self.context}, say, or 0 for windows"
            raise InvalidArgumentError("chunk", got=self.chunk, expected=expected, remedy=remedy)

    @property
    def reads_windows(self) -> bool:
        """Whether anything runs on windows."""
        return True

    def steps_per_episode(self, horizon: int) -> int:
        """As ``episode_steps`` says."""
        return self.episode_steps or int(horizon == 1)

    @property
    def cut(self) -> Cut:
        """How long windows are."""
        return Cut(self.context, self.chunk, self.blocks if self.chunk else 0)

    @property
    def windows(self) -> tuple[Cut, int]:
        """How minibatches of windows are made: how long these are, and how many steps a minibatch has."""
        return self.cut, self.batch_size

    @property
    def shape(self) -> dict[str, Any]:
        """Of transformers."""
        return {"width": self.width, "blocks": self.blocks, "heads": self.heads, "banded": self.chunk > 0}


@dataclass(frozen=True)
class SequenceConfig(WindowConfig, FramesConfig):
    """What algorithms are told that run transformers only."""
