"""What can be played: tables under masks, and what is saved and read again."""

from __future__ import annotations

import pytest
import torch
from deep_samples import chain_dataset, tiny

from alberdice.deep.algorithms.bc import BC
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.losses import MASKED
from alberdice.deep.networks.mlp import Layers
from alberdice.deep.policies import load_policies, policy_network, policy_tables
from alberdice.errors import InvalidDataError


def test_tables_of_the_data_are_masked_and_pass_no_gradient_to_unavailable_actions() -> None:
    data = TrainingData.build(chain_dataset(masks=True))
    network = policy_network(data, Layers(()))
    parameters = network.initial(3, torch.Generator().manual_seed(0)).requires_grad_()
    frames = torch.arange(6)
    tables = policy_tables(network, parameters, data, frames)
    shown = data.available[frames].transpose(0, 1)
    assert (tables[~shown] == MASKED).all()
    torch.testing.assert_close(tables.exp().sum(-1), torch.ones(3, 6))
    (gradient,) = torch.autograd.grad(tables[shown].sum(), parameters)
    biases = gradient[:, -4:]  # of the four logits: agent 1 has two actions, agent 2 has three
    assert biases[0, 2:].abs().max() == 0
    assert biases[1, 3] == 0
    assert biases.abs().max() > 0


def test_saved_policies_are_read_as_they_were() -> None:
    found = BC(TrainingData.build(chain_dataset()), tiny("bc"), torch.Generator().manual_seed(0)).policies
    again = load_policies(*found.save())
    seen = torch.randn(5, 3, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert torch.equal(again.log_probabilities(seen), found.log_probabilities(seen))  # type: ignore[attr-defined]


def test_policies_of_an_unknown_kind_are_refused() -> None:
    with pytest.raises(InvalidDataError, match="policies: got 'recurrent', expected one of feed-forward"):
        load_policies({}, {"kind": "recurrent"})


def test_as_many_networks_as_agents() -> None:
    data = TrainingData.build(chain_dataset())
    tensors, header = BC(data, tiny("bc"), torch.Generator().manual_seed(0)).policies.save()
    fewer = {**header, "n_actions": tuple(header["n_actions"])[:-1]}
    with pytest.raises(InvalidDataError, match="policies: got 3 networks, expected one for each of 2 agents"):
        load_policies(tensors, fewer)
