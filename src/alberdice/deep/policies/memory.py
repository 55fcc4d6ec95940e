"""What learners share whose policies are transformers over windows of the data's episodes."""

from __future__ import annotations

from torch import Tensor

from alberdice.deep.batches.sequences import Batch, Sequences
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.config.policy import PolicyConfig
from alberdice.deep.policies.transformer import TransformerPolicies, policy_network, policy_tables

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
