"""What learners share whose policies are transformers over windows of the data's episodes."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from alberdice.deep import sums
from alberdice.deep.batches.sequences import Batch, Sequences
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.config.policy import PolicyConfig
from alberdice.deep.policies.transformer import TransformerPolicies, policy_network, policy_tables
from alberdice.errors import InvalidDataError

__all__ = ["Memory"]


class Memory:
    """The windows of the data, and the shape of the policies' networks.

    Args:
        data: what they see.
        config: the transformers' shape, their context, the size of minibatches.
        transitions: see ``Sequences.build``.
    """

    def __init__(self, data: TrainingData, config: PolicyConfig, *, transitions: bool = False) -> None:
        self.data = data
        self.sequences = Sequences.build(data, *config.windows, transitions=transitions)
        seen, choices = data.observations.shape[-1], data.available.shape[-1]
        self.network = policy_network(seen, choices, self.sequences.context, **config.transformer)

    def tables(self, parameters: Tensor, batch: Batch) -> Tensor:
        """The tables log pi_i at every step of the windows, ``(N, B K, A)``; rows of padding stand for nothing."""
        return policy_tables(self.network, parameters, batch)[0].flatten(1, 2)

    def policies(self, parameters: Tensor) -> TransformerPolicies:
        """Players with these parameters ``(N, P)``."""
        return TransformerPolicies(self.network, parameters, self.data.features, self.data.n_actions)

    def taught(self, batch: Batch) -> Tensor:
        """What the batch's steps weigh where each is looked at together with the step after it, ``(B, K)``, summing to 1.

        A step weighs what the step after it does as a scored one, in the same window; the last step of an episode that ended
        the process weighs what it does itself.  So every step that has either is looked at in one of its windows, the last
        known one of a later window among them.  Where a time limit cut the record, nothing is known of the history that
        follows: such a step weighs nothing.  All are 0 where a batch has no other.
        """
        weight = torch.where(self.data.terminated[batch.steps], batch.weight, pad(batch.weight[:, 1:], (0, 1)))
        whole = sums.total(weight.flatten())
        return weight / torch.where(whole > 0, whole, 1.0)

    def check_taught(self, algorithm: str) -> None:
        """Values can be learned in such windows: a step is there with the next one, or the process is of single steps.

        Raises:
            InvalidDataError: windows of single steps, none of which ends the process, or which another one follows.
        """
        single = self.data.breaks.all() & self.data.terminated.any()
        if not bool((self.sequences.length > 1).any() | single):
            got = "windows of single steps alone, whose next ones are in none"
            expected = "a step that ends the process or is followed by another one in its window, from which values are learned"
            remedy = "raise context to 2 or more, and set episode_steps where a game of one step is repeated in an episode"
            raise InvalidDataError(algorithm, got=got, expected=expected, remedy=remedy)
