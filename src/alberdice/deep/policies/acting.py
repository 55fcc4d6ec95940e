"""Actions from tables of probabilities: drawn by uniform numbers, or the most probable ones; NumPy in, NumPy out."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn.functional import one_hot

from alberdice._checks import FloatArray

__all__ = ["Acting", "chosen", "distributions"]


def distributions(log_probabilities: Tensor, play: str) -> FloatArray:
    """Probabilities of actions, ``(B, N, A)``, all on the most probable one if ``play`` is 'greedy'."""
    if play == "greedy":
        log_probabilities = one_hot(log_probabilities.argmax(-1), log_probabilities.shape[-1]).log()
    return np.asarray(log_probabilities.double().exp().cpu().numpy())


def chosen(probabilities: FloatArray, uniform: FloatArray) -> NDArray[np.int64]:
    """The actions ``(B, N)`` that uniform numbers ``(B, N)`` choose from ``(B, N, A)``; one of probability 0 never."""
    upto = np.cumsum(probabilities, axis=-1)
    found = (uniform[..., None] * upto[..., -1:] >= upto).sum(axis=-1)
    last = probabilities.shape[-1] - 1 - (probabilities[..., ::-1] > 0).argmax(axis=-1)
    return np.asarray(np.minimum(found, last))


class _TellsTables(Protocol):
    @property
    def device(self) -> torch.device: ...

    def log_probabilities(self, observations: Tensor, available: Tensor | None = None) -> Tensor: ...


class Acting:
    """What an actor that tells its tables can do with them: act.

    An actor whose agents choose one after another has an ``act`` of its own; nobody who plays needs to know.
    """

    def act(
        self: _TellsTables,
        observations: ArrayLike,
        masks: ArrayLike | None,
        generator: np.random.Generator,
        *,
        greedy: bool = False,
    ) -> NDArray[np.int64]:
        """Joint actions ``(B, N)`` at raw observations ``(B, N, O)``.

        Args:
            observations: what the agents see.
            masks: ``(B, N, A)``, the available actions; None: all that an agent has.
            generator: draws one uniform number per agent.
            greedy: the most probable actions instead of drawn ones.
        """
        seen = torch.from_numpy(np.array(observations, np.float64)).to(self.device)
        available = None if masks is None else torch.from_numpy(np.array(masks, np.bool_)).to(self.device)
        tables = distributions(self.log_probabilities(seen, available), "greedy" if greedy else "sample")
        return chosen(tables, generator.random(tables.shape[:2]))
