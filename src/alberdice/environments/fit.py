"""Whether data and an environment belong together, and whether an environment is one: before any work is done.

options_for(header)       how the environment must be read: the data's agents by name, the data's rule of the team's reward
check_fit(spec, data)     agents, actions and features are the data's; gives what is not certain, a sentence each
check_environment(env)    a reset, some steps of random available actions and a second reset give what the contract says
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from alberdice.environments.contract import BatchedEnvironment, EnvironmentSpec, Frame, PlayOptions, Step
from alberdice.environments.registry import Environment
from alberdice.errors import InvalidArgumentError

__all__ = ["Data", "check_environment", "check_fit", "check_frame", "open_for", "options_for"]


class Data(Protocol):
    """What of a dataset matters here."""

    @property
    def header(self) -> Any:
        """``environment`` and its options, ``agents``, ``team_reward`` and ``episode_limit``."""

    @property
    def n_actions(self) -> tuple[int, ...]:
        """Per agent."""

    @property
    def observation_size(self) -> int:
        """Features of an observation."""


def options_for(header: Any, options: PlayOptions | None = None, environment: str = "") -> PlayOptions:
    """Options under which the environment's agents and reward are the data's; those given are kept.

    The rule 'common', one reward for all, is the mean of equal rewards.  An environment of the name that the data were recorded
    in is read as it was then.
    """
    options = options or PlayOptions()
    if environment and environment == header.environment:
        options = options.over(PlayOptions.of(**header.environment_options))
    agents = options.agents if options.agents is not None else (tuple(header.agents) or None)
    return replace(options, agents=agents, team_reward=_rule(header))


def _rule(header: Any) -> str:
    return "mean" if header.team_reward in ("", "common") else str(header.team_reward)


def check_fit(spec: EnvironmentSpec, data: Data) -> list[str]:
    """Whether policies of these data can play there; what remains uncertain, in a sentence each.

    Raises:
        InvalidArgumentError: agents, actions, features or the rule of the team's reward differ.
    """
    where = f"environment {spec.name!r}"
    if spec.n_agents != len(data.n_actions):
        got, expected = f"{spec.n_agents} agents, {', '.join(spec.agents)}", f"{len(data.n_actions)}, as in the data"
        raise InvalidArgumentError(where, got=got, expected=expected, remedy="evaluate where the data come from")
    names = tuple(data.header.agents)
    if names and names != spec.agents:
        expected = f"the data's agents, {', '.join(names)}"
        remedy = "say which is which: --agents DATA=ENVIRONMENT ..., or a mapping in PlayOptions"
        raise InvalidArgumentError(f"{where}, agents", got=", ".join(spec.agents), expected=expected, remedy=remedy)
    for agent, own, known in zip(spec.agents, spec.n_actions, data.n_actions, strict=True):
        if own != known:
            remedy = "evaluate where the data come from, with the same actions"
            raise InvalidArgumentError(
                f"{where}, {agent}", got=f"{own} actions", expected=f"{known}, as in the data", remedy=remedy
            )
    if spec.observation_size != data.observation_size:
        remedy = "evaluate where the data come from, with observations made the same way"
        got, expected = f"{spec.observation_size} features", f"{data.observation_size}, as in the data"
        raise InvalidArgumentError(f"{where}, observations", got=got, expected=expected, remedy=remedy)
    if spec.team_reward != _rule(data.header) and {spec.team_reward, _rule(data.header)} != {"common", "mean"}:
        got, expected = f"the rule {spec.team_reward!r}", f"{_rule(data.header)!r}, as in the data"
        raise InvalidArgumentError(f"{where}, team_reward", got=got, expected=expected)
    return _uncertain(spec, data)


def _uncertain(spec: EnvironmentSpec, data: Data) -> list[str]:
    found = []
    if not data.header.agents and spec.n_agents > 1:
        found.append(f"the data do not name their agents: taken to be {', '.join(spec.agents)}, in this order")
    limit = data.header.episode_limit
    if limit is not None and spec.horizon is not None and limit != spec.horizon:
        found.append(f"episodes last at most {spec.horizon} steps here, {limit} in the data")
    return found


def open_for(
    environment: Environment, data: Data, options: PlayOptions | None = None, *, workers: int = 0
) -> tuple[BatchedEnvironment, list[str]]:
    """The environment, read as the data ask and found to fit them; and what is not certain, in a sentence each.

    Raises:
        InvalidArgumentError: whatever does not fit, or is no environment; nothing stays open then.
        ResourceError: a worker that died.
    """
    opened = environment.open(options_for(data.header, options, environment.name), workers=workers)
    try:
        return opened, [*check_fit(opened.spec, data), *check_environment(opened)]
    except BaseException:
        opened.close()
        raise


def check_environment(environment: BatchedEnvironment, *, slots: int = 2, steps: int = 25, seed: int = 0) -> list[str]:
    """Play random available actions for some steps, and check everything that comes back.

    Returns:
        What does not keep the contract's promises but can be played, in a sentence each.

    Raises:
        InvalidArgumentError: shapes, types, numbers or masks that are not the contract's, or the environment's own error.
    """
    draw, spec = np.random.default_rng(seed), environment.spec
    seeds = draw.integers(1 << 31, size=slots)
    first = environment.reset(seeds)
    check_frame(spec, first, slots)
    frame, ended = first, np.zeros(slots, np.bool_)
    for _ in range(steps):
        chance = draw.random(frame.masks.shape)
        step = environment.step(np.where(frame.masks, chance, -1.0).argmax(axis=-1))
        _check_step(spec, step, slots, ended)
        frame, ended = step.frame, step.ended
        if ended.all():
            break
    again = environment.reset(seeds)
    check_frame(spec, again, slots)
    same = all(np.array_equal(getattr(first, part), getattr(again, part)) for part in ("observations", "masks", "state"))
    return [] if same else ["reset(seed) does not decide how an episode begins: results will not be reproducible"]


def check_frame(spec: EnvironmentSpec, frame: Frame, slots: int) -> None:
    """Whether a frame is one of the spec's.

    Raises:
        InvalidArgumentError: a shape, type, number or mask that is not the contract's.
    """
    n, most = spec.n_agents, max(spec.n_actions)
    _check_array(spec, "observations", frame.observations, (slots, n, spec.observation_size), np.float32)
    _check_array(spec, "masks", frame.masks, (slots, n, most), np.bool_)
    _check_array(spec, "state", frame.state, (slots, spec.state_size), np.float32)
    _check_array(spec, "alive", frame.alive, (slots, n), np.bool_)
    beyond = np.arange(most) >= np.array(spec.n_actions)[:, None]
    if not frame.masks.any(axis=-1).all() or (frame.masks & beyond).any():
        expected = "at least one available action, and none that the agent has not"
        raise InvalidArgumentError(f"environment {spec.name!r}, masks", got="another mask", expected=expected)


def _check_step(spec: EnvironmentSpec, step: Step, slots: int, before: np.ndarray[Any, Any]) -> None:
    check_frame(spec, step.frame, slots)
    _check_array(spec, "rewards", step.rewards, (slots,), np.float64)
    _check_array(spec, "terminated", step.terminated, (slots,), np.bool_)
    _check_array(spec, "truncated", step.truncated, (slots,), np.bool_)
    where = f"environment {spec.name!r}"
    if (before & ~step.ended).any() or (step.rewards[before] != 0).any():
        raise InvalidArgumentError(f"{where}, step", got="an ended episode that goes on", expected="one that stands still")
    if not isinstance(step.metrics, Mapping) or any(np.shape(v) != (slots,) for v in step.metrics.values()):
        raise InvalidArgumentError(f"{where}, metrics", got="others", expected=f"{slots} numbers by name")


def _check_array(spec: EnvironmentSpec, what: str, got: Any, shape: tuple[int, ...], kind: type) -> None:
    where, expected = f"environment {spec.name!r}, {what}", f"{np.dtype(kind)} of shape {shape}"
    if not isinstance(got, np.ndarray) or got.shape != shape or got.dtype != kind:
        described = f"{got.dtype} of shape {got.shape}" if isinstance(got, np.ndarray) else type(got).__name__
        raise InvalidArgumentError(where, got=described, expected=expected)
    if got.dtype.kind == "f" and not np.isfinite(got).all():
        raise InvalidArgumentError(where, got="NaN or infinity", expected="finite numbers")
