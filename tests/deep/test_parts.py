"""Devices that share the rows of an update find the gradients of one that has them all, whatever the algorithm."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

import pytest
import torch
from deep_samples import chain_dataset, tiny, trained
from parts_samples import shared

from alberdice.datasets import OfflineDataset, load_dataset
from alberdice.deep import sums
from alberdice.deep.algorithms.alberdice import AlberDICE, behaviour
from alberdice.deep.algorithms.alberdice.population import Population
from alberdice.deep.batches.sequences import cut_episodes
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.learner import learner_class
from alberdice.deep.networks.mlp import Adam
from alberdice.errors import InvalidArgumentError

#: 16 rows an update, and starts that divide by four, too
EVEN: dict[str, Any] = {"batch_size": 32, "learning_rate": 1e-3}
WINDOWS: dict[str, Any] = {**EVEN, "batch_size": 16, "policy": "transformer", "hidden": (128, 128), "width": 8, "context": 2}
PRINTED: dict[str, Any] = {"importance": "resample", "price": "sample", "conservatism_form": "printed"}
#: so few frames that networks run on all of them
FRAMES: dict[str, Any] = {"batch_size": 128, "minibatch": "sampled", "share_frames": True, "nu_price": "analytic"}

#: settings by name, each with an algorithm
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "bc": ("bc", EVEN),
    "bc with a memory": ("bc", WINDOWS),
    "icq": ("icq", {**EVEN, "window": 2, "gradient_clip": 0.1}),
    "icq with a memory": ("icq", {**WINDOWS, "gradient_clip": 0.1}),
    "icq with a memory, by its policy": ("icq", {**WINDOWS, "baseline": "policy"}),
    "omar": ("omar", EVEN),
    "omar with a memory": ("omar", WINDOWS),
    "madtkd": ("madtkd", {**EVEN, "batch_size": 16, "width": 8, "context": 2}),
    "optidice": ("optidice", {**EVEN, "gradient_penalty": 0.1, "slope_limit": 0.0}),
    "optidice with a memory": ("optidice", WINDOWS),
    "alberdice": ("alberdice", EVEN),
    "alberdice, frames of all": ("alberdice", {**EVEN, **FRAMES}),
    "alberdice, slopes": ("alberdice", {**EVEN, "gradient_penalty": 0.1, "slope_limit": 0.0, "nu_step": 0.1}),
    "alberdice as printed": ("alberdice", {**EVEN, **PRINTED, "gradient_penalty": 0.1, "slope_limit": 0.0}),
    "alberdice, all sampled prices": ("alberdice", {**EVEN, "nu_price": "analytic"}),
    "alberdice with a memory": ("alberdice", {**WINDOWS, "pretrain_batch_size": 16}),
    "alberdice on episodes": ("alberdice", {**EVEN, "weights": "episodes", "turn_updates": 3}),
    "alberdice, cloned with a memory": (
        "alberdice",
        {**EVEN, "weights": "episodes", "turn_updates": 3, "memory_updates": 9, "width": 8, "context": 2},
    ),
}
FOUND: ContextVar[list[torch.Tensor]] = ContextVar("found")


@pytest.fixture(autouse=True)
def recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every gradient that an optimiser takes, of all parts together."""
    step = Adam.step

    def recording(self: Adam, gradient: torch.Tensor, *more: Any) -> None:
        FOUND.get().append(sums.gradient(gradient).clone())
        step(self, gradient, *more)

    monkeypatch.setattr(Adam, "step", recording)


def learner_of(config: Any, dataset: OfflineDataset, state: dict[str, torch.Tensor]) -> Any:
    data = TrainingData.of_run(cut_episodes(dataset, config.steps_per_episode(0)), config)
    learner = learner_class(config.algorithm)(data, config, torch.Generator().manual_seed(0))
    learner.load_state_dict(state)
    if config.algorithm == "alberdice" and config.policy == "transformer":
        learner.form.all_rows = True  # as on a GPU: which rows there are decides which actions are drawn
    return learner


def one_update(
    config: Any, dataset: OfflineDataset, state: dict[str, torch.Tensor]
) -> tuple[list[torch.Tensor], dict[str, Any]]:
    """The gradients and metrics of one update from a state."""
    FOUND.set([])
    learner = learner_of(config, dataset, state)
    metrics = learner.update(torch.Generator().manual_seed(7))
    return FOUND.get(), {name: float(value) for name, value in metrics.items()}


def check(config: Any, dataset: OfflineDataset, done: int, tolerance: float = 1e-6) -> None:
    FOUND.set([])
    state = trained(config, dataset, done)
    gradients, metrics = one_update(config, dataset, state)
    assert gradients
    for count in (2, 4):
        for found, told in shared(count, lambda: one_update(config, dataset, state)):
            assert told == pytest.approx(metrics, rel=1e-4, abs=1e-6)
            for one, whole in zip(found, gradients, strict=True):
                assert float((one - whole).abs().max()) <= tolerance * float(whole.abs().max()) + 1e-7


@pytest.mark.parametrize("name", CASES)
def test_parts_find_the_gradients_of_the_whole(name: str) -> None:
    algorithm, changes = CASES[name]
    config, dataset = (
        tiny(algorithm, **changes),
        load_dataset("bridge-optimal") if changes.get("share_frames") else chain_dataset(),
    )
    for done in sorted({3, config.pretraining + 3}):
        check(config, dataset, done)


@pytest.mark.parametrize("changes", [EVEN, {**EVEN, **PRINTED}], ids=["weighted", "resampled"])
def test_the_weights_of_all_parts_are_reported(changes: dict[str, Any]) -> None:
    """Of resampled rows, too, which each part counts instead of listing."""
    config, dataset = tiny("alberdice", **changes), chain_dataset()
    FOUND.set([])
    state = trained(config, dataset, config.pretraining)

    def report() -> dict[str, float]:
        FOUND.set([])
        learner = learner_of(config, dataset, state)
        learner.update(torch.Generator().manual_seed(7))
        found: dict[str, float] = learner.weight_report()
        return found

    whole = report()
    assert shared(2, report) == [pytest.approx(whole, rel=1e-4)] * 2


def test_rows_that_cannot_be_divided_are_refused() -> None:
    config, dataset = tiny("bc", batch_size=33), chain_dataset()
    with pytest.raises(InvalidArgumentError, match=r"33 rows.*multiple of 2"):
        shared(2, lambda: trained(config, dataset, 1))


HARVEST: dict[str, Any] = {"dataset": "zoo-harvest", "batch_size": 256}
#: AlberDICE about all distinct steps: what is exact or drawn, a table or a network, pooled, resampled, few or many
POPULATIONS: dict[str, dict[str, Any]] = {
    "as it is": HARVEST,
    "luck pooled": {"dataset": "zoo-lock-sticky", "batch_size": 128},
    "drawn prices": {**HARVEST, "nu_price": "analytic"},
    "conditional on drawn steps": {**HARVEST, "pretrain_batch_size": 8},
    "conditional on all": {**HARVEST, "pretrain_batch_size": 1024},
    "network of e": {**HARVEST, "advantage": "network"},
    "beginnings anywhere": {**HARVEST, "initial_states": "all"},
    "as printed": {**HARVEST, **PRINTED},
    "slopes": {**HARVEST, "gradient_penalty": 0.1, "slope_limit": 0.0, "nu_step": 0.1},
    "fewer frames than parts": {"dataset": "matrix-d", "batch_size": 64},
}


SLOW = ("conditional on all", "beginnings anywhere", "network of e", "slopes")


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in POPULATIONS])
def test_parts_of_all_distinct_steps_find_the_gradients_of_the_whole(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In cloning, in rounds, and in a further start, whose rounds leave nu."""
    if name == "drawn prices":
        monkeypatch.setattr(behaviour, "_TABLE_LIMIT", 0)
    config = tiny("alberdice", **POPULATIONS[name], pretrain_updates=2, updates=2, starts=2, start_updates=2)
    data = load_dataset(config.dataset)
    assert AlberDICE(TrainingData.of_run(data, config), config, torch.Generator()).population is not None
    for done in (1, 3, 4, 5) if name in ("as it is", "fewer frames than parts") else (1, 3):
        check(config, data, done, 3e-6 if name == "as printed" else 1e-6)  # which adds what was drawn twice twice


def test_all_parts_hold_each_pair_once_and_what_follows_it() -> None:
    """Uneven parts, some of them empty, against the whole."""
    data = TrainingData.build(load_dataset("zoo-lock-sticky"), share=True)
    whole = Population.of(data, 4096, 16_384, 3.0)
    assert whole is not None
    nu = torch.randn(2, len(data.states), generator=torch.Generator().manual_seed(0))
    after = whole.mean_after(nu)
    for count in (1, 3, 4, len(data.states) + 3):

        def looked_at() -> tuple[Population, torch.Tensor, int, torch.Tensor]:
            part, starts = whole.held(data), sums.span(len(data.starts)).own(data.starts)
            rows = part.rows(data, starts)
            assert torch.equal(rows.frames[rows.here], data.here[part.steps])
            assert torch.equal(rows.frames[rows.start], starts)
            assert int(rows.frames[rows.absorbing]) == len(data.states) - 1
            assert not len(rows.here) or int(rows.here.max()) < rows.n_here
            return part, part.mean_after(nu[:, rows.frames]), rows.n_here, part.pairs.everyone(part.weight)

        parts, means, frames, weights = zip(*shared(count, looked_at), strict=True)
        assert torch.equal(torch.cat([part.steps for part in parts]), whole.steps)
        torch.testing.assert_close(torch.cat(means, 1), after)
        assert sum(frames) == len(data.states)
        assert max(frames) - min(frames) <= 1
        assert all(torch.equal(each, whole.weight) for each in weights)


def test_a_run_about_all_distinct_steps_goes_on_with_any_number_of_parts() -> None:
    """State and weights are the whole's, whoever made them, in the middle of a start too."""
    config = tiny("alberdice", **HARVEST, pretrain_batch_size=18, pretrain_updates=3, updates=4, starts=2, start_updates=4)
    data = load_dataset("zoo-harvest")

    def all_of_it() -> tuple[dict[str, torch.Tensor], dict[str, float]]:
        FOUND.set([])
        state = trained(config, data, 8)
        learner = learner_of(config, data, state)
        generator = torch.Generator().manual_seed(3)
        for _ in range(3):
            learner.update(generator)
        return {name: tensor.clone() for name, tensor in learner.state_dict().items()}, learner.weight_report()

    alone, report = all_of_it()
    for count in (2, 3):
        for state, told in shared(count, all_of_it):
            assert told == pytest.approx(report, rel=1e-3)
            assert state.keys() == alone.keys()
            for name, tensor in alone.items():
                torch.testing.assert_close(state[name], tensor, rtol=1e-3, atol=1e-4)
