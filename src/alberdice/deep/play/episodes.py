"""Episodes played side by side: policies are run once per step for all slots, and each episode has a generator of its own.

    episode k of seed s    numpy.random.Generator(PCG64(SeedSequence([s, k]))) gives the environment's seed, an integer below
                           2^31, then N uniform numbers a step, one per agent

so that an episode is the same whichever slots are played beside it, in whichever process; only networks' rounding depends on
the number of slots (about 1e-7 in a probability).  An agent plays the first action whose cumulative probability exceeds its
uniform number.  Episodes are played in rounds of B slots; a slot that has ended stands still until its round is over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from alberdice._checks import FloatArray
from alberdice.deep.play.tables import TableActor
from alberdice.deep.policies import Actor, Policies
from alberdice.deep.policies.acting import chosen, distributions
from alberdice.environments import BatchedEnvironment, EnvironmentSpec, Frame, Step
from alberdice.environments.games import GameEnvironment
from alberdice.errors import InvalidArgumentError

__all__ = ["Episodes", "Watcher", "check_policies", "generator_of", "play_episodes", "slots_for"]

#: slots of environments whose every slot costs the same, and of those that play all by array operations
_SLOTS, _ARRAY_SLOTS = 32, 4096
#: steps for which uniform numbers are drawn at a time
_AHEAD = 64


@dataclass(frozen=True)
class Episodes:
    """What episodes came to, in the order of their numbers.

    Attributes:
        returns: (E,), plain sums of the team's rewards.
        lengths: (E,), steps.
        terminated, truncated: (E,), how they ended.
        metrics: per name (E,), NaN where an episode did not report it.
    """

    returns: FloatArray
    lengths: NDArray[np.int64]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    metrics: Mapping[str, FloatArray]


class Watcher(Protocol):
    """What may look on while episodes are played."""

    def begin(self, numbers: NDArray[np.int64], frame: Frame) -> None:
        """These episodes, one per slot, begin."""

    def step(self, before: Frame, actions: NDArray[np.int64], step: Step, going: NDArray[np.bool_]) -> None:
        """What was seen, done (B, N) and came of it; ``going`` (B,) tells the slots whose episode had not ended."""


def generator_of(seed: int, episode: int) -> np.random.Generator:
    """The generator of one episode."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, episode])))


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
        play: 'sample', or 'greedy' for the most probable actions.
        slots: B, how many are played side by side; None: as suits the environment.
        watcher: told of all that happens.

    Raises:
        InvalidArgumentError: an environment that does not fit, or its own error.
    """
    check_policies(policies, environment.spec)
    together = slots or slots_for(environment.spec, episodes)
    rounds = [np.arange(first, min(first + together, episodes)) for first in range(0, episodes, together)]
    played = [_Round(policies, environment, numbers, seed, play, watcher).played() for numbers in rounds]
    names = dict.fromkeys(name for part in played for name in part.metrics)
    metrics = {n: np.concatenate([p.metrics.get(n, np.full(len(p.returns), np.nan)) for p in played]) for n in names}
    return Episodes(
        returns=np.concatenate([part.returns for part in played]),
        lengths=np.concatenate([part.lengths for part in played]),
        terminated=np.concatenate([part.terminated for part in played]),
        truncated=np.concatenate([part.truncated for part in played]),
        metrics=metrics,
    )


class _Round:
    """Episodes that begin together."""

    def __init__(
        self,
        policies: Policies,
        environment: BatchedEnvironment,
        numbers: NDArray[np.int64],
        seed: int,
        play: str,
        watcher: Watcher | None,
    ) -> None:
        self.policies, self.environment, self.play, self.watcher = policies, environment, play, watcher
        self.numbers, self.device = numbers, policies.features.mean.device
        self.generators = [generator_of(seed, int(k)) for k in numbers]
        self.ahead = np.zeros((len(numbers), _AHEAD, environment.spec.n_agents))
        self.actor: Actor = (
            TableActor(policies, environment)
            if isinstance(environment, GameEnvironment) and not policies.has_memory
            else policies.actor(len(numbers))
        )

    def played(self) -> Episodes:
        """Play them all to their ends."""
        slots = len(self.numbers)
        frame = self.environment.reset(np.array([g.integers(1 << 31) for g in self.generators], np.int64))
        if self.watcher:
            self.watcher.begin(self.numbers, frame)
        returns, lengths, going = np.zeros(slots), np.zeros(slots, np.int64), np.ones(slots, np.bool_)
        metrics: dict[str, FloatArray] = {}
        moment = 0
        while going.any():
            actions = chosen(self._distributions(frame, going), self._uniform(moment, going))
            step = self.environment.step(actions)
            rewards = torch.from_numpy(step.rewards).float()
            self.actor.observe(torch.from_numpy(actions).to(self.device), rewards.to(self.device))
            if self.watcher:
                self.watcher.step(frame, actions, step, going)
            returns += step.rewards
            lengths += going
            for name, values in step.metrics.items():
                now = going & step.ended
                metrics.setdefault(name, np.full(slots, np.nan))[now] = values[now]
            frame, going, moment = step.frame, ~step.ended, moment + 1
        return Episodes(returns, lengths, step.terminated, step.truncated, metrics)

    def _uniform(self, moment: int, going: NDArray[np.bool_]) -> FloatArray:
        """Uniform numbers for one step, (B, N); those of some steps are drawn at a time."""
        place = moment % _AHEAD
        if place == 0:
            for slot in np.flatnonzero(going):
                self.ahead[slot] = self.generators[slot].random(self.ahead.shape[1:])
        return self.ahead[:, place]

    def _distributions(self, frame: Frame, going: NDArray[np.bool_]) -> FloatArray:
        """Probabilities (B, N, A); policies without a memory are asked about the slots that go on only."""
        some = not (self.policies.has_memory or isinstance(self.actor, TableActor) or going.all())
        seen, masks = (x[going] if some else x for x in (frame.observations, frame.masks))
        tensors = (torch.from_numpy(np.array(x)).to(self.device) for x in (seen, masks))
        tables = distributions(self.actor.log_probabilities(*tensors), self.play)
        if not some:
            return tables
        whole = np.zeros(frame.masks.shape)
        whole[..., 0], whole[going] = 1.0, tables
        return whole
