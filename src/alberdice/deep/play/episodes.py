"""Episodes played by policies: they are run once per step for all slots, see ``environments.play`` for the loop.

Only networks' rounding depends on the number of slots (about 1e-7 in a probability).  An agent plays the first action whose
cumulative probability exceeds its uniform number.  Episodes are played in rounds of B slots.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from alberdice._checks import FloatArray
from alberdice.deep.play.tables import TableActor
from alberdice.deep.policies import Actor, Policies
from alberdice.deep.policies.acting import chosen, distributions
from alberdice.environments import BatchedEnvironment, EnvironmentSpec, Frame
from alberdice.environments.games import GameEnvironment
from alberdice.environments.play import Episodes, Watcher
from alberdice.environments.play import play as _play
from alberdice.errors import InvalidArgumentError

__all__ = ["Episodes", "PolicyPlayer", "check_policies", "play_episodes", "player_of", "slots_for"]

#: slots of environments whose every slot costs the same, and of those that play all by array operations
_SLOTS, _ARRAY_SLOTS = 32, 4096


class PolicyPlayer:
    """Policies as a player, each agent on its own, see ``environments.play``.

    Args:
        policies: what was learned.
        actor: theirs, of so many episodes as begin together.
        play: 'sample', 'sharp' or 'greedy', see ``policies.acting``.
    """

    def __init__(self, policies: Policies, actor: Actor, play: str = "sample") -> None:
        self.policies, self.actor, self.play = policies, actor, play
        self.device = policies.features.mean.device
        self.asks_all = policies.has_memory or isinstance(actor, TableActor)

    def act(self, frame: Frame, uniforms: FloatArray) -> NDArray[np.int64]:
        """(B, N) actions: the quantile of each agent's policy at its uniform number."""
        return chosen(self._distributions(frame, np.asarray(frame.alive.any(axis=1))), uniforms)

    def played(self, actions: NDArray[np.int64], rewards: FloatArray) -> None:
        """Remember what was played."""
        gained = torch.from_numpy(rewards).float()
        self.actor.observe(torch.from_numpy(actions).to(self.device), gained.to(self.device))

    def _distributions(self, frame: Frame, going: NDArray[np.bool_]) -> FloatArray:
        """Probabilities (B, N, A); policies without a memory are asked about the slots that go on only."""
        some = not (self.asks_all or going.all())
        seen, masks = (x[going] if some else x for x in (frame.observations, frame.masks))
        tensors = (torch.from_numpy(np.array(x)).to(self.device) for x in (seen, masks))
        tables = distributions(self.actor.log_probabilities(*tensors), self.play)
        if not some:
            return tables
        whole = np.zeros(frame.masks.shape)
        whole[..., 0], whole[going] = 1.0, tables
        return whole


def player_of(policies: Policies, environment: BatchedEnvironment, episodes: int, play: str = "sample") -> PolicyPlayer:
    """The player of so many episodes there; in games, policies without a memory are looked up."""
    if isinstance(environment, GameEnvironment) and not policies.has_memory:
        return PolicyPlayer(policies, TableActor(policies, environment), play)
    return PolicyPlayer(policies, policies.actor(episodes), play)


def slots_for(spec: EnvironmentSpec, episodes: int) -> int:
    """How many slots are played side by side where nobody says."""
    return min(episodes, _ARRAY_SLOTS if spec.vectorised else _SLOTS)


def check_policies(policies: Policies, spec: EnvironmentSpec) -> None:
    """Whether policies can play there.

    Raises:
        InvalidArgumentError: they have other actions or features.
    """
    got, expected = (spec.n_actions, spec.observation_size), (policies.n_actions, policies.features.mean.shape[-1])
    if got != expected:
        words = f"{spec.name} with actions {got[0]} and {got[1]} features"
        raise InvalidArgumentError("environment", got=words, expected=f"actions {expected[0]} and {expected[1]} features")


def play_episodes(
    policies: Policies,
    environment: BatchedEnvironment,
    episodes: int,
    seed: int,
    *,
    play: str = "sample",
    slots: int | None = None,
    watcher: Watcher | None = None,
) -> Episodes:
    """Play episodes 0 .. E - 1 of a seed.

    Args:
        policies: who plays.
        environment: where; it stays open.
        episodes: E.
        seed: at least 0.
        play: 'sample', 'sharp' or 'greedy', see ``policies.acting``.
        slots: B, how many are played side by side; None: as suits the environment.
        watcher: told of all that happens.

    Raises:
        InvalidArgumentError: an environment that does not fit, or its own error.
    """
    check_policies(policies, environment.spec)
    together = slots or slots_for(environment.spec, episodes)
    rounds = [np.arange(first, min(first + together, episodes)) for first in range(0, episodes, together)]
    played = [
        _play(environment, player_of(policies, environment, len(numbers), play), numbers, seed, watcher=watcher)
        for numbers in rounds
    ]
    names = dict.fromkeys(name for part in played for name in part.metrics)
    metrics = {n: np.concatenate([p.metrics.get(n, np.full(len(p.returns), np.nan)) for p in played]) for n in names}
    return Episodes(
        returns=np.concatenate([part.returns for part in played]),
        lengths=np.concatenate([part.lengths for part in played]),
        terminated=np.concatenate([part.terminated for part in played]),
        truncated=np.concatenate([part.truncated for part in played]),
        metrics=metrics,
    )
