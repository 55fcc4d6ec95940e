"""The data's own policies: pi_i^D(a_i|o_i), one network for all agents, and the autoregressive pi^D(a_-i|s, a_i) of (9).

    pi_i^D                 inputs: agent i's observation or history, i     trained by (44) or (49); see ``forms.py``
    pi^D(a_j|s, a_i, a_<j) inputs: the state, i, j, a_<j; outputs at all a_i  trained by (45); see ``conditional.py``

Policies that remember know which convention is being played; a conditional that sees the state alone does not, and then
rho_i = pi_-i / pi^D_-i has a mean above 1 at pi = pi^D, and k_i prices what the data do.  So with histories

    log pi^D(a_j|s, tau_j, a_i, a_<j) = log softmax over a_j of (log pi_j^D(a_j|tau_j) + g(s, i, j, a_<j, a_i))

where g is the same network: it learns only what one's own history does not tell.  Observations may tell more than few data
teach of the state, too; then the same with o_j for tau_j (``others_see = 'observation'``).  ``agreement`` measures both.

Both are fitted once, by cloning; then their log probabilities are cached: pi_i^D at every frame, or at every step of a history,
pi^D(a_-i|s, a_i) at every step, and, where all joint actions at all frames are few, at every joint action, which makes the
others' price k_i exact.  With histories, or where they are many, k_i is estimated: one other agent j and a_<j are drawn per
frame, and the expectation over a_j is carried out (``price.py``).  For two agents that is exact; for more it costs one
evaluation per frame, however many agents there are.  With ``episode_ratio = clones`` nothing asks for the second one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from alberdice.deep import losses, sums
from alberdice.deep.algorithms.alberdice.conditional import Conditional
from alberdice.deep.algorithms.alberdice.forms import Drawn, Form, OnFrames
from alberdice.deep.algorithms.alberdice.price import ExactPrices, Prices, SampledPrices
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.batches.watched import Watched
from alberdice.deep.networks.mlp import Adam, Layers
from alberdice.errors import InvalidArgumentError

__all__ = ["Behaviour"]

#: joint actions at frames, times agents, up to which the data's conditional is tabulated
_TABLE_LIMIT = 1_000_000
#: numbers in the largest array of one evaluation when caches are filled, about
_CHUNK = 1 << 22


@dataclass(frozen=True)
class _Given:
    """The rows of an update of (45); all agents but the given one are a row's targets.

    Attributes:
        steps, given, weight: of each row, the last summing to 1.
        whole: whether every agent is given once at each of the steps that were drawn.
        apart: whether the steps are not those that were drawn.
    """

    steps: Tensor
    given: Tensor
    weight: Tensor
    whole: bool
    apart: bool


class Behaviour:
    """Both networks, their training and their caches.

    Args:
        data: what to clone.
        layers: the networks' hidden layers.
        generator: draws the initial weights.
        form: what pi_i^D looks at; observations, unless said otherwise.
        from_own: whether pi^D(a_j|s, a_i, a_<j) begins at pi_j^D.
        asked: whether pi^D(a_-i|s, a_i) is asked for.  Where it is not, it is neither learned nor cached; what is drawn for it
            is drawn all the same, so that one seed has the same pi_i^D either way, and it stays in checkpoints as it began.
    """

    def __init__(
        self,
        data: TrainingData,
        layers: Layers,
        generator: torch.Generator,
        form: Form | None = None,
        from_own: bool = False,
        asked: bool = True,
    ) -> None:
        self.data, self.form, self.from_own, self.asked = data, form or OnFrames(data, layers), from_own, asked
        n, choices = data.n_agents, data.available.shape[-1]
        self.conditional = Conditional(data.states.shape[-1], n, choices, layers)
        device = data.states.device
        self.own: Tensor = self.form.own_net.initial(1, generator).to(device)
        self.others = self.conditional.net.initial(1, generator).to(device)
        self.optimisers = {"own": Adam(self.own), "others": Adam(self.others)}
        self.log_own = torch.empty(0)
        self.log_data = torch.empty(0)
        self.tables: list[Tensor] = []
        self.watched: Watched | None = None

    # ---- training ----------------------------------------------------------------------------------------------------

    def update(self, batch: int, learning_rate: float | Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """One step of (44), or (49), and of (45) on ``batch`` steps."""
        drawn = self.form.drawn_to_clone(batch, generator)
        rows = self._given(drawn, batch, generator)
        self.form.ahead(generator, lambda copy: (self.form.drawn_to_clone(batch, copy), None))
        own, others = self.own.detach().requires_grad_(), self.others.detach().requires_grad_()
        tables = self.form.own_drawn(own, drawn)
        total = losses.behaviour_loss(tables, self.data.actions.index_select(0, drawn.steps).T, drawn.shares).sum()
        learns, told = [own], {"behaviour_loss": total.detach()}
        if self.asked:
            loss = self._others_loss(others, rows, own, tables)
            total, learns = total + loss, [own, others]  # of which one agent alone has no others
            told["others_behaviour_loss"] = loss.detach()
        gradients = torch.autograd.grad(total, learns, allow_unused=True, materialize_grads=True)
        for optimiser, gradient in zip(self.optimisers.values(), gradients, strict=False):
            optimiser.step(gradient, learning_rate)
        return told

    def _given(self, drawn: Drawn, batch: int, generator: torch.Generator) -> _Given:
        """Each row draws one agent i; where the steps have weights and are few enough, every agent is given once."""
        steps, weight, divided = drawn.steps, drawn.shares, drawn.divided
        n, device = self.data.n_agents, steps.device
        few = n * divided.rows(len(steps)) <= 2 * batch
        apart, whole = drawn.population is not None and not few, drawn.weight is not None and few
        if apart:  # the conditional's rows are drawn: all pairs cost more than they tell
            steps = self.data.draw_steps(batch, generator)
            weight, divided = torch.full(steps.shape, 1.0 / batch, device=device), sums.EVENLY
        given = divided.own(torch.randint(n, (divided.rows(len(steps)),), generator=generator, device=device))
        if whole:
            given = torch.arange(n, device=device).repeat_interleave(len(steps))
            steps, weight = steps.repeat(n), weight.repeat(n) / n
        return _Given(steps, given, weight, whole, apart)

    def _others_loss(self, others: Tensor, rows: _Given, own: Tensor, tables: Tensor) -> Tensor:
        """(45), of ``others``; ``tables`` are log pi_i^D by ``own`` at the steps that were drawn, ``(N, B, A)``."""
        data, base = self.data, None
        if self.from_own:
            beside = self.form.own_drawn(own, Drawn(rows.steps)) if rows.apart else tables
            base = beside.detach().repeat(1, data.n_agents if rows.whole else 1, 1)
        actions = data.actions.index_select(0, rows.steps)
        factors = self._chosen_factors(others, data.here[rows.steps], rows.given, actions, base)
        return -sums.total((rows.weight[:, None] * factors).flatten())

    def watch(self, share: float, generator: torch.Generator) -> None:
        """Clone without this share of the episodes, and end with the networks under which they are likeliest.

        Raises:
            InvalidArgumentError: an update is about all distinct steps, so that none can be left out.
        """
        if share == 0 or not isinstance(self.form, OnFrames):
            return
        if self.form.population is not None:
            expected, remedy = "0, as an update is about all distinct steps", "leave it out, or set minibatch = sampled"
            raise InvalidArgumentError("watch_share", got=f"{share:g}", expected=expected, remedy=remedy)
        networks = {"own": self.own, "others": self.others} if self.asked else {"own": self.own}
        self.watched = Watched(self.data, share, networks, generator)
        self.form.watched = self.watched

    @torch.no_grad()
    def watched_losses(self, steps: Tensor) -> dict[str, Tensor]:
        """(44) and, where it is learned, (45) at these steps, means over agents."""
        data, n = self.data, self.data.n_agents
        tables = self.form.own_drawn(self.own, Drawn(steps))
        shares = torch.full(steps.shape, 1.0 / len(steps), device=steps.device)
        own = losses.behaviour_loss(tables, data.actions[steps].T, shares).mean()
        if not self.asked:
            return {"own": own}
        parts = torch.split(torch.arange(len(steps), device=steps.device), self._conditional_rows)
        others = [
            -self.log_conditional(data.here[steps[p]], i, data.actions[steps[p]], tables[:, p] if self.from_own else None)
            for i in range(n)
            for p in parts
        ]
        return {"own": own, "others": torch.cat(others).mean() / max(1, n - 1)}

    @torch.no_grad()
    def fill_caches(self) -> None:
        """Log probabilities on the data, and the table of all joint actions where it is small; several devices do all of it."""
        data, n = self.data, self.data.n_agents
        self.log_own = self.form.own_tables(self.own, _CHUNK)
        if not self.asked:
            return
        parts = torch.split(torch.arange(data.n_steps, device=data.here.device), self._conditional_rows)
        self.log_data = torch.stack(
            [torch.cat([self.log_conditional(data.here[p], i, data.actions[p], self._own(p)) for p in parts]) for i in range(n)]
        )
        choices = data.available.shape[-1]
        if not self.from_own and len(data.states) * choices**n * n <= _TABLE_LIMIT:
            self.tables = [self._table(i) for i in range(n)]

    def state_dict(self) -> dict[str, Tensor]:
        """Parameters and optimisers."""
        moments = {f"{name}.{key}": t for name, adam in self.optimisers.items() for key, t in adam.state.items()}
        return {"own": self.own, "others": self.others, **moments, **(self.watched.state if self.watched else {})}

    # ---- evaluation --------------------------------------------------------------------------------------------------

    def log_conditional(self, frames: Tensor, agent: int, actions: Tensor, base: Tensor | None = None) -> Tensor:
        """The others' log pi^D(a_-i|s, a_i), ``(B,)``, for frames ``(B,)`` and joint actions ``(B, N)``.

        Args:
            frames: s.
            agent: i.
            actions: a.
            base: log pi_j^D at these steps, ``(N, B, A)``, where the conditional begins there.
        """
        return self._chosen_factors(self.others, frames, torch.full_like(frames, agent), actions, base).sum(1)

    def prices(
        self,
        frames: Tensor,
        available: Tensor,
        log_policies: Tensor,
        log_own: Tensor,
        floor: float,
        generator: torch.Generator,
        divided: sums.Division = sums.EVENLY,
    ) -> Prices:
        """The price of one round: exact from the tables, otherwise with j and a_<j drawn.

        Args:
            frames: ``(R,)``.
            available: ``(N, R, A)``.
            log_policies: log pi_j(a_j|s) at the round's beginning, ``(N, R, A)``.
            log_own: log pi_j^D, ``(N, R, A)``.
            floor: of pi^D(a_-i|s, a_i), or of its factors where there is no table.
            generator: draws j and a_<j.
            divided: see ``SampledPrices``.
        """
        if self.tables:
            return ExactPrices([table.index_select(0, frames) for table in self.tables], floor)
        states = self.data.states.index_select(0, frames)
        base = log_own if self.from_own else None
        own = self.conditional, self.others
        return SampledPrices(*own, states, available, log_policies, floor, generator, base, divided)

    def _own(self, steps: Tensor) -> Tensor | None:
        """Log pi_j^D at these steps, ``(N, B, A)``, where the conditional begins there."""
        return self.log_own.index_select(1, self.form.own_steps(steps)) if self.from_own else None

    def _factors(
        self, parameters: Tensor, frames: Tensor, given: Tensor, actions: Tensor, base: Tensor | None = None
    ) -> Tensor:
        """The tables log pi^D(a_j|s, a_i, a_<j), ``(B, N - 1, A)``, of all j != i for i = ``given`` ``(B,)``."""
        target = _targets(given, self.data.n_agents)
        logits = self.conditional.all_targets(parameters, self.data.states.index_select(0, frames), given, target, actions)
        if base is not None:
            logits = logits + base[target, torch.arange(len(frames), device=frames.device)[:, None]]
        return losses.log_policy(logits, self.data.available[frames[:, None], target])

    def _chosen_factors(
        self, parameters: Tensor, frames: Tensor, given: Tensor, actions: Tensor, base: Tensor | None = None
    ) -> Tensor:
        """The factors at the joint actions ``(B, N)`` themselves, ``(B, N - 1)``."""
        factors = self._factors(parameters, frames, given, actions, base)
        return factors.gather(2, actions.gather(1, _targets(given, self.data.n_agents))[..., None])[..., 0]

    @property
    def _conditional_rows(self) -> int:
        """Rows of one evaluation of the conditional."""
        widest = max(*self.conditional.layers.hidden, self.conditional.net.outputs)
        return max(1, _CHUNK // (self.data.n_agents * widest))

    def _table(self, agent: int) -> Tensor:
        """The table log pi^D(a_-i|s, a_i) at every frame and joint action, ``(U, A, ..., A)``."""
        data, n, choices = self.data, self.data.n_agents, self.data.available.shape[-1]
        axes = torch.arange(choices, device=data.here.device)
        joint = torch.cartesian_prod(*[axes] * n).view(-1, n)
        frames = torch.arange(len(data.states), device=data.here.device).repeat_interleave(len(joint))
        size = self._conditional_rows
        pairs = zip(torch.split(frames, size), torch.split(joint.repeat(len(data.states), 1), size), strict=True)
        values: Iterator[Tensor] = (self.log_conditional(frame, agent, actions) for frame, actions in pairs)
        return torch.cat(list(values)).view(len(data.states), *[choices] * n)


def _targets(given: Tensor, n_agents: int) -> Tensor:
    """The agents other than i, in order, ``(B, N - 1)``."""
    order = torch.arange(n_agents - 1, device=given.device)
    return order + (order >= given[:, None])
