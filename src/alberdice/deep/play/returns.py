"""Returns of policies: sampled episodes, side by side, and the exact expectation where the model is known.

    a return     the plain sum of the team's rewards over an episode; the team's reward is made of the agents' by the
                 environment's rule, which the result names
    sampled      mean and standard error over E episodes, and the same of every number that episodes report at their end
    exact        in a game, of policies without a memory: p_0 propagated over the horizon

How many episodes where nobody says: an evaluation comes after every U updates and is to cost about a tenth of them.  An update
costs as many agents as there are, and so does a step of play, so that N falls out:

    E = c U / H, at least 10 and at most 1,000,    H: the horizon, or the data's longest episode where none is known

with c = 80 where all slots are played by array operations and c = 4 where each is an environment of its own
(``benchmarks/evaluation.py`` measures both).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from alberdice._checks import FloatArray
from alberdice.deep.play.episodes import Episodes, play_episodes
from alberdice.deep.play.tables import policy_of_game
from alberdice.deep.policies import Policies
from alberdice.environments import BatchedEnvironment, Environment, EnvironmentSpec
from alberdice.environments.games import GameEnvironment
from alberdice.games.game import Game

__all__ = ["Evaluation", "Reported", "default_episodes", "evaluate", "mean_and_error"]

_SHARE = {True: 80, False: 4}
_FEWEST, _MOST = 10, 1000


@dataclass(frozen=True)
class Reported:
    """What episodes reported under one name.

    Attributes:
        mean, stderr: over the episodes that reported it.
        episodes: how many did.
    """

    mean: float
    stderr: float
    episodes: int


@dataclass(frozen=True)
class Evaluation:
    """What one set of episodes came to.

    Attributes:
        return_mean, return_stderr: over the sampled episodes.
        episodes: how many.
        return_exact: the expectation itself, NaN where there is no model.
        environment: where, with its arguments.
        team_reward: the rule that made the team's reward.
        play: 'sample', 'sharp' or 'greedy'.
        terminated, truncated: how many episodes ended so; both can hold.
        length_mean: steps per episode.
        metrics: what episodes reported at their end.
    """

    return_mean: float
    return_stderr: float
    episodes: int
    return_exact: float = math.nan
    environment: str = ""
    team_reward: str = ""
    play: str = "sample"
    terminated: int = 0
    truncated: int = 0
    length_mean: float = math.nan
    metrics: Mapping[str, Reported] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = {n: m if isinstance(m, Reported) else Reported(**m) for n, m in self.metrics.items()}
        object.__setattr__(self, "metrics", known)

    def numbers(self) -> dict[str, Any]:
        """All numbers side by side, for a table's row: those of a metric as ``NAME_mean``, ``NAME_stderr``."""
        names = ("return_mean", "return_stderr", "episodes", "return_exact", "terminated", "truncated", "length_mean")
        own = {name: getattr(self, name) for name in names}
        means = {f"{name}_mean": found.mean for name, found in self.metrics.items()}
        return {**own, **means, **{f"{name}_stderr": found.stderr for name, found in self.metrics.items()}}

    def summary(self) -> dict[str, Any]:
        """All of it, flat."""
        words = {name: getattr(self, name) for name in ("environment", "team_reward", "play")}
        return {**self.numbers(), **words}


def default_episodes(spec: EnvironmentSpec, every: int, longest: int) -> int:
    """How many episodes an evaluation plays where nobody says; see the module.

    Args:
        spec: of the environment.
        every: U, updates between evaluations.
        longest: steps of the data's longest episode.
    """
    return int(np.clip(round(_SHARE[spec.vectorised] * every / (spec.horizon or longest)), _FEWEST, _MOST))


def evaluate(
    policies: Policies,
    environment: BatchedEnvironment | Environment | Game,
    episodes: int,
    seed: int = 0,
    *,
    play: str = "sample",
    slots: int | None = None,
    workers: int = 0,
) -> Evaluation:
    """Play so many episodes and sum them up.

    Args:
        policies: who plays.
        environment: where; one that is open stays open, any other is opened and closed.
        episodes: how many.
        seed: decides all of them.
        play: actions are drawn from the policies ('sample'), drawn sharply, or the most probable ones ('greedy').
        slots: how many are played side by side; None: as suits the environment.
        workers: processes among which they are divided, where the environment is opened here; 0: this one.

    Raises:
        InvalidArgumentError: an environment that does not fit the policies, or that fails.
        ResourceError: a worker that died.
    """
    if isinstance(environment, Game | Environment):
        opened = GameEnvironment(environment) if isinstance(environment, Game) else environment.open(workers=workers)
        with opened:
            return evaluate(policies, opened, episodes, seed, play=play, slots=slots)
    played = play_episodes(policies, environment, episodes, seed, play=play, slots=slots)
    exact = math.nan
    if isinstance(environment, GameEnvironment) and not policies.has_memory:
        exact = environment.exact_return(policy_of_game(policies, environment.game, play))
    return _summed_up(played, environment.spec, play, exact)


def _summed_up(played: Episodes, spec: EnvironmentSpec, play: str, exact: float) -> Evaluation:
    mean, error = mean_and_error(played.returns)
    return Evaluation(
        return_mean=mean,
        return_stderr=error,
        episodes=len(played.returns),
        return_exact=exact,
        environment=spec.name,
        team_reward=spec.team_reward,
        play=play,
        terminated=int(played.terminated.sum()),
        truncated=int(played.truncated.sum()),
        length_mean=float(played.lengths.mean()),
        metrics={name: _reported(values) for name, values in played.metrics.items()},
    )


def _reported(values: FloatArray) -> Reported:
    known = values[~np.isnan(values)]
    mean, error = mean_and_error(known)
    return Reported(mean, error, len(known))


def mean_and_error(values: FloatArray) -> tuple[float, float]:
    """Mean and standard error, NaN where there are too few."""
    if not len(values):
        return math.nan, math.nan
    return float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.nan
