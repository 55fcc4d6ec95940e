"""Stacked networks against torch.nn, and the optimiser against torch.optim.Adam."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from alberdice.deep.networks import mlp as networks
from alberdice.deep.networks.mlp import Adam, Layers, StackedMLP


@pytest.mark.parametrize("leak", [0.0, 0.1])
def test_each_row_is_a_network_of_its_own(leak: float) -> None:
    net = StackedMLP(3, (5, 4), 2, leak=leak)
    parameters = net.initial(3, torch.Generator().manual_seed(0)) + 0.1
    x = torch.randn(3, 7, 3, generator=torch.Generator().manual_seed(1))
    out = net(parameters, x)
    assert out.shape == (3, 7, 2)
    for i in range(3):
        w = [part.view(shape) for part, shape in zip(parameters[i].split(net.sizes), net.shapes, strict=True)]
        h = x[i]
        for weight, bias in (w[:2], w[2:4]):
            before = h @ weight + bias
            h = torch.where(before > 0, before, leak * before)
        torch.testing.assert_close(out[i], h @ w[4] + w[5])
    torch.testing.assert_close(net(parameters, x[0])[1], net(parameters[1:2], x[0])[0])


@pytest.mark.parametrize("last_bias", [True, False])
@pytest.mark.parametrize("hidden", [(), (5,), (5, 4)])
@pytest.mark.parametrize("leak", [0.0, 0.1])
def test_gradients_by_hand_are_those_of_autograd(hidden: tuple[int, ...], last_bias: bool, leak: float) -> None:
    generator = torch.Generator().manual_seed(0)
    net = StackedMLP(3, hidden, 2, last_bias=last_bias, leak=leak)
    parameters = (net.initial(3, generator, torch.float64) + 0.1).requires_grad_()
    own, shared = (torch.randn(*s, 3, generator=generator, dtype=torch.float64) for s in ((3, 7), (7,)))
    for x in (own.requires_grad_(), shared.requires_grad_()):
        found, expected = net(parameters, x), net.by_autograd(parameters, x)
        torch.testing.assert_close(found, expected)
        direction = torch.randn(found.shape, generator=generator, dtype=torch.float64)
        gradients = (torch.autograd.grad(y, (parameters, x), direction) for y in (found, expected))
        for ours, theirs in zip(*gradients, strict=True):
            torch.testing.assert_close(ours, theirs)


def test_networks_in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    net, generator = StackedMLP(3, (5, 4), 2), torch.Generator().manual_seed(0)
    parameters, x = net.initial(3, generator).requires_grad_(), torch.randn(3, 7, 3, generator=generator)
    whole = net(parameters, x)
    monkeypatch.setattr(networks, "_TOGETHER", 2 * 7 * 5)
    parts = net(parameters, x)
    torch.testing.assert_close(parts, whole)
    first, second = (torch.autograd.grad(y.square().sum(), parameters)[0] for y in (whole, parts))
    torch.testing.assert_close(first, second)


@pytest.mark.parametrize("leak", [0.0, 0.1])
def test_a_network_from_its_first_layer_on(leak: float) -> None:
    net = StackedMLP(3, (5, 4), 2, leak=leak)
    parameters, x = net.initial(2, torch.Generator().manual_seed(0)) + 0.1, torch.randn(7, 3)
    weight, bias, rest = net.first(parameters)
    torch.testing.assert_close(net.from_first(rest, x @ weight + bias[:, None]), net(parameters, x))


@pytest.mark.parametrize("leak", [0.0, 0.01])
def test_units_that_are_off_at_every_input_learn_with_a_leak_alone(leak: float) -> None:
    net = Layers((5, 4), leak).between(2, 3)
    parameters = net.initial(1, torch.Generator().manual_seed(0))
    net.layers(parameters)[1][1].fill_(-100.0)  # the second layer's biases
    net.layers(parameters)[2][1].copy_(torch.tensor([1.0, 2.0, 3.0]))
    parameters.requires_grad_()
    (gradient,) = torch.autograd.grad(torch.log_softmax(net(parameters, torch.eye(2)), -1)[..., 0].sum(), parameters)
    moves = [part.any().item() for part in gradient[0].split(net.sizes)]
    assert moves == ([True] * 6 if leak else [False] * 5 + [True])


def test_no_bias_in_the_last_layer_when_asked() -> None:
    net = StackedMLP(3, (5,), 1, last_bias=False)
    assert net.shapes == [(3, 5), (5,), (5, 1)]
    assert net(net.initial(2, torch.Generator().manual_seed(0)), torch.zeros(4, 3)).abs().max() == 0


def test_policies_begin_near_uniform_and_the_generator_decides() -> None:
    net = StackedMLP(3, (64,), 4, last_scale=0.01)
    first, again, other = (net.initial(2, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    table = torch.softmax(net(first, torch.randn(50, 3, generator=torch.Generator().manual_seed(2))), -1)
    np.testing.assert_allclose(table, 0.25, atol=0.02)


def test_adam_is_torchs_adam() -> None:
    generator = torch.Generator().manual_seed(0)
    ours = torch.randn(2, 6, generator=generator, dtype=torch.float64)
    theirs = [torch.nn.Parameter(row.clone()) for row in ours]
    references = [torch.optim.Adam([p], lr=0.01) for p in theirs]
    adam = Adam(ours)
    for step in range(20):
        rows = [0, 1] if step % 3 else [1]  # the second row takes more steps than the first
        for row in rows:
            gradient = torch.randn(1, 6, generator=generator, dtype=torch.float64)
            adam.step(gradient, 0.01, slice(row, row + 1))
            theirs[row].grad = gradient[0].clone()
            references[row].step()
    torch.testing.assert_close(ours, torch.stack([p.detach() for p in theirs]), rtol=1e-10, atol=1e-12)
