"""AlberDICE, Algorithm 1 of the paper, on samples.

    pretrain    pi_i^D and pi^D(a_-i|s, a_i) by (44), (45); cache their log probabilities
    each round  draw a minibatch; evaluate all policies once
                for i = 1 .. N, one after the other:
                    rho_i (11) and k_i from the others' newest policies
                    one step of pi_i by (48), and its new probabilities
                resample by rho_1, ..., rho_N; one step of all nu_i by (46) and of all e_i by (47)

Policies see an observation, or a history of them (``policy = 'transformer'``); ``forms.py`` is all that knows which.

Within an agent's turn, the three steps of line 7 use the parameters from before the turn.  nu_i and e_i enter no other
agent's turn, so all agents' steps of nu and e can be one batched step at the end of the round: the sequential algorithm, at
the price of N policy evaluations and one backward pass per round.

e is written as a network's part f minus alpha k_i (``price = 'analytic'``), e_i(s, a_i) = f_i(s, a_i) - alpha k_i(s, a_i): f
learns E[r + gamma nu(s')] - nu(s) from samples, by (47), while k_i is known at every action, also at those that no sample shows
any more.  CQL's term bears on f: it draws softmax(f) to pi_i^D where no resampled row tells otherwise, and would lift e again
where k_i has lowered it.  With ``price = 'sample'`` e = f, and the sample's log rho_i is part of its target, as printed.
Where an update is about all distinct steps, f is what (47) fits, a table of means, and no network (``population.py``).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from alberdice.deep import losses, sums
from alberdice.deep.algorithms.alberdice.agreement import agreement, agreement_words
from alberdice.deep.algorithms.alberdice.agreements import Agreements
from alberdice.deep.algorithms.alberdice.behaviour import Behaviour
from alberdice.deep.algorithms.alberdice.episodes import EpisodeTurns
from alberdice.deep.algorithms.alberdice.forms import Drawn, Form, OnFrames
from alberdice.deep.algorithms.alberdice.minibatch import Matched, Minibatch, Seen, gather_minibatch, match
from alberdice.deep.algorithms.alberdice.population import Population
from alberdice.deep.algorithms.alberdice.price import Prices
from alberdice.deep.algorithms.alberdice.remembering import Remembering
from alberdice.deep.algorithms.alberdice.settings import AlberDICEConfig
from alberdice.deep.algorithms.alberdice.starts import chosen_pairs, start_weights
from alberdice.deep.algorithms.alberdice.windows import OnWindows
from alberdice.deep.algorithms.annealing import Annealing
from alberdice.deep.batches.training_data import TrainingData, at
from alberdice.deep.batches.units import in_units, spread_of
from alberdice.deep.batches.weights import step_weights, weight_report
from alberdice.deep.learner import NetworkLearner, not_finite, register
from alberdice.deep.networks.mlp import Layers, slopes_between
from alberdice.deep.networks.module import own_or
from alberdice.deep.policies import Policies

__all__ = ["AlberDICE"]

#: one initial state is drawn for so many steps
_STEPS_PER_START = 4


class AlberDICE(NetworkLearner):
    """The learner; see the module and ``alberdice.deep.learner.Learner``."""

    settings = AlberDICEConfig

    def __init__(self, data: TrainingData, config: AlberDICEConfig, generator: torch.Generator) -> None:
        n, features = data.n_agents, data.states.shape[-1]
        spread = spread_of(data.rewards, data.endings > 0)[1] if config.units == "spread" else 1.0
        data = in_units(data, config.units)
        wanted = config.minibatch == "population" and not config.remembers and config.weights == "steps"
        most = 2 * config.batch_size, 8 * config.batch_size
        self.population = Population.of(data, *most, config.pooling) if wanted else None
        self.config = config = config.paced(self.population is not None)
        self.annealing = Annealing(config, data.states.device)
        layers = Layers(config.hidden, config.leak)
        own = layers, self.population, config.policy_network
        self.form: Form = OnWindows(data, config) if config.remembers else OnFrames(data, *own)
        #: whether e is a table of means instead of a network, see ``population``
        self.tabular = self.population is not None and config.advantage == "table" and not config.e_network
        pairs = None if self.population is None else len(self.population.steps)
        #: what was decided by rule from the data, for the result
        self.choices = {
            "reward_unit": spread,
            "alpha_start": config.alpha_start * spread,
            "alpha_end": config.alpha_end * spread,
            "update": f"{config.batch_size} drawn steps" if pairs is None else f"all {pairs} distinct steps",
            "hold_share": config.hold_share,
            "length": f"{config.pretrain_updates} + {config.updates} updates at {config.learning_rate:g}",
        }
        self.behaviour = Behaviour(data, layers, generator, self.form, config.begins_at_own, config.asks_conditional)
        self.behaviour.watch(config.watch_share, generator)
        #: what ``agreement`` found once cloning was over; nothing, where pi^D(a_-i|s, a_i) is not asked for
        self.agreement: dict[str, float] = {}
        self._cached = False
        self._whole: tuple[Drawn, Minibatch] | None = None
        self.turns: EpisodeTurns | None = None
        self.latest: tuple[sums.Division, Tensor, Tensor] | None = None
        nu = layers.between(features, 1, last_bias=False)
        e = layers.between(features, data.available.shape[-1])
        networks = {
            "policy": (self.form.network, n),
            "nu": (own_or(nu, config.nu_network, "nu_network"), n),
        }
        if not self.tabular:
            networks["e"] = (own_or(e, config.e_network, "e_network"), n)
        self.remembering: Remembering | None = None
        if config.memory_updates:
            last = OnWindows(data, config) if config.remembers_at_last else self.form
            self.remembering = Remembering(data, config, last)
            networks["memory"] = (self.remembering.form.network, n)
        self.chosen = torch.zeros(pairs or 0, device=data.states.device)
        turn = {"turn_alpha": self.annealing.alpha.clone()} if config.weights == "episodes" else {}
        super().__init__(data, networks, generator, {**self.annealing.state, "chosen": self.chosen, **turn})
        learns = self.parameters["policy"], self.optimisers["policy"]
        self.agreements = Agreements(config, self.annealing, *learns, len(data.lengths))
        self.scalars |= self.agreements.state

    # ---- the learner's interface -------------------------------------------------------------------------------------

    @property
    def policies(self) -> Policies:
        """The present policies."""
        decided = self.config.pretrain_updates + self.config.decided
        if self.remembering is not None and int(self.scalars["updates_done"]) > decided:
            return self.remembering.policies(self.parameters["memory"])
        return self.decided

    @property
    def decided(self) -> Policies:
        """The policies of the rounds, which decide what ``memory_updates`` clone."""
        own = self.behaviour.own if self.config.policy_start == "data" else None
        return self.form.deployed(self.parameters["policy"], own)

    @property
    def clone(self) -> Policies:
        """The data's own policies pi_i^D."""
        return self.form.deployed(torch.zeros_like(self.parameters["policy"]), self.behaviour.own)

    def update(self, generator: torch.Generator) -> dict[str, Tensor]:
        """One step of behaviour cloning, or one round of all agents."""
        done = self.count()
        if done < self.config.pretrain_updates:
            rate = (1 - done / self.config.pretrain_updates) * self.config.pretrain_learning_rate
            metrics, watched = self.execution(self._clone, generator, rate), self.behaviour.watched
            if watched:
                watched.look(self.behaviour.watched_losses, done + 1, self.config.pretrain_updates)
            return metrics
        if not self._cached:
            self.execution.forget()  # recordings hold the former caches
            self._look_at_clones()
        trained = done - self.config.pretrain_updates
        if self.config.weights == "episodes":
            return self._episode_update(trained, generator)
        if trained < self.config.updates:
            return self.execution(self._round, generator, self.config.rate_at(trained))
        start, step = divmod(trained - self.config.updates, self.config.start_updates)
        return self._further(start + 1, step, generator)

    def _look_at_clones(self) -> None:
        """Cache what the clones say of the data, and whether they agree; every device does all of it."""
        config = self.config
        with sums.alone():
            self.behaviour.fill_caches()
            if config.asks_conditional:
                self.agreement = agreement(self.behaviour, config.batch_size, config.behaviour_floor, config.ratio_clip)
        if self.behaviour.watched:
            self.choices |= {f"cloning ({name})": told for name, told in self.behaviour.watched.words().items()}
        self._cached, self._whole = True, None

    def _episode_update(self, trained: int, generator: torch.Generator) -> dict[str, Tensor]:
        """One step of the agent whose turn it is, see ``episodes``."""
        if self.turns is None:
            own = self.parameters["policy"], self.optimisers["policy"], self.scalars["turn_alpha"]
            self.turns = EpisodeTurns(self.data, self.behaviour, self.config, *own, self._tables)
        if self.remembering is not None and trained >= self.config.decided:
            if not self.remembering.prepared:
                self.remembering.clone_these(self.turns.settled())
            memory = self.parameters["memory"], self.optimisers["memory"]
            return self.remembering.update(trained - self.config.decided, *memory, generator)
        metrics = self.agreements.update(self.turns, trained, generator)
        self.annealing.lower(metrics["effective_episodes"] * (self.config.batch_size / len(self.data.lengths)))
        return metrics

    def _further(self, start: int, step: int, generator: torch.Generator) -> dict[str, Tensor]:
        """An update of a further start: clone it, then rounds from there; see ``starts``."""
        config, cloning = self.config, self.config.start_updates // 2
        if step == 0:
            self._choose(start, generator)
        if step < cloning:
            return self.execution(self._clone_start, generator, config.pretrain_learning_rate)
        left = (config.start_updates - step) / (config.start_updates - cloning)
        return self.execution(self._settled_round if self.tabular else self._round, generator, config.learning_rate * left)

    @torch.no_grad()
    def _choose(self, start: int, generator: torch.Generator) -> None:
        """Which joint action each state plays in this start; all rounds of it are at alpha_end."""
        self.annealing.state["alpha"].fill_(self.config.alpha_end)
        population = self.population
        if population is None:
            return
        batch = self._gathered(generator)[1]
        count = (population.weight * self.data.n_steps).log()
        rated = count + batch.divided.everyone(self._joint_advantage(batch)) / self.config.alpha_end
        self.chosen.copy_(chosen_pairs(rated, self.data.here[population.steps], len(self.data.states), 1.0, start, generator))

    def _gathered(self, generator: torch.Generator) -> tuple[Drawn, Minibatch]:
        """A minibatch, or all distinct steps, which are the same every time."""
        if self._whole is not None:
            return self._whole
        drawn = self.form.draw(self.config.batch_size, generator)
        batch = gather_minibatch(self.data, self.behaviour, drawn, self._starts(generator))
        if self._every_start:
            self._whole = drawn, batch
        return drawn, batch

    @torch.no_grad()
    def _joint_advantage(self, batch: Minibatch) -> Tensor:
        """R + gamma E nu(s') - nu(s) of the steps, the mean over the agents' nu, ``(B,)``."""
        nu = self.networks["nu"](self.parameters["nu"], batch.states)[..., 0]
        gained: Tensor = batch.rewards + self.config.discount * batch.after(nu) - nu.index_select(1, batch.rows.here)
        return gained.mean(0)

    def _clone_start(self, generator: torch.Generator, rate: float | Tensor) -> dict[str, Tensor]:
        """One step of the policies towards the start's joint actions."""
        drawn, batch = self._gathered(generator)
        alpha = self.annealing.alpha
        weight = start_weights(batch, self._joint_advantage(batch), drawn.shares, drawn.divided.own(self.chosen), alpha)
        leaf = self.parameters["policy"].detach().requires_grad_()
        tables = self._tables(leaf, batch, slice(None))[:, batch.rows.here]
        loss = losses.behaviour_loss(tables, batch.actions.T, weight).sum()
        (gradient,) = torch.autograd.grad(loss, leaf)
        self.step("policy", gradient, rate)
        return {"alpha": alpha, "start_loss": loss.detach(), "effective_rows": self.annealing.state["effective_rows"].clone()}

    def complaint(self, metrics: dict[str, float]) -> str:
        """Not-a-number, or an effective sample size of next to nothing."""
        if not_finite(metrics):
            return "a loss is not finite: lower learning_rate, raise alpha_end, or lower ratio_clip"
        return self.annealing.complaint(metrics)

    def notes(self) -> list[tuple[str, bool]]:
        """What there is to say once cloning is over, each with whether it is a warning."""
        return [agreement_words(self.agreement)] if self.agreement else []

    def state_dict(self) -> dict[str, Tensor]:
        """Parameters, optimisers and scalars, those of the behaviour policies first."""
        return {**self.behaviour.state_dict(), **super().state_dict()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Continue from a state; caches are filled again when they are needed."""
        super().load_state_dict(state)
        self._cached, self._whole, self.turns = False, None, None
        if self.remembering is not None:
            self.remembering.clone_these(None)

    def _clone(self, generator: torch.Generator, rate: float | Tensor) -> dict[str, Tensor]:
        """One step of behaviour cloning."""
        return self.behaviour.update(self.config.pretrain_batch_size, rate, generator)

    # ---- one round ---------------------------------------------------------------------------------------------------

    def _settled_round(self, generator: torch.Generator, rate: float | Tensor) -> dict[str, Tensor]:
        """A round in which nu stays."""
        return self._round(generator, rate, settled=True)

    def _round(self, generator: torch.Generator, rate: float | Tensor, *, settled: bool = False) -> dict[str, Tensor]:
        config, alpha = self.config, self.annealing.alpha
        parameters = {name: self.parameters[name].detach().requires_grad_() for name in ("nu", "e")[: 2 - self.tabular]}
        drawn, batch = self._gathered(generator)
        nu = self.networks["nu"](parameters["nu"], batch.states)[..., 0]
        f = None if self.tabular else self.networks["e"](parameters["e"], batch.states[: batch.rows.n_here])
        after = batch.after(nu)
        gained = (batch.rewards + config.discount * after - nu.index_select(1, batch.rows.here)).detach()
        ratio, price, policy_loss = self._turns(batch, gained if f is None else f.detach(), alpha, rate, generator)
        matched = match(batch, ratio, config.importance == "resample", config.fallback, generator)
        here, after = nu.gather(1, matched.here), after.gather(1, matched.picked)
        log_rho, mean_price = ratio.gather(1, matched.picked), at(price, matched.here, matched.own)
        bare = losses.sample_advantage(matched.reward, 0.0, here, after, alpha, config.discount)
        advantage = bare - alpha * (log_rho if config.nu_price == "sample" else mean_price)
        target = bare - alpha * log_rho if config.price == "sample" else bare  # alpha k_i is on both sides and cancels
        nu_losses = self._nu_losses(nu, batch, matched, advantage, alpha)
        e_losses = nu_losses.new_zeros(1) if f is None else self._e_losses(f, batch, matched, target, alpha)
        if not settled:
            total = nu_losses.sum() + e_losses.sum() + self._slope_penalty(parameters["nu"], batch, generator)
            gradients = torch.autograd.grad(total, list(parameters.values()))
            self._nu_step(gradients[0], nu.detach(), batch, alpha, rate)
            for name, gradient in zip(list(parameters)[1:], gradients[1:], strict=True):
                self.step(name, gradient, rate)
        log_weight = advantage.detach() / alpha + matched.log_weight
        steps = batch.steps.expand(len(log_weight), -1).gather(1, matched.picked)
        self.latest = (batch.divided, log_weight, steps)
        self.annealing.lower(self._effective_rows(log_weight, matched, drawn))
        return {
            "alpha": alpha,
            "nu_loss": nu_losses.detach().mean(),
            "e_loss": e_losses.detach().mean(),
            "policy_loss": policy_loss,
            "effective_rows": self.annealing.state["effective_rows"].clone(),
        }

    def weight_report(self) -> dict[str, float]:
        """On how much of the data the last round's weights rest, see ``weights``; of the agent with fewest effective steps."""
        if self.turns is not None:
            return weight_report(self.turns.step_weights, self.data.lengths)
        if self.latest is None:
            return {}
        divided, *latest = self.latest
        reports = []
        for log_weight, steps in zip(*(divided.everyone(each, 1) for each in latest), strict=True):
            weights = step_weights(log_weight, steps, self.data.n_steps)
            if self.population is not None:  # a pair's weight is shared by its steps
                share = weights[self.population.steps] / (self.population.weight.double() * self.data.n_steps)
                weights = share[self.population.pair]
            reports.append(weight_report(weights, self.data.lengths))
        return min(reports, key=lambda report: report["effective_steps"])

    def _effective_rows(self, log_weight: Tensor, matched: Matched, drawn: Drawn) -> Tensor:
        """How many equally weighted rows of a minibatch the weights ``(N, B)`` are worth; the least of all agents'."""
        if drawn.population is not None:  # a row stands for many steps
            each = (drawn.population.weight * self.data.n_steps).log()[matched.picked]
            steps = losses.effective_sample_size(log_weight, each + matched.log_count)
            return steps.min() * (self.config.batch_size / self.data.n_steps)
        resampled = self.config.importance == "resample"
        rows = sums.rows(len(drawn.steps)) if resampled else drawn.scored  # those that carry the weights
        return losses.effective_sample_size(log_weight, matched.log_count).min() * (self.config.batch_size / rows)

    @property
    def _every_start(self) -> bool:
        """Whether every update is about the same steps and all beginnings, and nothing is drawn."""
        return self.population is not None and self.config.initial_states == "initial"

    def _starts(self, generator: torch.Generator) -> Tensor:
        """Frames over which (1-gamma) E nu is taken."""
        if self._every_start:
            return sums.span(len(self.data.starts)).own(self.data.starts)
        pool = self.data.starts if self.config.initial_states == "initial" else self.data.here
        size = max(1, self.config.batch_size // _STEPS_PER_START)
        return sums.own(pool[torch.randint(len(pool), (size,), generator=generator, device=pool.device)])

    def _turns(
        self, batch: Minibatch, f: Tensor, alpha: Tensor, rate: float | Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Let the agents take their turns: log rho_i ``(N, B)`` and k_i ``(N, R, A)`` of agent i's turn, and the mean loss.

        ``f`` is the network's, ``(N, R, A)``, or what its table is the mean of, ``(N, B)``.
        """
        n, sequential = self.data.n_agents, self.config.order == "sequential"
        leaves = [row[None].clone().requires_grad_() for row in self.parameters["policy"]]  # clones: rows change in turn
        tables = [self._tables(leaf, batch, slice(i, i + 1))[0] for i, leaf in enumerate(leaves)]
        newest = torch.stack([table.detach() for table in tables])
        log_data = self.behaviour.log_data.index_select(1, batch.steps).clamp(min=math.log(self.config.behaviour_floor))
        chosen = at(newest, batch.rows.here.expand(n, -1), batch.actions.T)
        everyone, prices = chosen.sum(0), self._prices(batch, newest, generator)
        if self.config.gradient_penalty == 0 and self.config.importance == "weight":  # nothing more is drawn
            self.form.ahead(generator, lambda copy: (self.form.draw(self.config.batch_size, copy), self._starts(copy)))
        ratios, k, policy_losses = [], torch.zeros_like(newest), []
        for i in range(n):
            ratios.append(losses.importance_log_ratio(everyone - chosen[i], log_data[i], self.config.ratio_clip))
            if prices is not None:
                k[i] = prices.price(i, newest)
            own = self._table(i, f[i], ratios[i], batch, alpha) if self.tabular else f[i]
            e = own - alpha * k[i] if self.config.price == "analytic" else own
            policy_losses.append(self._policy_step(i, leaves[i], tables[i], batch, e, alpha, rate))
            if sequential and i + 1 < n:  # nobody looks at the last agent's new policy in this round
                newest[i] = self._newest_table(i, batch)
                everyone += at(newest[i : i + 1], batch.rows.here[None], batch.actions.T[i : i + 1])[0] - chosen[i]
                if prices is not None:
                    prices.changed(i, newest[i])
        return torch.stack(ratios), k, torch.stack(policy_losses).mean()

    def _table(self, agent: int, gained: Tensor, log_ratio: Tensor, batch: Minibatch, alpha: Tensor) -> Tensor:
        """f_i as a table ``(R, A)``, see ``population``."""
        assert batch.population is not None
        values = gained - alpha * log_ratio if self.config.price == "sample" else gained
        size = batch.available.shape[1:]
        return batch.population.means(values, log_ratio, batch.rows.here, batch.actions[:, agent], size)

    def _prices(self, batch: Minibatch, log_policies: Tensor, generator: torch.Generator) -> Prices | None:
        """The others' prices of this round; None where they are not asked for."""
        if self.config.price == "sample" == self.config.nu_price:
            return None
        frames = batch.rows.frames[: batch.rows.n_here]
        floor = self.config.behaviour_floor
        seen = frames, batch.available, log_policies, batch.log_own
        return self.behaviour.prices(*seen, floor, generator, batch.rows.divided)

    def _policy_step(
        self, agent: int, leaf: Tensor, table: Tensor, batch: Minibatch, e: Tensor, alpha: Tensor, rate: float | Tensor
    ) -> Tensor:
        """One step of pi_i by (48) from its table ``(R, A)``, a function of ``leaf`` ``(1, P)``; the loss."""
        e = e.masked_fill(~batch.available[agent], 0.0)  # whose probability is 0, whatever the network says there
        loss = losses.i_projection_loss(table, e, batch.log_own[agent], alpha, batch.weight)
        (gradient,) = torch.autograd.grad(loss, leaf)
        self.optimisers["policy"].step(gradient, rate, slice(agent, agent + 1))
        return loss.detach()

    @torch.no_grad()
    def _newest_table(self, agent: int, batch: Minibatch) -> Tensor:
        """The table log pi_i as it is now, ``(R, A)``."""
        own = slice(agent, agent + 1)
        return self._tables(self.parameters["policy"][own], batch, own)[0]

    def _tables(self, parameters: Tensor, batch: Seen, agents: slice) -> Tensor:
        """The tables log pi_i of these agents, ``(n, R, A)``; networks that start at pi_i^D give the change."""
        logits = self.form.logits(parameters, batch.inputs, agents)
        if self.config.policy_start == "data":
            logits = logits + batch.log_own[agents]
        return losses.log_policy(logits, batch.available[agents])

    # ---- losses of all agents at once --------------------------------------------------------------------------------

    def _nu_losses(self, nu: Tensor, batch: Minibatch, matched: Matched, advantage: Tensor, alpha: Tensor) -> Tensor:
        """J(nu_i), ``(N,)``, with the absorbing transition as one more row of its own weight."""
        discount = self.config.discount
        share = self.data.absorbing_share(1.0 if self.config.absorbing == "single" else 1 / (1 - discount))
        at_end = nu[:, batch.rows.absorbing]
        terms, log_weight = losses.with_absorbing(advantage, matched.log_weight, at_end, discount, share)
        initial = sums.mean(nu[:, batch.rows.start], count=len(self.data.starts) if self._every_start else None)
        return losses.nu_loss(terms, log_weight, initial, alpha, discount)

    def _e_losses(self, f: Tensor, batch: Minibatch, matched: Matched, target: Tensor, alpha: Tensor) -> Tensor:
        """J(e_i), ``(N,)``, at rows that match the others' policies."""
        chosen = at(f, matched.here, matched.own)
        if self.config.conservatism_form == "printed":
            penalty = losses.conservative_penalty(f, batch.log_own, batch.available).gather(1, matched.here)
        else:
            penalty = losses.scaled_penalty(f, batch.available, alpha).gather(1, matched.here) - alpha * chosen
        return losses.advantage_loss(chosen, target, penalty, matched.share, self.config.conservatism)

    @torch.no_grad()
    def _nu_step(self, gradient: Tensor, nu: Tensor, batch: Minibatch, alpha: Tensor, rate: float | Tensor) -> None:
        """One step of all nu_i, shortened where it would change one of the minibatch's values by more than nu_step alpha.

        (46) has curvature of the order 1 / alpha: what was a small step before alpha fell throws the weights about after it.
        """
        before = self.parameters["nu"].clone()
        self.step("nu", gradient, rate)
        if not math.isfinite(self.config.nu_step):
            return
        changed = (self.networks["nu"](self.parameters["nu"], batch.states)[..., 0] - nu).abs()
        share = (self.config.nu_step * alpha / sums.greatest(changed)[:, None].clamp(min=1e-30)).clamp(max=1.0)
        self.parameters["nu"].copy_(torch.lerp(before, self.parameters["nu"], share))

    def _slope_penalty(self, parameters: Tensor, batch: Minibatch, generator: torch.Generator) -> Tensor:
        """The penalty on nu's slope between the states of random pairs of rows; 0 unless asked for."""
        if self.config.gradient_penalty == 0:
            return torch.zeros((), device=parameters.device)
        seen, divided = batch.states.index_select(0, batch.rows.here), batch.divided
        slopes = slopes_between(self.networks["nu"], parameters, seen, generator, divided=divided)
        count = divided.rows(len(batch.steps))
        return self.config.gradient_penalty * losses.gradient_penalty(slopes, self.config.slope_limit, count).sum()


register("alberdice", AlberDICE)
