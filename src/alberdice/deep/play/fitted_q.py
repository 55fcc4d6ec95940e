"""Fitted Q evaluation (Le, Voloshin and Yue, 2019): a policy's return where states do not repeat.

    Q_b(s, a) <- r + gamma E_{a' ~ pi(s')} Q_b(s', a')        on the steps of the b-th bootstrap sample of the episodes
    R_b       = mean over its episodes of E_{a ~ pi(s_0)} Q_b(s_0, a)

One network per sample, all in one stack, with a slowly following copy for the target.  A joint action is the agents' one-hot
actions side by side; expectations over a' are of one drawn joint action per step.  The state is what learners' networks see.
Networks go on from the last policies' values, as a run's policies change little between checkpoints.  Rewards are in units of
their spread inside.  A value is discounted and goes on beyond a time limit: it compares with its like, and with the discounted
returns of the data's episodes only where none was cut.

Policies with a memory are asked along the recorded episodes, pi(a'|tau') at the history tau' that the data hold.  Q sees the
state, so that its target is a mean over the histories that *the data* have there, not over those of the policy: exact where the
policy needs no memory or where the state tells it, an approximation elsewhere.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from alberdice._checks import FloatArray
from alberdice.datasets import OfflineDataset
from alberdice.datasets.resampled import Estimate
from alberdice.datasets.subset import of_episodes
from alberdice.deep.batches.training_data import TrainingData, indicators
from alberdice.deep.batches.units import spread_of
from alberdice.deep.networks.mlp import Adam, StackedMLP
from alberdice.deep.play.along_data import chances_along, chances_at_frames
from alberdice.deep.policies import Policies

__all__ = ["FittedQ"]

_HIDDEN = (64, 64)
_FIRST, _LATER, _BATCH, _RATE, _FOLLOW = 1500, 400, 256, 1e-3, 0.01
#: steps, in whole episodes, along which policies with a memory are asked at most: a table costs a pass through their networks
_REMEMBERED = 20_000


class FittedQ:
    """The ensemble; see the module.

    Args:
        dataset: the data.
        seed: of the bootstrap samples, the initial weights and the minibatches.
        discount: gamma.
        networks: B.
        memory: whether the policies have one.
    """

    def __init__(self, dataset: OfflineDataset, seed: int, discount: float, networks: int, *, memory: bool = False) -> None:
        dataset = _at_most(dataset, _REMEMBERED, np.random.default_rng(seed)) if memory else dataset
        self.dataset, self.discount, self.memory = dataset, discount, memory
        self.data = TrainingData.build(dataset, share=False)
        self.middle, self.spread = spread_of(self.data.rewards, self.data.endings > 0)
        self.generator = torch.Generator().manual_seed(seed)
        draws = torch.randint(dataset.n_episodes, (networks, dataset.n_episodes), generator=self.generator)
        self.copies = torch.stack([torch.bincount(row, minlength=dataset.n_episodes) for row in draws])
        usable = torch.from_numpy(dataset.usable.copy())
        self.weights = self.copies[:, torch.from_numpy(dataset.episode.copy())[usable]].float()
        size = self.data.states.shape[-1] + sum(dataset.n_actions)
        self.net = StackedMLP(size, _HIDDEN, 1, last_scale=0.1)
        self.parameters = self.net.initial(networks, self.generator)
        self.target, self.adam, self.fitted = self.parameters.clone(), Adam(self.parameters), False

    @property
    def method(self) -> str:
        """As ``OfflineScores``."""
        along = f", along {self.dataset.n_episodes} recorded episodes' histories" if self.memory else ""
        return f"fitted Q evaluation by an ensemble on bootstrapped episodes{along}, mean - std"

    @property
    def caveat(self) -> str:
        """As ``OfflineScores``: histories are the data's, whoever is scored."""
        if not self.memory:
            return ""
        return (
            "policies with a memory are scored at recorded histories, so that a score does not see what comes of a slip, "
            "nor agents who remember different things: play some episodes before you rely on them (docs/trust.md)"
        )

    @property
    def comparable(self) -> bool:
        """As ``OfflineScores``: not where a time limit cuts the data's returns short of the values."""
        return not bool(self.dataset.truncated.any())

    @property
    def slack(self) -> float:
        """As ``OfflineScores``."""
        pay = self.dataset.rewards.astype(np.float64) * self.discount**self.dataset.time
        return 0.01 * float(np.sqrt(np.mean(np.add.reduceat(pay, self.dataset.starts) ** 2)))

    def state(self) -> dict[str, Tensor]:
        """As ``OfflineScores``: networks, optimiser and generator."""
        own = {"parameters": self.parameters, "target": self.target, "fitted": torch.tensor(self.fitted)}
        moments = {f"adam.{name}": tensor for name, tensor in self.adam.state.items()}
        return {**own, **moments, "generator": self.generator.get_state()}

    def restore(self, state: dict[str, Tensor]) -> None:
        """As ``OfflineScores``."""
        for name, tensor in {"parameters": self.parameters, "target": self.target}.items():
            tensor.copy_(state[name])
        for name, tensor in self.adam.state.items():
            tensor.copy_(state[f"adam.{name}"])
        self.fitted = bool(state["fitted"])
        self.generator.set_state(state["generator"])

    @property
    def episode_weights(self) -> FloatArray:
        """As ``OfflineScores``."""
        return self.copies.double().numpy()

    @property
    def horizon(self) -> int | None:
        """As ``OfflineScores``: values go on."""
        return None

    @property
    def data_return(self) -> Estimate:
        """The mean discounted return of the same episodes."""
        pay = self.dataset.rewards.astype(np.float64) * self.discount**self.dataset.time
        return Estimate(self.copies.double().numpy() @ np.add.reduceat(pay, self.dataset.starts) / self.dataset.n_episodes)

    def estimate(self, policies: Policies) -> Estimate:
        """One value per network."""
        chances = self._chances(policies)
        for _ in range(_LATER if self.fitted else _FIRST):
            self._step(chances)
        self.fitted = True
        starts = self.data.starts.repeat(16)
        with torch.no_grad():
            values = self.net(self.parameters, self._inputs(starts, self._drawn(chances, starts)))[..., 0]
        each = values.view(len(values), 16, -1).mean(1)
        mean = (each * self.copies).sum(1).double() / self.dataset.n_episodes
        return Estimate(mean.numpy() * self.spread + self.middle / (1 - self.discount))

    @torch.no_grad()
    def _chances(self, policies: Policies) -> Tensor:
        """pi_i at every frame, the absorbing one last, ``(U, N, A)``."""
        own = chances_along(policies, self.dataset) if self.memory else chances_at_frames(policies, self.dataset)
        return torch.cat([own, torch.full_like(own[:1], 1.0 / own.shape[-1])])

    def _drawn(self, chances: Tensor, frames: Tensor) -> Tensor:
        """Joint actions ``(B, N)`` of the policies."""
        upto = chances[frames].cumsum(-1)
        uniform = torch.rand(upto.shape[:-1], generator=self.generator)[..., None] * upto[..., -1:]
        drawn = (upto <= uniform).sum(-1)
        return torch.minimum(drawn, torch.tensor(self.dataset.n_actions) - 1)

    def _inputs(self, frames: Tensor, actions: Tensor) -> Tensor:
        parts = [indicators(actions[:, i], k) for i, k in enumerate(self.dataset.n_actions)]
        return torch.cat([self.data.states[frames], *parts], dim=1)

    def _step(self, chances: Tensor) -> None:
        """One gradient step of all networks, on one minibatch that each weighs by its own sample."""
        data = self.data
        steps = torch.randint(data.n_steps, (_BATCH,), generator=self.generator)
        after, reward = data.after[steps], (data.rewards[steps] - self.middle) / self.spread
        with torch.no_grad():
            later = self.net(self.target, self._inputs(after, self._drawn(chances, after)))[..., 0]
            wanted = reward + self.discount * torch.where(data.terminated[steps], 0.0, later)
        parameters = self.parameters.detach().requires_grad_()
        found = self.net(parameters, self._inputs(data.here[steps], data.actions[steps]))[..., 0]
        loss = (self.weights[:, steps] * (found - wanted).square()).mean(1).sum()
        (gradient,) = torch.autograd.grad(loss, parameters)
        self.adam.step(gradient, _RATE)
        self.target.lerp_(self.parameters, _FOLLOW)


def _at_most(dataset: OfflineDataset, steps: int, generator: np.random.Generator) -> OfflineDataset:
    """Whole episodes in random order until there are so many steps, at least one episode."""
    order = generator.permutation(dataset.n_episodes)
    count = max(1, int((np.cumsum(dataset.lengths[order]) <= steps).sum()))
    return dataset if count == dataset.n_episodes else of_episodes(dataset, order[:count])
