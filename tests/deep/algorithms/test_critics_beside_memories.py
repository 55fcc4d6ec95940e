"""OMAR and ICQ with a memory against NumPy, step by step: critics see observations, policies what they play by; who teaches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from deep_samples import chain_dataset, equal, trained
from history_samples import replayed, small

from alberdice.datasets import OfflineDataset
from alberdice.deep.algorithms.icq import batch_weights, cloning_loss, critic_loss
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.learner import learner_class
from alberdice.deep.networks.mlp import StackedMLP
from alberdice.errors import InvalidArgumentError

CUTS = [(3, 0), (20, 0), (2, 4)]
#: every window in every minibatch
ALL_OF_THEM: dict[str, Any] = {"batch_size": 999, "discount": 0.9, "hidden": (8, 5)}


def data() -> OfflineDataset:
    """Three agents with 2, 3 and 4 actions, of which some are absent at times; ends of the process and of the record."""
    return chain_dataset(masks=True, lengths=(4, 1, 6, 3, 7))


def perturbed(algorithm: str, **changes: Any) -> Any:
    """A learner whose networks and copies all say something else."""
    config = small(algorithm, **ALL_OF_THEM, **changes)
    built = TrainingData.build(data(), standardise=False)
    learner = learner_class(algorithm)(built, config, torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(5)
    for name, tensor in learner.state_dict().items():
        if name.removesuffix(".copy") in learner.parameters:
            tensor += 0.3 * torch.randn(tensor.shape, generator=generator)
    return learner


def outputs(network: StackedMLP, row: torch.Tensor, x: np.ndarray) -> np.ndarray:
    """One network, layer by layer."""
    parts = [part.numpy() for part in torch.split(row, network.sizes)]
    for k, shape in enumerate(network.shapes[::2]):
        x = x @ parts[2 * k].reshape(shape).astype(np.float64) + parts[2 * k + 1]
        x = np.maximum(x, 0.0) if k < len(network.hidden) else x
    return x


def tables(learner: Any, policy: torch.Tensor) -> np.ndarray:
    """What these policies play along the data, ``(T, N, A)``."""
    return replayed(learner.memory.policies(policy), data()).exp().double().numpy()


def ends(dataset: OfflineDataset) -> set[int]:
    return {int(last) for last in np.cumsum(dataset.lengths) - 1}


# ---- OMAR ------------------------------------------------------------------------------------------------------------


def omar_losses(learner: Any) -> tuple[float, float]:
    """J(Q) and J(pi) of all agents together."""
    dataset, config, n = data(), learner.config, 3
    table, target_table = (tables(learner, own["policy"]) for own in (learner.parameters, learner.copies))

    def value(own: dict[str, torch.Tensor], j: int, i: int, row: int) -> np.ndarray:
        seen = dataset.frame_observations[row, i].astype(np.float64)
        return outputs(learner.networks["critic"], own["critic"][j * n + i], seen)

    critic, policy, taught = 0.0, 0.0, 0
    for t in range(dataset.n_steps):
        teaches = bool(dataset.terminated[t]) or t not in ends(dataset)
        taught += teaches
        for i in range(n):
            shown = np.flatnonzero(dataset.action_masks[t, i])
            now = [value(learner.parameters, j, i, t) for j in range(2)]
            target = float(dataset.rewards[t])
            if teaches and not dataset.terminated[t]:
                likely = target_table[t + 1, i].argmax()
                target += config.discount * min(value(learner.copies, j, i, t + 1)[likely] for j in range(2))
            for q in now:
                chosen = q[dataset.actions[t, i]]
                soft = np.log(np.exp(q[shown]).sum())
                critic += teaches * ((chosen - target) ** 2 + config.conservatism * (soft - chosen))
            least, share = np.minimum(*now)[shown], table[t, i, shown]
            gain = (share * (least - share @ least) * np.log(share)).sum()
            tau = config.best_action_weight
            policy -= (1 - tau) * gain + tau * np.log(share[least.argmax()])
    return critic / taught, policy / dataset.n_steps


@pytest.mark.parametrize(("context", "chunk"), CUTS)
def test_omar_with_a_memory_step_by_step(context: int, chunk: int) -> None:
    learner = perturbed("omar", context=context, chunk=chunk, best_action_weight=0.3, conservatism=0.7)
    critic, policy = omar_losses(learner)
    metrics = learner.update(torch.Generator().manual_seed(0))
    assert float(metrics["critic_loss"]) == pytest.approx(critic, rel=1e-4)
    assert float(metrics["policy_loss"]) == pytest.approx(policy, rel=1e-4)


# ---- ICQ -------------------------------------------------------------------------------------------------------------


def cut(length: int, steps: int, known: int) -> list[tuple[int, int, int]]:
    """Where an episode's windows begin and end, and which steps each scores from."""
    found, begin = [], 0
    while True:
        end = min(begin + steps, length)
        found.append((begin, end, begin + known if begin else 0))
        if end == length:
            return found
        begin += steps - known


def lambda_return(learner: Any, v: np.ndarray, t: int, end: int) -> float:
    """G at a step of a window that ends before ``end``, from its definition."""
    dataset, config = data(), learner.config
    if dataset.terminated[t]:
        return float(dataset.rewards[t])
    if t == end - 1:
        return float(v[t])
    later = lambda_return(learner, v, t + 1, end)
    return float(dataset.rewards[t]) + config.discount * ((1 - config.trace) * v[t + 1] + config.trace * later)


def icq_losses(learner: Any, steps: int, known: int) -> tuple[float, float, float]:
    """J(Q), J(pi), and the least effective number of rows."""
    dataset, config, n = data(), learner.config, 3
    count, seen = dataset.n_steps, dataset.observations.astype(np.float64)
    states = np.concatenate([dataset.states.astype(np.float64), np.zeros((count, 1))], 1)

    def values(own: dict[str, torch.Tensor]) -> tuple[np.ndarray, np.ndarray]:
        """Q_i, ``(T, N, A)``, and k_i, ``(T, N)``."""
        q = np.stack([outputs(learner.networks["critic"], own["critic"][i], seen[:, i]) for i in range(n)], 1)
        logits = np.exp(outputs(learner.networks["mixer"], own["mixer"][0], states))
        return q, logits / logits.sum(1, keepdims=True)

    def at_data(q: np.ndarray) -> np.ndarray:
        return np.take_along_axis(q, dataset.actions[..., None], -1)[..., 0]

    (q, k), (q_copy, k_copy) = values(learner.parameters), values(learner.copies)
    total, target = (k * at_data(q)).sum(1), (k_copy * at_data(q_copy)).sum(1)
    weight = np.exp(target / config.critic_temperature)
    v, off, first = count * weight / weight.sum() * target, [], 0
    for length in dataset.lengths:
        for begin, end, scored in cut(int(length), steps, known):
            for t in range(first + max(begin, scored - 1), first + end):
                if dataset.terminated[t] or t < first + end - 1:
                    off.append((total[t] - lambda_return(learner, v, t, first + end)) ** 2)
        first += int(length)
    assert len(off) == count - sum(not dataset.terminated[t] for t in ends(dataset))
    table, chosen = tables(learner, learner.parameters["policy"]), at_data(q)
    if config.baseline == "policy":
        level = (table * q).sum(-1)
    else:
        level = np.stack(
            [outputs(learner.networks["baseline"], learner.parameters["baseline"][i], seen[:, i])[:, 0] for i in range(n)], 1
        )
    clone = np.exp((chosen - level) / config.temperature)
    clone *= count / clone.sum(0)
    likely = np.log(at_data(table))
    rows = clone.sum(0) ** 2 / (clone**2).sum(0)
    return float(np.mean(off)), float(-(k * clone * likely).sum() / count), float(rows.min())


@pytest.mark.parametrize("baseline", ["data", "policy"])
@pytest.mark.parametrize(("context", "chunk", "steps", "known"), [(3, 0, 3, 1), (20, 0, 7, 0), (2, 4, 4, 2)])
def test_icq_with_a_memory_step_by_step(context: int, chunk: int, steps: int, known: int, baseline: str) -> None:
    learner = perturbed(
        "icq", context=context, chunk=chunk, baseline=baseline, critic_temperature=2.0, temperature=0.5, trace=0.6
    )
    critic, policy, rows = icq_losses(learner, steps, known)
    metrics = learner.update(torch.Generator().manual_seed(0))
    assert float(metrics["critic_loss"]) == pytest.approx(critic, rel=1e-4)
    assert float(metrics["policy_loss"]) == pytest.approx(policy, rel=1e-4)
    assert float(metrics["effective_rows"]) == pytest.approx(rows, rel=1e-4)


def test_rows_that_stand_for_several_are_as_many_rows() -> None:
    """Weights, their mean of 1, and losses, of three rows that weigh 2, 3 and 0 parts of 10, against five rows of two parts."""
    draw = np.random.default_rng(0)
    values, mixing, likely = draw.normal(size=(3, 2, 3))
    share, several = torch.tensor([0.2, 0.3, 0.0]), [0, 0, 1, 1, 1]
    found = batch_weights(torch.from_numpy(values), share, 0.7)
    alone = np.exp(values[:, several] / 0.7)
    alone *= 5 / alone.sum(1, keepdims=True)
    np.testing.assert_allclose(found[:, [0, 1]], alone[:, [0, 2]], rtol=1e-6)
    assert found[:, 2].abs().max() == 0
    loss = cloning_loss(torch.from_numpy(likely), torch.from_numpy(mixing), found, share)
    assert float(loss) == pytest.approx(-(mixing[:, several] * alone * likely[:, several]).sum() / 5)
    off = critic_loss(torch.from_numpy(values[0]), torch.from_numpy(values[1]), share)
    assert float(off) == pytest.approx(((values[0] - values[1])[several] ** 2).mean())


def test_returns_run_over_the_memorys_windows() -> None:
    with pytest.raises(InvalidArgumentError, match=r"^window: got 3, expected 10, as policy = transformer does not read it"):
        small("icq", window=3)


# ---- both ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["icq", "omar"])
@pytest.mark.parametrize(("name", "value"), [("hidden", (9,)), ("critic_learning_rate", 1e-3), ("discount", 0.9)])
def test_the_critics_settings_are_read_with_a_memory(algorithm: str, name: str, value: Any) -> None:
    dataset = chain_dataset(n_actions=(2, 3))
    assert not equal(trained(small(algorithm), dataset), trained(small(algorithm, **{name: value}), dataset))
