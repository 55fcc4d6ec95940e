"""Networks as pure functions of flat parameters: one matrix ``(n, P)`` holds n networks of equal shape, run by one ``bmm``.

A ``StackedMLP`` knows shapes only.  Its parameters are one row per network, so that agent i's network is a row (a view), an
optimiser step is a few operations on one tensor, and a checkpoint is a handful of arrays.

    x -> ReLU(x W_1 + b_1) -> ... -> x W_L + b_L;       without hidden layers: linear, a table on one-hot inputs
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import torch
from torch import Tensor

from alberdice.deep.precision import full_precision

__all__ = ["Adam", "StackedMLP"]


@dataclass(frozen=True)
class StackedMLP:
    """n networks of one shape.

    Args:
        inputs: features.
        hidden: widths of the hidden layers, ReLU each.
        outputs: outputs.
        last_bias: whether the last layer has a bias; nu has none, since its loss does not see a constant (Lemma E.2).
        last_scale: the last layer's weights begin this much smaller; policies begin near uniform.
    """

    inputs: int
    hidden: tuple[int, ...]
    outputs: int
    last_bias: bool = True
    last_scale: float = 1.0

    @cached_property
    def shapes(self) -> list[tuple[int, ...]]:
        """Shapes of weights and biases, layer by layer."""
        widths = [self.inputs, *self.hidden, self.outputs]
        pairs = pairwise(widths)
        layers: list[tuple[int, ...]] = [shape for a, b in pairs for shape in ((a, b), (b,))]
        return layers if self.last_bias else layers[:-1]

    @cached_property
    def sizes(self) -> list[int]:
        """Numbers of parameters, in the order of ``shapes``."""
        return [math.prod(shape) for shape in self.shapes]

    def initial(self, networks: int, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> Tensor:
        """Fresh parameters ``(networks, P)``: weights uniform within sqrt(3 / fan-in) (variance 1 / fan-in), biases zero."""
        parts, last = [], 2 * len(self.hidden)
        for k, shape in enumerate(self.shapes):
            part = torch.zeros((networks, math.prod(shape)), dtype=dtype)
            if len(shape) == 2:
                scale = math.sqrt(3 / max(shape[0], 1)) * (self.last_scale if k == last else 1.0)
                part.uniform_(-scale, scale, generator=generator)
            parts.append(part)
        return torch.cat(parts, -1)

    def __call__(self, parameters: Tensor, x: Tensor) -> Tensor:
        """Outputs ``(n, B, outputs)`` for parameters ``(n, P)`` and inputs ``(n, B, inputs)``, or ``(B, inputs)`` for all."""
        n = len(parameters)
        parts = iter(torch.split(parameters, self.sizes, -1))
        x = x.expand(n, *x.shape) if x.ndim == 2 else x
        for _ in self.hidden:
            weight = next(parts).view(n, x.shape[-1], -1)
            x = torch.relu(torch.baddbmm(next(parts)[:, None, :], x, weight))
        weight, bias = next(parts).view(n, x.shape[-1], -1), next(parts, None)
        with full_precision(x):
            x = x.to(weight.dtype)  # what losses see is never bf16
            return torch.bmm(x, weight) if bias is None else torch.baddbmm(bias[:, None, :], x, weight)


class Adam:
    """Adam (Kingma and Ba, 2015) on one parameter matrix, whole or by rows; its state is three tensors.

    Rows may take their steps apart (agents take turns), so every row counts its own steps.

    Args:
        parameters: ``(n, P)``, changed in place.
        betas: decay of both averages.
        epsilon: added to the root of the second.
    """

    def __init__(self, parameters: Tensor, betas: tuple[float, float] = (0.9, 0.999), epsilon: float = 1e-8) -> None:
        self.parameters, self.betas, self.epsilon = parameters, betas, epsilon
        self.state = {
            "mean": torch.zeros_like(parameters),
            "square": torch.zeros_like(parameters),
            "steps": torch.zeros(len(parameters), 1, dtype=torch.float64, device=parameters.device),
        }

    @torch.no_grad()
    def step(self, gradient: Tensor, learning_rate: float, rows: slice = slice(None)) -> None:
        """One step of these rows along their gradient ``(rows, P)``."""
        mean, square, steps = (self.state[name][rows] for name in ("mean", "square", "steps"))
        (b1, b2) = self.betas
        steps += 1
        mean.lerp_(gradient, 1 - b1)
        square.mul_(b2).addcmul_(gradient, gradient, value=1 - b2)
        size = (learning_rate / (1 - b1**steps)).to(mean.dtype)
        root = (square.sqrt() / (1 - b2**steps).sqrt().to(mean.dtype)).add_(self.epsilon)
        self.parameters[rows] -= size * mean / root
