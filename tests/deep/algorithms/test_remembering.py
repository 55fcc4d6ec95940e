"""What agents without a memory agreed on, cloned anew: the loss by a slow route, which episodes, resuming."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from deep_samples import chain_dataset, equal, tiny
from history_samples import replayed
from test_episode_weights import conventions

from alberdice.datasets import OfflineDataset
from alberdice.deep.algorithms.alberdice import AlberDICE
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.policies import FeedForwardPolicies
from alberdice.deep.policies.transformer import TransformerPolicies
from alberdice.deep.training.loop import run_training
from alberdice.errors import InvalidArgumentError

SMALL: dict[str, Any] = {"weights": "episodes", "turn_updates": 3, "episode_share": 0.4}
#: what is cloned in the end
LAST: dict[str, dict[str, Any]] = {"transformer": {"width": 8, "context": 4}, "feed-forward": {"last_policy": "feed-forward"}}
both = pytest.mark.parametrize("last", LAST)


def settings(last: str = "transformer", **changes: Any) -> Any:
    return tiny(**{**SMALL, **LAST[last], "memory_updates": 6, **changes})


def learner_of(config: Any, dataset: OfflineDataset) -> AlberDICE:
    return AlberDICE(TrainingData.of_run(dataset, config), config, torch.Generator().manual_seed(0))


def decided(config: Any, dataset: OfflineDataset) -> tuple[AlberDICE, torch.Generator]:
    """A learner whose agents without a memory are done."""
    learner, generator = learner_of(config, dataset), torch.Generator().manual_seed(1)
    for _ in range(config.total - config.memory_updates):
        learner.update(generator)
    return learner, generator


def test_the_policies_are_transformers_once_they_are_cloned() -> None:
    learner, generator = decided(settings(), chain_dataset(3, n_actions=(2, 3)))
    assert not isinstance(learner.policies, TransformerPolicies)
    learner.update(generator)
    assert isinstance(learner.policies, TransformerPolicies)


def test_without_a_memory_they_begin_with_nothing() -> None:
    learner, generator = decided(settings("feed-forward"), chain_dataset(3, n_actions=(2, 3)))
    before = learner.policies
    learner.update(generator)
    after = learner.policies
    assert isinstance(before, FeedForwardPolicies)
    assert isinstance(after, FeedForwardPolicies)
    assert before.base is not None
    assert after.base is None
    assert before.parameters.shape == after.parameters.shape


@both
def test_what_is_cloned_is_the_mean_of_the_agents_weights_beside_the_newest_policies(last: str) -> None:
    dataset = chain_dataset(3, n_actions=(2, 3))
    learner, generator = decided(settings(last), dataset)
    played = replayed(learner.policies, dataset).numpy()
    learner.update(generator)
    assert learner.turns is not None
    turns, expected = learner.turns, []
    for agent in (0, 1):
        chosen = np.take_along_axis(played, dataset.actions[..., None], 2)[..., 0]
        np.testing.assert_allclose(turns.played[agent].numpy(), chosen[:, agent], rtol=1e-4, atol=1e-5)
        expected.append(turns.weights_of(agent).numpy())
    np.testing.assert_allclose(turns.weights.numpy(), np.mean(expected, 0))
    assert float(turns.weights.sum()) == pytest.approx(1)


@pytest.mark.parametrize(("last", "own"), [("transformer", {"context": 64}), ("feed-forward", {})])
def test_the_loss_by_playing_along_the_data(last: str, own: dict[str, Any]) -> None:
    """The drawn steps' mean of -log pi(a|tau), tables replayed step by step from the episodes' beginnings."""
    dataset, config = chain_dataset(3, n_actions=(2, 3)), settings(last, **own)
    learner, generator = decided(config, dataset)
    learner.update(generator)
    assert learner.remembering is not None
    remembering, seed = learner.remembering, torch.Generator().manual_seed(4)
    drawn = remembering.form.draw_weighted(config.batch_size, remembering._upto, seed)
    played = replayed(learner.policies, dataset).numpy()
    chosen = np.take_along_axis(played, dataset.actions[..., None], 2)[..., 0]
    expected = -(drawn.shares.numpy()[:, None] * chosen[drawn.steps.numpy()]).sum(0).mean()
    found = learner.update(torch.Generator().manual_seed(4))["memory_loss"]
    assert float(found) == pytest.approx(float(expected), rel=1e-5)


@both
def test_the_team_keeps_what_was_decided(last: str) -> None:
    """Data of two conventions and random play: the last policies play the one that those before them agreed on."""
    sizes = {"updates": 200, "turn_updates": 25, "pretrain_updates": 100, "batch_size": 128, "pretrain_batch_size": 128}
    rates = {"learning_rate": 2e-2, "pretrain_learning_rate": 2e-2}
    alpha = {"alpha_start": 0.3, "alpha_end": 0.3, "episode_share": 0.2}
    dataset, config = conventions(), settings(last, **sizes, **rates, **alpha, memory_updates=150)
    learner, generator = decided(config, dataset)
    first = learner.policies.actor(1).log_probabilities(torch.ones(1, 2, 1)).exp()[0]
    agreed = [int(row.argmax()) for row in first]
    for _ in range(config.memory_updates):
        learner.update(generator)
    actor = learner.policies.actor(1)
    for _ in range(3):
        table = actor.log_probabilities(torch.ones(1, 2, 1)).exp()[0]
        assert float(table[0, agreed[0]] * table[1, agreed[1]]) > 0.9
        actor.observe(torch.tensor([agreed]), torch.ones(1))
    assert agreed[0] != agreed[1]


@pytest.mark.parametrize(
    ("last", "left"), [*(("transformer", left) for left in (8, 6, 5, 1)), ("feed-forward", 6), ("feed-forward", 2)]
)
def test_a_run_goes_on(last: str, left: int) -> None:
    dataset, config = chain_dataset(3, n_actions=(2, 3)), settings(last)
    whole, first, second = (learner_of(config, dataset) for _ in range(3))
    generators = torch.Generator().manual_seed(1), torch.Generator().manual_seed(1)
    for _ in range(config.total):
        whole.update(generators[0])
    for _ in range(config.total - left):
        first.update(generators[1])
    other = torch.Generator().manual_seed(2)
    for _ in range(config.total - 1):  # what it was about to clone is forgotten
        second.update(other)
    second.load_state_dict({name: tensor.clone() for name, tensor in first.state_dict().items()})
    for _ in range(left):
        second.update(generators[1])
    assert equal(whole.state_dict(), second.state_dict())
    assert whole.weight_report() == second.weight_report()


@pytest.mark.parametrize("changes", [{"weights": "steps"}, {"policy": "transformer"}])
def test_what_does_not_go_together(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError, match="memory_updates: got 6, expected 0, as"):
        settings(**changes)


def test_transformers_settings_are_read_by_nobody_else() -> None:
    with pytest.raises(InvalidArgumentError, match="width: got 8"):
        settings(memory_updates=0)
    with pytest.raises(InvalidArgumentError, match="width: got 8"):
        settings("feed-forward", width=8)


def test_without_these_updates_nobody_asks_what_is_cloned() -> None:
    with pytest.raises(InvalidArgumentError, match="last_policy: got feed-forward"):
        settings("feed-forward", memory_updates=0)


def test_scores_play_whole_episodes_as_the_last_policies_remember(tmp_path: Path) -> None:
    config = settings(dataset="zoo-stags", environment="none", pictures=False, select="auto", select_every=6)
    run = run_training(config, tmp_path / "run")
    assert run.selector.scores is not None
    assert run.selector.scores.method.startswith("return of episodes played in")
