"""Learners for tests of what a GPU is asked to do: every built-in one, and its variants that run other operations."""

from __future__ import annotations

from typing import Any

import torch
from deep_samples import chain_dataset, tiny
from history_samples import small

from alberdice.deep.algorithms.alberdice.windows import OnWindows
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.config import TrainConfig
from alberdice.deep.learner import ALGORITHMS, learner_class
from alberdice.deep.networks.capture import Direct

#: how settings are made, whose they are, and what differs
CASES: dict[str, tuple[Any, str, dict[str, Any]]] = {
    **{name: (tiny, name, {}) for name in ALGORITHMS},
    "icq by its policy": (tiny, "icq", {"baseline": "policy", "target_every": 3}),
    "optidice without penalty": (tiny, "optidice", {"gradient_penalty": 0.0}),
    "alberdice as printed": (tiny, "alberdice", {"importance": "resample", "price": "sample", "gradient_penalty": 0.1}),
    "bc with a memory": (small, "bc", {}),
    "omar with a memory": (small, "omar", {}),
    "icq with a memory": (small, "icq", {}),
    "icq with a memory, by its policy": (small, "icq", {"baseline": "policy", "target_every": 3}),
    "optidice with a memory": (small, "optidice", {}),
    "alberdice with a memory": (small, "alberdice", {}),
    "bc on chunks": (small, "bc", {"context": 2, "chunk": 4}),
    "omar on chunks": (small, "omar", {"context": 2, "chunk": 4}),
    "icq on chunks": (small, "icq", {"context": 2, "chunk": 4}),
    "alberdice on chunks": (small, "alberdice", {"context": 2, "chunk": 4}),
    "alberdice with a memory, as printed": (small, "alberdice", {"importance": "resample", "tokens": "interleaved"}),
}


def config_of(case: str) -> TrainConfig:
    maker, algorithm, changes = CASES[case]
    config: TrainConfig = maker(algorithm, **changes)
    return config


def fresh(case: str, device: str = "cpu", agents: int = 2) -> Any:
    """A learner before its first update, which goes on with all rows of windows as if it were on a GPU."""
    config = config_of(case)
    data = TrainingData.build(chain_dataset(n_actions=(2, 3, 2)[:agents]), share=config.merges_frames, device=device)
    learner: Any = learner_class(config.algorithm)(data, config, torch.Generator().manual_seed(0))
    form = getattr(learner, "form", None)
    if isinstance(form, OnWindows):
        form.all_rows = True
    return learner


class TensorsAsNumbers(Direct):
    """Direct steps that are given numbers as a captured step is."""

    def __call__(self, step: Any, generator: torch.Generator, *numbers: float) -> dict[str, torch.Tensor]:
        return step(generator, *(torch.tensor(number, device=generator.device) for number in numbers))
