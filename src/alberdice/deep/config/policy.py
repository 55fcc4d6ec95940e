"""The settings of algorithms whose policies may have a memory: feed-forward networks, or transformers over histories."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

from alberdice.deep.config.base import FeedForwardConfig
from alberdice.deep.config.windows import WindowConfig
from alberdice.errors import InvalidArgumentError

__all__ = ["PolicyConfig"]


@dataclass(frozen=True)
class PolicyConfig(WindowConfig, FeedForwardConfig):
    """What algorithms are told that run either kind of policy."""

    policy: Literal["feed-forward", "transformer"] = "feed-forward"
    """what policies look at: their present observation, or all that they saw and did, as far as ``context`` goes; with
    feed-forward policies the transformers' settings must stay as they are, since nothing would read them"""

    tokens: Literal["joined", "interleaved"] = "joined"
    """what a step is to a transformer: one token of the observation and the action before it, or two"""

    def __post_init__(self) -> None:
        super().__post_init__()
        for each in fields(self):
            got = getattr(self, each.name)
            if each.name in self.unread and got != each.default:
                remedy = f"leave {each.name} out, or choose another policy"
                expected = f"{each.default}, as policy = {self.policy} does not read it"
                raise InvalidArgumentError(each.name, got=got, expected=expected, remedy=remedy)

    @property
    def remembers(self) -> bool:
        """Whether policies have a memory."""
        return self.policy == "transformer"

    @property
    def reads_windows(self) -> bool:
        """Whether policies, or those that are cloned in the end, have a memory."""
        return "chunk" not in self.unread

    @property
    def unread(self) -> tuple[str, ...]:
        """Settings that nothing reads with this kind of policy."""
        if self.remembers:
            return ("policy_network",)
        return "width", "blocks", "heads", "tokens", "context", "chunk", "episode_steps"

    @property
    def transformer(self) -> dict[str, Any]:
        """The shape of transformers."""
        return {**self.shape, "joined": self.tokens == "joined"}

    def steps_per_episode(self, horizon: int) -> int:
        """As ``episode_steps`` says, for policies with a memory."""
        return super().steps_per_episode(horizon) if self.remembers else 0
