"""Causal transformers as pure functions of flat parameters: one matrix ``(n, P)`` holds n networks of equal shape.

As with ``networks.StackedMLP``, a row is a network, and all of them run in the same batched products.  A window has K steps and
every step the same M tokens, of which some give outputs (a policy reads its table where the observation stands):

    x_{kM+m} = W_m token_{k,m} + b_m + p_k                                  p: learned, one per step of the window
    x <- x + O softmax_{causal}(q k^T / sqrt(width / heads)) v,             q, k, v linear in norm(x)
    x <- x + W_2 gelu(W_1 norm(x) + b_1) + b_2                              so many blocks
    features = norm(x),  outputs = W features + b                           at the tokens that give outputs

norm(x) = (1 + g) (x - mean) / deviation + b; writing the gain as 1 + g lets weight decay draw it to 1.  A token sees itself and
what stands before it, never what comes later: windows are padded at their end, and the padding changes nothing before it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import gelu, layer_norm, scaled_dot_product_attention

from alberdice.deep.precision import full_precision
from alberdice.errors import InvalidArgumentError

__all__ = ["StackedTransformer"]

#: the inner layer of a block is so many times as wide as the tokens
_EXPANSION = 4
#: standard deviation of fresh position embeddings
_POSITION_SCALE = 0.1


@dataclass(frozen=True)
class StackedTransformer:
    """n networks of one shape.

    Args:
        tokens: numbers of features of a step's tokens, in their order.
        readouts: which of a step's tokens give outputs, ascending.
        outputs: at each of them.
        steps: K, the longest window.
        width: of the tokens inside.
        blocks: of attention and inner layer.
        heads: of attention; they share the width.
        last_scale: the last layer's weights begin this much smaller; policies begin near uniform.
    """

    tokens: tuple[int, ...]
    readouts: tuple[int, ...]
    outputs: int
    steps: int
    width: int = 32
    blocks: int = 2
    heads: int = 1
    last_scale: float = 0.01

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise InvalidArgumentError("heads", got=self.heads, expected=f"a divisor of the width, {self.width}")

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of all parameters, by name, in their order."""
        w, wide = self.width, _EXPANSION * self.width
        found: dict[str, tuple[int, ...]] = {"position": (self.steps, w)}
        for m, size in enumerate(self.tokens):
            found |= _linear(f"token{m}", size, w)
        for b in range(self.blocks):
            found |= {**_norm(f"block{b}.attend", w), **_linear(f"block{b}.qkv", w, 3 * w), **_linear(f"block{b}.out", w, w)}
            found |= {**_norm(f"block{b}.inner", w), **_linear(f"block{b}.up", w, wide), **_linear(f"block{b}.down", wide, w)}
        return {**found, **_norm("last", w), **_linear("outputs", w, self.outputs)}

    @cached_property
    def sizes(self) -> list[int]:
        """Numbers of parameters, in the order of ``shapes``."""
        return [math.prod(shape) for shape in self.shapes.values()]

    def initial(self, networks: int, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> Tensor:
        """Fresh parameters ``(networks, P)``: weights uniform with variance 1 / fan-in, positions normal, all others zero."""
        parts = []
        for name, shape in self.shapes.items():
            part = torch.zeros((networks, math.prod(shape)), dtype=dtype)
            if name == "position":
                part.normal_(0, _POSITION_SCALE, generator=generator)
            elif len(shape) == 2:
                scale = math.sqrt(3 / max(shape[0], 1)) * (self.last_scale if name == "outputs" else 1.0)
                part.uniform_(-scale, scale, generator=generator)
            parts.append(part)
        return torch.cat(parts, -1)

    def __call__(self, parameters: Tensor, tokens: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Outputs ``(n, B, k, R, outputs)`` and features ``(n, B, k, R, width)`` at the R readouts of all k steps.

        Args:
            parameters: ``(n, P)``.
            tokens: a step's M tokens, ``(n, B, k, F_m)`` each, k at most ``steps``.
        """
        own, steps = self._parts(parameters), tokens[0].shape[2]
        x, places = self._embedded(own, tokens), self._places(steps, tokens[0].device)
        for b in range(self.blocks):
            x = self._attended(own, f"block{b}", x, places if b == self.blocks - 1 else None)
            inner = gelu(_mapped(*_after_norm(own, f"block{b}.inner", f"block{b}.up"), _normalised(x)))
            x = x + _mapped(own[f"block{b}.down"], own[f"block{b}.down.bias"], inner)
        with full_precision(x):  # what losses see is never bf16
            gain, shift = own["last.gain"][:, None, None], own["last.shift"][:, None, None]
            features = torch.addcmul(shift, _normalised(x.to(parameters.dtype)), 1 + gain)
            outputs = _mapped(own["outputs"], own["outputs.bias"], features)
        shape = (*features.shape[:2], steps, len(self.readouts))
        return outputs.view(*shape, -1), features.view(*shape, -1)

    def _places(self, steps: int, device: torch.device) -> Tensor:
        """Where the readouts of so many steps are among all tokens."""
        places = torch.arange(steps, device=device)[:, None] * len(self.tokens)
        return (places + torch.tensor(self.readouts, device=device)).flatten()

    def _parts(self, parameters: Tensor) -> dict[str, Tensor]:
        """The parameters by name, ``(n, *shape)`` each."""
        pieces = torch.split(parameters, self.sizes, -1)
        return {name: piece.view(-1, *shape) for (name, shape), piece in zip(self.shapes.items(), pieces, strict=True)}

    def _embedded(self, own: dict[str, Tensor], tokens: Sequence[Tensor]) -> Tensor:
        """All tokens up to the last one that gives outputs, ``(n, B, T, width)``."""
        n, batch, steps = tokens[0].shape[:3]
        each = [_mapped(own[f"token{m}"], own[f"token{m}.bias"], token.flatten(1, 2)) for m, token in enumerate(tokens)]
        x = torch.stack(each, dim=2).view(n, batch, steps, len(tokens), self.width)
        x = x + own["position"][:, None, :steps, None]
        return x.flatten(2, 3)[:, :, : (steps - 1) * len(tokens) + self.readouts[-1] + 1]

    def _attended(self, own: dict[str, Tensor], block: str, x: Tensor, places: Tensor | None) -> Tensor:
        """``(n, B, T, width)`` after causal attention; given places, only there, as nothing else is read any more."""
        width = self.width
        weight, bias = _after_norm(own, f"{block}.attend", f"{block}.qkv")
        normalised, mask = _normalised(x), None
        if places is None:
            query, key, value = self._split(_mapped(weight, bias, normalised), 3)
        else:
            key, value = self._split(_mapped(weight[..., width:], bias[..., width:], normalised), 2)
            mask = torch.arange(x.shape[2], device=x.device) <= places[:, None]
            asking = normalised.index_select(2, places)
            (query,) = self._split(_mapped(weight[..., :width], bias[..., :width], asking), 1)
            x = x.index_select(2, places)
        mixed = scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=mask is None)
        return x + _mapped(own[f"{block}.out"], own[f"{block}.out.bias"], mixed.transpose(1, 2).reshape(x.shape))

    def _split(self, x: Tensor, parts: int) -> tuple[Tensor, ...]:
        """So many parts of ``(n, B, T, parts width)``, each as ``(n B, heads, T, width / heads)``."""
        n, batch, length, _ = x.shape
        return x.view(n * batch, length, parts, self.heads, self.width // self.heads).permute(2, 0, 3, 1, 4).unbind()


def _linear(name: str, inputs: int, outputs: int) -> dict[str, tuple[int, ...]]:
    return {name: (inputs, outputs), f"{name}.bias": (outputs,)}


def _norm(name: str, width: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.gain": (width,), f"{name}.shift": (width,)}


def _mapped(weight: Tensor, bias: Tensor, x: Tensor) -> Tensor:
    """Each network's linear map of ``(n, ..., inputs)``."""
    flat = torch.baddbmm(bias[:, None], x.reshape(len(x), -1, x.shape[-1]), weight)
    return flat.view(*x.shape[:-1], -1)


def _normalised(x: Tensor) -> Tensor:
    """(x - mean) / deviation of every token."""
    return layer_norm(x, x.shape[-1:], x.new_ones(x.shape[-1]), x.new_zeros(x.shape[-1]))  # without these it is slower


def _after_norm(own: dict[str, Tensor], norm: str, linear: str) -> tuple[Tensor, Tensor]:
    """Weights and biases of a linear map with the gain and shift of the norm before it: fewer numbers than tokens have."""
    weight, bias, gain, shift = own[linear], own[f"{linear}.bias"], own[f"{norm}.gain"], own[f"{norm}.shift"]
    return (1 + gain)[..., None] * weight, torch.baddbmm(bias[:, None], shift[:, None], weight)[:, 0]
