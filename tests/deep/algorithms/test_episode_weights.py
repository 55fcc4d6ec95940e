"""Weights of whole episodes: against a slow route, for policies with a memory and without; draws; a convention to agree on."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from deep_samples import chain_dataset, equal, tiny, trained
from history_samples import SMALL, perturbed, replayed

from alberdice.datasets import EpisodeArrays, OfflineDataset, from_episodes
from alberdice.deep.algorithms.alberdice import AlberDICE
from alberdice.deep.algorithms.alberdice.episodes import capped
from alberdice.deep.batches.training_data import TrainingData
from alberdice.errors import InvalidArgumentError

MEMORY = {"feed-forward": {}, "transformer": SMALL}


def settings(policy: str, **changes: Any) -> Any:
    return tiny(weights="episodes", turn_updates=3, episode_share=0.4, **MEMORY[policy], **changes)


def begun(policy: str, dataset: OfflineDataset, **changes: Any) -> AlberDICE:
    """A learner with networks far from uniform, in its first turn."""
    config = settings(policy, **changes)
    data = TrainingData.of_run(dataset, config)
    learner: AlberDICE = perturbed(AlberDICE(data, config, torch.Generator().manual_seed(0)))
    learner.scalars["updates_done"].fill_(config.pretrain_updates)
    learner.update(torch.Generator().manual_seed(1))
    return learner


def by_bisection(log_weight: np.ndarray, least: float) -> np.ndarray:
    """min(c w, 1 / least) that sums to 1, c found by halving."""
    weight, cap = np.exp(log_weight - log_weight.max()), 1 / least
    low, high = -800.0, 800.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if np.minimum(np.exp(middle) * weight, cap).sum() < 1 else (low, middle)
    return np.minimum(np.exp(high) * weight, cap)


@pytest.mark.parametrize("least", [1.0, 1.5, 4.0, 8.9])
@pytest.mark.parametrize("spread", [0.0, 1.0, 20.0])
def test_capped_weights(least: float, spread: float) -> None:
    log_weight = spread * np.random.default_rng(0).normal(size=10)
    log_weight[3] = -np.inf
    found = capped(torch.from_numpy(log_weight), least).numpy()
    assert found[3] == 0
    np.testing.assert_allclose(found.sum(), 1)
    np.testing.assert_allclose(found, by_bisection(log_weight, least), rtol=1e-9, atol=1e-12)
    assert 1 / np.square(found).sum() >= least * (1 - 1e-12)


def test_where_all_must_carry_the_weight_all_do() -> None:
    np.testing.assert_allclose(capped(torch.tensor([9.0, -50.0, 0.0]), 3.0), np.full(3, 1 / 3))
    np.testing.assert_allclose(capped(torch.tensor([9.0, -50.0, -math.inf]), 2.0), [0.5, 0.5, 0])


@pytest.mark.parametrize("policy", [*MEMORY])
@pytest.mark.parametrize("n_actions", [(2, 3), (2, 3, 4)])
def test_weights_against_episodes_one_by_one(policy: str, n_actions: tuple[int, ...]) -> None:
    """Returns, and the ratios of tables that are played along the data, in NumPy."""
    dataset = chain_dataset(3, n_actions=n_actions)
    learner = begun(policy, dataset, units="rewards", ratio_clip=1.5, behaviour_floor=0.01)
    assert learner.turns is not None
    config, turns = learner.config, learner.turns
    alpha, others = 0.7, [j for j in range(len(n_actions)) if j != 1]
    learner.update(torch.Generator().manual_seed(2))  # agent 0 has moved since its turn began
    turns.alpha.fill_(alpha)
    turns._take(1)
    played = replayed(learner.policies, dataset).numpy()
    chosen = np.take_along_axis(played, dataset.actions[..., None], 2)[..., 0]
    log_weight, step = [], 0
    for length in dataset.lengths:
        rows = slice(step, step + length)
        log_data = np.maximum(learner.behaviour.log_data[1].numpy()[rows], np.log(config.behaviour_floor))
        ratio = np.minimum(chosen[rows][:, others].sum(1) - log_data, np.log(config.ratio_clip))
        log_weight.append(dataset.rewards[rows].sum() / alpha + ratio.sum())
        step += length
    expected = by_bisection(np.array(log_weight), 0.4 * len(dataset.lengths))
    np.testing.assert_allclose(turns.weights, expected, rtol=1e-4)
    np.testing.assert_allclose(turns.step_weights, np.repeat(expected / dataset.lengths, dataset.lengths), rtol=1e-4)
    report = learner.weight_report()
    assert report["heaviest_episode"] == pytest.approx(expected.max(), rel=1e-4)


@pytest.mark.parametrize(
    ("policy", "more"),
    [("feed-forward", {}), ("transformer", {}), ("feed-forward", {"watch_share": 0.4, "pretrain_updates": 26})],
)
def test_beside_their_clones_nothing_is_learned_of_the_others(policy: str, more: dict[str, Any]) -> None:
    """Neither step nor cache of pi^D(a_-i|s, a_i), no word of it, and the same pi_i^D as where it is learned."""
    dataset, learners = chain_dataset(3, n_actions=(2, 3, 4)), {}
    for ratio in ("conditional", "clones"):
        config = settings(policy, episode_ratio=ratio, **more)
        data = TrainingData.of_run(dataset, config)
        learners[ratio] = learner = AlberDICE(data, config, torch.Generator().manual_seed(0))
        first, generator = learner.behaviour.others.clone(), torch.Generator().manual_seed(1)
        metrics = [learner.update(generator) for _ in range(config.pretrain_updates + 2)]
        asked = ratio == "conditional"
        assert torch.equal(learner.behaviour.others, first) is not asked
        assert ("others_behaviour_loss" in metrics[0]) is asked
        assert bool(len(learner.behaviour.log_data)) is asked
        assert bool(learner.agreement) is bool(learner.notes()) is asked
        assert ("cloning (others)" in learner.choices) is (asked and bool(more))
    one, other = (learner.behaviour for learner in learners.values())
    assert torch.equal(one.own, other.own)
    assert torch.equal(one.log_own, other.log_own)


@pytest.mark.parametrize("policy", [*MEMORY])
def test_beside_their_clones_policies_have_no_ratio_at_the_start(policy: str) -> None:
    """Returns alone weigh then; later the policies beside the same policies' beginnings."""
    dataset = chain_dataset(3, n_actions=(2, 3, 4))
    config = settings(policy, units="rewards", episode_ratio="clones")
    data = TrainingData.of_run(dataset, config)
    learner = AlberDICE(data, config, torch.Generator().manual_seed(0))
    for _ in range(config.pretrain_updates):
        learner.update(torch.Generator().manual_seed(1))
    learner.parameters["policy"].zero_()  # no change of the clones' logits, where there was a small one
    before = replayed(learner.policies, dataset).numpy()
    learner.update(torch.Generator().manual_seed(1))
    turns, returns = learner.turns, np.array([dataset.rewards[dataset.episode == e].sum() for e in range(dataset.n_episodes)])
    assert turns is not None
    alpha, least = float(turns.alpha), 0.4 * dataset.n_episodes
    np.testing.assert_allclose(turns.weights, by_bisection(returns / alpha, least), rtol=1e-4)
    turns._take(1)
    after = replayed(learner.policies, dataset).numpy()
    first = np.take_along_axis(after - before, dataset.actions[..., None], 2)[:, 0, 0]
    assert np.abs(first).max() > 1e-4
    ratio = np.array([first[dataset.episode == e].sum() for e in range(dataset.n_episodes)])
    np.testing.assert_allclose(turns.weights, by_bisection(returns / alpha + ratio, least), rtol=1e-4)


@pytest.mark.parametrize("policy", [*MEMORY])
def test_steps_are_drawn_by_the_weights(policy: str) -> None:
    """Every step that is scored in a minibatch is as frequent as it weighs."""
    dataset = chain_dataset(3, n_actions=(2, 3))
    learner = begun(policy, dataset)
    turns, generator, found = learner.turns, torch.Generator().manual_seed(3), torch.zeros(dataset.n_steps)
    assert turns is not None
    turns.weights = torch.tensor([0.5, 0.1, 0.4, 0.0], dtype=torch.float64)
    upto = learner.form.sums_of(turns.step_weights)
    for _ in range(400):
        drawn = learner.form.draw_weighted(200, upto, generator)
        found.index_add_(0, drawn.steps, drawn.shares / 400)
    np.testing.assert_allclose(found, turns.step_weights, atol=0.01)


def conventions(seed: int = 0) -> OfflineDataset:
    """Twenty plays of {AB, BA} an episode: 30 episodes of either alone, 30 of random play; a point for each AB or BA."""
    rng, episodes = np.random.default_rng(seed), []
    for k in range(90):
        first = rng.integers(2, size=20) if k >= 60 else np.full(20, k % 2)
        second = rng.integers(2, size=20) if k >= 60 else 1 - first
        frames = np.ones((21, 2, 1))
        rewards = (first != second).astype(np.float64)
        episodes.append(EpisodeArrays(frames[:, 0], frames, np.stack([first, second], 1), rewards, False))
    return from_episodes("conventions", (2, 2), episodes)


@pytest.mark.parametrize("seed", range(3))
def test_agents_without_a_memory_agree_on_a_convention(seed: int) -> None:
    """What a state shows and what one step pays are the same in both; whole episodes tell them apart, and from random ones."""
    sizes = {"updates": 200, "turn_updates": 25, "pretrain_updates": 100, "batch_size": 128, "pretrain_batch_size": 128}
    rates = {"learning_rate": 2e-2, "pretrain_learning_rate": 2e-2}
    config = tiny(weights="episodes", alpha_start=0.3, alpha_end=0.3, episode_share=0.2, seed=seed, **sizes, **rates)
    learner = AlberDICE(TrainingData.of_run(conventions(seed), config), config, torch.Generator().manual_seed(seed))
    generator = torch.Generator().manual_seed(seed + 1)
    for _ in range(config.total):
        learner.update(generator)
    table = learner.policies.actor(1).log_probabilities(torch.ones(1, 2, 1)).exp()[0]
    joint = float(table[0, 0] * table[1, 1] + table[0, 1] * table[1, 0])
    assert joint > 0.95


def unequal(seed: int) -> OfflineDataset:
    """Sixty episodes of BA and thirty of AB, twenty plays each; AB pays a little more, and BA is cloned better."""
    episodes = []
    for k in range(90):
        first = np.full(20, int(k % 3 > 0))
        frames, pays = np.ones((21, 2, 1)), np.where(first == 0, 1.0, 0.98)
        episodes.append(EpisodeArrays(frames[:, 0], frames, np.stack([first, 1 - first], 1), pays, False))
    return from_episodes("unequal", (2, 2), episodes)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(("agreements", "worth"), [(1, 19.6), (2, 20.0), (3, 20.0)])
def test_the_agreement_that_pays_best_is_kept(seed: int, agreements: int, worth: float) -> None:
    """The first one is the more frequent one; with no episode left that nobody weighed, a further one is free."""
    sizes = {"updates": 160, "turn_updates": 20, "pretrain_updates": 100, "batch_size": 128, "pretrain_batch_size": 128}
    rates = {"learning_rate": 2e-2, "pretrain_learning_rate": 2e-2, "alpha_start": 0.3, "alpha_end": 0.3, "units": "rewards"}
    config = tiny(weights="episodes", episode_share=0.2, seed=seed, agreements=agreements, **sizes, **rates)
    learner = AlberDICE(TrainingData.of_run(unequal(seed), config), config, torch.Generator().manual_seed(seed))
    generator, metrics = torch.Generator().manual_seed(seed + 1), {}
    assert config.total == 100 + agreements * 160
    for _ in range(config.total):
        metrics = learner.update(generator)
    table = learner.policies.actor(1).log_probabilities(torch.ones(1, 2, 1)).exp()[0]
    assert float(table[0, int(worth < 20)] * table[1, int(worth == 20)]) > 0.95
    assert learner.turns is not None
    assert float((learner.turns.weights * learner.turns.returns).sum()) == pytest.approx(worth, abs=0.01)
    if agreements > 1:
        assert float(metrics["agreement_return"]) == pytest.approx(worth, abs=0.01)


@pytest.mark.parametrize("policy", [*MEMORY])
def test_a_further_agreement_begins_as_the_first_one(policy: str) -> None:
    """Policies, averages of gradients, alpha, looks at the data: with equal draws, and nothing barred, all is as it was."""
    dataset, config = chain_dataset(3, n_actions=(2, 3)), settings(policy, agreements=2, alpha_start=1.0, alpha_end=0.1)
    learner = AlberDICE(TrainingData.of_run(dataset, config), config, torch.Generator().manual_seed(0))
    for _ in range(config.pretrain_updates):
        learner.update(torch.Generator().manual_seed(1))
    found = []
    for _ in range(2):
        generator, metrics = torch.Generator().manual_seed(2), []
        for _ in range(config.updates - 1):
            metrics.append(learner.update(generator))
        found.append((learner.parameters["policy"].clone(), metrics))
        learner.update(generator)
        learner.scalars["agreement_weight"].zero_()
    assert torch.equal(found[0][0], found[1][0])
    assert all(equal(*pair) for pair in zip(found[0][1], found[1][1], strict=True))
    assert len({float(each["alpha"]) for each in found[0][1]}) > 1


def test_agreements_are_of_episodes() -> None:
    with pytest.raises(InvalidArgumentError, match="agreements: got 2, expected 1, as no episodes are weighed"):
        tiny(agreements=2)


@pytest.mark.parametrize(
    ("name", "value"),
    [("weights", "steps"), ("episode_share", 0.9), ("turn_updates", 2), ("episode_ratio", "clones"), ("agreements", 2)],
)
def test_settings_change_what_is_learned(name: str, value: Any) -> None:
    dataset, base = chain_dataset(n_actions=(2, 3)), settings("feed-forward")
    changed = tiny(**{"weights": "episodes", "turn_updates": 3, "episode_share": 0.4, name: value})
    assert not equal(trained(base, dataset), trained(changed, dataset))


@pytest.mark.parametrize("policy", [*MEMORY])
@pytest.mark.parametrize(("stop", "agreements"), [(11, 1), (13, 1), (16, 1), (19, 3), (20, 3), (31, 3)])
def test_a_run_goes_on_within_a_turn(policy: str, stop: int, agreements: int) -> None:
    """Weights are not kept: they are what the others' policies, which stand in a turn, say again."""
    dataset, config = chain_dataset(3, n_actions=(2, 3)), settings(policy, agreements=agreements)
    data = TrainingData.of_run(dataset, config)
    whole, first, second = (AlberDICE(data, config, torch.Generator().manual_seed(seed)) for seed in (0, 0, 7))
    generators = torch.Generator().manual_seed(1), torch.Generator().manual_seed(1)
    for _ in range(config.total):
        whole.update(generators[0])
    for _ in range(stop):
        first.update(generators[1])
    second.load_state_dict({name: tensor.clone() for name, tensor in first.state_dict().items()})
    for _ in range(config.total - stop):
        second.update(generators[1])
    assert equal(whole.state_dict(), second.state_dict())


def test_what_does_not_go_together() -> None:
    with pytest.raises(InvalidArgumentError, match="capture: got on, expected off or auto, as turns are not recorded"):
        tiny(weights="episodes", capture="on", device="cuda")
