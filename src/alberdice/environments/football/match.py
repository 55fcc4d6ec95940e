"""A scenario of Google Research Football as a PettingZoo environment (Parallel API), which repeats bit for bit.

    observation   115 numbers per agent, see ``features``; ``state()`` is the global state
    actions       19, gfootball's default set, all of them available always: see ``ACTIONS``
    reward        the same for all: 1 for a goal, -1 for one conceded, otherwise 0
    terminated    the scenario ends: a goal of either side, the ball out of play, or (not in corner) the ball lost
    truncated     the clock ends, at step 401; a step can do both
    infos         at the end: 'success', whether the team has scored; 'conceded'; 'goals' of the team

An episode is a function of its seed and of the actions, whatever the engine has played before.  This module needs PettingZoo
and Gymnasium, and gfootball only once a match is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from pettingzoo import ParallelEnv

from alberdice.environments.football import features
from alberdice.environments.football.engine import Engine
from alberdice.environments.football.scenarios import STEPS, scenario_of
from alberdice.errors import InvalidArgumentError

__all__ = ["ACTIONS", "FootballMatch"]

ACTIONS = (
    *("idle", "left", "top_left", "top", "top_right", "right", "bottom_right", "bottom", "bottom_left"),
    *("long_pass", "high_pass", "short_pass", "shot", "sprint", "release_direction", "release_sprint"),
    *("sliding", "dribble", "release_dribble"),
)
"""Their names, by number."""

Observations = dict[str, NDArray[np.float32]]
Infos = dict[str, dict[str, Any]]


class FootballMatch(ParallelEnv):  # type: ignore[misc]
    """See the module.

    Args:
        name: of the scenario: rps, 3v1, ca-hard or corner.

    Attributes:
        max_steps: after which the clock ends an episode.

    Agents are called by their places in the roster, 'player_1' and so on.

    Raises:
        InvalidArgumentError: no such scenario, an action that is none or that is missing, a step outside an episode.
        ResourceError: gfootball is missing or broken.
    """

    max_steps = STEPS

    def __init__(self, name: str) -> None:
        self.scenario = scenario_of(name)
        self.metadata: dict[str, Any] = {"name": f"football-{name}", "render_modes": []}
        self.render_mode = None
        self.possible_agents = list(self.scenario.agents)
        self.agents: list[str] = []
        box = spaces.Box(-np.inf, np.inf, (features.N_FEATURES,), np.float32)
        self._spaces = {agent: (box, spaces.Discrete(len(ACTIONS))) for agent in self.possible_agents}
        self._generator: np.random.Generator | None = None
        self._engine = Engine(self.scenario)

    def observation_space(self, agent: str) -> spaces.Box:
        """Return the space of 115 numbers; no bounds are known."""
        return self._spaces[agent][0]

    def action_space(self, agent: str) -> spaces.Discrete:
        """Return the space of the 19 actions."""
        return self._spaces[agent][1]

    def state(self) -> NDArray[np.float32]:
        """Return the global state, see ``features``."""
        if not self._engine.seen:
            raise InvalidArgumentError("state", got="an environment not yet started", expected="a call of reset first")
        return features.state(self._engine.seen)

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Observations, Infos]:
        """Begin an episode; without a seed, one is drawn that the last given one decides (at first fresh entropy)."""
        if seed is not None and not 0 <= seed < 1 << 31:
            raise InvalidArgumentError("seed", got=seed, expected="a whole number in [0, 2^31)")
        if seed is not None or self._generator is None:
            self._generator = np.random.default_rng(seed)
        self._engine.reset(int(self._generator.integers(1 << 31)) if seed is None else int(seed))
        self.agents = list(self.possible_agents)
        self._referee = _Referee(self._engine.rules())
        return self._observations(), {agent: {} for agent in self.agents}

    def step(
        self, actions: Mapping[str, int]
    ) -> tuple[Observations, dict[str, float], dict[str, bool], dict[str, bool], Infos]:
        """Play one joint action: observations, rewards, terminations, truncations and infos by agent."""
        if not self.agents:
            raise InvalidArgumentError("step", got="no episode under way", expected="a call of reset first")
        playing = self.agents
        reward = self._engine.step(np.array([self._action(actions, agent) for agent in playing]))
        last = self._engine.seen[0]
        ended = self._referee.ends(last)
        truncated = self._engine.over and last["steps_left"] <= 0
        terminated = self._engine.over and (ended or not truncated)
        told: dict[str, Any] = {}
        if self._engine.over:
            self.agents = []
            goals, conceded = (int(each) for each in last["score"])
            told = {"success": float(goals > 0), "conceded": float(conceded > 0), "goals": float(goals)}
        return (
            self._observations(),
            dict.fromkeys(playing, reward),
            dict.fromkeys(playing, bool(terminated)),
            dict.fromkeys(playing, bool(truncated)),
            {agent: dict(told) for agent in playing},
        )

    def _action(self, actions: Mapping[str, int], agent: str) -> int:
        action, expected = actions.get(agent), f"a whole number from 0 to {len(ACTIONS) - 1}"
        if not isinstance(action, int | np.integer) or not 0 <= action < len(ACTIONS):
            raise InvalidArgumentError(f"action of {agent}", got=repr(action), expected=expected)
        return int(action)

    def _observations(self) -> Observations:
        return {agent: features.features(raw) for agent, raw in zip(self.possible_agents, self._engine.seen, strict=True)}

    def close(self) -> None:
        """Give the engine back; may be called again."""
        self.agents = []
        self._engine.close()


class _Referee:
    """Whether the scenario itself ends an episode; needed where the clock does so at the same step."""

    def __init__(self, rules: Mapping[str, bool]) -> None:
        self._rules, self._mode, self._owner = rules, -1, -1

    def ends(self, raw: Mapping[str, Any]) -> bool:
        """Told of every step in turn."""
        mode, owner = int(raw["game_mode"]), int(raw["ball_owned_team"])
        scored = self._rules["score"] and max(raw["score"]) > 0
        out = self._rules["out_of_play"] and mode != 0 and self._mode == 0
        lost = self._rules["possession_change"] and owner != -1 and self._owner != -1 and owner != self._owner
        self._mode, self._owner = mode, owner if owner != -1 else self._owner
        return bool(scored or out or lost)
