"""What steps weigh that are looked at together with the step after them: each once, whatever windows hold."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from critic_samples import one_step_dataset
from deep_samples import chain_dataset
from history_samples import small

from alberdice.datasets import OfflineDataset
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.learner import learner_class
from alberdice.deep.policies.memory import Memory
from alberdice.errors import InvalidDataError

CUTS = [(2, 0), (3, 0), (4, 0), (20, 0), (2, 4)]
LENGTHS = (4, 1, 6, 3, 11, 8, 1)


def memory(dataset: OfflineDataset, context: int, chunk: int, batch_size: int) -> Memory:
    config = small("omar", context=context, chunk=chunk, batch_size=batch_size)
    return Memory(TrainingData.build(dataset), config, transitions=True)


@pytest.mark.parametrize(("context", "chunk"), CUTS)
def test_every_step_with_a_next_one_weighs_alike_once(context: int, chunk: int) -> None:
    """And the end of the process; a step that a time limit cuts off weighs nothing."""
    dataset = chain_dataset(lengths=LENGTHS)
    own = memory(dataset, context, chunk, 9999)
    batch = own.sequences.minibatch(torch.Generator())
    found, seen = np.zeros(dataset.n_steps), own.taught(batch).numpy()
    np.add.at(found, batch.steps.numpy(), seen)
    goes_on = np.ones(dataset.n_steps)
    goes_on[np.cumsum(dataset.lengths) - 1] = 0.0
    expected = np.maximum(goes_on, dataset.terminated)
    assert 0 < expected.sum() < dataset.n_steps
    np.testing.assert_allclose(found, expected / expected.sum(), rtol=1e-5)
    assert ((seen > 0).sum(), seen[~batch.valid.numpy()].sum()) == (expected.sum(), 0.0)


@pytest.mark.parametrize(("context", "chunk"), CUTS)
def test_of_drawn_windows_each_weighs_what_the_next_one_is_scored_by(context: int, chunk: int) -> None:
    dataset = chain_dataset(lengths=LENGTHS)
    own = memory(dataset, context, chunk, 12)
    for seed in range(5):
        batch = own.sequences.minibatch(torch.Generator().manual_seed(seed))
        weight, steps, expected = batch.weight.numpy(), batch.steps.numpy(), np.zeros(batch.weight.shape)
        for b, k in np.ndindex(weight.shape):
            if dataset.terminated[steps[b, k]]:
                expected[b, k] = weight[b, k]
            elif k + 1 < weight.shape[1]:
                expected[b, k] = weight[b, k + 1]
        np.testing.assert_allclose(own.taught(batch), expected / max(expected.sum(), 1e-9), rtol=1e-5)


def test_where_no_step_of_a_batch_has_a_next_one_all_weigh_nothing() -> None:
    own = memory(chain_dataset(lengths=(1, 1, 1, 3)), 2, 0, 2)
    batch = own.sequences.batch(torch.tensor([0, 1]), torch.tensor([0.5, 0.5]))
    assert own.taught(batch).abs().max() == 0.0


@pytest.mark.parametrize("algorithm", ["icq", "omar"])
def test_data_from_which_no_value_can_be_learned_are_refused(algorithm: str) -> None:
    """Windows of one step: enough for a process of single steps alone, whose last steps are not all that there is."""

    def made(dataset: OfflineDataset) -> None:
        data = TrainingData.build(dataset)
        learner_class(algorithm)(data, small(algorithm, context=1), torch.Generator().manual_seed(0))

    with pytest.raises(InvalidDataError, match=rf"{algorithm}: got windows of single steps .* raise context to 2 or more"):
        made(chain_dataset(lengths=(3, 5)))
    with pytest.raises(InvalidDataError, match="set episode_steps"):  # cut off, all of them
        made(chain_dataset(lengths=(1, 1)))
    with pytest.raises(InvalidDataError, match="raise context"):  # the last step alone ends the process
        made(chain_dataset(lengths=(3, 5, 2)))
    made(one_step_dataset(0, terminated=True)[0])
