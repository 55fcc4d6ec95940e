"""Networks as pure functions of flat parameters: one matrix ``(n, P)`` holds n networks of equal shape, run by one ``bmm``.

A ``StackedMLP`` knows shapes only.  Its parameters are one row per network, so that agent i's network is a row (a view), an
optimiser step is a few operations on one tensor, and a checkpoint is a handful of arrays.

    x -> ReLU(x W_1 + b_1) -> ... -> x W_L + b_L;       without hidden layers: linear, a table on one-hot inputs

With ``leak`` c, max(x, c x) in ReLU's place. Where few distinct inputs are all there is, one step of Adam along a gradient that
has grown can turn a layer's units off at every one of them, and only the last bias goes on learning; a leak keeps them on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, zip_longest
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import leaky_relu
from torch.optim.adam import adam

from alberdice.deep import sums
from alberdice.deep.networks.precision import full_precision

__all__ = ["Adam", "Layers", "StackedMLP", "slopes_between"]

#: numbers in one layer's activations up to which a CPU runs networks together; 4 MiB
_TOGETHER = 1 << 20


@dataclass(frozen=True)
class Layers:
    """What the networks of a run have in common: ``hidden`` and ``leak`` of each, see ``StackedMLP``."""

    hidden: tuple[int, ...]
    leak: float = 0.0

    def between(self, inputs: int, outputs: int, *, last_bias: bool = True, last_scale: float = 1.0) -> StackedMLP:
        """The networks with these inputs and outputs."""
        return StackedMLP(inputs, self.hidden, outputs, last_bias, last_scale, self.leak)


@dataclass(frozen=True)
class StackedMLP:
    """n networks of one shape.

    Args:
        inputs: features.
        hidden: widths of the hidden layers, ReLU each.
        outputs: outputs.
        last_bias: whether the last layer has a bias; nu has none, since its loss does not see a constant (Lemma E.2).
        last_scale: the last layer's weights begin this much smaller; policies begin near uniform.
        leak: slope of the hidden layers' ReLU below 0.
    """

    inputs: int
    hidden: tuple[int, ...]
    outputs: int
    last_bias: bool = True
    last_scale: float = 1.0
    leak: float = 0.0

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

    def first(self, parameters: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Weights ``(n, inputs, H)`` and biases ``(n, H)`` of the first hidden layer, and the other layers' parameters."""
        size, width = self.sizes[:2]
        weight, bias, rest = torch.split(parameters, [size, width, sum(self.sizes[2:])], -1)
        return weight.view(-1, *self.shapes[0]), bias, rest

    def from_first(self, rest: Tensor, before: Tensor) -> Tensor:
        """Outputs from the other layers' parameters and what the first layer's ReLU is applied to, ``(n, B, H)``."""
        following = StackedMLP(self.hidden[0], self.hidden[1:], self.outputs, self.last_bias, leak=self.leak)
        return following(rest, leaky_relu(before, self.leak))

    def __call__(self, parameters: Tensor, x: Tensor) -> Tensor:
        """Outputs ``(n, B, outputs)`` for parameters ``(n, P)`` and inputs ``(n, B, inputs)``, or ``(B, inputs)`` for all."""
        if torch.is_autocast_enabled(x.device.type) or torch.compiler.is_exporting():
            return self.by_autograd(parameters, x)
        x = x.expand(len(parameters), *x.shape) if x.ndim == 2 else x
        together = self._together(x)
        parts = zip(torch.split(parameters, together), torch.split(x, together), strict=True)
        outputs: list[Tensor] = [_Run.apply(part, own, self) for part, own in parts]  # type: ignore[no-untyped-call]
        return outputs[0] if len(outputs) == 1 else torch.cat(outputs)

    def _together(self, x: Tensor) -> int:
        """How many networks to run at once: a CPU takes only as many as its cache can follow, a GPU all."""
        widest = max(*self.hidden, self.inputs, self.outputs, 1)
        return max(1, _TOGETHER // max(1, x.shape[1] * widest)) if x.device.type == "cpu" else max(1, len(x))

    def by_autograd(self, parameters: Tensor, x: Tensor) -> Tensor:
        """The same, by operations that can be differentiated twice, and in low precision but for the last layer."""
        x = x.expand(len(parameters), *x.shape) if x.ndim == 2 else x
        *hidden, (weight, bias) = self.layers(parameters)
        for inner, offset in hidden:
            x = leaky_relu(_affine(x, inner, offset), self.leak)
        with full_precision(x):
            return _affine(x.to(weight.dtype), weight, bias)  # what losses see is never bf16

    def layers(self, parameters: Tensor) -> list[tuple[Tensor, Tensor | None]]:
        """Weights ``(n, inputs, outputs)`` and biases ``(n, 1, outputs)`` of all layers, views of the parameters."""
        parts, n = torch.split(parameters, self.sizes, -1), len(parameters)
        shaped = [part.view(n, -1, shape[-1]) for part, shape in zip(parts, self.shapes, strict=True)]
        return list(zip_longest(shaped[::2], shaped[1::2]))


def _affine(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return torch.bmm(x, weight) if bias is None else torch.baddbmm(bias, x, weight)


class _Run(torch.autograd.Function):
    """All layers, forward and backward, with biases, ReLUs and their derivatives applied in place.

    g_L = dJ/dy;    dJ/dW_l = h_l' g_l,    dJ/db_l = sum over rows of g_l,    g_{l-1} = g_l W_l', times leak where h_l < 0
    """

    @staticmethod
    def forward(ctx: Any, parameters: Tensor, x: Tensor, net: StackedMLP) -> Tensor:
        """Outputs ``(n, B, outputs)``."""
        activations = [x]
        for layer, (weight, bias) in enumerate(net.layers(parameters)):
            x = torch.bmm(x, weight)
            if bias is not None:
                x += bias
            if layer < len(net.hidden):
                activations.append(leaky_relu(x, net.leak, inplace=True))
        ctx.net = net
        ctx.save_for_backward(parameters, *activations)
        return x

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor | None, None]:
        """Gradients of the parameters, and of the inputs where they are asked for."""
        parameters, *activations = ctx.saved_tensors
        found = torch.empty_like(parameters)
        weights, sums = ctx.net.layers(parameters), ctx.net.layers(found)
        for layer, h in reversed(list(enumerate(activations))):
            weight, bias = sums[layer]
            weight.copy_(torch.bmm(h.transpose(1, 2), g))
            if bias is not None:
                torch.sum(g, 1, keepdim=True, out=bias)
            if layer > 0 or ctx.needs_input_grad[1]:
                g = torch.bmm(g, weights[layer][0].transpose(1, 2))
            if layer > 0:
                torch.ops.aten.leaky_relu_backward.grad_input(g, h, ctx.net.leak, True, grad_input=g)
        return found, g if ctx.needs_input_grad[1] else None, None


def slopes_between(
    network: StackedMLP,
    parameters: Tensor,
    inputs: Tensor,
    generator: torch.Generator,
    most: int | None = None,
    divided: sums.Division = sums.EVENLY,
) -> Tensor:
    """Slopes d output / d input at random points between random pairs of inputs ``(B, inputs)``: ``(n, B, inputs)``.

    They can be differentiated once more, in the parameters ``(n, P)``; networks with one output.  With ``most``, of the first
    so many inputs, all of which every one of several devices takes; else each takes its own, ``divided`` as the inputs are.
    """
    inputs = divided.everyone(inputs)[:most]
    order = torch.randperm(len(inputs), generator=generator, device=inputs.device)
    share = torch.rand(len(inputs), 1, generator=generator, device=inputs.device)
    points = share * inputs + (1 - share) * inputs[order]
    points = points if most else divided.own(points)
    between = points.expand(len(parameters), *points.shape).requires_grad_()
    (slopes,) = torch.autograd.grad(network.by_autograd(parameters, between).sum(), between, create_graph=True)
    return slopes


class Adam:
    """Adam (Kingma and Ba, 2015) on one parameter matrix, whole or by rows, by torch's fused kernel; three tensors of state.

    Rows may take their steps apart (agents take turns), so every row counts its own steps.

    Args:
        parameters: ``(n, P)``, changed in place.
        betas: decay of both averages.
        epsilon: added to the root of the second.
        decay: of the parameters themselves, as a share of the learning rate (AdamW, Loshchilov and Hutter, 2019).
    """

    def __init__(
        self, parameters: Tensor, betas: tuple[float, float] = (0.9, 0.999), epsilon: float = 1e-8, decay: float = 0.0
    ) -> None:
        self.parameters, self.betas, self.epsilon, self.decay = parameters, betas, epsilon, decay
        self.state = {
            "mean": torch.zeros_like(parameters),
            "square": torch.zeros_like(parameters),
            "steps": torch.zeros(len(parameters), device=parameters.device),
        }

    @torch.no_grad()
    def step(self, gradient: Tensor, learning_rate: float | Tensor, rows: slice = slice(None)) -> None:
        """One step of these rows along their gradient ``(rows, P)``; a rate on the device need not be known here."""
        gradient = sums.gradient(gradient)
        mean, square, steps = (list(self.state[name][rows]) for name in ("mean", "square", "steps"))
        if self.decay:
            self.parameters[rows] *= 1 - learning_rate * self.decay
        adam(
            list(self.parameters[rows]),
            list(gradient),
            mean,
            square,
            [],
            steps,
            fused=True,
            amsgrad=False,
            beta1=self.betas[0],
            beta2=self.betas[1],
            lr=learning_rate,
            weight_decay=0.0,
            eps=self.epsilon,
            maximize=False,
        )
