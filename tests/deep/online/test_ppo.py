"""Advantages and PPO's loss against slow NumPy and against finite differences."""

import numpy as np
import pytest
import torch

from alberdice.deep.online.ppo import Scale, advantages, ppo_loss


def slow_advantages(rewards, values, after, terminated, ended, discount, trace):
    """Sum of discounted deltas, step by step and agent by agent."""
    steps, batch, agents = rewards.shape
    out = np.zeros_like(rewards)
    for b in range(batch):
        for i in range(agents):
            for t in range(steps):
                weight = 1.0
                for k in range(t, steps):
                    beyond = 0.0 if terminated[k, b] else after[k, b, i]
                    out[t, b, i] += weight * (rewards[k, b, i] + discount * beyond - values[k, b, i])
                    weight *= discount * trace
                    if ended[k, b]:
                        break
    return out


def test_advantages_are_the_sums_that_they_should_be():
    rng = np.random.default_rng(0)
    rewards, values, after = (rng.normal(size=(9, 4, 2)) for _ in range(3))
    terminated = rng.random((9, 4)) < 0.15
    ended = terminated | (rng.random((9, 4)) < 0.15)
    found = advantages(*(torch.from_numpy(x) for x in (rewards, values, after, terminated, ended)), 0.9, 0.8)
    np.testing.assert_allclose(found.numpy(), slow_advantages(rewards, values, after, terminated, ended, 0.9, 0.8), atol=1e-12)


def slow_loss(logits, values, actions, old, gains, targets, alive, clip, entropy):
    policy = value = spread = count = 0.0
    for b in range(len(actions)):
        for i in range(actions.shape[1]):
            if not alive[b, i]:
                continue
            count += 1
            p = np.exp(logits[b, i] - logits[b, i].max())
            p /= p.sum()
            ratio = p[actions[b, i]] / np.exp(old[b, i])
            policy -= min(ratio * gains[b, i], np.clip(ratio, 1 - clip, 1 + clip) * gains[b, i])
            error = abs(values[b, i] - targets[b, i])
            value += 0.5 * error**2 if error <= 10 else 10 * (error - 5)
            spread -= (p * np.log(p)).sum()
    return (policy + value - entropy * spread) / count


@pytest.fixture
def sample():
    rng = np.random.default_rng(3)
    logits, actions = rng.normal(size=(12, 3, 4)), rng.integers(4, size=(12, 3))
    values, gains, targets = (rng.normal(size=(12, 3)) for _ in range(3))
    targets[0] += 30
    old = np.log(rng.uniform(0.1, 0.6, size=(12, 3)))
    return logits, values, actions, old, gains, targets, rng.random((12, 3)) < 0.8


def call(sample, logits=None):
    given = [torch.from_numpy(x) for x in sample]
    given[0] = torch.log_softmax(given[0] if logits is None else logits, -1)
    return ppo_loss(*given, clip=0.2, entropy=0.05)


def test_the_loss_is_what_the_equation_says(sample):
    loss, metrics = call(sample)
    assert float(loss) == pytest.approx(slow_loss(*sample, 0.2, 0.05), rel=1e-10)
    assert 0 < float(metrics["clipped"]) < 1


def test_its_gradient_is_that_of_finite_differences(sample):
    logits = torch.from_numpy(sample[0]).requires_grad_()
    loss, _ = call(sample, logits)
    (gradient,) = torch.autograd.grad(loss, logits)
    for index in [(0, 0, 1), (3, 2, 0), (7, 1, 3), (11, 0, 2)]:
        shifted = []
        for sign in (1, -1):
            moved = sample[0].copy()
            moved[index] += sign * 1e-6
            shifted.append(slow_loss(moved, *sample[1:], 0.2, 0.05))
        assert float(gradient[index]) == pytest.approx((shifted[0] - shifted[1]) / 2e-6, abs=1e-7)


def test_units_follow_the_returns():
    scale = Scale()
    assert scale.units == (0.0, 1.0)
    rng = np.random.default_rng(0)
    for _ in range(400):
        scale.update(torch.from_numpy(rng.normal(5.0, 3.0, 1000)))
    assert scale.units == pytest.approx((5.0, 3.0), rel=0.05)
    values = torch.tensor([1.0, -2.0])
    torch.testing.assert_close(scale.told(scale.known(values)), values)
