"""One episode of a PettingZoo parallel environment at a time, and everything that it may do otherwise than agreed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alberdice.environments.contract import team_weights
from alberdice.environments.features import Actions, Features, actions_of, features_of
from alberdice.errors import InvalidArgumentError

__all__ = ["Slot", "Team", "asked", "known_horizon", "made", "team_of"]

_NEEDED = ("reset", "step", "observation_space", "action_space")
_LIMITS = ("max_cycles", "max_steps", "max_episode_steps", "_max_episode_steps", "episode_limit")
_LONGEST = 160


@dataclass(frozen=True)
class Team:
    """Who plays, in which order, and how their rewards become one.

    Attributes:
        name: the environment's.
        names: agents, as they are called outside.
        own: the same, as the environment calls them.
        actions, features: of each.
        weights: (N,), and their divisor: the team's reward is the sum of weights times the agents' rewards, divided by it.
        flatten: whether images are features.
    """

    name: str
    names: tuple[str, ...]
    own: tuple[str, ...]
    actions: tuple[Actions, ...]
    features: tuple[Features, ...]
    weights: NDArray[np.float64]
    divisor: int
    flatten: bool

    @property
    def width(self) -> int:
        """O."""
        return max(each.size for each in self.features)

    @property
    def choices(self) -> int:
        """A."""
        return max(each.count for each in self.actions)

    @property
    def where(self) -> str:
        """For messages."""
        return f"environment {self.name!r}"


def asked(environment: Any, method: str, where: str, *arguments: Any, **named: Any) -> Any:
    """What a method of somebody else's environment returns; whatever it raises becomes one line."""
    try:
        return getattr(environment, method)(*arguments, **named)
    except (Exception, SystemExit) as error:
        raise InvalidArgumentError(where, got=told(error), expected="no error from the environment's own code") from error


def told(error: BaseException) -> str:
    """An error in one line."""
    text = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(":")
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def made(maker: Callable[[], Any], name: str) -> tuple[Any, str]:
    """An environment, and its name.

    Raises:
        InvalidArgumentError: what is made is no parallel environment, or making it fails.
    """
    where = f"environment {name!r}" if name else "environment"
    if not callable(maker):
        remedy = "name the function that makes it" if all(hasattr(maker, n) for n in _NEEDED) else ""
        expected = "a function that makes a PettingZoo parallel environment"
        raise InvalidArgumentError(where, got=f"{type(maker).__name__}, not a function", expected=expected, remedy=remedy)
    try:
        environment = maker()
    except (Exception, SystemExit) as error:
        raise InvalidArgumentError(where, got=told(error), expected="an environment when it is made") from error
    if hasattr(environment, "agent_iter") or hasattr(environment, "last"):
        remedy = "wrap it: pettingzoo.utils.conversions.aec_to_parallel(environment)"
        got = f"{type(environment).__name__}, where agents take turns"
        raise InvalidArgumentError(where, got=got, expected="a PettingZoo parallel environment", remedy=remedy)
    missing = [each for each in _NEEDED if not callable(getattr(environment, each, None))]
    if missing:
        got = f"{_article(type(environment).__name__)} without {', '.join(missing)}"
        remedy = "a Gymnasium environment has one agent: wrap it in a parallel environment" if len(missing) < 3 else ""
        raise InvalidArgumentError(where, got=got, expected="a PettingZoo parallel environment", remedy=remedy)
    if not name:
        name = str((getattr(environment, "metadata", None) or {}).get("name", type(environment).__name__))
    return environment, name


def _article(name: str) -> str:
    return f"an {name}" if name[:1].lower() in "aeiou" else f"a {name}"


def known_horizon(environment: Any) -> int | None:
    """The episode limit that an environment tells under one of the usual names."""
    inner = getattr(environment, "unwrapped", environment)
    for name in _LIMITS:
        limit = getattr(inner, name, None)
        if isinstance(limit, int | np.integer) and not isinstance(limit, bool) and limit > 0:
            return int(limit)
    return None


def team_of(
    environment: Any, name: str, agents: Sequence[str] | Mapping[str, str] | None, team_reward: str, flatten: bool
) -> Team:
    """Who plays.

    Raises:
        InvalidArgumentError: agents that are not those asked for, spaces that are not understood, a rule that is none.
    """
    where = f"environment {name!r}"
    names, own = _agents_of(environment, where, agents)
    actions, features = [], []
    for agent in own:
        actions.append(
            actions_of(asked(environment, "action_space", f"{where}, action_space({agent!r})", agent), f"{where}, {agent}")
        )
        space = asked(environment, "observation_space", f"{where}, observation_space({agent!r})", agent)
        features.append(features_of(space, f"{where}, {agent}", flatten=flatten))
    return Team(name, names, own, tuple(actions), tuple(features), *team_weights(team_reward, names), flatten)


def _agents_of(
    environment: Any, where: str, agents: Sequence[str] | Mapping[str, str] | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The agents' names outside and inside."""
    listed = getattr(environment, "possible_agents", None)
    if not isinstance(listed, list | tuple) or not listed or len(set(listed)) < len(listed):
        raise InvalidArgumentError(f"{where}, possible_agents", got=repr(listed)[:80], expected="a list of names that differ")
    known = tuple(str(each) for each in listed)
    inside = dict(zip(known, listed, strict=True))
    if agents is None:
        return known, tuple(listed)
    mapping = agents if isinstance(agents, Mapping) else dict(zip(agents, agents, strict=True))
    if set(mapping.values()) != set(known) or len(mapping) != len(known):
        remedy = "say which is which: --agents DATA=ENVIRONMENT ..., or a mapping in PlayOptions"
        expected = f"the agents {', '.join(mapping.values())}"
        raise InvalidArgumentError(f"{where}, agents", got=", ".join(known), expected=expected, remedy=remedy)
    return tuple(mapping), tuple(inside[each] for each in mapping.values())


class Slot:
    """One instance and its present episode.

    Attributes:
        observations: (N, O) float32; masks: (N, A) bool; state: (S,) float32; alive: (N,) bool.
        terminated, truncated: whether and how the episode has ended.
        metrics: what was reported at its end.
    """

    def __init__(self, environment: Any, team: Team, max_steps: int | None, endless: int) -> None:
        self.environment, self.team = environment, team
        self.max_steps, self.endless, self.steps = max_steps, endless, 0
        self.alive = np.zeros(len(team.own), np.bool_)
        self.terminated, self.truncated = True, False
        self.metrics: dict[str, float] = {}
        self.state: NDArray[np.float32] = np.zeros(0, np.float32)
        self._begun = False

    @property
    def ended(self) -> bool:
        """Whether the episode is over."""
        return self.terminated or self.truncated

    @property
    def _where(self) -> str:
        return f"{self.team.where}, {f'step {self.steps}' if self.steps else 'reset'}"

    def _refuse(self, what: str, got: object, expected: str, remedy: str = "") -> InvalidArgumentError:
        return InvalidArgumentError(f"{self._where}, {what}", got=got, expected=expected, remedy=remedy)

    def begin(self, seed: int) -> None:
        """A new episode."""
        self.steps, self.metrics = 0, {}
        answer = asked(self.environment, "reset", self._where, seed=seed)
        if not isinstance(answer, tuple) or len(answer) != 2 or not all(isinstance(each, Mapping) for each in answer):
            raise self._refuse("answer", _kinds(answer), "dictionaries of observations and infos by agent")
        self.alive = self._listed()
        if not self.alive.any():
            raise self._refuse("agents", "none", "those who play")
        self.terminated = self.truncated = False
        self._look(answer[0], answer[1], self.alive)

    def advance(self, actions: NDArray[np.int64]) -> float:
        """Play these actions, and give the team's reward."""
        self.steps += 1
        listed = list(getattr(self.environment, "agents", ()))
        chosen = {
            agent: int(a if alive else 0) + space.first
            for agent, a, alive, space in zip(self.team.own, actions, self.alive, self.team.actions, strict=True)
            if agent in listed
        }
        answer = asked(self.environment, "step", self._where, chosen)
        if not isinstance(answer, tuple) or len(answer) != 5 or not all(isinstance(each, Mapping) for each in answer):
            expected = "dictionaries of observations, rewards, terminations, truncations and infos by agent"
            raise self._refuse("answer", _kinds(answer), expected)
        seen, rewards, terminations, truncations, infos = answer
        gained = self._gained(rewards)
        before = self.alive
        flags = [(bool(terminations.get(a, False)), bool(truncations.get(a, False))) for a in self.team.own]
        self.alive = before & self._listed() & ~np.array([ended or cut for ended, cut in flags])
        over = not self.alive.any()
        if over:
            last = [flag for flag, was in zip(flags, before, strict=True) if was]
            self.truncated = any(cut for _, cut in last)
            self.terminated = all(ended or not cut for ended, cut in last)
        if self.max_steps is not None and self.steps >= self.max_steps and not self.terminated:
            self.truncated, over = True, True
        elif not over and self.steps >= self.endless:
            remedy = "give the number of steps after which to truncate it, max_steps (--max-steps)"
            raise self._refuse("episode", f"no end after {self.steps} steps", "one that ends", remedy)
        self._look(seen, infos, before if over else self.alive, last=over)
        if over:
            self.metrics = _reported(infos)
            self.alive = np.zeros_like(before)
        return gained

    def _listed(self) -> NDArray[np.bool_]:
        """(N,), who is in ``agents``."""
        listed = list(getattr(self.environment, "agents", ()))
        unknown = [agent for agent in listed if agent not in self.team.own]
        if unknown:
            raise self._refuse("agents", f"{unknown[0]!r}", f"some of {', '.join(map(str, self.team.own))}")
        return np.array([agent in listed for agent in self.team.own])

    def _gained(self, rewards: Mapping[Any, Any]) -> float:
        """The team's reward; an agent that left before this step counts 0."""
        total = 0.0
        for agent, weight, alive in zip(self.team.own, self.team.weights, self.alive, strict=True):
            if not alive:
                continue
            if agent not in rewards:
                raise self._refuse(f"reward of {agent}", "none", "a number")
            value = rewards[agent]
            if not isinstance(value, float | int):
                array = np.asarray(value)
                value = array.item() if array.size == 1 and array.dtype.kind in "fiub" else math.nan
            if not math.isfinite(value):
                raise self._refuse(f"reward of {agent}", repr(rewards[agent])[:60], "a finite number")
            total += weight * value
        return total / self.team.divisor

    def _look(self, seen: Mapping[Any, Any], infos: Mapping[Any, Any], who: NDArray[np.bool_], last: bool = False) -> None:
        """Read observations, masks and state of those who are there."""
        team = self.team
        self.observations = np.zeros((len(team.own), team.width), np.float32)
        self.masks = np.zeros((len(team.own), team.choices), np.bool_)
        for i, agent in enumerate(team.own):
            if not who[i] or (last and agent not in seen):
                self.masks[i, 0] = True
                continue
            if agent not in seen:
                raise self._refuse(f"observation of {agent}", "none", "one of every agent that is listed")
            info = infos.get(agent)
            self._read(i, seen[agent], info if isinstance(info, Mapping) else {}, last)
        if not np.isfinite(self.observations).all():
            i = int(np.argmin(np.isfinite(self.observations).all(axis=1)))
            raise self._refuse(f"observation of {team.own[i]}", "NaN or infinity", "finite numbers that float32 holds")
        state = self._state()
        if self._begun and state.shape != self.state.shape:
            raise self._refuse("state()", f"{len(state)} numbers", f"{len(self.state)} as before")
        self.state, self._begun = state, True

    def _read(self, i: int, observation: Any, info: Mapping[Any, Any], last: bool) -> None:
        """One agent's observation and mask."""
        agent, features, count = self.team.own[i], self.team.features[i], self.team.actions[i].count
        mask = info.get("action_mask")
        if isinstance(observation, Mapping) and "observation" in observation:
            mask = observation.get("action_mask", mask)
            observation = observation["observation"]
        try:
            with np.errstate(over="ignore"):
                self.observations[i, : features.size] = features.code(observation)
        except (TypeError, ValueError) as error:
            expected = f"{features.size} feature{'s' * (features.size != 1)}, as the observation space says"
            raise self._refuse(f"observation of {agent}", " ".join(str(error).split())[:120], expected) from None
        if mask is None:
            self.masks[i, :count] = True
            return
        mask = np.asarray(mask)
        if mask.shape != (count,) or mask.dtype.kind not in "fiub":
            raise self._refuse(f"action mask of {agent}", f"{mask.dtype} of shape {mask.shape}", f"{count} zeros and ones")
        self.masks[i, :count] = mask > 0
        if not self.masks[i].any():
            if not last:
                raise self._refuse(f"action mask of {agent}", "no available action", "at least one")
            self.masks[i, 0] = True

    def _state(self) -> NDArray[np.float32]:
        """The global state as a vector, empty where there is none."""
        if self._begun and not len(self.state):
            return self.state
        try:
            state = np.asarray(self.environment.state())
        except (NotImplementedError, AttributeError):
            return np.zeros(0, np.float32)
        except (Exception, SystemExit) as error:
            if isinstance(error, TypeError) and "not callable" in str(error):  # an attribute of that name: turns made parallel
                return np.zeros(0, np.float32)
            raise self._refuse("state()", told(error), "the state, or NotImplementedError where there is none") from error
        if state.dtype.kind not in "fiub":
            return np.zeros(0, np.float32)
        image = state.ndim >= 3 or (state.ndim == 2 and state.dtype == np.uint8)
        return np.zeros(0, np.float32) if image and not self.team.flatten else state.reshape(-1).astype(np.float32)


def _kinds(answer: Any) -> str:
    """An answer's kinds, in words."""
    if not isinstance(answer, tuple):
        return type(answer).__name__
    return f"({', '.join(type(each).__name__ for each in answer)})"


def _reported(infos: Mapping[Any, Any]) -> dict[str, float]:
    """Every number in the infos, averaged over who reports it."""
    found: dict[str, list[float]] = {}
    for info in infos.values():
        if isinstance(info, Mapping):
            for key, value in info.items():
                if isinstance(value, bool | int | float | np.number | np.bool_) and key != "action_mask":
                    found.setdefault(str(key), []).append(float(value))
    return {name: float(np.mean(values)) for name, values in found.items()}
