"""Rewards in units of their spread: what alpha, and the values of a critic, count in."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from alberdice.deep.batches.training_data import TrainingData

__all__ = ["in_units", "spread_of"]


def spread_of(rewards: Tensor, ends: bool) -> tuple[float, float]:
    """The middle and the spread of rewards ``(T,)``: alpha's unit.

    The middle is their mean where no episode ends, and 0 otherwise: the end pays 0 for ever, which a shift would change.  The
    spread is the root of the mean square about it; where they all are the middle, their size, or 1 if that is 0.
    """
    values = rewards.double()
    middle = 0.0 if ends else float(values.mean())
    size, spread = float(values.abs().max()), float((values - middle).square().mean().sqrt())
    return middle, spread if spread > 1e-6 * size else size or 1.0


def in_units(data: TrainingData, units: str) -> TrainingData:
    """The data with rewards in units of their spread, about their mean where no episode ends; or as they are.

    Where nothing terminates a constant in the rewards only shifts nu and e by constants, which a network need not learn.
    """
    if units == "rewards":
        return data
    middle, spread = spread_of(data.rewards, data.endings > 0)
    return replace(data, rewards=((data.rewards.double() - middle) / spread).float())
