"""How often policies play joint actions that the data never show, exactly on games and as the paper estimates it (Figure 5).

    visits(s, a)     expected number of steps of an evaluation episode (undiscounted, at most ``game.horizon`` of them, those
                     before its end) that play a at s: of policies without a memory exactly, by propagating p_0; of those with
                     one as the mean over sampled episodes
    share(outside)   sum of visits over pairs outside / sum of all visits

Outside the data are, exactly, the pairs (s, a) with n(s, a) = 0; or, estimated, those whose uncertainty is above a threshold
(``RandomPrior``).  A terminal state, where an episode has ended, is never outside: nothing is chosen there any more.

The estimator fits h to a random network f on the data's pairs and takes U(s, a) = ||f(s, a) - h(s, a)||^2, which stays high
where h was not fitted.  The threshold is the 99.9% quantile of U over the data's steps, so that 0.1% of the data are outside,
too.  The paper draws states from the data; here they are those that the policies come to.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alberdice._checks import FloatArray
from alberdice.data import DataDistribution
from alberdice.datasets import OfflineDataset
from alberdice.deep.networks.mlp import Adam, StackedMLP
from alberdice.deep.play.tables import policy_of_game
from alberdice.deep.play.trajectories import trajectories
from alberdice.deep.policies import Policies
from alberdice.evaluation import out_of_data_probability, state_transition
from alberdice.games.game import Game
from alberdice.games.terminal import terminal_states
from alberdice.policy import FactorizedPolicy

__all__ = ["OutOfData", "RandomPrior", "Visits", "expected_visits", "visits"]

#: of the data's own uncertainties, this share is below the threshold (section 5.4)
QUANTILE = 0.999
#: equal pairs may differ by rounding from one batch to another; this much is no difference
_ROUNDING = 1e-6
_RATE = 3e-3

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Visits:
    """Where episodes lead.

    Attributes:
        steps: expected steps of one episode at each state and joint action, ``(S, A1, ..., An)``.
        how: 'exact' or 'sampled', and on what.
        policy: the tables, of policies without a memory.
    """

    steps: FloatArray
    how: str
    policy: FactorizedPolicy | None

    def share(self, outside: Mask) -> float:
        """Share of the steps at pairs outside, 0 if there is no step at all."""
        total = float(self.steps.sum())
        return float(self.steps[outside].sum()) / total if total > 0 else 0.0


def visits(policies: Policies, game: Game, episodes: int, seed: int, play: str = "sample") -> Visits:
    """Expected steps of evaluation episodes; ``episodes`` and ``seed`` matter to policies with a memory only."""
    if not policies.has_memory:
        policy = policy_of_game(policies, game, play)
        return Visits(expected_visits(game, policy), f"exact: p_0 propagated over {game.horizon} steps", policy)
    played, steps = trajectories(policies, game, episodes, seed, play), np.zeros(game.mmdp.reward.shape)
    np.add.at(steps, (played.states[played.going], *played.actions[played.going].T), 1.0 / episodes)
    steps[_terminal(game)] = 0.0
    return Visits(steps, f"sampled: {episodes} episodes", None)


def expected_visits(game: Game, policy: FactorizedPolicy) -> FloatArray:
    """Expected steps at each pair before an episode's end, ``(S, A1, ..., An)``."""
    onward, mass = state_transition(game.mmdp, policy).T.tocsr(), game.mmdp.initial
    total = np.zeros(game.mmdp.n_states)
    for _ in range(game.horizon):
        total += mass
        mass = onward @ mass
    total[_terminal(game)] = 0.0
    return np.asarray(total.reshape(-1, *(1,) * game.mmdp.n_agents) * policy.joint())


def _terminal(game: Game) -> Mask:
    """States in which an episode has ended, ``(S,)``."""
    return np.asarray(terminal_states(game.mmdp))


@dataclass(frozen=True)
class OutOfData:
    """What a dataset shows of a game.

    Attributes:
        game: the game.
        counts: n(s, a), ``(S, A1, ..., An)``.
    """

    game: Game
    counts: FloatArray

    @classmethod
    def of(cls, game: Game | None, dataset: OfflineDataset) -> OutOfData | None:
        """None where there is no exact answer: no game, or data with observations that are not the game's."""
        if game is None or dataset.n_actions != game.mmdp.n_actions:
            return None
        number = {tuple(game.observation(s)): s for s in range(game.mmdp.n_states)}
        rows, inverse = np.unique(dataset.observations[:, 0], axis=0, return_inverse=True)
        states = [number.get(tuple(row)) for row in rows]
        if None in states:
            return None
        counts = np.zeros(game.mmdp.reward.shape)
        np.add.at(counts, (np.array(states)[inverse.reshape(-1)], *dataset.actions.T), 1.0)
        return cls(game, counts)

    @property
    def outside(self) -> Mask:
        """Pairs that the data never show, ``(S, A1, ..., An)``; none at terminal states."""
        outside: Mask = self.counts == 0
        outside[_terminal(self.game)] = False
        return outside

    def measured(self, policies: Policies, episodes: int, seed: int, play: str = "sample") -> dict[str, Any]:
        """``share`` of an episode's steps, its ``discounted`` counterpart (None with a memory), and ``how``."""
        found = visits(policies, self.game, episodes, seed, play)
        return {"share": found.share(self.outside), "discounted": self._discounted(found.policy), "how": found.how}

    def _discounted(self, policy: FactorizedPolicy | None) -> float | None:
        if policy is None:
            return None
        data = DataDistribution(self.counts / self.counts.sum(), ~self.outside)
        return out_of_data_probability(self.game.mmdp, policy, data)


@dataclass(frozen=True)
class RandomPrior:
    """The uncertainty of pairs (s, a), from a random network and another one fitted to it on the data.

    Attributes:
        network: the shape of both.
        prior, predictor: their parameters, ``(1, P)``, float64.
        mean, scale: how states become inputs, ``(S,)``.
        n_actions: per agent.
        threshold: pairs above it are outside the data.
    """

    network: StackedMLP
    prior: Tensor
    predictor: Tensor
    mean: FloatArray
    scale: FloatArray
    n_actions: tuple[int, ...]
    threshold: float = np.inf

    @classmethod
    def fit(
        cls,
        dataset: OfflineDataset,
        *,
        seed: int = 0,
        updates: int = 4000,
        batch_size: int = 256,
        hidden: tuple[int, ...] = (256, 256),
        outputs: int = 8,
    ) -> RandomPrior:
        """Fit to the pairs of a dataset; without states, the agents' observations side by side are the state."""
        source = dataset if dataset.state_size else dataset.with_joint_observation_as_state()
        states = source.states.astype(np.float64)
        spread = states.std(axis=0)
        generator = torch.Generator().manual_seed(seed)
        network = StackedMLP(states.shape[1] + sum(source.n_actions), hidden, outputs)
        prior, predictor = (network.initial(1, generator) for _ in range(2))
        drawn = cls(network, prior, predictor, states.mean(axis=0), np.where(spread > 0, spread, 1.0), source.n_actions)
        inputs = drawn.inputs(states, source.actions)
        _fit(network, prior, predictor, inputs.float(), updates, min(batch_size, len(inputs)), generator)
        fitted = cls(network, prior.double(), predictor.double(), drawn.mean, drawn.scale, source.n_actions)
        threshold = float(np.quantile(fitted.uncertainties(states, source.actions), QUANTILE)) * (1 + _ROUNDING)
        return cls(network, fitted.prior, fitted.predictor, drawn.mean, drawn.scale, source.n_actions, threshold)

    def inputs(self, states: NDArray[Any], actions: NDArray[np.int64]) -> Tensor:
        """Standardised states, then every agent's action as a one-hot code, ``(B, S + sum A_i)``."""
        codes = [np.eye(k)[actions[:, i]] for i, k in enumerate(self.n_actions)]
        return torch.from_numpy(np.concatenate([(states - self.mean) / self.scale, *codes], axis=1))

    @torch.no_grad()
    def uncertainties(self, states: NDArray[Any], actions: NDArray[np.int64]) -> FloatArray:
        """U(s, a), ``(B,)``, for states ``(B, S)`` and joint actions ``(B, N)``."""
        parts = []
        for first in range(0, len(states), 1 << 14):
            part = slice(first, first + (1 << 14))
            inputs = self.inputs(states[part], actions[part])
            parts.append((self.network(self.prior, inputs) - self.network(self.predictor, inputs))[0].square().sum(-1))
        return np.asarray(torch.cat(parts).numpy())

    def of_game(self, game: Game) -> FloatArray:
        """U(s, a) at all pairs of a game whose observations are the data's states, ``(S, A1, ..., An)``."""
        features = np.stack([game.observation(s) for s in range(game.mmdp.n_states)])
        joint = np.array(list(itertools.product(*map(range, self.n_actions))))
        found = self.uncertainties(np.repeat(features, len(joint), axis=0), np.tile(joint, (len(features), 1)))
        return found.reshape(game.mmdp.reward.shape)


def _fit(
    network: StackedMLP, prior: Tensor, predictor: Tensor, inputs: Tensor, updates: int, size: int, generator: torch.Generator
) -> None:
    """Change ``predictor`` until it agrees with ``prior`` on the inputs; the learning rate falls to 0 in a straight line.

    Few distinct inputs are taken all at once, weighed by how often they occur; of many, a minibatch of steps.
    """
    optimiser, batch, weights = Adam(predictor), inputs, torch.full((size,), 1 / size)
    distinct, counts = torch.unique(inputs, dim=0, return_counts=True)
    few = len(distinct) <= size
    if few:
        batch, weights = distinct, counts / len(inputs)
    for done in range(updates):
        if not few:
            batch = inputs[torch.randint(len(inputs), (size,), generator=generator)]
        parameters = predictor.detach().requires_grad_()
        errors = (network(parameters, batch)[0] - network(prior, batch)[0]).square().sum(-1)
        loss = (errors * weights).sum()
        (gradient,) = torch.autograd.grad(loss, parameters)
        optimiser.step(gradient, _RATE * (1 - done / updates))
