"""Networks say NaN of every action that is not available: whoever chooses, values or normalises over one ends in NaN."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import alberdice.deep as deep
from alberdice.datasets import EpisodeArrays, OfflineDataset, from_episodes
from alberdice.deep.networks.mlp import StackedMLP

#: actions 0 and 2 are open to nobody; the others to all but an agent that has died, whose 1 is its no-op
ACTIONS, CLOSED, OPEN = 5, [0, 2], [1, 3, 4]
#: policies over histories, beside critics that say NaN
MEMORY: dict[str, Any] = {"policy": "transformer", "width": 8, "context": 4}


def data() -> OfflineDataset:
    rng, episodes = np.random.default_rng(0), []
    for _ in range(10):
        length = int(rng.integers(6, 10))
        states = rng.normal(size=(length + 1, 4)).astype(np.float32)
        masks = np.zeros((length + 1, 2, ACTIONS), np.bool_)
        masks[:, :, OPEN] = True
        masks[length // 2 :, 1, 3:] = False
        actions = np.where(masks[:length], rng.random((length, 2, ACTIONS)), -1).argmax(axis=-1)
        seen = np.repeat(states[:, None], 2, axis=1)
        episodes.append(EpisodeArrays(states, seen, actions, rng.random(length), True, False, masks))
    return from_episodes("masked", (ACTIONS, ACTIONS), episodes)


def poisoned(outputs: int, y: Tensor) -> Tensor:
    """The outputs that speak of actions, with NaN for those that nobody may take."""
    poison = torch.zeros(ACTIONS)
    poison[CLOSED] = float("nan")
    if outputs == ACTIONS:
        return y + poison
    if outputs == ACTIONS**2:  # a table of another agent's actions per own one
        return y + (poison[:, None] + poison).flatten()
    return y


@pytest.fixture
def poison(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    calls: list[int] = []
    whole, plain = StackedMLP.__call__, StackedMLP.by_autograd

    def both(net: StackedMLP, parameters: Tensor, x: Tensor) -> Tensor:
        calls.append(net.outputs)
        return poisoned(net.outputs, whole(net, parameters, x))

    monkeypatch.setattr(StackedMLP, "__call__", both)
    monkeypatch.setattr(StackedMLP, "by_autograd", plain)
    return calls


@pytest.mark.parametrize(
    ("algorithm", "memory"),
    [*((name, {}) for name in ("bc", "icq", "omar", "optidice", "alberdice")), *((name, MEMORY) for name in ("icq", "omar"))],
)
def test_training_never_looks_at_an_unavailable_action(algorithm: str, memory: dict[str, Any], poison: list[int]) -> None:
    masked = data()
    small = {"updates": 12, "batch_size": 32, "hidden": (16,), "evaluate_every": 12, "select": "last", "device": "cpu"}
    own = {"pretrain_updates": 12, "pretrain_batch_size": 32, "starts": 1} if algorithm == "alberdice" else {}
    run = deep.train(masked, algorithm, environment="none", pictures=False, **small, **own, **memory)
    assert ACTIONS in poison
    assert run.result["status"] != "diverged", run.result["reason"]
    masks = np.array(masked.frame_masks[: masked.n_steps])
    told = run.policies.actor(masked.n_steps).log_probabilities(
        torch.from_numpy(np.array(masked.observations)), torch.from_numpy(masks)
    )
    assert torch.isfinite(told[torch.from_numpy(masks)]).all()
    np.testing.assert_allclose(told.exp().nan_to_num(nan=9.0).sum(-1).detach().numpy(), 1.0, rtol=1e-5)
    drawn = run.policies.actor(masked.n_steps).act(masked.observations, masks, np.random.default_rng(0))
    assert np.take_along_axis(masks, drawn[..., None], axis=-1).all()
