"""All distinct steps at once, against counting; units and constants that follow the rewards' scale."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from alberdice.datasets import load_dataset
from alberdice.deep import losses
from alberdice.deep.algorithms.alberdice import AlberDICE
from alberdice.deep.algorithms.alberdice.minibatch import Matched
from alberdice.deep.algorithms.alberdice.population import Population
from alberdice.deep.algorithms.alberdice.settings import AlberDICEConfig
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.batches.units import in_units, spread_of


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return TrainingData.build(load_dataset("zoo-harvest"))


def test_rows_are_the_means_of_what_was_counted(data: TrainingData) -> None:
    population = Population.of(data, 100, 10_000)
    assert population is not None
    rewards, after = defaultdict(list), defaultdict(list)
    values = np.random.default_rng(0).normal(size=(2, len(data.states)))
    for x in range(data.n_steps):
        key = int(data.here[x]), *(int(a) for a in data.actions[x])
        rewards[key].append(float(data.rewards[x]))
        after[key].append(values[:, int(data.after[x])])
    found = population.mean_after(torch.from_numpy(values).float())
    assert len(population.steps) == len(rewards) < data.n_steps
    for p, x in enumerate(population.steps.tolist()):
        key = int(data.here[x]), *(int(a) for a in data.actions[x])
        assert float(population.weight[p]) == pytest.approx(len(rewards[key]) / data.n_steps, rel=1e-5)
        assert float(population.reward[p]) == pytest.approx(np.mean(rewards[key]), rel=1e-5)
        np.testing.assert_allclose(found[:, p], np.mean(after[key], axis=0), rtol=1e-4, atol=1e-5)


def test_pooled_rows_are_those_of_data_with_steps_of_every_frame_added(data: TrainingData) -> None:
    """K more steps of each pair, as its frame's are in the mean, where that makes it no better; against counting."""
    bare, population = (Population.of(data, 100, 10_000, pooling) for pooling in (0.0, 2.5))
    assert bare is not None
    assert population is not None
    values = torch.randn(2, len(data.states), generator=torch.Generator().manual_seed(0))
    after, found = bare.mean_after(values), population.mean_after(values)
    frames = data.here[bare.steps].tolist()
    for p, frame in enumerate(frames):
        alike = data.here == frame
        n = float((data.here == frame).logical_and((data.actions == data.actions[bare.steps[p]]).all(1)).sum())
        reward = (n * float(bare.reward[p]) + 2.5 * float(data.rewards[alike].mean())) / (n + 2.5)
        assert float(population.reward[p]) == pytest.approx(min(reward, float(bare.reward[p])), rel=1e-4, abs=1e-6)
        later = (n * after[:, p] + 2.5 * values[:, data.after[alike]].mean(1)) / (n + 2.5)
        torch.testing.assert_close(found[:, p], torch.minimum(later, after[:, p]), rtol=1e-4, atol=1e-5)
    lowered = found < after - 1e-2
    assert lowered.any()
    assert not lowered.all()


@pytest.mark.parametrize(("name", "luck"), [("zoo-lock", False), ("zoo-lock-sticky", True), ("zoo-climbing", False)])
def test_nothing_is_pooled_where_nothing_is_luck(name: str, luck: bool) -> None:
    data = TrainingData.build(load_dataset(name), share=True)
    population = Population.of(data, 4096, 16_384, 3.0)
    assert population is not None
    assert (population.kept is not None) == luck
    noisy = replace(data, rewards=data.rewards + torch.rand(data.rewards.shape, generator=torch.Generator().manual_seed(0)))
    pooled = Population.of(noisy, 4096, 16_384, 3.0)
    assert pooled is not None
    assert pooled.kept is not None


def test_the_table_of_e_is_the_weighted_mean_that_its_loss_asks_for(data: TrainingData) -> None:
    """Against loops; where no weight is left, the data's mean; where an action is never shown, the state's least."""
    population = Population.of(data, 100, 10_000)
    assert population is not None
    draw, here = np.random.default_rng(1), data.here[population.steps]
    own, pairs, size = data.actions[population.steps, 0], len(population.steps), (len(data.states), 4)
    values, ratio = draw.normal(size=pairs), draw.choice([0.0, 0.3, 2.0], size=pairs)
    ratio[np.asarray(own == 1)] = 0.0
    logs = torch.from_numpy(ratio).clamp(min=1e-30).log().float()
    found = population.means(torch.from_numpy(values).float(), logs, here, own, torch.Size(size)).numpy()
    for state in range(size[0]):
        shown = {}
        for action in range(size[1]):
            rows = [p for p in range(pairs) if int(here[p]) == state and int(own[p]) == action]
            weights = [float(population.weight[p]) * (ratio[p] if sum(ratio[q] for q in rows) > 0 else 1.0) for p in rows]
            if rows:
                shown[action] = np.average(values[rows], weights=weights)
        for action in range(size[1]):
            wanted = shown.get(action, min(shown.values(), default=0.0))
            assert found[state, action] == pytest.approx(wanted, abs=1e-4)


def test_a_table_needs_no_network_and_further_starts_leave_nu(data: TrainingData) -> None:
    config = AlberDICEConfig(pretrain_updates=3, updates=3, start_updates=4, hidden=(8,))
    agents, generator = AlberDICE(data, config, torch.Generator().manual_seed(0)), torch.Generator().manual_seed(1)
    assert "e" not in agents.parameters
    assert "e" in AlberDICE(data, replace(config, advantage="network"), torch.Generator()).parameters
    assert "e" in AlberDICE(data, replace(config, minibatch="sampled"), torch.Generator()).parameters
    seen = []
    for _ in range(config.total):
        agents.update(generator)
        seen.append({name: agents.parameters[name].clone() for name in ("nu", "policy")})
    assert not torch.equal(seen[4]["nu"], seen[5]["nu"])
    assert torch.equal(seen[5]["nu"], seen[9]["nu"])
    assert not torch.equal(seen[8]["policy"], seen[9]["policy"])


def test_length_and_rates_follow_the_data_unless_they_are_asked_for(data: TrainingData) -> None:
    def rounds(**settings: Any) -> tuple[int, float]:
        config = AlberDICE(data, AlberDICEConfig(**settings), torch.Generator()).config
        return config.updates, config.learning_rate

    assert rounds() == rounds(alpha_end=0.1) == (600, 2e-3)
    assert rounds(length="given") == rounds(minibatch="sampled") == (2500, 5e-4)
    assert rounds(updates=30) == (30, 5e-4)


def test_what_does_not_repeat_or_is_too_much_is_drawn(data: TrainingData) -> None:
    assert Population.of(data, 3, 10_000) is None
    assert Population.of(data, 100, 3) is None
    assert Population.of(TrainingData.build(load_dataset("zoo-harvest"), share=False), 10_000, 10_000) is None


def test_effective_rows_of_pairs_are_those_of_their_steps() -> None:
    generator = torch.Generator().manual_seed(0)
    log_weight, count = torch.randn(7, generator=generator), torch.randint(1, 9, (7,), generator=generator)
    apart = (log_weight - count.log()).repeat_interleave(count)  # a row's share of its pair's weight
    together = losses.effective_sample_size(log_weight, count.log())
    torch.testing.assert_close(together, losses.effective_sample_size(apart))


def test_effective_rows_of_resampled_pairs_are_those_of_the_pairs_that_were_drawn(data: TrainingData) -> None:
    """A pair that is drawn twice is two rows of half its weight each, among as many steps."""
    config = AlberDICEConfig(pretrain_updates=1, hidden=(8,))
    agents = AlberDICE(data, config, torch.Generator().manual_seed(0))
    drawn = agents.form.draw(0, torch.Generator())
    count = drawn.population.weight * data.n_steps  # type: ignore[union-attr]
    picked = torch.randint(len(count), (2, len(count)), generator=torch.Generator().manual_seed(1))
    log_weight = torch.randn(2, len(count), generator=torch.Generator().manual_seed(2)).gather(1, picked)
    nothing = torch.empty(0)
    matched = Matched(picked, nothing, nothing, nothing, log_weight, nothing)
    by_hand = [float(w.sum() ** 2 / (w.square() / count[p]).sum()) for w, p in zip(log_weight.exp(), picked, strict=True)]
    found = float(agents.rounds._effective_rows(log_weight, matched, drawn))
    assert found == pytest.approx(min(by_hand) * config.batch_size / data.n_steps, rel=1e-4)


def test_the_scaled_penalty_by_hand_and_in_other_units() -> None:
    f, available = torch.tensor([[0.3, -0.2, 5.0]]), torch.tensor([[True, True, False]])
    by_hand = 0.04 * math.log(math.exp(0.3 / 0.2) + math.exp(-0.2 / 0.2))
    assert float(losses.scaled_penalty(f, available, 0.2)) == pytest.approx(by_hand, rel=1e-5)
    assert float(losses.scaled_penalty(100 * f, available, 20.0)) == pytest.approx(1e4 * by_hand, rel=1e-5)


@pytest.mark.parametrize(
    ("rewards", "ends", "middle", "spread"),
    [
        ([1.0, 3.0], False, 2.0, 1.0),
        ([1.0, 3.0], True, 0.0, math.sqrt(5)),
        ([0.7, 0.7, 0.7], False, 0.7, 0.7),
        ([0.0, 0.0], False, 0.0, 1.0),
        ([-0.1, -0.1], True, 0.0, 0.1),
    ],
)
def test_the_unit_of_alpha(rewards: list[float], ends: bool, middle: float, spread: float) -> None:
    assert spread_of(torch.tensor(rewards), ends) == pytest.approx((middle, spread), rel=1e-6)


def test_units_of_the_rewards_leave_them_as_they_are(data: TrainingData) -> None:
    assert in_units(data, "rewards") is data
    scaled = in_units(data, "spread").rewards
    assert float(scaled.square().mean()) == pytest.approx(1.0, rel=1e-4)


@pytest.mark.parametrize(("name", "factor", "shift"), [("zoo-harvest", 100.0, 0.0), ("zoo-wilds", 0.01, 3.0)])
def test_the_same_policies_from_rewards_in_other_units(name: str, factor: float, shift: float) -> None:
    data = TrainingData.build(load_dataset(name))
    config, tables = AlberDICEConfig(updates=30, pretrain_updates=30, hidden=(16,)), []
    for rewards in (data.rewards, data.rewards * factor + shift):
        agents = AlberDICE(replace(data, rewards=rewards), config, torch.Generator().manual_seed(0))
        generator = torch.Generator().manual_seed(1)
        for _ in range(60):
            agents.update(generator)
        seen = data.observations[:, :, :] * data.features.scale + data.features.mean
        tables.append(agents.policies.log_probabilities(seen).exp())
    torch.testing.assert_close(tables[0], tables[1], atol=2e-3, rtol=0)


def test_where_the_others_leave_no_weight_e_learns_from_the_data() -> None:
    from alberdice.deep.algorithms.alberdice.minibatch import Minibatch, match

    data = TrainingData.build(load_dataset("zoo-harvest"))
    agents = AlberDICE(data, AlberDICEConfig(hidden=(8,)), torch.Generator().manual_seed(0))
    agents.behaviour.fill_caches()
    from alberdice.deep.algorithms.alberdice.minibatch import gather_minibatch

    generator = torch.Generator().manual_seed(0)
    batch: Minibatch = gather_minibatch(agents.data, agents.behaviour, agents.form.draw(64, generator), data.starts)
    ratio = torch.full((2, len(batch.steps)), math.log(1e-6))
    ratio[:, 0] = 0.0
    count = agents.population.weight
    plain, kept = (match(batch, ratio, False, fallback, generator) for fallback in (0.0, 0.01))
    expected = count * ratio[0].exp()
    torch.testing.assert_close(plain.share[0], expected / expected.sum())
    expected = count * ratio[0].exp().clamp(min=0.01)
    torch.testing.assert_close(kept.share[0], expected / expected.sum())
    torch.testing.assert_close(plain.log_weight, kept.log_weight)  # nu's loss has no such floor


@pytest.mark.parametrize("minibatch", ["population", "sampled"])
def test_one_update_moves_nu_by_so_many_alpha_at_the_most(data: TrainingData, minibatch: str) -> None:
    moved = {}
    for most in (1e-3, math.inf):
        settings: dict[str, Any] = {
            "pretrain_updates": 2,
            "updates": 6,
            "learning_rate": 0.01,
            "batch_size": 64,
            "minibatch": minibatch,
        }
        config = AlberDICEConfig(dataset="zoo-harvest", hold_share=0.0, nu_step=most, advantage="network", **settings)
        learner, generator = AlberDICE(data, config, torch.Generator().manual_seed(0)), torch.Generator().manual_seed(1)
        found = []
        for update in range(8):
            before, alpha = learner.networks["nu"](learner.parameters["nu"], data.states), float(learner.annealing.alpha)
            learner.update(generator)
            after = learner.networks["nu"](learner.parameters["nu"], data.states)
            if update >= 2:
                found.append(float((after - before).abs().max()) / alpha)
        moved[most] = max(found)
    # a step is shortened in parameters, of which nu is no straight line; and what is drawn are some of the states
    assert 0 < moved[1e-3] <= (1.3e-3 if minibatch == "population" else 3e-3)
    assert moved[math.inf] > 0.02
