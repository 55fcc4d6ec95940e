"""Stacked transformers against an independent NumPy transformer; causality, padding, one by one; AdamW against torch.optim."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from alberdice.deep.networks.mlp import Adam
from alberdice.deep.networks.transformer import StackedTransformer
from alberdice.errors import InvalidArgumentError

NET = StackedTransformer(tokens=(1, 5, 3, 2), readouts=(1, 2), outputs=4, steps=6, width=12, blocks=2, heads=3, last_scale=1.0)


def parameters(net: StackedTransformer = NET, networks: int = 3, seed: int = 0) -> torch.Tensor:
    """Random parameters, gains and biases among them."""
    generator = torch.Generator().manual_seed(seed)
    own = net.initial(networks, generator, torch.float64)
    return own + 0.1 * torch.randn(own.shape, generator=generator, dtype=torch.float64)


def tokens(steps: int = 6, net: StackedTransformer = NET, networks: int = 3, seed: int = 1) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(networks, 7, steps, size, generator=generator, dtype=torch.float64) for size in net.tokens]


def slow_transformer(net: StackedTransformer, row: np.ndarray, window: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """One network on one window, token by token: outputs and features ``(k, R, .)``."""
    own, at = {}, 0
    for name, shape in net.shapes.items():
        own[name] = row[at : at + math.prod(shape)].reshape(shape)
        at += math.prod(shape)

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        scaled = (x - x.mean()) / np.sqrt(x.var() + 1e-5)
        return (1 + own[f"{name}.gain"]) * scaled + own[f"{name}.shift"]

    def linear(x: np.ndarray, name: str) -> np.ndarray:
        return x @ own[name] + own[f"{name}.bias"]

    steps, size = len(window[0]), net.width // net.heads
    xs = [linear(window[m][k], f"token{m}") + own["position"][k % net.steps] for k in range(steps) for m in range(len(window))]
    block_of = [k // (net.steps // 2) for k in range(steps) for _ in window] if net.banded else [0] * len(xs)
    erf = np.vectorize(math.erf)
    for b in range(net.blocks):
        qkv = [linear(norm(x, f"block{b}.attend"), f"block{b}.qkv").reshape(3, net.heads, size) for x in xs]
        after = []
        for t, x in enumerate(xs):
            mixed = []
            for head in range(net.heads):
                seen = [s for s in range(t + 1) if block_of[s] >= block_of[t] - 1]
                scores = np.array([qkv[t][0, head] @ qkv[s][1, head] / math.sqrt(size) for s in seen])
                weights = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
                mixed.append(sum(w * qkv[s][2, head] for s, w in zip(seen, weights, strict=True)))
            x = x + linear(np.concatenate(mixed), f"block{b}.out")
            inner = linear(norm(x, f"block{b}.inner"), f"block{b}.up")
            after.append(x + linear(inner * (1 + erf(inner / math.sqrt(2))) / 2, f"block{b}.down"))
        xs = after
    features = np.array([[norm(xs[k * len(window) + r], "last") for r in net.readouts] for k in range(steps)])
    return linear(features, "outputs"), features


@pytest.mark.parametrize("steps", [6, 1])
def test_against_numpy(steps: int) -> None:
    own, seen = parameters(), tokens(steps)
    outputs, features = NET(own, seen)
    assert outputs.shape == (3, 7, steps, 2, 4)
    assert features.shape == (3, 7, steps, 2, 12)
    for i, b in ((0, 0), (1, 6), (2, 3)):
        expected = slow_transformer(NET, own[i].numpy(), [token[i, b].numpy() for token in seen])
        np.testing.assert_allclose(outputs[i, b], expected[0], rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(features[i, b], expected[1], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("steps", [1, 3, 6, 7, 20])
@pytest.mark.parametrize("readouts", [(1, 2), (0, 1, 2, 3)])
def test_banded_against_numpy(steps: int, readouts: tuple[int, ...]) -> None:
    net = replace(NET, banded=True, readouts=readouts)
    own, seen = parameters(net), tokens(steps)
    outputs, features = net(own, seen)
    assert outputs.shape == (3, 7, steps, len(readouts), 4)
    for i, b in ((0, 0), (2, 3)):
        expected = slow_transformer(net, own[i].numpy(), [token[i, b].numpy() for token in seen])
        np.testing.assert_allclose(outputs[i, b], expected[0], rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(features[i, b], expected[1], rtol=1e-10, atol=1e-12)


def test_two_blocks_of_a_banded_network_are_a_window() -> None:
    own, seen = parameters(), tokens()
    for banded, plain in zip(replace(NET, banded=True)(own, seen), NET(own, seen), strict=True):
        torch.testing.assert_close(banded, plain, rtol=1e-12, atol=1e-12)


def test_a_banded_network_has_two_blocks_of_steps() -> None:
    with pytest.raises(InvalidArgumentError, match="steps: got 3, expected an even number"):
        StackedTransformer((1,), (0,), 2, 3, banded=True)


def test_later_tokens_change_no_earlier_output() -> None:
    """Token by token: outputs before it stay, the outputs at it and after it change."""
    own, seen = parameters(), tokens()
    before = NET(own, seen)[0]
    for k in range(6):
        for m in range(4):
            changed = [token.clone() for token in seen]
            changed[m][:, :, k] += 1
            differs = (NET(own, changed)[0] != before).any(-1)
            for step in range(6):
                for place, readout in enumerate(NET.readouts):
                    later = (step, readout) >= (k, m)
                    assert (differs[:, :, step, place] == later).all(), (k, m, step, readout)


def test_padding_changes_nothing() -> None:
    own, seen = parameters(), tokens()
    whole = NET(own, seen)
    for steps in range(1, 6):
        for part, full in zip(NET(own, [token[:, :, :steps] for token in seen]), whole, strict=True):
            torch.testing.assert_close(part, full[:, :, :steps], rtol=1e-12, atol=1e-12)


def test_stacked_is_one_by_one() -> None:
    own, seen = parameters(), tokens()
    together = NET(own, seen)[0]
    for i in range(3):
        torch.testing.assert_close(NET(own[i : i + 1], [t[i : i + 1] for t in seen])[0][0], together[i])
    gradient = torch.autograd.grad(NET(own.requires_grad_(), seen)[0][1].sum(), own)[0]
    assert gradient[[0, 2]].abs().max() == 0
    assert gradient[1].abs().max() > 0


def test_fresh_networks_begin_near_uniform_and_the_generator_decides() -> None:
    net = StackedTransformer((3, 2), (0,), 4, 5)
    first, again, other = (net.initial(2, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert first.shape == (2, sum(net.sizes))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    seen = [torch.randn(2, 9, 5, size, generator=torch.Generator().manual_seed(2)) for size in net.tokens]
    outputs, features = net(first, seen)
    np.testing.assert_allclose(torch.softmax(outputs, -1), 0.25, atol=0.03)
    np.testing.assert_allclose(features.std(-1, correction=0), 1, atol=1e-2)


def test_heads_divide_the_width() -> None:
    with pytest.raises(InvalidArgumentError, match="heads: got 5, expected a divisor of the width, 32"):
        StackedTransformer((1,), (0,), 2, 3, heads=5)


def test_decay_is_that_of_adamw() -> None:
    generator = torch.Generator().manual_seed(0)
    ours = torch.randn(2, 6, generator=generator, dtype=torch.float64)
    theirs = [torch.nn.Parameter(row.clone()) for row in ours]
    references = [torch.optim.AdamW([p], lr=0.01, weight_decay=0.3) for p in theirs]
    adam = Adam(ours, decay=0.3)
    for step in range(20):
        for row in [0, 1] if step % 3 else [1]:
            gradient = torch.randn(1, 6, generator=generator, dtype=torch.float64)
            adam.step(gradient, 0.01, slice(row, row + 1))
            theirs[row].grad = gradient[0].clone()
            references[row].step()
    torch.testing.assert_close(ours, torch.stack([p.detach() for p in theirs]), rtol=1e-10, atol=1e-12)
