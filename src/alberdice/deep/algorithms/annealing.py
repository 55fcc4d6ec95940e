"""alpha, the weight of the divergence from the data: lowered geometrically while enough samples carry exp(e / alpha).

    alpha <- max(alpha_end, alpha (alpha_end / alpha_start)^(1 / rounds)),  unless the effective sample size, averaged over
    about 100 updates, is below hold_share times the minibatch

The weights exp(e / alpha) lean on ever fewer samples as alpha falls; below a handful, a run ends in whatever those few show.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from torch import Tensor

from alberdice.deep.config import LEAST, DiscountedConfig, Share, Within
from alberdice.errors import InvalidArgumentError

__all__ = ["AnnealedConfig", "Annealing"]

#: memory of the running mean of the effective sample size, in updates
_MEMORY = 100


@dataclass(frozen=True)
class AnnealedConfig(DiscountedConfig):
    """What algorithms are told that optimise stationary distributions by a nu and weights exp(e / alpha)."""

    alpha_start: Annotated[float, Within(LEAST, 1e6)] = 1.0
    """conservatism (the weight of the divergence from the data) at first"""
    alpha_end: Annotated[float, Within(LEAST, 1e6)] = 0.02
    """and in the end; reached geometrically, but not past a collapse of the effective sample size"""
    anneal_share: Share = 0.8
    """share of the updates in which alpha falls; 0: it is alpha_end throughout"""
    units: Literal["spread", "rewards"] = "spread"
    """what alpha counts in: the spread of the data's rewards, or the rewards themselves (as printed)"""
    hold_share: Share = 0.01
    """alpha stops falling while the effective sample size is below this share of the minibatch"""
    collapse_rows: Annotated[float, Within(0.0, 1 << 24)] = 2.0
    """training stops, with an explanation, when the effective sample size stays below so many rows"""
    absorbing: Literal["discounted", "single"] = "discounted"
    """how many steps the end of an episode stands for: 1 / (1-gamma), or one"""
    gradient_penalty: Annotated[float, Within(0.0, 1e6)] = 0.0
    """weight of the penalty on nu's slope; the published runs use 0.1, the paper has none"""
    slope_limit: Annotated[float, Within(0.0, 1e6)] = 5.0
    """slopes of nu up to this are free"""
    nu_network: str = ""
    """nu's networks, as policy_network: (features of a state, 1)"""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.alpha_end > self.alpha_start:
            raise InvalidArgumentError("alpha_end", got=self.alpha_end, expected=f"at most alpha_start, {self.alpha_start}")


class Annealing:
    """The schedule and its state, two tensors of no dimension that are changed in place.

    Args:
        config: the settings.
        device: where alpha lives.
    """

    def __init__(self, config: AnnealedConfig, device: torch.device) -> None:
        self.config = config
        self._first = first = config.alpha_start if config.anneal_share > 0 else config.alpha_end
        rounds = max(1.0, config.anneal_share * config.updates)
        self._decay = (config.alpha_end / config.alpha_start) ** (1 / rounds)
        self.state = {
            "alpha": torch.tensor(first, dtype=torch.float64, device=device),
            "effective_rows": torch.tensor(float(config.batch_size), dtype=torch.float64, device=device),
        }

    @property
    def alpha(self) -> Tensor:
        """The present alpha, float32."""
        return self.state["alpha"].float()

    def restart(self) -> None:
        """Alpha as at the beginning."""
        self.state["alpha"].fill_(self._first)
        self.state["effective_rows"].fill_(float(self.config.batch_size))

    def lower(self, effective: Tensor) -> None:
        """Lower alpha, unless the samples that carry the weights are few; ``effective`` is this update's sample size."""
        running, alpha = self.state["effective_rows"], self.state["alpha"]
        running.lerp_(effective.double(), 1 / _MEMORY)
        enough = running >= self.config.hold_share * self.config.batch_size
        lowered = (alpha * self._decay).clamp(min=self.config.alpha_end)
        alpha.copy_(torch.where(enough, lowered, alpha))

    def complaint(self, metrics: dict[str, float]) -> str:
        """An effective sample size of next to nothing, and what to change; empty if there are enough."""
        rows = metrics.get("effective_rows", float("inf"))
        if rows >= self.config.collapse_rows:
            return ""
        return (
            f"exp(e / alpha) leans on {rows:.1f} of {self.config.batch_size} samples at alpha = {metrics['alpha']:.2g}: "
            "raise alpha_end, batch_size or hold_share"
        )
