"""ICQ (Yang et al., NeurIPS 2021) for many agents: an additive critic that sees the data's actions only, weighted cloning.

    Q_tot(s, a) = sum_i k_i(s) Q_i(o_i, a_i),   k_i >= 0, sum_i k_i = 1             (k a network of the state)
    v_t         = w_t Q'_tot(s_t, a_t),         w = softmax of Q'_tot / T over the minibatch's steps, mean 1
    G_t         = r_t + gamma (1 - d_t) ((1 - lambda) v_{t+1} + lambda G_{t+1})     TD(lambda)
    J(Q)        = E (Q_tot(s_t, a_t) - G_t)^2
    J(pi)       = -sum_i E [ k_i(s_t) u_it log pi_i(a_it|o_it) ],  u = softmax of A / beta over the minibatch, mean 1

with A_i = Q_i(o_i, a_i) - V_i(o_i), V_i the mean of Q_i over the data's actions (fitted by squared error; published: over pi_i,
which asks for values of actions outside the data until pi_i is inside), and Q' a copy of the critic that is renewed now and
then.  G never asks for the value of an action outside the data either; pi_i tends to pi_i^D exp(Q_i / beta), normalised.
Returns are taken over windows of consecutive steps; windows as long as the longest episode are whole episodes.  At a window's
end, G is v of the next step.  Where the process ended, nothing follows (d = 1).  Where a time limit cut the record, the next
action is unknown: the last step's own v stands for its G in the returns before it, and it teaches the critic nothing itself.

With a memory, policy = 'transformer', policies are pi_i(a_i|tau_i) of histories and clone what the data's agents did after
each; Q_i, k and V_i stay what the algorithm has, functions of the present observations and state.  Returns then run over the
batch's own windows or chunks, at whose end the last step's own v stands for its G as at a time limit, and every step that has
a next one teaches the critic in the window that scores that one (``Memory.taught``); ``window`` is not read.

Where the additive fit is not unique (data {AB, BA} with equal rewards leave Q_1(A) - Q_1(B) free, if Q_2's follows), initial
weights and noise decide.  The critic may reach no fixed point: values out of the rewards' range stop a run, its outcome.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import pad

from alberdice.deep import sums
from alberdice.deep.batches.sequences import Batch
from alberdice.deep.batches.training_data import TrainingData, at
from alberdice.deep.config import LEAST, Count, CriticConfig, Share, Within, defaults, fights, football, warehouses
from alberdice.deep.config.policy import PolicyConfig
from alberdice.deep.learner import NetworkLearner, ValueRange, register
from alberdice.deep.losses import MASKED, effective_sample_size
from alberdice.deep.networks.mlp import Layers
from alberdice.deep.policies import Policies, policy_network, policy_tables
from alberdice.deep.policies.memory import Memory
from alberdice.errors import InvalidDataError

__all__ = ["ICQ", "ICQConfig", "batch_weights", "clipped", "cloning_loss", "critic_loss", "lambda_returns", "mixed", "windows"]


@dataclass(frozen=True)
@defaults(algorithm="icq")
class ICQConfig(CriticConfig, PolicyConfig):
    """ICQ for many agents."""

    presets = {  # noqa: RUF012  (a class attribute, no setting)
        "rware": {**warehouses.REMEMBERING, "temperature": 1.0},  # at .1 its weights rest on one row in fifty
        "rware-feed-forward": warehouses.PLAIN,
        "smax": fights.PLAIN,
        "football": football.PLAIN,
    }

    mixing_learning_rate: Annotated[float, Within(0.0, 1.0)] = 1e-5
    """of the mixing weights k_i, which begin at 1 / N; falls likewise"""
    trace: Share = 0.8
    """lambda of TD(lambda)"""
    window: Annotated[int, Within(1, 1 << 16)] = 10
    """steps over which returns run; published: whole episodes.  With a memory they run over its windows or chunks"""
    critic_temperature: Annotated[float, Within(LEAST, 1e12)] = 1000.0
    """T, of the weights in the critic's targets"""
    temperature: Annotated[float, Within(LEAST, 1e12)] = 0.1
    """beta, of the weights in the policies' loss"""
    baseline: Literal["data", "policy"] = "data"
    """V_i is the mean of Q_i over the data's or, as published, the policy's actions"""
    target_every: Count = 100
    """updates between copies of the critic; published: 600, in runs many times as long"""
    gradient_clip: Annotated[float, Within(LEAST, 1e12)] = 20.0
    """the largest norm of a gradient"""

    @property
    def unread(self) -> tuple[str, ...]:
        """As ``PolicyConfig``; with a memory, returns run over its windows."""
        return (*super().unread, "window") if self.remembers else super().unread


def mixed(values: Tensor, logits: Tensor) -> Tensor:
    """Q_tot = sum_i k_i Q_i with k the softmax of the logits, ``(B,)``; both arguments ``(N, B)``."""
    return (torch.softmax(logits, 0) * values).sum(0)


def batch_weights(values: Tensor, share: Tensor, temperature: float) -> Tensor:
    """exp(values / temperature) over rows that weigh ``share``, ``(B,)``, with mean 1; 0 where that is 0; ``(..., B)``."""
    real = share > 0
    scaled = (values.detach() / temperature + share.log()).masked_fill(~real, MASKED)
    return torch.where(real, sums.total(share) * sums.normalised(scaled) / share, 0.0)


def lambda_returns(
    reward: Tensor, value: Tensor, terminated: Tensor, real: Tensor, discount: float, trace: float
) -> tuple[Tensor, Tensor]:
    """G of TD(lambda), and which of them teach, ``(M, W)`` each.

    Args:
        reward, terminated: r and d, ``(M, W)``.
        value: v, ``(M, W + 1)``.
        real: which steps are the window's own; the others follow the end of its episode, ``(M, W + 1)``.
        discount: gamma.
        trace: lambda.
    """
    known = real[:, :-1] & (terminated | real[:, 1:])
    found, following = [], value[:, -1]
    for k in reversed(range(reward.shape[1])):
        ahead = torch.where(terminated[:, k], 0.0, (1 - trace) * value[:, k + 1] + trace * following)
        following = torch.where(known[:, k], reward[:, k] + discount * ahead, value[:, k])
        found.append(following)
    return torch.stack(found[::-1], 1), known


def mean_by(share: Tensor, values: Tensor) -> Tensor:
    """The mean over rows of the sum of their values ``(..., B)``, each weighing ``share``, ``(B,)``; 0 where none does."""
    whole = sums.total(share)
    added = sums.total(torch.where(share > 0, share * values, 0.0).flatten())
    return added / torch.where(whole > 0, whole, 1.0)


def critic_loss(total: Tensor, returns: Tensor, share: Tensor) -> Tensor:
    """J(Q): mean of (Q_tot - G)^2 over rows that weigh ``share`` in it; all the same shape; no gradient runs into G."""
    return mean_by(share.flatten(), (total - returns.detach()).square().flatten())


def cloning_loss(likelihood: Tensor, mixing: Tensor, weight: Tensor, share: Tensor) -> Tensor:
    """J(pi): -sum_i of the mean of k_i u_i log pi_i over rows that weigh ``share``, ``(B,)``; ``(N, B)``, k and u given."""
    return -mean_by(share, (mixing * weight).detach() * likelihood)


def clipped(gradients: Sequence[Tensor], limit: float) -> list[Tensor]:
    """Gradients scaled down together so that their common norm is at most ``limit``."""
    norm = torch.stack([gradient.norm() for gradient in gradients]).norm()
    return [gradient * (limit / norm.clamp(min=limit)) for gradient in gradients]


def windows(breaks: Tensor, length: int) -> Tensor:
    """First steps of windows of so many steps, into which every episode is cut from its beginning, ``(K,)``."""
    place = torch.arange(len(breaks), device=breaks.device)
    first = torch.cat([breaks.new_ones(1), breaks[:-1]])
    begun = torch.where(first, place, 0).cummax(0).values
    return torch.nonzero((place - begun) % length == 0)[:, 0]


# ---- the learner -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Batch:
    """Windows of steps.

    Attributes:
        frames: ``(R,)`` that networks run on.
        here: where each step's is among them, ``(M, L)``; L = W + 1 with the step after the window, or W with a memory.
        steps: of the data, ``(M, L)``.
        real: which of them are the window's own or follow it; the others follow the end of its episode, ``(M, L)``.
        share: what they weigh in averages, ``(M, L)``; 0 where they are not real, or known only.
        own: W.
        histories: with a memory, the same windows for the policies.
    """

    frames: Tensor
    here: Tensor
    steps: Tensor
    real: Tensor
    share: Tensor
    own: int
    histories: Batch | None = None


class ICQ(NetworkLearner):
    """The learner; see the module and ``alberdice.deep.learner.Learner``."""

    settings = ICQConfig

    def __init__(self, data: TrainingData, config: ICQConfig, generator: torch.Generator) -> None:
        self.memory = Memory(data, config, transitions=True) if config.remembers else None
        if self.memory:
            self.memory.check_taught("icq")
        elif bool((data.breaks & ~data.terminated).all()):
            expected = "a step that ends the process or is followed by another one"
            raise InvalidDataError("icq", got="cut off single steps alone", expected=expected)
        layers, n = Layers(config.hidden, config.leak), data.n_agents
        policy: Any = self.memory.network if self.memory else policy_network(data, layers, config.policy_network)
        critic = layers.between(data.observations.shape[-1], data.available.shape[-1])
        mixer = layers.between(data.states.shape[-1], n, last_scale=0.01)
        level = layers.between(data.observations.shape[-1], 1)
        networks = {"policy": (policy, n), "critic": (critic, n), "mixer": (mixer, 1), "baseline": (level, n)}
        super().__init__(data, networks, generator)
        self.config = config
        self.copies = {name: self.parameters[name].clone() for name in ("critic", "mixer")}
        self.scalars |= {f"{name}.copy": tensor for name, tensor in self.copies.items()}
        self.range = ValueRange.of(data, config.discount)
        if not self.memory:
            self._windows = windows(data.breaks, config.window)

    @property
    def policies(self) -> Policies:
        """The present policies."""
        return self.memory.policies(self.parameters["policy"]) if self.memory else super().policies

    def update(self, generator: torch.Generator) -> dict[str, Tensor]:
        """One step of the critic, its mixing weights and the policies on windows that hold about a minibatch of steps."""
        config, done = self.config, self.count()
        share = config.rate_at(done) / config.learning_rate
        rates = (config.critic_learning_rate, config.mixing_learning_rate, config.learning_rate)
        metrics = self.execution(self._step, generator, *(share * rate for rate in rates))
        if (done + 1) % config.target_every == 0:
            for name, tensor in self.copies.items():
                tensor.copy_(self.parameters[name])
        return metrics

    def _step(
        self, generator: torch.Generator, critic_rate: float | Tensor, mixer_rate: float | Tensor, policy_rate: float | Tensor
    ) -> dict[str, Tensor]:
        batch = self._draw(generator)
        returns, share = self._returns(batch)
        parameters = {name: tensor.detach().requires_grad_() for name, tensor in self.parameters.items()}
        values, chosen, logits = self._critics(parameters, batch)
        total = mixed(chosen, logits).view_as(batch.here)[:, : batch.own]
        loss = critic_loss(total, returns, share)
        gain, baseline_loss = self._advantages(parameters["baseline"], values.detach(), batch)
        policy_loss, rows = self._policy_loss(parameters["policy"], gain, logits.detach(), batch)
        self._steps(loss, parameters, {"critic": critic_rate, "mixer": mixer_rate})
        self._steps(baseline_loss, parameters, {"baseline": critic_rate})
        self._steps(policy_loss, parameters, {"policy": policy_rate})
        seen, known, taught = total.detach(), share > 0, sums.total(share.flatten()) > 0
        return {
            "critic_loss": loss.detach(),
            "policy_loss": policy_loss.detach(),
            "value_low": torch.where(taught, -sums.greatest(torch.where(known, -seen, -math.inf).flatten()), 0.0),
            "value_high": torch.where(taught, sums.greatest(torch.where(known, seen, -math.inf).flatten()), 0.0),
            "effective_rows": rows,
        }

    def complaint(self, metrics: dict[str, float]) -> str:
        """Not-a-number, or a critic that has diverged."""
        return self.range.complaint(metrics, "lower critic_learning_rate or trace, or raise target_every or critic_temperature")

    def _draw(self, generator: torch.Generator) -> _Batch:
        """Windows at random; each step of the data is as likely as any other."""
        if self.memory:
            return self._with_histories(self.memory.sequences.minibatch(generator))
        count, length = max(1, self.config.batch_size // self.config.window), self.config.window
        picked = sums.own(torch.randint(len(self._windows), (count,), generator=generator, device=self._windows.device))
        steps = self._windows[picked][:, None] + torch.arange(length + 1, device=picked.device)
        steps = steps.clamp(max=self.data.n_steps - 1)
        follows = torch.cat([torch.zeros_like(steps[:, :1], dtype=torch.bool), self.data.breaks[steps[:, :-1]]], 1)
        real, rows = ~follows.cummax(1).values, self.data.rows(steps.flatten(), steps[0, :0])
        return _Batch(rows.frames[: rows.n_here], rows.here.view_as(steps), steps, real, real.float(), length)

    def _with_histories(self, batch: Batch) -> _Batch:
        """The windows that the policies see; every step has a row of its own, as it has a history of its own."""
        steps = batch.steps
        places = torch.arange(steps.numel(), device=steps.device).view_as(steps)
        return _Batch(self.data.here[steps.flatten()], places, steps, batch.valid, batch.weight, steps.shape[1], batch)

    def _critics(self, parameters: dict[str, Tensor], batch: _Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Tables Q_i(o_i, a), ``(N, R, A)``; Q_i at the data's actions and the logits of k_i, ``(N, M L)``."""
        values = self.networks["critic"](parameters["critic"], self.data.observations[batch.frames].transpose(0, 1))
        logits = self.networks["mixer"](parameters["mixer"], self.data.states[batch.frames])[0].T
        return values, self._at_data(values, batch), logits[:, batch.here.flatten()]

    def _at_data(self, table: Tensor, batch: _Batch) -> Tensor:
        """A table ``(N, R, A)`` at the data's actions, ``(N, M L)``."""
        actions = self.data.actions[batch.steps.flatten()].T
        return at(table, batch.here.flatten().expand(len(table), -1), actions)

    def _tables(self, policy: Tensor, batch: _Batch) -> Tensor:
        """The tables log pi_i, ``(N, R, A)``."""
        if self.memory and batch.histories is not None:
            return self.memory.tables(policy, batch.histories)
        return policy_tables(self.networks["policy"], policy, self.data, batch.frames)

    @torch.no_grad()
    def _returns(self, batch: _Batch) -> tuple[Tensor, Tensor]:
        """G, and what each weighs in J(Q), 0 where it does not teach, ``(M, W)``."""
        _, chosen, logits = self._critics(self.copies, batch)
        total, steps = mixed(chosen, logits), batch.steps[:, : batch.own]
        config, reward, terminated = self.config, self.data.rewards[steps], self.data.terminated[steps]
        value = (total * batch_weights(total, batch.share.flatten(), config.critic_temperature)).view_as(batch.here)
        beyond = (0, batch.own + 1 - value.shape[1])  # with a memory, nothing is known of what follows the window
        returns, known = lambda_returns(
            reward, pad(value, beyond), terminated, pad(batch.real, beyond), config.discount, config.trace
        )
        return returns, self.memory.taught(batch.histories) if self.memory and batch.histories else known.float()

    def _advantages(self, baseline: Tensor, values: Tensor, batch: _Batch) -> tuple[Tensor, Tensor]:
        """A_i at the data's actions, ``(N, M L)``, and the loss of V_i."""
        chosen = self._at_data(values, batch)
        seen = self.data.observations[batch.frames].transpose(0, 1)
        level = self.networks["baseline"](baseline, seen)[:, batch.here.flatten(), 0]
        loss = mean_by(batch.share.flatten(), (level - chosen).square())
        if self.config.baseline == "policy":
            table = self._tables(self.parameters["policy"], batch)
            level = (table.exp() * values).sum(-1)[:, batch.here.flatten()]
        return chosen - level.detach(), loss

    def _policy_loss(self, policy: Tensor, gain: Tensor, logits: Tensor, batch: _Batch) -> tuple[Tensor, Tensor]:
        """J(pi) of all agents together, and the least effective number of steps that an agent's weights rest on."""
        table, share = self._tables(policy, batch), batch.share.clone()
        share[:, batch.own :].fill_(0.0)  # the step after the window
        share = share.flatten()
        weight = batch_weights(gain, share, self.config.temperature)
        loss = cloning_loss(self._at_data(table, batch), torch.softmax(logits, 0), weight, share)
        return loss, effective_sample_size((share * weight).log()).min()

    def _steps(self, loss: Tensor, parameters: dict[str, Tensor], rates: dict[str, float | Tensor]) -> None:
        """One step of these networks at these rates along the clipped gradient of a loss."""
        own = torch.autograd.grad(loss, [parameters[name] for name in rates])
        whole = clipped([sums.gradient(gradient) for gradient in own], self.config.gradient_clip)
        with sums.alone():  # the gradients are whole already
            for (name, rate), gradient in zip(rates.items(), whole, strict=True):
                self.step(name, gradient, rate)


register("icq", ICQ)
