"""Policies with a memory inside AlberDICE: transformers over what an agent saw and did, as Appendix J.1 has it.

    min -E log pi_i^D(a_i|tau_i)                                                                       (49)
    min  E sum_a pi_i(a|tau_i) (-e_i(s, a) + alpha log(pi_i(a|tau_i) / pi_i^D(a|tau_i)))               (50)

So pi_i^D has the memory too, wherever it appears: in (50), as the base of the policies, and in CQL's term of (47), which the
paper leaves with the one pi_i^D that there is.  nu and e see the state, and so does pi^D(a_-i|s, a_i) as printed; by default it
begins at the others' pi_j^D(a_j|tau_j) and learns what the state and the given actions change, see ``behaviour``.  A ratio or a
price at a step takes the others' policies at their own histories there.

A minibatch is a set of windows as ``sequences`` cuts them.  Networks with a memory run on whole windows.  On a CPU the round
goes on with the rows that are scored alone; a GPU would have to be waited for to count them, so there, and where several
devices have to have equally many, it goes on with all rows, and padding and steps that are only known have no weight: the same
losses, but for the penalty on nu's slope, which has no weights.  Every row is one step of one history, and nothing is shared
between rows.  The log probabilities of pi_i^D are cached per step of the data: every step is scored in exactly one window.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from alberdice.deep import losses, sums
from alberdice.deep.algorithms.alberdice.forms import Drawn, drawn_by
from alberdice.deep.algorithms.alberdice.settings import AlberDICEConfig
from alberdice.deep.batches.sequences import Batch, Sequences
from alberdice.deep.batches.training_data import Rows, TrainingData
from alberdice.deep.policies import Policies
from alberdice.deep.policies.transformer import (
    TransformerPolicies,
    policy_logits,
    policy_network,
    policy_tokens,
    shared_logits,
    shared_network,
)

__all__ = ["OnWindows"]


@dataclass(frozen=True)
class _Seen:
    """The policies' tokens of windows, and the places of the rows among all steps of theirs, ``(B,)``; None: all of them."""

    tokens: list[Tensor]
    rows: Tensor | None


class OnWindows:
    """Transformer policies; see ``forms.Form``.

    Args:
        data: what they see.
        config: the transformers' shape, their context, and the sizes of minibatches.
    """

    def __init__(self, data: TrainingData, config: AlberDICEConfig) -> None:
        self.data = data
        #: whether the round goes on with all rows, see the module
        self.all_rows = data.here.device.type != "cpu" or sums.parts() > 1
        self.windows = Sequences.build(data, *config.windows, transitions=True)
        self.cloning = Sequences.build(data, config.cut, config.pretrain_batch_size)
        seen, choices, steps = data.observations.shape[-1], data.available.shape[-1], self.windows.context
        self.network = policy_network(seen, choices, steps, **config.transformer)
        self.own_net = shared_network(seen, data.n_agents, choices, steps, **config.transformer)

    def draw(self, size: int, generator: torch.Generator) -> Drawn:
        """As ``Form``: windows of so many steps, those that are not scored included."""
        return self._drawn(self.windows.minibatch(generator))

    def draw_weighted(self, size: int, upto: Tensor, generator: torch.Generator) -> Drawn:
        """As ``Form``: windows, by the weights of the steps that they score."""
        own, places = self.windows, sums.own(drawn_by(upto, max(1, size // self.windows.steps), generator))
        return self._drawn(own.batch(places, 1 / (own.length - own.known)[places]))

    def sums_of(self, weights: Tensor) -> Tensor:
        """As ``Form``: over windows."""
        own = self.windows
        upto = torch.cat([weights.new_zeros(1).double(), weights.double().cumsum(0)])
        return (upto[own.first + own.length] - upto[own.first + own.known]).cumsum(0)

    def everything(self, size: int) -> Iterator[Drawn]:
        """As ``Form``: all windows."""
        own = self.windows
        for part in torch.split(torch.arange(len(own), device=own.first.device), self._windows_of(size)):
            yield self._drawn(own.batch(part, own.share[part]))

    def ahead(self, generator: torch.Generator, draw: Callable[[torch.Generator], tuple[Drawn, Tensor | None]]) -> None:
        """As ``Form``: windows are read as they are drawn."""

    def _drawn(self, batch: Batch) -> Drawn:
        """These windows."""
        steps, weight = batch.steps.flatten(), batch.weight.flatten()
        tokens = policy_tokens(self.network, batch.observations, batch.last_actions)
        if self.all_rows:
            return Drawn(steps, weight, _Seen(tokens, None))
        scored = weight.nonzero()[:, 0]
        return Drawn(steps[scored], weight[scored], _Seen(tokens, scored))

    def rows(self, drawn: Drawn, starts: Tensor) -> Rows:
        """As ``Form``: one row per step, which is also what follows the row before it where it does."""
        here, after, count = self.data.here[drawn.steps], self.data.after[drawn.steps], len(drawn.steps)
        places, others = self._followed(here, after)
        last = torch.full((1,), len(self.data.states) - 1, device=here.device)
        frames, before = torch.cat([here, others, starts, last]), count + len(others)
        start = torch.arange(before, before + len(starts), device=here.device)
        return Rows(frames, count, torch.arange(count, device=here.device), places, start, len(frames) - 1)

    def _followed(self, here: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
        """Where among the rows' frames ``here`` and then the others ``after`` is, ``(B,)``, and the others."""
        places = torch.arange(1, len(here) + 1, device=here.device)
        if self.all_rows:
            return places + (len(here) - 1), after
        apart = torch.cat([after[:-1] != here[1:], after.new_ones(1, dtype=torch.bool)]).nonzero()[:, 0]
        places[apart] = len(here) + torch.arange(len(apart), device=here.device)
        return places, after[apart]

    def inputs(self, drawn: Drawn, rows: Rows) -> _Seen:
        """The windows' tokens."""
        seen: _Seen = drawn.seen
        return seen

    def logits(self, parameters: Tensor, inputs: _Seen, agents: slice) -> Tensor:
        """As ``Form``."""
        whole = policy_logits(self.network, parameters, [token[agents] for token in inputs.tokens]).flatten(1, 2)
        return whole if inputs.rows is None else whole.index_select(1, inputs.rows)

    def drawn_to_clone(self, size: int, generator: torch.Generator) -> Drawn:
        """As ``Form``: windows, padding included."""
        batch = self.cloning.minibatch(generator)
        return Drawn(batch.steps.flatten(), batch.weight.flatten(), batch)

    def own_drawn(self, own: Tensor, drawn: Drawn) -> Tensor:
        """As ``Form``."""
        return self._own_tables(own, drawn.seen)

    def own_tables(self, own: Tensor, size: int) -> Tensor:
        """As ``Form``: at all T steps; those that only merged windows score are left uniform, and nobody asks for them."""
        data, windows = self.data, self.windows
        tables = losses.log_policy(torch.zeros(data.available[0].shape, device=own.device), data.available[data.here])
        tables = tables.transpose(0, 1).contiguous()
        for part in torch.split(torch.arange(len(windows), device=own.device), self._windows_of(size)):
            batch = windows.batch(part, windows.share[part])
            scored = batch.weight.flatten().nonzero()[:, 0]
            tables[:, batch.steps.flatten()[scored]] = self._own_tables(own, batch)[:, scored]
        return tables

    def _windows_of(self, size: int) -> int:
        """How many windows make arrays of about ``size`` numbers."""
        tokens = 2 * self.windows.steps
        return max(1, size // (self.data.n_agents * tokens * max(tokens, 4 * self.own_net.width)))

    def own_places(self, drawn: Drawn, rows: Rows) -> Tensor:
        """As ``Form``: the steps."""
        return drawn.steps

    def own_steps(self, steps: Tensor) -> Tensor:
        """As ``Form``: the steps."""
        return steps

    def deployed(self, parameters: Tensor, own: Tensor | None) -> Policies:
        """As ``Form``."""
        base = None if own is None else (self.own_net, own)
        return TransformerPolicies(self.network, parameters, self.data.features, self.data.n_actions, None, base)

    def _own_tables(self, own: Tensor, batch: Batch) -> Tensor:
        """The tables log pi_i^D(a|tau_i), ``(N, B K, A)``."""
        logits = shared_logits(self.own_net, own, batch.observations, batch.last_actions)
        return losses.log_policy(logits, batch.available).flatten(1, 2)
