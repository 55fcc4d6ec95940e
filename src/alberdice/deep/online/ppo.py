"""Proximal policy optimisation for joint policies: advantages, and the loss of one minibatch.

    delta_t = r_t + gamma V(o_{t+1}) - V(o_t)
    A_t     = delta_t + gamma lambda A_{t+1}                           generalised advantage estimation
    loss    = -mean min(w A, clip(w, 1 - c, 1 + c) A) + huber(V - (A_t + V_t)) - h mean entropy,      w = pi / pi_old

Beyond a termination there is no value; beyond a time limit there is the value of the last frame, and no advantage runs over
either end.  Values are learned in units of the returns' running mean and spread (:class:`Scale`).
Source: Schulman et al. (2016), equations (11)-(16); Schulman et al. (2017), equation (7); the constants are MAT's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import huber_loss

__all__ = ["Scale", "advantages", "ppo_loss"]


def advantages(
    rewards: Tensor, values: Tensor, after: Tensor, terminated: Tensor, ended: Tensor, discount: float, trace: float
) -> Tensor:
    """Generalised advantages.

    Args:
        rewards: (T, B, N).
        values: (T, B, N), V(o_t).
        after: (T, B, N), the value of the frame that the step led to, before any new episode begins.
        terminated: (T, B) booleans.
        ended: (T, B) booleans, terminated or truncated.
        discount: gamma.
        trace: lambda.

    Returns:
        (T, B, N).
    """
    beyond = torch.where(terminated[..., None], torch.zeros_like(after), after)
    delta = rewards + discount * beyond - values
    out, running = torch.empty_like(delta), torch.zeros_like(delta[0])
    for t in range(len(delta) - 1, -1, -1):
        running = delta[t] + discount * trace * torch.where(ended[t, :, None], torch.zeros_like(running), running)
        out[t] = running
    return out


def ppo_loss(
    tables: Tensor,
    values: Tensor,
    actions: Tensor,
    old: Tensor,
    gains: Tensor,
    targets: Tensor,
    alive: Tensor,
    *,
    clip: float,
    entropy: float,
    delta: float = 10.0,
) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of a minibatch, averaged over agents that are alive.

    Args:
        tables: (B, N, A) log policies.
        values: (B, N).
        actions: (B, N).
        old: (B, N) log probabilities when they were played.
        gains: (B, N) advantages.
        targets: (B, N) of the values.
        alive: (B, N) booleans.
        clip: c.
        entropy: h.
        delta: of the Huber loss.

    Returns:
        The loss, and metrics.
    """
    weight = alive.to(values.dtype) / alive.sum().clamp(min=1)
    ratio = (tables.gather(-1, actions[..., None]).squeeze(-1) - old).exp()
    surrogate = torch.minimum(ratio * gains, ratio.clamp(1 - clip, 1 + clip) * gains)
    spread = -(tables.exp() * tables.clamp(min=-50.0)).sum(-1)
    policy, value = -(weight * surrogate).sum(), (weight * huber_loss(values, targets, reduction="none", delta=delta)).sum()
    uncertainty = (weight * spread).sum()
    clipped = (weight * ((ratio - 1).abs() > clip)).sum()
    loss = policy + value - entropy * uncertainty
    return loss, {"policy_loss": policy, "value_loss": value, "entropy": uncertainty, "clipped": clipped}


@dataclass
class Scale:
    """Running mean and spread of returns; values are in these units.

    Attributes:
        mean, square: exponential averages of the returns and of their squares.
        weight: how much of the averages is data, in [0, 1).
    """

    mean: float = 0.0
    square: float = 0.0
    weight: float = 0.0
    keep: float = 0.99

    def update(self, returns: Tensor) -> None:
        """Take note of returns of any shape."""
        for name, value in (("mean", float(returns.mean())), ("square", float(returns.square().mean()))):
            setattr(self, name, self.keep * getattr(self, name) + (1 - self.keep) * value)
        self.weight = self.keep * self.weight + (1 - self.keep)

    @property
    def units(self) -> tuple[float, float]:
        """Mean and spread; 0 and 1 before any return."""
        if self.weight == 0:
            return 0.0, 1.0
        mean = self.mean / self.weight
        return mean, float(max(self.square / self.weight - mean**2, 1e-4) ** 0.5)

    def known(self, values: Tensor) -> Tensor:
        """Values in the rewards' units, from the network's."""
        mean, spread = self.units
        return values * spread + mean

    def told(self, returns: Tensor) -> Tensor:
        """Returns in the network's units."""
        mean, spread = self.units
        return (returns - mean) / spread
