"""What policies look at: a round asks one of these for the steps of its minibatch and for the policies' tables there.

    OnFrames    pi_i(a_i|o_i), pi_i^D(a_i|o_i)         feed-forward, on frames; several steps may share one
    OnWindows   pi_i(a_i|tau_i), pi_i^D(a_i|tau_i)     transformers, on windows of episodes; every step is a row of its own

All else of Algorithm 1 is the same for both: nu, e and pi^D(a_-i|s, a_i) see the state (Appendix J.1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from alberdice.deep import losses, sums
from alberdice.deep.algorithms.alberdice.population import Population
from alberdice.deep.batches.tables import Table
from alberdice.deep.batches.training_data import Rows, TrainingData
from alberdice.deep.batches.watched import Watched
from alberdice.deep.networks.mlp import Layers
from alberdice.deep.policies import FeedForwardPolicies, Policies, policy_network

__all__ = ["Drawn", "Form", "OnFrames", "drawn_by"]


@dataclass(frozen=True)
class Drawn:
    """The steps that one update is about.

    Attributes:
        steps: ``(B,)``.
        weight: of each in an average, ``(B,)``, summing to 1, 0 for steps that are there but not scored; None: all the same.
        seen: what the form needs to run policies there, besides the steps.
        population: all distinct steps, if these are they; a step then stands for many.  Of several devices, this one's.
    """

    steps: Tensor
    weight: Tensor | None = None
    seen: Any = None
    population: Population | None = None

    @property
    def divided(self) -> sums.Division:
        """How the steps are divided among several devices."""
        return sums.EVENLY if self.population is None else self.population.pairs

    @property
    def shares(self) -> Tensor:
        """The weights, ``(B,)``."""
        count = len(self.steps)
        whole = self.divided.rows(count)
        return torch.full((count,), 1.0 / whole, device=self.steps.device) if self.weight is None else self.weight

    @property
    def log_relative(self) -> Tensor | float:
        """Logarithms of the weights over their mean."""
        whole = self.divided.rows(len(self.steps))
        return 0.0 if self.weight is None else (self.weight * whole).log().clamp(min=losses.MASKED)

    @property
    def scored(self) -> Tensor | int:
        """How many steps are scored."""
        return sums.rows(len(self.steps)) if self.weight is None else sums.total(self.weight > 0)


def drawn_by(upto: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """``size`` places drawn, with repetitions, by weights whose sums up to each place are ``upto``."""
    points = torch.rand(size, generator=generator, dtype=upto.dtype, device=upto.device) * upto[-1]
    return torch.searchsorted(upto, points, right=True).clamp(max=len(upto) - 1)


class Form(Protocol):
    """See the module; ``own`` are parameters ``(1, P)`` of one network for all agents, which is pi_i^D.

    Of several devices each gets its part of what is drawn.
    """

    @property
    def network(self) -> Any:
        """The shape of the policies' networks."""

    @property
    def own_net(self) -> Any:
        """The shape of pi_i^D's network."""

    def draw(self, size: int, generator: torch.Generator) -> Drawn:
        """A minibatch of about ``size`` steps."""

    def draw_weighted(self, size: int, upto: Tensor, generator: torch.Generator) -> Drawn:
        """A minibatch drawn by weights, whose sums up to each place are ``upto``, see ``sums_of``."""

    def sums_of(self, weights: Tensor) -> Tensor:
        """Weights of the steps ``(T,)`` as sums up to each of what is drawn."""

    def everything(self, size: int) -> Iterator[Drawn]:
        """All steps, each once, in parts; about ``size`` numbers in the largest array of each."""

    def drawn_to_clone(self, size: int, generator: torch.Generator) -> Drawn:
        """The steps of one update of cloning, about ``size``."""

    def ahead(self, generator: torch.Generator, draw: Callable[[torch.Generator], tuple[Drawn, Tensor | None]]) -> None:
        """Where data are read from a file, read what the next update looks at, which draws steps and starts as this says.

        Without starts it clones: it looks at states of the steps alone.
        """

    def rows(self, drawn: Drawn, starts: Tensor) -> Rows:
        """The frames of these steps, of what follows them and of the beginnings ``(K,)``; rows of tables are the first R."""

    def inputs(self, drawn: Drawn, rows: Rows) -> Any:
        """What ``logits`` needs at these rows."""

    def logits(self, parameters: Tensor, inputs: Any, agents: slice) -> Tensor:
        """The networks' outputs for these agents, ``(n, R, A)``, from parameters ``(n, P)``."""

    def own_drawn(self, own: Tensor, drawn: Drawn) -> Tensor:
        """The tables log pi_i^D at the steps that ``drawn_to_clone`` gave, ``(N, B, A)``."""

    def own_tables(self, own: Tensor, size: int) -> Tensor:
        """The tables log pi_i^D on all data, ``(N, X, A)``; about ``size`` numbers in the largest array on the way."""

    def own_places(self, drawn: Drawn, rows: Rows) -> Tensor:
        """Where in those tables the rows are, ``(R,)``."""

    def own_steps(self, steps: Tensor) -> Tensor:
        """Where in those tables steps of the data are, ``(B,)``."""

    def deployed(self, parameters: Tensor, own: Tensor | None) -> Policies:
        """Policies with these parameters ``(N, P)``, which change the logits of pi_i^D if that is given."""


class OnFrames:
    """Feed-forward policies; see ``Form``.

    Args:
        data: what they see.
        layers: the networks' hidden layers.
        population: what every update is about; None: drawn steps.
        own: the policies' networks, if they are the user's own.
    """

    def __init__(self, data: TrainingData, layers: Layers, population: Population | None = None, own: str = "") -> None:
        self.data, self.population = data, population
        #: this device's, where several share the updates
        self.held = population.held(data) if population is not None and sums.parts() > 1 else None
        #: where cloning does not learn from all episodes, what says from which
        self.watched: Watched | None = None
        self.network = policy_network(data, layers, own)
        self.own_net = layers.between(self.network.inputs + data.n_agents, self.network.outputs)

    def draw(self, size: int, generator: torch.Generator) -> Drawn:
        """As ``Form``: so many, each as likely as any; or all of them."""
        population = self.held if sums.parts() > 1 else self.population
        if population is not None:
            return Drawn(population.steps, population.weight, population=population)
        return Drawn(self.data.draw_steps(size, generator))

    def draw_weighted(self, size: int, upto: Tensor, generator: torch.Generator) -> Drawn:
        """As ``Form``."""
        return Drawn(sums.own(drawn_by(upto, size, generator)))

    def sums_of(self, weights: Tensor) -> Tensor:
        """As ``Form``."""
        return weights.double().cumsum(0)

    def everything(self, size: int) -> Iterator[Drawn]:
        """As ``Form``."""
        steps = torch.arange(self.data.n_steps, device=self.data.here.device)
        for part in torch.split(steps, max(1, size // (self.data.n_agents * self.data.observations.shape[-1]))):
            yield Drawn(part)

    def drawn_to_clone(self, size: int, generator: torch.Generator) -> Drawn:
        """As ``Form``."""
        if self.watched is None:
            return self.draw(size, generator)
        return Drawn(self.data.draw_steps(size, generator, among=self.watched.learned))

    def rows(self, drawn: Drawn, starts: Tensor) -> Rows:
        """As ``Form``."""
        if drawn.population is not None:
            return drawn.population.rows(self.data, starts)
        return self.data.rows(drawn.steps, starts)

    def ahead(self, generator: torch.Generator, draw: Callable[[torch.Generator], tuple[Drawn, Tensor | None]]) -> None:
        """As ``Form``."""
        data = self.data

        def looked_at(copy: torch.Generator) -> list[tuple[Table, Tensor]]:
            drawn, starts = draw(copy)
            rows = self.rows(drawn, drawn.steps[:0] if starts is None else starts)
            states = data.here[drawn.steps] if starts is None else rows.frames
            return [(data.observations, rows.frames[: rows.n_here]), (data.states, states)]

        data.ahead(generator, looked_at)

    def inputs(self, drawn: Drawn, rows: Rows) -> Tensor:
        """Observations, ``(N, R, O)``."""
        return self.data.observations.index_select(0, rows.frames[: rows.n_here]).transpose(0, 1)

    def logits(self, parameters: Tensor, inputs: Tensor, agents: slice) -> Tensor:
        """As ``Form``."""
        return self.network(parameters, inputs[agents])

    def own_drawn(self, own: Tensor, drawn: Drawn) -> Tensor:
        """As ``Form``."""
        rows = self.rows(drawn, drawn.steps[:0])
        return self._own_tables(own, rows.frames[: rows.n_here])[:, rows.here]

    def own_tables(self, own: Tensor, size: int) -> Tensor:
        """As ``Form``: at all U frames."""
        frames = torch.arange(len(self.data.states), device=self.data.here.device)
        count = max(1, size // (self.data.n_agents * max(self.own_net.hidden)))
        return torch.cat([self._own_tables(own, part) for part in torch.split(frames, count)], dim=1)

    def own_places(self, drawn: Drawn, rows: Rows) -> Tensor:
        """As ``Form``: their frames."""
        return rows.frames[: rows.n_here]

    def own_steps(self, steps: Tensor) -> Tensor:
        """As ``Form``: their frames."""
        return self.data.here.index_select(0, steps)

    def deployed(self, parameters: Tensor, own: Tensor | None) -> Policies:
        """As ``Form``."""
        base = None if own is None else (self.own_net, own)
        return FeedForwardPolicies(self.network, parameters, self.data.features, self.data.n_actions, base)

    def _own_tables(self, parameters: Tensor, frames: Tensor) -> Tensor:
        """The tables log pi_i^D(a|o_i), ``(N, R, A)``."""
        data, n, features = self.data, self.data.n_agents, self.data.observations.shape[-1]
        weight, bias, rest = self.own_net.first(parameters)
        numbers = weight[0, features:] + bias  # what the one-hot numbers of the agents add
        before = (data.observations.index_select(0, frames) @ weight[0, :features] + numbers).flatten(0, 1)
        logits = self.own_net.from_first(rest, before[None]).view(len(frames), n, self.own_net.outputs)
        return losses.log_policy(logits, data.available[frames]).transpose(0, 1)
