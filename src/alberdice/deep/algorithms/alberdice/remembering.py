"""What agents without a memory agreed on, cloned anew: by transformers, or without a memory again.

    min  -E_q log pi_i(a_i|tau_i),       q the mean over the agents of their weights of episodes, see ``episodes``

Agents without a memory make every choice anew: over an episode their choices add up, so that weights decide which episodes the
team keeps to.  Agents with a memory make few choices, as they go on with what they began, and decide little; but they play
better what is decided, since they saw where they came from.  So the first decide, and the second are cloned on what was
decided.  That is the projection (48) of the same weighted data on a larger class of policies; where agents agree, their q_i are
one q.  With ``last_policy = feed-forward`` the class remains, but all agents learn at once what each learned in turns, from
nothing, and from weights that stand.
"""

from __future__ import annotations

import torch
from torch import Tensor

from alberdice.deep import losses
from alberdice.deep.algorithms.alberdice.forms import Form
from alberdice.deep.algorithms.alberdice.settings import AlberDICEConfig
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.networks.mlp import Adam
from alberdice.deep.policies import Policies

__all__ = ["Remembering"]


class Remembering:
    """The last policies and what they are cloned on.

    Args:
        data: the episodes.
        config: how long they are cloned.
        form: of what they look at.
    """

    def __init__(self, data: TrainingData, config: AlberDICEConfig, form: Form) -> None:
        self.data, self.config, self.form = data, config, form
        self._upto = torch.empty(0)

    @property
    def prepared(self) -> bool:
        """Whether it is known what is cloned."""
        return len(self._upto) > 0

    def clone_these(self, step_weights: Tensor | None) -> None:
        """Clone steps of these weights ``(T,)`` from now on; None: not known any more."""
        self._upto = torch.empty(0) if step_weights is None else self.form.sums_of(step_weights)

    def update(self, done: int, parameters: Tensor, optimiser: Adam, generator: torch.Generator) -> dict[str, Tensor]:
        """One step of all agents on what is drawn by the weights of the steps that are scored.

        Args:
            done: such steps before this one; the rate falls to 0 in a straight line.
            parameters, optimiser: the policies', ``(N, P)``, which learn in place.
            generator: of the draws.
        """
        config, data, form = self.config, self.data, self.form
        drawn = form.draw_weighted(config.windows[1], self._upto, generator)
        rows = form.rows(drawn, data.starts[:0])
        leaf = parameters.detach().clone().requires_grad_()
        logits = form.logits(leaf, form.inputs(drawn, rows), slice(None))
        tables = losses.log_policy(logits, data.available[rows.frames[: rows.n_here]].transpose(0, 1))[:, rows.here]
        chosen = losses.behaviour_loss(tables, data.actions.index_select(0, drawn.steps).T, drawn.shares)
        (gradient,) = torch.autograd.grad(chosen.sum(), leaf)
        optimiser.step(gradient, (1 - done / config.memory_updates) * config.learning_rate)
        return {"memory_loss": chosen.detach().mean()}

    def policies(self, parameters: Tensor) -> Policies:
        """Players with these parameters ``(N, P)``."""
        return self.form.deployed(parameters, None)
