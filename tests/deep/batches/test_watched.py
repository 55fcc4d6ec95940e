"""Episodes that cloning does not learn from: which they are, that nothing is learned from them, and where cloning ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from deep_samples import chain_dataset, equal, tiny, trained

from alberdice.datasets import EpisodeArrays, OfflineDataset, from_episodes
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.batches.watched import LOOKS, Watched
from alberdice.deep.learner import learner_class
from alberdice.errors import InvalidArgumentError

ALONE = {"minibatch": "sampled", "share_frames": False}


def noise(episodes: int = 12, length: int = 6) -> OfflineDataset:
    """Coins that no observation tells: whatever is learned of them by heart is wrong elsewhere."""
    draws = np.random.default_rng(0)
    return from_episodes(
        "noise",
        (2, 3),
        [
            EpisodeArrays(
                states=draws.normal(size=(length + 1, 4)),
                observations=draws.normal(size=(length + 1, 2, 6)),
                actions=np.stack([draws.integers(k, size=length) for k in (2, 3)], axis=1),
                rewards=draws.normal(size=length),
                terminated=True,
            )
            for _ in range(episodes)
        ],
    )


def made(algorithm: str, dataset: OfflineDataset, **changes: Any) -> Any:
    config = tiny(algorithm, **changes)
    return learner_class(algorithm)(TrainingData.of_run(dataset, config), config, torch.Generator().manual_seed(0))


def test_episodes_are_learned_from_or_watched() -> None:
    data = TrainingData.build(noise())
    parts = Watched(data, 0.25, {}, torch.Generator().manual_seed(3))
    assert parts.episodes == 3
    together = torch.cat([parts.learned, parts.steps]).sort().values
    assert together.tolist() == list(range(data.n_steps))
    whose = torch.arange(12).repeat_interleave(6)
    assert not set(whose[parts.learned].tolist()) & set(whose[parts.steps].tolist())
    drawn = data.draw_steps(500, torch.Generator().manual_seed(0), among=parts.learned)
    assert set(drawn.tolist()) == set(parts.learned.tolist())


def test_what_is_best_is_kept_and_put_in_place() -> None:
    network = torch.zeros(2)
    watch = Watched(TrainingData.build(noise()), 0.25, {"policy": network}, torch.Generator().manual_seed(0))
    losses = {LOOKS: 3.0, 2 * LOOKS: 1.0, 3 * LOOKS: 2.0, 3 * LOOKS + 5: 1.5}
    for done in range(1, 3 * LOOKS + 6):
        network.fill_(done)
        watch.look(lambda steps, done=done: {"policy": torch.tensor(losses[done])}, done, 3 * LOOKS + 5)  # type: ignore[misc]
        assert network[0] == (2 * LOOKS if done == 3 * LOOKS + 5 else done)
    assert watch.words()["policy"].startswith(f"as after update {2 * LOOKS}, -log pi 1 on 3 episodes")


@pytest.mark.parametrize(("algorithm", "see"), [("bc", ""), ("alberdice", "history"), ("alberdice", "observation")])
def test_cloning_ends_where_others_are_likeliest(algorithm: str, see: str) -> None:
    """Of coins, long before its last update: the networks of the one before the last are worse there."""
    lasting = {"updates": 400} if algorithm == "bc" else {"updates": 1, "pretrain_updates": 400, "others_see": see, **ALONE}
    rates = {"learning_rate": 5e-3} if algorithm == "bc" else {"pretrain_learning_rate": 5e-3}
    learner = made(algorithm, noise(), watch_share=0.25, hidden=(32,), **lasting, **rates)
    clones = learner if algorithm == "bc" else learner.behaviour
    losses, generator = clones._losses if algorithm == "bc" else clones.watched_losses, torch.Generator().manual_seed(1)
    for _ in range(399):
        learner.update(generator)
    before = losses(clones.watched.steps)
    learner.update(generator)
    after, state = losses(clones.watched.steps), learner.state_dict()
    for name in before:
        assert int(state[f"watched_update.{name}"]) < 200
        assert after[name] < before[name] - 0.05
    alone = "policy" if algorithm == "bc" else "own"  # the others' network may begin at another one, which goes on
    torch.testing.assert_close(after[alone], state[f"watched_loss.{alone}"])


@pytest.mark.parametrize("algorithm", ["bc", "alberdice"])
def test_no_share_is_as_before_and_a_share_changes_what_is_learned(algorithm: str) -> None:
    own = ALONE if algorithm == "alberdice" else {}
    dataset = chain_dataset(n_actions=(2, 3))
    without = trained(tiny(algorithm, **own), dataset)
    assert equal(without, trained(tiny(algorithm, watch_share=0.0, **own), dataset))
    with_some = trained(tiny(algorithm, watch_share=0.25, **own), dataset)
    assert not equal(without, {name: with_some[name] for name in without})


@pytest.mark.parametrize("algorithm", ["bc", "alberdice"])
def test_a_share_that_cannot_be_watched_is_refused(algorithm: str) -> None:
    own = ALONE if algorithm == "alberdice" else {}
    with pytest.raises(InvalidArgumentError, match=r"watch_share.*a smaller share of 4 episodes"):
        made(algorithm, chain_dataset(), watch_share=0.99, **own)
    with pytest.raises(InvalidArgumentError, match=r"watch_share.*does not read it"):
        tiny(algorithm, watch_share=0.5, policy="transformer", hidden=(128, 128))


def test_where_an_update_is_about_all_distinct_steps_nothing_can_be_left_out() -> None:
    config = tiny(watch_share=0.5)
    with pytest.raises(InvalidArgumentError, match=r"watch_share.*all distinct steps.*minibatch = sampled"):
        trained(config, updates=1)


@pytest.mark.parametrize("algorithm", ["bc", "alberdice"])
def test_a_state_goes_on_with_what_was_best(algorithm: str) -> None:
    """Of coins, the best networks lie before the stop."""
    own = {"pretrain_updates": 120, **ALONE} if algorithm == "alberdice" else {"updates": 120}
    first = made(algorithm, noise(), watch_share=0.25, **own)
    generator = torch.Generator().manual_seed(1)
    for _ in range(90):
        first.update(generator)
    second, later = made(algorithm, noise(), watch_share=0.25, **own), torch.Generator().manual_seed(9)
    second.load_state_dict({name: tensor.clone() for name, tensor in first.state_dict().items()})
    later.set_state(generator.get_state())
    for learner, draws in ((first, generator), (second, later)):
        for _ in range(31):
            learner.update(draws)
    assert equal(first.state_dict(), second.state_dict())
