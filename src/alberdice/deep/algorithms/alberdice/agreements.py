"""Which agreement? Further starts of weights of whole episodes, and the one whose episodes returned most.

Where data mix conventions, agents that choose episodes end on one of them: on the one that they lean to at first, which is the
one that is cloned best rather than the one that pays best.  ``agreements = K`` begins K times from the same policies, each time
away from what was agreed on before,

    q_i(h) = 0 where an earlier agreement weighs h by half of its largest weight or more,      in the first half of its updates

and freely after that, so that each ends where the weights of ``episodes`` are its own.  By the data alone an agreement is worth

    V = sum_h q(h) R(h),      q the mean of the agents' weights at its end

which is what its episodes returned, and what its agents return as far as they play as these episodes did: where they see less
than those who recorded them, a convention may lose more by it than another, and V does not know.  The greatest V is kept.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from alberdice.deep.algorithms.alberdice.episodes import EpisodeTurns
from alberdice.deep.algorithms.alberdice.settings import AlberDICEConfig
from alberdice.deep.algorithms.annealing import Annealing
from alberdice.deep.networks.mlp import Adam

__all__ = ["Agreements"]

#: of the largest weight: an episode with so much of it belongs to the agreement
_OWN = 0.5


class Agreements:
    """What was agreed on so far.

    Args:
        config: the settings.
        annealing: alpha.
        parameters, optimiser: the policies', ``(N, P)``, as they begin; changed in place.
        episodes: how many there are.

    Attributes:
        state: tensors that a checkpoint keeps; none where one agreement is all.
    """

    def __init__(
        self, config: AlberDICEConfig, annealing: Annealing, parameters: Tensor, optimiser: Adam, episodes: int
    ) -> None:
        self.config, self.annealing, self.parameters, self.optimiser = config, annealing, parameters, optimiser
        number = {"dtype": torch.float64, "device": parameters.device}
        self.state: dict[str, Tensor] = {}
        if config.agreements > 1:
            self.state = {
                "agreement_start": parameters.clone(),
                "agreement_policy": parameters.clone(),
                "agreement_return": torch.full((), -math.inf, **number),  # type: ignore[call-overload]
                "agreement_weight": torch.zeros(episodes, **number),  # type: ignore[call-overload]
            }

    def update(self, turns: EpisodeTurns, trained: int, generator: torch.Generator) -> dict[str, Tensor]:
        """One step of the agent whose turn it is in the present agreement.

        Args:
            turns: of the agents.
            trained: updates since cloning was over, those of earlier agreements among them.
            generator: of the draws.
        """
        index, done, left = self.config.agreement_at(trained)
        if index > 0 and done == 0:
            self._begin(turns)
        began = done - done % self.config.turn_updates  # a turn keeps the weights that it began with
        apart = index > 0 and 2 * began < done + 1 + left
        turns.barred = self.state["agreement_weight"] >= _OWN if apart else None
        metrics = turns.update(done, self.annealing.alpha, generator)
        if self.state and left == 0:
            self._end(turns, last=index == self.config.agreements - 1)
            metrics["agreement_return"] = self.state["agreement_return"].clone()
        return metrics

    @torch.no_grad()
    def _begin(self, turns: EpisodeTurns) -> None:
        """From the first policies and the first alpha again."""
        self.annealing.restart()
        self.parameters.copy_(self.state["agreement_start"])
        for tensor in self.optimiser.state.values():
            tensor.zero_()
        turns.look_again()

    @torch.no_grad()
    def _end(self, turns: EpisodeTurns, *, last: bool) -> None:
        """Judge what was agreed on; the last time, take the best."""
        turns.barred = None
        turns.settled()
        worth, best = (turns.weights * turns.returns).sum(), self.state["agreement_return"]
        if bool(worth > best):
            best.copy_(worth)
            self.state["agreement_policy"].copy_(self.parameters)
        weighed = self.state["agreement_weight"]
        torch.maximum(weighed, turns.weights / turns.weights.max(), out=weighed)
        if last:
            self.parameters.copy_(self.state["agreement_policy"])
            turns.settled()
