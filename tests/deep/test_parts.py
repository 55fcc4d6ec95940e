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
    "omar": ("omar", EVEN),
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


def check(config: Any, dataset: OfflineDataset, done: int) -> None:
    FOUND.set([])
    state = trained(config, dataset, done)
    gradients, metrics = one_update(config, dataset, state)
    assert gradients
    for count in (2, 4):
        for found, told in shared(count, lambda: one_update(config, dataset, state)):
            assert told == pytest.approx(metrics, rel=1e-4, abs=1e-6)
            for one, whole in zip(found, gradients, strict=True):
                assert float((one - whole).abs().max()) <= 1e-6 * float(whole.abs().max()) + 1e-7


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


def test_an_update_about_all_distinct_steps_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match=r"all \d+ distinct steps.*minibatch = sampled"):
        shared(2, lambda: trained(tiny("alberdice", **EVEN), None, 1))
