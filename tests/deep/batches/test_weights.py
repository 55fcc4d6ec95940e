"""On how much of the data weights rest, by hand; and that a learner reports its own."""

from __future__ import annotations

import pytest
import torch

from alberdice.datasets import load_dataset
from alberdice.deep.algorithms.alberdice import AlberDICE
from alberdice.deep.algorithms.alberdice.settings import AlberDICEConfig
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.batches.weights import step_weights, weight_report, weight_warning


def test_by_hand() -> None:
    weights = torch.tensor([0.5, 0.1, 0.1, 0.3], dtype=torch.float64)
    report = weight_report(weights, torch.tensor([1, 3]))
    assert report == pytest.approx({"effective_steps": 1 / 0.36, "heaviest_steps": 1.0, "heaviest_episode": 0.5})
    assert weight_report(torch.full((40,), 1 / 40), torch.tensor([10] * 4))["heaviest_steps"] == pytest.approx(0.25)


def test_steps_drawn_twice_add_up() -> None:
    found = step_weights(torch.tensor([0.3, 0.3, 0.1, 0.3]).log(), torch.tensor([2, 2, 0, 1]), 4)
    torch.testing.assert_close(found, torch.tensor([0.1, 0.3, 0.6, 0.0], dtype=torch.float64))


def test_what_is_warned_of() -> None:
    report = {"effective_steps": 3.0, "heaviest_steps": 0.9, "heaviest_episode": 0.7}
    assert weight_warning(report, 1000, 50) == (
        "ten of 1000 steps carry 90% of the weight and one of 50 episodes carries 70% of the weight"
    )
    assert weight_warning(report, 50, 5) == ""
    assert weight_warning({**report, "heaviest_steps": 0.1, "heaviest_episode": 0.1}, 1000, 50) == ""


@pytest.mark.parametrize("minibatch", ["population", "sampled"])
def test_a_learner_reports_its_own(minibatch: str) -> None:
    data = TrainingData.build(load_dataset("zoo-lock"))
    config = AlberDICEConfig(updates=5, pretrain_updates=2, hidden=(8,), batch_size=256, minibatch=minibatch)
    agents, generator = AlberDICE(data, config, torch.Generator().manual_seed(0)), torch.Generator().manual_seed(1)
    assert agents.weight_report() == {}
    for _ in range(5):
        agents.update(generator)
    report = agents.weight_report()
    assert 1 < report["effective_steps"] <= data.n_steps
    assert 10 / data.n_steps <= report["heaviest_steps"] <= 1
    assert 1 / len(data.lengths) <= report["heaviest_episode"] <= 1
