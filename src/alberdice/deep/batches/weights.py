"""On how much of the data weights rest: effective steps, the ten heaviest steps, the heaviest episode.

With w_x the weights of steps x, summing to 1:

    effective_steps     1 / sum w_x^2                          heaviest_steps     sum of the ten largest w_x
    heaviest_episode    largest sum of w_x over an episode

A weight that rests on few steps is what those few happened to be.  That is no verdict, as an optimal deterministic policy
visits few distinct steps: policies are chosen by ``training.selection``, and this is a warning.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["step_weights", "weight_report", "weight_warning"]

_HEAVIEST = 10
#: what is warned of: this share of the weight on ten steps, or on one episode, of data with ten times as many
_MUCH = 0.5


def step_weights(log_weight: Tensor, steps: Tensor, n_steps: int) -> Tensor:
    """Weights of all steps of the data, ``(T,)``, from log weights ``(B,)`` of sampled ones ``(B,)``; repeats add up."""
    share = torch.softmax(log_weight.double(), 0)
    return torch.zeros(n_steps, dtype=torch.float64, device=share.device).index_add_(0, steps, share)


def weight_report(weights: Tensor, lengths: Tensor) -> dict[str, float]:
    """The module's numbers for weights ``(T,)`` and the episodes' numbers of steps ``(E,)``."""
    episode = torch.repeat_interleave(torch.arange(len(lengths), device=weights.device), lengths)
    by_episode = torch.zeros(len(lengths), dtype=weights.dtype, device=weights.device).index_add_(0, episode, weights)
    return {
        "effective_steps": float(1 / weights.square().sum()),
        "heaviest_steps": float(weights.topk(min(_HEAVIEST, len(weights))).values.sum()),
        "heaviest_episode": float(by_episode.max()),
    }


def weight_warning(report: dict[str, float], steps: int, episodes: int) -> str:
    """What is worth a warning, in words; empty if nothing is."""
    found = []
    if report["heaviest_steps"] > _MUCH and steps >= 10 * _HEAVIEST:
        found.append(f"ten of {steps} steps carry {report['heaviest_steps']:.0%} of the weight")
    if report["heaviest_episode"] > _MUCH and episodes >= 10:
        found.append(f"one of {episodes} episodes carries {report['heaviest_episode']:.0%} of the weight")
    return " and ".join(found)
