"""AlberDICE, Algorithm 1 of the paper, on samples.

    pretrain     pi_i^D and pi^D(a_-i|s, a_i) by (44), (45); cache their log probabilities           ``behaviour``
    each round   the agents' turns, one after the other; then one step of all nu_i and of all e_i    ``rounds``, ``turns``
    or each turn steps of one agent by weights of whole episodes                                     ``episodes``
    at last      further starts, or policies cloned on what has the weight                           ``starts``, ``remembering``

The learner makes these and says what is due.  Policies see an observation, or a history of them (``policy = 'transformer'``);
``forms.py`` is all that knows which.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from alberdice.deep import sums
from alberdice.deep.algorithms.alberdice.agreement import agreement, agreement_words
from alberdice.deep.algorithms.alberdice.agreements import Agreements
from alberdice.deep.algorithms.alberdice.behaviour import Behaviour
from alberdice.deep.algorithms.alberdice.episodes import EpisodeTurns
from alberdice.deep.algorithms.alberdice.forms import Form, OnFrames
from alberdice.deep.algorithms.alberdice.minibatch import Minibatches
from alberdice.deep.algorithms.alberdice.population import Population
from alberdice.deep.algorithms.alberdice.remembering import Remembering
from alberdice.deep.algorithms.alberdice.rounds import Rounds
from alberdice.deep.algorithms.alberdice.settings import AlberDICEConfig
from alberdice.deep.algorithms.alberdice.starts import FurtherStarts
from alberdice.deep.algorithms.alberdice.turns import Turns
from alberdice.deep.algorithms.alberdice.windows import OnWindows
from alberdice.deep.algorithms.annealing import Annealing
from alberdice.deep.batches.training_data import TrainingData
from alberdice.deep.batches.units import in_units, spread_of
from alberdice.deep.batches.weights import weight_report
from alberdice.deep.learner import NetworkLearner, not_finite, register
from alberdice.deep.networks.mlp import Layers
from alberdice.deep.networks.module import own_or
from alberdice.deep.policies import Policies

__all__ = ["AlberDICE"]


class AlberDICE(NetworkLearner):
    """The learner; see the module and ``alberdice.deep.learner.Learner``."""

    settings = AlberDICEConfig

    def __init__(self, data: TrainingData, config: AlberDICEConfig, generator: torch.Generator) -> None:
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
        #: what was decided by rule from the data, for the result
        self.choices = self._choices(spread)
        self.behaviour = Behaviour(data, layers, generator, self.form, config.begins_at_own, config.asks_conditional)
        self.behaviour.watch(config.watch_share, generator)
        #: what ``agreement`` found once cloning was over; nothing, where pi^D(a_-i|s, a_i) is not asked for
        self.agreement: dict[str, float] = {}
        self._cached = False
        self.turns: EpisodeTurns | None = None
        self.remembering: Remembering | None = None
        if config.memory_updates:
            last = OnWindows(data, config) if config.remembers_at_last else self.form
            self.remembering = Remembering(data, config, last)
        chosen = torch.zeros(0 if self.population is None else len(self.population.steps), device=data.states.device)
        turn = {"turn_alpha": self.annealing.alpha.clone()} if config.weights == "episodes" else {}
        super().__init__(data, self._networks(data, layers), generator, {**self.annealing.state, "chosen": chosen, **turn})
        self.rounds = self._rounds()
        self.starts = FurtherStarts(self.rounds, chosen)
        learns = self.parameters["policy"], self.optimisers["policy"]
        self.agreements = Agreements(config, self.annealing, *learns, len(data.lengths))
        self.scalars |= self.agreements.state

    def _choices(self, spread: float) -> dict[str, Any]:
        """Unit of the rewards, alpha in the rewards themselves, what an update is about, and the length."""
        config, population = self.config, self.population
        about = f"{config.batch_size} drawn steps" if population is None else f"all {len(population.steps)} distinct steps"
        return {
            "reward_unit": spread,
            "alpha_start": config.alpha_start * spread,
            "alpha_end": config.alpha_end * spread,
            "update": about,
            "hold_share": config.hold_share,
            "length": f"{config.pretrain_updates} + {config.updates} updates at {config.learning_rate:g}",
        }

    def _networks(self, data: TrainingData, layers: Layers) -> dict[str, tuple[Any, int]]:
        """All networks but those of the data's policies; e is a table of means instead where ``population`` says so."""
        config, n, features = self.config, data.n_agents, data.states.shape[-1]
        networks = {
            "policy": (self.form.network, n),
            "nu": (own_or(layers.between(features, 1, last_bias=False), config.nu_network, "nu_network"), n),
        }
        if self.population is None or config.advantage == "network" or config.e_network:
            networks["e"] = (own_or(layers.between(features, data.available.shape[-1]), config.e_network, "e_network"), n)
        if self.remembering is not None:
            networks["memory"] = (self.remembering.form.network, n)
        return networks

    def _rounds(self) -> Rounds:
        """What makes the rounds, of this learner's networks."""
        config, e = self.config, self.stack("e") if "e" in self.networks else None
        size, initial = config.batch_size, config.initial_states == "initial"
        minibatches = Minibatches(self.data, self.behaviour, self.population, size, initial=initial)
        turns = Turns(self.behaviour, config, self.optimisers["policy"], minibatches, tabular=e is None)
        return Rounds(self.data, config, self.annealing, minibatches, turns, self.stack("nu"), e)

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
            return self.execution(self.rounds.round, generator, self.config.rate_at(trained))
        return self.starts.update(trained - self.config.updates, self.execution, generator)

    def _look_at_clones(self) -> None:
        """Cache what the clones say of the data, and whether they agree; every device does all of it."""
        config = self.config
        with sums.alone():
            self.behaviour.fill_caches()
            if config.asks_conditional:
                self.agreement = agreement(self.behaviour, config.batch_size, config.behaviour_floor, config.ratio_clip)
        if self.behaviour.watched:
            self.choices |= {f"cloning ({name})": told for name, told in self.behaviour.watched.words().items()}
        self._cached = True
        self.rounds.minibatches.forget()

    def _episode_update(self, trained: int, generator: torch.Generator) -> dict[str, Tensor]:
        """One step of the agent whose turn it is, see ``episodes``."""
        if self.turns is None:
            own = self.parameters["policy"], self.optimisers["policy"], self.scalars["turn_alpha"]
            self.turns = EpisodeTurns(self.data, self.behaviour, self.config, *own, self.rounds.turns.tables)
        if self.remembering is not None and trained >= self.config.decided:
            if not self.remembering.prepared:
                self.remembering.clone_these(self.turns.settled())
            memory = self.parameters["memory"], self.optimisers["memory"]
            return self.remembering.update(trained - self.config.decided, *memory, generator)
        metrics = self.agreements.update(self.turns, trained, generator)
        self.annealing.lower(metrics["effective_episodes"] * (self.config.batch_size / len(self.data.lengths)))
        return metrics

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
        self._cached, self.turns = False, None
        self.rounds.minibatches.forget()
        if self.remembering is not None:
            self.remembering.clone_these(None)

    def _clone(self, generator: torch.Generator, rate: float | Tensor) -> dict[str, Tensor]:
        """One step of behaviour cloning."""
        return self.behaviour.update(self.config.pretrain_batch_size, rate, generator)

    def weight_report(self) -> dict[str, float]:
        """On how much of the data the last weights rest, see ``weights``."""
        if self.turns is not None:
            return weight_report(self.turns.step_weights, self.data.lengths)
        return self.rounds.weight_report()


register("alberdice", AlberDICE)
