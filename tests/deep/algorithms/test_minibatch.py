"""Matching rows to the others' policies, and nu's loss with the absorbing transition, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from deep_samples import chain_dataset, tiny
from scipy.special import logsumexp

from alberdice.deep.algorithms.alberdice import AlberDICE
from alberdice.deep.algorithms.alberdice.forms import Drawn
from alberdice.deep.algorithms.alberdice.minibatch import Minibatch, gather_minibatch, match
from alberdice.deep.batches.training_data import TrainingData, at

GENERATOR = torch.Generator().manual_seed(0)


@pytest.fixture
def learner() -> AlberDICE:
    data = TrainingData.build(chain_dataset(n_actions=(2, 3)))
    found = AlberDICE(data, tiny(discount=0.9), torch.Generator().manual_seed(0))
    found.behaviour.fill_caches()
    return found


@pytest.fixture
def batch(learner: AlberDICE) -> Minibatch:
    return gather_minibatch(learner.data, learner.behaviour, Drawn(torch.tensor([0, 3, 3, 9, 5])), learner.data.starts[:2])


def test_a_minibatch_is_about_its_steps(learner: AlberDICE, batch: Minibatch) -> None:
    data = learner.data
    assert torch.equal(batch.actions, data.actions[batch.steps])
    assert torch.equal(batch.rewards, data.rewards[batch.steps])
    assert torch.equal(batch.inputs[:, batch.rows.here], data.observations[data.here[batch.steps]].transpose(0, 1))
    assert torch.equal(batch.log_own[:, batch.rows.here], learner.behaviour.log_own[:, data.here[batch.steps]])
    assert batch.weight.sum().item() == pytest.approx(1)


def test_weighted_rows(batch: Minibatch) -> None:
    log_ratio = torch.randn(2, 5, generator=GENERATOR)
    found = match(batch, log_ratio, False, 0.0, GENERATOR)
    weights = log_ratio.exp().numpy()
    np.testing.assert_allclose(found.share, weights / weights.sum(1, keepdims=True), rtol=1e-5)
    np.testing.assert_allclose(found.log_weight.exp(), weights / 5, rtol=1e-5)
    assert torch.equal(found.own, batch.actions.T)
    assert torch.equal(found.reward, batch.rewards.expand(2, 5))


@pytest.mark.parametrize("resample", [False, True])
def test_a_step_of_twice_the_weight_is_that_step_twice(learner: AlberDICE, batch: Minibatch, resample: bool) -> None:
    """Steps 0, 3, 3, 9, 5 with equal weights, and 0, 3, 9, 5 of which 3 weighs double."""
    once = Drawn(torch.tensor([0, 3, 9, 5]), torch.tensor([0.2, 0.4, 0.2, 0.2]))
    less, log_ratio = gather_minibatch(learner.data, learner.behaviour, once, learner.data.starts[:2]), torch.randn(2, 4)
    few = match(less, log_ratio, resample, 0.0, torch.Generator().manual_seed(1))
    many = match(batch, log_ratio[:, [0, 1, 1, 2, 3]], resample, 0.0, torch.Generator().manual_seed(1))
    torch.testing.assert_close(few.log_weight.logsumexp(1), many.log_weight.logsumexp(1))
    torch.testing.assert_close(torch.zeros(14).index_add(0, less.steps[less.rows.here], less.weight)[3].item(), 0.4)
    if not resample:
        torch.testing.assert_close(few.share[:, 1], many.share[:, 1:3].sum(1))


def test_resampled_rows(batch: Minibatch) -> None:
    log_ratio = torch.randn(2, 5, generator=GENERATOR)
    found = match(batch, log_ratio, True, 0.0, GENERATOR)
    np.testing.assert_allclose(found.share, 0.2)
    np.testing.assert_allclose(found.log_weight.exp()[:, 0] * 5, log_ratio.exp().mean(1), rtol=1e-5)
    for i in range(2):
        assert torch.equal(found.reward[i], batch.rewards[found.picked[i]])
        assert torch.equal(found.own[i], batch.actions[found.picked[i], i])
        assert torch.equal(found.here[i], batch.rows.here[found.picked[i]])


def test_at() -> None:
    table = torch.arange(2 * 3 * 4).view(2, 3, 4)
    found = at(table, torch.tensor([[2, 0], [1, 1]]), torch.tensor([[3, 1], [0, 2]]))
    assert found.tolist() == [[table[0, 2, 3], table[0, 0, 1]], [table[1, 1, 0], table[1, 1, 2]]]


def test_the_absorbing_transition_in_nus_loss(learner: AlberDICE, batch: Minibatch) -> None:
    """An ending stands for 1 / (1 - gamma) = 10 steps of r = 0 that lead back: e = -(1 - gamma) nu(end)."""
    alpha, frames = 0.7, len(batch.rows.frames)
    nu = torch.randn(2, frames, generator=GENERATOR)
    advantage = torch.randn(2, 5, generator=GENERATOR)
    matched = match(batch, torch.randn(2, 5, generator=GENERATOR), False, 0.0, GENERATOR)
    found = learner.rounds._nu_losses(nu, batch, matched, advantage, torch.tensor(alpha))
    steps, ends = learner.data.n_steps, 10.0 * learner.data.endings
    assert ends > 0
    for i in range(2):
        real = logsumexp(advantage[i] / alpha + matched.log_weight[i]) + np.log(steps / (steps + ends))
        end = -0.1 * nu[i, batch.rows.absorbing].item() / alpha + np.log(ends / (steps + ends))
        expected = alpha * np.logaddexp(real, end) + 0.1 * nu[i, batch.rows.start].mean().item()
        assert found[i].item() == pytest.approx(expected, rel=1e-5)
