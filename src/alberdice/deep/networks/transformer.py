"""Causal transformers as pure functions of flat parameters: one matrix ``(n, P)`` holds n networks of equal shape.

As with ``networks.StackedMLP``, a row is a network, and all of them run in the same batched products.  A window has K steps and
every step the same M tokens, of which some give outputs (a policy reads its table where the observation stands):

    x_{kM+m} = W_m token_{k,m} + b_m + p_k                                  p: learned, one per step of the window
    x <- x + O softmax_{causal}(q k^T / sqrt(width / heads)) v,             q, k, v linear in norm(x)
    x <- x + W_2 gelu(W_1 norm(x) + b_1) + b_2                              so many blocks
    features = norm(x),  outputs = W features + b                           at the tokens that give outputs

Banded networks take sequences of any length, in blocks of h = K / 2 steps: a token sees its own block, up to itself, and the
whole block before it, and positions come again after K steps,

    x_{kM+m} = W_m token_{k,m} + b_m + p_{k mod K}

so that a token stands for the same in every sequence that holds it.  What it gives rests on so many blocks before its own as
the network has blocks of attention: where a sequence begins in the middle of an episode, its first steps lack their past, and
those behind them give what they give in the whole episode.

In play a window grows step by step, and what stands in it already changes no more: ``extended`` runs the new tokens alone and
keeps every block's keys and values (``Kept``).

norm(x) = (1 + g) (x - mean) / deviation + b; writing the gain as 1 + g lets weight decay draw it to 1.  A token sees itself and
what stands before it, never what comes later: windows are padded at their end, and the padding changes nothing before it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import gelu, layer_norm, pad, scaled_dot_product_attention

from alberdice.deep.networks.precision import full_precision
from alberdice.errors import InvalidArgumentError

__all__ = ["Kept", "StackedTransformer"]

#: the inner layer of a block is so many times as wide as the tokens
_EXPANSION = 4
#: standard deviation of fresh position embeddings
_POSITION_SCALE = 0.1


@dataclass
class Kept:
    """Keys and values of a growing window; what is asked twice about a step gives the same twice.

    Attributes:
        length: tokens that stand.
        latest: tokens of the last question; they stand once ``settle`` says so.
        blocks: per block keys and values, ``(2, n B, heads, latest, width / heads)``.
    """

    length: int = 0
    latest: int = 0
    blocks: dict[str, Tensor] = field(default_factory=dict)

    def settle(self) -> None:
        """The step that was asked about is over."""
        self.length = self.latest

    def added(self, block: str, pair: Tensor) -> Tensor:
        """All keys and values of a block, those of the newest tokens included."""
        before = self.blocks.get(block)
        self.blocks[block] = pair if before is None else torch.cat([before[:, :, :, : self.length], pair], 3)
        return self.blocks[block]


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
        banded: see the module; K is even then, and sequences are as long as they are.
    """

    tokens: tuple[int, ...]
    readouts: tuple[int, ...]
    outputs: int
    steps: int
    width: int = 32
    blocks: int = 2
    heads: int = 1
    last_scale: float = 0.01
    banded: bool = False

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise InvalidArgumentError("heads", got=self.heads, expected=f"a divisor of the width, {self.width}")
        if self.banded and self.steps % 2:
            raise InvalidArgumentError("steps", got=self.steps, expected="an even number, for two blocks of a banded network")

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
            tokens: a step's M tokens, ``(n, B, k, F_m)`` each, k at most ``steps`` unless banded.
        """
        own, steps = self._parts(parameters), tokens[0].shape[2]
        x, attended = self._embedded(own, tokens), self._attended_in_bands if self.banded else self._attended
        for b in range(self.blocks):
            x = attended(own, f"block{b}", x, steps, b == self.blocks - 1)
            inner = gelu(_mapped(own, f"block{b}.up", _normed(own, f"block{b}.inner", x)))
            x = x + _mapped(own, f"block{b}.down", inner)
        with full_precision(x):  # what losses see is never bf16
            features = _normed(own, "last", x.to(parameters.dtype))
            outputs = _mapped(own, "outputs", features)
        shape = (*features.shape[:2], steps, len(self.readouts))
        return outputs.view(*shape, -1), features.view(*shape, -1)

    def extended(self, parameters: Tensor, tokens: Sequence[Tensor], kept: Kept) -> Tensor:
        """Outputs ``(n, B, outputs)`` at the last readout of the last step, for windows that grew since ``kept`` was settled.

        Args:
            parameters: ``(n, P)``.
            tokens: of all k steps, as for a call; those that ``kept`` knows are not looked at.
            kept: what the last call left, changed here; a fresh one for a window that began anew.
        """
        own, each = self._parts(parameters), len(self.tokens)
        begun = kept.length // each
        x = self._embedded(own, [token[:, :, begun:] for token in tokens], begun)[:, :, kept.length - begun * each :]
        total = kept.length + x.shape[2]
        keys, queries = (torch.arange(first, total, device=x.device) for first in (0, kept.length))
        sees = keys <= queries[:, None]
        if self.banded:
            size = self.steps // 2 * each
            sees &= keys // size >= queries[:, None] // size - 1
        for b in range(self.blocks):
            query, *pair = self._split(own, f"block{b}", x)
            keys, values = kept.added(f"block{b}", torch.stack(pair))
            mixed = scaled_dot_product_attention(query, keys, values, attn_mask=sees)
            x = x + _mapped(own, f"block{b}.out", mixed.transpose(1, 2).reshape(x.shape))
            inner = gelu(_mapped(own, f"block{b}.up", _normed(own, f"block{b}.inner", x)))
            x = x + _mapped(own, f"block{b}.down", inner)
        kept.latest = total
        return _mapped(own, "outputs", _normed(own, "last", x[:, :, -1:]))[:, :, 0]

    def _split(self, own: dict[str, Tensor], block: str, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of all tokens, ``(n B, heads, T, width / heads)`` each."""
        n, batch, length, width = x.shape
        mapped = _mapped(own, f"{block}.qkv", _normed(own, f"{block}.attend", x))
        split = mapped.view(n * batch, length, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4).unbind()
        return query, key, value

    def _places(self, steps: int, device: torch.device) -> Tensor | None:
        """Where the readouts of so many steps are among all tokens; None if they are all."""
        if len(self.readouts) == len(self.tokens):
            return None
        first = torch.arange(steps, device=device) * len(self.tokens)
        return torch.stack([first + readout for readout in self.readouts], 1).flatten()

    def _parts(self, parameters: Tensor) -> dict[str, Tensor]:
        """The parameters by name, ``(n, *shape)`` each."""
        pieces = torch.split(parameters, self.sizes, -1)
        return {name: piece.view(-1, *shape) for (name, shape), piece in zip(self.shapes.items(), pieces, strict=True)}

    def _embedded(self, own: dict[str, Tensor], tokens: Sequence[Tensor], first: int = 0) -> Tensor:
        """All tokens from step ``first`` up to the last one that gives outputs, ``(n, B, T, width)``."""
        n, batch, steps = tokens[0].shape[:3]
        each = [_mapped(own, f"token{m}", token.flatten(1, 2)) for m, token in enumerate(tokens)]
        x = torch.stack(each, dim=2).view(n, batch, steps, len(tokens), self.width)
        places = torch.arange(first, first + steps, device=x.device) % self.steps
        x = x + own["position"].index_select(1, places)[:, None, :, None]
        return x.flatten(2, 3)[:, :, : (steps - 1) * len(tokens) + self.readouts[-1] + 1]

    def _attended(self, own: dict[str, Tensor], block: str, x: Tensor, steps: int, last: bool) -> Tensor:
        """``(n, B, T, width)`` after causal attention; in the last block only at readouts, as nothing else is read any more."""
        query, key, value = self._split(own, block, x)
        mask, length, places = None, x.shape[2], self._places(steps, x.device) if last else None
        if places is not None:
            mask = torch.arange(length, device=x.device) <= places[:, None]
            query, x = query.index_select(2, places), x.index_select(2, places)
        mixed = scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=mask is None)
        return x + _mapped(own, f"{block}.out", mixed.transpose(1, 2).reshape(x.shape))

    def _attended_in_bands(self, own: dict[str, Tensor], block: str, x: Tensor, steps: int, last: bool) -> Tensor:
        """The same where a token sees its own block of steps and the one before: blocks side by side, each with both keys."""
        length, size = x.shape[2], self.steps // 2 * len(self.tokens)
        blocks = -(-length // size)
        parts = self._split(own, block, pad(x, (0, 0, 0, blocks * size - length)))
        query, key, value = (part.reshape(-1, self.heads, blocks, size, part.shape[-1]) for part in parts)
        key, value = (torch.cat([pad(part[:, :, :-1], (0, 0, 0, 0, 1, 0)), part], 3) for part in (key, value))
        places = self._places(steps, x.device) if last else None
        within = self._places(self.steps // 2, x.device) if last else None
        sees = _in_band(blocks, size, x.device)
        if places is not None and within is not None:
            query, sees, x = query.index_select(3, within), sees.index_select(1, within), x.index_select(2, places)
        query, key, value = (part.flatten(1, 2) for part in (query, key, value))
        mixed = scaled_dot_product_attention(query, key, value, attn_mask=sees.repeat(self.heads, 1, 1))
        mixed = mixed.reshape(mixed.shape[0], self.heads, -1, mixed.shape[-1])[:, :, : x.shape[2]]
        return x + _mapped(own, f"{block}.out", mixed.transpose(1, 2).reshape(x.shape))


def _in_band(blocks: int, size: int, device: torch.device) -> Tensor:
    """What every token of every block sees of the block before and of its own, ``(blocks, size, 2 size)``."""
    place = torch.arange(size, device=device)
    own = (place <= place[:, None]).expand(blocks, size, size)
    before = (torch.arange(blocks, device=device) > 0)[:, None, None].expand(blocks, size, size)
    return torch.cat([before, own], 2)


def _linear(name: str, inputs: int, outputs: int) -> dict[str, tuple[int, ...]]:
    return {name: (inputs, outputs), f"{name}.bias": (outputs,)}


def _norm(name: str, width: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.gain": (width,), f"{name}.shift": (width,)}


def _mapped(own: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    """Each network's linear map of ``(n, ..., inputs)``."""
    flat = torch.baddbmm(own[f"{name}.bias"][:, None], x.reshape(len(x), -1, x.shape[-1]), own[name])
    return flat.view(*x.shape[:-1], -1)


def _normed(own: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    """(1 + g) (x - mean) / deviation + b of every token, ``(n, B, T, width)``."""
    gain, shift, width = 1 + own[f"{name}.gain"], own[f"{name}.shift"], x.shape[-1:]
    if len(gain) == 1:
        return layer_norm(x, width, gain[0], shift[0])
    return torch.addcmul(shift[:, None, None], layer_norm(x, width), gain[:, None, None])
