"""What an environment is: B episodes of N agents, played side by side.  NumPy in, NumPy out.

    reset(seeds)   ──► Frame    what the agents see when their episodes begin
    step(actions)  ──► Step     the frame after it, the team's reward, whether the episodes ended, and what they report

B slots hold an episode each; K, at most B, are begun at a time; O is the widest agent's number of features, A the largest
number of actions, S the state's number of features.  A slot's episode is a function of its seed and of its actions alone: never
of the other slots, of B or of the number of worker processes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from alberdice.errors import InvalidArgumentError

__all__ = ["BatchedEnvironment", "EnvironmentSpec", "Frame", "PlayOptions", "Step", "team_weights"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class EnvironmentSpec:
    """What is known of an environment before it is played.

    Attributes:
        name: what people call it.
        agents: the agents' names, in the order of every array's axis N.
        n_actions: (A_1, ..., A_N).
        observation_size: O, the widest agent's; narrower observations are padded with zeros.
        state_size: S; 0: there is no global state.
        horizon: steps after which an episode is truncated at the latest; None: not known.
        team_reward: the rule that makes the team's reward of the agents', 'mean', 'sum' or an agent's name; 'common' where the
            environment has one reward for all.
        metrics: names of what episodes report at their end, where known beforehand.
        observation_sizes: each agent's own number of features; (): O for all.
        vectorised: whether a step of all slots is a few array operations, and costs little more than a step of one.

    Raises:
        InvalidArgumentError: names, actions and sizes that do not belong together.
    """

    name: str
    agents: tuple[str, ...]
    n_actions: tuple[int, ...]
    observation_size: int
    state_size: int = 0
    horizon: int | None = None
    team_reward: str = "mean"
    metrics: tuple[str, ...] = ()
    observation_sizes: tuple[int, ...] = ()
    vectorised: bool = False

    def __post_init__(self) -> None:
        if not self.observation_sizes:
            object.__setattr__(self, "observation_sizes", (self.observation_size,) * len(self.agents))
        sizes = (len(self.agents), len(self.n_actions), len(self.observation_sizes))
        where = f"environment {self.name!r}"
        if not self.agents or len(set(sizes)) > 1:
            got = f"{sizes[0]} agents, {sizes[1]} numbers of actions, {sizes[2]} sizes of observations"
            raise InvalidArgumentError(where, got=got, expected="as many of each, at least one")
        if len(set(self.agents)) < len(self.agents):
            raise InvalidArgumentError(where, got=f"agents {list(self.agents)}", expected="names that differ")
        if min(self.n_actions) < 1 or self.observation_size != max(self.observation_sizes):
            got = f"actions {self.n_actions}, observation size {self.observation_size} of {self.observation_sizes}"
            raise InvalidArgumentError(where, got=got, expected="at least one action each, and the largest of the sizes")

    @property
    def n_agents(self) -> int:
        """N."""
        return len(self.agents)


@dataclass(frozen=True)
class PlayOptions:
    """How a PettingZoo environment is read; games and environments behind the contract decide for themselves.

    Attributes:
        agents: its agents in the order wanted, or a mapping from the names wanted to its own; None: as it lists them.
        team_reward: 'mean', 'sum' or one of the names wanted.
        flatten: take images as features.
        max_steps: steps after which episodes are truncated; None: as the environment does.
    """

    agents: tuple[str, ...] | Mapping[str, str] | None = None
    team_reward: str = "mean"
    flatten: bool = False
    max_steps: int | None = None

    @classmethod
    def of(cls, agents: Sequence[str] = (), flatten: bool = False, max_steps: int = 0, team_reward: str = "mean") -> Self:
        """Options as they are typed and stored: agents by name, or ``WANTED=OWN`` each; 0 steps are no limit.

        Raises:
            InvalidArgumentError: agents of both kinds, or a name twice.
        """
        pairs = [each.partition("=") for each in agents]
        wanted = [name for name, _, _ in pairs]
        if len({sign for _, sign, _ in pairs}) > 1 or len(set(wanted)) < len(wanted):
            expected = "every name once: names in the order wanted, or WANTED=OWN each"
            raise InvalidArgumentError("agents", got=list(agents), expected=expected)
        mapped = {name: own for name, sign, own in pairs if sign}
        return cls(mapped or tuple(wanted) or None, team_reward, flatten, max_steps or None)

    def as_json(self) -> dict[str, Any]:
        """What differs from the defaults, less the rule of the reward, in the types that JSON knows; ``of`` takes it back."""
        given = self.agents or ()
        agents = [f"{k}={v}" for k, v in given.items()] if isinstance(given, Mapping) else list(given)
        found = {"agents": agents, "flatten": self.flatten, "max_steps": self.max_steps}
        return {name: value for name, value in found.items() if value}

    def over(self, others: PlayOptions) -> PlayOptions:
        """These, and where nothing is said of agents, images or steps, the others."""
        return PlayOptions(
            self.agents or others.agents, self.team_reward, self.flatten or others.flatten, self.max_steps or others.max_steps
        )


@dataclass(frozen=True)
class Frame:
    """What the agents see in all slots.

    Attributes:
        observations: (B, N, O) float32; zeros for an agent that left before its episode ended.
        masks: (B, N, A) bool, the actions available; action 0 alone for such an agent.
        state: (B, S) float32.
        alive: (B, N) bool; False for agents that have left, and for all agents of an episode that has ended.
    """

    observations: NDArray[np.float32]
    masks: NDArray[np.bool_]
    state: NDArray[np.float32]
    alive: NDArray[np.bool_]


@dataclass(frozen=True)
class Step:
    """What a joint action led to in all slots.

    Attributes:
        frame: what the agents see now; of an episode that has ended, its last frame.
        rewards: (B,) the team's reward; 0 where the episode had ended before.
        terminated: (B,) bool, whether the process has ended: no value beyond.
        truncated: (B,) bool, whether a time limit has cut the episode; both can hold.
        metrics: per name (B,), in the step that ends an episode; NaN where nothing was reported.
    """

    frame: Frame
    rewards: FloatArray
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    metrics: Mapping[str, FloatArray]

    @property
    def ended(self) -> NDArray[np.bool_]:
        """(B,), whether the slot's episode is over."""
        return self.terminated | self.truncated


class BatchedEnvironment(Protocol):
    """B episodes side by side.  A class that names this one as its base is a context manager that closes itself."""

    spec: EnvironmentSpec

    def reset(self, seeds: NDArray[np.int64], slots: NDArray[np.int64] | None = None) -> Frame:
        """Begin episodes.

        Args:
            seeds: (K,), one per episode, each in [0, 2^31).
            slots: (K,) where they are played; None: in slots 0 to K - 1, and B becomes K.

        Returns:
            The frame of all B slots.
        """

    def step(self, actions: NDArray[np.int64]) -> Step:
        """Play (B, N) actions; ended slots stand still, and actions of agents that are not alive are ignored."""

    def close(self) -> None:
        """Release everything; may be called again."""

    def __enter__(self) -> Self:
        """Give the environment itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close it."""
        self.close()


def team_weights(rule: str, agents: Sequence[str]) -> tuple[FloatArray, int]:
    """Weights (N,) and a divisor: the team's reward is the weighted sum of the agents' rewards, divided.

    Args:
        rule: 'mean', 'sum' or the name of the agent whose reward is the team's; 'common', one reward for all, is the mean.
        agents: the names.

    Raises:
        InvalidArgumentError: a rule that is none.
    """
    if rule in ("common", "mean", "sum"):
        return np.ones(len(agents)), 1 if rule == "sum" else len(agents)
    if rule not in agents:
        raise InvalidArgumentError("team_reward", got=repr(rule), expected=f"mean, sum or one of {', '.join(agents)}")
    return np.array([float(name == rule) for name in agents]), 1
