"""Sums over rows that two devices share, here two threads, are those of one that holds all rows, and so are gradients."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from deep_samples import chain_dataset, tiny, trained
from parts_samples import shared

from alberdice.deep import losses, sums
from alberdice.deep.algorithms.icq import batch_weights, critic_loss
from alberdice.deep.algorithms.icq import cloning_loss as icq_loss
from alberdice.deep.algorithms.madtkd import distillation_loss, relation_loss
from alberdice.deep.algorithms.omar import actor_loss, conservative_loss
from alberdice.deep.algorithms.optidice import sample_weights
from alberdice.deep.networks.mlp import Adam

N, B, A = 3, 12, 4


def on_both(work: Callable[[torch.Tensor], torch.Tensor]) -> list[torch.Tensor]:
    """What both parts find, each told its own rows."""
    return shared(2, lambda: work(sums.own(torch.arange(B))))


DRAW = torch.Generator().manual_seed(0)
VALUES, OTHERS = (torch.randn(N, B, dtype=torch.float64, generator=DRAW) for _ in range(2))
TABLES, MORE = (torch.log_softmax(torch.randn(N, B, A, dtype=torch.float64, generator=DRAW), -1) for _ in range(2))
ACTIONS = torch.randint(A, (N, B), generator=DRAW)
WEIGHTS = torch.softmax(torch.randn(B, dtype=torch.float64, generator=DRAW), 0)
REAL = torch.arange(B) % 4 > 0
OPEN = torch.ones(N, B, A, dtype=torch.bool)

#: per name, a function of a tensor with rows on axis 1, and of which rows it is told
CASES: dict[str, tuple[torch.Tensor, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]]] = {
    "total": (VALUES, lambda v, x: sums.total(v)),
    "mean": (VALUES, lambda v, x: sums.mean(v)),
    "log_total": (50 * VALUES, lambda v, x: sums.log_total(v)),
    "nu": (VALUES, lambda v, x: losses.nu_loss(v, OTHERS[:, x], sums.mean(v), 0.3, 0.9)),
    "rho-bar": (VALUES, lambda v, x: losses.resampled_log_weight(v)),
    "rows": (VALUES, lambda v, x: losses.effective_sample_size(v)),
    "slopes": (5 * TABLES, lambda v, x: losses.gradient_penalty(v, 0.5)),
    "e": (VALUES, lambda v, x: losses.advantage_loss(v, OTHERS[:, x], v.square(), WEIGHTS[x], 0.2)),
    "pi": (TABLES, lambda v, x: losses.i_projection_loss(v, MORE[:, x], MORE[:, x], 0.3, WEIGHTS[x])),
    "cloning": (TABLES, lambda v, x: losses.behaviour_loss(v, ACTIONS[:, x], WEIGHTS[x])),
    "cql": (VALUES, lambda v, x: conservative_loss(v, v.exp(), OTHERS[:, x], WEIGHTS[x], 0.5)),
    "actor": (TABLES, lambda v, x: actor_loss(v, MORE[:, x], OPEN[:, x], WEIGHTS[x], 0.5)),
    "distillation": (TABLES, lambda v, x: distillation_loss(MORE[:, x], v, WEIGHTS[x])),
    "relation": (TABLES, lambda v, x: relation_loss(MORE[:, x], v, WEIGHTS[x])),
    "critic": (VALUES, lambda v, x: critic_loss(v[0], OTHERS[0, x], REAL[x])),
    "icq": (
        VALUES,
        lambda v, x: icq_loss(v, torch.softmax(OTHERS[:, x], 0), batch_weights(OTHERS[:, x], REAL[x], 1.0), REAL[x]),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_two_parts_find_the_whole_and_their_gradients_add_up_to_it(name: str) -> None:
    values, function = CASES[name]
    leaf = values.clone().requires_grad_()
    whole = function(leaf, torch.arange(B))
    (gradient,) = torch.autograd.grad(whole.sum(), leaf)
    found = torch.zeros_like(values)

    def part(rows: torch.Tensor) -> torch.Tensor:
        own = values[:, rows].clone().requires_grad_()
        result = function(own, rows)
        found[:, rows] = torch.autograd.grad(result.sum(), own)[0]
        return result.detach()

    for result in on_both(part):
        torch.testing.assert_close(result, whole.detach())
    torch.testing.assert_close(found, gradient)
    assert found.abs().max() > 0


@pytest.mark.parametrize("weigh", [sums.normalised, lambda v: sample_weights(v, torch.zeros_like(v), 0.5)])
def test_weights_of_all_parts_sum_to_one(weigh: Callable[[torch.Tensor], torch.Tensor]) -> None:
    both = torch.cat(on_both(lambda rows: weigh(30 * VALUES[:, rows])), 1)
    torch.testing.assert_close(both, weigh(30 * VALUES))


@pytest.mark.parametrize("count", [1, 5])
def test_parts_of_unequal_size_and_without_rows_find_the_whole(count: int) -> None:
    """Spans among three: 5 are 1, 2 and 2; of 1 two parts have none.  Logarithms are so low that 0 among them would tell."""
    values, low = VALUES[:, :count], VALUES[:, :count] - 1000

    def found() -> tuple[torch.Tensor, ...]:
        part = sums.span(count)
        own, lower = part.own(values, 1), part.own(low, 1)
        whole = sums.total(own), sums.mean(own, count=count), sums.log_total(lower), sums.greatest(lower)
        return (*whole, part.everyone(own, 1), part.everyone(sums.normalised(lower), 1))

    expected = values.sum(1), values.mean(1), low.logsumexp(1), low.amax(1), values, torch.softmax(low, 1)
    for each in shared(3, found):
        for got, wanted in zip(each, expected, strict=True):
            torch.testing.assert_close(got, wanted)


def test_optimisers_take_the_gradient_of_all_parts() -> None:
    gradient, whole = torch.randn(2, N, 6, generator=DRAW), torch.zeros(N, 6)
    Adam(whole).step(gradient.sum(0), 0.1)

    def part(rows: torch.Tensor) -> torch.Tensor:
        own = torch.zeros(N, 6)
        Adam(own).step(gradient[int(rows[0] > 0)], 0.1)
        return own

    assert all(torch.allclose(found, whole) for found in on_both(part))


class Counting:
    """One part that holds everything, and counts how often it is asked."""

    count, place = 1, 0

    def __init__(self) -> None:
        self.asked = 0

    def total(self, x: torch.Tensor) -> torch.Tensor:
        self.asked += 1
        return x.clone()

    greatest = total

    def everyone(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [self.total(x)]


@pytest.mark.parametrize("algorithm", ["bc", "icq", "omar", "madtkd", "optidice", "alberdice"])
def test_every_learner_goes_through_the_door(algorithm: str) -> None:
    """With one part that is all, every learner learns the same up to rounding; and the door is used in every update."""
    config, data, parts = tiny(algorithm), chain_dataset(n_actions=(2, 3)), Counting()
    updates = config.pretraining + 3
    alone = trained(config, data, updates)
    with sums.shared_by(parts):
        found = trained(config, data, updates)
    assert parts.asked >= 2 * updates
    for name, tensor in alone.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-3, atol=1e-4)
