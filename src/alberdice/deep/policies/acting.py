"""Actions from tables of probabilities, NumPy in, NumPy out: three ways to play the same policies.

sample    drawn from pi
sharp     drawn from pi^(1/T) / sum pi^(1/T) with T = 1/4: from what four draws of pi show where they agree
greedy    the most probable ones

Networks that cloned a finite number of steps leave some probability on actions that nobody took, and over hundreds of steps it
adds up; 'sharp' takes most of it away and, unlike 'greedy', still breaks ties by chance.  See docs/differences.md.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn.functional import one_hot, softmax

from alberdice._checks import FloatArray
from alberdice.deep.config import Play

__all__ = ["SHARP_TEMPERATURE", "Acting", "chosen", "distributions"]

SHARP_TEMPERATURE = 0.25


def distributions(log_probabilities: Tensor, play: str) -> FloatArray:
    """Probabilities ``(..., A)`` of the actions that are played, see the module."""
    logs = log_probabilities.double()
    if play == "greedy":
        tables = one_hot(logs.argmax(-1), logs.shape[-1]).double()
    else:
        tables = softmax(logs / SHARP_TEMPERATURE, -1) if play == "sharp" else logs.exp()
    return np.asarray(tables.cpu().numpy())


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
        play: Play = "sample",
    ) -> NDArray[np.int64]:
        """Joint actions ``(B, N)`` at raw observations ``(B, N, O)``.

        Args:
            observations: what the agents see.
            masks: ``(B, N, A)``, the available actions; None: all that an agent has.
            generator: draws one uniform number per agent.
            play: 'sample', 'sharp' or 'greedy', see the module.
        """
        seen = torch.from_numpy(np.array(observations, np.float64)).to(self.device)
        available = None if masks is None else torch.from_numpy(np.array(masks, np.bool_)).to(self.device)
        tables = distributions(self.log_probabilities(seen, available), play)
        return chosen(tables, generator.random(tables.shape[:2]))
