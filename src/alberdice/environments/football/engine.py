"""gfootball itself: found, started without its own wrappers, and every way in which it fails made one line.

``gfootball.env.create_environment`` does not work with gym 0.26; ``FootballEnv`` does.  What the engine draws is fixed by two
settings: the seed, which is set before every reset, and ``reverse_team_processing``, which gfootball draws once per engine,
so that two engines of one seed differed.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import warnings
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alberdice.environments.football.scenarios import Scenario, copy_for_agents
from alberdice.errors import ResourceError

__all__ = ["HOW", "Engine"]

HOW = "run tools/install_football.sh of alberdice's repository: it builds gfootball 2.10.2, some minutes"
_RULES = ("end_episode_on_score", "end_episode_on_out_of_play", "end_episode_on_possession_change")
_GOOD = "gfootball 2.10.2 as tools/install_football.sh builds it"


@cache
def _gfootball() -> tuple[Any, Any, Any]:
    """Modules ``config``, ``football_env`` and ``scenarios``; what gym prints on import is not passed on."""
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            config, env = (importlib.import_module(f"gfootball.env.{name}") for name in ("config", "football_env"))
            return config, env, importlib.import_module("gfootball.scenarios")
    except (Exception, SystemExit) as problem:
        got = " ".join(f"{type(problem).__name__}: {problem}".split())[:200]
        raise ResourceError("football", got=got, expected="an installed gfootball", remedy=HOW) from None


class Engine:
    """One game of a scenario, by gfootball's raw observations.

    Args:
        scenario: which.

    gfootball's controllers may change players among themselves; here an agent is a place in the roster, whichever has it.

    Attributes:
        seen: per agent, what gfootball tells.
        over: whether gfootball has ended the episode.

    Raises:
        ResourceError: gfootball is missing or broken, or is another one than ours.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario, self.over = scenario, True
        self._label = f"environment 'football-{scenario.name}'"
        config, env, scenarios = _gfootball()
        with self._one_line():
            original = importlib.import_module(f"gfootball.scenarios.{scenario.level}")
            level = copy_for_agents(original, scenarios, scenario.controlled)
            self._config = config.Config(
                {
                    "level": level,
                    "players": [f"agent:left_players={scenario.n_agents}"],
                    "game_engine_random_seed": 0,
                    "reverse_team_processing": False,
                }
            )
            self._game = env.FootballEnv(self._config)
        self.seen: list[dict[str, Any]] = []

    @contextlib.contextmanager
    def _one_line(self) -> Any:
        try:
            yield
        except ResourceError:
            raise
        except (Exception, SystemExit) as problem:
            got = " ".join(f"{type(problem).__name__}: {problem}".split())[:200]
            raise ResourceError(self._label, got=got, expected=_GOOD) from problem

    def reset(self, seed: int) -> None:
        """Begin the episode of a seed, in [0, 2^31)."""
        if self._game is None:
            raise ResourceError(f"{self._label}, reset", got="a closed environment", expected="one that is open")
        with self._one_line():
            self._config["game_engine_random_seed"] = seed
            seen = self._game.reset()
        self.over = False
        self._look(seen)

    def step(self, actions: NDArray[np.int64]) -> float:
        """Play (N,) actions, and give the goals scored less those conceded."""
        given = np.empty(len(actions), np.int64)
        given[self._controllers] = actions
        with self._one_line():
            seen, rewards, self.over, _ = self._game.step(given.tolist())
            reward = float(rewards[0])
        self._look(seen)
        return reward

    def _look(self, seen: list[dict[str, Any]]) -> None:
        """Put controllers in the agents' order; the agents must be who they were."""
        active = [int(raw["active"]) for raw in seen]
        if tuple(sorted(active)) != self.scenario.controlled:
            expected = f"{self.scenario.controlled}, with {_GOOD}"
            raise ResourceError(f"{self._label}, players controlled", got=tuple(active), expected=expected)
        self._controllers = np.argsort(active)
        self.seen = [seen[at] for at in self._controllers]

    def rules(self) -> dict[str, bool]:
        """Which of score, out_of_play and possession_change end an episode."""
        scenario = self._config.ScenarioConfig()
        return {name.removeprefix("end_episode_on_"): bool(getattr(scenario, name)) for name in _RULES}

    def close(self) -> None:
        """Hand the engine back to gfootball, which keeps it for the next game of this process; may be called again."""
        game, self._game = self._game, None
        if game is not None:
            with self._one_line():
                game.close()
