"""Any MMDP as a PettingZoo environment (Parallel API): it samples the exact model, so there is no second set of rules.

    s_0 ~ p_0,    s_{t+1} ~ P(. | s_t, a_t),    every agent receives r(s_t, a_t) and sees the whole state

An episode terminates on entering a state that repeats for ever with reward 0 whatever the agents do: nothing is left to
gain or lose there, so stopping changes no return. A model with a single state never terminates. An episode that has
lasted ``max_steps`` steps is truncated; a step may do both.

All randomness comes from a generator of the environment's own, seeded by ``reset(seed)``. This module needs PettingZoo
and Gymnasium (``pip install alberdice[games]``); the rest of ``alberdice.games`` does not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import ArrayLike, NDArray
from pettingzoo import ParallelEnv

from alberdice import _checks
from alberdice.errors import InvalidArgumentError
from alberdice.games.terminal import terminal_states
from alberdice.mmdp import MMDP

__all__ = ["MMDPEnvironment", "terminal_states"]

Observations = dict[str, NDArray[np.float32]]
Infos = dict[str, dict[str, Any]]


class MMDPEnvironment(ParallelEnv):  # type: ignore[misc]
    """Agents 'agent_1' to 'agent_n' on one MMDP.

    Args:
        model: the MMDP to sample.
        max_steps: steps after which an episode is truncated, at least 1.
        observation: a function of the state index that gives the vector every agent sees; None: the one-hot code.
        describe: a function of the state index that gives its name, for ``render``; None: 'state 3'.
        name: the environment's name.
        available: ``(S, N, A)``, which actions are open where; None: all.
        render_mode: None, or 'ansi': ``render`` gives one line of text.

    Actions are whole numbers, ``0 .. A_i - 1``; ``infos[agent]["action_mask"]`` tells which are open, all of them unless
    ``available`` says otherwise. Observations are float32; ``state()`` is the vector that the agents see, ``state_index`` its
    index.
    ``reset(options={"state": s})`` starts in state ``s`` instead of drawing from p_0; other options are ignored, as
    PettingZoo's own tests ask.

    Raises:
        InvalidArgumentError: an option outside its range, an observation whose length changes, an action that an agent
            does not have or that is missing, a step outside an episode.
    """

    def __init__(
        self,
        model: MMDP,
        *,
        max_steps: int,
        observation: Callable[[int], ArrayLike] | None = None,
        describe: Callable[[int], str] | None = None,
        name: str = "mmdp",
        render_mode: str | None = None,
        available: NDArray[np.bool_] | None = None,
    ) -> None:
        if render_mode not in (None, "ansi"):
            raise InvalidArgumentError("render_mode", got=repr(render_mode), expected="None or 'ansi'")
        self.model = model
        self.max_steps = _checks.whole_number(max_steps, "max_steps", low=1)
        self.render_mode = render_mode
        self._available = available
        self.metadata: dict[str, Any] = {"name": name, "render_modes": ["ansi"]}
        self.possible_agents = [f"agent_{i + 1}" for i in range(model.n_agents)]
        self.agents: list[str] = []
        self._describe = describe
        self._terminal = terminal_states(model)
        self._seen = None if observation is None else _observation_table(observation, model.n_states)
        self._action_spaces = {
            agent: spaces.Discrete(k) for agent, k in zip(self.possible_agents, model.n_actions, strict=True)
        }
        self._observation_spaces = {agent: self._box() for agent in self.possible_agents}
        self._generator: np.random.Generator | None = None
        self._state: int | None = None
        self._steps = 0

    def _box(self) -> spaces.Box:
        if self._seen is None:
            return spaces.Box(0.0, 1.0, (self.model.n_states,), np.float32)
        return spaces.Box(self._seen.min(axis=0), self._seen.max(axis=0), dtype=np.float32)

    def observation_space(self, agent: str) -> spaces.Box:
        """Return the box that holds what ``agent`` sees, with the bounds that occur."""
        return self._observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Discrete:
        """Return the space of the actions of ``agent``."""
        return self._action_spaces[agent]

    @property
    def state_index(self) -> int:
        """The index of the present state of the model."""
        if self._state is None:
            raise InvalidArgumentError("state", got="an environment not yet started", expected="a call of reset first")
        return self._state

    def state(self) -> NDArray[np.float32]:
        """Return the present state as the vector that the agents see."""
        if self._seen is not None:
            return np.array(self._seen[self.state_index])
        code = np.zeros(self.model.n_states, dtype=np.float32)
        code[self.state_index] = 1.0
        return code

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Observations, Infos]:
        """Begin an episode; a seed restarts the generator, without one it goes on (at first from fresh entropy)."""
        if seed is not None or self._generator is None:
            self._generator = np.random.default_rng(seed)
        start = (options or {}).get("state")
        if start is None:
            self._state = self._draw(np.arange(self.model.n_states), self.model.initial)
        else:
            self._state = _checks.whole_number(start, "options['state']", high=self.model.n_states - 1)
        self._steps = 0
        self.agents = list(self.possible_agents)
        return self._observations(), self._infos()

    def step(
        self, actions: Mapping[str, int]
    ) -> tuple[Observations, dict[str, float], dict[str, bool], dict[str, bool], Infos]:
        """Play one joint action: observations, rewards, terminations, truncations and infos by agent."""
        if not self.agents:
            raise InvalidArgumentError("step", got="no episode under way", expected="a call of reset first")
        joint = self._joint_action(actions)
        reward = float(self.model.reward[(self.state_index, *joint)])
        row = self.state_index * self.model.n_joint_actions + int(np.ravel_multi_index(joint, self.model.n_actions))
        part = slice(self.model.transition.indptr[row], self.model.transition.indptr[row + 1])
        self._state = self._draw(self.model.transition.indices[part], self.model.transition.data[part])
        self._steps += 1
        terminated, truncated = bool(self._terminal[self._state]), self._steps >= self.max_steps
        results = (
            self._observations(),
            dict.fromkeys(self.agents, reward),
            dict.fromkeys(self.agents, terminated),
            dict.fromkeys(self.agents, truncated),
            self._infos(),
        )
        if terminated or truncated:
            self.agents = []
        return results

    def render(self) -> str | None:
        """Return one line on where the episode stands with ``render_mode='ansi'``, otherwise None."""
        if self.render_mode is None:
            return None
        name = f"state {self.state_index}" if self._describe is None else self._describe(self.state_index)
        return f"step {self._steps}: {name}"

    def close(self) -> None:
        """Release nothing: there is nothing to release."""

    def _joint_action(self, actions: Mapping[str, int]) -> tuple[int, ...]:
        if set(actions) != set(self.agents):
            raise InvalidArgumentError("actions", got=f"those of {list(actions)}", expected=f"one of each of {self.agents}")
        sizes = zip(self.agents, self.model.n_actions, strict=True)
        return tuple(_checks.whole_number(actions[agent], f"actions[{agent!r}]", high=k - 1) for agent, k in sizes)

    def _draw(self, outcomes: NDArray[Any], chances: NDArray[np.float64]) -> int:
        """Draw one of the outcomes; those of chance 0 never come up."""
        assert self._generator is not None
        upto = np.cumsum(chances)
        return int(outcomes[np.searchsorted(upto, self._generator.random() * upto[-1], side="right")])

    def _observations(self) -> Observations:
        return {agent: self.state() for agent in self.agents}

    def _infos(self) -> Infos:
        sizes = zip(self.agents, self.model.n_actions, strict=True)
        if self._available is None:
            return {agent: {"action_mask": np.ones(k, dtype=np.int8)} for agent, k in sizes}
        here = self._available[self.state_index]
        return {agent: {"action_mask": here[i, :k].astype(np.int8)} for i, (agent, k) in enumerate(sizes)}


def _observation_table(observation: Callable[[int], ArrayLike], n_states: int) -> NDArray[np.float32]:
    """Tabulate all states' observations, shape ``(S, k)``."""
    rows = [_checks.real_array(observation(s), f"observation({s})", InvalidArgumentError) for s in range(n_states)]
    for s, row in enumerate(rows):
        if row.ndim != 1 or row.shape != rows[0].shape:
            expected = f"a vector, shape {rows[0].shape}" if rows[0].ndim == 1 else "a vector"
            raise InvalidArgumentError(f"observation({s})", got=f"shape {row.shape}", expected=expected)
    return np.stack(rows).astype(np.float32)
