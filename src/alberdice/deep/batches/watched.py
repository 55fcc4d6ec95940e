"""Episodes that cloning does not learn from, and the networks under which they are likeliest: where cloning should have ended.

Few episodes, cloned for long, are learned by heart: the likelihood of what was learned from goes on rising, that of other
episodes of the same players falls.  So some episodes are watched, and of every network that clones

    theta = argmin over the looks taken of  -mean over watched steps x of log pi_theta(a_x|.)

is what cloning ends with.  A look is taken every ``LOOKS`` updates, and after the last one.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from alberdice.deep import sums
from alberdice.deep.batches.training_data import TrainingData
from alberdice.errors import InvalidArgumentError

__all__ = ["LOOKS", "Watched"]

#: updates between looks
LOOKS = 25
#: watched steps that a look is about, at most
_MOST = 2048


class Watched:
    """Which episodes, and the best networks so far.

    Args:
        data: episodes that have steps.
        share: of the episodes, in (0, 1).
        networks: parameters by name, as they begin; those that are found best are copied into them at the end.
        generator: draws the episodes.

    Attributes:
        learned: the steps to learn from, ``(L,)``.
        steps: those that are looked at, ``(W,)``.
        state: tensors that a checkpoint keeps.

    Raises:
        InvalidArgumentError: no episode would be left to learn from.
    """

    def __init__(self, data: TrainingData, share: float, networks: dict[str, Tensor], generator: torch.Generator) -> None:
        played = torch.nonzero(data.lengths > 0)[:, 0].cpu()
        count = max(1, round(share * len(played)))
        if count >= len(played):
            expected, remedy = f"a smaller share of {len(played)} episodes", "leave watch_share out"
            raise InvalidArgumentError("watch_share", got=f"{share:g}", expected=expected, remedy=remedy)
        chosen = torch.zeros(len(data.lengths), dtype=torch.bool)
        chosen[played[torch.randperm(len(played), generator=generator)[:count]]] = True
        apart = chosen.repeat_interleave(data.lengths.cpu()).to(data.here.device)
        self.learned, seen = (~apart).nonzero()[:, 0], apart.nonzero()[:, 0]
        evenly = torch.linspace(0, len(seen) - 1, min(_MOST, len(seen)), device=seen.device).round().long()
        self.steps, self.networks, self.episodes = seen[evenly], networks, count
        self.state: dict[str, Tensor] = {}
        for name, parameters in networks.items():
            self.state[f"watched.{name}"] = parameters.clone()
            self.state[f"watched_loss.{name}"] = torch.tensor(math.inf, device=parameters.device)
            self.state[f"watched_update.{name}"] = torch.zeros((), dtype=torch.int64)

    @torch.no_grad()
    def look(self, losses: Callable[[Tensor], dict[str, Tensor]], done: int, total: int) -> None:
        """Keep what is best so far, where a look is due; after the last update, put it in place.

        Args:
            losses: -log pi of every network at given steps, a mean over them.
            done: updates done, this one among them.
            total: all of them.
        """
        if done % LOOKS and done != total:
            return
        with sums.alone():  # every device looks at all of it
            found = losses(self.steps)
        for name, loss in found.items():
            if bool(loss < self.state[f"watched_loss.{name}"]):
                self.state[f"watched.{name}"].copy_(self.networks[name])
                self.state[f"watched_loss.{name}"].copy_(loss)
                self.state[f"watched_update.{name}"].fill_(done)
        if done == total:
            for name, parameters in self.networks.items():
                parameters.copy_(self.state[f"watched.{name}"])

    def words(self) -> dict[str, str]:
        """Where each network's cloning ended, for results."""
        told = {}
        for name in self.networks:
            update, loss = int(self.state[f"watched_update.{name}"]), float(self.state[f"watched_loss.{name}"])
            told[name] = f"as after update {update}, -log pi {loss:.4g} on {self.episodes} episodes that it did not learn from"
        return told
